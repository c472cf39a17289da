"""Links, addresses, neighbours, routes and rules in the kernel: objects <-> rtnetlink messages, through pyroute2's own
classes.
"""
from __future__ import annotations

from isthmus.kernel.contract import (
    EADDRNOTAVAIL,
    EEXIST,
    EINVAL,
    ENODEV,
    ENOENT,
    EOPNOTSUPP,
    ESRCH,
    KernelError,
    is_our_address,
)
from isthmus.kernel.lean import pull_neighbour
from isthmus.kernel.objects import (
    ADDRESS_METRIC,
    LINK_LOCAL,
    LOOPBACK,
    MAIN_TABLE,
    ROUTE_PROTOCOL,
    UNICAST,
    Address,
    Link,
    Neighbour,
    Route,
    Rule,
    is_inner,
    is_our_table,
    must_go_down,
)
from isthmus.kernel.real_list import Lister
from isthmus.kernel.real_netlink import (
    AF_INET,
    AF_INET6,
    CREATE,
    DO,
    GET,
    LIST,
    NETLINK_ROUTE,
    REPLACE,
    Transport,
    family_of,
    fibmsg,
    ifaddrmsg,
    ifinfmsg,
    message,
    ndmsg,
    rtmsg,
)
from isthmus.kernel.ways import Way
from isthmus.policy.derive import HOP4_PREFIX
from isthmus.wire.addr import Prefix, format_ip, format_mac, parse_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.kernel.objects import KernelObject
    from isthmus.kernel.real_netlink import nlmsg

# linux/rtnetlink.h
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
RTNH_F_ONLINK = 4  # linux/rtnetlink.h
RT_TABLE_UNSPEC, RT_TABLE_COMPAT = 0, 252  # any; one whose number does not fit the header's byte
RTPROT_KERNEL = 2
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_NOWHERE = 0, 253, 255

FR_ACT_TO_TBL, FIB_RULE_INVERT = 1, 0x2  # linux/fib_rules.h
IFF_UP = 0x1  # linux/if.h
IFA_F_NODAD = 0x02  # linux/if_addr.h
NUD_PERMANENT = 0x80  # linux/neighbour.h
FOREVER = 0xFFFFFFFF

_GONE = (ENODEV, ENOENT, ESRCH, EADDRNOTAVAIL)

# (family, table, protocol): what the kernel is asked to list, so that it leaves out other programs' routes. Into the
# inner prefix any protocol is ours, of the main table.
_ROUTE_LISTS = (
    (AF_INET, RT_TABLE_UNSPEC, ROUTE_PROTOCOL),
    (AF_INET6, RT_TABLE_UNSPEC, ROUTE_PROTOCOL),
    (AF_INET6, MAIN_TABLE, 0),
)

# What the tunnel's peer must not be able to do to this router, and what would put addresses on the link that nobody
# derived.
_SYSCTLS = (
    ("disable_ipv6", "0"),
    ("accept_ra", "0"),
    ("autoconf", "0"),
    ("addr_gen_mode", "1"),
    ("accept_redirects", "0"),
)
_SYSCTL_PATH = "/proc/sys/net/ipv6/conf/%s/%s"


def parse_mac(text: str) -> bytes:
    """Six bytes of aa:bb:cc:dd:ee:ff."""
    return bytes([int(part, 16) for part in text.split(":")])


def pull_link(msg: nlmsg) -> Link:
    """The Link of an ifinfmsg. Raises ValueError for a device that has no Ethernet address."""
    mac = parse_mac(msg.get_attr("IFLA_ADDRESS") or "")
    return Link(msg.get_attr("IFLA_IFNAME"), msg.get_attr("IFLA_MTU"), mac, bool(msg["flags"] & IFF_UP))


def push_link(index: int, fields: dict[str, object], attributes: list[tuple[str, object]]) -> nlmsg:
    """The ifinfmsg that changes an interface."""
    fields["index"] = index
    return message(ifinfmsg, fields, attributes)


