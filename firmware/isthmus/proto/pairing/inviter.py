"""The inviter's own transitions: it is called, opens its key, offers aliases, and keeps the first entry."""

from __future__ import annotations

from isthmus.proto.pairing.errors import CLOSED, EXPIRED, make
from isthmus.proto.pairing.exchange import ASKING, KEPT, OPENED, OWNED
from isthmus.proto.pairing.limits import APPROVAL_MS, FAILURES, UNCONFIRMED_MS
from isthmus.proto.pairing.messages import INFO, KEEP, OPEN, Message
from isthmus.proto.pairing.terms import offer_aliases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.pairing.exchange import Exchange


def count_failure(exchange: Exchange, _argument: object, now: int) -> None:
    """Somebody named the invite and did not prove it."""
    exchange.failures += 1
    if exchange.failures >= FAILURES:
        exchange.tell = CLOSED
        exchange.end(make(CLOSED), now)


def own(exchange: Exchange, argument: tuple[int, bytes, str], now: int) -> None:
    """The first who proves the invite owns it."""
    exchange.take_sa(*argument)
    exchange.deadline = now + APPROVAL_MS
    exchange.state = OWNED


def answer_hello(exchange: Exchange, data: tuple[Message, bytes], _now: int) -> None:
    """The joiner's key is here and cannot change any more: only now is ours opened."""
    message, raw = data
    if exchange.pair is None:
        raise AssertionError("%r has no key to open" % exchange)
    ours = exchange.pair.public
    exchange.messages.append(raw)
    exchange.join_keys(message.key, ours, message.key)
    exchange.send(Message(OPEN, key=ours), is_hashed=True)
    exchange.state = OPENED


def answer_info(exchange: Exchange, data: tuple[Message, bytes], now: int) -> None:
    """Who the joiner is; say who we are, and which networks need an alias."""
    message, raw = data
    if message.info is None:
        raise AssertionError("INFO without info")
    exchange.messages.append(raw)
    exchange.own_info = exchange.place.describe(exchange.tell_time(now))
    exchange.check_peer(message.info)
    exchange.own_info.aliases = offer_aliases(exchange.own_info, message.info)
    exchange.settle()
    exchange.send(Message(INFO, info=exchange.own_info), is_hashed=True)
    exchange.make_root()
    exchange.state = ASKING
    exchange.ask()


def hear_second(exchange: Exchange, message: Message, now: int) -> None:
    """We have approved, and now the joiner has."""
    exchange.check_tag(message.tag, exchange.get_tags()[1])
    _keep(exchange, now)


def approve_second(exchange: Exchange, argument: tuple[tuple[str, ...], str], now: int) -> None:
    """The joiner has approved, and now we do."""
    exchange.approve(*argument)
    _keep(exchange, now)


def _keep(exchange: Exchange, now: int) -> None:
    """The entry first, the word of it after: who hears KEEP knows that there is one."""
    exchange.keep(is_confirmed=False)
    exchange.state = KEPT
    exchange.deadline = now + UNCONFIRMED_MS
    exchange.send(Message(KEEP, tag=exchange.get_tags()[2]))


def expire(exchange: Exchange, _argument: object, now: int) -> None:
    """Nobody has come."""
    exchange.tell = EXPIRED
    exchange.abort(make(EXPIRED), now)
