"""Calls to isthmusd, over the control socket; the command line's own client does the work.

isthmusd lets the web interface have so many connections at once and no more (edge/control.py), so we keep count: PAGES
for what answers at once, LONG for what waits for scrypt. Who finds all in use is told so, not hung up on.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from isthmus.edge.control import DaemonAwayError, ask
from isthmus.errors import IsthmusError

if TYPE_CHECKING:
    from collections.abc import Callable

PAGES, LONG = 5, 10  # together less than MOST_CALLERS[GUEST]
PAGE_MS = 10_000
LONG_MS = 60_000
PLACE_S = 3.0


class CrowdedError(IsthmusError):
    """All places are taken."""

    code = "busy"
    remedy = "try again in a few seconds"

    def __init__(self) -> None:
        super().__init__("too many people use this page at once")


class AwayError(IsthmusError):
    """isthmusd does not answer; strangers hear that too, and are not told where it would."""

    code = "daemon-away"
    remedy = "on the router, isthmus doctor says what is wrong; service isthmus start starts it"

    def __init__(self) -> None:
        super().__init__("isthmusd does not answer")


class Link:
    """One daemon. ask: as isthmus.edge.control.ask; another one in tests."""

    def __init__(self, run_directory: str, asks: Callable[[str, dict[str, Any], int], dict[str, Any]] = ask) -> None:
        self._run = run_directory
        self._ask = asks
        self._places = threading.BoundedSemaphore(PAGES)
        self._long_places = threading.BoundedSemaphore(LONG)

    def ask(self, command: str, token: str = "", **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the call takes
        """What isthmusd answers at once. Raises IsthmusError, with its code."""
        if not self._places.acquire(timeout=PLACE_S):
            raise CrowdedError
        try:
            return self._put(_request(command, token, fields), PAGE_MS)
        finally:
            self._places.release()

    def take_long_place(self) -> None:
        """Before ask_long(). Raises CrowdedError."""
        if not self._long_places.acquire(blocking=False):
            raise CrowdedError

    def give_long_place(self) -> None:
        """After it."""
        self._long_places.release()

    def ask_long(self, command: str, token: str = "", **fields: Any) -> dict[str, Any]:  # noqa: ANN401
        """What isthmusd answers when a password is hashed; whoever calls has a long place. Raises IsthmusError."""
        return self._put(_request(command, token, fields), LONG_MS)

    def _put(self, request: dict[str, Any], timeout_ms: int) -> dict[str, Any]:
        try:
            return self._ask(self._run, request, timeout_ms)
        except DaemonAwayError:
            raise AwayError from None


def _request(command: str, token: str, fields: dict[str, Any]) -> dict[str, Any]:
    request = {"command": command, **{name: value for name, value in fields.items() if value not in ("", None)}}
    return {**request, "token": token} if token else request