def push_address(item: Address, index: int) -> nlmsg:
    """The ifaddrmsg of an address. The inner ones are deprecated from the start, so that nothing else takes them as a
    source; what an administrator gives a session's interface is told from other programs' addresses by its metric.
    """
    text = format_ip(item.address)
    attributes: list[tuple[str, object]] = [("IFA_LOCAL", text), ("IFA_ADDRESS", text)]
    if item.ifname == LOOPBACK:
        attributes.append(("IFA_CACHEINFO", {"ifa_preferred": 0, "ifa_valid": FOREVER}))
    elif not LINK_LOCAL.contains(item.address):
        attributes.append(("IFA_RT_PRIORITY", ADDRESS_METRIC))
    fields: dict[str, object] = {
        "family": family_of(item.address),
        "prefixlen": item.length,
        "flags": IFA_F_NODAD,
        "index": index,
    }
    return message(ifaddrmsg, fields, attributes)


def push_neighbour(item: Neighbour, index: int) -> nlmsg:
    """The ndmsg of a permanent neighbour."""
    fields: dict[str, object] = {"family": family_of(item.address), "ifindex": index, "state": NUD_PERMANENT}
    return message(ndmsg, fields, [("NDA_DST", format_ip(item.address)), ("NDA_LLADDR", format_mac(item.mac))])


def push_route(item: Route, index: int) -> nlmsg:
    """The rtmsg of a route; index: of its interface, 0 if it has none."""
    family = family_of(item.destination.address)
    on_link = item.type == UNICAST and item.via is None and family == AF_INET
    fields: dict[str, object] = {
        "family": family,
        "dst_len": item.destination.length,
        "table": item.table if item.table < 256 else RT_TABLE_COMPAT,
        "proto": ROUTE_PROTOCOL,
        "scope": RT_SCOPE_LINK if on_link else RT_SCOPE_UNIVERSE,
        "type": item.type,
    }
    attributes: list[tuple[str, object]] = []
    if item.table > 255:
        attributes.append(("RTA_TABLE", item.table))
    if item.destination.length:
        attributes.append(("RTA_DST", format_ip(item.destination.address)))
    if item.metric:
        attributes.append(("RTA_PRIORITY", item.metric))
    if index:
        attributes.append(("RTA_OIF", index))
    if item.via is not None and family_of(item.via) == family:
        attributes.append(("RTA_GATEWAY", format_ip(item.via)))
        if item.via[:2] == HOP4_PREFIX:  # on no network of ours: it is reached because we say so
            fields["flags"] = RTNH_F_ONLINK
    elif item.via is not None:  # an IPv4 route through an IPv6 next hop (RFC 5549 in spirit)
        attributes.append(("RTA_VIA", {"family": AF_INET6, "addr": format_ip(item.via)}))
    if item.prefsrc is not None:
        attributes.append(("RTA_PREFSRC", format_ip(item.prefsrc)))
    return message(rtmsg, fields, attributes)


def pull_route(msg: nlmsg, names: dict[int, str]) -> Route | None:
    """The Route of an rtmsg; None if it is not ours. names: of interfaces, by index."""
    table = msg.get_attr("RTA_TABLE") or msg["table"]
    if msg["family"] not in {AF_INET, AF_INET6} or not (table == MAIN_TABLE or is_our_table(table)):
        return None
    text = msg.get_attr("RTA_DST")
    address = parse_ip(text) if text else bytes(4 if msg["family"] == AF_INET else 16)
    foreign_inner = table == MAIN_TABLE and is_inner(address) and msg["proto"] != RTPROT_KERNEL
    if msg["proto"] != ROUTE_PROTOCOL and not foreign_inner:
        return None
    gateway = msg.get_attr("RTA_GATEWAY")
    via = msg.get_attr("RTA_VIA")
    if via is not None:
        gateway = via["addr"]
    prefsrc = msg.get_attr("RTA_PREFSRC")
    return Route(
        Prefix(address, msg["dst_len"]),
        msg.get_attr("RTA_PRIORITY") or 0,
        msg["type"],
        names.get(msg.get_attr("RTA_OIF") or 0, ""),
        parse_ip(gateway) if gateway else None,
        parse_ip(prefsrc) if prefsrc else None,
        table,
    )


def push_rule(item: Rule) -> nlmsg:
    """The fibmsg of a rule."""
    fields: dict[str, object] = {"family": item.family, "table": RT_TABLE_COMPAT, "action": FR_ACT_TO_TBL}
    where: list[tuple[str, object]] = [("FRA_IIFNAME", item.iif)] if item.iif else []
    return message(fibmsg, fields, where + [
        ("FRA_TABLE", item.table),
        ("FRA_PRIORITY", item.priority),
        ("FRA_FWMARK", item.mark),
        ("FRA_FWMASK", item.mask),
        ("FRA_PROTOCOL", ROUTE_PROTOCOL),
    ])


