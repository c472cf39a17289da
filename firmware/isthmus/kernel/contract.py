"""What holds when a call to the kernel returns: the contract that the real kernel and the null twin both keep.

    kernel.dump(kind) -> [object, ...]      Isthmus's own and nobody else's
    kernel.add(object)      it is in force. EEXIST if something with this key is there, whoever put it there.
    kernel.replace(object)  it is in force instead of our own object with this key. ENOENT if we have none.
                            Kinds: policy, sa (its UDP ports alone), link, neighbour, route.
    kernel.remove(object)   it is gone; gone already is fine. Nobody else's object is ever removed.

Beside them: the guard's text and the counters in it, and what the router itself has and sees, everybody's: the way to
an address, its addresses, its neighbours, and the connections that pass through it, which can be ended one by one.

What the kernel finds out for itself, so that nobody is surprised by it:

- An SA's keys are cleared by add(), whether it succeeds or not: an SA is installed once, or never. replace(sa) changes
  the UDP ports around it and nothing else: keys, counters and sequence numbers go on. EINVAL where the one or the other
  has none, or anything else differs.
- Removing a tunnel removes its sessions; removing a session removes its link and all that is on that link.
- A link comes with its session, down and with a random MAC. add(link) and replace(link) make it what it should be: the
  same call. Another MAC on a link that is up takes it down in between, and a link that goes down loses its IPv6
  addresses, its neighbours and its routes. remove(link) takes it down; it goes with its session.
- A tunnel needs its local address on this machine and a route to the remote one; one between outer addresses needs the
  outbound policy of ours that vouches for it: a required template, transport mode, protocol 115, exactly these two
  addresses, and the reqid that follows from the two tunnel ids (policy/given.py); a session needs its tunnel; an
  address and a neighbour need their link; a route needs its interface up, and its preferred source on this machine.

What is ours: SAs and policies whose reqid lies in 0x69000000-0x69ffffff; addresses on `lo` and tunnels whose local
address lies in fd69:7374:686d::/48, and tunnels that a policy of ours vouches for; the sessions of those tunnels, their
links, and on them the link-local addresses, the addresses of metric 115, and the permanent neighbours; routes with
protocol number 115 of the main table and of the tables 0x69000000-0x6900007f, and those of the main table into that
prefix which the kernel did not make itself; rules with protocol number 115, by mark and arrival alone, into one of
those tables; the nft table `inet isthmus`. add() and replace() refuse (EINVAL) what dump() would not list.
"""
from __future__ import annotations

import errno

from isthmus.errors import IsthmusError
from isthmus.kernel import objects
from isthmus.kernel.voucher import is_our_tunnel
from isthmus.policy.derive import REQID_FIRST, REQID_LAST
from isthmus.policy.guard import TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.kernel.flows import Flow
    from isthmus.kernel.objects import KernelObject
    from isthmus.kernel.ways import Mapping, Way

REPLACEABLE = ("policy", "sa", "link", "neighbour", "route")

# linux/errno.h: name and number. The numbers past 34 differ on MIPS, so the interpreter's own are used where it has
# them.
_ERRNO_ROWS = (
    ("EPERM", 1), ("ENOENT", 2), ("ESRCH", 3), ("EIO", 5), ("EAGAIN", 11), ("ENOMEM", 12), ("EBUSY", 16),
    ("EEXIST", 17), ("ENODEV", 19), ("EINVAL", 22), ("ERANGE", 34), ("ENOSYS", 38), ("EPROTONOSUPPORT", 93),
    ("EOPNOTSUPP", 95), ("EAFNOSUPPORT", 97), ("EADDRINUSE", 98), ("EADDRNOTAVAIL", 99), ("ENETDOWN", 100),
    ("ENETUNREACH", 101), ("ENOBUFS", 105), ("ETIMEDOUT", 110), ("EHOSTUNREACH", 113),
)
NUMBERS = {}
NAMES = {}
for _name, _number in _ERRNO_ROWS:
    NUMBERS[_name] = getattr(errno, _name, _number)
    NAMES[NUMBERS[_name]] = _name

