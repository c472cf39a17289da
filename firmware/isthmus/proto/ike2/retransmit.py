"""Message ids and retransmission, RFC 7296 sections 2.1 to 2.3: a window of one in each direction.

Requests is our half: one request at a time, sent again until it is answered. Responses is the peer's: the one id that
may come next, and the last answer, which is repeated bit for bit when the identical request comes again.
"""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.connection import Retransmit
    from isthmus.proto.ike2.tasks import Task


class Requests:
    """Requests that we send on one IKE SA.

    next_id: of the next new request. exchange, message_id, datagram: of the one that awaits its answer; datagram: all
    its parts, () if none does. sent: how often it was. task: what the last request was for, None for those of the
    handshake. queue: what waits for its turn. retransmit: when it is sent again.
    """

    def __init__(self, retransmit: Retransmit) -> None:
        self.retransmit = retransmit
        self.sent = 0
        self._again_at: int | None = None
        self.next_id = 0
        self.exchange = 0
        self.message_id = 0
        self.datagram: tuple[bytes, ...] = ()
        self.task: Task | None = None
        self.queue: list[Task] = []

    @property
    def is_waiting(self) -> bool:
        """True if a request awaits its answer."""
        return bool(self.datagram)

    @property
    def current(self) -> Task | None:
        """What the request that awaits its answer is for."""
        return self.task if self.is_waiting else None

    def start(self, exchange: int, message_id: int, datagram: tuple[bytes, ...], now: int) -> None:
        """A request goes out for the first time."""
        self.exchange = exchange
        self.message_id = message_id
        self.next_id = message_id + 1
        self.datagram = datagram
        self.sent = 1
        self._again_at = now + self.retransmit.get_wait(1)

    def restart(self, now: int) -> tuple[bytes, ...]:
        """The waiting request once more, on another way, which gets as many tries as the first had."""
        self.sent = 1
        self._again_at = now + self.retransmit.get_wait(1)
        return self.datagram

    def is_answer(self, exchange: int, message_id: int) -> bool:
        """True if this is what the waiting request waits for."""
        return self.is_waiting and (exchange, message_id) == (self.exchange, self.message_id)

    def finish(self) -> None:
        """The answer has come, or is no longer wanted."""
        self.datagram = ()
        self._again_at = None

    def stop(self) -> None:
        """Do not repeat the waiting request any more, but know its answer when it comes."""
        self._again_at = None

    def get_timer(self) -> int | None:
        """When to look again."""
        return self._again_at

    def is_exhausted(self) -> bool:
        """True if the request has been sent as often as allowed."""
        return self.sent >= self.retransmit.tries

    def repeat(self, now: int) -> tuple[bytes, ...]:
        """The waiting request once more."""
        self.sent += 1
        self._again_at = now + self.retransmit.get_wait(self.sent)
        return self.datagram


class Responses:
    """Answers that we give on one IKE SA. expected: the only id that a new request may have."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self._request = b""
        self._answer: tuple[bytes, ...] | None = None

    def record(self, request: bytes, answer: tuple[bytes, ...]) -> None:
        """A request has been answered: keep both, expect the next. request: SHA-256 of its first or only datagram."""
        self._request = request
        self._answer = answer
        self.expected += 1

    def get_last(self, message_id: int) -> tuple[bytes, ...] | None:
        """The answer to the request of this id, if it was the last one."""
        return self._answer if message_id + 1 == self.expected else None

    def find_repeated(self, message_id: int, request: bytes) -> tuple[bytes, ...] | None:
        """The answer if this is, to the bit, the request that was answered last, or its first part.

        Anything less than identity would let a stranger who has seen one header make us send (CVE-2016-5361).
        """
        return self.get_last(message_id) if request == self._request else None
