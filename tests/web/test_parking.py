"""A parked connection in the server's loop, with an application that parks whoever comes: slow, gone, talkative."""

from __future__ import annotations

import http.client
import socket
import ssl
import tempfile
import threading
import time
import unittest
from typing import Any
from unittest.mock import patch

from isthmus_web import certificate, web
from isthmus_web.streams import Stream, Streams
from isthmus_web.tls import GONE_MS, TlsChannel, make_context
from isthmus_web.topics import TOPICS
from tests.edge.world import wait_for

FRAME = b"data: " + b"x" * 92 + b"\n\n"


class Looped(unittest.TestCase):
    """The loop alone. `self.streams`: of those who are parked; one for each request of /listen."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = folder.name + "/device.pem"
        certificate.ensure(path, ["127.0.0.1"])
        sock = socket.create_server(("127.0.0.1", 0))
        self.port = sock.getsockname()[1]
        self.streams = Streams()
        self.status = "200 OK"
        self.bunch = web.Bunch(self.application, [sock], make_context(path))  # type: ignore[arg-type]
        self.is_running = True
        self.thread = threading.Thread(target=self.bunch.run, args=(lambda: self.is_running,))
        self.thread.start()
        self.addCleanup(self.end)

    def end(self) -> None:
        self.is_running = False
        self.thread.join()
        self.bunch.close()

    def application(self, environ: dict, start: Any) -> Any:
        if environ["PATH_INFO"] == "/listen":
            stream = self.streams.take(environ.get("QUERY_STRING", ""), "192.0.2.1", TOPICS["overview"])
            environ["isthmus.keep_open"](stream)
        if environ.get("QUERY_STRING") == "mistake":
            raise RuntimeError
        start(self.status, [("Content-Type", "text/event-stream")])
        return iter([b"retry: 1\n\n"])

    @staticmethod
    def context() -> ssl.SSLContext:
        """A client's, that takes any certificate."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def connect(self, buffer: int = 0) -> ssl.SSLSocket:
        sock = socket.socket()
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.settimeout(30)
        sock.connect(("127.0.0.1", self.port))
        wrapped = self.context().wrap_socket(sock)
        self.addCleanup(wrapped.close)
        return wrapped


class Parking(Looped):
    def park(self, buffer: int = 0) -> tuple[ssl.SSLSocket, Stream]:
        sock = self.connect(buffer)
        before = set(self.streams.parked())
        sock.sendall(b"GET /listen HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(wait_for(lambda: len(self.streams.parked()) > len(before)))
        return sock, next(one for one in self.streams.parked() if one not in before)

    def test_chunks_come_as_they_are_told_and_the_last_one_ends_it(self) -> None:
        sock, stream = self.park()
        assert stream.channel is not None
        self.assertTrue(wait_for(stream.channel.takes_more))
        stream.channel.tell(b"data: 1\n\n")
        stream.channel.tell(b"data: 2\n\n", last=True)
        stream.channel.tell(b"data: 3\n\n")
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        self.assertEqual(answer.read(), b"retry: 1\n\ndata: 1\n\ndata: 2\n\n")
        self.assertTrue(wait_for(lambda: not self.streams.parked()))

    def test_who_does_not_read_is_kept_little_for_and_hung_up_on(self) -> None:
        _, stream = self.park(2304)
        channel = stream.channel
        assert isinstance(channel, TlsChannel)
        told = 0
        end = time.monotonic() + 30
        with patch.object(web, "TAKE_S", 2.0):
            while self.streams.parked() and time.monotonic() < end:
                if channel.takes_more():
                    channel.tell(FRAME)
                    told += 1
                self.assertLessEqual(channel.total_outbufs_len, 20 * len(FRAME))
                time.sleep(0.005)  # the loop's turn
        self.assertFalse(self.streams.parked())
        self.assertLess(told * len(FRAME), 1 << 18)

    def test_a_browser_that_is_gone_without_a_word_is_known_by_the_kernel(self) -> None:
        _, stream = self.park()
        channel = stream.channel
        assert isinstance(channel, TlsChannel)
        assert channel.socket is not None
        found = channel.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        self.assertEqual(found, GONE_MS)

    def test_who_hangs_up_gives_the_place_back(self) -> None:
        for _ in range(20):
            sock, stream = self.park()
            sock.close()
            self.assertTrue(wait_for(lambda: not self.streams.parked()))
        self.assertFalse(stream.channel.takes_more() if stream.channel else True)

    def test_who_hangs_up_before_the_answer_gives_it_back_too(self) -> None:
        for delay in range(20):
            sock = self.connect()
            sock.sendall(b"GET /listen HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(delay / 4000)
            sock.close()
        self.assertTrue(wait_for(lambda: not self.streams._streams))

    def test_an_answer_that_fails_parks_nobody(self) -> None:
        with self.assertLogs("waitress"):
            sock = self.connect()
            sock.sendall(b"GET /listen?mistake HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b" 500 ", sock.recv(4096))
        self.status = "500 No"
        sock = self.connect()
        sock.sendall(b"GET /listen HTTP/1.1\r\nHost: x\r\n\r\n")
        data = b""
        while more := sock.recv(4096):
            data += more
        self.assertTrue(data.endswith(b"0\r\n\r\n"))
        sock = self.connect()
        self.status = "200 OK"
        sock.sendall(b"GET /listen HTTP/1.0\r\n\r\n")  # it knows no chunks
        while sock.recv(4096):
            pass
        self.assertTrue(wait_for(lambda: not self.streams._streams))

    def test_silence_ends_it(self) -> None:
        with patch.object(web, "IDLE_S", 1.0):
            self.park()
            self.assertTrue(wait_for(lambda: not self.streams.parked()))


if __name__ == "__main__":
    unittest.main()
