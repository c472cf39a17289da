"""What the kernel tells by itself: which kinds of objects may have changed.

Sockets, each bound to the groups that matter; nothing but the type of a message is read, since whoever gets an event
lists the objects again anyway. Mappings alone are read whole: no list tells them.
"""
from __future__ import annotations

import sys

from isthmus.kernel import real_route as rt
from isthmus.kernel import xfrm_messages as xfrm
from isthmus.kernel.contract import ENOBUFS, NAMES, KernelError
from isthmus.kernel.objects import is_our_reqid
from isthmus.kernel.real_netlink import (
    AF_INET,
    NETLINK_GENERIC,
    NETLINK_NETFILTER,
    NETLINK_ROUTE,
    NETLINK_XFRM,
    NetlinkSocket,
)
from isthmus.kernel.ways import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    Kinds = tuple[str, ...]
    Types = dict[int, Kinds]

# linux/rtnetlink.h, linux/xfrm.h, linux/netfilter/nfnetlink.h: multicast groups
RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE = 1, 5, 7, 8
RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE = 9, 11, 19
NFNLGRP_NFTABLES = 7

SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
MSG_DONTWAIT = 0x40
_BUFFER = 65536
_MOST_READS = 1000  # in one call: a flood may not keep the daemon's timers waiting

# A link that goes down takes its routes along without a word about them.
_LINK_KINDS = ("link", "session", "address", "neighbour", "route", "way")

_ROUTE_KINDS: Types = {
    rt.RTM_NEWLINK: _LINK_KINDS,
    rt.RTM_DELLINK: _LINK_KINDS,
    rt.RTM_NEWADDR: ("address", "route", "way"),
    rt.RTM_DELADDR: ("address", "route", "way"),
    rt.RTM_NEWROUTE: ("route", "way"),
    rt.RTM_DELROUTE: ("route", "way"),
    rt.RTM_NEWRULE: ("rule", "way"),
    rt.RTM_DELRULE: ("rule", "way"),
}
_XFRM_KINDS: Types = {
    xfrm.XFRM_MSG_NEWSA: ("sa",),
    xfrm.XFRM_MSG_UPDSA: ("sa",),
    xfrm.XFRM_MSG_DELSA: ("sa",),
    xfrm.XFRM_MSG_FLUSHSA: ("sa",),
    xfrm.XFRM_MSG_NEWPOLICY: ("policy",),
    xfrm.XFRM_MSG_UPDPOLICY: ("policy",),
    xfrm.XFRM_MSG_DELPOLICY: ("policy",),
    xfrm.XFRM_MSG_FLUSHPOLICY: ("policy",),
}

# (family, groups, {type: kinds} or None, kinds of any other message and of a lost one)
_ROWS: tuple[tuple[int, tuple[int, ...], Types, Kinds], ...] = (
    (
        NETLINK_ROUTE,
        (RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE,
         RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE),
        _ROUTE_KINDS,
        _LINK_KINDS + ("rule",),
    ),
    (NETLINK_XFRM, (xfrm.XFRMNLGRP_SA, xfrm.XFRMNLGRP_POLICY), _XFRM_KINDS, ("sa", "policy")),
    (NETLINK_XFRM, (xfrm.XFRMNLGRP_MAPPING,), {xfrm.XFRM_MSG_MAPPING: ("mapping",)}, ()),
    (NETLINK_NETFILTER, (NFNLGRP_NFTABLES,), {}, ("guard",)),
)
_L2TP_KINDS = ("tunnel", "session", "link")


class Events:
    """The sockets. l2tp_group: number of the generic netlink group, 0 where the kernel has none."""

    def __init__(self, l2tp_group: int) -> None:
        rows = list(_ROWS)
        if l2tp_group:
            rows.append((NETLINK_GENERIC, (l2tp_group,), {}, _L2TP_KINDS))
        self._sockets: dict[int, NetlinkSocket] = {}
        self._rows: dict[int, tuple[Types, Kinds]] = {}
        self._mappings: dict[tuple[bytes, int], Mapping] = {}
        for family, groups, by_type, otherwise in rows:
            doing = "listen to the kernel's own messages (netlink family %d)" % family
            try:
                socket = NetlinkSocket(family=family)
                socket.bind()
                for group in groups:
                    socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
            except OSError as error:
                self.close()
                raise KernelError(error.errno or 0, doing, kind="policy" if family == NETLINK_XFRM else "") from None
            self._sockets[socket.fileno()] = socket
            self._rows[socket.fileno()] = (by_type, otherwise)

    def fds(self) -> list[int]:
        """To be polled for reading."""
        return list(self._sockets)

    def read(self, fd: int) -> set[str]:
        """The kinds that may have changed; everything of the family after messages were lost."""
        by_type, otherwise = self._rows[fd]
        changed: set[str] = set()
        for _ in range(_MOST_READS):
            try:
                data = self._sockets[fd].recv(_BUFFER, MSG_DONTWAIT)
            except OSError as error:
                if error.errno != ENOBUFS:
                    if NAMES.get(error.errno or 0, "") != "EAGAIN":
                        raise KernelError(error.errno or 0, "read the kernel's own messages") from None
                    break
                changed.update(otherwise)  # the receive buffer ran over; what is left of it can be read on
                continue
            for number, start, end in messages(data):
                changed.update(by_type.get(number, otherwise if not by_type else ()))
                mapping = pull_mapping(data[start:end]) if number == xfrm.XFRM_MSG_MAPPING else None
                if mapping is not None:
                    self._mappings[mapping.destination, mapping.spi] = mapping
        return changed

    def take_mappings(self) -> list[Mapping]:
        """The newest of each SA since the last call."""
        mappings, self._mappings = list(self._mappings.values()), {}
        return mappings

    def close(self) -> None:
        """Give the descriptors back."""
        for socket in self._sockets.values():
            socket.close()
        self._sockets = {}


def messages(data: bytes) -> list[tuple[int, int, int]]:
    """(type, begin and end of the body) of the messages in one datagram of netlink (struct nlmsghdr, host byte order);
    a broken tail ends the list.
    """
    order = sys.byteorder
    out = []
    offset = 0
    while offset + 16 <= len(data):
        length = int.from_bytes(data[offset : offset + 4], order)
        if length < 16 or offset + length > len(data):
            break
        out.append((int.from_bytes(data[offset + 4 : offset + 6], order), offset + 16, offset + length))
        offset += (length + 3) & ~3
    return out


def pull_mapping(body: bytes) -> Mapping | None:
    """From struct xfrm_user_mapping, 64 bytes: xfrm_usersa_id (destination 16, SPI 4, family 2, protocol 1, padding 1),
    reqid 4, old source 16, new source 16, old port 2, new port 2; SPI and ports in network order. None if it is not of
    an SA of ours.
    """
    order = sys.byteorder
    if len(body) < 64 or not is_our_reqid(int.from_bytes(body[24:28], order)):
        return None
    size = 4 if int.from_bytes(body[20:22], order) == AF_INET else 16
    source = (bytes(body[44 : 44 + size]), int.from_bytes(body[62:64], "big"))
    return Mapping(bytes(body[:size]), int.from_bytes(body[16:20], "big"), source)
