"""What Isthmus keeps in the kernel, as plain values.

Each has a `kind`, a `key()` (what the kernel finds it by) and a `body()` (what must be equal for it to be right). No
secret is in either, nor in repr: cookies are compared by digest, keys are no part of either. Two objects are equal if
kind, key and body are. Objects are never changed once made, but for counters and for an SA's keys, which are cleared
by the seam.

Addresses are bytes (4 or 16), networks `Prefix`, MAC addresses 6 bytes, numbers as in the kernel's own headers.
"""
from __future__ import annotations

from isthmus import hashes
from isthmus.kernel.base import KernelObject, checked_address, checked_name
from isthmus.kernel.routing import (
    AF_INET,
    AF_INET6,
    BLACKHOLE,
    MAIN_TABLE,
    PROHIBIT,
    TABLE_FIRST,
    TABLE_LAST,
    UNICAST,
    UNREACHABLE,
    Address,
    Link,
    Neighbour,
    Route,
    Rule,
    is_kept_when_down,
    is_our_table,
    must_go_down,
)
from isthmus.policy.derive import INNER_PREFIX, INNER_PREFIX_LENGTH, REQID_FIRST, REQID_LAST
from isthmus.policy.given import MARK_MASK
from isthmus.wire.addr import Prefix, format_ip

# Of base.py and routing.py: whoever uses an object asks for it here.
__all__ = (
    "AF_INET", "AF_INET6", "BLACKHOLE", "MAIN_TABLE", "PROHIBIT", "TABLE_FIRST", "TABLE_LAST", "UNICAST", "UNREACHABLE",
    "Address", "KernelObject", "Link", "Neighbour", "Route", "Rule",
    "is_kept_when_down", "is_our_table", "must_go_down",
)

# In the order of installation (DESIGN.md); plan.py refines it for what must stand before a tunnel can.
KINDS = ("policy", "sa", "tunnel", "session", "link", "address", "neighbour", "route", "rule")

# linux/xfrm.h: directions of a policy, modes of an SA and a template, actions of a policy.
IN, OUT, FORWARD = 0, 1, 2
TRANSPORT, TUNNEL, BEET = 0, 1, 4
ALLOW, BLOCK = 0, 1
DIRECTION_NAMES = {IN: "in", OUT: "out", FORWARD: "forward"}
MODE_NAMES = {TRANSPORT: "transport", TUNNEL: "tunnel", BEET: "beet"}
ACTION_NAMES = {ALLOW: "allow", BLOCK: "block"}

# IANA "IKEv2 Transform Type Values", as far as ESP here goes: encryption (type 1) and integrity (type 3).
ENCR_AES_CBC = 12  # RFC 3602
ENCR_AES_GCM_16 = 20  # RFC 4106
ENCR_CHACHA20_POLY1305 = 28  # RFC 7634
AUTH_HMAC_SHA2_256_128 = 12  # RFC 4868
AUTH_HMAC_SHA2_384_192 = 13  # RFC 4868
AUTH_HMAC_SHA2_512_256 = 14  # RFC 4868

# What is ours (DESIGN.md).
ROUTE_PROTOCOL = 115
ADDRESS_METRIC = 115  # of an address on a session's interface: the route that comes with it has this metric
INNER = Prefix(INNER_PREFIX + bytes(16 - len(INNER_PREFIX)), INNER_PREFIX_LENGTH)
LINK_LOCAL = Prefix(b"\xfe\x80" + bytes(14), 64)  # RFC 4291 2.5.6

LOOPBACK = "lo"


