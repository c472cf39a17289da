"""Every way in which an IKE exchange can fail, as a type.

`notify` is the error notify that tells the peer, None where nothing is sent. The sentence names both sides' values as
far as they are known; the remedy says what to do about it. `tell` makes the error of a notify that the peer sent: ours
and the peer's are apart by `by_peer`.
"""
from __future__ import annotations

from isthmus.errors import IsthmusError
from isthmus.wire import ike_numbers as num


class IkeError(IsthmusError):
    """An exchange that ends without what it was for. by_peer: the peer found the fault and told us."""

    code = "ike"
    notify: int | None = None
    by_peer = False

    def get_notify_data(self) -> bytes:
        """What goes into the notify beside its type."""
        return b""

    def get_notify_about(self) -> tuple[int, bytes]:
        """The protocol and the SPI that the notify is about; (0, b"") where it is about neither."""
        return 0, b""


class NoProposalChosen(IkeError):
    """No proposal in common."""

    code = "no-proposal"
    notify = num.NO_PROPOSAL_CHOSEN
    remedy = "make one proposal equal on both sides"


class InvalidKe(IkeError):
    """The key exchange is for another group than the one chosen. group: the one to use."""

    code = "wrong-group"
    notify = num.INVALID_KE_PAYLOAD
    remedy = "make the group of the first proposal equal on both sides"

    def __init__(self, message: str, group: int) -> None:
        super().__init__(message)
        self.group = group

    def get_notify_data(self) -> bytes:
        """The group, two bytes (RFC 7296 section 1.2)."""
        return self.group.to_bytes(2, "big")


class BadPublicValue(IkeError):
    """A key exchange payload that must not be used."""

    code = "bad-public-value"
    notify = num.INVALID_SYNTAX
    remedy = "the peer's IKE program is faulty or somebody in between tampers; nothing can be set here"


class IdentityMismatch(IkeError):
    """The peer says it is somebody whom no tunnel at this address expects, or expects us to be somebody else."""

    code = "identity"
    notify = num.AUTHENTICATION_FAILED
    remedy = "make local_id on one side equal to remote_id on the other"


class AuthenticationFailed(IkeError):
    """The peer names an identity that we know, and does not prove it."""

    notify = num.AUTHENTICATION_FAILED


class PskMismatch(AuthenticationFailed):
    """The peer's proof does not fit its identity under our pre-shared key."""

    code = "psk"
    remedy = "enter the same psk on both sides, and check that local_id and remote_id are crosswise equal"


class PpkMismatch(AuthenticationFailed):
    """The two sides do not share the post-quantum pre-shared key that one of them insists on."""

    code = "ppk"
    remedy = "enter the same ppk and ppk_id on both sides; or set ppk_required 0 where it may do without"


class AuthMethod(AuthenticationFailed):
    """The peer wants to prove itself in a way that is not configured."""

    code = "auth-method"
    remedy = "set the peer to authenticate with a pre-shared key"


class LinkMismatch(IkeError):
    """The peer is no Isthmus, or the tunnel means something else there.

    ours, theirs: the bytes announced, None for none: whoever made ours can say what differs.
    """

    code = "link"
    notify = num.NO_PROPOSAL_CHOSEN
    remedy = "make carrier, session, instance and mode of this tunnel equal on both sides"

    def __init__(self, message: str, ours: bytes | None, theirs: bytes | None) -> None:
        super().__init__(message)
        self.ours = ours
        self.theirs = theirs


class ModeRefused(IkeError):
    """The peer wants ESP in tunnel mode where this tunnel needs transport mode."""

    code = "mode"
    notify = num.NO_PROPOSAL_CHOSEN
    remedy = "set the peer's connection to transport mode (strongSwan: mode = transport, libreswan: type=transport)"


class TsUnacceptable(IkeError):
    """No traffic selectors in common."""

    code = "selectors"
    notify = num.TS_UNACCEPTABLE
    remedy = "make the peer's local and remote selectors the mirror of ours"


