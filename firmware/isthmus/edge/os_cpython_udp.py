"""UDP for IKE on CPython: ports 500 and 4500 on every local address, and what keeps 4500 open without isthmusd.

Port 4500 carries ESP too, which the kernel takes out (UDP_ENCAP); IKE is told apart by four zero bytes in front
(RFC 3948 2.2), which nobody above this file sees.
"""

from __future__ import annotations

import _socket as socket
import errno
import struct
import sys

from isthmus.edge.os_cpython import DATAGRAMS_A_TURN

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess

    from isthmus.wire.addr import Endpoint

IP_MTU_DISCOVER = 10  # linux/in.h
IP_PKTINFO = 8
IP_PMTUDISC_DONT, IP_PMTUDISC_PROBE = 0, 3
IPV6_MTU_DISCOVER = 23  # linux/in6.h
IPV6_PMTUDISC_WANT, IPV6_PMTUDISC_PROBE = 1, 3
IPV6_RECVPKTINFO = 49
IPV6_PKTINFO = 50
IPV6_DONTFRAG = 62
UDP_ENCAP = 100  # linux/udp.h
UDP_ENCAP_ESPINUDP = 2

LARGEST_DATAGRAM = 65535
NON_ESP_MARKER = bytes(4)  # RFC 3948 2.2
KEEPALIVE = b"\xff"  # RFC 3948 2.3: goes without the marker
STOP_MS = 2000
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
QUEUE_BYTES = 1 << 20  # the kernel's own 208 kB hold 256 datagrams: fewer than the peers of a hub that comes back

FAMILIES = (socket.AF_INET, socket.AF_INET6)

# Family: (level, option, ordinary value, value of a probe). A probe may not be cut, and asks no table of known paths;
# every other datagram may: a message that does not fit is better cut than lost.
FRAGMENTING = {
    socket.AF_INET: ((socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, IP_PMTUDISC_PROBE),),
    socket.AF_INET6: (
        (socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_WANT, IPV6_PMTUDISC_PROBE),
        (socket.IPPROTO_IPV6, IPV6_DONTFRAG, 0, 1),
    ),
}


def open_socket(family: int, port: int) -> socket.socket:
    """A socket on every local address of one family. Raises OSError."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
        set_fragmenting(sock, False)
        make_room(sock)
        sock.setblocking(False)
        sock.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))  # noqa: S104 - IKE is spoken on every address
    except OSError:
        sock.close()
        raise
    return sock


def make_room(sock: socket.socket) -> None:
    """Let QUEUE_BYTES of datagrams wait for us; fewer without the right to go beyond the system's limit."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_BYTES)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUE_BYTES)


def set_fragmenting(sock: socket.socket, probing: bool) -> None:
    """Whether the datagrams from now on are probes. Raises OSError."""
    for level, option, ordinary, probe in FRAGMENTING[sock.family]:
        sock.setsockopt(level, option, probe if probing else ordinary)


def is_fit(sock: socket.socket, port: int) -> bool:
    """Whether a socket that another process gave is one that open_socket() would have made."""
    if sock.family not in FAMILIES or sock.type != socket.SOCK_DGRAM:
        return False
    address = sock.getsockname()
    return bool(address[1] == port and address[0] in ("::", "0.0.0.0"))  # noqa: S104 - to compare


