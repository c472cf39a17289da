"""SaTable: every IKE SA of the engine, found by SPI, by first message or by connection; half-open ones are bounded."""
from __future__ import annotations

from isthmus.wire.ike import NO_SPI, SPI

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.wire.addr import Endpoint

MAX_HALF_OPEN = 64


class SaTable:
    """IKE SAs by our own SPI."""

    def __init__(self) -> None:
        self._by_spi: dict[bytes, IkeSa] = {}
        self._by_first: dict[tuple[bytes, Endpoint], IkeSa] = {}

    def __len__(self) -> int:
        return len(self._by_spi)

    def make_spi(self, rng: Callable[[int], bytes]) -> bytes:
        """A random SPI that is not zero and not ours already."""
        while True:
            spi = rng(SPI)
            if spi != NO_SPI and spi not in self._by_spi:
                return spi

    def add(self, sa: IkeSa) -> None:
        """Make an SA findable."""
        self._by_spi[sa.our_spi] = sa
        if sa.init_digest:
            self._by_first[sa.init_digest, sa.init_source] = sa

    def remove(self, sa: IkeSa) -> None:
        """Make an SA unfindable; one that is not there is fine."""
        self._by_spi.pop(sa.our_spi, None)
        self._by_first.pop((sa.init_digest, sa.init_source), None)

    def find(self, our_spi: bytes) -> IkeSa | None:
        """The SA that a message with this SPI of ours belongs to."""
        return self._by_spi.get(our_spi)

    def find_repeated(self, digest: bytes, source: Endpoint) -> IkeSa | None:
        """The responder's SA that an IKE_SA_INIT request with this SHA-256 from this endpoint has made already. A copy
        from elsewhere makes an SA of its own: its sender may be behind a translator, and the answer says so.
        """
        return self._by_first.get((digest, source))

    def get_all(self) -> Iterable[IkeSa]:
        """Every SA, in no order, while nothing is added or removed."""
        return self._by_spi.values()

    def list_all(self) -> list[IkeSa]:
        """Every SA, the oldest first."""
        return sorted(self._by_spi.values(), key=_order)

    def find_all(self, name: str) -> list[IkeSa]:
        """Every SA of one connection, the oldest first."""
        return sorted([sa for sa in self.get_all() if sa.name == name], key=_order)

    def list_half_open(self) -> list[IkeSa]:
        """Every responder's SA whose peer has not proved itself, the oldest first."""
        return sorted([sa for sa in self.get_all() if sa.is_half_open], key=_order)

    def count_half_open(self) -> int:
        """How many responder's SAs there are whose peer has not proved itself."""
        count = 0
        for sa in self.get_all():
            if sa.is_half_open:
                count += 1
        return count

    def make_room(self, forget: Callable[[IkeSa], None]) -> None:
        """Bound the half-open SAs: before one more is added to a full table, an old one is forgotten.

        It is the oldest of the address that has most of them: whoever fills the table pushes out his own, and a peer
        from elsewhere always gets in.
        """
        half_open = self.list_half_open()
        if len(half_open) < MAX_HALF_OPEN:
            return
        counts: dict[bytes, int] = {}
        for sa in half_open:
            counts[sa.remote[0]] = counts.get(sa.remote[0], 0) + 1
        most = max(counts.values())
        for sa in half_open:
            if counts[sa.remote[0]] == most:
                forget(sa)
                return


def _order(sa: IkeSa) -> int:
    return sa.order


