"""The self-test's hands, on CPython: packets that arrive on a LAN's interface, and eyes on every other one.

A packet that this router sends itself never passes the forward hook. So a tap device of ours takes the frames, and a
rule of traffic control turns them over to the LAN's interface as if they had come in there: everything behind that,
bridge or not, is what a host's packets meet. Nothing is added to the LAN, and no switch learns a false address.
"""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct

from isthmus.errors import IsthmusError

TUNSETIFF = 0x400454CA  # linux/if_tun.h; MIPS and PowerPC have another number
TUNSETIFF_ELSEWHERE = 0x800454CA
IFF_TAP, IFF_NO_PI = 2, 0x1000
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCGIFHWADDR = 0x8913, 0x8914, 0x8927  # linux/sockios.h
IFF_UP = 1
ETH_P_ALL = 3
PACKET_OUTGOING = 4  # linux/if_packet.h
SO_ATTACH_FILTER, SO_RCVBUFFORCE = 26, 33  # asm-generic/socket.h
QUEUE_BYTES = 4 << 20
RTM_NEWQDISC, RTM_NEWTFILTER = 36, 44  # linux/rtnetlink.h
REQUEST_ACK, CREATE = 5, 0x400
TC_INGRESS_HANDLE, TC_INGRESS = 0xFFFF0000, 0xFFFFFFF1  # linux/pkt_sched.h
TCA_KIND, TCA_OPTIONS, TCA_U32_SEL, TCA_U32_ACT = 1, 2, 5, 7
TCA_MIRRED_PARMS, TCA_INGRESS_REDIR, TC_ACT_STOLEN = 2, 3, 4
NAME = b"isttest%d"
WAIT_S = 2
PACKETS_A_TURN = 200

# What the eyes let in, of a packet from its IP header on (linux/filter.h: code, jumps if true and false, value): what
# has one hop left, "unreachable" and "time exceeded". A busy router's other packets would fill the queue.
_FILTER = (
    (0x30, 0, 0, 0), (0x74, 0, 0, 4), (0x15, 0, 8, 4),  # the version: 4
    (0x30, 0, 0, 8), (0x15, 14, 0, 1),  # TTL 1
    (0x30, 0, 0, 9), (0x15, 0, 13, 1), (0xB1, 0, 0, 0), (0x50, 0, 0, 0),  # ICMP, its type behind the header
    (0x15, 9, 0, 3), (0x15, 8, 9, 11),
    (0x15, 0, 8, 6),  # the version: 6
    (0x30, 0, 0, 7), (0x15, 5, 0, 1),  # hop limit 1
    (0x30, 0, 0, 6), (0x15, 0, 4, 58), (0x30, 0, 0, 40), (0x15, 1, 0, 1), (0x15, 0, 1, 3),
    (0x06, 0, 0, 0xFFFF), (0x06, 0, 0, 0),
)  # fmt: skip


class TrialError(IsthmusError):
    """The kernel lacks something that the self-test needs."""

    code = "no-self-test"
    remedy = "load the kernel modules tun, sch_ingress, cls_u32 and act_mirred (OpenWrt: kmod-tun, kmod-sched-core)"


