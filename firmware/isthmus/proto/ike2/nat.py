"""Address translation on the way: noticed in IKE_SA_INIT, lived with from then on. RFC 7296 section 2.23, RFC 3948.

Each side sends hashes of the two endpoints as it sees them. Where a hash does not fit what the datagram itself says,
somebody in between has changed the address. Then IKE and ESP go on together on UDP port 4500, the side behind the
translator keeps its mapping alive, and the other side follows when the mapping changes all the same.
"""
from __future__ import annotations

from isthmus.crypto.prf import sha1
from isthmus.proto.actions import PeerMoved
from isthmus.proto.ike2.quiet import Quiet
from isthmus.proto.ike2.states import AUTH_SENT, ESTABLISHED, INIT_ANSWERED, REKEYED
from isthmus.proto.ike2.times import KEEPALIVE_MS
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import NotifyPayload
from isthmus.wire.ip_numbers import IKE_PORT, NATT_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.proto.ike2.connection import Connection
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.addr import Endpoint
    from isthmus.wire.ike_payloads import Payload

KEEPALIVE = b"\xff"  # RFC 3948 section 2.3
FLOATED_SENDINGS = 2  # of IKE_AUTH on port 4500, before port 500 is tried as well
NOWHERE = (bytes(4), 0)  # an endpoint that no datagram can have

# IkeUp.nat
NONE = "none"
HERE = "here"
THERE = "there"
BOTH = "both"
NAMES = {(False, False): NONE, (True, False): HERE, (False, True): THERE, (True, True): BOTH}


class Nat:
    """What one IKE SA knows about it.

    here, there: we, the peer, are behind a translator. forced: we have told the peer that we are, whether or not.
    is_understood: the peer knows NAT traversal. keepalive_at: when the mapping must be refreshed, None: never.
    """

    def __init__(self) -> None:
        self.here = False
        self.there = False
        self.forced = False
        self.is_understood = False
        self.keepalive_at: int | None = None

    @property
    def name(self) -> str:
        """For IkeUp.nat."""
        return NAMES[self.here, self.there]

    @property
    def is_encapsulated(self) -> bool:
        """True if ESP goes inside UDP."""
        return self.is_understood and (self.here or self.there or self.forced)


class Hints:
    """What there is to be asked about.

    trial: where the peer seems to be, unproven: requests go there as well. is_unverified: it has moved, and has not
    answered from there yet. is_new_place: its last request has told where it is; left: which endpoint of ours with
    another address that has taken us from. is_doubted: somebody says, unproven,
    that it no longer knows this IKE SA. seen: the hash of where it has seen us last, b"": unknown. quiet: how often
    hints make us speak; its own, so that a flood elsewhere does not silence this peer's.
    """

    def __init__(self) -> None:
        self.quiet = Quiet()
        self.trial: Endpoint | None = None
        self.is_unverified = False
        self.is_new_place = False
        self.left: Endpoint | None = None
        self.is_doubted = False
        self.seen = b""


def compute_hash(spi_i: bytes, spi_r: bytes, endpoint: Endpoint) -> bytes:
    """SHA-1 of the SPIs in the header, the address and the port: 20 bytes."""
    return sha1(spi_i + spi_r + endpoint[0] + endpoint[1].to_bytes(2, "big"))


def make_hashes(spi_i: bytes, spi_r: bytes, source: Endpoint, destination: Endpoint, forced: bool) -> list[Payload]:
    """The two payloads of a message from `source` to `destination`. forced: the first is to fit nowhere."""
    return [
        NotifyPayload(num.NAT_DETECTION_SOURCE_IP, compute_hash(spi_i, spi_r, NOWHERE if forced else source)),
        NotifyPayload(num.NAT_DETECTION_DESTINATION_IP, compute_hash(spi_i, spi_r, destination)),
    ]


def read_hashes(nat: Nat, incoming: Incoming) -> None:
    """Compare what the peer saw with what we see. Of source hashes a peer may send several (RFC 7296 section 2.23)."""
    sources = [notify.data for notify in incoming.find_notifies(num.NAT_DETECTION_SOURCE_IP)]
    destinations = [notify.data for notify in incoming.find_notifies(num.NAT_DETECTION_DESTINATION_IP)]
    nat.is_understood = bool(sources and destinations)
    if nat.is_understood:
        spi_i, spi_r = incoming.header.spi_i, incoming.header.spi_r
        nat.there = compute_hash(spi_i, spi_r, incoming.source) not in sources
        nat.here = compute_hash(spi_i, spi_r, incoming.destination) not in destinations


def read_again(sa: IkeSa, incoming: Incoming) -> None:
    """The same on an established SA; where the peer says nothing of it, what was known stays."""
    if incoming.find_notify(num.NAT_DETECTION_SOURCE_IP) is not None:
        read_hashes(sa.nat, incoming)