EPERM, ENOENT, ESRCH, EIO = NUMBERS["EPERM"], NUMBERS["ENOENT"], NUMBERS["ESRCH"], NUMBERS["EIO"]
EEXIST, ENODEV, EINVAL, ENOSYS = NUMBERS["EEXIST"], NUMBERS["ENODEV"], NUMBERS["EINVAL"], NUMBERS["ENOSYS"]
EPROTONOSUPPORT, EOPNOTSUPP = NUMBERS["EPROTONOSUPPORT"], NUMBERS["EOPNOTSUPP"]
EAFNOSUPPORT = NUMBERS["EAFNOSUPPORT"]
EADDRINUSE, EADDRNOTAVAIL = NUMBERS["EADDRINUSE"], NUMBERS["EADDRNOTAVAIL"]
ENETDOWN, ENETUNREACH, EHOSTUNREACH = NUMBERS["ENETDOWN"], NUMBERS["ENETUNREACH"], NUMBERS["EHOSTUNREACH"]
ENOBUFS, ETIMEDOUT = NUMBERS["ENOBUFS"], NUMBERS["ETIMEDOUT"]

_LOAD_IPSEC = "load the kernel modules xfrm_user, esp4 and esp6 (OpenWrt: install kmod-ipsec, kmod-ipsec4, kmod-ipsec6)"
_LOAD_L2TP = (
    "load the kernel modules l2tp_netlink, l2tp_ip6 and l2tp_eth"
    " (OpenWrt: install kmod-l2tp, kmod-l2tp-ip, kmod-l2tp-eth)"
)

_NO_RULES = "the kernel has no policy routing: it must be built with IP_MULTIPLE_TABLES and IPV6_MULTIPLE_TABLES"

# (errno, kind or "" for any, remedy): the first row that fits.
_REMEDIES = (
    (EPERM, "", "CAP_NET_ADMIN is needed: run as root"),
    (EPROTONOSUPPORT, "sa", "the kernel has no ESP: " + _LOAD_IPSEC),
    (EPROTONOSUPPORT, "policy", "the kernel has no IPsec: " + _LOAD_IPSEC),
    (ENOSYS, "sa", "the kernel lacks this cipher: load the modules gcm, seqiv, echainiv, authenc, cbc and sha256"),
    (ENOENT, "sa", "the kernel lacks this cipher: load the modules gcm, seqiv, echainiv, authenc, cbc and sha256"),
    (EEXIST, "sa", "never install an SA twice: negotiate a new one"),
    (EEXIST, "policy", "another program has a policy with this selector: look at `ip xfrm policy`"),
    (EEXIST, "tunnel", "another program uses this tunnel id: set option instance on both sites, or remove that tunnel"),
    (EEXIST, "session", "another program uses this session id or interface name: look at `ip l2tp show session`"),
    (EEXIST, "route", "another program has a route with this destination and metric: look at `ip route`"),
    (EEXIST, "rule", "another program has this rule: look at `ip rule`"),
    (EAFNOSUPPORT, "rule", _NO_RULES),
    (EOPNOTSUPP, "rule", _NO_RULES),
    (EINVAL, "flow", "load the kernel module nf_conntrack_netlink (OpenWrt: install kmod-nf-conntrack-netlink)"),
    (EADDRINUSE, "tunnel", "another program uses these addresses and this tunnel id: look at `ip l2tp show tunnel`"),
    (EADDRNOTAVAIL, "tunnel", "the inner address must be on this router first"),
    (EPROTONOSUPPORT, "tunnel", "the kernel has no L2TP over IP: " + _LOAD_L2TP),
    (EPROTONOSUPPORT, "session", "the kernel has no L2TP Ethernet pseudowire: " + _LOAD_L2TP),
    (EOPNOTSUPP, "session", "the kernel has no L2TP Ethernet pseudowire: " + _LOAD_L2TP),
    (ENOENT, "l2tp", "the kernel has no L2TP: " + _LOAD_L2TP),
    (ENODEV, "", "the interface is not there (any more): it comes with its session"),
    (ENETUNREACH, "", "no route leads there: look at `ip route`"),
    (EHOSTUNREACH, "", "no route leads there: look at `ip route`"),
    (ENETDOWN, "", "the interface must be up first"),
    (ENOENT, "guard", "install the nft program (OpenWrt: nftables-json)"),
    (EPROTONOSUPPORT, "guard", "the kernel has no nftables: load the modules nf_tables and nft_xfrm"),
    (ETIMEDOUT, "", "the kernel did not answer in time: the router is overloaded, it is tried again"),
)

