"""The transitions of a rotation, one row each: what may happen in which state, and who handles it. See rotation.py.

An event is a message's type, or one of the words below. What no row allows is ignored, and so is a message for which
the handler returns False: it proves nothing.
"""

from __future__ import annotations

from isthmus.proto.pairing import rotation_deeds as deeds
from isthmus.proto.pairing.rotation_deeds import (
    ASKED,
    AT_REST,
    COPYING,
    DROPPING,
    HELD,
    HOLDING,
    IDLE,
    SETTLING,
    TAKEN,
    TAKING,
    WRITING,
)
from isthmus.proto.pairing.rotation_messages import ANSWER, ASK, FORGET, REMINDER
from isthmus.proto.pairing.rotation_messages import SETTLED as SETTLED_MESSAGE
from isthmus.proto.pairing.rotation_messages import TAKEN as TAKEN_MESSAGE
from isthmus.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.proto.pairing.rotation import Rotation

    Handler = Callable[[Rotation, Any, int], bool]

# Events that are no messages, with their argument.
WANT = "want"  # our administrator wants new keys
UP = "up"  # (role, ppk_id): a new IKE SA
WRITTEN = "written"
UNWRITTEN = "unwritten"
TIMER = "timer"


class Row(Value):
    """One transition. story: the row as a sentence; becomes: the states it may end in."""

    fields = ("story",)

    def __init__(
        self, story: str, states: tuple[str, ...], event: int | str, handler: Handler, becomes: tuple[str, ...]
    ) -> None:
        self.story = story
        self.states = states
        self.event = event
        self.handler = handler
        self.becomes = becomes


# fmt: off
ROWS = (
    Row("new keys are wanted: our one-time key goes out", (IDLE,), WANT, deeds.want_first, (ASKED, IDLE)),
    Row("the answerer holds the new keys: we take them", (ASKED,), ANSWER, deeds.take_answer, (TAKING, ASKED, IDLE)),
    Row("the answerer cannot keep them", (ASKED,), FORGET, deeds.be_refused, (IDLE,)),
    Row("a new IKE SA: ask in that", (ASKED,), UP, deeds.ask_elsewhere, (ASKED,)),
    Row("no answer", (ASKED,), TIMER, deeds.give_up, (IDLE,)),
    Row("the new keys are written: we use them and say so", (TAKING,), WRITTEN, deeds.be_taken, (TAKEN,)),
    Row("the answerer is settled: so are we", (TAKEN,), SETTLED_MESSAGE, deeds.hear_settled, (SETTLING, TAKEN)),
    Row("the answerer asks whether we use them", (TAKEN,), REMINDER, deeds.hear_reminder, (TAKEN,)),
    Row("a new IKE SA, perhaps under the new keys", (TAKEN,), UP, deeds.up_taken, (TAKEN, SETTLING)),
    Row("the answerer asks for the next ones", (TAKEN,), ASK, deeds.hear_next_ask, (TAKEN, SETTLING)),

    Row("the peer wants new keys: we hold them first", (IDLE,), ASK, deeds.answer, (HOLDING, IDLE)),
    Row("both want new keys: the lower one has asked", (ASKED,), ASK, deeds.answer_crossing, (HOLDING, ASKED)),
    Row("the new keys are written: we answer", (HOLDING,), WRITTEN, deeds.be_held, (HELD,)),
    Row("they are not: we refuse", (HOLDING,), UNWRITTEN, deeds.refuse, (DROPPING,)),
    Row("the asker uses them: the old ones go", (HELD,), TAKEN_MESSAGE, deeds.hear_taken, (SETTLING, HELD)),
    Row("a new IKE SA, perhaps under the new keys", (HELD,), UP, deeds.up_held, (HELD, SETTLING)),
    Row("the asker knows nothing of them", (HELD,), FORGET, deeds.hear_forget, (DROPPING, HELD)),
    Row("the peer holds others, of a rotation that we have forgotten", (HELD,), REMINDER, deeds.deny_reminder, (HELD,)),
    Row("others are wanted: does the asker use those we hold?", (HELD,), ASK, deeds.hear_other_ask, (HELD,)),
    Row("they are removed", (DROPPING,), WRITTEN, deeds.be_dropped, (IDLE, ASKED, HOLDING)),
    Row("remove them again", (DROPPING,), TIMER, deeds.drop_again, (DROPPING,)),

    Row("new keys are wanted, and some are on their way", (HELD, TAKEN), WANT, deeds.want_the_end, (HELD, TAKEN)),
    Row("the end of them does not come", (HELD, TAKEN), TIMER, deeds.be_late, (HELD, TAKEN)),
    Row("the old keys are gone", (SETTLING,), WRITTEN, deeds.be_settled, (COPYING,)),
    Row("and now from their files as well", (COPYING,), WRITTEN, deeds.be_copied, (IDLE, HOLDING)),
    Row("the peer wants the next keys already", (COPYING,), ASK, deeds.put_off_ask, (COPYING,)),
    Row("a handshake under the keys we have, early", (COPYING,), UP, deeds.be_renewed_early, (COPYING,)),
    Row("copy them again", (COPYING,), TIMER, deeds.copy_again, (COPYING,)),
    Row("not written, or nobody knows", WRITING, UNWRITTEN, deeds.write_again, WRITING),
    Row("write it again", (TAKING, SETTLING), TIMER, deeds.retry_write, (TAKING, SETTLING)),
    Row("the asker has not heard that we are settled", AT_REST, TAKEN_MESSAGE, deeds.answer_taken, AT_REST),
    Row("the peer holds what we do not know", AT_REST, REMINDER, deeds.answer_reminder, AT_REST),
    Row("a handshake under the keys we have", (IDLE,), UP, deeds.be_renewed, (IDLE,)),
    Row("the asker has not called under the new ones", (IDLE,), TIMER, deeds.renew, (IDLE,)),
)
# fmt: on


def find_row(state: str, event: int | str) -> Row | None:
    """The row for this event at this moment; None if it must not come now."""
    for row in ROWS:
        if event == row.event and state in row.states:
            return row
    return None


def step(rotation: Rotation, event: int | str, argument: object, now: int) -> bool:
    """What happens. False if it must not come now, or proves nothing; then nothing has changed."""
    row = find_row(rotation.state, event)
    if row is None:
        return False
    done = row.handler(rotation, argument, now)
    if done and rotation.state not in row.becomes:
        raise AssertionError("%r after '%s'" % (rotation, row.story))
    return done
