"""The CHILD SAs of one tunnel: which are in the kernel, which carries traffic, which are on their way out.

Make before break, in the one order that lost no packet when it was measured (shared/reference/kernel.md): the responder
installs inbound; the initiator installs inbound and outbound; the responder moves outbound when the first packet has
come on the new SA, when the peer deletes the old one, or at last by the clock; then the old outbound goes at once, the
old inbound seconds after both sides have agreed that the old pair is over. An SA is never installed a second time:
AES-GCM does not survive a counter that starts again under the same key.
"""

from __future__ import annotations

from isthmus.kernel import objects
from isthmus.kernel.objects import Sa, SaKeys
from isthmus.policy.derive import BEET
from isthmus.policy.desired import host
from isthmus.proto.actions import DEAD, INBOUND, INITIATOR, REPLACED
from isthmus.troubles import SpentKeysError
from isthmus.wire.addr import Prefix
from isthmus.wire.ip_numbers import L2TP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.crypto.suites import Cipher
    from isthmus.policy.derive import Derived
    from isthmus.proto.actions import ChildUp, SaSpec

    Key = tuple[bytes, int]  # destination and SPI: what the kernel finds an SA by

MOVE_MS = 20_000  # the responder waits no longer for the first packet: by then four lost answers were sent again
MOVE_REKEYED_MS = 90_000  # nor here, where the initiator always deletes the old pair when it has the new one
LINGER_MS = 15_000  # packets under way on the old inbound SA still arrive, and those of a peer that waits that long
LEFT_MS = 120_000  # how long it stays where nobody says that it is over: so long a DELETE is repeated

# Of the lifetime, in time, bytes or packets: when the initiator of the newest pair renews it, and up to how much later,
# at random; when the responder does, should the initiator not have; when the pair goes, whatever took its place.
RENEW_PERCENT = 80
RENEW_SPREAD_PERCENT = 10
RESPONDER_PERCENT = 95
END_PERCENT = 125

# What one key may carry, whatever is configured. 2^40 bytes are 2^36 blocks of AES: an attacker's chance to tell them
# from noise is 2^-56 (squared, over 2^129). Without ESN the sequence number ends at 2^32 packets (RFC 4303 section
# 3.3.3); half of that leaves hours to agree on a new key at any rate that a router reaches.
MOST_BYTES = 1 << 40
MOST_PACKETS = 1 << 31


class Child:
    """One pair of SAs. `role`: "initiator" or "responder", ours in the exchange that made it."""

    def __init__(self, ike_id: int, role: str, inbound: SaSpec, outbound: SaSpec, now: int) -> None:
        self.ike_id = ike_id
        self.role = role
        self.inbound = inbound
        self.outbound = outbound
        self.born = now
        self.in_use = False  # the outbound SA is in the kernel
        self.until: int | None = None  # on its way out: when the inbound SA goes
        self.move_at = now  # when it carries, if nothing has shown before that the peer has it

    def sas(self) -> list[Key]:
        """The SAs of the pair that are in the kernel."""
        keys = [key_of(self.inbound)]
        if self.in_use:
            keys.append(key_of(self.outbound))
        return keys


def key_of(sa: SaSpec) -> Key:
    """What the kernel finds an SA by."""
    return (sa.destination, int.from_bytes(sa.spi, "big"))


def sa_key(sa: Sa) -> Key:
    """The same of an SA that is in the kernel."""
    return (sa.destination, sa.spi)


def kernel_sa(spec: SaSpec, derived: Derived) -> Sa:
    """The SA as the kernel takes it. The keys are handed over, not copied: add() clears them.

    Raises SpentKeysError for an SA that was installed before: what is left of its keys are zeros.
    """
    if not any(spec.keys.encryption):
        raise SpentKeysError("the SA 0x%s was installed before" % spec.spi.hex())
    beet = derived.mode == BEET
    here, there = host(derived.local.inner), host(derived.remote.inner)
    if not beet:  # the addresses are those of the SA itself, and through NAT the peer knows others than we do
        here = there = Prefix(bytes(len(spec.source)), 0)
    if spec.direction == INBOUND:
        here, there = there, here
    return Sa(
        destination=spec.destination,
        spi=int.from_bytes(spec.spi, "big"),
        source=spec.source,
        reqid=derived.reqid,
        mode=objects.BEET if beet else objects.TRANSPORT,
        encryption=spec.encryption.encr,
        integrity=spec.encryption.integ,
        keys=SaKeys(spec.keys.encryption, spec.keys.integrity),
        selector=(here, there, L2TP),
        encap=spec.encap,
        mark=derived.mark if spec.direction == INBOUND else 0,
        esn=spec.esn,
    )


def kernel_update(spec: SaSpec, derived: Derived) -> Sa:
    """The same SA for replace(): what of it can change, and no key."""
    mode = objects.BEET if derived.mode == BEET else objects.TRANSPORT
    ends = (spec.destination, int.from_bytes(spec.spi, "big"), spec.source)
    return Sa(*ends, derived.reqid, mode, spec.encryption.encr, spec.encryption.integ, encap=spec.encap)


