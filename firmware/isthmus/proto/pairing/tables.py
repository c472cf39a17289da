"""The transitions of pairing, one row each. What no row allows does not happen: find_row holds that, and nobody else.

An event is a message's type, or one of the words below. Messages out of turn end the pairing; what the administrator
asks for out of turn is refused and changes nothing; of all else nothing comes.
"""

from __future__ import annotations

from isthmus.crypto.dh import DhError
from isthmus.proto.pairing import exchange as both
from isthmus.proto.pairing import inviter, joiner
from isthmus.proto.pairing.errors import (
    BAD_MESSAGE,
    NAME_TAKEN,
    NEWER,
    NOT_NOW,
    OTHER_WORDS,
    OUT_OF_TURN,
    PairingError,
    make,
)
from isthmus.proto.pairing.exchange import (
    AGREED,
    APPROVED,
    ASKING,
    AWAITED,
    BEFORE_KEEPING,
    CALLING,
    DONE,
    GREETED,
    INFORMED,
    KEPT,
    OFFERED,
    OPENED,
    OVER,
    OWNED,
)
from isthmus.proto.pairing.messages import (
    ABORT,
    APPROVE,
    HELLO,
    INFO,
    KEEP,
    NAMES,
    OPEN,
    NewerError,
    pull_message,
)
from isthmus.proto.pairing.values import INVITER, JOINER
from isthmus.wire.buffer import WireError
from isthmus.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.proto.pairing.exchange import Exchange

    Handler = Callable[[Exchange, Any, int], None]

# Events that are no messages, with their argument.
AUTHENTICATED = "authenticated"  # (ike_id, exporter, nat): an IKE SA under the invite's keys is up
DISBELIEVED = "disbelieved"  # the invite's identity was named with a wrong proof
LOST = "lost"  # PairingError or None: the IKE SA has ended, or never came up
YES = "yes"  # (words, name of the tunnel): our administrator approves
NO = "no"  # our administrator cancels
TIMER = "timer"  # the deadline has passed
PROVEN = "proven"  # an IKE_AUTH under the new keys

HASHED = (HELLO, OPEN, INFO)
CALL_ONLY = (NAME_TAKEN, OTHER_WORDS)  # errors that end the administrator's call and not the pairing

BOTH = (INVITER, JOINER)


class Row(Value):
    """One transition. story: the row as a sentence; becomes: the states it may end in."""

    fields = ("story",)

    def __init__(
        self,
        story: str,
        roles: tuple[int, ...],
        states: tuple[str, ...],
        event: int | str,
        handler: Handler,
        becomes: tuple[str, ...],
    ) -> None:
        self.story = story
        self.roles = roles
        self.states = states
        self.event = event
        self.handler = handler
        self.becomes = becomes


