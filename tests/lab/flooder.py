"""A device on the LAN that means harm: everything a web interface can be flooded with, at once, for some seconds.

    flooder.py HOST PORT SECONDS [COOKIE]

One process, a thread each for: handshakes, silence, requests that drip, large bodies, logins with wrong passwords, and
event streams without a session and (COOKIE) with one of a user who may look. Prints what it got done, as JSON.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import sys
import threading
import time

TOKEN = re.compile(rb'name="form_token" value="([0-9a-f]{64})"')
VISIT = re.compile(rb"__Host-isthmus-visit=([^;]+)")
CROWD = 60  # connections that are held open, by each of those who hold some
PATIENCE_S = 5.0


class Flood:
    """Where it goes, until when, and what was done."""

    def __init__(self, host: str, port: int, seconds: float, cookie: str) -> None:
        self.place = (host, port)
        self.cookie = cookie
        self.end = time.monotonic() + seconds
        self.done: dict[str, int] = {}
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def repeat(self, name: str) -> None:
        """One deed again and again; being refused or hung up on is what is expected."""
        deed = getattr(self, name)
        self.done[name] = 0
        while time.monotonic() < self.end:
            try:
                deed()
                self.done[name] += 1
            except OSError:
                time.sleep(0.01)

    def connect(self) -> socket.socket:
        """Plain TCP."""
        return socket.create_connection(self.place, PATIENCE_S)

    def shake(self) -> ssl.SSLSocket:
        """And TLS."""
        return self.context.wrap_socket(self.connect())

    def hold(self, make: object) -> None:
        """A crowd of such connections, for a second."""
        crowd = []
        try:
            while len(crowd) < CROWD and time.monotonic() < self.end:
                crowd.append(make())  # type: ignore[operator]
            time.sleep(1)
        finally:
            for sock in crowd:
                sock.close()

    def handshakes(self) -> None:
        """Key agreements."""
        self.shake().close()

    def silence(self) -> None:
        """Connections that say nothing."""
        self.hold(self.connect)

    def dripping(self) -> None:
        """Requests that never end."""

        def make() -> ssl.SSLSocket:
            sock = self.shake()
            sock.sendall(b"GET / HTTP/1.1\r\nX: ")
            return sock

        self.hold(make)

    def say(self, sock: ssl.SSLSocket, line: str, *headers: str, body: bytes = b"") -> bytes:
        """A request, and what comes back until its end."""
        head = [line, f"Host: {self.place[0]}:{self.place[1]}", "Connection: close", *headers]
        sock.sendall("\r\n".join(head).encode() + b"\r\n\r\n" + body)
        found = b""
        while more := sock.recv(65536):
            found += more
        return found

    def bodies(self) -> None:
        """As much as is taken."""
        with self.shake() as sock:
            self.say(sock, "POST /login HTTP/1.1", "Content-Length: 65000", body=b"x" * 65000)

    def logins(self) -> None:
        """Wrong passwords."""
        with self.shake() as sock:
            page = self.say(sock, "GET /login HTTP/1.1")
        token, visit = TOKEN.search(page), VISIT.search(page)
        if token is None or visit is None:
            raise OSError("no form")
        body = b"user=admin&password=wrong+password&form_token=" + token.group(1)
        with self.shake() as sock:
            self.say(
                sock, "POST /login HTTP/1.1", f"Cookie: __Host-isthmus-visit={visit.group(1).decode()}",
                "Sec-Fetch-Site: same-origin", "Content-Type: application/x-www-form-urlencoded",
                f"Content-Length: {len(body)}", body=body,
            )  # fmt: skip

    def strangers(self) -> None:
        """Event streams without a session."""
        with self.shake() as sock:
            self.say(sock, "GET /events?page=overview HTTP/1.1")

    def listeners(self) -> None:
        """Event streams with one, as many as are given."""

        def make() -> ssl.SSLSocket:
            sock = self.shake()
            host = f"Host: {self.place[0]}:{self.place[1]}"
            sock.sendall(f"GET /events?page=overview HTTP/1.1\r\n{host}\r\nCookie: {self.cookie}\r\n\r\n".encode())
            return sock

        if not self.cookie:
            raise OSError("no cookie")
        self.hold(make)


DEEDS = ("handshakes", "silence", "dripping", "bodies", "logins", "strangers", "listeners")


def main() -> None:
    """The program."""
    host, port, seconds, cookie = [*sys.argv[1:], ""][:4]
    flood = Flood(host, int(port), float(seconds), cookie)
    threads = [threading.Thread(target=flood.repeat, args=(name,)) for name in DEEDS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(flood.done))


if __name__ == "__main__":
    main()
