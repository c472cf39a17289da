"""One look at isthmusd for everybody who listens: each topic once a round, whatever the number of its listeners.

isthmusd answers nobody without a session, so a topic is asked with that of its oldest listener; always quietly, so that
listening keeps no session alive. Each listener's own session is asked about every CHECK_S: whoever's is over is told
so and hung up on. Rounds go on only while somebody listens, and take at most a fifth of isthmusd's time.

What a browser is told (server-sent events): `changed`, and no word of what: it fetches its page, which is where
sessions, roles and escaping are; `over`; and `beat`, by which it knows that the stream lives (of comments, scripts are
not told) and whether it shows what there is.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from isthmus.errors import IsthmusError
from isthmus_web.streams import Stream, Streams
from isthmus_web.topics import Found, Topic

if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus_web.link import Link

LOG = logging.getLogger("isthmus-web")
INTERVAL_S = 2.0
REST = 4  # times what a round has taken: the least pause after it
CHECK_S = 30.0
BEAT_S = 12.0  # with a round that waits for isthmusd in vain, still less than web.IDLE_S
HELLO = b"retry: 5000\n\n"
UNKNOWN = "-"
OVER = b"event: over\ndata: 1\n\n"
_OVER_CODE, _BUSY, _AWAY = "no-session", "busy", "daemon-away"


class Watcher:
    """All listeners of one process, and the thread that looks for them: begun when there is one, at rest without."""

    def __init__(self, link: Link, clock: Callable[[], float] = time.monotonic) -> None:
        self.streams = Streams()
        self._link = link
        self._clock = clock
        self._checked: dict[str, float] = {}  # token: when its session was last alive
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Look from now on."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self.streams.wait()
            begun = time.monotonic()
            try:
                self.round()
            except Exception as error:  # noqa: BLE001 - or nobody would ever be told anything again
                LOG.error("a mistake while looking for changes: %s", type(error).__name__)
            time.sleep(max(INTERVAL_S, REST * (time.monotonic() - begun)))

    def round(self) -> None:
        """Look once, and tell everybody what there is to tell."""
        listening: dict[Topic, list[Stream]] = {}
        for stream in self.streams.parked():
            if stream.told_at < 0:
                stream.told_at = stream.changed_at = self._clock()
            listening.setdefault(stream.topic, []).append(stream)
        is_away = False
        for topic, streams in listening.items():
            found = None
            if not is_away:
                found, is_away = self._look(topic, streams)
            for stream in streams:
                self._tell(stream, Found([{"error": _AWAY}]) if is_away else found)
        self._check_all()

    def _look(self, topic: Topic, streams: list[Stream]) -> tuple[Found | None, bool]:
        """What there is now, None: nobody can say; and whether isthmusd is away."""
        for token in dict.fromkeys(stream.token for stream in streams):
            try:
                return Found([self._ask(token, command, fields) for command, fields in topic.calls]), False
            except IsthmusError as error:
                if error.code == _AWAY:
                    return None, True
                if error.code == _BUSY:
                    return None, False
                if error.code != _OVER_CODE:
                    return Found([{"error": error.code}]), False
        return None, False

    def _ask(self, token: str, command: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Quietly. Whose session is over is told. Raises IsthmusError."""
        try:
            answer = self._link.ask(command, token, quiet=True, **fields)
        except IsthmusError as error:
            if error.code == _OVER_CODE:
                self._end(token)
            raise
        self._checked[token] = self._clock()
        return answer

    def _check_all(self) -> None:
        """Whether every listener's session lives still."""
        tokens = {stream.token for stream in self.streams.parked()}
        self._checked = {token: at for token, at in self._checked.items() if token in tokens}
        for token in tokens:
            if self._clock() - self._checked.setdefault(token, self._clock()) < CHECK_S:
                continue
            try:
                self._ask(token, "session", {})
            except IsthmusError as error:
                if error.code != _OVER_CODE:
                    return  # busy or away: the next round asks again

    def _end(self, token: str) -> None:
        for stream in self.streams.parked():
            if stream.token == token and stream.channel is not None:
                stream.leave()
                stream.channel.tell(OVER, last=True)

    def _tell(self, stream: Stream, found: Found | None) -> None:
        """What it does not know yet. A slow reader is told later, and then only the latest."""
        now, channel = self._clock(), stream.channel
        if channel is None or not channel.takes_more():
            return
        word = ""
        if found is not None and found.shape != stream.shape:
            word = "state"
        elif (
            found is not None and found.figures != stream.figures
            and now - stream.changed_at >= stream.topic.figures_s
        ):  # fmt: skip
            word = "figures"
        if found is not None and word:
            channel.tell(f"id: {found.shape}\nevent: changed\ndata: {word}\n\n".encode())
            stream.shape, stream.figures, stream.changed_at, stream.told_at = found.shape, found.figures, now, now
        elif now - stream.told_at >= BEAT_S:
            channel.tell(beat(found.shape if found is not None else UNKNOWN))
            stream.told_at = now


def beat(shape: str) -> bytes:
    """A sign of life, which says what there is: a page may have been fetched while it was something else for a moment,
    between two looks, and then nothing would ever tell it so.
    """
    return f"event: beat\ndata: {shape}\n\n".encode()
