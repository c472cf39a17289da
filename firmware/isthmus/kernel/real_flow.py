"""Connection tracking in the kernel: what passes through this router, and how one connection is ended.

    linux/netfilter/nfnetlink_conntrack.h; a list of both families takes one request
"""
from __future__ import annotations

from isthmus.kernel.contract import EINVAL, ENOENT, KernelError
from isthmus.kernel.lean import pull_flow
from isthmus.kernel.real_list import Lister
from isthmus.kernel.real_netlink import NETLINK_NETFILTER, message, nlmsg

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.kernel.flows import Flow

NFNL_SUBSYS_CTNETLINK = 1  # linux/netfilter/nfnetlink.h
IPCTNL_MSG_CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1
IPCTNL_MSG_CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2


class ctmsg(nlmsg):  # noqa: N801 - pyroute2's style
    """struct nfgenmsg, and of enum ctattr_type what is sent."""

    fields = (("nfgen_family", "B"), ("version", "B"), ("res_id", "H"))

    nla_map = ((1, "CTA_TUPLE_ORIG", "cdata"), (18, "CTA_ZONE", "cdata"))


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


class Conntrack:
    """The connections, over one socket."""

    def __init__(self) -> None:
        self._lister = Lister(NETLINK_NETFILTER, "flow")

    def close(self) -> None:
        """Give the socket back."""
        self._lister.close()

    def flows(self, fits: Callable[[Flow], bool] | None = None) -> list[Flow]:
        """Those that fit, of both families."""

        def pull(data: bytes, begin: int, end: int) -> Flow | None:
            flow = pull_flow(data, begin, end)
            return flow if flow is not None and (fits is None or fits(flow)) else None

        return self._lister.collect(ctmsg(), IPCTNL_MSG_CT_GET, "list the connections", pull)

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