def pull_rule(msg: nlmsg) -> Rule | None:
    """The Rule of a fibmsg; None if it is not ours, or looks at more than mark and arrival: none of ours does."""
    table, iif = msg.get_attr("FRA_TABLE") or 0, msg.get_attr("FRA_IIFNAME") or ""
    mark, mask = msg.get_attr("FRA_FWMARK") or 0, msg.get_attr("FRA_FWMASK") or 0
    if msg.get_attr("FRA_PROTOCOL") != ROUTE_PROTOCOL or not is_our_table(table):
        return None
    if not mask or mark & ~mask or not (mark or iif):
        return None
    if msg["family"] not in {AF_INET, AF_INET6} or msg["action"] != FR_ACT_TO_TBL or msg["flags"] & FIB_RULE_INVERT:
        return None
    if msg["src_len"] or msg["dst_len"] or msg.get_attr("FRA_OIFNAME"):
        return None
    return Rule(msg["family"], msg.get_attr("FRA_PRIORITY") or 0, mark, mask, table, iif)


class Routing:
    """Links, addresses, neighbours, routes and rules over one rtnetlink socket. session_links: names of our sessions'
    interfaces.
    """

    def __init__(self) -> None:
        # Strict checking lets the kernel leave out foreign routes instead of handing us a whole routing table.
        self._transport = Transport(NETLINK_ROUTE, "route", {
            RTM_NEWLINK: ifinfmsg,
            RTM_NEWADDR: ifaddrmsg,
            RTM_NEWNEIGH: ndmsg,
            RTM_NEWROUTE: rtmsg,
            RTM_NEWRULE: fibmsg,
        }, strict=True)
        self._lister = Lister(NETLINK_ROUTE, "neighbour")

    def close(self) -> None:
        """Give the sockets back."""
        self._transport.close()
        self._lister.close()

    # ----- lists

    def links(self) -> dict[int, str]:
        """Names of all interfaces by index."""
        listed = self._transport.request(ifinfmsg(), RTM_GETLINK, LIST, "list the interfaces")
        return {msg["index"]: msg.get_attr("IFLA_IFNAME") for msg in listed}

    def addresses(self) -> list[tuple[str, bytes, int]]:
        """(interface name, address, prefix length) of all addresses."""
        return [row[:3] for row in self._list_addresses()]

    def _list_addresses(self) -> list[tuple[str, bytes, int, int]]:
        """The same with the metric, 0 where there is none."""
        names = self.links()
        out = []
        for msg in self._transport.request(ifaddrmsg(), RTM_GETADDR, LIST, "list the addresses"):
            # For IPv4 on a point-to-point link IFA_ADDRESS is the other end; IPv6 has no IFA_LOCAL there.
            text = msg.get_attr("IFA_LOCAL") or msg.get_attr("IFA_ADDRESS")
            if text and msg["index"] in names:
                metric = msg.get_attr("IFA_RT_PRIORITY") or 0
                out.append((names[msg["index"]], parse_ip(text), msg["prefixlen"], metric))
        return out

    def dump(self, kind: str, session_links: list[str]) -> list[KernelObject]:
        """Ours of one of the five kinds."""
        if kind == "link":
            return self._dump_links(session_links)
        if kind == "address":
            listed = self._list_addresses()
            ours = [row for row in listed if is_our_address(row[0], row[1], row[3], session_links)]
            return [Address(row[0], row[1], row[2]) for row in ours]
        if kind == "neighbour":
            return self._dump_neighbours(session_links)
        return self._dump_routes() if kind == "route" else self._dump_rules()

    def _dump_links(self, session_links: list[str]) -> list[KernelObject]:
        out: list[KernelObject] = []
        for name in session_links:
            msg = self._find_link(name)
            if msg is not None:
                out.append(pull_link(msg))
        return out

    def _dump_neighbours(self, session_links: list[str]) -> list[KernelObject]:
        out: list[KernelObject] = []
        if not session_links:
            return out
        names = self.links()
        for msg in self._transport.request(ndmsg(), RTM_GETNEIGH, LIST, "list the neighbours"):
            name = names.get(msg["ifindex"], "")
            if msg["state"] == NUD_PERMANENT and name in session_links and msg["family"] in {AF_INET, AF_INET6}:
                mac = parse_mac(msg.get_attr("NDA_LLADDR"))
                out.append(Neighbour(name, parse_ip(msg.get_attr("NDA_DST")), mac))
        return out

    def _dump_routes(self) -> list[KernelObject]:
        names = self.links()
        found: dict[tuple[object, ...], KernelObject] = {}
        for family, table, protocol in _ROUTE_LISTS:
            ask = message(rtmsg, {"family": family, "table": table, "proto": protocol}, [])
            try:
                listed = self._transport.request(ask, RTM_GETROUTE, LIST, "list the routes")
            except KernelError as error:
                if error.number != ENOENT:  # no main table yet: a router without any route
                    raise
                continue
            for msg in listed:
                route = pull_route(msg, names)
                if route is not None:
                    found[route.key()] = route
        return list(found.values())

    def _dump_rules(self) -> list[KernelObject]:
        out: list[KernelObject] = []
        try:
            listed = self._transport.request(fibmsg(), RTM_GETRULE, LIST, "list the rules")
        except KernelError as error:
            if error.number != EOPNOTSUPP:  # a kernel without rules has none of ours, and tunnels need none
                raise
            return out
        for msg in listed:
            rule = pull_rule(msg)
            if rule is not None:
                out.append(rule)
        return out

    def _find_link(self, name: str) -> nlmsg | None:
        try:
            ask = message(ifinfmsg, {}, [("IFLA_IFNAME", name)])
            found = self._transport.request(ask, RTM_GETLINK, GET, "look up " + name)
        except KernelError as error:
            if error.number == ENODEV:
                return None
            raise
        return found[0] if found else None

    def _index(self, name: str, doing: str, kind: str) -> int:
        msg = self._find_link(name)
        if msg is None:
            raise KernelError(ENODEV, doing, kind=kind)
        index: int = msg["index"]
        return index

    # ----- changes

    def add(self, item: KernelObject) -> None:
        """In force when it returns."""
        doing = "add %s %s" % (item.kind, item.words())
        if isinstance(item, Link):
            self._set_link(item, doing)
        elif isinstance(item, Address):
            ask = push_address(item, self._index(item.ifname, doing, item.kind))
            self._request(ask, RTM_NEWADDR, CREATE, doing, item.kind)
        elif isinstance(item, Neighbour):
            if self._find_neighbour(item) is not None:
                raise KernelError(EEXIST, doing, kind=item.kind)
            # What neighbour discovery has learned meanwhile must not stand in the way.
            ask = push_neighbour(item, self._index(item.ifname, doing, item.kind))
            self._request(ask, RTM_NEWNEIGH, REPLACE, doing, item.kind)
        elif isinstance(item, Route):
            self._request(push_route(item, self._route_index(item, doing)), RTM_NEWROUTE, CREATE, doing, item.kind)
        elif isinstance(item, Rule):
            self._request(push_rule(item), RTM_NEWRULE, CREATE, doing, item.kind)

    def replace(self, item: KernelObject, session_links: list[str]) -> None:
        """In force instead of our own with this key."""
        doing = "replace %s %s" % (item.kind, item.words())
        if isinstance(item, Link):
            self._set_link(item, doing)
            return
        before = [other for other in self.dump(item.kind, session_links) if other.key() == item.key()]
        if not before:
            raise KernelError(ENOENT, doing, kind=item.kind, detail="there is none of ours")
        if isinstance(item, Neighbour):
            ask = push_neighbour(item, self._index(item.ifname, doing, item.kind))
            self._request(ask, RTM_NEWNEIGH, REPLACE, doing, item.kind)
        elif isinstance(item, Route):
            self._request(push_route(item, self._route_index(item, doing)), RTM_NEWROUTE, REPLACE, doing, item.kind)
        else:
            raise KernelError(EINVAL, doing, kind=item.kind)

    def remove(self, item: KernelObject) -> None:
        """Gone when it returns; the caller has seen to it that it is ours."""
        doing = "remove %s %s" % (item.kind, item.words())
        try:
            if isinstance(item, Link):
                self._change_link(self._index(item.ifname, doing, "link"), {"change": IFF_UP}, [], doing)
            elif isinstance(item, Address):
                ask = push_address(item, self._index(item.ifname, doing, item.kind))
                self._request(ask, RTM_DELADDR, DO, doing, item.kind)
            elif isinstance(item, Neighbour) and self._find_neighbour(item) is not None:
                ask = push_neighbour(item, self._index(item.ifname, doing, item.kind))
                self._request(ask, RTM_DELNEIGH, DO, doing, item.kind)
            elif isinstance(item, Route):
                self._remove_route(item, doing)
            elif isinstance(item, Rule):
                self._request(push_rule(item), RTM_DELRULE, DO, doing, item.kind)
        except KernelError as error:
            if error.number not in _GONE:
                raise

    def _remove_route(self, item: Route, doing: str) -> None:
        ask = push_route(Route(item.destination, item.metric, UNICAST, table=item.table), 0)
        ask["type"] = 0  # any
        ask["scope"] = RT_SCOPE_NOWHERE  # any
        if is_inner(item.destination.address) and item.table == MAIN_TABLE:
            ask["proto"] = 0  # ours whoever made it
        self._request(ask, RTM_DELROUTE, DO, doing, "route")

    def _set_link(self, item: Link, doing: str) -> None:
        msg = self._find_link(item.ifname)
        if msg is None:
            raise KernelError(ENODEV, doing, kind="link")
        now = pull_link(msg)
        for name, value in _SYSCTLS:
            _write_sysctl(_SYSCTL_PATH % (item.ifname, name), value, doing)
        if must_go_down(now, item):
            self._change_link(msg["index"], {"change": IFF_UP}, [], doing)
        attributes: list[tuple[str, object]] = []
        if now.mac != item.mac:
            attributes.append(("IFLA_ADDRESS", format_mac(item.mac)))
        if now.mtu != item.mtu:
            attributes.append(("IFLA_MTU", item.mtu))
        if attributes:
            self._change_link(msg["index"], {}, attributes, doing)
        if item.up:
            self._change_link(msg["index"], {"flags": IFF_UP, "change": IFF_UP}, [], doing)

    def _change_link(
        self, index: int, fields: dict[str, object], attributes: list[tuple[str, object]], doing: str
    ) -> None:
        self._request(push_link(index, fields, attributes), RTM_NEWLINK, DO, doing, "link")

    def _route_index(self, item: Route, doing: str) -> int:
        return self._index(item.oif, doing, "route") if item.oif else 0

    def _find_neighbour(self, item: Neighbour) -> KernelObject | None:
        for other in self._dump_neighbours([item.ifname]):
            if other.key() == item.key():
                return other
        return None

    def _request(self, msg: nlmsg, number: int, flags: int, doing: str, kind: str) -> list[nlmsg]:
        try:
            return self._transport.request(msg, number, flags, doing)
        except KernelError as error:
            raise KernelError(error.number, doing, kind=kind, detail=error.detail) from None

    # ----- questions

    def neighbours(self) -> list[tuple[str, bytes, bytes]]:
        """(interface name, address, MAC address) of everybody on a wire."""
        names = self.links()
        found = self._lister.collect(ndmsg(), RTM_GETNEIGH, "list the neighbours", pull_neighbour)
        return [(names[index], address, mac) for index, address, mac in found if index in names]

    def way_to(self, address: bytes) -> Way:
        """The route the kernel would take, its source address, and the MTU of the route or of its interface."""
        doing = "find the way to %s" % format_ip(address)
        fields: dict[str, object] = {"family": family_of(address), "dst_len": 8 * len(address)}
        ask = message(rtmsg, fields, [("RTA_DST", format_ip(address))])
        found = self._transport.request(ask, RTM_GETROUTE, GET, doing)
        source = found[0].get_attr("RTA_PREFSRC")
        index = found[0].get_attr("RTA_OIF")
        msg = self._transport.request(message(ifinfmsg, {"index": index}, []), RTM_GETLINK, GET, doing)[0]
        metrics = found[0].get_attr("RTA_METRICS")
        mtu = (metrics.get_attr("RTAX_MTU") if metrics is not None else None) or msg.get_attr("IFLA_MTU")
        if not source:
            raise KernelError(EADDRNOTAVAIL, doing, "give the router an address of its own on that network", "route")
        return Way(parse_ip(source), msg.get_attr("IFLA_IFNAME"), mtu)


def _write_sysctl(path: str, value: str, doing: str) -> None:
    try:
        with open(path, "r+") as file:
            if file.read().strip() != value:
                file.seek(0)
                file.write(value)
    except OSError as error:
        raise KernelError(error.errno or 0, doing, "IPv6 must be enabled in the kernel", "link", path) from None