_TABLES = "0x%08x-0x%08x" % (objects.TABLE_FIRST, objects.TABLE_LAST)


class KernelError(IsthmusError):
    """The kernel refused, or what was asked for cannot be.

    number: errno; doing: what was tried, in words, without secrets; kind: of the object, chooses the remedy. `code` is
    "kernel-" and the errno's name in lower case, "kernel-eexist".
    """

    def __init__(self, number: int, doing: str, remedy: str = "", kind: str = "", detail: str = "") -> None:
        name = NAMES.get(number, "E%d" % number)
        message = "the kernel refused (%s) to %s" % (name, doing)
        if detail:
            message += ": " + detail
        super().__init__(message, remedy or find_remedy(number, kind), "kernel-" + name.lower())
        self.number = number
        self.doing = doing
        self.detail = detail


def find_remedy(number: int, kind: str) -> str:
    """What to do about an errno met with an object of this kind; "" where nothing is known."""
    for row_number, row_kind, remedy in _REMEDIES:
        if number == row_number and row_kind in {"", kind}:
            return remedy
    return ""


class Kernel:
    """The seam. Every method raises KernelError where the kernel refuses."""

    def dump(self, kind: str) -> list[KernelObject]:
        """Our own objects of a kind, in no particular order. SAs and sessions carry counters."""
        raise NotImplementedError

    def add(self, item: KernelObject) -> None:
        """Returns when it is in force."""
        raise NotImplementedError

    def replace(self, item: KernelObject) -> None:
        """Returns when it is in force instead of our own object with this key."""
        raise NotImplementedError

    def remove(self, item: KernelObject) -> None:
        """Returns when it is gone; only kind and key count."""
        raise NotImplementedError

    def guard_set(self, text: str) -> None:
        """Make one nft transaction of the text, which names the table `inet isthmus` alone (policy/guard.py)."""
        raise NotImplementedError

    def guard_get(self) -> bytes | None:
        """A digest of the table as the kernel lists it, counters left out; None if there is no such table.

        The same rules give the same digest; what digest a text gives only the kernel knows: set it, then get it.
        """
        raise NotImplementedError

    def counters(self) -> dict[str, tuple[int, int]]:
        """{name: (packets, bytes)} of the named counters in the guard, counted since it was last set, which makes them
        new: read them before, and add up. {} if there is no such table.
        """
        raise NotImplementedError

    def flows(
        self, fits: Callable[[Flow], bool] | None = None, source: bytes | None = None,
        server: tuple[int, int] | None = None,
    ) -> list[Flow]:
        """The connections of both families that pass through this router or end here, in no particular order; `fits`
        says which of them to keep, so that a table of many thousands costs the memory of those alone. source: only what
        this address has begun; for IPv4 the kernel itself looks for that, which takes a hundredth of the time. Not
        both: server: only what such a server answers, (IP protocol, port or 0 for any); the kernel looks for it.
        """
        raise NotImplementedError

    def end_flow(self, flow: Flow) -> None:
        """Forget the connection between these two ends, offloaded or not: its next packet meets every chain again.
        Gone already is fine; one that has come in its place goes as well, and comes again.
        """
        raise NotImplementedError

    def is_tracking(self) -> bool:
        """Whether connections are tracked: somebody's firewall or NAT wants it. Cheap enough to ask each second."""
        raise NotImplementedError

    def neighbours(self) -> list[tuple[str, bytes, bytes]]:
        """(interface name, address, MAC address) of everybody this router has lately known on a wire, both families."""
        raise NotImplementedError

    def way_to(self, address: bytes) -> Way:
        """The route the kernel would take. Raises KernelError(ENETUNREACH) if there is none."""
        raise NotImplementedError

    def local_addresses(self) -> list[tuple[str, bytes, int]]:
        """(interface name, address, prefix length) of every address of this router, whoever set it."""
        raise NotImplementedError

    def event_fds(self) -> list[int]:
        """Descriptors to poll for reading; they live as long as the kernel object does."""
        raise NotImplementedError

    def read_events(self, fd: int) -> set[str]:
        """Kinds ("guard" among them) that may have changed since; empties the descriptor, never blocks.

        "way" stands for any change of the router's own links, addresses and routes. Our own changes are reported like
        others': a caller that finds nothing to do stops there, so they cannot keep each other going. "mapping" stands
        for take_mappings(); the kernel repeats it with each packet, so wait a moment before reading that one again.
        """
        raise NotImplementedError

    def take_mappings(self) -> list[Mapping]:
        """For each inbound SA of which read_events() has said "mapping" since the last call, the newest one."""
        raise NotImplementedError

    def close(self) -> None:
        """Give the descriptors back. What is in the kernel stays there."""
        raise NotImplementedError


