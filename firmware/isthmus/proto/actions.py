"""What a protocol machine wants done, as values. The daemon obeys them in order. See firmware/DESIGN.md."""
from __future__ import annotations

from isthmus.crypto.prf import wipe
from isthmus.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.suites import Cipher, Suite
    from isthmus.errors import IsthmusError
    from isthmus.wire.addr import Endpoint
    from isthmus.wire.ike_ts import Selector

# Roles in an exchange.
INITIATOR = "initiator"
RESPONDER = "responder"

# Directions of an SA, seen from here.
INBOUND = "in"
OUTBOUND = "out"

# Reasons of ChildGone.
DELETED = "deleted"  # the peer said so
CLOSED = "closed"  # we said so
REPLACED = "replaced"  # a newer IKE SA with the same peer, or a newer pair, has taken over
DEAD = "dead"  # the peer no longer answers, or went wrong beyond repair

# How ESP wraps the packet (SaSpec.mode).
BEET = "beet"  # inner addresses of the SA's own, at transport mode's size; between two Isthmus
TRANSPORT = "transport"  # RFC 4303 section 3.1.1; with strangers


class SaKeys:
    """The keys of one direction of a CHILD SA. encryption: with its salt; integrity: empty for AEAD."""

    def __init__(self, encryption: bytearray, integrity: bytearray) -> None:
        self.encryption = encryption
        self.integrity = integrity

    def clear(self) -> None:
        """Overwrite both: whoever installed them calls this."""
        wipe(self.encryption)
        wipe(self.integrity)

    def __repr__(self) -> str:
        return "SaKeys(%d and %d bytes)" % (len(self.encryption), len(self.integrity))


class SaSpec(Value):
    """One ESP SA.

    direction: INBOUND or OUTBOUND. spi: 4 bytes. source, destination: outer addresses of 4 or 16 bytes, of the packets
    in this direction. encryption: row of crypto/suites.py. ts_source, ts_destination: Selector, seen in this direction.
    mode: BEET or TRANSPORT. encap: None, or the UDP ports (source, destination) around ESP, RFC 3948. esn: extended
    sequence numbers, RFC 4304.
    """

    fields = ("direction", "spi", "source", "destination", "encryption", "ts_source", "ts_destination", "mode", "encap",
              "esn")

    def __init__(
        self,
        direction: str,
        spi: bytes,
        source: bytes,
        destination: bytes,
        encryption: Cipher,
        keys: SaKeys,
        ts_source: Selector,
        ts_destination: Selector,
        mode: str = BEET,
        encap: tuple[int, int] | None = None,
        esn: bool = False,
    ) -> None:
        self.direction = direction
        self.spi = spi
        self.source = source
        self.destination = destination
        self.encryption = encryption
        self.keys = keys
        self.ts_source = ts_source
        self.ts_destination = ts_destination
        self.mode = mode
        self.encap = encap
        self.esn = esn


class Action(Value):
    """One thing to do."""


class SendDatagram(Action):
    """Send these bytes from `source` to `destination`, both (address, port). probe: as one piece, which nobody on the
    way may cut (IPv4's DF).
    """

    fields = ("data", "source", "destination", "probe")

    def __init__(self, data: bytes, source: Endpoint, destination: Endpoint, probe: bool = False) -> None:
        self.data = data
        self.source = source
        self.destination = destination
        self.probe = probe


class InstallSa(Action):
    """An inbound SA, to be in the kernel before the next datagram is sent."""

    fields = ("name", "ike_id", "spec")

    def __init__(self, name: str, ike_id: int, spec: SaSpec) -> None:
        self.name = name
        self.ike_id = ike_id
        self.spec = spec


class ChildUp(Action):
    """Both directions of a CHILD SA are agreed. inbound has been given by InstallSa; outbound goes in when the tunnel
    decides. replaces: the inbound SPI of the pair that this one takes over from, None for a pair of its own. spare: two
    crossing rekeyings have made one pair too many, and it is this one: what comes in on it is heard until its
    ChildGone, and nothing is sent on it.
    """

    fields = ("name", "ike_id", "role", "inbound", "outbound", "replaces", "spare")

    def __init__(
        self,
        name: str,
        ike_id: int,
        role: str,
        inbound: SaSpec,
        outbound: SaSpec,
        replaces: bytes | None = None,
        spare: bool = False,
    ) -> None:
        self.name = name
        self.ike_id = ike_id
        self.role = role
        self.inbound = inbound
        self.outbound = outbound
        self.replaces = replaces
        self.spare = spare


class ChildGone(Action):
    """A CHILD SA is no longer agreed: the one with this inbound SPI, since an IKE SA may have several. reason: DELETED,
    CLOSED, REPLACED or DEAD. SPIs of 4 bytes.
    """

    fields = ("name", "ike_id", "inbound_spi", "outbound_spi", "reason")

    def __init__(self, name: str, ike_id: int, inbound_spi: bytes, outbound_spi: bytes, reason: str) -> None:
        self.name = name
        self.ike_id = ike_id
        self.inbound_spi = inbound_spi
        self.outbound_spi = outbound_spi
        self.reason = reason


