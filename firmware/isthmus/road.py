"""The road to the peer: its address, this router's way out to it, and who both ends are, with what derives from that.

Sans-IO and without a clock: the tunnel asks the name server and the kernel, and brings their answers here.
"""

from __future__ import annotations

from isthmus.kernel.ways import Way
from isthmus.policy.derive import TRANSPORT, Derived, derive, share_ids
from isthmus.policy.given import free_mark, given
from isthmus.troubles import NoAddressError, NoWayError, PeerInsideError, SamePeerError
from isthmus.wire.addr import format_ip
from isthmus.wire.identity import Identity, identity_of_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.model import TunnelConfig
    from isthmus.policy.desired import LocalAddress

    Others = list[tuple[str, Derived]]  # the other tunnels of this site: name, what they derived


class Turn:
    """What has changed on the road. moved: an outer address; rederived: ids of before no longer hold; news: anything
    that the kernel should be brought up to.
    """

    def __init__(self, moved: bool, rederived: bool, news: bool) -> None:
        self.moved = moved
        self.rederived = rederived
        self.news = news


class Road:
    """See the module. remote: the peer's address; way: the kernel's way to it; addresses: this router's own; local_id,
    remote_id, derived: who we are to each other. Each is None, or empty, as long as it is unknown.
    """

    def __init__(self, config: TunnelConfig) -> None:
        self.config = config
        self.remote: bytes | None = None
        self.way: Way | None = None
        self.addresses: list[LocalAddress] = []
        self.local_id: Identity | None = config.local_id
        self.remote_id: Identity | None = config.remote_id
        self.derived: Derived | None = None
        self._between: tuple[bytes, bytes] | None = None

    def choose(self, addresses: list[bytes], failure: str, settled: bool) -> bytes:
        """The address to try, of those that the peer's name has; `failure` says why it has none. settled: traffic
        passes, so nothing moves as long as the address in use is among them.

        Raises NoAddressError, PeerInsideError.
        """
        local = self.config.local_address
        if local is not None and addresses:
            addresses = [address for address in addresses if len(address) == len(local)]
            failure = "none of the family of option local"
        inside = [address for address in addresses if self._is_inside(address)]
        addresses = [address for address in addresses if address not in inside]
        if inside and not addresses:
            raise PeerInsideError("the peer's address %s lies inside its own remote_subnet" % format_ip(inside[0]))
        if not addresses:
            text = "the name %s has no address (%s)"
            raise NoAddressError(text % (self.config.remote, failure or "nothing found"))
        # A name with several addresses lists them in any order: what stands does not move for that.
        if self.remote is None or self.remote not in addresses or not settled:
            self.remote = addresses[0]
        return self.remote

    def _is_inside(self, address: bytes) -> bool:
        """The tunnel's own packets would go into the tunnel."""
        return any(len(net.address) == len(address) and net.contains(address) for net in self.config.remote_subnets)

    def take(self, way: Way, addresses: list[LocalAddress], others: Others) -> Turn:
        """The kernel's way to `remote`, this router's own addresses, and what the other tunnels have derived.

        Raises IsthmusError where the identities cannot be used; then forget() is due.
        """
        if self.remote is None:
            raise NoWayError("the peer's address is not known")
        if self.config.local_address is not None:
            way = Way(self.config.local_address, way.ifname, way.mtu)
        known = self.way == way and self.addresses == addresses and self.derived is not None
        self.way = way
        self.addresses = addresses
        rederived = self._derive(way.source, self.remote, others)
        moved = self._between != (way.source, self.remote)
        self._between = (way.source, self.remote)
        return Turn(moved, rederived, moved or rederived or not known)

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
            derived = derive(ids[0], ids[1], self.config.instance, self.config.psk)
        for name, other in others:
            if share_ids(derived, other):
                text = "between %s and %s there is tunnel %s already: both would have the same ids"
                raise SamePeerError(text % (self.local_id, self.remote_id, name))
        self.derived = derived
        return former is not None and former.link != derived.link

    def ends(self) -> tuple[bytes, bytes] | None:
        """The outer addresses, local and remote, that L2TP itself runs between; None in BEET mode or as long as they
        are unknown.
        """
        if self.derived is None or self.derived.mode != TRANSPORT or self.way is None or self.remote is None:
            return None
        return (self.way.source, self.remote)

    def leave(self) -> None:
        """The engine does not know the road any more: the next take() is a move."""
        self._between = None

    def forget(self) -> None:
        """Who the peer is, is not known any more."""
        self.derived = None
        self._between = None