class Policy(KernelObject):
    """An xfrm policy with one required ESP template.

    direction: IN, OUT or FORWARD; source, destination: Prefix; protocol: IP protocol number, 0 for any;
    outer_source, outer_destination: addresses of the template, of either family (all zero: not known yet);
    mode: TRANSPORT, TUNNEL or BEET; reqid; action: ALLOW (through ESP only) or BLOCK; priority: lower wins; mark: of
    the packets it is for, under MARK_MASK; 0: of all.
    """

    kind = "policy"
    fields = ("direction", "source", "destination", "protocol", "outer_source", "outer_destination", "mode", "reqid",
              "action", "priority", "mark")

    def __init__(
        self,
        direction: int,
        source: Prefix,
        destination: Prefix,
        protocol: int,
        outer_source: bytes,
        outer_destination: bytes,
        mode: int,
        reqid: int,
        action: int = ALLOW,
        priority: int = 0,
        mark: int = 0,
    ) -> None:
        if mark & ~MARK_MASK:
            raise ValueError("mark 0x%08x has bits outside 0x%08x" % (mark, MARK_MASK))
        if len(source.address) != len(destination.address):
            raise ValueError("a policy between %s and %s: both must be of one family" % (source, destination))
        if len(outer_source) != len(outer_destination):
            raise ValueError("the outer addresses of a policy must be of one family")
        self.direction = direction
        self.source = source
        self.destination = destination
        self.protocol = protocol
        self.outer_source = checked_address(outer_source)
        self.outer_destination = checked_address(outer_destination)
        self.mode = mode
        self.reqid = reqid
        self.action = action
        self.priority = priority
        self.mark = mark

    def key(self) -> tuple[object, ...]:
        """Direction, selector and mark."""
        return (self.direction, self.source, self.destination, self.protocol, self.mark)

    def body(self) -> tuple[object, ...]:
        """Template, action and priority."""
        return (self.outer_source, self.outer_destination, self.mode, self.reqid, self.action, self.priority)

    def words(self) -> str:
        """Selector, template and action."""
        return "%s %s to %s protocol %d, %s %s to %s reqid 0x%08x %s%s" % (
            DIRECTION_NAMES.get(self.direction, "?"), self.source, self.destination, self.protocol,
            MODE_NAMES.get(self.mode, "?"), format_ip(self.outer_source), format_ip(self.outer_destination), self.reqid,
            ACTION_NAMES.get(self.action, "?"), " mark 0x%08x" % self.mark if self.mark else "")


class SaKeys:
    """The keys of one SA, in memory that can be cleared.

    encryption: for AES-GCM key and salt as they come from the key material (RFC 4106 8.1); integrity: empty for
    AES-GCM.
    """

    def __init__(self, encryption: bytearray, integrity: bytearray) -> None:
        self.encryption = encryption
        self.integrity = integrity

    def clear(self) -> None:
        """Overwrite both."""
        for secret in (self.encryption, self.integrity):
            for index in range(len(secret)):
                secret[index] = 0

    def __repr__(self) -> str:
        return "<keys>"


class Sa(KernelObject):
    """An ESP SA of one direction.

    destination, source: outer addresses; spi; reqid; mode; encap: None, or the UDP ports (source, destination) that
    ESP travels in (RFC 3948). encryption and integrity: transform ids of RFC 7296 3.3.2. Given once, for add() alone:
    keys, the inner selector as (source Prefix, destination Prefix, protocol), mark: what packets get that come out of
    it, under MARK_MASK, and esn: extended sequence numbers (RFC 4304). Counters, where it came from a dump: packets,
    bytes, replayed, forged.
    """

    kind = "sa"

    def __init__(
        self,
        destination: bytes,
        spi: int,
        source: bytes,
        reqid: int,
        mode: int,
        encryption: int = 0,
        integrity: int = 0,
        keys: SaKeys | None = None,
        selector: tuple[Prefix, Prefix, int] | None = None,
        encap: tuple[int, int] | None = None,
        mark: int = 0,
        esn: bool = False,
    ) -> None:
        if len(source) != len(destination):
            raise ValueError("the outer addresses of an SA must be of one family")
        if encap is not None and not (0 < encap[0] <= 65535 and 0 < encap[1] <= 65535):
            raise ValueError("the UDP ports around an SA must lie in 1-65535, not %d and %d" % encap)
        self.destination = checked_address(destination)
        self.spi = spi
        self.source = checked_address(source)
        self.reqid = reqid
        self.mode = mode
        self.encryption = encryption
        self.integrity = integrity
        self.keys = keys
        self.selector = selector
        self.encap = encap
        self.mark = mark
        self.esn = esn
        self.packets = 0
        self.bytes = 0
        self.replayed = 0
        self.forged = 0

    def copy(self) -> Sa:
        """The same value again, without keys, selector and counters."""
        ends = (self.destination, self.spi, self.source)
        return Sa(*ends, self.reqid, self.mode, self.encryption, self.integrity, encap=self.encap, mark=self.mark)

    def clear_keys(self) -> None:
        """Overwrite and forget the keys: an SA is installed once."""
        if self.keys is not None:
            self.keys.clear()
            self.keys = None

    def key(self) -> tuple[object, ...]:
        """Destination and SPI."""
        return (self.destination, self.spi)

    def body(self) -> tuple[object, ...]:
        """Source, reqid, mode and encapsulation."""
        return (self.source, self.reqid, self.mode, self.encap)

    def words(self) -> str:
        """Addresses, SPI, reqid, mode and encapsulation."""
        text = "%s to %s spi 0x%08x reqid 0x%08x %s" % (
            format_ip(self.source), format_ip(self.destination), self.spi, self.reqid, MODE_NAMES.get(self.mode, "?"))
        return text if self.encap is None else text + " in UDP from port %d to port %d" % self.encap