def refuse_foreign(
    item: KernelObject, verb: str, session_links: list[str], policies: list[KernelObject] | None = None
) -> None:
    """Raise KernelError for an object that would not be ours; session_links: names of our sessions' interfaces,
    policies: ours, for a tunnel.

    ENODEV for an interface that is none of theirs, whether it exists or not; EINVAL for everything else.
    """
    reason = ""
    number = EINVAL
    if isinstance(item, (objects.Policy, objects.Sa)) and not objects.is_our_reqid(item.reqid):
        reason = "its reqid is not in 0x%08x-0x%08x" % (REQID_FIRST, REQID_LAST)
    elif isinstance(item, objects.Tunnel) and not is_our_tunnel(item, policies or []):
        reason = "its local address is not in %s, and no policy of ours vouches for it" % objects.INNER
    elif isinstance(item, (objects.Link, objects.Address, objects.Neighbour)):
        on_loopback = item.kind == "address" and item.ifname == objects.LOOPBACK
        if item.ifname not in session_links and not on_loopback:
            number = ENODEV
            reason = "%s is not the interface of a session of ours" % item.ifname
        elif on_loopback and isinstance(item, objects.Address) and not objects.is_inner(item.address):
            reason = "ours on lo are those of %s" % objects.INNER
    elif isinstance(item, objects.Rule) and not objects.is_our_table(item.table):
        reason = "its table is not in " + _TABLES
    elif isinstance(item, objects.Route) and item.table != objects.MAIN_TABLE and not objects.is_our_table(item.table):
        reason = "its table is neither the main one nor in " + _TABLES
    if reason:
        raise KernelError(number, "%s %s %s" % (verb, item.kind, item.words()), kind=item.kind, detail=reason)


def is_reencapsulation(before: objects.Sa, after: objects.Sa) -> bool:
    """True where two SAs may differ in the UDP ports around them, and do in nothing else."""
    if before.encap is None or after.encap is None:
        return False
    return (before.source, before.reqid, before.mode) == (after.source, after.reqid, after.mode)


def is_our_address(ifname: str, address: bytes, metric: int, session_links: list[str]) -> bool:
    """True for an inner address on `lo`, and for a link-local one, or one of our metric, on a session's interface."""
    if ifname == objects.LOOPBACK:
        return objects.is_inner(address)
    return ifname in session_links and (objects.LINK_LOCAL.contains(address) or metric == objects.ADDRESS_METRIC)


def refuse_foreign_guard(text: str) -> None:
    """Raise KernelError(EINVAL) if nft text declares, changes or deletes anything but our own table."""
    depth = 0
    for line in text.split("\n"):
        stripped = line.strip()
        ours = stripped in {"table inet " + TABLE, "delete table inet " + TABLE, "table inet " + TABLE + " {"}
        if depth == 0 and stripped and not ours and stripped[:1] != "#":
            detail = "only the table inet %s is ours, not: %s" % (TABLE, stripped[:80])
            raise KernelError(EINVAL, "set the guard", kind="guard", detail=detail)
        depth += stripped.count("{") - stripped.count("}")
    if depth != 0:
        raise KernelError(EINVAL, "set the guard", kind="guard", detail="its braces do not match")
