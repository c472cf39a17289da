"""The road to the peer: its address, this router's way out to it, and who both ends are, with what derives from that.

Sans-IO and without a clock: the tunnel asks the name server and the kernel, and brings their answers here.
"""

from __future__ import annotations

from isthmus.kernel.ways import Way
from isthmus.policy.derive import Derived, derive, share_ids
from isthmus.policy.given import free_mark, given
from isthmus.troubles import NoAddressError, PeerInsideError, SamePeerError, TwoDevicesError
from isthmus.wire.addr import format_ip, is_ip, parse_ip
from isthmus.wire.identity import Identity, identity_of_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.model import TunnelConfig
    from isthmus.policy.desired import LocalAddress

    Place = tuple[bytes, tuple[int, int] | None]
    Others = list[tuple[str, Derived]]  # the other tunnels of this site: name, what they derived


TURNS, TURNS_MS = 4, 1_800_000  # so many changes between two places within so long are two devices
UNKNOWN = bytes(4)  # in place of an address, as the kernel's policies have it


class Turn:
    """What has changed on the road. moved: an outer address, by our own doing; connects: the engine is to be told;
    rederived: ids of before no longer hold; news: anything that the kernel should be brought up to.
    """

    def __init__(self, moved: bool, connects: bool, rederived: bool, news: bool) -> None:
        self.moved = moved
        self.connects = connects
        self.rederived = rederived
        self.news = news


class Callers:
    """From where the peer has proved itself anew, each time. One device that moves goes on to other places; two devices
    with one key, such as a backup restored on a second router, take turns.
    """

    def __init__(self) -> None:
        self._turns: list[tuple[Place, int]] = []  # where and when; a place that comes twice in a row stands here once

    def met(self, place: Place, now: int) -> None:
        """place: the peer's address, and the UDP ports around ESP or None."""
        if self._turns and self._turns[-1][0] == place:
            self._turns[-1] = (place, now)
        else:
            self._turns = self._turns[1 - TURNS :] + [(place, now)]

    def trouble(self, now: int) -> TwoDevicesError | None:
        """What there is to tell, as long as it goes on."""
        last = [place for place, when in self._turns if now - when < TURNS_MS]
        if len(last) < TURNS or [index for index in range(TURNS) if last[index] != last[index % 2]]:
            return None
        both = (format_ip(last[0][0]), format_ip(last[1][0]))
        return TwoDevicesError("two devices with the peer's keys take turns, at %s and %s" % both)


