"""Datagrams, names and the loop, over loopback."""

from __future__ import annotations

import errno
import os
import socket
import time
import unittest

from isthmus.edge import os_cpython as host
from isthmus.edge import os_cpython_udp as udp
from isthmus.edge.loop import LONGEST_TURN_MS, Loop
from isthmus.wire import icmp4
from isthmus.wire.addr import parse_ip
from tests.edge.world import arrived, own_network, wait_for

PORT = 45_317
L1, L2, L3 = b"\x7f\x00\x00\x01", b"\x7f\x00\x00\x02", b"\x7f\x00\x00\x03"
ONE = bytes(15) + b"\x01"
LOCAL = b"\xfe\x80" + bytes(13) + b"\x01"


def setUpModule() -> None:
    own_network()


class Broken:
    """A socket that only fails, and is not asked without end."""

    family = socket.AF_INET
    calls = 0

    def recvmsg(self, *_: int) -> tuple:
        self.calls += 1
        if self.calls > 10_000:
            raise AssertionError("it never ends")
        raise OSError(errno.ENETDOWN, "down")

    recvfrom = recvmsg


class UdpTest(unittest.TestCase):
    def setUp(self) -> None:
        self.port = udp.UdpPort(PORT)
        self.addCleanup(self.port.close)

    def peer(self, address: str) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.bind((address, 0))
        sock.settimeout(5)
        return sock

    def test_it_knows_at_which_address_a_datagram_arrived(self) -> None:
        peer = self.peer("127.0.0.1")
        for text, address in (("127.0.0.2", L2), ("127.0.0.3", L3)):
            peer.sendto(b"hello", (text, PORT))
            self.assertEqual(arrived(self.port), [(b"hello", (L1, peer.getsockname()[1]), (address, PORT))])

    def test_it_answers_from_the_address_it_was_asked_at(self) -> None:
        peer = self.peer("127.0.0.1")
        for text, address in (("127.0.0.2", L2), ("127.0.0.3", L3)):
            self.port.send(b"answer", (address, PORT), (L1, peer.getsockname()[1]))
            self.assertEqual(peer.recvfrom(100), (b"answer", (text, PORT)))

    def test_ipv6(self) -> None:
        peer = self.peer("::1")
        peer.sendto(b"hello", ("::1", PORT))
        self.assertEqual(arrived(self.port), [(b"hello", (ONE, peer.getsockname()[1]), (ONE, PORT))])
        self.port.send(b"answer", (ONE, PORT), (ONE, peer.getsockname()[1]))
        self.assertEqual(peer.recvfrom(100)[0], b"answer")

    def test_an_address_that_is_not_ours_is_an_error(self) -> None:
        with self.assertRaises(OSError):
            self.port.send(b"x", (b"\xc0\x00\x02\x01", PORT), (L1, 9))

    def test_a_port_that_is_taken(self) -> None:
        with self.assertRaises(OSError) as caught:
            udp.UdpPort(PORT)
        self.assertEqual(caught.exception.errno, errno.EADDRINUSE)

    def test_a_flood_comes_in_portions_and_nothing_kills_it(self) -> None:
        peer = self.peer("127.0.0.1")
        for number in range(3 * host.DATAGRAMS_A_TURN):
            peer.sendto(b"" if number % 2 else b"x" * 60_000, ("127.0.0.2", PORT))
        counts = [len(self.port.receive(fd)) for fd in self.port.fds()]
        self.assertTrue(0 < max(counts) <= host.DATAGRAMS_A_TURN)
        while any(self.port.receive(fd) for fd in self.port.fds()):
            pass
        peer.sendto(b"last", ("127.0.0.2", PORT))
        self.assertEqual(arrived(self.port)[0][0], b"last")

    def test_a_socket_that_only_fails_is_left_alone_in_time(self) -> None:
        fd = self.port.fds()[0]
        kept, self.port._sockets[fd] = self.port._sockets[fd], Broken()
        try:
            self.assertEqual(self.port.receive(fd), [])
        finally:
            self.port._sockets[fd] = kept