class Limits:
    """How long a pair is used: lifetime_ms; octets and packets in one direction, 0 for no more than MOST_..."""

    def __init__(self, lifetime_ms: int, octets: int = 0, packets: int = 0) -> None:
        self.lifetime_ms = lifetime_ms
        self.octets = min(octets or MOST_BYTES, MOST_BYTES)
        self.packets = min(packets or MOST_PACKETS, MOST_PACKETS)


class Children:
    """Sans-IO. Methods that take `now` return the SaSpecs to install at once, in order."""

    def __init__(self, limits: Limits, rng: Callable[[int], bytes]) -> None:
        self.limits = limits
        self._rng = rng
        self.clear()

    def clear(self) -> None:
        """Forget every SA: none is wanted in the kernel any more."""
        self._pairs: list[Child] = []  # every one whose inbound SA is in the kernel, the oldest first
        self.current: Child | None = None  # its outbound SA carries the traffic
        self.newest: Child | None = None  # agreed, not yet moved to; else the same as current
        self.adopted: list[Sa] = []  # a former daemon's, without the IKE SA that made them
        self._adopted_until: list[tuple[Key, int]] = []
        self._local: list[bytes] = []
        self.packets_in: int | None = None
        self.packets_out: int | None = None
        self.lost = False
        self._placed: set[Key] = set()
        self._left: list[SaSpec] = []
        self._renew_at: int | None = None
        self._renew_percent = RESPONDER_PERCENT
        self._end_at: int | None = None

    def adopt(self, sas: list[Sa], local: list[bytes], now: int) -> None:
        """Keep what a former daemon left in the kernel until something better is there. local: our addresses."""
        if self.newest is None and sas:
            self.adopted = sas
            self._local = local
            self._end_at = now + self.limits.lifetime_ms * END_PERCENT // 100

    def placed(self, spec: SaSpec) -> None:
        """The kernel has taken this SA: from now on it would be missed."""
        self._placed.add(key_of(spec))

    def take_left(self) -> list[SaSpec]:
        """Outbound SAs that traffic has just been taken from, each once: they are to go at once."""
        left, self._left = self._left, []
        return left

    def wanted(self) -> set[Key]:
        """Every SA that should stay in the kernel; ours that are not among them go."""
        keys = {sa_key(sa) for sa in self.adopted}
        keys.update([key for key, _ in self._adopted_until])
        for child in self._pairs:
            keys.update(child.sas())
        return keys

    def usable(self) -> bool:
        """Traffic can leave and arrive."""
        return self.current is not None or len(self.adopted) >= 2

    def outer(self) -> tuple[bytes, bytes] | None:
        """The outer addresses, ours and the peer's, of the SA that traffic leaves through; None if there is none."""
        if self.current is not None:
            return (self.current.outbound.source, self.current.outbound.destination)
        leaving = [sa for sa in self.adopted if sa.destination not in self._local]
        return (leaving[-1].source, leaving[-1].destination) if leaving else None

    def moved(self, local: bytes, remote: bytes, ports: tuple[int, int] | None) -> tuple[list[SaSpec], bool]:
        """The IKE SA is between these addresses now, and ESP in UDP between these ports (ours, the peer's). Returns
        the SAs of which only the ports change, and True where new SAs are needed.
        """
        changed: list[SaSpec] = []
        is_stale = False
        for child in (self.newest, self.current):
            if child is None or (child is self.current and self.newest is not child):
                continue  # what is on its way out is not followed
            leaving, arriving = child.outbound, child.inbound
            if (leaving.source, leaving.destination) != (local, remote) or (leaving.encap is None) != (ports is None):
                is_stale = True
            elif ports is not None and leaving.encap != ports:
                leaving.encap, arriving.encap = ports, (ports[1], ports[0])
                changed += [arriving] + ([leaving] if child.in_use else [])
        return changed, is_stale

    def ports(self) -> tuple[int, int] | None:
        """The UDP ports around ESP, ours and the peer's, of the SA that traffic leaves through."""
        return self.current.outbound.encap if self.current is not None else None

    def holds(self, destination: bytes, spi: int) -> bool:
        """An inbound SA of the newest pair."""
        return self.newest is not None and key_of(self.newest.inbound) == (destination, spi)

    def cipher(self) -> Cipher | None:
        """The cipher of the newest pair, None while only adopted ones are known."""
        return self.newest.outbound.encryption if self.newest is not None else None

    def is_encapsulated(self) -> bool:
        """The newest pair travels in UDP."""
        return self.newest is not None and self.newest.outbound.encap is not None

    def moving(self) -> bool:
        """The kernel should be asked often: a move waits for the first packet."""
        return self._waiting() != []

    def _waiting(self) -> list[Child]:
        """Pairs that may carry as soon as the peer is known to have them, the oldest first."""
        return [child for child in self._pairs if child.until is None and child is not self.current]

    def child_up(self, action: ChildUp, now: int) -> list[SaSpec]:
        """The engine has agreed a pair; its inbound SA is in the kernel already."""
        child = Child(action.ike_id, action.role, action.inbound, action.outbound, now)
        self._pairs.append(child)
        if action.spare:
            child.until = now + LEFT_MS
            action.outbound.keys.clear()  # nobody will install it
            return []
        self.newest = child
        self.lost = False
        self._renew_percent = RESPONDER_PERCENT
        if action.role == INITIATOR:
            self._renew_percent = RENEW_PERCENT + int.from_bytes(self._rng(2), "big") % (RENEW_SPREAD_PERCENT + 1)
        self._renew_at = now + self.limits.lifetime_ms * self._renew_percent // 100
        self._end_at = now + self.limits.lifetime_ms * END_PERCENT // 100
        elsewhere = (action.outbound.source, action.outbound.destination) != self.outer()
        if action.role == INITIATOR or not self.usable() or elsewhere:  # from where one side has left nothing will come
            return self._move(child, now, LEFT_MS)
        child.move_at = now + (MOVE_MS if action.replaces is None else MOVE_REKEYED_MS)
        return []

    def _move(self, child: Child, now: int, still: int = LINGER_MS) -> list[SaSpec]:
        """Traffic leaves through this pair from now on, and never again through an older one. still: how long the peer
        may use those yet.
        """
        child.in_use = True
        self.current = child
        for sa in self.adopted:
            if sa.destination == child.inbound.destination:
                self._adopted_until.append((sa_key(sa), now + LINGER_MS))
        self.adopted = []
        for former in self._pairs[: self._pairs.index(child)]:
            if former.in_use:
                self._left.append(former.outbound)
            former.in_use = False  # its outbound SA must not be left: the kernel may prefer it, by its wall clock
            former.until = now + still if former.until is None else former.until
        self.packets_in = None
        self.packets_out = None
        return [child.outbound]

    def child_gone(self, inbound_spi: bytes, reason: str, now: int) -> list[SaSpec]:
        """A pair is over: what is left takes over, if anything is. reason: of the ChildGone."""
        found = [child for child in self._pairs if child.inbound.spi == inbound_spi]
        if not found or reason == DEAD:
            return []  # a peer that fell silent may come back
        child, waiting = found[0], [pair for pair in self._waiting() if pair is not found[0]]
        if child is not self.current:
            child.until = now + LINGER_MS
            if child is self.newest:
                self.newest = waiting[-1] if waiting else self.current
        elif not waiting:
            self.clear()
        elif reason != REPLACED:  # who has replaced a whole IKE SA may not know yet that it has
            child.until = now + LINGER_MS
            # The peer has what came next. What came after that is perhaps still on its way to it.
            return self._move(waiting[0], now)
        return []

    def observed(self, sas: list[Sa], now: int) -> list[SaSpec]:
        """What the kernel holds of this tunnel's SAs just now; sets `lost` where one that should be there is not."""
        present = {sa_key(sa): sa for sa in sas}
        self.adopted = [sa for sa in self.adopted if sa_key(sa) in present]
        if self.current is not None:
            self.lost = [key for key in self.current.sas() if key in self._placed and key not in present] != []
            arriving = present.get(key_of(self.current.inbound))
            leaving = present.get(key_of(self.current.outbound))
            self.packets_in = arriving.packets if arriving is not None else None
            self.packets_out = leaving.packets if leaving is not None else None
            if self.current is self.newest:
                self._count([sa for sa in (arriving, leaving) if sa is not None], now)
        elif self.adopted:
            self.packets_in = sum([present[sa_key(sa)].packets for sa in self.adopted if sa.destination in self._local])
        for child in reversed(self._waiting()):
            first = present.get(key_of(child.inbound))
            if first is not None and first.packets:
                return self._move(child, now)
        return []

    def _count(self, pair: list[Sa], now: int) -> None:
        """A pair that has carried most of what it may is renewed now. What is renewed by time waits no longer."""
        for sa in pair:
            for count, most in ((sa.bytes, self.limits.octets), (sa.packets, self.limits.packets)):
                if count >= most * self._renew_percent // 100 and self._renew_at is not None:
                    self._renew_at = min(self._renew_at, now)

    def renews_later(self) -> bool:
        """True as long as the time to renew the newest pair is still to come."""
        return self._renew_at is not None

    def renewal_due(self, now: int) -> bool:
        """True once, when a new pair should be negotiated beside the newest."""
        if self._renew_at is None or now < self._renew_at:
            return False
        self._renew_at = None
        return True

    def get_timer(self) -> int | None:
        """When handle_timer wants to be called."""
        timers = [until for _, until in self._adopted_until]
        timers += [child.until for child in self._pairs if child.until is not None]
        timers += [child.move_at for child in self._waiting()[:1]]
        timers += [at for at in (self._renew_at, self._end_at) if at is not None]
        return min(timers) if timers else None

    def handle_timer(self, now: int) -> list[SaSpec]:
        """Move, retire, end what is due."""
        self._adopted_until = [(key, until) for key, until in self._adopted_until if until > now]
        self._pairs = [child for child in self._pairs if child.until is None or child.until > now]
        self._placed &= self.wanted()
        if self._end_at is not None and now >= self._end_at:
            self.clear()
        waiting = self._waiting()
        if waiting and now >= waiting[0].move_at:
            return self._move(waiting[0], now, LEFT_MS)
        return []
