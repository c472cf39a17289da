"""Option `session static`: L2TP ids and cookies that are written down at both ends, for peers that are not Isthmus.

Only Isthmus derives ids, and only Isthmus speaks BEET: a static session runs in ESP transport mode, between the outer
addresses.
"""

from __future__ import annotations

from isthmus.config.errors import quote
from isthmus.wire.addr import IPV4_BYTES, format_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.config.reader import Draft

STATIC = "static"
MODES = {"derived": "beet", STATIC: "transport"}  # session -> ESP mode

IDS = ("tunnel_id", "peer_tunnel_id", "session_id", "peer_session_id")
# What means something with `session static` alone.
ONLY_STATIC = IDS + ("cookie", "peer_cookie", "sublayer", "address", "peer_address", "peer_inside")
# Two tunnels of one router may not share these: the kernel finds tunnels and sessions by their ids alone, and the guard
# tells by the peer's session id, too, whose frame leaves.
UNIQUE = ("tunnel_id", "session_id", "peer_session_id")
MAX_STATIC = 127  # marks that tell several peers behind one address apart; the rest is for lanes (policy/given.py)


def mode_of(session: str) -> str:
    """The ESP mode of a kind of session: "beet" or "transport"."""
    return MODES[session]


class StaticSession:
    """What the file says of one static session. Cookies are compared, and never shown.

    Ids: 1 to 2**32-1; cookie: what we send, peer_cookie: what we require, 0, 4 or 8 bytes each; sublayer: True where
    the frames carry the default L2-specific sublayer; addresses: (address, length) on the interface; next_hops:
    the peer's addresses on it. peer_inside: its own address behind a translator, where IKE must name it, or None.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.tunnel_id: int = values["tunnel_id"]
        self.peer_tunnel_id: int = values["peer_tunnel_id"]
        self.session_id: int = values["session_id"]
        self.peer_session_id: int = values["peer_session_id"]
        self.cookie: bytes = values["cookie"] or b""
        self.peer_cookie: bytes = values["peer_cookie"] or b""
        self.sublayer: bool = values["sublayer"] == "default"
        self.addresses: list[tuple[bytes, int]] = values["address"]
        self.next_hops: list[bytes] = values["peer_address"]
        self.peer_inside: bytes | None = values["peer_inside"]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StaticSession) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((self.tunnel_id, self.session_id))

    def __repr__(self) -> str:
        ids = (self.session_id, self.tunnel_id, self.peer_session_id, self.peer_tunnel_id)
        return "StaticSession(%d of tunnel %d, peer %d of %d)" % ids


# --- one tunnel -------------------------------------------------------------------------------------------------------


def check_mode(draft: Draft) -> None:
    """BEET is known to Isthmus alone, and transport mode is what the rest of the world speaks."""
    session, mode = draft.values.get("session"), draft.values.get("mode", "auto")
    if session is None or mode in ("auto", MODES[session]):
        return
    if session == STATIC:
        message = "mode beet is spoken by Isthmus alone, and session static is for other peers"
        draft.complain("mode", "mode", message, "remove the line, or write session derived if the peer is an Isthmus")
    else:
        message = "mode transport needs option session 'static'"
        draft.complain("mode", "mode", message, "add option session 'static' and the four ids, or remove the line")


def check_given(draft: Draft) -> None:
    """A static session needs its ids, and other sessions have no use for them."""
    session = draft.values.get("session")
    if session is None:
        return
    for name in ONLY_STATIC:
        given = name in draft.given
        if session == STATIC and name in IDS and not given:
            remedy = "add a line: option %s, with what the peer has as its %s" % (name, _mirror(name))
            draft.complain(
                "missing-option", name, "session static needs option %s" % name, remedy, allowed="1 to 2^32-1"
            )
        elif session != STATIC and given:
            remedy = "remove the line, or add option session 'static'"
            draft.complain("only-static", name, "option %s means something with session static only" % name, remedy)


def _mirror(name: str) -> str:
    """The other end's name for the same thing."""
    return name[5:] if name.startswith("peer_") else "peer_" + name


def check_next_hops(draft: Draft) -> None:
    """One next hop a family, in a network of ours on the tunnel; a network without one is told about."""
    if draft.values.get("session") != STATIC:
        return
    addresses = draft.values.get("address") or []
    families = []
    for hop in draft.values.get("peer_address") or []:
        text = format_ip(hop)
        if len(hop) in families:
            remedy = "name one of each family: it is the next hop to all of the peer's networks"
            draft.complain("too-many", "peer_address", "%s is the second of its family" % text, remedy)
        families.append(len(hop))
        if hop in [address for address, _ in addresses]:
            draft.complain("same-address", "peer_address", "%s is this router's own" % text, "write the peer's address")
        elif hop[:1] != b"\xfe" and not [row for row in addresses if _reaches(row, hop)]:
            message = "%s lies in no network of option address" % text
            remedy = "add this router's address in the same network, such as: list address '%s'" % _example(hop)
            draft.complain("unreachable", "peer_address", message, remedy)
    for subnet in draft.values.get("remote_subnet") or []:
        if len(subnet.address) not in families and not (families and len(subnet.address) == IPV4_BYTES):
            message = "no next hop to %s: the peer must answer ARP for every host in it" % subnet
            draft.warn(
                "no-next-hop", "remote_subnet", message, "add the peer's address on the tunnel: list peer_address"
            )


def _reaches(row: tuple[bytes, int], hop: bytes) -> bool:
    address, length = row
    if len(address) != len(hop):
        return False
    bits = 8 * len(hop) - length
    return int.from_bytes(address, "big") >> bits == int.from_bytes(hop, "big") >> bits


def _example(hop: bytes) -> str:
    """An address beside the next hop's."""
    beside = hop[:-1] + bytes([hop[-1] ^ 3 if hop[-1] & 3 in (1, 2) else hop[-1] ^ 1])
    return "%s/%d" % (format_ip(beside), 30 if len(hop) == IPV4_BYTES else 64)


TUNNEL_CHECKS: tuple[Callable[[Draft], None], ...] = (check_mode, check_given, check_next_hops)


# --- between tunnels --------------------------------------------------------------------------------------------------


def check_unique(drafts: list[Draft]) -> None:
    """No id twice on this router."""
    seen: dict[tuple[str, int], Draft] = {}
    count = 0
    for draft in drafts:
        if draft.values.get("session") != STATIC:
            continue
        count += 1
        if count == MAX_STATIC + 1:
            message = "more than %d tunnels with session static" % MAX_STATIC
            draft.complain("too-many", "session", message, "remove some")
        for name in UNIQUE:
            number = draft.values.get(name)
            if number is None:
                continue
            first = seen.get((name, number))
            if first is None:
                seen[name, number] = draft
                continue
            message = "%s has %s %d already (line %d)" % (first.title, name, number, first.line_of(name))
            remedy = "choose another number, and write it as the peer's %s, too" % _mirror(name)
            draft.complain("duplicate-id", name, message, remedy, quote(str(number)))


FILE_CHECKS: tuple[Callable[[list[Draft]], None], ...] = (check_unique,)