def float_ports(sa: IkeSa, may_move: bool) -> None:
    """The initiator goes on from port 4500 to port 4500; ports that are not IKE's own stay. may_move: as if there were
    a translator, since there may be one on the next way (RFC 4555 section 3.3).
    """
    if sa.nat.is_encapsulated or (may_move and sa.nat.is_understood):
        sa.local, sa.remote = _float(sa.local), _float(sa.remote)


def _float(endpoint: Endpoint) -> Endpoint:
    return (endpoint[0], NATT_PORT) if endpoint[1] == IKE_PORT else endpoint


def repeat_at_first_ports(engine: Engine, sa: IkeSa, datagram: tuple[bytes, ...]) -> None:
    """Some firewalls pass port 500 and ESP and nothing else. Where no translator makes us float, the proof that stays
    unanswered on 4500 goes out on the ports of the beginning as well.
    """
    connection = sa.connection
    if sa.state != AUTH_SENT or sa.nat.is_encapsulated or connection is None or connection.remote is None:
        return
    if sa.requests.sent > FLOATED_SENDINGS and sa.local != connection.local:
        engine.send(datagram, connection.local, connection.remote)


def take_ports(sa: IkeSa, connection: Connection, incoming: Incoming) -> None:
    """The answer to our proof has come: if on the ports of the beginning, those it is."""
    came = incoming.destination, incoming.source
    has_asked = sa.requests.sent > FLOATED_SENDINGS
    if has_asked and not sa.nat.is_encapsulated and came == (connection.local, connection.remote):
        sa.local, sa.remote = incoming.destination, incoming.source


def get_encap(sa: IkeSa) -> tuple[int, int] | None:
    """UDP ports (ours, the peer's) around ESP, or None. On port 500 there is no ESP, whatever the peer thinks."""
    if not sa.nat.is_encapsulated or sa.local[1] == IKE_PORT:
        return None
    return sa.local[1], sa.remote[1]


# Keepalive


def start_keepalive(sa: IkeSa, rng: Callable[[int], bytes], now: int) -> None:
    """The mapping is ours to keep if we are behind the translator; a forced one may have a firewall to keep open."""
    sa.nat.keepalive_at = None
    if get_encap(sa) is not None and (sa.nat.here or sa.nat.forced):
        # A random phase, lest the tunnels of one router all speak at once.
        sa.nat.keepalive_at = now + KEEPALIVE_MS // 2 + int.from_bytes(rng(2), "big") % (KEEPALIVE_MS // 2)


def get_timer(sa: IkeSa) -> int | None:
    """When the next keepalive is due. An IKE SA that another has taken over from leaves it to that."""
    return sa.nat.keepalive_at if sa.state == ESTABLISHED else None


def keep_alive(engine: Engine, sa: IkeSa, now: int) -> None:
    """Send the keepalive if it is due."""
    at = get_timer(sa)
    if at is not None and at <= now:
        engine.send(KEEPALIVE, sa.local, sa.remote)
        sa.nat.keepalive_at = now + KEEPALIVE_MS


# Where the peer is


def may_come(sa: IkeSa, incoming: Incoming) -> bool:
    """True if a datagram between these addresses may be the SA's at all. Ports may differ: a copy of the peer's own
    datagram from another port must not keep the peer from its answer.
    """
    if sa.mobike:
        return _can_be(incoming.source)
    if incoming.destination[0] != sa.local[0]:
        return False
    if sa.state == INIT_ANSWERED and sa.nat.there and incoming.destination[1] == IKE_PORT:
        return False  # whoever knows that he is behind a translator has gone on to 4500 (RFC 7296 section 2.23)
    if incoming.source[0] == sa.remote[0] or incoming.source == sa.hints.trial:
        return True
    # A translator may have several addresses, and change them at the float or later.
    return sa.nat.there and (sa.state == INIT_ANSWERED or may_follow(sa))


def _can_be(endpoint: Endpoint) -> bool:
    """True for an endpoint that a peer can have. What seems to come from any other is somebody's copy: a refusal would
    end what the peer itself began.
    """
    address, port = endpoint
    if not port or address == bytes(len(address)):
        return False
    if len(address) == 4:
        return address[0] not in (0, 127) and address[0] < 224
    return address[0] != 0xFF and address != bytes(15) + b"\x01"


def may_follow(sa: IkeSa) -> bool:
    """True if the peer's place may be where its newest message came from. Not where we are behind a translator
    ourselves: there one copied datagram could cut the peer off (RFC 7296 section 2.23).
    """
    return sa.nat.there and not sa.nat.here