class Tunnel(KernelObject):
    """A kernel-managed L2TPv3 tunnel over IP protocol 115: ids, and the addresses it runs between: inner ones in BEET
    mode, outer ones in transport mode.
    """

    kind = "tunnel"
    fields = ("tunnel_id", "peer_tunnel_id", "local", "remote")

    def __init__(self, tunnel_id: int, peer_tunnel_id: int, local: bytes, remote: bytes) -> None:
        if len(local) != len(remote):
            raise ValueError("the addresses of an L2TP tunnel must be of one family")
        self.tunnel_id = tunnel_id
        self.peer_tunnel_id = peer_tunnel_id
        self.local = checked_address(local)
        self.remote = checked_address(remote)

    def key(self) -> tuple[object, ...]:
        """The local tunnel id."""
        return (self.tunnel_id,)

    def body(self) -> tuple[object, ...]:
        """The peer's id, and the addresses."""
        return (self.peer_tunnel_id, self.local, self.remote)

    def words(self) -> str:
        """Ids and addresses."""
        ends = (format_ip(self.local), format_ip(self.remote))
        return "%d, peer %d, %s to %s" % ((self.tunnel_id, self.peer_tunnel_id) + ends)


class Session(KernelObject):
    """An Ethernet pseudowire; its interface comes and goes with it.

    cookie: what we send; peer_cookie: what must be in the frames we take; 0, 4 or 8 bytes each (RFC 3931 4.1).
    sublayer: frames carry the default L2-specific sublayer (RFC 3931 4.6), 4 bytes.
    Counters, where it came from a dump: received and sent packets and bytes, wrong cookies, other errors on receipt.
    """

    kind = "session"
    fields = ("tunnel_id", "session_id", "peer_session_id", "cookie", "peer_cookie", "ifname", "sublayer")

    def __init__(
        self, tunnel_id: int, session_id: int, peer_session_id: int, cookie: bytes, peer_cookie: bytes, ifname: str,
        sublayer: bool = False,
    ) -> None:
        for length in (len(cookie), len(peer_cookie)):
            if length not in (0, 4, 8):
                raise ValueError("an L2TPv3 cookie has 0, 4 or 8 bytes, not %d" % length)
        self.tunnel_id = tunnel_id
        self.session_id = session_id
        self.peer_session_id = peer_session_id
        self.cookie = bytes(cookie)
        self.peer_cookie = bytes(peer_cookie)
        self.ifname = checked_name(ifname)
        self.sublayer = sublayer
        self.rx_packets = 0
        self.rx_bytes = 0
        self.tx_packets = 0
        self.tx_bytes = 0
        self.rx_wrong_cookie = 0
        self.rx_errors = 0

    def key(self) -> tuple[object, ...]:
        """Tunnel id and session id."""
        return (self.tunnel_id, self.session_id)

    def body(self) -> tuple[object, ...]:
        """The peer's id, a digest of both cookies, the interface, and the sublayer."""
        # RFC 3931 4.1.2: who knows the cookie can inject frames, so even an equality test works on a digest.
        digest = hashes.sha256(b"%d:" % len(self.cookie) + self.cookie + self.peer_cookie).digest()[:8]
        return (self.peer_session_id, digest, self.ifname, self.sublayer)

    def words(self) -> str:
        """Ids and interface."""
        return "%d of tunnel %d, peer %d, on %s" % (self.session_id, self.tunnel_id, self.peer_session_id, self.ifname)


def is_our_reqid(reqid: int) -> bool:
    """True for the reqids that are Isthmus's own."""
    return REQID_FIRST <= reqid <= REQID_LAST


def is_inner(address: bytes) -> bool:
    """True for an address of the prefix that all inner endpoints come from."""
    return INNER.contains(address)
