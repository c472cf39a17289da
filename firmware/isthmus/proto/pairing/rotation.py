"""Rotation: a paired tunnel's keys are renewed over its own IKE SA. Sans-IO; what each end keeps when: SECURITY.md.

    asker                                               answerer
      ASK     PK, nonce, tag under the control key  -->
                                                        computes the new keys, writes HELD: accepts both, uses the old
                                               <--      ANSWER  PK, nonce, tag under the new control key
      computes them, writes TAKEN:
      uses the new, accepts both
      TAKEN                                    -->      writes SETTLED: the new alone
                                               <--      SETTLED
      writes SETTLED: the new alone
      a fresh handshake under them

Whoever uses the new keys knows that the other end accepts them; whoever stops accepting the old ones knows that the
other end uses the new. So the two can prove themselves to each other at every moment, whoever calls, and whatever is
lost, written or not. What an end has kept it brings up again with each new IKE SA, until it is settled.
"""

from __future__ import annotations

from isthmus.proto.pairing import rotation_deeds as deeds
from isthmus.proto.pairing import rotation_steps as steps
from isthmus.proto.pairing.errors import NO_ANSWER, NOT_NOW, PESTERED, make
from isthmus.proto.pairing.rotation_keys import make_tag
from isthmus.proto.pairing.rotation_messages import RotationMessage, pull_rotation, push_rotation
from isthmus.proto.pairing.rotation_record import HELD, SETTLED, TAKEN, Record
from isthmus.wire.buffer import WireError
from isthmus.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.crypto.dh import KeyPair
    from isthmus.proto.pairing.errors import PairingError
    from isthmus.proto.pairing.rotation_keys import Keys

WRITE_AGAIN_MS = 10_000


class Write(Value):
    """Keep this record, durably: in place of an older one, if there is. Then written() or unwritten(); from then on the
    engine has to have what the record says.
    """

    fields = ("record",)

    def __init__(self, record: Record) -> None:
        self.record = record


class Drop(Value):
    """Remove the record, durably. Then written() or unwritten()."""


class Copy(Value):
    """Put these keys into the tunnel's own files, in any order, and then remove the record, durably. Then written() or
    unwritten(). keys: never shown.
    """

    def __init__(self, keys: Keys) -> None:
        self.keys = keys


class Tell(Value):
    """To the peer, on the newest IKE SA."""

    def __init__(self, data: bytes) -> None:
        self.data = data


class Renew(Value):
    """A fresh handshake beside what is up, if this side can call."""


class Ended(Value):
    """A rotation is over: error None, and the new keys are the keys; or nothing has changed."""

    fields = ("error",)

    def __init__(self, error: PairingError | None) -> None:
        self.error = error


