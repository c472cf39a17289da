"""L2TPv3 tunnels and sessions in the kernel: objects <-> messages of the generic netlink family `l2tp`."""
from __future__ import annotations

import time

from isthmus.kernel import l2tp_messages as l2tp
from isthmus.kernel.contract import EINVAL, ENODEV, ENOENT, ETIMEDOUT, KernelError
from isthmus.kernel.objects import Session, Tunnel, is_inner
from isthmus.kernel.real_netlink import DO, GET, LIST, NETLINK_GENERIC, Transport, ctrlmsg, message
from isthmus.kernel.voucher import is_our_tunnel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.kernel.objects import KernelObject
    from isthmus.kernel.real_netlink import nlmsg

# linux/genetlink.h
GENL_ID_CTRL = 0x10
CTRL_CMD_NEWFAMILY = 1
CTRL_CMD_GETFAMILY = 3

# The kernel takes tunnels and sessions apart in a work queue of its own, after it has answered.
_WAIT_TRIES = 100
_WAIT_SECONDS = 0.02


def push_command(number: int, attributes: list[tuple[str, object]]) -> nlmsg:
    """A message of the family: a command and its attributes."""
    return message(l2tp.l2tpmsg, {"cmd": number, "version": l2tp.L2TP_GENL_VERSION}, attributes)


def push_tunnel(tunnel: Tunnel) -> nlmsg:
    """TUNNEL_CREATE without a descriptor: the kernel owns the socket, so the tunnel outlives us."""
    ipv6 = len(tunnel.local) == 16
    return push_command(l2tp.L2TP_CMD_TUNNEL_CREATE, [
        ("L2TP_ATTR_CONN_ID", tunnel.tunnel_id),
        ("L2TP_ATTR_PEER_CONN_ID", tunnel.peer_tunnel_id),
        ("L2TP_ATTR_PROTO_VERSION", l2tp.L2TP_VERSION),
        ("L2TP_ATTR_ENCAP_TYPE", l2tp.L2TP_ENCAPTYPE_IP),
        ("L2TP_ATTR_IP6_SADDR" if ipv6 else "L2TP_ATTR_IP_SADDR", tunnel.local),
        ("L2TP_ATTR_IP6_DADDR" if ipv6 else "L2TP_ATTR_IP_DADDR", tunnel.remote),
    ])


def pull_tunnel(msg: nlmsg) -> Tunnel | None:
    """The tunnel of an answer; None if it is not of a kind that we make."""
    local = msg.get_attr("L2TP_ATTR_IP6_SADDR") or msg.get_attr("L2TP_ATTR_IP_SADDR")
    remote = msg.get_attr("L2TP_ATTR_IP6_DADDR") or msg.get_attr("L2TP_ATTR_IP_DADDR")
    if local is None or remote is None or msg.get_attr("L2TP_ATTR_PROTO_VERSION") != l2tp.L2TP_VERSION:
        return None
    if msg.get_attr("L2TP_ATTR_ENCAP_TYPE") != l2tp.L2TP_ENCAPTYPE_IP:
        return None
    return Tunnel(msg.get_attr("L2TP_ATTR_CONN_ID"), msg.get_attr("L2TP_ATTR_PEER_CONN_ID"), local, remote)


def push_session(session: Session) -> nlmsg:
    """SESSION_CREATE of an Ethernet pseudowire.

    The kernel does not list the sublayer. What it lists is LNS_MODE, which decides about sequence numbers alone, and
    those travel in the sublayer: in a session without one it changes nothing, and so it can say that there is none.
    """
    attributes: list[tuple[str, object]] = [
        ("L2TP_ATTR_CONN_ID", session.tunnel_id),
        ("L2TP_ATTR_SESSION_ID", session.session_id),
        ("L2TP_ATTR_PEER_SESSION_ID", session.peer_session_id),
        ("L2TP_ATTR_PW_TYPE", l2tp.L2TP_PWTYPE_ETH),
        ("L2TP_ATTR_L2SPEC_TYPE", l2tp.L2TP_L2SPECTYPE_DEFAULT if session.sublayer else l2tp.L2TP_L2SPECTYPE_NONE),
        ("L2TP_ATTR_IFNAME", session.ifname),
    ]
    if not session.sublayer:
        attributes.append(("L2TP_ATTR_LNS_MODE", 1))
    if session.cookie:
        attributes.append(("L2TP_ATTR_COOKIE", session.cookie))
    if session.peer_cookie:
        attributes.append(("L2TP_ATTR_PEER_COOKIE", session.peer_cookie))
    return push_command(l2tp.L2TP_CMD_SESSION_CREATE, attributes)


