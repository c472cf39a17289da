"""Connection tracking in the kernel: what passes through this router, and how one connection is ended.

    linux/netfilter/nfnetlink_conntrack.h; a list of both families takes one request
"""
from __future__ import annotations

import sys

from isthmus.kernel.contract import EINVAL, ENOENT, KernelError
from isthmus.kernel.flows import is_with
from isthmus.kernel.lean import (
    CTA_IP_V4_SRC,
    CTA_PROTO_NUM,
    CTA_PROTO_SRC_PORT,
    CTA_TUPLE_IP,
    CTA_TUPLE_PROTO,
    pull_flow,
)
from isthmus.kernel.objects import AF_INET, AF_INET6
from isthmus.kernel.real_list import Lister
from isthmus.kernel.real_netlink import NETLINK_NETFILTER, family_of, message, nlmsg
from isthmus.wire.addr import IPV4_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.kernel.flows import Flow

NFNL_SUBSYS_CTNETLINK = 1  # linux/netfilter/nfnetlink.h
IPCTNL_MSG_CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1
IPCTNL_MSG_CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2
CTA_FILTER_ORIG_FLAGS, CTA_FILTER_REPLY_FLAGS = 1, 2  # enum ctattr_filter
# net/netfilter/nf_internals.h: CTA_FILTER_F_CTA_IP_SRC, _PROTO_NUM, _PROTO_SRC_PORT
_BY_SOURCE, _BY_PROTOCOL, _BY_SPORT = 1 << 0, 1 << 3, 1 << 4


class ctmsg(nlmsg):  # noqa: N801 - pyroute2's style
    """struct nfgenmsg, and of enum ctattr_type what is sent. The filter alone must say that it is NLA_F_NESTED."""

    fields = (("nfgen_family", "B"), ("version", "B"), ("res_id", "H"))

    nla_map = (
        (1, "CTA_TUPLE_ORIG", "cdata"),
        (2, "CTA_TUPLE_REPLY", "cdata"),
        (18, "CTA_ZONE", "cdata"),
        (0x8000 | 25, "CTA_FILTER", "cdata"),
    )


def push_question(source: bytes | None) -> nlmsg:
    """The ctmsg that asks for all connections, or for those of one address's family, and from that address where the
    kernel can tell: for IPv4 since Linux 5.8. For IPv6 it leaves out the very ones that are asked for (seen on 6.18:
    net/netfilter/nf_conntrack_netlink.c ctnetlink_filter_match_tuple() takes "equal" for "different").
    """
    if source is None:
        return message(ctmsg, {}, [])
    attributes: list[tuple[str, object]] = []
    if len(source) == IPV4_BYTES:
        attributes = [
            ("CTA_TUPLE_ORIG", _attribute(CTA_TUPLE_IP, _attribute(CTA_IP_V4_SRC, source))),
            ("CTA_FILTER", _attribute(CTA_FILTER_ORIG_FLAGS, _BY_SOURCE.to_bytes(4, sys.byteorder))),
        ]
    return message(ctmsg, {"nfgen_family": family_of(source)}, attributes)


def push_question_for(server: tuple[int, int], family: int) -> nlmsg:
    """The same for those of one family that a server answers: (IP protocol, port or 0). Since Linux 5.8."""
    number, port = server
    ends = _attribute(CTA_PROTO_NUM, bytes([number]))
    ends += _attribute(CTA_PROTO_SRC_PORT, port.to_bytes(2, "big")) if port else b""
    flags = _BY_PROTOCOL | (_BY_SPORT if port else 0)
    return message(ctmsg, {"nfgen_family": family}, [
        ("CTA_TUPLE_REPLY", _attribute(CTA_TUPLE_PROTO, ends)),
        ("CTA_FILTER", _attribute(CTA_FILTER_REPLY_FLAGS, flags.to_bytes(4, sys.byteorder))),
    ])  # fmt: skip


def _attribute(number: int, payload: bytes) -> bytes:
    """One, filled up to whole words."""
    head = (4 + len(payload)).to_bytes(2, sys.byteorder) + number.to_bytes(2, sys.byteorder)
    return head + payload + bytes(-len(payload) % 4)


def push_flow(flow: Flow) -> nlmsg:
    """The ctmsg that names a connection by its source and destination, as the kernel listed them. Its id would tell no
    more: another connection between the same two may get the same. Raises ValueError for a Flow that no list of the
    kernel's has brought: a message that names none would end them all.
    """
    if not flow.handle:
        raise ValueError("a connection that the kernel has not listed")
    attributes: list[tuple[str, object]] = [("CTA_TUPLE_ORIG", flow.handle)]
    if flow.zone:
        attributes.append(("CTA_ZONE", flow.zone.to_bytes(2, "big")))
    return message(ctmsg, {"nfgen_family": flow.family}, attributes)


COUNT = "/proc/sys/net/netfilter/nf_conntrack_count"  # of this network namespace


class Conntrack:
    """The connections, over one socket."""

    def __init__(self) -> None:
        self._lister = Lister(NETLINK_NETFILTER, "flow")

    def close(self) -> None:
        """Give the socket back."""
        self._lister.close()

    def is_on(self) -> bool:
        """Whether there are any: the kernel follows them only where some rule wants it."""
        try:
            with open(COUNT) as file:
                return int(file.read()) > 0
        except (OSError, ValueError):  # without the module there is no such file
            return False

    def flows(
        self, fits: Callable[[Flow], bool] | None = None, source: bytes | None = None,
        server: tuple[int, int] | None = None,
    ) -> list[Flow]:
        """Those that fit; of both families, or of one source."""

        def pull(data: bytes, begin: int, end: int) -> Flow | None:
            flow = pull_flow(data, begin, end)
            if flow is None or (source is not None and flow.source != source) or not is_with(flow, server):
                return None
            return flow if fits is None or fits(flow) else None

        questions = [push_question(source)]
        if server is not None:  # of both families at once it takes no such question
            questions = [push_question_for(server, family) for family in (AF_INET, AF_INET6)]
        found: list[Flow] = []
        for question in questions:
            found += self._lister.collect(question, IPCTNL_MSG_CT_GET, "list the connections", pull)
        return found

    def end(self, flow: Flow) -> None:
        """Gone when it returns."""
        doing = "end the connection " + flow.words()
        try:
            self._lister.do(push_flow(flow), IPCTNL_MSG_CT_DELETE, doing)
        except ValueError as error:
            raise KernelError(EINVAL, doing, "list the connections first", "flow", str(error)) from None
        except KernelError as error:
            if error.number != ENOENT:
                raise
