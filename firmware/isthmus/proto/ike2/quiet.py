"""Quiet: how often the engine says what anybody on the Internet can provoke."""
from __future__ import annotations

from isthmus.proto.ike2.times import UNPROVEN_MS

MAX_SUBJECTS = 256


class Quiet:
    """Lets each subject speak once in UNPROVEN_MS; of MAX_SUBJECTS at the same time, so that it does not grow."""

    def __init__(self) -> None:
        self._spoken_at: dict[tuple[str, bytes], int] = {}
        self._full_until = 0

    def may_speak(self, subject: str, address: bytes, now: int) -> bool:
        """True if it has been silent for long enough. address: whose it is (each has its own share, so that none can
        silence another), b"" if it is nobody's.
        """
        about = (subject, address)
        spoken_at = self._spoken_at.get(about)
        if spoken_at is not None and now - spoken_at < UNPROVEN_MS:
            return False
        if len(self._spoken_at) >= MAX_SUBJECTS and not self._make_room(now):
            return False
        self._spoken_at[about] = now
        return True

    def _make_room(self, now: int) -> bool:
        if now < self._full_until:
            return False  # without a look at every subject for each datagram of a flood
        self._spoken_at = {key: at for key, at in self._spoken_at.items() if now - at < UNPROVEN_MS}
        if len(self._spoken_at) < MAX_SUBJECTS:
            return True
        self._full_until = min(self._spoken_at.values()) + UNPROVEN_MS
        return False