class DuplicateSpi(IkeError):
    """The peer names an SPI for its new ESP SA that another of its SAs has."""

    code = "duplicate-spi"
    notify = num.NO_PROPOSAL_CHOSEN
    remedy = "nothing to do: it is tried again; if it comes back, the peer's IKE program is faulty"


class CrossedAttempt(IkeError):
    """Both ends started at once, and the other end's attempt is the one that lives on."""

    code = "crossed"
    notify = num.TEMPORARY_FAILURE
    remedy = "nothing to do: the other end's attempt goes on"


class InvalidSyntax(IkeError):
    """A message with the right integrity and the wrong content."""

    code = "syntax"
    notify = num.INVALID_SYNTAX
    remedy = "the peer's IKE program says something that ours does not understand: report both versions"


class CriticalPayload(IkeError):
    """A payload that we do not know and that must not be skipped."""

    code = "critical-payload"
    notify = num.UNSUPPORTED_CRITICAL_PAYLOAD
    remedy = "switch off the feature on the peer that needs this payload"

    def __init__(self, message: str, payload_type: int) -> None:
        super().__init__(message)
        self.payload_type = payload_type

    def get_notify_data(self) -> bytes:
        """The payload type, one byte (RFC 7296 section 2.5)."""
        return bytes([self.payload_type])


class TemporaryFailure(IkeError):
    """A request that comes at a bad moment."""

    code = "temporary"
    notify = num.TEMPORARY_FAILURE
    remedy = "nothing to do: it is tried again"


class NoAdditionalSas(IkeError):
    """A request for another SA inside this IKE SA."""

    code = "no-additional-sas"
    notify = num.NO_ADDITIONAL_SAS
    remedy = "nothing to do: the peer starts a new IKE SA"


class ChildSaNotFound(IkeError):
    """The peer names a CHILD SA that is not there. protocol, spi: as it named it."""

    code = "child-not-found"
    notify = num.CHILD_SA_NOT_FOUND
    remedy = "nothing to do: a new one is agreed"

    def __init__(self, message: str, protocol: int, spi: bytes) -> None:
        super().__init__(message)
        self.protocol = protocol
        self.spi = spi

    def get_notify_about(self) -> tuple[int, bytes]:
        """See IkeError."""
        return self.protocol, self.spi


class PeerTemporary(IkeError):
    """The peer has put us off as often as we ask."""

    code = "put-off"
    remedy = "nothing to do: a fresh IKE SA is tried; if this comes back, read the peer's log"


class UnexpectedNat(IkeError):
    """The peer forbids address translation on the way, and there is some."""

    code = "nat-forbidden"
    notify = num.UNEXPECTED_NAT_DETECTED
    remedy = "allow NAT traversal at the peer, or remove the address translation in between"


class MoveRefused(IkeError):
    """The peer does not go on with us at our new address."""

    code = "move-refused"
    by_peer = True
    remedy = "nothing to do: a new IKE SA is agreed from there"


class Unreachable(IkeError):
    """No answer, or none that could be believed."""

    code = "unreachable"
    remedy = "check that the peer runs, that its address is right, and that UDP 500 and 4500 pass in between"


class HalfAnswered(Unreachable):
    """IKE_SA_INIT was answered, by whomever, and IKE_AUTH was not."""


class NoPairing(IkeError):
    """Who answers speaks IKE, and has no pairing open for us."""

    code = "no-pairing"
    remedy = "check that the invite's address is the inviting router's, and that both routers run the same release"


class PeerDead(IkeError):
    """An established IKE SA whose peer no longer answers."""

    code = "peer-dead"
    remedy = "check the peer and the way to it; the tunnel is tried again"


class PeerRefused(IkeError):
    """The peer's error notify, where we have nothing of our own to say about it. notify_received: its type."""

    code = "refused"
    by_peer = True
    remedy = "read the peer's log: it knows why"

    def __init__(self, message: str, notify_received: int) -> None:
        super().__init__(message)
        self.notify_received = notify_received
