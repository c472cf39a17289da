"""Why datagrams are dropped: a fixed set of reasons, so that no peer can make the set grow."""
from __future__ import annotations

from isthmus.wire.buffer import WIRE_REASONS

DROP_REASONS = tuple(["malformed-" + reason for reason in WIRE_REASONS]) + (
    "too-long",  # longer than any message that we would read
    "old-version",  # IKEv1
    "new-version",  # a major version above 2
    "zero-spi",  # an initiator's SPI of zero
    "unknown-spi",  # for no IKE SA of ours
    "wrong-direction",  # the initiator flag contradicts the SA
    "wrong-spi",  # the peer's SPI is not the SA's
    "wrong-source",  # not between the two addresses of the SA; from port 0; IKE_SA_INIT answered from another port
    "unknown-peer",  # IKE_SA_INIT from an address that no connection names
    "busy",  # IKE_SA_INIT while as many others are being let in as may be at once; the peer asks again
    "message-id",  # not the next one, nor the last one again
    "not-asked",  # a response that nothing waits for
    "not-now",  # an exchange that this state has no row for
    "not-encrypted",  # payloads in the clear where there must be only SK
    "integrity",  # SK that fails its integrity check
    "fragment",  # a part of a message that cannot be one, or that nobody agreed on
    "fragment-again",  # a part that is here already, or of an older cut
    "fragment-room",  # a part for which there is no room
    "unproven",  # bad news in answer to IKE_SA_INIT, remembered and not believed
    "repeated",  # the last request again: the last answer was sent again
    "no-amplification",  # an answer in the clear that would have been longer than its request
)


class Counters:
    """How often a datagram was dropped, or answered from memory, for each of DROP_REASONS."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(DROP_REASONS, 0)

    def count(self, reason: str) -> None:
        """One more. Raises KeyError for a reason that is not in DROP_REASONS: that is a bug of ours."""
        self.counts[reason] += 1
