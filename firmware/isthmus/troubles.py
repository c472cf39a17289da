"""What can be wrong with a tunnel beside what IKE and the kernel say: errors with their remedies, and refused calls."""

from __future__ import annotations

from isthmus.errors import IsthmusError
from isthmus.policy.derive import explain_link
from isthmus.proto.errors import LinkMismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.wire.addr import Endpoint


class NoAddressError(IsthmusError):
    """The peer's name has no address."""

    code = "unresolvable-name"
    remedy = "check the spelling of option remote, and that this router reaches its name server"


class NoWayError(IsthmusError):
    """This router has no route to the peer."""

    code = "no-way"
    remedy = "check the uplink"


class PeerInsideError(IsthmusError):
    """The way to the peer would lead through the tunnel itself."""

    code = "peer-inside"
    remedy = "correct the name's address, or name only networks behind the peer as remote_subnet"


class SamePeerError(IsthmusError):
    """Two tunnels would derive the same ids, and one peer could enter the other's tunnel."""

    code = "same-peer"
    remedy = "remove one of the two tunnels, or set option instance to another number on both sides of one of them"


class GuardMissingError(IsthmusError):
    """No SA without the guard."""

    code = "no-guard"
    remedy = "see the log for what nft says; it is tried again"


class PeerClosedError(IsthmusError):
    """The peer ended the tunnel in good order."""

    code = "peer-closed"
    remedy = "nothing to do here: it was taken down or restarted at the other site; this side keeps calling"


class SaLostError(IsthmusError):
    """SAs have gone without our doing."""

    code = "sa-lost"
    remedy = "nothing to do here, new ones are agreed; to find who does it: ip -t xfrm monitor"


class TwoDevicesError(IsthmusError):
    """Two devices have the peer's keys, and take the tunnel from each other."""

    code = "two-devices"
    remedy = (
        "one of them runs a copy of the other's configuration: take it off the net, reset it, and pair it anew; if"
        " nobody knows it, the keys are stolen: end this tunnel on both sides (isthmus unpair) and pair again"
    )


class SpentKeysError(IsthmusError):
    """An SA was to be installed a second time: what is left of its keys are zeros."""

    code = "spent-keys"
    remedy = "a mistake in Isthmus itself, please report it; new keys are agreed"


NO_ISTHMUS = "the peer is no Isthmus: set option session 'static' here, with the ids that are set at the peer"
NOT_STATIC = "the peer is an Isthmus with option session 'derived': make option session equal on both sides"


class Refusal:
    """The last time that the peer, or somebody in its place, called and was refused."""

    def __init__(self, error: IsthmusError, source: Endpoint, now: int) -> None:
        self.error = error
        self.source = source
        self.at = now


def explained(error: IsthmusError) -> IsthmusError:
    """The error as an administrator understands it: of two link announcements, which part differs and how."""
    if not isinstance(error, LinkMismatch):
        return error
    if error.ours is None or error.theirs is None:
        told = LinkMismatch(str(error), error.ours, error.theirs)
        told.remedy = NOT_STATIC if error.ours is None else NO_ISTHMUS
        return told
    return LinkMismatch(explain_link(error.ours, error.theirs), error.ours, error.theirs)
