"""TLS for waitress: one connection of a browser, never waited for.

The first byte says what the client speaks: a TLS record begins with 0x16. Whoever speaks HTTP is sent to https:// at
the very address that it has reached (nothing of what it has said is repeated), and hung up on.

A connection whose answer goes on (streams.py) is parked: the thread that began the answer is free again, the loop
writes what is told later and watches for the browser's hang-up. It takes no further request.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.task import ErrorTask, WSGITask

from isthmus_web.api import ROOT
from isthmus_web.api.refusal import KIND, said

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from isthmus_web.streams import Stream

HANDSHAKE = 0x16  # RFC 8446 5.1: ContentType handshake
RECORD = 16384  # RFC 8446 5.1: the most that a record holds, so that nothing is left in OpenSSL where no poll sees it
MAPPED = "::ffff:"
TOO_LARGE = 413
# Of a parked connection. A browser that has gone without a word (out of reach, asleep) is known by what it does not
# acknowledge; and who reads nothing fills no more of the kernel's memory than this.
GONE_MS = 30_000
SEND_BUFFER = 4096
END_OF_CHUNKS = b"0\r\n\r\n"  # RFC 9112 7.1

PLAIN = "text/plain; charset=utf-8"
ERROR_HEADERS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
)


def make_context(path: str) -> ssl.SSLContext:
    """From a file with key and certificate. Raises OSError, ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # of TLS 1.2; those of 1.3 are all of that kind
    context.load_cert_chain(path)
    return context


def plain_address(text: str) -> str:
    """An address as people write it: IPv4 that came through an IPv6 socket as IPv4, no zone."""
    text = text.partition("%")[0]
    return text[len(MAPPED) :] if text.startswith(MAPPED) and "." in text else text


class RefusalTask(ErrorTask):
    """What a request gets that is no HTTP, or too large: a status and nothing about us."""

    def execute(self) -> None:
        """Write the answer."""
        error: Any = self.request.error  # type: ignore[attr-defined]
        body, kind = f"{error.reason}\n".encode(), PLAIN
        if error.code == TOO_LARGE and getattr(self.request, "path", "").startswith(ROOT):
            body, kind = said(TOO_LARGE).encode(), KIND
        self.status = f"{error.code} {error.reason}"
        self.response_headers = [*self.response_headers, ("Content-Type", kind), *ERROR_HEADERS]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class PageTask(WSGITask):
    """Tells the pages which address of ours the browser has reached, and lets one keep its answer open."""

    stream: Stream | None = None
    is_parked = False

    def service(self) -> None:
        """Serve; a stream that did not come to be gives its place back."""
        try:
            super().service()
        finally:
            if self.stream is not None and not self.is_parked:
                self.stream.leave()

    def build_response_header(self) -> bytes:
        """Say so where this answer is the connection's last."""
        channel = self.channel
        assert isinstance(channel, TlsChannel)  # noqa: S101 - says so to mypy
        if channel.gives_way:
            self.set_close_on_finish()
        return super().build_response_header()

    def finish(self) -> None:
        """End the answer, or park its connection."""
        channel = self.channel
        assert isinstance(channel, TlsChannel)  # noqa: S101 - says so to mypy
        if self.stream is not None and self.status.startswith("200 ") and self.chunked_response:
            self.is_parked = channel.park(self.stream)
            self.close_on_finish = not self.is_parked
        if not self.is_parked:
            super().finish()

    def keep_open(self, stream: Stream) -> None:
        """The answer that now begins is this stream's."""
        self.stream = stream

    def get_environment(self) -> WSGIEnvironment:
        """WSGI's, `isthmus.local` and `isthmus.keep_open`."""
        environ = super().get_environment()
        channel = self.channel
        assert isinstance(channel, TlsChannel)  # noqa: S101 - says so to mypy
        environ["REMOTE_ADDR"] = environ["REMOTE_HOST"] = channel.remote
        environ["isthmus.local"] = channel.local
        environ["isthmus.keep_open"] = self.keep_open
        return environ


