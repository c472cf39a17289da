"""What can be wrong with a tunnel beside what IKE and the kernel say: errors with their remedies, and refused calls."""

from __future__ import annotations

from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.wire.addr import Endpoint


class NoAddressError(IsthmusError):
    """The peer's name has no address."""

    code = "unresolvable-name"
    remedy = "check the spelling of option remote, and that this router reaches its name server"


class PeerClosedError(IsthmusError):
    """The peer ended the tunnel in good order."""

    code = "peer-closed"
    remedy = "nothing to do here: it was taken down or restarted at the other site; this side keeps calling"


class SaLostError(IsthmusError):
    """SAs have gone without our doing."""

    code = "sa-lost"
    remedy = "nothing to do here, new ones are agreed; to find who does it: ip -t xfrm monitor"


class Refusal:
    """The last time that the peer, or somebody in its place, called and was refused."""

    def __init__(self, error: IsthmusError, source: Endpoint, now: int) -> None:
        self.error = error
        self.source = source
        self.at = now