class Echo4Test(unittest.TestCase):
    def setUp(self) -> None:
        self.echo = host.Echo4Socket()
        self.addCleanup(self.echo.close)

    def test_the_kernel_answers(self) -> None:
        request = icmp4.push_echo_request(7, 1, b"12345678")
        self.echo.send(request, parse_ip("127.0.0.1"), "lo")
        found: list = []
        self.assertTrue(wait_for(lambda: found.extend(self.echo.receive()) or found))
        message, source, ifname = found[0]
        self.assertEqual((source, ifname), (parse_ip("127.0.0.1"), "lo"))
        self.assertEqual(icmp4.pull_echo_reply(message), (7, 1, b"12345678"))

    def test_an_interface_that_is_not_there(self) -> None:
        with self.assertRaises(OSError):
            self.echo.send(bytes(16), parse_ip("127.0.0.1"), "ist-nowhere")

    def test_a_socket_that_only_fails_is_left_alone_in_time(self) -> None:
        kept, self.echo._socket = self.echo._socket, Broken()
        try:
            self.assertEqual(self.echo.receive(), [])
        finally:
            self.echo._socket = kept


class EchoTest(unittest.TestCase):
    def setUp(self) -> None:
        self.echo = host.EchoSocket()
        self.addCleanup(self.echo.close)

    def test_the_kernel_answers(self) -> None:
        request = bytes([128, 0, 0, 0, 0, 7, 0, 1]) + b"12345678"
        self.echo.send(request, LOCAL, "lo")
        found: list = []
        self.assertTrue(wait_for(lambda: found.extend(self.echo.receive()) or found))
        message, source, ifname = found[0]
        self.assertEqual((message[0], message[4:], source, ifname), (129, request[4:], LOCAL, "lo"))

    def test_an_interface_that_is_not_there(self) -> None:
        with self.assertRaises(OSError):
            self.echo.send(bytes(16), ONE, "ist-nowhere")

    def test_a_socket_that_only_fails_is_left_alone_in_time(self) -> None:
        kept, self.echo._socket = self.echo._socket, Broken()
        try:
            self.assertEqual(self.echo.receive(), [])
        finally:
            self.echo._socket = kept


class ResolverTest(unittest.TestCase):
    def setUp(self) -> None:
        self.resolver = host.Resolver()
        self.real = host.socket.getaddrinfo
        self.addCleanup(setattr, host.socket, "getaddrinfo", self.real)

    def answers(self) -> list:
        found: list = []
        self.assertTrue(wait_for(lambda: found.extend(self.resolver.answers()) or found))
        return found

    def test_an_answer_wakes_the_loop(self) -> None:
        rows = [(socket.AF_INET6, 2, 17, "", ("fe80::1%eth0", 0, 0, 2)), (socket.AF_INET, 2, 17, "", ("192.0.2.1", 0))]
        host.socket.getaddrinfo = lambda *_, **__: rows + rows
        loop, woken = Loop(), []
        loop.on_readable(self.resolver.fd(), woken.append)
        self.resolver.ask("a.example.net")
        loop.turn(5000)
        self.assertEqual(woken, [self.resolver.fd()])
        first = b"\xfe\x80" + bytes(13) + b"\x01"
        self.assertEqual(self.answers(), [("a.example.net", [first, b"\xc0\x00\x02\x01"], "")])
        self.assertEqual(self.resolver.answers(), [])

    def test_the_same_question_is_under_way_once(self) -> None:
        asked = []

        def slowly(name: str, *_: object, **__: object) -> list:
            asked.append(name)
            time.sleep(0.2)
            raise socket.gaierror(-2, "Name or service not known")

        host.socket.getaddrinfo = slowly
        for _ in range(5):
            self.resolver.ask("b.example.net")
        self.assertEqual(self.answers(), [("b.example.net", [], "Name or service not known")])
        self.assertEqual(asked, ["b.example.net"])
        self.resolver.ask("b.example.net")
        self.assertEqual(len(self.answers()), 1)

    def test_whatever_goes_wrong_is_an_answer(self) -> None:
        for mistake in (UnicodeError("label too long"), ValueError("null"), MemoryError(), socket.gaierror()):
            host.socket.getaddrinfo = self.raising(mistake)
            self.resolver.ask("c.example.net")
            name, found, failure = self.answers()[0]
            self.assertEqual((name, found), ("c.example.net", []))
            self.assertTrue(failure)

    def raising(self, mistake: Exception) -> object:
        def lookup(*_: object, **__: object) -> list:
            raise mistake

        return lookup

    def test_no_thread_no_answer_and_the_next_question_is_asked(self) -> None:
        start = host._thread.start_new_thread
        host._thread.start_new_thread = self.raising(RuntimeError("can't start new thread"))
        try:
            self.resolver.ask("d.example.net")
        finally:
            host._thread.start_new_thread = start
        self.assertEqual(self.answers()[0][:2], ("d.example.net", []))
        host.socket.getaddrinfo = lambda *_, **__: [(socket.AF_INET, 2, 17, "", ("192.0.2.1", 0))]
        self.resolver.ask("d.example.net")
        self.assertEqual(self.answers()[0][1], [b"\xc0\x00\x02\x01"])


