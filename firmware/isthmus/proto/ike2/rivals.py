"""Several answers to one IKE_SA_INIT: anybody on the way can send one, and only IKE_AUTH shows which is the peer's.

RFC 7296 section 2.4 asks for it: each answer is treated as if it were the true one, its sender hears our IKE_AUTH, and
the first who proves himself wins. So an answer that comes faster than the peer's own costs nothing but a datagram.

An IKE SA has one answer in hand; what belongs to the others is kept beside it and changes places with that: when it is
time to repeat, when an answer comes under another one's keys, and when the one in hand turns out to be wrong.
"""
from __future__ import annotations

from isthmus.crypto.ciphers import IntegrityError
from isthmus.proto.ike2.fragments import Fragments
from isthmus.proto.ike2.nat import Nat
from isthmus.proto.ike2.retransmit import Requests
from isthmus.proto.ike2.sealing import open_sk
from isthmus.proto.ike2.states import AUTH_SENT
from isthmus.wire.buffer import Reader, WireError
from isthmus.wire.ike import pull_message
from isthmus.wire.ike_payloads import SkPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from isthmus.errors import IsthmusError
    from isthmus.proto.ike2.connection import Retransmit
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming

MAX_RIVALS = 8  # beside the one in hand

# What an IKE SA has from the answer in hand.
HAS = (
    "spi_r", "nonce_r", "init_request", "init_answer", "suite", "keys", "cipher_out", "cipher_in", "peer_is_isthmus",
    "nat", "fragments", "uses_ppk", "child_spi", "local", "remote", "requests",
)  # fmt: skip


class Rival:
    """One answer that is not in hand. has: the values of HAS."""

    def __init__(self, sa: IkeSa) -> None:
        self.has: dict[str, Any] = {name: getattr(sa, name) for name in HAS}

    def put_in_hand(self, sa: IkeSa) -> None:
        """Its values become the SA's."""
        for name in HAS:
            setattr(sa, name, self.has[name])

    def clear(self) -> None:
        """Overwrite its keys."""
        for name in ("keys", "cipher_out", "cipher_in"):
            if self.has[name] is not None:
                self.has[name].clear()


def make_way(sa: IkeSa, incoming: Incoming, retransmit: Retransmit) -> Rival | None:
    """The answer in hand steps aside for this one; None if this is none of its own, or one too many."""
    known = [sa.init_answer] + [rival.has["init_answer"] for rival in sa.rivals]
    if incoming.datagram in known or len(sa.rivals) >= MAX_RIVALS:
        return None
    before = Rival(sa)
    sa.requests = Requests(retransmit)
    sa.requests.next_id = 1  # IKE_SA_INIT was 0
    sa.nat, sa.fragments = Nat(), Fragments()
    sa.local, sa.remote = incoming.destination, incoming.source
    return before


def is_from_whom_we_asked(sa: IkeSa, incoming: Incoming) -> bool:
    """True if an answer to IKE_SA_INIT has come the way the request went, before it floated to port 4500."""
    asked = sa.connection
    return asked is not None and (incoming.source, incoming.destination) == (asked.remote, asked.local)


def spis_for(sa: IkeSa, incoming: Incoming) -> tuple[bytes, bytes]:
    """The two SPIs of the SA, once the answer under whose keys this message is sealed is in hand."""
    for rival in sa.rivals:
        if rival.has["spi_r"] == incoming.header.spi_r and _is_sealed_for(rival, incoming.datagram):
            _change(sa, rival)
            break
    return sa.spi_i, sa.spi_r


def _is_sealed_for(rival: Rival, datagram: bytes) -> bool:
    try:
        sk = pull_message(Reader(datagram)).payloads[-1:]
        if sk and isinstance(sk[0], SkPayload):
            open_sk(rival.has["cipher_in"], datagram, sk[0])
            return True
    except (WireError, IntegrityError):
        pass
    return False


def take_turns(sa: IkeSa) -> None:
    """IKE_AUTH is due for repetition: the answer that has been asked least often is taken in hand for it."""
    if sa.state == AUTH_SENT and sa.rivals:
        following = min(sa.rivals, key=_times_asked)
        if _times_asked(following) <= sa.requests.sent:
            _change(sa, following)


def drop(engine: Engine, sa: IkeSa, error: IsthmusError, now: int) -> bool:
    """Whoever sent the answer in hand is not the peer, or `error` is its true refusal: that is remembered for the case
    that no other answer proves itself. False if there is none.
    """
    if sa.state != AUTH_SENT or not sa.rivals:
        return False
    engine.count("unproven")
    sa.doubt = error
    wrong = Rival(sa)
    sa.rivals.pop().put_in_hand(sa)
    wrong.clear()
    engine.send_request(sa, sa.requests.repeat(now))
    return True


def _times_asked(rival: Rival) -> int:
    sent: int = rival.has["requests"].sent
    return sent


def _change(sa: IkeSa, rival: Rival) -> None:
    before = Rival(sa)
    sa.rivals.remove(rival)
    rival.put_in_hand(sa)
    sa.rivals.append(before)
