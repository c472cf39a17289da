"""What Isthmus keeps in the kernel, as plain values.

Each has a `kind`, a `key()` (what the kernel finds it by) and a `body()` (what must be equal for it to be right). No
secret is in either, nor in repr: cookies are compared by digest, keys are no part of either. Two objects are equal if
kind, key and body are. Objects are never changed once made, but for counters and for an SA's keys, which are cleared
by the seam.

Addresses are bytes (4 or 16), networks `Prefix`, MAC addresses 6 bytes, numbers as in the kernel's own headers.
"""
from __future__ import annotations

import hashlib

from isthmus.policy.derive import INNER_PREFIX, INNER_PREFIX_LENGTH, REQID_FIRST, REQID_LAST
from isthmus.policy.given import MARK_MASK
from isthmus.wire.addr import IPV4_BYTES, Prefix, format_ip

# In the order of installation (DESIGN.md); plan.py refines it for what must stand before a tunnel can.
KINDS = ("policy", "sa", "tunnel", "session", "link", "address", "neighbour", "route")

# linux/xfrm.h: directions of a policy, modes of an SA and a template, actions of a policy.
IN, OUT, FORWARD = 0, 1, 2
TRANSPORT, TUNNEL, BEET = 0, 1, 4
ALLOW, BLOCK = 0, 1
DIRECTION_NAMES = {IN: "in", OUT: "out", FORWARD: "forward"}
MODE_NAMES = {TRANSPORT: "transport", TUNNEL: "tunnel", BEET: "beet"}
ACTION_NAMES = {ALLOW: "allow", BLOCK: "block"}

# linux/rtnetlink.h: types of a route.
UNICAST, BLACKHOLE, UNREACHABLE, PROHIBIT = 1, 6, 7, 8
TYPE_NAMES = {UNICAST: "unicast", BLACKHOLE: "blackhole", UNREACHABLE: "unreachable", PROHIBIT: "prohibit"}
IPV6_DEFAULT_METRIC = 1024  # what the kernel makes of metric 0 for IPv6

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

_NAME_BYTES = 15  # IFNAMSIZ less the closing zero


def format_mac(mac: bytes) -> str:
    """Six bytes as aa:bb:cc:dd:ee:ff."""
    return ":".join(["%02x" % byte for byte in mac])


def _checked_address(address: bytes) -> bytes:
    if len(address) not in (4, 16):
        raise ValueError("an address has 4 or 16 bytes, not %d" % len(address))
    return bytes(address)


def _checked_name(ifname: str) -> str:
    """The name of an interface as the kernel takes it, and nothing that could lead a path elsewhere."""
    raw = ifname.encode()
    if not 1 <= len(raw) <= _NAME_BYTES or ifname in {".", ".."}:
        raise ValueError("interface name %r: 1 to %d bytes are allowed" % (ifname, _NAME_BYTES))
    for byte in raw:
        if byte in b"/:" or not 0x21 <= byte <= 0x7E:
            raise ValueError("interface name %r: no blank, '/' or ':' is allowed" % ifname)
    return ifname


def _checked_mac(mac: bytes) -> bytes:
    if len(mac) != 6 or mac[0] & 1:
        raise ValueError("a MAC address has 6 bytes and names one station, not %s" % format_mac(mac))
    return bytes(mac)


class KernelObject:
    """One thing in the kernel. Subclasses say what it is found by and what must be equal."""

    kind = ""
    fields: tuple[str, ...] = ()  # the constructor's arguments in order, less what is given only once

    def key(self) -> tuple[object, ...]:
        """What the kernel finds it by."""
        raise NotImplementedError

    def body(self) -> tuple[object, ...]:
        """What must be equal for the object to be as desired."""
        return ()

    def words(self) -> str:
        """The object in words, for logs and errors; without secrets."""
        raise NotImplementedError

    def copy(self) -> KernelObject:
        """The same value again, without keys and counters."""
        return type(self)(*[getattr(self, name) for name in self.fields])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KernelObject):
            return False
        return self.kind == other.kind and self.key() == other.key() and self.body() == other.body()

    def __hash__(self) -> int:
        return hash((self.kind, self.key()))

    def __repr__(self) -> str:
        return "<%s %s>" % (self.kind, self.words())


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
        self.outer_source = _checked_address(outer_source)
        self.outer_destination = _checked_address(outer_destination)
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
        self.destination = _checked_address(destination)
        self.spi = spi
        self.source = _checked_address(source)
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
        self.local = _checked_address(local)
        self.remote = _checked_address(remote)

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
        self.ifname = _checked_name(ifname)
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
        digest = hashlib.sha256(b"%d:" % len(self.cookie) + self.cookie + self.peer_cookie).digest()[:8]
        return (self.peer_session_id, digest, self.ifname, self.sublayer)

    def words(self) -> str:
        """Ids and interface."""
        return "%d of tunnel %d, peer %d, on %s" % (self.session_id, self.tunnel_id, self.peer_session_id, self.ifname)


