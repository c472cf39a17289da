"""The two-way probe of one tunnel: ICMPv6 echo between the two derived link-local addresses, or with a peer that is not
Isthmus to whoever is there, and ICMP echo to its IPv4 address.

The peer's kernel answers, so the probe tells of the path and not of the peer's daemon. Sans-IO: the owner asks what
is due, sends it, and hands in what came back.
"""

from __future__ import annotations

from isthmus.policy.given import may_answer
from isthmus.wire import icmp4, icmp6
from isthmus.wire.addr import IPV4_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.policy.derive import Derived

EAGER_MS = 200  # on a new path: the time to the first answer is what people wait for
EAGER_PROBES = 50  # a path that has not answered by then can be asked calmly
STEADY_MS = 2_000
ANSWER_MS = 1_500  # later than this is lost
WINDOW = 30  # results that loss is computed from: the last minute
DOWN_AFTER = 3  # probes lost in a row


class Probe:
    """Sends, matches and judges. `token` (8 bytes) tells our probes from anybody else's echo."""

    def __init__(self, token: bytes) -> None:
        self._token = token
        self._sequence = 0
        self._outstanding: dict[int, int] = {}
        self._results: list[bool] = []
        self._lost_in_a_row = 0
        self._next = 0
        self._eager = EAGER_PROBES
        self.answering = False
        self.round_trip_ms: int | None = None
        self.answered_at: int | None = None
        self.sent = 0
        self.answers = 0  # since the start, whatever is forgotten; before a path's first answer nothing counts as lost
        self.losses = 0

    def restart(self, now: int) -> None:
        """The path is new: forget what was known of the old one, and probe at once."""
        self._outstanding = {}
        self._results = []
        self._lost_in_a_row = 0
        self._next = now
        self._eager = EAGER_PROBES
        self.answering = False
        self.round_trip_ms = None

    def get_timer(self) -> int:
        """When handle_timer wants to be called."""
        timer = self._next
        for sent_at in self._outstanding.values():
            timer = min(timer, sent_at + ANSWER_MS)
        return timer

    def handle_timer(self, now: int) -> bytes | None:
        """Count what has been lost; the ICMPv6 message to send now, if one is due."""
        for sequence in list(self._outstanding):
            if now - self._outstanding[sequence] >= ANSWER_MS:
                del self._outstanding[sequence]
                self._note(False)
        if now < self._next:
            return None
        eager = not self.answering and self._eager > 0
        self._eager -= 1 if eager else 0
        self._next = now + (EAGER_MS if eager else STEADY_MS)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._outstanding[self._sequence] = now
        self.sent += 1
        return icmp6.push_echo_request(int.from_bytes(self._token[:2], "big"), self._sequence, self._token)

    def answered(self, sequence: int, payload: bytes, now: int) -> None:
        """An echo reply came back on the tunnel from the peer's address."""
        if payload != self._token or sequence not in self._outstanding:
            return
        sent_at = self._outstanding.pop(sequence)
        if self.round_trip_ms is None:
            # What was asked before there was a path says nothing about it; counted, it would take the lamp down again.
            self._results = []
            self._outstanding = {key: at for key, at in self._outstanding.items() if at > sent_at}
        self.round_trip_ms = now - sent_at
        self.answered_at = now
        self._note(True)

    def _note(self, arrived: bool) -> None:
        self.answers += arrived
        self.losses += not arrived and self.round_trip_ms is not None
        if arrived and not self.answering:
            self._results = []  # the probes before the path stood tell nothing about it
        self._results.append(arrived)
        if len(self._results) > WINDOW:
            del self._results[0]
        if arrived:
            self._lost_in_a_row = 0
            self.answering = True
            return
        self._lost_in_a_row += 1
        if self._lost_in_a_row >= DOWN_AFTER:
            self.answering = False

    def loss_percent(self) -> int | None:
        """Loss among the last WINDOW probes, None before there are any."""
        if not self._results:
            return None
        return 100 * self._results.count(False) // len(self._results)


def in_ipv4(message: bytes) -> bytes:
    """The same question for a peer that may speak no IPv6, as an ICMP message."""
    number = int.from_bytes(message[4:6], "big"), int.from_bytes(message[6:8], "big")
    return icmp4.push_echo_request(number[0], number[1], message[icmp6.HEADER :])


def pull_answer(
    derived: Derived | None, next_hops: list[bytes], message: bytes, source: bytes
) -> tuple[int, int, bytes] | None:
    """(identifier, sequence, payload) of an echo reply that may be the peer's: from its link-local address, or in a
    static session from one of its IPv4 addresses; None for anything else.
    """
    if derived is None:
        return None
    if len(source) == IPV4_BYTES:
        return icmp4.pull_echo_reply(message) if source in next_hops else None
    return icmp6.pull_echo_reply(message) if may_answer(derived, source) else None
