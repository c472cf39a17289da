"""The server: waitress with TLS, and bounds that hold against whoever is on the LAN.

- A connection owes us a whole request within HANDSHAKE_S (first) or REQUEST_S (each), however busily it drips bytes.
  One that asks nothing more goes after IDLE_S; one that does not take its answer, after TAKE_S without progress.
- MOST connections, MOST_OF_ONE of one address (of a /64, with IPv6). The connection that has asked for nothing for
  longest makes room for a newcomer. Where all are busy, the address with the most of them gives one up: it ends with
  its answer, and until then the newcomer has one of RESERVE places. Who has as many as anybody waits for its own.
- Headers and bodies are bounded before anything of them is kept. Threads serve whole requests only.
- A parked connection (streams.py) makes room for nobody, and goes like the others: where it takes nothing for TAKE_S,
  and after IDLE_S in which it was told nothing, which is longer than its heart takes to beat (watcher.py).
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from isthmus_web.streams import network_of
from isthmus_web.tls import TlsChannel

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

    from flask import Flask

HANDSHAKE_S = 10.0
REQUEST_S = 15.0
IDLE_S = 30.0
TAKE_S = 20.0
MOST, MOST_OF_ONE, RESERVE = 96, 24, 32
HEADER_BYTES = 16 * 1024
BODY_BYTES = 64 * 1024
THREADS = 6
CLEANUP_S = 1


class Server(TcpWSGIServer):
    """One listening socket."""

    channel_class = TlsChannel

    def getsockname(self) -> tuple[str, str]:
        """Address and port, as text."""
        name = self.socket.getsockname() if self.socket is not None else ("", 0)
        return str(name[0]), str(name[1])

    def _channels(self) -> list[TlsChannel]:
        """Of all listening sockets: they share one map."""
        return [one for one in self._map.values() if isinstance(one, TlsChannel)]  # type: ignore[attr-defined]

    def handle_accept(self) -> None:
        """Let a newcomer in; where that is one too many, another goes."""
        known = set(map(id, self._channels()))
        super().handle_accept()
        for channel in self._channels():
            if id(channel) not in known:
                self._make_room(channel)

    def _make_room(self, newcomer: TlsChannel) -> None:
        network = network_of(newcomer.remote)
        others = [one for one in self._channels() if one is not newcomer]
        counts = Counter(network_of(one.remote) for one in (newcomer, *others))
        own = counts[network]
        is_too_many = own > MOST_OF_ONE
        if is_too_many:
            rivals = [one for one in others if network_of(one.remote) == network]
        elif sum(not (one.gives_way and one.requests) for one in others) >= MOST:
            # Nobody loses a place to a network that has more of them: it would push out whoever is in the handshake.
            rivals = [one for one in others if counts[network_of(one.remote)] >= own]
        else:
            return
        idle = [one for one in rivals if one.is_idle()]
        if idle:
            # Who has never asked for anything goes first, then who has been silent for longest.
            min(idle, key=lambda one: (one.done > 0, one.last_activity)).handle_close()
            return
        busy = [one for one in rivals if one.requests and not one.gives_way]
        most = max((counts[network_of(one.remote)] for one in busy), default=0)
        if is_too_many or len(others) >= MOST + RESERVE or most <= own > 1 or not busy:
            newcomer.handle_close()
            return
        # Not ended at once: its request would stay in the dispatcher's queue, and nothing bounds that.
        oldest = min((one for one in busy if counts[network_of(one.remote)] == most), key=lambda one: one.creation_time)
        oldest.gives_way = True

    def maintenance(self, now: float) -> None:
        """End what has taken too long."""
        moment = time.monotonic()
        for channel in list(self.active_channels.values()):  # type: ignore[attr-defined]
            if not channel.requests and is_late(channel, moment, now):
                channel.handle_close()  # at once: will_close waits until a full socket takes something again


def is_late(channel: TlsChannel, moment: float, now: float) -> bool:
    """Whether a connection that we do not work for has used up its patience."""
    silent = now - channel.last_activity
    if channel.total_outbufs_len:
        return silent > TAKE_S
    if channel.began is not None:
        return moment - channel.began > (REQUEST_S if channel.done else HANDSHAKE_S)
    return silent > IDLE_S


class Bunch:
    """All listening sockets in one loop."""

    def __init__(self, application: Flask, sockets: list[socket.socket], context: ssl.SSLContext) -> None:
        TlsChannel.context = context
        settings: dict[str, Any] = {
            "threads": THREADS, "ident": None, "url_scheme": "https", "expose_tracebacks": False,
            "max_request_header_size": HEADER_BYTES, "max_request_body_size": BODY_BYTES,
            "inbuf_overflow": BODY_BYTES, "outbuf_overflow": 1 << 20, "cleanup_interval": CLEANUP_S,
            "asyncore_use_poll": True, "asyncore_loop_timeout": 1, "connection_limit": 4 * MOST,
            "log_socket_errors": False, "sockets": sockets, "server_name": "isthmus-web", "backlog": 128,
            "clear_untrusted_proxy_headers": False,
        }  # fmt: skip
        adjustments = Adjustments(**settings)
        self._map: dict[int, Any] = {}
        self._dispatcher = ThreadedTaskDispatcher()
        self._dispatcher.set_thread_count(THREADS)
        self._servers = [
            Server(
                application, self._map, True, sock, dispatcher=self._dispatcher, adj=adjustments, bind_socket=False,
                sockinfo=(sock.family, sock.type, sock.proto, sock.getsockname()),
            )
            for sock in sockets
        ]  # fmt: skip

    def run(self, goes_on: Callable[[], bool]) -> None:
        """Serve as long as goes_on() says so."""
        while goes_on() and self._map:
            wasyncore.loop(timeout=1, use_poll=True, map=self._map, count=1)

    def close(self) -> None:
        """Hang up on everybody."""
        self._dispatcher.shutdown(timeout=2)
        wasyncore.close_all(self._map)