def pull_session(msg: nlmsg) -> Session:
    """The session of an answer, with its counters."""
    session = Session(
        msg.get_attr("L2TP_ATTR_CONN_ID"),
        msg.get_attr("L2TP_ATTR_SESSION_ID"),
        msg.get_attr("L2TP_ATTR_PEER_SESSION_ID"),
        msg.get_attr("L2TP_ATTR_COOKIE") or b"",
        msg.get_attr("L2TP_ATTR_PEER_COOKIE") or b"",
        msg.get_attr("L2TP_ATTR_IFNAME") or "?",  # its interface has just gone
        not msg.get_attr("L2TP_ATTR_LNS_MODE"),
    )
    stats = msg.get_attr("L2TP_ATTR_STATS")
    if stats is not None:
        session.rx_packets = stats.get_attr("L2TP_ATTR_RX_PACKETS") or 0
        session.rx_bytes = stats.get_attr("L2TP_ATTR_RX_BYTES") or 0
        session.tx_packets = stats.get_attr("L2TP_ATTR_TX_PACKETS") or 0
        session.tx_bytes = stats.get_attr("L2TP_ATTR_TX_BYTES") or 0
        session.rx_wrong_cookie = stats.get_attr("L2TP_ATTR_RX_COOKIE_DISCARDS") or 0
        session.rx_errors = stats.get_attr("L2TP_ATTR_RX_ERRORS") or 0
    return session


