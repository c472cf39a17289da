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


class Connection(Value):
    """One peer.

    local, remote: (address, port). ike_proposals, esp_proposals: Suites, the preferred first. ts_local, ts_remote: the
    Selector of our side and of the peer's. beet: BEET mode, announced privately; link: the bytes that both sides must
    announce alike. psk is neither compared nor printed.
    """

    fields = (
        "name", "local", "remote", "local_id", "remote_id", "ike_proposals", "esp_proposals", "ts_local", "ts_remote",
        "beet", "link", "retransmit",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        local: Endpoint,
        remote: Endpoint,
        local_id: Identity,
        remote_id: Identity,
        psk: bytes,
        ike_proposals: list[Suite],
        esp_proposals: list[Suite],
        ts_local: Selector,
        ts_remote: Selector,
        beet: bool,
        link: bytes,
        retransmit: Retransmit,
    ) -> None:
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
        self.beet = beet
        self.link = link
        self.retransmit = retransmit

    @property
    def is_lower(self) -> bool:
        """True if our identity comes before the peer's in byte order: kind, then data."""
        ours, theirs = self.local_id, self.remote_id
        return bytes([ours.kind]) + ours.data < bytes([theirs.kind]) + theirs.data
