"""A second pre-shared key against quantum computers, mixed into the keys that prove and derive. RFC 8784.

IKE_SA_INIT settles whether both know how (USE_PPK). In IKE_AUTH the initiator names its key (PPK_IDENTITY) and proves
itself with it; if it can do without, it adds a proof without it (NO_PPK_AUTH). The responder's PPK_IDENTITY, which is
empty, says that it has used the key. A recording of the exchange then tells a quantum computer nothing about ESP.
"""
from __future__ import annotations

from isthmus.crypto.prf import is_equal
from isthmus.proto.errors import PpkMismatch
from isthmus.proto.ike2.keys import prf_of
from isthmus.proto.ike2.link import show_link
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import NotifyPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.proto.ike2.connection import Connection
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.ike_payloads import Payload

    Compute = Callable[[bool], bytes]

ID_FIXED = 2  # the type in front of a PPK_ID, RFC 8784 section 5.1

# What proves a peer.
WITH_PPK = "with"
WITHOUT = "without"


def make_use(connections: list[Connection]) -> list[Payload]:
    """The payload for IKE_SA_INIT: one if any of these has such a key."""
    for connection in connections:
        if connection.ppk is not None:
            return [NotifyPayload(num.USE_PPK)]
    return []


def is_offered(incoming: Incoming) -> bool:
    """True if an IKE_SA_INIT message carries USE_PPK."""
    return incoming.find_notify(num.USE_PPK) is not None


# Initiator


def check_answer(connection: Connection, incoming: Incoming) -> None:
    """Raises PpkMismatch if the responder does not know how, and must."""
    if connection.ppk is not None and connection.ppk.mandatory and not is_offered(incoming):
        raise PpkMismatch(
            "tunnel '%s': the peer uses no ppk with this side, and ppk_required is set here" % connection.name
        )


def begin(sa: IkeSa, connection: Connection) -> None:
    """Mix the key in, if both know how."""
    if sa.uses_ppk and sa.keys is not None and connection.ppk is not None:
        sa.keys.mix(prf_of(sa.suite), connection.ppk.key)


def make_identity(sa: IkeSa, connection: Connection, compute: Compute) -> list[Payload]:
    """The payloads for IKE_AUTH. compute(True): our proof without the key."""
    if not sa.uses_ppk or connection.ppk is None:
        return []
    payloads: list[Payload] = [NotifyPayload(num.PPK_IDENTITY, bytes([ID_FIXED]) + connection.ppk.id)]
    if not connection.ppk.mandatory:
        payloads.append(NotifyPayload(num.NO_PPK_AUTH, compute(True)))
    return payloads


def settle(sa: IkeSa, connection: Connection, incoming: Incoming) -> None:
    """What the responder has done decides which keys count. Raises PpkMismatch if it did without and must not."""
    if not sa.uses_ppk or sa.keys is None or connection.ppk is None:
        return
    if incoming.find_notify(num.PPK_IDENTITY) is not None:
        sa.keys.settle()
        return
    if connection.ppk.mandatory:
        raise PpkMismatch(
            "tunnel '%s': the peer has no ppk named %s, and ppk_required is set here"
            % (connection.name, show_link(connection.ppk.id))
        )
    sa.uses_ppk = False
    sa.keys.unmix()


# Responder


def prove(sa: IkeSa, connection: Connection, proof: bytes, incoming: Incoming, compute: Compute) -> str | None:
    """Which keys the initiator's proof fits: WITH_PPK, WITHOUT, None if it must not be believed.

    compute(is_plain): the proof that this connection's keys give.
    """
    if sa.keys is None:
        return None
    named = _find_named(sa, incoming)
    if named is not None and connection.ppk is not None and named == connection.ppk.id:
        sa.keys.mix(prf_of(sa.suite), connection.ppk.key)
        fits = is_equal(proof, compute(False))
        sa.keys.unmix()
        return WITH_PPK if fits else None
    if connection.ppk is not None and connection.ppk.mandatory:
        return None
    return WITHOUT if _is_plain_proof(sa, proof, incoming, compute) else None


def accept(sa: IkeSa, connection: Connection, how: str | None) -> list[Payload]:
    """Take the keys that the initiator has proved itself with. The payloads for the answer."""
    if how != WITH_PPK or sa.keys is None or connection.ppk is None:
        sa.uses_ppk = False
        return []
    sa.keys.mix(prf_of(sa.suite), connection.ppk.key)
    sa.keys.settle()
    return [NotifyPayload(num.PPK_IDENTITY)]


def explain(
    sa: IkeSa, connection: Connection, proof: bytes, incoming: Incoming, compute: Compute
) -> PpkMismatch | None:
    """Why this connection does not believe the initiator, if its key is the reason; None if it is something else."""
    if connection.ppk is None:
        return None
    named = _find_named(sa, incoming)
    ours, text = show_link(connection.ppk.id), "tunnel '%s': " % connection.name
    if named is not None and named != connection.ppk.id:
        if incoming.find_notify(num.NO_PPK_AUTH) is not None and not _is_plain_proof(sa, proof, incoming, compute):
            return None
        return PpkMismatch(text + "the peer names ppk_id %s; this side has %s" % (show_link(named), ours))
    if not _is_plain_proof(sa, proof, incoming, compute):
        return None
    if named is None:
        return PpkMismatch(text + "the peer uses no ppk, and ppk_required is set here")
    return PpkMismatch(text + "the ppk named %s is another one on the peer's side" % ours)


def _is_plain_proof(sa: IkeSa, proof: bytes, incoming: Incoming, compute: Compute) -> bool:
    """True if the initiator has proved itself without such a key, whatever it did with one."""
    if _find_identity(sa, incoming) is not None:
        plain = incoming.find_notify(num.NO_PPK_AUTH)
        return plain is not None and is_equal(plain.data, compute(True))
    return is_equal(proof, compute(True))


def _find_identity(sa: IkeSa, incoming: Incoming) -> NotifyPayload | None:
    return incoming.find_notify(num.PPK_IDENTITY) if sa.uses_ppk else None


def _find_named(sa: IkeSa, incoming: Incoming) -> bytes | None:
    """The PPK_ID; b"" for one of a type that nobody here has."""
    notify = _find_identity(sa, incoming)
    if notify is None:
        return None
    return notify.data[1:] if notify.data[:1] == bytes([ID_FIXED]) else b""