class UdpPort:
    """One UDP port on every local address, IPv4 and IPv6, that knows at which address a datagram arrived.

    encapsulating: ESP comes in as well, which the kernel takes; IKE has the marker. given: sockets of a former process.
    """

    def __init__(self, port: int, encapsulating: bool = False, given: list[socket.socket] | None = None) -> None:
        """Raises OSError: EADDRINUSE where another program has the port, EACCES without the right to bind it."""
        self.port = port
        self.encapsulating = encapsulating
        self._sockets: dict[int, socket.socket] = {}
        self._by_family: dict[int, socket.socket] = {}
        for sock in given or []:
            if sock.family not in self._by_family and is_fit(sock, port):
                sock.setblocking(False)
                self._keep(sock)
            else:
                sock.close()
        for family in FAMILIES:
            if family in self._by_family:
                continue
            try:
                self._keep(open_socket(family, port))
            except OSError as error:
                if family == socket.AF_INET6 and error.errno == errno.EAFNOSUPPORT:
                    continue  # a kernel without IPv6 still has IPv4 peers
                self.close()
                raise

    def _keep(self, sock: socket.socket) -> None:
        if self.encapsulating:
            try:
                sock.setsockopt(socket.IPPROTO_UDP, UDP_ENCAP, UDP_ENCAP_ESPINUDP)
            except OSError as error:
                if error.errno != errno.ENOPROTOOPT:  # a kernel without IPsec: that is said when an SA goes in
                    raise
        self._sockets[sock.fileno()] = sock
        self._by_family[sock.family] = sock

    def fds(self) -> list[int]:
        """What to poll for reading."""
        return list(self._sockets)

    def receive(self, fd: int) -> list[tuple[bytes, Endpoint, Endpoint]]:
        """What has arrived: (datagram, source, destination), a bounded number at a time."""
        sock = self._sockets[fd]
        arrived: list[tuple[bytes, Endpoint, Endpoint]] = []
        for _ in range(DATAGRAMS_A_TURN):
            try:
                data, ancillary, flags, sender = sock.recvmsg(LARGEST_DATAGRAM, 128)
            except BlockingIOError:
                break
            except OSError:
                continue  # an ICMP error for an earlier datagram, reported here; the next read tells more
            destination = b""
            for level, kind, value in ancillary:
                if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
                    destination = value[8:12]
                elif level == socket.IPPROTO_IPV6 and kind == IPV6_PKTINFO:
                    destination = value[:16]
            if not destination or flags & socket.MSG_TRUNC:
                continue
            if self.encapsulating:
                if not data.startswith(NON_ESP_MARKER):
                    continue  # neither IKE nor ESP: too short for either
                data = data[len(NON_ESP_MARKER) :]
            source = socket.inet_pton(sock.family, sender[0].split("%")[0])
            arrived.append((data, (source, sender[1]), (destination, self.port)))
        return arrived

    def send(self, data: bytes, source: Endpoint, destination: Endpoint, probe: bool = False) -> None:
        """Send from the given local address; a probe whole, or not at all. Raises OSError."""
        address = destination[0]
        family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
        sock = self._by_family.get(family)
        if sock is None:
            raise OSError(errno.EAFNOSUPPORT, "no IPv6 here")
        if family == socket.AF_INET:
            information = struct.pack("@I4s4s", 0, source[0], bytes(4))
            ancillary = [(socket.IPPROTO_IP, IP_PKTINFO, information)]
        else:
            information = source[0] + struct.pack("@I", 0)
            ancillary = [(socket.IPPROTO_IPV6, IPV6_PKTINFO, information)]
        parts = [NON_ESP_MARKER, data] if self.encapsulating and data != KEEPALIVE else [data]
        if probe:
            set_fragmenting(sock, True)
        try:
            sock.sendmsg(parts, ancillary, 0, (socket.inet_ntop(family, address), destination[1]))
        finally:
            if probe:
                set_fragmenting(sock, False)

    def close(self) -> None:
        """Give the port back."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets = {}
        self._by_family = {}


class Holder:
    """isthmus-hold as isthmusd sees it: the process that has duplicates of the sockets of a port. path: where it is
    found.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def take(self) -> list[socket.socket]:
        """The sockets that a hold of a former isthmusd has kept; none where none runs."""
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel.settimeout(STOP_MS / 1000)
        given: list[int] = []
        try:
            channel.connect(self._path)
            greeting, ancillary, _, _ = channel.recvmsg(64, 256)
            from isthmus import hold  # waiting.py, as below: where none runs it is not needed

            given = hold.unpack_descriptors(ancillary)
        except OSError:
            channel.close()
            return []
        sockets = [socket.socket(fileno=number) for number in given]
        channel.setblocking(False)
        self._channel = channel
        if greeting != hold.GREETING:  # another version: it ends, what it kept is here
            self.stop()
        return sockets

    def keep(self, port: UdpPort) -> None:
        """Have the sockets of a port kept, by the hold that runs or by a new one. Raises OSError."""
        from isthmus import hold

        descriptors = port.fds()
        if self._channel is not None:
            try:
                self._channel.sendmsg([hold.KEEP], hold.pack_descriptors(descriptors))
                return
            except OSError:
                self.lost()
        import subprocess  # here: it is large, and when a hold is wanted the tunnel is up

        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        numbers = [theirs.fileno()] + descriptors
        command = [sys.executable, "-I", "-S", hold.__file__, self._path]
        command += [str(number) for number in numbers]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own file, with numbers
                command, pass_fds=numbers, env={}, cwd="/", start_new_session=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._channel = ours

    def fd(self) -> int:
        """Readable when the hold has ended; -1 while none is known."""
        return self._channel.fileno() if self._channel is not None else -1

    def lost(self) -> None:
        """The hold has ended: what reminds of it goes."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            import subprocess

            try:
                self._process.wait(STOP_MS / 1000)
            except subprocess.TimeoutExpired:  # it has closed its channel and goes on for a while: as good as gone
                pass
            self._process = None

    def stop(self) -> None:
        """End the hold, and return when it has ended: the port is free once our own sockets are closed."""
        if self._channel is None:
            return
        from isthmus import hold

        try:
            self._channel.settimeout(STOP_MS / 1000)
            self._channel.send(hold.STOP)
            self._channel.recv(1)
        except OSError:
            pass
        self.lost()