# fmt: off
ROWS = (
    Row("somebody proves the invite first: it is theirs",
        (INVITER,), (OFFERED,), AUTHENTICATED, inviter.own, (OWNED,)),
    Row("somebody names the invite and does not prove it; five such close it",
        (INVITER,), (OFFERED,), DISBELIEVED, inviter.count_failure, (OFFERED, OVER)),
    Row("the joiner's key comes: ours is opened",
        (INVITER,), (OWNED,), HELLO, inviter.answer_hello, (OPENED, OVER)),
    Row("the joiner says who it is: we say who we are, with aliases where networks overlap",
        (INVITER,), (OPENED,), INFO, inviter.answer_info, (ASKING, OVER)),
    Row("the joiner approves after us: we keep an unconfirmed entry and say so",
        (INVITER,), (APPROVED,), APPROVE, inviter.hear_second, (KEPT, OVER)),
    Row("we approve after the joiner: we keep an unconfirmed entry and say so",
        (INVITER,), (AWAITED,), YES, inviter.approve_second, (KEPT, AWAITED, OVER)),
    Row("nobody has come in 10 minutes",
        (INVITER,), (OFFERED,), TIMER, inviter.expire, (OVER,)),

    Row("the inviter knows the invite: our key goes first",
        (JOINER,), (CALLING,), AUTHENTICATED, joiner.greet, (GREETED,)),
    Row("the inviter opens its key, which must be the invite's: we say who we are",
        (JOINER,), (GREETED,), OPEN, joiner.check_key, (INFORMED, OVER)),
    Row("the inviter says who it is and offers aliases",
        (JOINER,), (INFORMED,), INFO, joiner.take_info, (ASKING, OVER)),
    Row("the inviter approves after us",
        (JOINER,), (APPROVED,), APPROVE, joiner.hear_second, (AGREED, OVER)),
    Row("we approve after the inviter",
        (JOINER,), (AWAITED,), YES, joiner.approve_second, (AGREED, AWAITED, OVER)),
    Row("the inviter has its entry: we keep ours",
        (JOINER,), (AGREED,), KEEP, joiner.keep, (KEPT, OVER)),
    Row("no endpoint has answered in 10 minutes",
        (JOINER,), (CALLING,), TIMER, joiner.be_unreached, (OVER,)),
    Row("the call has failed",
        (JOINER,), (CALLING,), LOST, both.lose, (OVER,)),

    Row("we approve first",
        BOTH, (ASKING,), YES, both.approve_first, (APPROVED, ASKING, OVER)),
    Row("the peer approves first",
        BOTH, (ASKING,), APPROVE, both.hear_first, (AWAITED, OVER)),
    Row("the peer ends it",
        BOTH, BEFORE_KEEPING + (KEPT,), ABORT, both.receive_abort, (OVER,)),
    Row("our administrator ends it",
        BOTH, (OFFERED, CALLING) + BEFORE_KEEPING + (KEPT,), NO, both.cancel, (OVER,)),
    Row("not both have approved in 10 minutes",
        BOTH, BEFORE_KEEPING, TIMER, both.be_late, (OVER,)),
    Row("the IKE SA ends before there is an entry",
        BOTH, BEFORE_KEEPING, LOST, both.lose, (OVER,)),
    Row("the IKE SA ends and the entry waits for its first IKE_AUTH",
        BOTH, (KEPT,), LOST, both.go_on_alone, (KEPT,)),
    Row("an IKE_AUTH under the new keys proves the entry",
        BOTH, (KEPT,), PROVEN, both.be_proven, (DONE,)),
    Row("no IKE_AUTH under the new keys has come in time: the entry goes",
        BOTH, (KEPT,), TIMER, both.give_up_entry, (OVER,)),
)
# fmt: on


def find_row(role: int, state: str, event: int | str) -> Row | None:
    """The row for this event at this moment; None if it must not come now."""
    for row in ROWS:
        if event == row.event and role in row.roles and state in row.states:
            return row
    return None


def step(exchange: Exchange, event: str, argument: object, now: int) -> None:
    """What happens beside messages. Raises PairingError(NOT_NOW) for a wish of the administrator's that no row allows,
    and whatever approving finds wrong.
    """
    row = find_row(exchange.role, exchange.state, event)
    if row is None:
        if event in (YES, NO):
            raise make(NOT_NOW)
        return
    try:
        _run(exchange, row, argument, now)
    except PairingError as error:
        if error.code not in CALL_ONLY:
            exchange.abort(error, now)
        raise


def receive(exchange: Exchange, data: bytes, now: int) -> None:
    """A message of the peer's. Whatever is wrong with it ends the pairing; nothing is raised."""
    if not exchange.is_live:
        return
    try:
        message = pull_message(data)
        row = find_row(exchange.role, exchange.state, message.type)
        if row is None:
            raise make(OUT_OF_TURN, NAMES[message.type])
        _run(exchange, row, (message, data) if message.type in HASHED else message, now)
    except NewerError as error:
        exchange.abort(make(NEWER, str(error)), now)
    except (WireError, DhError) as error:
        exchange.abort(make(BAD_MESSAGE, str(error)), now)
    except PairingError as error:
        exchange.abort(error, now)


def _run(exchange: Exchange, row: Row, argument: object, now: int) -> None:
    row.handler(exchange, argument, now)
    if exchange.state not in row.becomes:
        raise AssertionError("%r after '%s'" % (exchange, row.story))
