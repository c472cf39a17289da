"""How often passwords may be tried: buckets per user and in all, failures per address, and per device mark."""

from __future__ import annotations

from isthmus import hashes
from isthmus.wire.addr import AddressError, parse_ip

USER_BURST, USER_EVERY_MS = 10, 6_000
ALL_BURST, ALL_EVERY_MS = 20, 3_000
BUCKETS = 64  # for all names there could be: as many, whatever strangers type
FREE_FAILURES = 5  # of an address or a device mark
FIRST_WAIT_MS, LONGEST_WAIT_MS = 1_000, 60_000
FORGET_MS = 600_000  # one failure is forgotten each
MOST_FAILED = 256
LONGEST_SOURCE = 64
V4_IN_V6 = bytes(10) + b"\xff\xff"  # RFC 4291 2.5.5.2


class Bucket:
    """`burst` at once, then one every `every_ms`."""

    def __init__(self, burst: int, every_ms: int) -> None:
        self._slack = (burst - 1) * every_ms
        self._every = every_ms
        self._paid = 0  # until when what was taken is paid for

    def wait(self, now: int) -> int:
        """Milliseconds until one may be taken; 0: now."""
        return max(0, self._paid - now - self._slack)

    def take(self, now: int) -> None:
        """One."""
        self._paid = max(self._paid, now) + self._every

    def give_back(self) -> None:
        """One that was not needed."""
        self._paid -= self._every


class Failures:
    """How often each of many has failed lately; the one that matters least makes room for a new one."""

    def __init__(self) -> None:
        self._rows: dict[bytes, tuple[int, int]] = {}  # key -> (how often, when it was last counted)

    def count(self, key: bytes, now: int) -> int:
        """How often, by now."""
        times, at = self._rows.get(key, (0, now))
        return max(0, times - (now - at) // FORGET_MS)

    def failed(self, key: bytes, now: int) -> None:
        """Once more."""
        times = self.count(key, now) + 1
        if key not in self._rows and len(self._rows) >= MOST_FAILED:
            least = min([(self.count(other, now), row[1], other) for other, row in self._rows.items()])
            del self._rows[least[2]]
        self._rows[key] = (times, now)

    def succeeded(self, key: bytes) -> None:
        """All is forgotten."""
        self._rows.pop(key, None)

    def wait(self, key: bytes, now: int) -> int:
        """Milliseconds until it may try again: none at first, then ever longer, never for long."""
        times = self.count(key, now)
        if times < FREE_FAILURES:
            return 0
        pause = min(LONGEST_WAIT_MS, FIRST_WAIT_MS << min(16, times - FREE_FAILURES))
        return max(0, self._rows[key][1] + pause - now)


class Throttle:
    """All counts. `key` hides names: which bucket a name has is nobody's to know."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._users = [Bucket(USER_BURST, USER_EVERY_MS) for _ in range(BUCKETS)]
        self._all = Bucket(ALL_BURST, ALL_EVERY_MS)
        self.sources = Failures()
        self.marks = Failures()

    def bucket(self, name: str) -> Bucket:
        """The one of a name."""
        digest = hashes.digest(self._key, b"isthmus bucket " + name.encode(), "sha256")
        return self._users[digest[0] % BUCKETS]

    def wait(self, bucket: Bucket, now: int) -> int:
        """Milliseconds until a login without a mark may be looked at; the bucket of its name."""
        return max(bucket.wait(now), self._all.wait(now))

    def take(self, bucket: Bucket, now: int) -> None:
        """It is being looked at."""
        bucket.take(now)
        self._all.take(now)

    def give_back(self, bucket: Bucket) -> None:
        """It was right: it costs nothing."""
        bucket.give_back()
        self._all.give_back()


def source_key(text: str) -> bytes:
    """What counts as one address: an IPv4 address, the /64 of an IPv6 one; any other text as it is."""
    text = text[:LONGEST_SOURCE]
    try:
        address = parse_ip(text.split("%")[0])
    except AddressError:
        return b"?" + text.encode()
    if len(address) == 16:
        return address[12:] if address[:12] == V4_IN_V6 else address[:8]
    return address
