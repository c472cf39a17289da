"""What two Isthmus sites need not negotiate: they derive it from their identities.

Between two Isthmus sites L2TP needs no control connection. Tunnel and session ids, inner addresses, link-local
addresses and MACs follow from the two IKE identities and `option instance`; cookies from the pair's key. Side 0 is
the lower identity in byte order, so that both ends agree on who is who without a word.
"""

from __future__ import annotations

from isthmus import hashes
from isthmus.errors import IsthmusError

LABEL = b"isthmus derived session 1"
COOKIE_LABEL = b"isthmus l2tpv3 cookie 1"
COOKIE_BYTES = 8  # RFC 3931 4.1.2.1 allows 0, 4 or 8: the longest cannot be guessed blindly

INNER_PREFIX = b"\xfd\x69\x73\x74\x68\x6d"  # fd69:7374:686d::/48, an RFC 4193 prefix that spells "isthm"
INNER_PREFIX_LENGTH = 48
LINK_LOCAL_PREFIX = b"\xfe\x80" + bytes(6)  # RFC 4291 2.5.6

REQID_FIRST = 0x69000000  # our SAs and policies are told from others' by this range: 24 bits for the pair
REQID_LAST = 0x69FFFFFF

HOP4_PREFIX = b"\xa9\xfe"  # RFC 3927 2.1, without its first and last 256 addresses

BEET = "beet"  # modes of ESP, as in proto/actions.py
TRANSPORT = "transport"

LINK_VERSION = 1
LINK_L2TPV3_IP = 1  # Ethernet pseudowire over IP protocol 115, 8-byte cookies, no layer 2 sublayer


class SameIdentityError(IsthmusError):
    """Both ends have one identity: nobody could be side 0."""

    code = "same-identity"
    remedy = "set option local_id and option remote_id to two different values"


class End:
    """One end of a derived session: its ids, addresses (bytes) and MAC (6 bytes)."""

    def __init__(
        self, tunnel_id: int, session_id: int, inner: bytes, link_local: bytes, mac: bytes, cookie: bytes
    ) -> None:
        self.tunnel_id = tunnel_id
        self.session_id = session_id
        self.inner = inner
        self.link_local = link_local
        self.mac = mac
        self.cookie = cookie


class Derived:
    """Everything two sites derive, or are given (given.py), seen from this one.

    local, remote: `End`; side: 0 or 1, ours; reqid: of every SA and policy of the pair; link: the bytes announced in
    IKE so that two ends which derived differently find out before they build anything. mode: BEET, or TRANSPORT, where
    the inner addresses are the outer ones; sublayer: frames carry the default L2-specific sublayer; mark: of this
    tunnel's packets where several peers share an outer address (given.py), 0 in BEET mode.
    """

    def __init__(
        self, local: End, remote: End, side: int, reqid: int, link: bytes, mode: str = BEET, sublayer: bool = False
    ) -> None:
        self.local = local
        self.remote = remote
        self.side = side
        self.reqid = reqid
        self.link = link
        self.mode = mode
        self.sublayer = sublayer
        self.mark = 0


def ipv4_hop(link_local: bytes) -> bytes:
    """The IPv4 next hop to a peer, for routes and its permanent neighbour alone: no packet ever has this address.

    With the IPv6 one the kernel's flow table would look for every IPv4 host behind it by ARP on the tunnel, in vain.
    """
    return HOP4_PREFIX + bytes([1 + link_local[14] % 254, link_local[15]])


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def _number(material: bytes) -> int:
    """A tunnel or session id: 32 bits, never 0, which marks a control message (RFC 3931 3.2.2)."""
    return int.from_bytes(material, "big") or 1


def _end(seed: bytes, side: int, key: bytes) -> End:
    stream = b""
    for block in range(2):
        stream += hashes.sha256(seed + bytes([side, block])).digest()
    mac = bytes([(stream[26] & 0xFC) | 0x02]) + stream[27:32]  # unicast, locally administered
    return End(
        tunnel_id=_number(stream[0:4]),
        session_id=_number(stream[4:8]),
        inner=INNER_PREFIX + stream[8:18],
        link_local=LINK_LOCAL_PREFIX + stream[18:26],
        mac=mac,
        cookie=hashes.digest(key, COOKIE_LABEL + seed + bytes([side]), "sha256")[:COOKIE_BYTES],
    )


def derive(local_id: bytes, remote_id: bytes, instance: int, key: bytes) -> Derived:
    """Derive a pair's identifiers.

    local_id, remote_id: one byte of identity kind (RFC 7296 3.5) and the identity's data; instance: 0..65535, to step
    out of a collision; key: the pair's secret, used for cookies only. Raises SameIdentityError.
    """
    if local_id == remote_id:
        raise SameIdentityError("this end and the other have the same identity")
    side = 0 if local_id < remote_id else 1
    lower, upper = (local_id, remote_id) if side == 0 else (remote_id, local_id)
    seed = hashes.sha256(LABEL + instance.to_bytes(2, "big") + _sized(lower) + _sized(upper)).digest()
    ends = [_end(seed, 0, key), _end(seed, 1, key)]
    pair = hashes.sha256(seed + b"pair").digest()
    reqid = REQID_FIRST | (int.from_bytes(pair[0:3], "big") or 1)  # the first one is nobody's (desired.py)
    link = bytes([LINK_VERSION, LINK_L2TPV3_IP]) + instance.to_bytes(2, "big") + pair[3:11]
    return Derived(local=ends[side], remote=ends[1 - side], side=side, reqid=reqid, link=link)


def share_ids(one: Derived, two: Derived) -> bool:
    """True where two tunnels of one site cannot stand beside each other: whoever may use one could enter the other."""
    if one.reqid == two.reqid or one.local.tunnel_id == two.local.tunnel_id:
        return True
    beet = one.mode == BEET and two.mode == BEET  # outer addresses may be shared, and other peers count as they like
    if beet and one.remote.tunnel_id == two.remote.tunnel_id:
        return True
    for mine, theirs in ((one.local, two.local), (one.remote, two.remote)):
        if mine.session_id == theirs.session_id or (beet and mine.inner == theirs.inner):
            return True
    return False


def explain_link(ours: bytes, theirs: bytes) -> str:
    """One sentence for two link announcements that differ: which part, and both values."""
    if len(theirs) != len(ours) or theirs[:1] != ours[:1]:
        version = theirs[0] if theirs else 0
        return "the peer speaks version %d of the derived link, this site version %d" % (version, ours[0])
    if theirs[1] != ours[1]:
        return "the peer's carrier is number %d, ours is %d" % (theirs[1], ours[1])
    our_instance = int.from_bytes(ours[2:4], "big")
    their_instance = int.from_bytes(theirs[2:4], "big")
    if our_instance != their_instance:
        return "option instance is %d at the peer and %d here" % (their_instance, our_instance)
    return "both sites derive from different identities: compare local_id and remote_id of both"