def follow(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """A new authenticated message has come, no repetition: the peer seems to be where it came from.

    It is asked there first, since what is proven of a message is not where it came from: a copy that overtakes it would
    lead us, and all ESP with us, to whoever has copied it.
    """
    source, trial = incoming.source, sa.hints.trial
    if incoming.header.is_response:
        sa.hints.trial = None
    else:
        sa.hints.is_new_place = False
    if source == sa.remote or not sa.is_proven:
        return
    if source == trial and incoming.header.is_response:
        move(engine, sa, sa.local, source)
    elif may_follow(sa):
        try_at(engine, sa, source, now)


def try_at(engine: Engine, sa: IkeSa, endpoint: Endpoint, now: int) -> None:
    """The peer seems to be there. Only its answer from there proves it: ask it at both places."""
    sa = _find_successor(engine, sa)
    if sa.name is None or sa.state != ESTABLISHED or endpoint in (sa.remote, sa.hints.trial):
        return
    if not sa.hints.quiet.may_speak("trial", endpoint[0], now):
        return
    sa.hints.trial = endpoint
    if sa.requests.is_waiting:
        engine.send(sa.requests.datagram, sa.local, endpoint)
    else:
        engine.request(sa, num.INFORMATIONAL, [], now)


def settle(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """The last request has come again. If it has told where the peer is, and comes from where that began: what was
    first was a copy, from another port. If it was the news that the peer has moved: either was. From behind a
    translator: that may have mapped anew, and the peer may have nothing more to say for a long time. Where it is not
    clear, the peer is asked.
    """
    if not sa.is_proven or (incoming.destination, incoming.source) == (sa.local, sa.remote):
        return
    if sa.hints.is_new_place and incoming.destination == sa.hints.left:
        move(engine, sa, incoming.destination, sa.remote)  # the copy was for another address of ours
    if sa.hints.is_unverified or may_follow(sa) or (sa.hints.is_new_place and sa.nat.there):
        try_at(engine, sa, incoming.source, now)
    if sa.hints.is_new_place and _is_where_it_began(sa, incoming):
        move(engine, sa, incoming.destination, incoming.source)
        send_again(engine, sa, now)


def _is_where_it_began(sa: IkeSa, incoming: Incoming) -> bool:
    """True if only ports differ, and are those of the beginning, or 4500 for 500: never one of each, and never 500
    where ESP goes in UDP. A translator's port is its own affair.
    """
    here, there = incoming.destination, incoming.source
    if (here[0], there[0]) != (sa.local[0], sa.remote[0]):
        return False
    began = sa.init_local, sa.init_source
    floated = _float(began[0]), _float(began[1])
    for local, remote in (floated,) if sa.nat.is_encapsulated else (began, floated):
        if here[1] == local[1] and (there == sa.remote if sa.nat.there else there[1] == remote[1]):
            return True
    return False


def move(engine: Engine, sa: IkeSa, local: Endpoint, remote: Endpoint) -> None:
    """From now on the SA is between these endpoints."""
    before = sa.local, sa.remote
    sa.local, sa.remote = local, remote
    take_along(engine, sa, before[0], before[1])
    tell(engine, sa, False)


def send_again(engine: Engine, sa: IkeSa, now: int) -> None:
    """The request that waits for its answer went to another place."""
    if sa.requests.is_waiting:
        engine.send_request(sa, sa.requests.restart(now))


def tell(engine: Engine, sa: IkeSa, is_announced: bool = True) -> None:
    """Report where the SA is: of one that is over, but for its last words, as of the one that it has taken along.
    is_announced: see PeerMoved.
    """
    if not sa.is_proven or sa.name is None:
        return
    told = sa
    if sa.state != ESTABLISHED:
        for other in engine.table.find_all(sa.name):
            if other.state == ESTABLISHED and (other.local, other.remote) == (sa.local, sa.remote):
                told = other
    engine.emit(PeerMoved(sa.name, told.ike_id, sa.local, sa.remote, get_encap(sa), is_announced, sa.nat.name))


def _find_successor(engine: Engine, sa: IkeSa) -> IkeSa:
    """Of an IKE SA that has been rekeyed, the one that goes on; of any other, itself."""
    found = sa
    if sa.state == REKEYED and sa.name is not None:
        for other in engine.table.find_all(sa.name):
            if other.state == ESTABLISHED:
                found = other
    return found


def take_along(engine: Engine, sa: IkeSa, local: Endpoint, remote: Endpoint) -> None:
    """The other IKE SAs of the connection that were at the same place, such as one that is just rekeying this one, are
    where it is now.
    """
    if sa.name is None:
        return
    for other in engine.table.find_all(sa.name):
        if other.is_proven and (other.local, other.remote) == (local, remote):
            other.local, other.remote = sa.local, sa.remote


def get_place(sa: IkeSa) -> tuple[Endpoint, Endpoint, tuple[int, int] | None]:
    """What PeerMoved reports, to be compared."""
    return sa.local, sa.remote, get_encap(sa)
