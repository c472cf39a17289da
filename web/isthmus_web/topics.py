"""What each live page is made of: the calls to isthmusd whose answers it shows, and when it is told that they differ.

A shape is an answer without its numbers: a tunnel that comes up, an error, another host make another one, which the
page hears at once. Numbers run all the time (counters, "3 s ago"): of those it hears every `figures_s` seconds.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from typing import Any

LONGEST_NAME = 64  # edge/calls.py: the longest text of a field
_KEY = secrets.token_bytes(32)  # a digest says nothing to whoever has not seen what it is of
_LETTERS = str.maketrans("0123456789", "ghijklmnop")  # no digest has a number in it that is looked for in a page
_NUMBERS = re.compile(r"\d+")


class Topic:
    """calls: (command, fields) of each; figures_s: how often numbers are news. Two that ask the same are equal."""

    def __init__(self, page: str, figures_s: float, *calls: tuple[str, dict[str, Any]]) -> None:
        self.page = page
        self.figures_s = figures_s
        self.calls = calls

    def _key(self) -> str:
        return json.dumps([self.page, self.calls], sort_keys=True)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Topic) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return self.page


class Found:
    """What isthmusd answers to a topic's calls: digests of its shape and of all of it."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        text = json.dumps(answers, sort_keys=True)
        self.shape = _digest(_NUMBERS.sub("#", text))
        self.figures = _digest(text)


class Shown:
    """The answers that a page is made of."""

    def __init__(self) -> None:
        self._answers: list[tuple[tuple[str, dict[str, Any]], dict[str, Any]]] = []

    def keep(self, call: tuple[str, dict[str, Any]], answer: dict[str, Any]) -> None:
        """What isthmusd has said to one call; pages leave it as it is."""
        self._answers.append((call, answer))

    def shape(self, page: str, name: str = "") -> str:
        """Found.shape of a topic, as the page shows it; "" if the page is made of other answers."""
        topic = find_topic(page, name)
        found = [self._last(call) for call in topic.calls] if topic is not None else []
        known = [answer for answer in found if answer is not None]
        return Found(known).shape if known and len(known) == len(found) else ""

    def _last(self, wanted: tuple[str, dict[str, Any]]) -> dict[str, Any] | None:
        return next((answer for call, answer in reversed(self._answers) if call == wanted), None)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), key=_KEY, digest_size=9).hexdigest().translate(_LETTERS)


# A chart has a step every 10 s; a change on trial counts seconds down; log lines and pairings are watched by people
TOPICS = {
    topic.page: topic
    for topic in (
        Topic("overview", 10, ("status", {})),
        Topic("forced", 10, ("policy", {})),
        Topic("passthrough", 10, ("policy", {})),
        Topic("join", 5, ("pair-status", {})),
        Topic("change", 2, ("apply-status", {})),
        Topic("log", 2, ("log", {"count": 1})),
    )
}  # fmt: skip


def find_topic(page: str, name: str) -> Topic | None:
    """Of a page by its name; of a tunnel's page with the tunnel's."""
    if page == "tunnel" and 0 < len(name) <= LONGEST_NAME:
        return Topic("tunnel", 10, ("show", {"tunnel": name}))
    return TOPICS.get(page)
