"""What is remembered of pairings beside the desk: entries that wait to be proved or written, and what has ended how."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.errors import IsthmusError
    from isthmus.proto.pairing.actions import Entry
    from isthmus.wire.addr import Endpoint


class Proof:
    """An entry that waits for its first IKE_AUTH, or to be written. local, remote: where the joiner's call goes from
    and to; error: why it could not be written; gives_up_at: until when that is tried; held: that time stands still,
    since a change on trial is in the way, which may last; proven: by its first IKE_AUTH.
    """

    def __init__(self, entry: Entry, local: Endpoint | None, remote: Endpoint | None) -> None:
        self.entry = entry
        self.local = local
        self.remote = remote
        self.call_at: int | None = None
        self.write_at: int | None = None
        self.gives_up_at = self.tried_at = 0
        self.held = False
        self.error: IsthmusError | None = None
        self.proven = False
        self.forget_at: int | None = None

    def unwritten(self, error: IsthmusError, held: bool, now: int) -> bool:
        """It has been tried in vain. True if it is time to give up."""
        if held:
            self.gives_up_at += now - self.tried_at
        self.error, self.held, self.tried_at = error, held, now
        return not held and now >= self.gives_up_at

    def get_times(self) -> list[int | None]:
        """When something is due. What is agreed is not forgotten before it is written or given up."""
        return [self.call_at, self.write_at, self.forget_at if self.write_at is None else None]


class Past:
    """A pairing that is over. tunnel: its name, if there is one; error: why there is none."""

    def __init__(self, pairing: int, role: int, peer: str, tunnel: str, error: IsthmusError | None, at: int) -> None:
        self.pairing = pairing
        self.role = role
        self.peer = peer
        self.tunnel = tunnel
        self.error = error
        self.at = at
