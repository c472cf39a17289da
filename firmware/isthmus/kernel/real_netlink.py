"""What is taken from pyroute2, all of it, and one request at a time over it. No other file imports pyroute2.

These calls, and no others, shared by 0.7.9 (synchronous core) and 0.9.x (asyncio core), are what shims/pyroute2
offers too:

    pyroute2.netlink            nlmsg, nla (subclassed with `fields` and `nla_map`), ctrlmsg; message.get_attr(name);
                                message["header"]["type"], message.encode(), message.data
    pyroute2.netlink.exceptions NetlinkError (.code, str), NetlinkDumpInterrupted
    pyroute2.netlink.nlsocket   NetlinkSocket(family=, ext_ack=, strict_check=), .bind(), .register_policy({type:
    class}),
                                .nlm_request(message, type, flags), .setsockopt(), .fileno(), .recv(size, flags),
                                .close()
    pyroute2.netlink.rtnl       ifinfmsg.ifinfmsg, ifaddrmsg.ifaddrmsg, ndmsg.ndmsg, rtmsg.rtmsg, fibmsg.fibmsg

Importing pyroute2 whole runs its __init__, which imports everything it has. Measured on CPython 3.11: 33 MB resident
and 0.25 s (0.7.9: 34 MB, 0.25 s) against 13 MB for the interpreter alone; without that __init__ 24 MB and 0.15 s
(0.7.9: 14 MB, 0.06 s). So an empty package stands in for it, with the real one's search path.
"""
from __future__ import annotations

import sys

from isthmus.kernel.contract import ETIMEDOUT, KernelError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    class nlmsg(dict[str, Any]):  # noqa: N801 - pyroute2's name
        """pyroute2 carries no types: what is used of a message, for the type checker."""

        data: bytearray

        def encode(self) -> None:
            """Fill `data`."""

        def get_attr(self, attr: str, default: Any = None) -> Any:  # noqa: ANN401
            """The first attribute of that name."""

    class nla(nlmsg):  # noqa: N801
        """The same for an attribute."""

    class NetlinkSocket:
        """What is used of the socket."""

        # ruff: noqa: D102 - declarations for the type checker
        def __init__(self, family: int, ext_ack: bool = False, strict_check: bool = False) -> None: ...
        def bind(self) -> None: ...
        def register_policy(self, policy: dict[int, type[nlmsg]]) -> None: ...
        def nlm_request(self, msg: nlmsg, msg_type: int, msg_flags: int) -> list[nlmsg]: ...
        def setsockopt(self, level: int, option: int, value: int) -> None: ...
        def fileno(self) -> int: ...
        def recv(self, size: int, flags: int) -> bytes: ...
        def close(self) -> None: ...

    class NetlinkError(Exception):
        """What is used of the error."""

        code: int

    class NetlinkDumpInterrupted(Exception):
        """A dump that changed under its reader."""

    ctrlmsg = fibmsg = ifinfmsg = ifaddrmsg = ndmsg = rtmsg = nlmsg


def _skip_package_init(name: str) -> None:
    """Put an empty package with the search path of the real one in its place, unless it is loaded already."""
    if name in sys.modules:
        return
    try:
        from _frozen_importlib_external import PathFinder  # importlib.machinery's, without loading that
    except ImportError:  # an interpreter without it has the shim, which is light by itself
        return
    spec = PathFinder.find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        return
    package = type(sys)(name)
    package.__path__ = list(spec.submodule_search_locations)
    package.__spec__ = spec
    sys.modules[name] = package


if not TYPE_CHECKING:
    _skip_package_init("pyroute2")
    from pyroute2.netlink import ctrlmsg, nla, nlmsg
    from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError
    from pyroute2.netlink.nlsocket import NetlinkSocket
    from pyroute2.netlink.rtnl.fibmsg import fibmsg
    from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
    from pyroute2.netlink.rtnl.ndmsg import ndmsg
    from pyroute2.netlink.rtnl.rtmsg import rtmsg

    if "IFA_RT_PRIORITY" not in [row[-2] for row in ifaddrmsg.nla_map]:
        # 0.7.9 ends at IFA_FLAGS, and says nothing of what it leaves out of a message.
        class ifaddrmsg(ifaddrmsg):  # noqa: N801 - pyroute2's name
            """With the metric of an address (linux/if_addr.h)."""

            nla_map = tuple(ifaddrmsg.nla_map) + (("IFA_RT_PRIORITY", "uint32"),)

__all__ = [
    "NetlinkSocket", "Transport", "ctrlmsg", "fibmsg", "ifaddrmsg", "ifinfmsg", "ndmsg", "nla", "nlmsg", "rtmsg",
]

# linux/netlink.h
NETLINK_ROUTE, NETLINK_XFRM, NETLINK_NETFILTER, NETLINK_GENERIC = 0, 6, 12, 16
NLM_F_REQUEST, NLM_F_ACK = 0x1, 0x4
NLM_F_DUMP = 0x300
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE = 0x100, 0x200, 0x400

GET = NLM_F_REQUEST  # without an acknowledgement: the answer is one
LIST = NLM_F_REQUEST | NLM_F_DUMP
DO = NLM_F_REQUEST | NLM_F_ACK
CREATE = DO | NLM_F_CREATE | NLM_F_EXCL
REPLACE = DO | NLM_F_CREATE | NLM_F_REPLACE

AF_INET, AF_INET6 = 2, 10

_TRIES = 5  # of a dump that other programs change while it is read


def family_of(address: bytes) -> int:
    """AF_INET or AF_INET6, by length."""
    return AF_INET if len(address) == 4 else AF_INET6


class Transport:
    """One netlink socket, opened at its first use. messages: {type of an answer: class}."""

    def __init__(self, family: int, kind: str, messages: dict[int, type[nlmsg]], strict: bool = False) -> None:
        self._family = family
        self._kind = kind
        self._messages = messages
        self._strict = strict
        self._socket: NetlinkSocket | None = None

    def register(self, messages: dict[int, type[nlmsg]]) -> None:
        """More answers to understand (generic netlink tells its numbers at run time)."""
        self._messages.update(messages)
        if self._socket is not None:
            self._socket.register_policy(messages)

    def request(self, message: nlmsg, number: int, flags: int, doing: str) -> list[nlmsg]:
        """The answers to one message. Raises KernelError with `doing` in its sentence."""
        for _ in range(_TRIES):
            try:
                return list(self._open().nlm_request(message, number, flags))
            except NetlinkDumpInterrupted:
                continue
            except NetlinkError as error:
                raise KernelError(error.code, doing, kind=self._kind, detail=_kernel_words(error)) from None
            except OSError as error:
                raise KernelError(error.errno or 0, doing, kind=self._kind) from None
        detail = "the list changed %d times while it was read" % _TRIES
        raise KernelError(ETIMEDOUT, doing, kind=self._kind, detail=detail)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> NetlinkSocket:
        if self._socket is None:
            opened = NetlinkSocket(family=self._family, ext_ack=True, strict_check=self._strict)
            opened.bind()
            opened.register_policy(self._messages)
            self._socket = opened
        return self._socket


def _kernel_words(error: NetlinkError) -> str:
    """What the kernel said beside the number (extended acknowledgement), if it did."""
    text = error.args[1] if len(error.args) > 1 else ""
    return text if isinstance(text, str) else ""


def message(kind: type[nlmsg], fields: dict[str, object], attributes: list[tuple[str, object]]) -> nlmsg:
    """A message of a class with these fields and attributes."""
    out = kind()
    for name, value in fields.items():
        out[name] = value
    out["attrs"] = list(attributes)
    return out