class L2tp:
    """Tunnels and sessions over one generic netlink socket. list_policies: ours, which vouch for tunnels between outer
    addresses.
    """

    def __init__(self, list_policies: Callable[[], list[KernelObject]]) -> None:
        self._list_policies = list_policies
        self._transport = Transport(NETLINK_GENERIC, "l2tp", {GENL_ID_CTRL: ctrlmsg})
        self._family = 0

    def close(self) -> None:
        """Give the socket back."""
        self._transport.close()

    def family(self) -> tuple[int, int]:
        """(number of the family, number of its event group). Raises KernelError(ENOENT) if the kernel has no L2TP."""
        name: list[tuple[str, object]] = [("CTRL_ATTR_FAMILY_NAME", l2tp.L2TP_GENL_NAME)]
        ask = message(ctrlmsg, {"cmd": CTRL_CMD_GETFAMILY, "version": 1}, name)
        answer = self._transport.request(ask, GENL_ID_CTRL, GET, "find L2TP")[0]
        number = answer.get_attr("CTRL_ATTR_FAMILY_ID")
        group = 0
        for row in answer.get_attr("CTRL_ATTR_MCAST_GROUPS") or []:
            if row.get_attr("CTRL_ATTR_MCAST_GRP_NAME") == l2tp.L2TP_GENL_MCGROUP:
                group = row.get_attr("CTRL_ATTR_MCAST_GRP_ID")
        return number, group

    def dump(self, kind: str) -> list[KernelObject]:
        """Our tunnels, or the sessions of our tunnels."""
        tunnels: list[KernelObject] = []
        listed = self._request(push_command(l2tp.L2TP_CMD_TUNNEL_GET, []), LIST, "list the L2TP tunnels")
        for answer in listed:
            tunnel = pull_tunnel(answer)
            if tunnel is not None:
                tunnels.append(tunnel)
        tunnels = self._ours(tunnels)
        if kind == "tunnel" or not tunnels:
            return tunnels if kind == "tunnel" else []
        ids = {tunnel.key()[0] for tunnel in tunnels}
        sessions: list[KernelObject] = []
        for answer in self._request(push_command(l2tp.L2TP_CMD_SESSION_GET, []), LIST, "list the L2TP sessions"):
            if answer.get_attr("L2TP_ATTR_CONN_ID") in ids:
                sessions.append(pull_session(answer))
        return sessions

    def _ours(self, tunnels: list[KernelObject]) -> list[KernelObject]:
        outer = [tunnel for tunnel in tunnels if isinstance(tunnel, Tunnel) and not is_inner(tunnel.local)]
        policies = self._list_policies() if outer else []
        return [tunnel for tunnel in tunnels if isinstance(tunnel, Tunnel) and is_our_tunnel(tunnel, policies)]

    def link_names(self) -> list[str]:
        """The interfaces of our sessions; none where the kernel has no L2TP at all."""
        try:
            sessions = self.dump("session")
        except KernelError as error:
            if error.number == ENOENT:
                return []
            raise
        return [session.ifname for session in sessions if isinstance(session, Session)]

    def add(self, item: KernelObject) -> None:
        """EEXIST if an id or the interface's name is taken."""
        doing = "add %s %s" % (item.kind, item.words())
        if isinstance(item, Tunnel):
            self._request(push_tunnel(item), DO, doing, "tunnel")
        elif isinstance(item, Session):
            if self._find_tunnel(item.tunnel_id) is None:
                raise KernelError(ENODEV, doing, "its tunnel is not there (any more)")
            self._request(push_session(item), DO, doing, "session")

    def remove(self, item: KernelObject) -> None:
        """Returns when the kernel no longer knows it."""
        doing = "remove %s %s" % (item.kind, item.words())
        if isinstance(item, Tunnel) and self._find_tunnel(item.tunnel_id) is not None:
            self._remove(l2tp.L2TP_CMD_TUNNEL_DELETE, _tunnel_id(item.tunnel_id), item, doing)
        elif isinstance(item, Session) and self._find_tunnel(item.tunnel_id) is not None:
            self._remove(l2tp.L2TP_CMD_SESSION_DELETE, _session_id(item), item, doing)

    def _remove(self, command: int, ids: list[tuple[str, object]], item: KernelObject, doing: str) -> None:
        try:
            self._request(push_command(command, ids), DO, doing, item.kind)
        except KernelError as error:
            if error.number not in {ENODEV, ENOENT}:
                raise
        for _ in range(_WAIT_TRIES):
            if item.key() not in [other.key() for other in self.dump(item.kind)]:
                return
            time.sleep(_WAIT_SECONDS)
        raise KernelError(ETIMEDOUT, doing, kind=item.kind)

    def _find_tunnel(self, tunnel_id: int) -> Tunnel | None:
        """Ours with this id."""
        try:
            ask = push_command(l2tp.L2TP_CMD_TUNNEL_GET, _tunnel_id(tunnel_id))
            answers = self._request(ask, GET, "look up a tunnel")
        except KernelError as error:
            if error.number in {ENODEV, ENOENT, EINVAL}:
                return None
            raise
        tunnel = pull_tunnel(answers[0]) if answers else None
        return tunnel if tunnel is not None and self._ours([tunnel]) else None

    def _request(self, msg: nlmsg, flags: int, doing: str, kind: str = "l2tp") -> list[nlmsg]:
        if not self._family:
            self._family = self.family()[0]
            self._transport.register({self._family: l2tp.l2tpmsg})
        try:
            return self._transport.request(msg, self._family, flags, doing)
        except KernelError as error:
            raise KernelError(error.number, doing, kind=kind, detail=error.detail) from None


def _tunnel_id(number: int) -> list[tuple[str, object]]:
    return [("L2TP_ATTR_CONN_ID", number)]


def _session_id(session: Session) -> list[tuple[str, object]]:
    return [("L2TP_ATTR_CONN_ID", session.tunnel_id), ("L2TP_ATTR_SESSION_ID", session.session_id)]
