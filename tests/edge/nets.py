"""Network namespaces of a test's own, with links between them, and packets that are told apart by a token.

Each lives as long as a process that does nothing; it ends by itself if the test is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import socket
import struct
import subprocess
import time
import unittest
from collections.abc import Iterator

CLONE_NEWNET = 0x40000000
LIFETIME_S = "900"
PATIENCE_S = 10.0
ETH_P_ALL = 3
TCP, UDP = 6, 17

_libc = ctypes.CDLL(None, use_errno=True)


class Net:
    """One namespace. `ip`, `run`: commands in it; `with net.inside():` sockets opened there stay there."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            ["unshare", "-n", "sleep", LIFETIME_S], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        here = os.readlink("/proc/self/ns/net")
        end = time.monotonic() + PATIENCE_S
        while True:
            if self.process.poll() is not None:
                raise unittest.SkipTest("a network namespace needs root")
            with contextlib.suppress(OSError):
                if os.readlink(self.path) != here:
                    break
            if time.monotonic() > end:
                raise unittest.SkipTest("no network namespace came up")
            time.sleep(0.005)
        self.ip("link set lo up")

    @property
    def path(self) -> str:
        return "/proc/%d/ns/net" % self.process.pid

    def run(self, *argv: str, text: str = "", check: bool = True) -> str:
        where = ["nsenter", "--net=" + self.path]
        done = subprocess.run(
            [*where, *argv], input=text, capture_output=True, text=True, timeout=60, check=False
        )
        if check and done.returncode:
            raise AssertionError("%s: %s" % (" ".join(argv), done.stderr))
        return done.stdout

    def ip(self, *lines: str) -> None:
        self.run("ip", "-batch", "-", text="\n".join(lines) + "\n")

    def nft(self, text: str) -> None:
        self.run("nft", "-f", "-", text=text)

    def sysctl(self, *words: str) -> None:
        self.run("sysctl", "-qw", *words)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """This thread is in the namespace."""
        with open("/proc/thread-self/ns/net") as back, open(self.path) as there:
            if _libc.setns(there.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            try:
                yield
            finally:
                if _libc.setns(back.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        with self.inside():
            return socket.socket(family, kind, protocol)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def join(one: Net, name: str, two: Net, other: str) -> None:
    """A link between two namespaces, up at both ends."""
    subprocess.run(
        ["ip", "link", "add", name, "netns", str(one.process.pid), "type", "veth", "peer", "name", other, "netns",
         str(two.process.pid)], check=True, timeout=60,
    )  # fmt: skip
    one.ip("link set %s up" % name)
    two.ip("link set %s up" % other)


class Watch:
    """What arrives on an interface: (source MAC, IP packet)."""

    def __init__(self, net: Net, ifname: str) -> None:
        self.sock = net.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        with net.inside():
            self.sock.bind((ifname, ETH_P_ALL))
        self.sock.setblocking(False)

    def until(self, last: bytes, patience: float = PATIENCE_S) -> list[bytes]:
        """IP packets (without their frames) up to the one that holds `last`. Raises AssertionError if it never comes.

        What this end sends is not among them.
        """
        found = []
        end = time.monotonic() + patience
        while True:
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError("%r never arrived; %d packets did" % (last, len(found)))
            if not select.select([self.sock], [], [], left)[0]:
                continue
            frame, address = self.sock.recvfrom(65536)
            if address[2] == socket.PACKET_OUTGOING:
                continue
            found.append(frame[14:])
            if last in frame:
                return found

    def close(self) -> None:
        self.sock.close()


def checksum(data: bytes) -> int:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packed(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def transport(protocol: int, source: str, sport: int, destination: str, dport: int, payload: bytes) -> bytes:
    """What stands behind the IP header: a TCP SYN, a UDP datagram, or the payload alone."""
    if protocol == TCP:
        head = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 5 << 4, 2, 8192, 0, 0)
        at = 16
    elif protocol == UDP:
        head = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0)
        at = 6
    else:
        return payload
    data = head + payload
    pseudo = packed(source) + packed(destination) + struct.pack("!II", len(data), protocol)
    return data[:at] + struct.pack("!H", checksum(pseudo + data)) + data[at + 2 :]


def send(
    net: Net, protocol: int, source: str, destination: str, payload: bytes, sport: int = 0, dport: int = 0,
) -> None:
    """One packet, also from an address that the namespace does not have."""
    data = transport(protocol, source, sport, destination, dport, payload)
    if ":" in source:
        sock = net.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
        head = struct.pack("!IHBB", 6 << 28, len(data), protocol, 64) + packed(source) + packed(destination)
    else:
        sock = net.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 0, 0, 64, protocol, 0)
        head += packed(source) + packed(destination)
    with sock:
        sock.sendto(head + data, (destination, 0))


def forget_connections(net: Net) -> None:
    """Every connection that the kernel tracks in this namespace: a DELETE of ctnetlink without a tuple."""
    number = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
    with net.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as sock:
        sock.settimeout(PATIENCE_S)
        sock.send(struct.pack("=IHHIIBBH", 20, number, 5, 1, 0, 0, 0, 0))
        error = struct.unpack("=i", sock.recv(4096)[16:20])[0]
        if error:
            raise OSError(-error, "flush of the connections")


def connections(net: Net) -> list[tuple[str, dict[str, str], dict[str, str]]]:
    """What /proc says of tracked connections: (protocol's number, tuple as it began, tuple of the answers)."""
    found = []
    for line in net.run("cat", "/proc/net/nf_conntrack").splitlines():
        words = line.split()
        there: dict[str, str] = {}
        back: dict[str, str] = {}
        for word in words:
            key, _, value = word.partition("=")
            if value:
                side = back if key in there else there
                side.setdefault(key, value)
        found.append((words[3], there, back))
    return found