class Link(KernelObject):
    """The interface of a session: its MTU, its MAC address, and whether it is up."""

    kind = "link"
    fields = ("ifname", "mtu", "mac", "up")

    def __init__(self, ifname: str, mtu: int, mac: bytes, up: bool = True) -> None:
        self.ifname = _checked_name(ifname)
        self.mtu = mtu
        self.mac = _checked_mac(mac)
        self.up = up

    def key(self) -> tuple[object, ...]:
        """The name."""
        return (self.ifname,)

    def body(self) -> tuple[object, ...]:
        """MTU, MAC address, up."""
        return (self.mtu, self.mac, self.up)

    def words(self) -> str:
        """All of it."""
        return "%s mtu %d mac %s %s" % (self.ifname, self.mtu, format_mac(self.mac), "up" if self.up else "down")


def must_go_down(before: Link, after: Link) -> bool:
    """True if a link goes down on the way: it loses its IPv6 addresses, its neighbours and its routes."""
    return before.up and (before.mac != after.mac or not after.up)


def is_kept_when_down(item: KernelObject) -> bool:
    """True for what stays on a link that goes down: IPv4 addresses."""
    return isinstance(item, Address) and len(item.address) == IPV4_BYTES


class Address(KernelObject):
    """An address on an interface, without duplicate address detection. On the interface of a session: a link-local
    one, or any other, which brings a route of metric ADDRESS_METRIC to its network.
    """

    kind = "address"
    fields = ("ifname", "address", "length")

    def __init__(self, ifname: str, address: bytes, length: int) -> None:
        self.ifname = _checked_name(ifname)
        self.address = _checked_address(address)
        self.length = length

    def key(self) -> tuple[object, ...]:
        """All of it."""
        return (self.ifname, self.address, self.length)

    def words(self) -> str:
        """All of it."""
        return "%s/%d on %s" % (format_ip(self.address), self.length, self.ifname)


class Neighbour(KernelObject):
    """A permanent neighbour: the MAC address of an address on an interface."""

    kind = "neighbour"
    fields = ("ifname", "address", "mac")

    def __init__(self, ifname: str, address: bytes, mac: bytes) -> None:
        self.ifname = _checked_name(ifname)
        self.address = _checked_address(address)
        self.mac = _checked_mac(mac)

    def key(self) -> tuple[object, ...]:
        """Interface and address."""
        return (self.ifname, self.address)

    def body(self) -> tuple[object, ...]:
        """The MAC address."""
        return (self.mac,)

    def words(self) -> str:
        """All of it."""
        return "%s at %s on %s" % (format_ip(self.address), format_mac(self.mac), self.ifname)


class Route(KernelObject):
    """A route of the main table, under protocol number 115.

    destination: Prefix; metric (IPv6: 0 means 1024, as in the kernel); type: UNICAST, UNREACHABLE, BLACKHOLE, PROHIBIT;
    oif: interface name or ""; via: next hop of either family or None; prefsrc: address of the destination's family or
    None.
    """

    kind = "route"
    fields = ("destination", "metric", "type", "oif", "via", "prefsrc")

    def __init__(
        self,
        destination: Prefix,
        metric: int,
        type: int = UNICAST,  # noqa: A002 - the field's name in DESIGN.md and in rtnetlink
        oif: str = "",
        via: bytes | None = None,
        prefsrc: bytes | None = None,
    ) -> None:
        ipv6 = len(destination.address) == 16
        if via is not None and ipv6 and len(via) == 4:
            raise ValueError("the route to %s cannot go through an IPv4 next hop" % destination)
        if prefsrc is not None and len(prefsrc) != len(destination.address):
            raise ValueError("the preferred source of the route to %s must be of its family" % destination)
        self.destination = destination
        self.metric = metric or (IPV6_DEFAULT_METRIC if ipv6 else 0)
        self.type = type
        # The kernel reports "lo" for IPv6 routes that lead nowhere: the interface means nothing for them.
        self.oif = _checked_name(oif) if oif and type == UNICAST else ""
        self.via = None if via is None else _checked_address(via)
        self.prefsrc = None if prefsrc is None else _checked_address(prefsrc)

    def key(self) -> tuple[object, ...]:
        """Destination and metric."""
        return (self.destination, self.metric)

    def body(self) -> tuple[object, ...]:
        """Where it leads."""
        return (self.type, self.oif, self.via, self.prefsrc)

    def words(self) -> str:
        """All of it."""
        text = "%s %s metric %d" % (TYPE_NAMES.get(self.type, "?"), self.destination, self.metric)
        if self.oif:
            text += " on %s" % self.oif
        if self.via is not None:
            text += " via %s" % format_ip(self.via)
        if self.prefsrc is not None:
            text += " from %s" % format_ip(self.prefsrc)
        return text


def is_our_reqid(reqid: int) -> bool:
    """True for the reqids that are Isthmus's own."""
    return REQID_FIRST <= reqid <= REQID_LAST


def is_inner(address: bytes) -> bool:
    """True for an address of the prefix that all inner endpoints come from."""
    return INNER.contains(address)
