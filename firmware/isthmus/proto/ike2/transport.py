"""ESP in transport mode, for peers that are not Isthmus: a notify, and selectors that follow the outer addresses.

RFC 7296 sections 1.3.1 (USE_TRANSPORT_MODE) and 2.23.1 (transport mode through NAT).
"""
from __future__ import annotations

from isthmus.proto.actions import TRANSPORT
from isthmus.proto.errors import ModeRefused
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import NotifyPayload
from isthmus.wire.ike_ts import Selector

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.connection import Connection
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.ike_payloads import Payload


def make_notify(mode: str) -> list[Payload]:
    """What a request or an answer says of the mode: nothing but for transport mode."""
    return [NotifyPayload(num.USE_TRANSPORT_MODE, b"")] if mode == TRANSPORT else []


def check(connection: Connection, incoming: Incoming) -> None:
    """Raises ModeRefused where transport mode is needed and the peer does not say it.

    A responder that leaves the notify out has made an SA in tunnel mode (RFC 7296 section 1.3.1).
    """
    if connection.mode == TRANSPORT and incoming.find_notify(num.USE_TRANSPORT_MODE) is None:
        raise ModeRefused("tunnel '%s' needs ESP in transport mode; the peer wants tunnel mode" % connection.name)


def get_ours(sa: IkeSa, connection: Connection) -> Selector:
    """What the CHILD SA must carry, our side: in transport mode that is the IKE SA's own address."""
    return _at(connection.ts_local, sa.local[0]) if connection.mode == TRANSPORT else connection.ts_local


def get_theirs(sa: IkeSa, connection: Connection) -> Selector:
    """The same of the peer's side; through NAT its address is the one that we see."""
    return _at(connection.ts_remote, sa.remote[0]) if connection.mode == TRANSPORT else connection.ts_remote


def offer_theirs(sa: IkeSa, connection: Connection) -> Selector:
    """What we offer for the peer's side: a peer that replaces no address wants to read its own, behind a translator."""
    if connection.mode == TRANSPORT and connection.inside is not None and sa.nat.there:
        return _at(connection.ts_remote, connection.inside)
    return get_theirs(sa, connection)


def see_ours(sa: IkeSa, connection: Connection, received: list[Selector]) -> list[Selector]:
    """The peer's selectors for our side in our terms: it knows us by the address of the translator before us."""
    if connection.mode != TRANSPORT or not sa.nat.here:
        return received
    return _move(received, sa.local[0])


def see_theirs(sa: IkeSa, connection: Connection, received: list[Selector]) -> list[Selector]:
    """The peer's selectors for its own side: behind a translator it names an address that means nothing here."""
    if connection.mode != TRANSPORT or not sa.nat.there:
        return received
    return _move(received, sa.remote[0])


def say(ours: Selector, offered: Selector, seen: Selector) -> Selector:
    """Ours, for the answer: with the address that the peer has `offered`, where that was `seen` as another.

    RFC 7296 section 2.23.1 answers in the responder's terms and lets the initiator replace what it receives, whatever
    that is. libreswan replaces nothing: it wants its own selectors back.
    """
    return ours if offered == seen else _at(ours, offered.first)


def _move(received: list[Selector], address: bytes) -> list[Selector]:
    """RFC 7296 section 2.23.1: single addresses, and no others, become the one that the IKE SA has."""
    return [_at(selector, address) if selector.first == selector.last else selector for selector in received]


def _at(selector: Selector, address: bytes) -> Selector:
    return Selector(selector.protocol, selector.start_port, selector.end_port, address, address)
