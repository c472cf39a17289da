"""What two ends of a static session are given instead of deriving it: ids and cookies from the configuration.

L2TP runs between the outer addresses, in ESP transport mode. What is not written down follows from what is: the reqid
of the tunnel's SAs and policies from its two L2TP tunnel ids, so that a policy of ours vouches for exactly one L2TP
tunnel, and MAC and link-local address of this end.

Several peers behind one outer address have policies of the same selector. They are told apart by a mark in the highest
byte: the guard's table sets it on what leaves, from the peer's session id (chain `mark_out`, at -310: the kernel looks
for route and policy again, before the guard at -300 sees the packet); every inbound SA sets it on what it decrypts. A
packet without a mark then meets policies of a reqid that no SA ever has. As long as nobody shares an address there is
no mark, since a marked packet is routed twice.
"""

from __future__ import annotations

from isthmus import hashes
from isthmus.errors import IsthmusError
from isthmus.policy.derive import LINK_LOCAL_PREFIX, REQID_FIRST, TRANSPORT, Derived, End

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.static import StaticSession

LABEL = b"isthmus static session 1"
ALL_NODES = b"\xff\x02" + bytes(13) + b"\x01"  # RFC 4291 2.7.1: whoever is at the other end of the interface

# Several peers behind one outer address: their packets are told apart by a mark. The highest byte is the one that no
# other program on a router uses (mwan3 0x3f00, pbr 0xff0000, captive portals and QoS the low bits).
MARK_MASK = 0xFF000000
MARK_SHIFT = 24
MARKS = 127  # the upper half is for forced traffic (lane.py)


class NoMarkError(IsthmusError):
    """One more static session than there are marks."""

    code = "no-mark"
    remedy = "remove a tunnel with session static; where the peer is Isthmus, session derived needs no mark"


def given_reqid(tunnel_id: int, peer_tunnel_id: int) -> int:
    """The reqid that vouches for an L2TP tunnel of these ids."""
    seed = LABEL + tunnel_id.to_bytes(4, "big") + peer_tunnel_id.to_bytes(4, "big")
    return REQID_FIRST | (int.from_bytes(hashes.sha256(seed).digest()[:3], "big") or 1)


def given(static: StaticSession, local_id: bytes, remote_id: bytes, local: bytes, remote: bytes) -> Derived:
    """The two ends as derive() would give them. local_id, remote_id: kind and data; local, remote: outer addresses."""
    reqid = given_reqid(static.tunnel_id, static.peer_tunnel_id)
    seed = LABEL
    for number in (static.tunnel_id, static.peer_tunnel_id, static.session_id, static.peer_session_id):
        seed += number.to_bytes(4, "big")
    pair = hashes.sha256(seed + bytes([len(local_id)]) + local_id + remote_id).digest()
    mac = bytes([(pair[0] & 0xFC) | 0x02]) + pair[1:6]  # unicast, locally administered
    # A cookie here is what arriving frames of that end must hold.
    here = End(
        static.tunnel_id, static.session_id, local, LINK_LOCAL_PREFIX + pair[6:14], mac, static.peer_cookie
    )
    there = End(static.peer_tunnel_id, static.peer_session_id, remote, ALL_NODES, b"", static.cookie)
    return Derived(here, there, 0, reqid, pair[14:22], TRANSPORT, static.sublayer)


def may_answer(derived: Derived, source: bytes) -> bool:
    """Whether a probe's answer may come from this address: the peer's derived one; in a static session its link-local
    one, whichever that is, since all nodes are asked, and this router's own kernel answers as well.
    """
    if derived.remote.link_local != ALL_NODES:
        return source == derived.remote.link_local
    return source[:8] == LINK_LOCAL_PREFIX and source != derived.local.link_local


def free_mark(reqid: int, taken: list[int]) -> int:
    """A mark under MARK_MASK that is not among `taken`: the same for a reqid wherever that is free.

    Raises NoMarkError.
    """
    for step in range(MARKS):
        mark = (1 + (reqid + step) % MARKS) << MARK_SHIFT
        if mark not in taken:
            return mark
    raise NoMarkError("this router has %d tunnels with session static already, and cannot tell more apart" % MARKS)
