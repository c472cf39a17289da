"""The server as a process of its own user: TLS, what it may do, and whoever is slow, large or crooked on the LAN."""

from __future__ import annotations

import os
import socket
import ssl
import stat
import subprocess
import threading
import unittest
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path
from unittest.mock import patch

from tests.edge.accounts_world import GUEST, in_child
from tests.edge.nets import Net
from tests.edge.world import own_network, wait_for
from tests.web.world import Browser, Webbed

CEILING_KIB = 42_000


def setUpModule() -> None:
    own_network()


class Served(Webbed):
    def wrap(self, sock: socket.socket, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        wrapped = (context or self.browser().context).wrap_socket(sock)
        self.addCleanup(wrapped.close)
        return wrapped

    def connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.addCleanup(sock.close)
        return sock

    def raw(self, data: bytes) -> bytes:
        """All that comes back for these bytes inside TLS, until the server hangs up or has nothing more to say."""
        sock = self.wrap(self.connect())
        found = b""
        try:
            with suppress(OSError):  # who has sent too much already is answered before all of it is sent
                sock.sendall(data)
            sock.settimeout(3)
            while more := sock.recv(65536):
                found += more
        except (TimeoutError, OSError):
            pass
        sock.close()
        return found

    def resident_kib(self) -> int:
        lines = Path(f"/proc/{self.web.pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


class Rights(Served):
    def test_s16_it_is_nobody_in_particular_and_can_become_nobody_else(self) -> None:
        rows = dict(line.split(":", 1) for line in Path(f"/proc/{self.web.pid}/status").read_text().splitlines())
        self.assertEqual(set(rows["Uid"].split()), {str(GUEST)})
        self.assertEqual(set(rows["Gid"].split()), {str(GUEST)})
        self.assertEqual(rows["Groups"].split(), [])
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(int(rows[name], 16), 0, name)
        self.assertEqual(rows["NoNewPrivs"].strip(), "1")
        limits = Path(f"/proc/{self.web.pid}/limits").read_text()
        self.assertRegex(limits, r"Max core file size +0 +0 ")
        words = Path(f"/proc/{self.web.pid}/environ").read_bytes().split(b"\0")
        self.assertEqual(
            {word.partition(b"=")[0] for word in words if word},
            {b"PATH", b"LANG", b"MALLOC_ARENA_MAX", b"PYTHONDONTWRITEBYTECODE"},
        )
        self.assertLess(self.resident_kib(), CEILING_KIB)

    def test_s16_a_web_process_taken_over_reads_no_secret_and_asks_nothing(self) -> None:
        self.ask("user-add", user="alice", role="administer", password="fluffy kitten 9")

        def steal() -> list[str]:
            found = []
            for path in (str(self.users), str(self.path / "etc" / "state"), "/etc/shadow", "/root"):
                try:
                    with open(path, "rb") as file:
                        found.append(file.read().decode())
                except OSError as error:
                    found.append(type(error).__name__)
            return found

        self.assertLessEqual(set(in_child(GUEST, steal)), {"PermissionError", "FileNotFoundError", "IsADirectoryError"})
        for command, fields in (("status", {}), ("down", {"tunnel": "branch"}), ("reload", {}), ("user-code", {}),
                                ("user-list", {}), ("policy", {})):  # fmt: skip
            self.assertEqual(self.call(command, **fields)["code"], "no-session", command)

    def test_it_gives_way_to_isthmusd_and_to_forwarding(self) -> None:
        from isthmus_web import start

        own = os.getpriority(os.PRIO_PROCESS, 0)
        self.assertEqual(os.getpriority(os.PRIO_PROCESS, self.web.pid), max(start.NICE, own))
        for before, after in ((0, 5), (12, 12), (-3, 5)):
            with patch("os.getpriority", return_value=before), patch("os.setpriority") as kept:
                start.give_way()
            kept.assert_called_once_with(os.PRIO_PROCESS, 0, after)
        words = ["isthmus-web", "--listen", "127.0.0.1", "--user", "4242:4242"]
        with ExitStack() as stack:
            for name in ("drop", "prepare_folder", "listen.on_address", "os.chdir", "os.execve"):
                stack.enter_context(patch("isthmus_web.start." + name))
            stack.enter_context(patch("sys.argv", words))
            kept = stack.enter_context(patch("os.setpriority"))
            start.main()
            kept.assert_called_once()

    def test_it_never_runs_as_root(self) -> None:
        self.stop_web()
        for user, words in (("0:0", "never runs as root"), ("4242:0", "never runs as root"),
                            ("nobody-of-that-name", "there is no user")):  # fmt: skip
            with self.subTest(user):
                from isthmus_web import start

                self.assertRaisesRegex(start.StartError, words, start.find_user, user)


class Tls(Served):
    def test_s20_the_key_is_of_this_device_alone(self) -> None:
        file = self.folder / "device.pem"
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.folder.stat().st_mode), 0o700)
        self.assertEqual((file.stat().st_uid, self.folder.stat().st_uid), (GUEST, GUEST))
        before = file.read_text()
        self.stop_web()
        self.start_web()
        self.assertEqual(file.read_text(), before)
        self.stop_web()
        self.options = ("--listen", "127.0.0.1", "--name", "gate.example")
        self.start_web()
        after = file.read_text()
        key, certificate = (before.split(mark)[1].split("-----END")[0] for mark in
                            ("-----BEGIN PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----"))  # fmt: skip
        self.assertIn(key, after)
        self.assertNotIn(certificate, after)
        os.chmod(file, 0o644)  # somebody may have read it
        self.stop_web()
        self.start_web()
        self.assertNotIn(key, file.read_text())
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.assertNotIn("PRIVATE", self.said.read_text())

    def test_s20_the_certificate_names_the_address_and_two_devices_share_no_key(self) -> None:
        from cryptography import x509

        raw = ssl.get_server_certificate(("127.0.0.1", self.port))
        certificate = x509.load_pem_x509_certificate(raw.encode())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual([str(one) for one in names.get_values_for_type(x509.IPAddress)], ["127.0.0.1"])
        self.assertIn(socket.gethostname().lower(), names.get_values_for_type(x509.DNSName))
        self.stop_web()
        (self.folder / "device.pem").unlink()
        self.start_web()
        again = x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", self.port)).encode())
        self.assertNotEqual(again.public_key().public_numbers(), certificate.public_key().public_numbers())

    def test_s20_versions_and_ciphers(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            for version, wanted in ((ssl.TLSVersion.TLSv1, ""), (ssl.TLSVersion.TLSv1_1, ""),
                                    (ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                                    (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):  # fmt: skip
                context = self.browser().context
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.minimum_version = context.maximum_version = version
                try:
                    found = self.wrap(self.connect(), context).version()
                except OSError:
                    found = ""
                self.assertEqual(found, wanted)
        context = self.browser().context
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-SHA:AES256-SHA:ECDHE+SHA1:@SECLEVEL=0")
        self.assertRaises(OSError, self.wrap, self.connect(), context)

    def test_http_is_sent_to_https_at_the_address_that_it_reached(self) -> None:
        sock = self.connect()
        sock.sendall(b"GET /x?y HTTP/1.1\r\nHost: evil.com\r\n\r\n")
        answer = sock.recv(4096).decode()
        self.assertIn(f"Location: https://127.0.0.1:{self.port}/\r\n", answer)
        self.assertTrue(answer.startswith("HTTP/1.1 308 "))
        self.assertNotIn("evil", answer)
        self.assertEqual(sock.recv(10), b"")


class Crooked(Served):
    def test_s25_no_request_hides_behind_another(self) -> None:
        host = f"Host: 127.0.0.1:{self.port}\r\n"
        hidden = f"GET /first HTTP/1.1\r\n{host}\r\n"
        post = f"POST /login HTTP/1.1\r\n{host}"
        samples = {
            "both lengths": post + f"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
            "two lengths": post + f"Content-Length: 0\r\nContent-Length: {len(hidden)}\r\n\r\n{hidden}",
            "a sign": post + f"Content-Length: +0\r\n\r\n{hidden}",
            "a space": post + f"Content-Length : 0\r\n\r\n{hidden}",
            "odd coding": post + f"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{hidden}",
            "coding twice": post + f"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}",
            "a bare line end": f"GET / HTTP/1.1\nHost: 127.0.0.1:{self.port}\n\n",
            "a bare line end in a header": f"GET / HTTP/1.1\r\nX: a\nHost: 127.0.0.1\r\n\r\n{hidden}",
            "a chunk that lies": post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + hidden,
            "no host": "GET / HTTP/1.1\r\n\r\n",
            "two hosts": f"GET / HTTP/1.1\r\n{host}Host: evil.com\r\n\r\n",
            "another authority": "GET https://evil.com/ HTTP/1.1\r\nHost: evil.com\r\n\r\n",
            "no HTTP": "\x00\x01\x02\r\n\r\n",
            "lower case": f"get / HTTP/1.1\r\n{host}\r\n",
            "no path": f"GET  HTTP/1.1\r\n{host}\r\n",
        }
        for name, data in samples.items():
            with self.subTest(name):
                answer = self.raw(data.encode("latin-1"))
                statuses = [int(line.split()[1]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.")]
                for status in statuses:
                    self.assertGreaterEqual(status, 400, repr(answer[:300]))
                self.assertNotRegex(answer, rb"[Ww]aitress|Traceback|[Pp]ython")
        self.assertEqual(self.browser().get("/first").status, 200)

    def test_s24_a_log_line_cannot_be_forged(self) -> None:
        for path in (b"/%0d%0aFORGED", b"/\x1b[31mFORGED", b"/x%1b%5b2J"):
            self.raw(b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: a\x1b[2Jb\r\nX: \x00\r\n\r\n")
        said = self.said.read_text()
        self.assertNotIn("\x1b", said)
        self.assertEqual([line for line in said.splitlines() if line.startswith("FORGED")], [])


class Siege(Served):
    def test_s23_bodies_and_headers(self) -> None:
        host = f"Host: 127.0.0.1:{self.port}\r\n"
        chunk = "4000\r\n" + "x" * 16384 + "\r\n"
        rows = (
            (f"POST /login HTTP/1.1\r\n{host}Content-Length: 999999999\r\n\r\n", b" 413 "),
            (f"POST /login HTTP/1.1\r\n{host}Content-Length: 70000\r\n\r\n" + "x" * 70_000, b" 413 "),
            (f"POST /login HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n" + chunk * 5, b" 413 "),
            (f"GET / HTTP/1.1\r\n{host}" + "X: y\r\n" * 5000, b" 431 "),
            (f"GET / HTTP/1.1\r\n{host}Cookie: " + "x" * 20_000 + "\r\n\r\n", b" 431 "),
            ("G" * 20_000, b" 431 "),
        )  # fmt: skip
        for data, wanted in rows:
            self.assertIn(wanted, self.raw(data.encode()).split(b"\r\n")[0], data[:80])
        self.assertLess(self.resident_kib(), CEILING_KIB)

    def test_s23_slow_clients_hold_up_nobody_and_are_hung_up_on(self) -> None:
        """Silent, silent after the handshake, dripping a request, and dripping a handshake: fifteen of them."""
        shaken = [self.wrap(self.connect()) for _ in range(3)]
        dripping = [self.wrap(self.connect()) for _ in range(3)]
        for sock in dripping:
            sock.sendall(b"GET / HTTP/1.1\r\n")
        half = self.connect()
        half.sendall(b"\x16\x03\x01\x02\x00")
        silent = [self.connect() for _ in range(8)]
        self.assertEqual(self.browser().get("/first").status, 200)
        waited_for = [sock for sock in silent if hung_up(sock, 0)]
        self.assertEqual(waited_for, [], "the page came when the silent had been hung up on")
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(0.5):
                for sock in dripping:
                    try:
                        sock.sendall(b"X")
                    except OSError:
                        pass

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            for sock in (*silent, *shaken, half):
                self.assertTrue(hung_up(sock))
            self.assertTrue(all(map(hung_up, dripping)))
        finally:
            stop.set()
            thread.join()
        self.assertEqual(self.browser().get("/first").status, 200)

    def test_s23_one_address_takes_few_places_and_a_newcomer_is_let_in(self) -> None:
        crowd = [self.connect() for _ in range(200)]
        self.assertEqual(self.browser().get("/first").status, 200)
        self.assertTrue(wait_for(lambda: self.count() <= 25))
        self.assertEqual(len(crowd), 200)
        self.assertLess(self.resident_kib(), CEILING_KIB)

    def count(self) -> int:
        """Open sockets of the server, less those that listen and those of its own."""
        links = []
        for name in os.listdir(f"/proc/{self.web.pid}/fd"):
            try:
                links.append(os.readlink(f"/proc/{self.web.pid}/fd/{name}"))
            except OSError:
                continue
        return len([link for link in links if link.startswith("socket:")]) - 1

    def test_s23_who_does_not_take_the_answer_is_hung_up_on(self) -> None:
        host = f"Host: 127.0.0.1:{self.port}\r\n"
        sock = self.connect()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wrapped = self.wrap(sock)
        try:
            for _ in range(400):
                wrapped.settimeout(2)
                wrapped.sendall(f"GET /static/style.css HTTP/1.1\r\n{host}\r\n".encode() * 20)
        except OSError:
            pass
        self.assertEqual(self.browser().get("/first").status, 200)
        self.assertLess(self.resident_kib(), CEILING_KIB)

    def test_s23_ten_browsers_at_once(self) -> None:
        statuses: list[int] = []

        def look() -> None:
            browser = Browser(self.port)
            for _ in range(10):
                statuses.append(browser.get("/first").status)

        threads = [threading.Thread(target=look) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(set(statuses), {200})
        self.assertEqual(len(statuses), 100)
        self.assertLess(self.resident_kib(), CEILING_KIB)


class Lan(Webbed):
    """A router with a LAN and an uplink, each with a neighbour in a namespace of its own; and what it serves where."""

    def setUp(self) -> None:
        self.lan, self.isp = Net(), Net()
        lines = []
        for net, name, router, neighbour in (
            (self.lan, "br-lan", "192.168.77.1", "192.168.77.2"), (self.isp, "wan0", "203.0.113.1", "203.0.113.2"),
        ):  # fmt: skip
            subprocess.run(
                ["ip", "link", "add", name, "type", "veth", "peer", "eth0", "netns", str(net.process.pid)],
                check=True, timeout=60,
            )  # fmt: skip
            lines += [f"addr add {router}/24 dev {name}", f"link set {name} up"]
            net.ip("link set eth0 up", f"addr add {neighbour}/24 dev eth0", f"route add default via {router}")
            self.addCleanup(subprocess.run, ["ip", "link", "del", name], check=False, timeout=60)
            self.addCleanup(net.process.kill)
        subprocess.run(["ip", "-batch", "-"], input="\n".join(lines).encode() + b"\n", check=True, timeout=60)
        self.options = ("--lan", "br-lan")
        super().setUp()

    def reach(self, net: Net, address: str) -> str:
        """The status of the page from there, or why there is none."""
        with net.inside():
            try:
                sock = socket.create_connection((address, self.port), timeout=5)
            except OSError as error:
                return type(error).__name__
        context = Browser(self.port).context
        with context.wrap_socket(sock) as wrapped:
            wrapped.sendall(f"GET /first HTTP/1.1\r\nHost: {address}:{self.port}\r\nConnection: close\r\n\r\n".encode())
            return wrapped.recv(4096).decode().split("\r\n")[0]

    def test_s19_who_is_on_the_lan_is_served_and_nobody_else(self) -> None:
        self.assertEqual(self.reach(self.lan, "192.168.77.1"), "HTTP/1.1 200 OK")
        for address in ("203.0.113.1", "192.168.77.1"):  # the LAN's own address as well, by whatever way it is reached
            self.assertIn(self.reach(self.isp, address), ("ConnectionRefusedError", "TimeoutError"), address)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.port), timeout=5)


def hung_up(sock: socket.socket, patience_s: float = 90) -> bool:
    """Whether the server has ended it, or does so within so many seconds."""
    sock.settimeout(patience_s)
    try:
        return sock.recv(1) == b""
    except (TimeoutError, BlockingIOError):
        return False
    except OSError:
        return True


if __name__ == "__main__":
    unittest.main()
