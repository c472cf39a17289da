"""UDP 4500 in two processes: the marker, the kernel's part, and what outlives isthmusd."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

from isthmus import hold
from isthmus.edge import os_cpython_udp as udp
from tests.edge.world import NOBODY, Folder, arrived, own_network, run_as, wait_for

PORT = 4500
L1, L2 = b"\x7f\x00\x00\x01", b"\x7f\x00\x00\x02"
ESP = b"\x00\x00\x01\x01" + b"e" * 40


def setUpModule() -> None:
    own_network()


class PortTest(unittest.TestCase):
    def setUp(self) -> None:
        self.port = udp.UdpPort(PORT, True)
        self.addCleanup(self.port.close)
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.peer.close)
        self.peer.bind(("127.0.0.1", 0))
        self.peer.settimeout(5)
        self.there = (L1, self.peer.getsockname()[1])

    def test_the_marker_comes_off_and_goes_on(self) -> None:
        self.peer.sendto(bytes(4) + b"hello", ("127.0.0.2", PORT))
        self.assertEqual(arrived(self.port), [(b"hello", self.there, (L2, PORT))])
        self.port.send(b"answer", (L2, PORT), self.there)
        self.assertEqual(self.peer.recvfrom(100), (bytes(4) + b"answer", ("127.0.0.2", PORT)))

    def test_a_keepalive_goes_bare(self) -> None:
        self.port.send(b"\xff", (L2, PORT), self.there)
        self.assertEqual(self.peer.recvfrom(100), (b"\xff", ("127.0.0.2", PORT)))

    def test_what_is_not_ike_does_not_come_up(self) -> None:
        for data in (ESP, b"\xff", b"", b"\x00", bytes(3), b"abc"):
            self.peer.sendto(data, ("127.0.0.2", PORT))
        self.peer.sendto(bytes(4) + b"last", ("127.0.0.2", PORT))
        self.assertEqual([row[0] for row in arrived(self.port)], [b"last"])

    def test_a_probe_is_not_cut_and_everything_else_is(self) -> None:
        subprocess.run(["ip", "link", "set", "lo", "mtu", "1400"], check=True, timeout=30)
        self.addCleanup(subprocess.run, ["ip", "link", "set", "lo", "mtu", "65536"], check=True, timeout=30)
        for probe, size, passes in ((False, 1368, True), (True, 1368, True), (False, 1369, True), (True, 1369, False),
                                    (False, 1369, True)):  # fmt: skip
            with self.subTest(probe=probe, size=size):
                send = lambda data=b"x" * size, probe=probe: self.port.send(data, (L2, PORT), self.there, probe)  # noqa: E731
                if passes:
                    send()
                    self.assertEqual(len(self.peer.recv(2000)), size + 4)
                else:
                    self.assertRaises(OSError, send)


class HoldTest(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.file = str(self.path / "hold.sock")
        self.started: list[udp.Holder] = []

    def start(self) -> tuple[udp.Holder, udp.UdpPort]:
        """As isthmusd starts: what a former one has left, or anew."""
        holder = udp.Holder(self.file)
        port = udp.UdpPort(PORT, True, holder.take())
        holder.keep(port)
        self.addCleanup(port.close)
        self.addCleanup(holder.stop)
        return holder, port

    def found(self) -> bool:
        return wait_for(lambda: os.path.exists(self.file))

    def is_bound(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            try:
                sock.bind(("0.0.0.0", PORT))
            except OSError:
                return True
        return False

    def test_it_outlives_isthmusd_and_gives_the_sockets_back(self) -> None:
        holder, port = self.start()
        self.assertTrue(self.found())
        numbers = [os.fstat(fd).st_ino for fd in port.fds()]
        port.close()
        holder._channel.close()  # isthmusd is dead
        holder._channel = None
        self.assertTrue(self.is_bound())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(bytes(4) + b"while it was away", ("127.0.0.1", PORT))
        again, port = self.start()
        self.assertEqual([os.fstat(fd).st_ino for fd in port.fds()], numbers, "the very same sockets")
        self.assertEqual([row[0] for fd in port.fds() for row in port.receive(fd)], [b"while it was away"])
        self.assertIsNone(again._process, "the same hold, no other")
        again.stop()
        port.close()
        self.assertFalse(self.is_bound())
        self.assertFalse(os.path.exists(self.file))
        self.assertEqual(holder._process.wait(10), 0)

    def test_it_is_started_again_with_the_same_sockets(self) -> None:
        holder, port = self.start()
        self.assertTrue(self.found())
        first = holder._process.pid
        os.kill(first, signal.SIGKILL)
        with socket.socket(fileno=os.dup(holder.fd())) as channel:
            channel.settimeout(10)
            self.assertEqual(channel.recv(1), b"")
        holder.lost()
        self.assertEqual(holder.fd(), -1)
        holder.keep(port)
        self.assertNotEqual(holder._process.pid, first)
        os.unlink(self.file) if os.path.exists(self.file) else None
        holder.stop()

    def test_one_of_another_version_gives_its_sockets_and_ends(self) -> None:
        holder, port = self.start()
        self.assertTrue(self.found())
        numbers = [os.fstat(fd).st_ino for fd in port.fds()]
        port.close()
        with mock.patch.object(hold, "GREETING", b"isthmus-hold 2"):
            again, port = self.start()
        self.assertEqual([os.fstat(fd).st_ino for fd in port.fds()], numbers)
        self.assertEqual(holder._process.wait(10), 0)
        self.assertTrue(self.found())
        again.stop()
        port.close()
        self.assertFalse(self.is_bound(), "two held it, and one does still")

    def test_one_whose_place_another_has_taken_leaves_that_alone(self) -> None:
        first = hold.Hold(self.file, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).detach(), [])
        second = hold.Hold(self.file, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).detach(), [])
        self.assertEqual((first.is_found(), second.is_found()), (False, True))
        first.close()
        self.assertTrue(os.path.exists(self.file))
        second.close()
        self.assertFalse(os.path.exists(self.file))

    def test_what_it_holds_can_change(self) -> None:
        holder, port = self.start()
        self.assertTrue(self.found())
        one = udp.open_socket(socket.AF_INET, 4501)
        self.addCleanup(one.close)
        holder._channel.sendmsg([hold.KEEP], hold.pack_descriptors([one.fileno()]))
        port.close()
        self.assertTrue(wait_for(lambda: not self.is_bound()))
        given = udp.Holder(self.file).take()
        self.assertEqual([sock.getsockname()[1] for sock in given], [4501])
        for sock in given:
            self.assertFalse(udp.is_fit(sock, PORT), "a socket of another port is not taken for ours")
            sock.close()

    def test_only_its_owner_reaches_it(self) -> None:
        self.start()
        self.assertTrue(self.found())
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)
        self.path.chmod(0o755)  # as if somebody had opened the directory
        os.chmod(self.file, 0o666)
        given: list = []

        def take() -> None:
            given.extend(udp.Holder(self.file).take())
            if given:
                os._exit(99)

        self.assertNotEqual(run_as(NOBODY, take), 99)

    def test_it_knows_nothing_and_is_small(self) -> None:
        secret = "a word that nobody may see"
        os.environ["ISTHMUS_TEST_SECRET"] = secret
        self.addCleanup(os.environ.pop, "ISTHMUS_TEST_SECRET")
        holder, port = self.start()
        self.assertTrue(self.found())
        proc = Path("/proc", str(holder._process.pid))
        self.assertNotIn(secret.encode(), (proc / "environ").read_bytes() + (proc / "cmdline").read_bytes())
        open_files = [os.readlink(entry) for entry in (proc / "fd").iterdir()]
        sockets = [name for name in open_files if name.startswith("socket:")]
        self.assertEqual(len(sockets), len(port.fds()) + 2, open_files)  # its channel and its listener
        others = {name for name in open_files if not name.startswith(("socket:", "anon_inode:"))}
        self.assertEqual(others, {"/dev/null"})
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines() if ":" in line)
        self.assertLess(int(status["RssAnon"].split()[0]), 4096, "KiB of its own")
        self.assertEqual(os.getsid(holder._process.pid), holder._process.pid, "a session of its own")

    def test_by_hand_it_says_that_there_is_nothing_to_do(self) -> None:
        done = subprocess.run([sys.executable, hold.__file__], capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("nothing to do by hand", done.stderr)

    def test_another_version_is_ended_and_what_it_kept_is_used(self) -> None:
        one = udp.open_socket(socket.AF_INET, PORT)
        listener = hold.listen(self.file)
        self.addCleanup(listener.close)
        pid = os.fork()
        if not pid:
            listener.setblocking(True)
            fd, _ = listener._accept()
            socket.socket(fileno=fd).sendmsg([b"isthmus-hold 99"], hold.pack_descriptors([one.fileno()]))
            os._exit(0)
        number = os.fstat(one.fileno()).st_ino
        one.close()
        holder = udp.Holder(self.file)
        given = holder.take()
        os.waitpid(pid, 0)
        self.assertEqual([os.fstat(sock.fileno()).st_ino for sock in given], [number])
        self.assertEqual(holder.fd(), -1)
        for sock in given:
            sock.close()
