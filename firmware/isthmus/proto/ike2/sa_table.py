"""SaTable: every IKE SA of the engine, found by SPI, by first message or by connection; half-open ones are bounded."""
from __future__ import annotations

from isthmus.proto.ike2.proposals import ESP_SPI, FIRST_SPI
from isthmus.proto.ike2.times import FINISH_MS, HALF_OPEN_MS
from isthmus.wire.ike import NO_SPI, SPI

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.wire.addr import Endpoint

SPARE_SPIS = 256
MAX_HALF_OPEN = 256  # each takes about 10 kB


class SaTable:
    """IKE SAs by our own SPI. limit: of half-open ones."""

    def __init__(self, limit: int = MAX_HALF_OPEN) -> None:
        self.limit = limit
        self._by_spi: dict[bytes, IkeSa] = {}
        self._by_first: dict[tuple[bytes, Endpoint], IkeSa] = {}
        self._by_name: dict[str, dict[bytes, IkeSa]] = {}
        self._peer_spis: set[bytes] = set()  # ESP SPIs that peers have named, and perhaps forgotten since
        self._peer_spis_limit = SPARE_SPIS
        self._child_spis: set[bytes] = set()  # handed out, and perhaps given back since
        self._child_spis_limit = SPARE_SPIS
        self._half_open: dict[bytes, IkeSa] = {}  # and some that are not any more: see list_half_open

    def __len__(self) -> int:
        return len(self._by_spi)

    def make_spi(self, rng: Callable[[int], bytes]) -> bytes:
        """A random SPI that is not zero and not ours already."""
        while True:
            spi = rng(SPI)
            if spi != NO_SPI and spi not in self._by_spi:
                return spi

    def add(self, sa: IkeSa) -> None:
        """Make an SA findable; once more when it has got its connection."""
        self._by_spi[sa.our_spi] = sa
        if sa.connection is not None:
            self._by_name.setdefault(sa.connection.name, {})[sa.our_spi] = sa
        if sa.init_digest:
            self._by_first[sa.init_digest, sa.init_source] = sa
        if sa.is_half_open:
            self._half_open[sa.our_spi] = sa

    def remove(self, sa: IkeSa) -> None:
        """Make an SA unfindable; one that is not there is fine."""
        self._by_spi.pop(sa.our_spi, None)
        self._by_first.pop((sa.init_digest, sa.init_source), None)
        self._half_open.pop(sa.our_spi, None)
        named = self._by_name.get(sa.name or "", {})
        named.pop(sa.our_spi, None)
        if not named:
            self._by_name.pop(sa.name or "", None)

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
        return sorted(self._by_name.get(name, {}).values(), key=_order)

    def list_half_open(self) -> list[IkeSa]:
        """Every responder's SA whose peer has not proved itself, the oldest first."""
        for sa in list(self._half_open.values()):
            if not sa.is_half_open:
                self._half_open.pop(sa.our_spi)
        return sorted(self._half_open.values(), key=_order)

    def count_half_open(self) -> int:
        """How many responder's SAs there are whose peer has not proved itself."""
        # Each request of a flood asks for it: no list is made, and what has been proven is left to list_half_open.
        return sum([not sa.established_order for sa in self._half_open.values()])

    def make_child_spi(self, rng: Callable[[int], bytes]) -> bytes:
        """A random ESP SPI that is neither reserved nor in use by a CHILD SA of ours, or about to be."""
        if len(self._child_spis) >= self._child_spis_limit:
            # Those that are gone are forgotten; not each time, for it takes a look at every SA.
            self._child_spis = {sa.child_spi for sa in self._by_spi.values()}
            for sa in self._by_spi.values():
                self._child_spis.update([child.inbound_spi for child in sa.children])
            self._child_spis_limit = 2 * len(self._child_spis) + SPARE_SPIS
        while True:
            spi = rng(ESP_SPI)
            if int.from_bytes(spi, "big") >= FIRST_SPI and spi not in self._child_spis:
                self._child_spis.add(spi)
                return spi

    def may_have_peer_spi(self, spi: bytes) -> bool:
        """False if no peer has named this ESP SPI before, which is nearly always so: nothing needs to be searched."""
        if spi in self._peer_spis:
            return True
        if len(self._peer_spis) >= self._peer_spis_limit:
            self._peer_spis = set()
            for sa in self._by_spi.values():
                self._peer_spis.update([child.outbound_spi for child in sa.children])
            self._peer_spis_limit = 2 * len(self._peer_spis) + SPARE_SPIS
        self._peer_spis.add(spi)
        return False

    def make_room(self, now: int, forget: Callable[[IkeSa], None], is_expected: bool = False) -> bool:
        """Bound the half-open SAs: before one more is added to a full table, an old one is forgotten. False if that
        must not be: the newcomer has to wait.

        It is the oldest of the address that has most of them: whoever fills the table pushes out his own, and a peer
        from elsewhere always gets in. Where every address has but one, many good peers may be coming at once, as after
        a hub's restart. Then whoever has been let in gets the time to finish: if he were pushed out by the next one,
        and he by his next, nobody would ever get through.
        """
        if len(self._half_open) < self.limit:
            return True
        half_open = self.list_half_open()
        if len(half_open) < self.limit:
            return True
        counts: dict[bytes, int] = {}
        for sa in half_open:
            counts[sa.remote[0]] = counts.get(sa.remote[0], 0) + 1
        most = max(counts.values())
        for sa in half_open:
            if counts[sa.remote[0]] == most:
                break
        if most == 1 and sa.expire_at is not None and sa.expire_at - now > HALF_OPEN_MS - FINISH_MS:
            # That holds among equals. Strangers from everywhere do not keep out who is expected where it calls from.
            strangers = [other for other in half_open if not other.is_expected] if is_expected else []
            if not strangers:
                return False
            sa = strangers[0]
        forget(sa)
        return True


def _order(sa: IkeSa) -> int:
    return sa.order


