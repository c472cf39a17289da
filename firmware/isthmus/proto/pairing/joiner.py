"""The joiner's own transitions: it calls, sends its key first, checks the inviter's, and keeps the second entry."""

from __future__ import annotations

from isthmus.crypto.prf import is_equal, sha256
from isthmus.proto.pairing.errors import UNREACHED, WRONG_KEY, make
from isthmus.proto.pairing.exchange import AGREED, ASKING, GREETED, INFORMED, KEPT
from isthmus.proto.pairing.limits import APPROVAL_MS, UNPROVEN_MS
from isthmus.proto.pairing.messages import HELLO, INFO, Message
from isthmus.wire.addr import is_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.pairing.exchange import Exchange


def greet(exchange: Exchange, argument: tuple[int, bytes, str], now: int) -> None:
    """The inviter has proved that it knows S. Our key goes first."""
    exchange.take_sa(*argument)
    exchange.deadline = now + APPROVAL_MS
    if exchange.pair is None:
        raise AssertionError("%r has no key to send" % exchange)
    exchange.send(Message(HELLO, key=exchange.pair.public), is_hashed=True)
    exchange.state = GREETED


def check_key(exchange: Exchange, data: tuple[Message, bytes], now: int) -> None:
    """The inviter's key must be the one that the invite commits to."""
    message, raw = data
    if not is_equal(sha256(message.key), exchange.invite.commitment):
        raise make(WRONG_KEY)
    if exchange.pair is None:
        raise AssertionError("%r has no key" % exchange)
    exchange.messages.append(raw)
    exchange.join_keys(message.key, message.key, exchange.pair.public)
    exchange.own_info = exchange.place.describe(exchange.tell_time(now))
    exchange.send(Message(INFO, info=exchange.own_info), is_hashed=True)
    exchange.state = INFORMED


def take_info(exchange: Exchange, data: tuple[Message, bytes], _now: int) -> None:
    """Who the inviter is, and the aliases it offers."""
    message, raw = data
    if message.info is None:
        raise AssertionError("INFO without info")
    exchange.messages.append(raw)
    exchange.check_peer(message.info)
    exchange.settle()
    exchange.make_root()
    exchange.state = ASKING
    exchange.ask()


def hear_second(exchange: Exchange, message: Message, _now: int) -> None:
    """We have approved, and now the inviter has."""
    exchange.check_tag(message.tag, exchange.get_tags()[0])
    exchange.state = AGREED


def approve_second(exchange: Exchange, argument: tuple[tuple[str, ...], str], _now: int) -> None:
    """The inviter has approved, and now we do."""
    exchange.approve(*argument)
    exchange.state = AGREED


def keep(exchange: Exchange, message: Message, now: int) -> None:
    """The inviter has its entry: ours is confirmed by that, and calls under the new keys."""
    exchange.check_tag(message.tag, exchange.get_tags()[2])
    exchange.keep(is_confirmed=True)
    exchange.state = KEPT
    exchange.deadline = now + UNPROVEN_MS


def be_unreached(exchange: Exchange, _argument: object, now: int) -> None:
    """No endpoint of the invite has answered."""
    tried = ["%s port %d" % ("[%s]" % host if is_ip(host) and ":" in host else host, port)
             for host, port in exchange.invite.endpoints]  # fmt: skip
    exchange.end(make(UNREACHED, "tried %s" % ", ".join(tried)), now)