class LoopTest(unittest.TestCase):
    def setUp(self) -> None:
        self.loop = Loop()
        self.read, self.write = os.pipe2(os.O_NONBLOCK)
        self.addCleanup(os.close, self.read)
        self.addCleanup(os.close, self.write)
        self.seen: list[str] = []

    def test_rounds_serve_what_comes_meanwhile_and_not_for_ever(self) -> None:
        os.write(self.write, b"123")
        self.loop.on_readable(self.read, lambda fd: self.seen.append(os.read(fd, 1).decode()))
        self.loop.turn(1000, 8)
        self.assertEqual(self.seen, ["1", "2", "3"])
        self.loop.on_readable(self.read, lambda fd: self.seen.append("never read"))
        os.write(self.write, b"4")
        self.loop.turn(1000, 5)
        self.assertEqual(self.seen[3:], ["never read"] * 5)

    def test_who_asks_and_asks_does_not_keep_timers_waiting(self) -> None:
        """What takes as long as a turn may is served once in it, however many rounds there could be."""
        os.write(self.write, b"!")

        def slowly(_fd: int) -> None:
            self.seen.append("served")
            time.sleep(LONGEST_TURN_MS / 1000)

        self.loop.on_readable(self.read, slowly)
        self.loop.turn(1000, 8)
        self.assertEqual(self.seen, ["served"])

    def test_readers_and_writers_come_and_go(self) -> None:
        self.loop.on_readable(self.read, lambda fd: self.seen.append("read"))
        self.loop.on_writable(self.write, lambda fd: self.seen.append("write"))
        self.loop.turn(1000)
        os.write(self.write, b"!")
        self.loop.turn(1000)
        self.loop.on_writable(self.write, None)
        self.loop.turn(1000)
        self.loop.on_readable(self.read, None)
        self.loop.turn(0)
        self.loop.forget(self.read)
        self.loop.forget(self.read)
        self.loop.turn(0)
        self.assertEqual(sorted(self.seen), ["read", "read", "write", "write"])

    def test_one_mistake_keeps_nobody_else_from_being_served(self) -> None:
        other_read, other_write = os.pipe2(os.O_NONBLOCK)
        for fd in (self.write, other_write):
            os.write(fd, b"!")

        def broken(_fd: int) -> None:
            self.seen.append("broken")
            raise ValueError("a mistake")

        self.loop.on_readable(self.read, broken)
        self.loop.on_readable(other_read, lambda fd: self.seen.append("served"))
        for _ in range(2):
            with self.assertRaises(ValueError):
                self.loop.turn(1000)
        self.assertEqual(sorted(self.seen), ["broken", "broken", "served", "served"])
        os.close(other_read)
        os.close(other_write)

    def test_it_waits_no_longer_than_asked(self) -> None:
        for timeout in (0, -5, 30):
            begin = time.monotonic()
            self.loop.turn(timeout)
            self.assertTrue(time.monotonic() - begin < 5)

    def test_a_hang_up_is_told_to_the_reader(self) -> None:
        one, two = socket.socketpair()
        self.addCleanup(one.close)
        self.loop.on_readable(one.fileno(), lambda fd: self.seen.append("read"))
        two.close()
        self.loop.turn(1000)
        self.assertEqual(self.seen, ["read"])


if __name__ == "__main__":
    unittest.main()
