"""Who listens for changes: connections that are answered and stay open, parked in the server's loop (tls.py).

They cost no thread, and few bytes each. There are so many of one session, of one address and in all; who comes when
that is taken is refused and asks again now and then instead (live.js): nobody is pushed out for a newcomer.
"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Protocol

from isthmus.errors import IsthmusError

if TYPE_CHECKING:
    from isthmus_web.topics import Topic

# Of one session: browsers open six connections to one server, and pages need some of them. Of one address and in all:
# half of what web.py lets in, so that streams alone never fill it.
MOST_OF_SESSION, MOST_OF_NETWORK, MOST = 3, 12, 48


class FullError(IsthmusError):
    """No place for another one."""

    code = "busy"
    remedy = "nothing: the page asks by itself every few seconds instead"

    def __init__(self) -> None:
        super().__init__("too many pages listen for changes already")


class Channel(Protocol):
    """What a stream is sent through (tls.TlsChannel)."""

    def takes_more(self) -> bool:
        """Whether all that it was told has gone to the kernel."""

    def tell(self, data: bytes, last: bool = False) -> None:
        """Have the loop send this; last: and then hang up."""


def network_of(address: str) -> str:
    """Whom an address stands for: itself, or with IPv6 its /64."""
    if ":" not in address:
        return address
    return socket.inet_pton(socket.AF_INET6, address)[:8].hex()


class Stream:
    """One listener. token: of its session, kept as long as it listens; shape, figures: what it knows of the topic."""

    def __init__(self, streams: Streams, token: str, network: str, topic: Topic, shape: str) -> None:
        self.token = token
        self.network = network
        self.topic = topic
        self.shape = shape
        self.figures = ""
        self.channel: Channel | None = None  # from the moment on in which its answer has begun
        self.told_at = self.changed_at = -1.0  # not seen by the watcher yet
        self._streams = streams

    def leave(self) -> None:
        """Its connection has ended, or never came to be."""
        self._streams.drop(self)

    def __repr__(self) -> str:
        return f"Stream({self.topic})"  # no token


class Streams:
    """All of one process."""

    def __init__(self) -> None:
        self._streams: dict[Stream, None] = {}  # the oldest first
        self._some = threading.Condition()

    def take(self, token: str, network: str, topic: Topic, shape: str = "") -> Stream:
        """A place. Raises FullError."""
        with self._some:
            for taken, most in (
                ([one for one in self._streams if one.token == token], MOST_OF_SESSION),
                ([one for one in self._streams if one.network == network], MOST_OF_NETWORK),
                (list(self._streams), MOST),
            ):  # fmt: skip
                if len(taken) >= most:
                    raise FullError
            stream = Stream(self, token, network, topic, shape)
            self._streams[stream] = None
            self._some.notify_all()
        return stream

    def drop(self, stream: Stream) -> None:
        """It listens no more; as often as one likes."""
        with self._some:
            self._streams.pop(stream, None)

    def parked(self) -> list[Stream]:
        """Those whose answer has begun, the oldest first."""
        with self._some:
            return [one for one in self._streams if one.channel is not None]

    def wait(self) -> None:
        """Until somebody listens."""
        with self._some:
            self._some.wait_for(lambda: self._streams)