class TlsChannel(HTTPChannel):
    """A connection. began: since when it owes us a request; None while it owes none. stream: what it is parked for.

    gives_way: it ends with the answer that is being made, or with the next one.
    """

    task_class = PageTask
    error_task_class = RefusalTask
    context: ssl.SSLContext  # of the class, made before the first connection

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> None:  # noqa: A002, ANN401
        sock.setblocking(False)
        # OpenSSL takes no two calls for one connection at a time; none of ours waits, so neither does the lock.
        self._tls_lock = threading.Lock()
        self._is_tls = False
        self.began: float | None = time.monotonic()
        self.done = 0  # requests that came whole
        self.stream: Stream | None = None
        self.gives_way = False
        self.remote = plain_address(str(addr[0]))
        name = sock.getsockname()
        self.local, self.port = plain_address(str(name[0])), int(name[1])
        super().__init__(server, sock, addr, adj, map)

    def _begin_tls(self) -> bool:
        """Look at the first byte. False: it was no TLS, or has not come."""
        raw = self.socket
        assert raw is not None  # noqa: S101 - it is there until handle_close()
        first = raw.recv(1, socket.MSG_PEEK)
        if not first:
            self.handle_close()
            return False
        if first[0] != HANDSHAKE:
            self._redirect(raw)
            return False
        self.socket = self.context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False)
        self._is_tls = True
        return True

    def _redirect(self, raw: socket.socket) -> None:
        host = f"[{self.local}]" if ":" in self.local else self.local
        where = f"https://{host}:{self.port}/"
        raw.recv(4096)  # what is not read would end the connection before the answer is
        text = f"HTTP/1.1 308 Permanent Redirect\r\nLocation: {where}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        raw.send(text.encode())
        self.handle_close()

    def handle_read(self) -> None:
        """Take what has come, as far as it is a whole record."""
        try:
            with self._tls_lock:
                if not self._is_tls and not self._begin_tls():
                    return
                data = self.socket.recv(RECORD) if self.socket is not None else b""
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except (OSError, ValueError):  # hung up, no TLS after all, or nothing that we take of it
            self.handle_close()
            return
        if not data:
            self.handle_close()
            return
        if self.stream is not None:  # it has asked for an answer without an end
            self.handle_close()
            return
        self.last_activity = time.time()
        if self.began is None:
            self.began = time.monotonic()
        before = len(self.requests)
        self.received(data)
        if len(self.requests) > before:
            self.done += 1
        if self.request is None:
            self.began = None

    def send(self, data: bytes, do_close: bool = True) -> int:
        """As much as goes at once; 0: nothing now. Raises OSError."""
        if not self._is_tls:
            return 0
        with self._tls_lock:
            if self.socket is None:
                return 0
            try:
                return self.socket.send(data)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return 0
            except (OSError, ValueError):
                self.will_close = True
                if do_close:
                    self.handle_close()
                return 0

    def is_idle(self) -> bool:
        """Whether we are not working for it."""
        return not self.requests and self.stream is None

    def park(self, stream: Stream) -> bool:
        """Stay open for a stream; in the thread that has begun the answer. False: it has hung up, or asked for more."""
        with self.requests_lock:  # type: ignore[attr-defined]
            if len(self.requests) > 1 or self.request is not None:
                return False
            self.stream = stream
        try:
            if self.socket is not None:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_MS)
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        except OSError:
            pass  # hung up: handle_close() has come, or comes
        stream.channel = self
        if not self.connected:  # handle_close() may have looked for a stream before there was one
            stream.leave()
        return True

    def takes_more(self) -> bool:
        """Whether its answer has begun, and all that it was told has gone to the kernel."""
        return bool(self.connected and not self.requests and not self.total_outbufs_len)

    def tell(self, data: bytes, last: bool = False) -> None:
        """Have the loop send this to who is parked; last: and then hang up. From any thread."""
        self.server.trigger.pull_trigger(lambda: self._tell(data, last))  # type: ignore[attr-defined]

    def _tell(self, data: bytes, last: bool) -> None:
        if not self.connected or self.will_close or self.close_when_flushed:
            return
        try:
            self.write_soon(b"%X\r\n%s\r\n" % (len(data), data) + (END_OF_CHUNKS if last else b""))
        except ClientDisconnected:
            return
        self.close_when_flushed = last

    def handle_close(self) -> None:
        """It has ended."""
        super().handle_close()
        if self.stream is not None:
            self.stream.leave()