class Injector:
    """Lets frames arrive on one interface. `mac`: what they must be addressed to."""

    def __init__(self, ifname: str, number: int) -> None:
        """Raises TrialError."""
        try:
            self._fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise TrialError("there is no tap device: %s" % error.strerror) from None
        try:
            self.mac = self._prepare(ifname, NAME % number)
        except OSError as error:
            os.close(self._fd)
            raise TrialError("packets cannot be made to arrive on %s: %s" % (ifname, error.strerror)) from None

    def _prepare(self, ifname: str, name: bytes) -> bytes:
        wish = struct.pack("16sH22x", name, IFF_TAP | IFF_NO_PI)
        try:
            fcntl.ioctl(self._fd, TUNSETIFF, wish)
        except OSError:
            fcntl.ioctl(self._fd, TUNSETIFF_ELSEWHERE, wish)
        try:
            with open("/proc/sys/net/ipv6/conf/%s/disable_ipv6" % name.decode(), "w") as file:
                file.write("1")
        except OSError:
            pass  # a kernel without IPv6
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            flags = struct.unpack_from("16sH", fcntl.ioctl(sock, SIOCGIFFLAGS, struct.pack("16s24x", name)))[1]
            fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sH22x", name, flags | IFF_UP))
            mac: bytes = fcntl.ioctl(sock, SIOCGIFHWADDR, struct.pack("16s24x", name))[18:24]
        index = socket.if_nametoindex(name.decode())
        _turn_over(index, socket.if_nametoindex(ifname))
        return mac

    def send(self, frame: bytes) -> None:
        """Let it arrive. Raises OSError."""
        os.write(self._fd, frame)

    def close(self) -> None:
        """The device goes, and its rule with it."""
        os.close(self._fd)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _turn_over(index: int, target: int) -> None:
    """Everything that comes in on the one interface comes in on the other instead. Raises OSError."""
    qdisc = struct.pack("=BxHiIII", 0, 0, index, TC_INGRESS_HANDLE, TC_INGRESS, 0) + _attribute(TCA_KIND, b"ingress\0")
    # A selector with one key that every packet fits, and the action that takes it away.
    key = struct.pack("=IIii", 0, 0, 0, 0)
    selector = struct.pack("=BBBxHHhhI", 1, 0, 1, 0, 0, 0, 0, 0) + key
    where = struct.pack("=IIiiiiI", 0, 0, TC_ACT_STOLEN, 0, 0, TCA_INGRESS_REDIR, target)
    action = _attribute(1, b"mirred\0") + _attribute(2, _attribute(TCA_MIRRED_PARMS, where))
    options = _attribute(TCA_U32_SEL, selector) + _attribute(TCA_U32_ACT, _attribute(1, action))
    info = 1 << 16 | socket.htons(ETH_P_ALL)
    rule = struct.pack("=BxHiIII", 0, 0, index, 0, TC_INGRESS_HANDLE, info)
    rule += _attribute(TCA_KIND, b"u32\0") + _attribute(TCA_OPTIONS, options)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.settimeout(WAIT_S)
        for kind, body in ((RTM_NEWQDISC, qdisc), (RTM_NEWTFILTER, rule)):
            sock.send(struct.pack("=IHHII", 16 + len(body), kind, REQUEST_ACK | CREATE, 1, 0) + body)
            number = -struct.unpack_from("=i", sock.recv(8192), 16)[0]
            if number:
                raise OSError(number, os.strerror(number))


class Eyes:
    """What leaves or arrives on any interface and has one hop left, or is an ICMP error."""

    def __init__(self) -> None:
        """Raises OSError."""
        code = b"".join([struct.pack("=HBBI", *row) for row in _FILTER])
        self._code = array.array("B", code)
        kind = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_PACKET, kind, socket.htons(ETH_P_ALL))
        program = struct.pack("HP", len(_FILTER), self._code.buffer_info()[0])
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_BYTES)

    def fd(self) -> int:
        """What to poll for reading."""
        return self._socket.fileno()

    def look(self) -> list[tuple[str, bool, bytes]]:
        """(interface, whether it leaves, packet) of what has been seen."""
        seen: list[tuple[str, bool, bytes]] = []
        for _ in range(PACKETS_A_TURN):
            try:
                packet, where = self._socket.recvfrom(2048)
            except OSError:
                break
            seen.append((where[0], where[2] == PACKET_OUTGOING, packet))
        return seen

    def close(self) -> None:
        """Look no more."""
        self._socket.close()


def members(ifname: str) -> list[str]:
    """The ports of a bridge; none where it is not one."""
    try:
        return sorted(os.listdir("/sys/class/net/%s/brif" % ifname))
    except OSError:
        return []


def send_with_one_hop(address: bytes, port: int, payload: bytes) -> None:
    """A datagram of this router's own that gets no further than the next one. Raises OSError."""
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
        sock.setblocking(False)
        sock.sendto(payload, (socket.inet_ntop(family, address), port))
