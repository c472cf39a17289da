"""Links, addresses, neighbours, routes and rules as plain values. The rest of what Isthmus keeps: objects.py."""
from __future__ import annotations

from isthmus.kernel.base import KernelObject, checked_address, checked_mac, checked_name
from isthmus.wire.addr import IPV4_BYTES, Prefix, format_ip, format_mac

# linux/socket.h
AF_INET, AF_INET6 = 2, 10
FAMILY_NAMES = {AF_INET: "IPv4", AF_INET6: "IPv6"}

# linux/rtnetlink.h: types of a route, and the main table.
UNICAST, BLACKHOLE, UNREACHABLE, PROHIBIT = 1, 6, 7, 8
TYPE_NAMES = {UNICAST: "unicast", BLACKHOLE: "blackhole", UNREACHABLE: "unreachable", PROHIBIT: "prohibit"}
MAIN_TABLE = 254
IPV6_DEFAULT_METRIC = 1024  # what the kernel makes of metric 0 for IPv6

# Route tables of ours: 0x69000000 and the tunnel's number, 1 to 127 (policy/lane.py).
TABLE_FIRST, TABLE_LAST = 0x69000000, 0x6900007F


class Link(KernelObject):
    """The interface of a session: its MTU, its MAC address, and whether it is up."""

    kind = "link"
    fields = ("ifname", "mtu", "mac", "up")

    def __init__(self, ifname: str, mtu: int, mac: bytes, up: bool = True) -> None:
        self.ifname = checked_name(ifname)
        self.mtu = mtu
        self.mac = checked_mac(mac)
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
        self.ifname = checked_name(ifname)
        self.address = checked_address(address)
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
        self.ifname = checked_name(ifname)
        self.address = checked_address(address)
        self.mac = checked_mac(mac)

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
    """A route of the main table or of a tunnel's, under protocol number 115.

    destination: Prefix; metric (IPv6: 0 means 1024, as in the kernel); type: UNICAST, UNREACHABLE, BLACKHOLE, PROHIBIT;
    oif: interface name or ""; via: next hop of either family or None; prefsrc: address of the destination's family or
    None; table: MAIN_TABLE, or TABLE_FIRST-TABLE_LAST.
    """

    kind = "route"
    fields = ("destination", "metric", "type", "oif", "via", "prefsrc", "table")

    def __init__(
        self,
        destination: Prefix,
        metric: int,
        type: int = UNICAST,  # noqa: A002 - the field's name in DESIGN.md and in rtnetlink
        oif: str = "",
        via: bytes | None = None,
        prefsrc: bytes | None = None,
        table: int = MAIN_TABLE,
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
        self.oif = checked_name(oif) if oif and type == UNICAST else ""
        self.via = None if via is None else checked_address(via)
        self.prefsrc = None if prefsrc is None else checked_address(prefsrc)
        self.table = table

    def key(self) -> tuple[object, ...]:
        """Destination, metric and table."""
        return (self.destination, self.metric, self.table)

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
        return text if self.table == MAIN_TABLE else text + " in table 0x%08x" % self.table


class Rule(KernelObject):
    """A rule of policy routing, under protocol number 115: packets of this mark look up a table of ours.

    family: AF_INET or AF_INET6; priority: lower is asked first; mark: of the packets, under mask; table: TABLE_FIRST-
    TABLE_LAST; iif: the interface they arrive at, "" for any. A mark of 0 (no bit under the mask is set) needs an
    interface. Its table ends in an unreachable route, so it lets nothing pass that would not pass without it.
    """

    kind = "rule"
    fields = ("family", "priority", "mark", "mask", "table", "iif")

    def __init__(self, family: int, priority: int, mark: int, mask: int, table: int, iif: str = "") -> None:
        if family not in FAMILY_NAMES:
            raise ValueError("a rule is of family %d or %d, not %d" % (AF_INET, AF_INET6, family))
        if not mask or mark & ~mask or not (mark or iif):
            raise ValueError("a rule's mark must have bits, all inside its mask: not 0x%08x/0x%08x" % (mark, mask))
        self.family = family
        self.priority = priority
        self.mark = mark
        self.mask = mask
        self.table = table
        self.iif = checked_name(iif) if iif else ""

    def key(self) -> tuple[object, ...]:
        """All of it."""
        return (self.family, self.priority, self.mark, self.mask, self.table, self.iif)

    def words(self) -> str:
        """All of it."""
        return "%s priority %d mark 0x%08x/0x%08x%s to table 0x%08x" % (
            FAMILY_NAMES[self.family], self.priority, self.mark, self.mask, " from " + self.iif if self.iif else "",
            self.table)


def is_our_table(table: int) -> bool:
    """True for the route tables that are Isthmus's own: one a tunnel, and the first, which only closes."""
    return TABLE_FIRST <= table <= TABLE_LAST