class IkeUp(Action):
    """An IKE SA is established: the peer has proved who it is. nat: who is behind an address translator, "none",
    "here", "there" or "both". mobike: both sides have RFC 4555. ppk: a post-quantum pre-shared key is mixed in,
    which is named ppk_id (b"": none).
    """

    fields = ("name", "ike_id", "role", "suite", "peer_is_isthmus", "nat", "mobike", "ppk")

    def __init__(
        self,
        name: str,
        ike_id: int,
        role: str,
        suite: Suite,
        peer_is_isthmus: bool,
        nat: str = "none",
        mobike: bool = False,
        ppk: bool = False,
        ppk_id: bytes = b"",
    ) -> None:
        self.ppk = ppk
        self.ppk_id = ppk_id
        self.name = name
        self.ike_id = ike_id
        self.role = role
        self.suite = suite
        self.peer_is_isthmus = peer_is_isthmus
        self.nat = nat
        self.mobike = mobike

    def rekeyed(self, ike_id: int, suite: Suite) -> IkeUp:
        """The same of the IKE SA that goes on from here."""
        known = (self.peer_is_isthmus, self.nat, self.mobike, self.ppk, self.ppk_id)
        return IkeUp(self.name, ike_id, self.role, suite, *known)


class PeerMoved(Action):
    """The endpoints (address, port) of an IKE SA have changed, proven by an authenticated message. encap: the UDP ports
    (ours, the peer's) around ESP from now on, or None. is_announced: the side that has moved knows it (RFC 4555), and
    does what follows; a peer whose translator has moved it knows nothing. nat: as in IkeUp, from now on.
    """

    fields = ("name", "ike_id", "local", "remote", "encap", "is_announced", "nat")

    def __init__(
        self,
        name: str,
        ike_id: int,
        local: Endpoint,
        remote: Endpoint,
        encap: tuple[int, int] | None,
        is_announced: bool = True,
        nat: str = "none",
    ) -> None:
        self.name = name
        self.ike_id = ike_id
        self.local = local
        self.remote = remote
        self.encap = encap
        self.is_announced = is_announced
        self.nat = nat


class IkeGone(Action):
    """An established IKE SA has ended. error: why, None if it was meant to."""

    fields = ("name", "ike_id", "error")

    def __init__(self, name: str, ike_id: int, error: IsthmusError | None) -> None:
        self.name = name
        self.ike_id = ike_id
        self.error = error


class IkeRekeyed(Action):
    """The IKE SA `ike_id` goes on as `new_ike_id`, with the same CHILD SAs; nothing else is said of the old one."""

    fields = ("name", "ike_id", "new_ike_id", "suite")

    def __init__(self, name: str, ike_id: int, new_ike_id: int, suite: Suite) -> None:
        self.name = name
        self.ike_id = ike_id
        self.new_ike_id = new_ike_id
        self.suite = suite


class RekeyRefused(Action):
    """The peer refuses for good to rekey a CHILD SA (inbound_spi) or the IKE SA (None): what is up stays up, and only
    a fresh handshake renews it.
    """

    fields = ("name", "ike_id", "inbound_spi", "error")

    def __init__(self, name: str, ike_id: int, inbound_spi: bytes | None, error: IsthmusError) -> None:
        self.name = name
        self.ike_id = ike_id
        self.inbound_spi = inbound_spi
        self.error = error


class PathProbed(Action):
    """Whether an IP datagram of this size reaches the peer in one piece. size: as asked for. sent: as it really was,
    less by at most a cipher block.
    """

    fields = ("name", "size", "fits", "sent")

    def __init__(self, name: str, size: int, fits: bool, sent: int) -> None:
        self.name = name
        self.size = size
        self.fits = fits
        self.sent = sent


class PeerSeen(Action):
    """An authenticated message of the peer arrived."""

    fields = ("name", "ike_id")

    def __init__(self, name: str, ike_id: int) -> None:
        self.name = name
        self.ike_id = ike_id


class Told(Action):
    """The peer tells us something (proto/ike2/telling.py). data: 1 to 4096 bytes, perhaps a secret: never shown."""

    fields = ("name", "ike_id")

    def __init__(self, name: str, ike_id: int, data: bytes) -> None:
        self.name = name
        self.ike_id = ike_id
        self.data = data


class Failed(Action):
    """An exchange ended without an SA. name: None if it is not known whose it was. source: the peer's endpoint."""

    fields = ("name", "source", "role", "error")

    def __init__(self, name: str | None, source: Endpoint, role: str, error: IsthmusError) -> None:
        self.name = name
        self.source = source
        self.role = role
        self.error = error
