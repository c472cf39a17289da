"""A joiner's calls: each endpoint of the invite in turn, each of its addresses, again and again until one answers.

Sans-IO: the names it needs looked up and the addresses it wants called are asked for (`wants`), and the answers brought
here. What was tried, and what came of it, is kept in words: somebody is looking at the screen meanwhile.
"""

from __future__ import annotations

from isthmus.proto.pairing.invite import is_reachable
from isthmus.wire.addr import format_ip, is_ip, parse_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.pairing.keys import InviteKeys

PAUSES_MS = (2_000, 5_000, 10_000)  # after a round in which nobody answered; then the last one again
MOST_ADDRESSES = 4  # of one name

RESOLVE, DIAL = "resolve", "dial"


class Call:
    """See the module. keys: of the invite; endpoints: [(host, port)]. rounds: complete ones; refused: somebody
    answers, and knows no such invite; at: the endpoint that is being called, or None.
    """

    def __init__(self, keys: InviteKeys, endpoints: list[tuple[str, int]], now: int) -> None:
        self.keys = keys
        self.endpoints = endpoints
        self.rounds = 0
        self.refused = False
        self.at: tuple[bytes, int] | None = None
        self.host = ""
        self.wants: list[tuple[str, object]] = []
        self.tried: list[tuple[str, str, bool]] = []  # of this round: (whom, what came of it, answered and refused)
        self.last: list[tuple[str, str, bool]] = []  # of the last complete one
        self._index = -1
        self._addresses: list[bytes] = []
        self._asked = ""
        self.retry_at: int | None = None
        self._next(now)

    def text(self) -> str:
        """What it is doing."""
        count = len(self.endpoints)
        if self.retry_at is not None:
            return "nobody has answered; trying again in a moment"
        if self._asked:
            return "looking up %s (%d of %d)" % (self._asked, self._index + 1, count)
        return "calling %s (%d of %d)" % (self._whom(), self._index + 1, count)

    def _whom(self) -> str:
        if self.at is None:
            return self.host
        text = format_ip(self.at[0])
        return text if text == self.host else "%s (%s)" % (self.host, text)

    def _next(self, now: int) -> None:
        """The next address of this endpoint, or the next endpoint, or the end of the round."""
        if self._addresses:
            self._dial(self._addresses.pop(0))
            return
        self._index += 1
        self.at = None
        if self._index >= len(self.endpoints):
            self.rounds += 1
            self.last, self.tried = self.tried, []
            answers = [answered for _, _, answered in self.last]
            self.refused = all(answers) or (True in answers and self.rounds > 1)
            self.retry_at = now + PAUSES_MS[min(self.rounds, len(PAUSES_MS)) - 1]
            return
        self.host = self.endpoints[self._index][0]
        if is_ip(self.host):
            self._dial(parse_ip(self.host))
        else:
            self._asked = self.host
            self.wants.append((RESOLVE, self.host))

    def _dial(self, address: bytes) -> None:
        self.at = (address, self.endpoints[self._index][1])
        self.wants.append((DIAL, self.at))

    def resolved(self, name: str, addresses: list[bytes], failure: str, now: int) -> None:
        """A name server's answer, to whomever."""
        if name != self._asked:
            return
        self._asked = ""
        if not addresses:
            self._note("has no address (%s)" % (failure or "nothing found"), False, now)
            return
        self._addresses = [address for address in addresses if is_reachable(address)][:MOST_ADDRESSES]
        if not self._addresses:  # a name server, or who made the invite, would have us talk to ourselves or to many
            self._note("has no address where anybody is reached", False, now)
            return
        self._next(now)

    def failed(self, why: str, is_answer: bool, now: int) -> None:
        """The address that was called is no good. is_answer: somebody is there, and refuses."""
        if self.at is not None and self.retry_at is None:
            self._note(why, is_answer, now)

    def _note(self, why: str, is_answer: bool, now: int) -> None:
        self.tried.append((self._whom(), why, is_answer))
        self._next(now)

    def handle_timer(self, now: int) -> None:
        """Begin the next round when it is time."""
        if self.retry_at is not None and now >= self.retry_at:
            self.retry_at = None
            self._index = -1
            self._next(now)

    def findings(self) -> list[str]:
        """What came of the last complete round, a line for each."""
        return ["%s: %s" % (whom, why) for whom, why, _ in self.last]

    def take_wants(self) -> list[tuple[str, object]]:
        """(RESOLVE, name) or (DIAL, (address, port)), to be done now."""
        wants, self.wants = self.wants, []
        return wants