class Rotation:
    """Of one paired tunnel. rng(n) -> bytes; export() -> exporter of the newest IKE SA under ROTATION_LABEL, None where
    there is none; is_lower: our identity comes first in byte order; keys: the tunnel's own; record: what was kept.
    """

    def __init__(
        self,
        rng: Callable[[int], bytes],
        export: Callable[[], bytes | None],
        is_lower: bool,
        keys: Keys,
        record: Record | None = None,
    ) -> None:
        self.rng = rng
        self.export = export
        self.is_lower = is_lower
        self.keys = keys
        self.record = record
        self.state = deeds.IDLE
        self.is_wanted = False  # our administrator waits for how it ends
        self.is_proven = False  # an IKE SA has come up under the new keys
        self.ignored = 0  # messages that came out of turn, or without a proof
        self.deadline: int | None = None
        self.tries = 0
        self.pair: KeyPair | None = None  # ours, between ASK and ANSWER
        self.ask = b""  # as we have sent it
        self.id = b""
        self.exporter = b""
        self.pending: Record | None = None  # being written
        self.answer: RotationMessage | None = None  # to be told when that is done
        self.later: tuple[RotationMessage, bytes] | None = None  # an ASK to be answered behind what is kept
        self.is_waiting = False  # for the asker's handshake under the new keys
        self.paid_until = 0  # the peer's wishes so far, each for its time
        self._actions: list[Value] = []
        if record is not None:
            self.state = {HELD: deeds.HELD, TAKEN: deeds.TAKEN, SETTLED: deeds.COPYING}[record.phase]
            if record.phase == SETTLED:
                self.keys, self.record = record.keys, None
                self.copy()

    def __repr__(self) -> str:
        return "Rotation(%s)" % self.state

    @property
    def used(self) -> Keys:
        """The keys that this end uses now."""
        return self.record.get_sets(self.keys)[0] if self.record is not None else self.keys

    @property
    def is_idle(self) -> bool:
        """True if nothing is kept, written or waited for: a new machine with the same keys would do as well."""
        return self.state == deeds.IDLE and self.deadline is None and not self._actions

    # What the daemon says

    def want(self, now: int) -> None:
        """Our administrator wants new keys. Raises PairingError(NOT_NOW): nothing has changed."""
        if self.export() is None:
            raise make(NOT_NOW, "the tunnel is not up")
        if not steps.step(self, steps.WANT, None, now):
            raise make(NOT_NOW, "these keys are being renewed already")

    def up(self, role: str, ppk_id: bytes, now: int) -> None:
        """A new IKE SA of the tunnel; role: ours in it; ppk_id: of the keys that have proved both ends."""
        steps.step(self, steps.UP, (role, ppk_id), now)

    def receive(self, data: bytes, now: int) -> None:
        """The peer has told us this. What is no message, comes out of turn or proves nothing is ignored."""
        try:
            message = pull_rotation(data)
        except WireError:
            self.ignored += 1
            return
        if not steps.step(self, message.type, (message, data), now):
            self.ignored += 1

    def written(self, now: int) -> None:
        """What was to be written is on the disk for good."""
        steps.step(self, steps.WRITTEN, None, now)

    def unwritten(self, now: int) -> None:
        """It is not, or nobody knows."""
        steps.step(self, steps.UNWRITTEN, None, now)

    def handle_timer(self, now: int) -> None:
        """Too early a call does nothing."""
        if self.deadline is not None and now >= self.deadline:
            self.deadline = None
            steps.step(self, steps.TIMER, None, now)

    def get_timer(self) -> int | None:
        """When handle_timer is to be called; None: nothing waits."""
        return self.deadline

    def take_actions(self) -> list[Value]:
        """What to do, in order; drained after every call above."""
        taken, self._actions = self._actions, []
        return taken

    # What handlers use

    def emit(self, action: Value) -> None:
        """One more thing for the daemon to do."""
        self._actions.append(action)

    def write(self, record: Record) -> None:
        """Ask for it to be kept."""
        self.pending = record
        self.emit(Write(record))

    def write_again(self, now: int) -> None:
        """It did not work; the disk may be full."""
        self.deadline = now + WRITE_AGAIN_MS

    def copy(self) -> None:
        """Ask for the keys to go into their files."""
        self.emit(Copy(self.keys))

    def drop(self) -> None:
        """Ask for the record to be removed."""
        self.pending = None
        self.emit(Drop())

    def renew(self) -> None:
        """Ask for a handshake under the new keys."""
        self.emit(Renew())

    def tell(self, kind: int, number: bytes, control: bytes, meaning: bytes) -> None:
        """Send a message that has nothing but the rotation's id and a tag."""
        self.say(RotationMessage(kind, number), control, meaning)

    def say(self, message: RotationMessage, control: bytes, meaning: bytes) -> bytes:
        """Send a message with its tag; returns it as it is sent."""
        message.tag = make_tag(control, meaning, message.get_content())
        data = push_rotation(message)
        self.emit(Tell(data))
        return data

    def end(self, error: PairingError | None) -> None:
        """Report how it went, where somebody waits or something has changed."""
        if error is None or self.is_wanted:
            self.emit(Ended(error))
        self.is_wanted = False

    def tire(self) -> None:
        """The peer asks too often, which somebody here should know; for our own wish it is no end."""
        self.emit(Ended(make(PESTERED)))

    def give_up(self) -> None:
        """The peer has not answered."""
        self.end(make(NO_ANSWER))

    def wait(self, now: int) -> None:
        """Wait for the peer, and then remind it."""
        self.deadline = now + deeds.ANSWER_MS

    def forget_ask(self) -> None:
        """What only an asker that waits has."""
        self.pair = None
        self.ask = self.id = self.exporter = b""
        self.deadline = None
