"""Connection: what the engine has to know about one tunnel's peer. Values only; the tunnel makes them."""
from __future__ import annotations

from isthmus.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.suites import Suite
    from isthmus.wire.addr import Endpoint
    from isthmus.wire.identity import Identity
    from isthmus.wire.ike_ts import Selector


class Retransmit(Value):
    """When an unanswered request is sent again: after first_ms, then after factor_percent of the wait before.

    tries: how often it is sent in all; after the last one the wait is kept once more before giving up.
    """

    fields = ("first_ms", "factor_percent", "tries")

    def __init__(self, first_ms: int = 500, factor_percent: int = 180, tries: int = 7) -> None:
        self.first_ms = first_ms
        self.factor_percent = factor_percent
        self.tries = tries

    def get_wait(self, sent: int) -> int:
        """Milliseconds to wait after the `sent`-th sending (1 is the first)."""
        wait = self.first_ms
        for _ in range(sent - 1):
            wait = wait * self.factor_percent // 100
        return wait


class Ppk:
    """A post-quantum pre-shared key, RFC 8784. id: its name, opaque; mandatory: a peer without it is refused."""

    def __init__(self, ppk_id: bytes, key: bytes, mandatory: bool) -> None:
        self.id = ppk_id
        self.key = key
        self.mandatory = mandatory


class KeySet:
    """What proves a peer: a pre-shared key, and perhaps a PPK. Never shown."""

    def __init__(self, psk: bytes, ppk: Ppk | None) -> None:
        self.psk = psk
        self.ppk = ppk


class Connection(Value):
    """One peer.

    local, remote: (address, port); remote None: anybody, known by identity alone. ike_proposals, esp_proposals: Suites,
    the preferred first. ts_local, ts_remote: the Selector of our side and of the peer's. mode: BEET (announced
    privately; link: the bytes that both sides must announce alike) or TRANSPORT. roams: the peer may call from an
    address that is not `remote`, and is known by its identity then. force_encap: ESP in UDP even where there is no
    NAT. mobike: offer RFC 4555. fragment: largest IP datagram in bytes before a message is cut (RFC 7383), 0: never
    cut. answers: its peer may call. inside: the peer's own address (4 or 16 bytes), to be named in our offer of
    transport mode where a translator is before it; None: the one that we see (RFC 7296 2.23.1). pairing: an exchange
    without a CHILD SA, see childless.py. also: keys that are accepted beside ours when the peer calls, while they are
    being renewed (proto/pairing/rotation.py); we never call with them. Keys are neither compared nor printed.

    Raises ValueError for a pairing without a mandatory PPK.
    """

    fields = (
        "name", "local", "remote", "local_id", "remote_id", "ike_proposals", "esp_proposals", "ts_local", "ts_remote",
        "mode", "link", "retransmit", "roams", "force_encap", "mobike", "fragment", "answers",
        "inside", "pairing",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        local: Endpoint,
        remote: Endpoint | None,
        local_id: Identity,
        remote_id: Identity,
        psk: bytes,
        ike_proposals: list[Suite],
        esp_proposals: list[Suite],
        ts_local: Selector,
        ts_remote: Selector,
        mode: str,
        link: bytes,
        retransmit: Retransmit,
        roams: bool = False,
        force_encap: bool = False,
        mobike: bool = True,
        fragment: int = 1280,
        answers: bool = True,
        ppk: Ppk | None = None,
        inside: bytes | None = None,
        pairing: bool = False,
        also: KeySet | None = None,
    ) -> None:
        if pairing and (ppk is None or not ppk.mandatory):
            raise ValueError("connection '%s': a pairing needs a mandatory ppk" % name)
        self.name = name
        self.local = local
        self.remote = remote
        self.local_id = local_id
        self.remote_id = remote_id
        self.psk = psk
        self.ike_proposals = ike_proposals
        self.esp_proposals = esp_proposals
        self.ts_local = ts_local
        self.ts_remote = ts_remote
        self.mode = mode
        self.link = link
        self.retransmit = retransmit
        self.roams = roams
        self.force_encap = force_encap
        self.mobike = mobike
        self.fragment = fragment
        self.answers = answers
        self.ppk = ppk
        self.inside = inside
        self.pairing = pairing
        self.also = also

    def under_also(self) -> Connection:
        """The same connection with `also` for its keys: what a peer's proof is held against."""
        if self.also is None:
            raise AssertionError("'%s' has one set of keys" % self.name)
        return Connection(
            self.name, self.local, self.remote, self.local_id, self.remote_id, self.also.psk, self.ike_proposals,
            self.esp_proposals, self.ts_local, self.ts_remote, self.mode, self.link, self.retransmit, self.roams,
            self.force_encap, self.mobike, self.fragment, self.answers, self.also.ppk, self.inside, self.pairing,
        )  # fmt: skip

    def is_at(self, local: bytes) -> bool:
        """True if datagrams to this address of ours may be this connection's; the unspecified one stands for any, and
        a peer that roams may have found another way to us.
        """
        return self.local[0] == local or not any(self.local[0]) or self.roams

    def expects(self, remote: bytes) -> bool:
        """True if its peer is configured to be at this address."""
        return self.remote is not None and self.remote[0] == remote

    @property
    def is_roaming(self) -> bool:
        """True if its peer may call from anywhere, and is known by its identity and its key alone."""
        return self.remote is None or self.roams

    @property
    def is_lower(self) -> bool:
        """True if our identity comes before the peer's in byte order: kind, then data."""
        ours, theirs = self.local_id, self.remote_id
        return bytes([ours.kind]) + ours.data < bytes([theirs.kind]) + theirs.data
