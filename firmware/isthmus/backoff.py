"""How long to wait before trying again: doubling, with jitter, so that a thousand sites do not return in one breath."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_MS = 1_000
LONGEST_MS = 60_000
JITTER_PERCENT = 25


class Backoff:
    """Counts failures and says how long to wait after each."""

    def __init__(self, rng: Callable[[int], bytes]) -> None:
        self._rng = rng
        self.failures = 0

    def failed(self) -> int:
        """One more failure: milliseconds until the next try, FIRST_MS doubled up to LONGEST_MS, +-JITTER_PERCENT."""
        wait = min(LONGEST_MS, FIRST_MS << min(self.failures, 16))
        self.failures += 1
        spread = wait * JITTER_PERCENT // 100
        return wait - spread + int.from_bytes(self._rng(4), "big") % (2 * spread + 1)

    def succeeded(self) -> None:
        """Start from the beginning at the next failure."""
        self.failures = 0