class Road:
    """See the module. remote: the peer's address, where we call it or where it has called from; local: our own address
    toward it; way: the kernel's way to it; addresses: this router's own; local_id, remote_id, derived: who we are to
    each other. Each is None, or empty, as long as it is unknown.
    """

    def __init__(self, config: TunnelConfig) -> None:
        self.config = config
        self.remote: bytes | None = None
        self.local: bytes | None = None
        self.way: Way | None = None
        self.addresses: list[LocalAddress] = []
        self.local_id: Identity | None = config.local_id
        self.remote_id: Identity | None = config.remote_id
        self.derived: Derived | None = None
        self.callers = Callers()
        self._between: tuple[bytes | None, bytes | None] | None = None  # the way's source, not always `local`
        self._told: tuple[bytes | None, bytes | None] | None = None  # what the engine knows
        self._answers: dict[str, tuple[list[bytes], str]] = {}
        self._found: dict[str, list[bytes]] = {}
        self._failed: list[bytes] = []
        self._several = False
        self._met = False  # the peer is where it has shown itself, whatever its names say
        self._is_new = False  # and the kernel was not asked about the way there

    @property
    def is_anywhere(self) -> bool:
        """Nobody knows where the peer is until it calls."""
        return not self.config.remotes

    def ask(self) -> list[str]:
        """Begin a try: the names to be looked up, each answered by answered()."""
        self._answers = {}
        names = []
        for remote in self.config.remotes:
            if is_ip(remote):
                self.answered(remote, [parse_ip(remote)], "")
            else:
                names.append(remote)
        return names

    def answered(self, name: str, addresses: list[bytes], failure: str) -> bool:
        """A name has these addresses, or `failure` says why it has none. True if it was asked for."""
        if name not in self.config.remotes:
            return False
        self._answers[name] = (addresses, failure)
        if addresses:
            self._found[name] = addresses
        return True

    def is_answered(self) -> bool:
        """Every name of this try is."""
        return len(self._answers) == len(self.config.remotes)

    def choose(self, settled: bool) -> bytes:
        """The address to try: of all that the peer's names have, in order, the one after the last that failed. settled:
        traffic passes, so nothing moves as long as the address in use is among them.

        Raises NoAddressError, PeerInsideError.
        """
        candidates, inside, failures = self._candidates()
        self._several = len(candidates) > 1
        if inside and not candidates:
            self.check(inside[0])
        if not candidates:
            text = "the name %s has no address (%s)"
            raise NoAddressError(text % (self.config.remote, "; ".join(failures) or "nothing found"))
        # A name with several addresses lists them in any order: what stands does not move for that.
        stays = settled and self.remote not in self._failed and (self._met or self.remote in candidates)
        if self.remote is None or not stays:
            fresh = [address for address in candidates if address not in self._failed]
            if not fresh:  # all have failed: from the beginning
                self._failed = []
            self.remote = (fresh or candidates)[0]
            self._met = False
        return self.remote

    def expected(self) -> list[bytes]:
        """Every address that the peer's names had when they were last found."""
        return [address for addresses in self._found.values() for address in addresses]

    def _candidates(self) -> tuple[list[bytes], list[bytes], list[str]]:
        """The addresses to try in order, those that cannot be used, and why names have none."""
        local = self.config.local_address
        candidates: list[bytes] = []
        inside: list[bytes] = []
        failures: list[str] = []
        for name in self.config.remotes:
            addresses, failure = self._answers[name]
            if local is not None and addresses:
                addresses = [address for address in addresses if len(address) == len(local)]
                failure = "none of the family of option local"
            if not addresses and failure not in failures:
                failures.append(failure)
            for address in addresses:
                where = inside if self._is_inside(address) else candidates
                if address not in where:
                    where.append(address)
        return candidates, inside, failures

    def failed(self) -> bool:
        """The address that was tried did not answer; True if there is another that was not tried yet."""
        if self.remote is not None and self.remote not in self._failed:
            self._failed.append(self.remote)
        if not self.is_answered():
            return False
        return [address for address in self._candidates()[0] if address not in self._failed] != []

    @property
    def has_choice(self) -> bool:
        """The peer has several addresses: no need to wait long for one of them."""
        return self._several

    def check(self, remote: bytes) -> None:
        """Raises PeerInsideError for an address of the peer at which it must not be, wherever that comes from."""
        if self._is_inside(remote):
            raise PeerInsideError("the peer's address %s lies inside its own remote_subnet" % format_ip(remote))

    def _is_inside(self, address: bytes) -> bool:
        """The tunnel's own packets would go into the tunnel."""
        return any(len(net.address) == len(address) and net.contains(address) for net in self.config.remote_subnets)

    def take(self, way: Way | None, addresses: list[LocalAddress], others: Others) -> Turn:
        """The kernel's way to `remote`, this router's own addresses, and what the other tunnels have derived. way: None
        only as long as nobody knows where the peer is.

        Raises IsthmusError where the identities cannot be used; then forget() is due.
        """
        if way is not None and self.config.local_address is not None:
            way = Way(self.config.local_address, way.ifname, way.mtu)
        known = self.way == way and self.addresses == addresses and self.derived is not None
        self.way = way
        self.addresses = addresses
        source = way.source if way is not None else None
        gone = self.local not in (None, source) and self.local not in [address for _, address, _ in addresses]
        moved = gone or (self._between != (source, self.remote) and not self._is_new)
        if moved or self.local is None:  # else it stays: the peer may have called another than we would call from
            self.local = source
        rederived = self._derive(self.local or UNKNOWN, self.remote or UNKNOWN, others)
        self._between = (source, self.remote)
        connects = rederived or self._told != (self.local, self.remote)
        self._told = (self.local, self.remote)
        self._is_new = False
        return Turn(moved, connects, rederived, moved or rederived or not known)

    def meet(self, local: bytes, remote: bytes) -> bool:
        """The peer has proved itself between these addresses; True if the kernel is to be asked for the way there."""
        self._failed = []
        self._met = True
        if (self.local, self.remote) == (local, remote):
            return False
        self.local, self.remote = local, remote
        self._is_new = True
        return True

    def _derive(self, local: bytes, remote: bytes, others: Others) -> bool:
        """Derive from the identities in use; True where ids of before no longer hold. Raises IsthmusError."""
        self.local_id = self.config.local_id or identity_of_address(local)
        self.remote_id = self.config.remote_id or identity_of_address(remote)
        former = self.derived
        ids = [bytes([identity.kind]) + identity.data for identity in (self.local_id, self.remote_id)]
        if self.config.static is not None:
            derived = given(self.config.static, ids[0], ids[1], local, remote)
            if former is not None and former.reqid == derived.reqid:
                derived.mark = former.mark
            else:
                derived.mark = free_mark(derived.reqid, [other.mark for _, other in others])
        else:
            derived = derive(ids[0], ids[1], self.config.instance, self.config.cookie_key or self.config.psk)
        for name, other in others:
            if share_ids(derived, other):
                text = "between %s and %s there is tunnel %s already: both would have the same ids"
                raise SamePeerError(text % (self.local_id, self.remote_id, name))
        self.derived = derived
        return former is not None and former.link != derived.link

    def leave(self) -> None:
        """The engine does not know the road any more: the next take() is a move."""
        self._between = None
        self._told = None

    def forget(self) -> None:
        """Who the peer is, is not known any more."""
        self.derived = None
        self._between = None
        self._told = None
