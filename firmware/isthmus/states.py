"""The states of a tunnel's life: none is stored, each is read off the facts."""

from __future__ import annotations

from isthmus.facts import outer_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.tunnel import Tunnel

# What is true of a tunnel in each state, the first row that holds: (state, predicate, what people are told)
STATES: list[tuple[str, Callable[[Tunnel], bool], str]] = [
    ("disabled", lambda t: not t.wanted, "taken down; nothing passes, the guard stays"),
    ("up", lambda t: t.carried and t.probe.answering, "a probe crosses both ways"),
    ("carried", lambda t: t.carried, "L2TP is in place; no probe comes back yet"),
    ("keyed", lambda t: t.children.usable(), "ESP is in place; L2TP follows"),
    ("negotiating", lambda t: t.attempting, "talking IKE to the peer"),
    ("waiting", lambda t: t.error is not None, "waits before it tries again"),
    ("resolving", lambda t: outer_of(t) is None, "looking for the peer's address and the way to it"),
    ("negotiating", lambda _: True, "waits for the peer to call"),
]

# The same within a sentence about a tunnel, for people who have not read the code
_PLAIN = {
    "disabled": "is switched off",
    "up": "is up",
    "carried": "does not answer",
    "keyed": "is being connected",
    "negotiating": "is being connected",
    "waiting": "waits before it tries again",
    "resolving": "looks for its peer",
}


def plain(state: str) -> str:
    """What to say of a tunnel in this state; any other word means that there is no such tunnel."""
    return _PLAIN.get(state, "is not there")


def row_of(tunnel: Tunnel) -> tuple[str, Callable[[Tunnel], bool], str]:
    """The first row that holds."""
    for row in STATES:
        if row[1](tunnel):
            return row
    raise AssertionError("the last row of STATES holds always")
