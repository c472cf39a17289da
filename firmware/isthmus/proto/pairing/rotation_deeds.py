"""What is done at each transition of a rotation, one function each; rotation_steps.py says when. See rotation.py.

A handler returns False for a message that proves nothing: it is then ignored, like one that must not come.
"""

from __future__ import annotations

from isthmus.crypto.dh import X25519, DhError
from isthmus.crypto.prf import is_equal
from isthmus.proto.actions import RESPONDER
from isthmus.proto.pairing import rotation_keys as keys
from isthmus.proto.pairing import rotation_record as records
from isthmus.proto.pairing.errors import BETWEEN, REFUSED, TOO_OFTEN, UNKEPT, make
from isthmus.proto.pairing.rotation_messages import (
    ANSWER,
    ASK,
    FORGET,
    NONCE_BYTES,
    REMINDER,
    RotationMessage,
)
from isthmus.proto.pairing.rotation_messages import SETTLED as SETTLED_MESSAGE
from isthmus.proto.pairing.rotation_messages import TAKEN as TAKEN_MESSAGE
from isthmus.proto.pairing.rotation_record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.pairing.rotation import Rotation

# States.
IDLE = "idle"
ASKED = "asked"  # ASK told; nothing of it is kept
HOLDING = "holding"  # HELD is being written
HELD = "held"
DROPPING = "dropping"  # HELD is being removed, or what may have been written of it
TAKING = "taking"  # TAKEN is being written
TAKEN = "taken"
SETTLING = "settling"  # SETTLED is being written
COPYING = "copying"  # it is written, and its keys are on their way to the tunnel's own files: no other record may come

WRITING = (TAKING, SETTLING, COPYING, DROPPING)  # and if it fails, it is done again
AT_REST = (IDLE, ASKED, COPYING)  # one set of keys

ANSWER_MS = 60_000  # how long who wants new keys waits
PROVE_MS = 10_000  # how long an answerer waits for the asker's handshake under the new keys
TRIES = 3  # of one wish
# What is answered costs a disk some writes: as many at once, and then one in that time. A restart forgets the count, on
# purpose: no peer can bring one about, and to keep it would cost one write more for each renewal that it counts.
ASKS, ASK_EVERY_MS = 24, 3_600_000


def _is_proven(message: RotationMessage, control: bytes, meaning: bytes) -> bool:
    return is_equal(message.tag, keys.make_tag(control, meaning, message.get_content()))


def _kept(rotation: Rotation) -> Record:
    if rotation.record is None:
        raise AssertionError("%r has no record" % rotation)
    return rotation.record


def _forget(rotation: Rotation, number: bytes) -> None:
    rotation.tell(FORGET, number, rotation.used.control, keys.FORGETS)


# The asker


def ask(rotation: Rotation, _argument: object, now: int) -> bool:
    """Our key goes out; nothing is kept of it but in memory."""
    exporter = rotation.export()
    if exporter is None:
        return False
    rotation.exporter = exporter
    rotation.is_wanted = True
    rotation.pair = X25519(rotation.rng)
    message = RotationMessage(ASK, key=rotation.pair.public, nonce=rotation.rng(NONCE_BYTES))
    rotation.ask = rotation.say(message, rotation.used.control, keys.ASKS)
    rotation.id = keys.make_id(rotation.ask)
    if rotation.deadline is None:
        rotation.deadline = now + ANSWER_MS
    rotation.state = ASKED
    return True


def want_first(rotation: Rotation, argument: object, now: int) -> bool:
    """Somebody wants it."""
    rotation.tries = 1
    rotation.deadline = None
    return ask(rotation, argument, now)


def _ask_again(rotation: Rotation, now: int) -> None:
    rotation.tries += 1
    if rotation.tries > TRIES or not ask(rotation, None, now):
        rotation.forget_ask()
        rotation.state = IDLE
        rotation.end(make(BETWEEN))


def ask_elsewhere(rotation: Rotation, _argument: object, now: int) -> bool:
    """The IKE SA that we asked in may be gone: the new one has an exporter of its own."""
    return ask(rotation, None, now)


def take_answer(rotation: Rotation, argument: tuple[RotationMessage, bytes], now: int) -> bool:
    """The answerer holds the new keys, and proves it: we compute them and write them down."""
    message, _ = argument
    if message.id != rotation.id or rotation.pair is None:
        return False
    try:
        shared = rotation.pair.compute(message.key)
    except DhError:
        return False
    new = keys.derive_keys(
        rotation.used.control, rotation.exporter, shared, rotation.ask, rotation.id, message.key, message.nonce
    )
    if not _is_proven(message, new.control, keys.HOLDS):
        # Another IKE SA has taken over in between, and its exporter went into the answer. Or somebody lies.
        _ask_again(rotation, now)
        return True
    record = Record(records.TAKEN, rotation.id, new)
    rotation.forget_ask()
    rotation.state = TAKING
    rotation.write(record)
    return True


def be_refused(rotation: Rotation, argument: tuple[RotationMessage, bytes], _now: int) -> bool:
    """The answerer could not write them down, or has been asked too often."""
    message, _ = argument
    reasons = ((keys.FORGETS, REFUSED), (keys.TIRES, TOO_OFTEN))
    found = [code for meaning, code in reasons if _is_proven(message, rotation.used.control, meaning)]
    if message.id != rotation.id or not found:
        return False
    rotation.forget_ask()
    rotation.state = IDLE
    rotation.end(make(found[0]))
    return True


def give_up(rotation: Rotation, _argument: object, _now: int) -> bool:
    """No answer. What the answerer may hold it can forget."""
    _forget(rotation, rotation.id)
    rotation.forget_ask()
    rotation.state = IDLE
    rotation.give_up()
    return True


def be_taken(rotation: Rotation, _argument: object, now: int) -> bool:
    """The new keys are on our disk: from now on we use them, and the answerer may hear it."""
    rotation.record, rotation.pending = rotation.pending, None
    rotation.is_proven = False
    rotation.wait(now)
    rotation.state = TAKEN
    return remind_taken(rotation, None, 0)


def remind_taken(rotation: Rotation, _argument: object, _now: int) -> bool:
    """We use the new keys, and say so once more."""
    record = _kept(rotation)
    rotation.tell(TAKEN_MESSAGE, record.id, record.keys.control, keys.TAKES)
    return True


def want_the_end(rotation: Rotation, argument: object, now: int) -> bool:
    """A wish for new keys while some are on their way is a wish for these."""
    rotation.is_wanted = True
    rotation.wait(now)
    return remind_taken(rotation, argument, now) if rotation.state == TAKEN else remind_held(rotation, argument, now)


def up_taken(rotation: Rotation, argument: tuple[str, bytes], now: int) -> bool:
    """A new IKE SA. If the peer has called under the new keys, it uses them; else it may not know yet that we do."""
    is_new = _note_proof(rotation, argument[1])
    rotation.wait(now)
    return settle(rotation, None, now) if is_new and argument[0] == RESPONDER else remind_taken(rotation, None, now)


def _note_proof(rotation: Rotation, ppk_id: bytes) -> bool:
    """True if an IKE SA has come up under the new keys."""
    is_new = ppk_id == _kept(rotation).keys.ppk_id
    rotation.is_proven = rotation.is_proven or is_new
    return is_new


def hear_settled(rotation: Rotation, argument: tuple[RotationMessage, bytes], now: int) -> bool:
    """The answerer uses the new keys, and they alone."""
    message, record = argument[0], _kept(rotation)
    if message.id != record.id or not _is_proven(message, record.keys.control, keys.SETTLES):
        return False
    return settle(rotation, None, now)


def hear_reminder(rotation: Rotation, argument: tuple[RotationMessage, bytes], now: int) -> bool:
    """The answerer has not heard that we use the new keys."""
    message, record = argument[0], _kept(rotation)
    if message.id != record.id or not _is_proven(message, record.keys.control, keys.REMINDS):
        return False
    return remind_taken(rotation, None, now)


def hear_next_ask(rotation: Rotation, argument: tuple[RotationMessage, bytes], now: int) -> bool:
    """The answerer asks for the next keys under the new ones: so it uses these."""
    if not _is_proven(argument[0], rotation.used.control, keys.ASKS):
        return False
    rotation.later = argument
    return settle(rotation, None, now)


# The answerer


def answer(rotation: Rotation, argument: tuple[RotationMessage, bytes], now: int) -> bool:
    """The peer wants new keys: compute them, write them down, and only then answer."""
    message, raw = argument
    number = keys.make_id(raw)
    exporter = rotation.export()
    if exporter is None or not _is_proven(message, rotation.used.control, keys.ASKS):
        return False
    if not _may_cost(rotation, now):
        rotation.tell(FORGET, number, rotation.used.control, keys.TIRES)
        rotation.tire()
        return True
    pair = X25519(rotation.rng)
    try:
        shared = pair.compute(message.key)
    except DhError:
        return False
    nonce = rotation.rng(NONCE_BYTES)
    new = keys.derive_keys(rotation.used.control, exporter, shared, raw, number, pair.public, nonce)
    rotation.answer = RotationMessage(ANSWER, number, pair.public, nonce)
    rotation.forget_ask()
    rotation.state = HOLDING
    rotation.write(Record(records.HELD, number, new))
    return True


def _may_cost(rotation: Rotation, now: int) -> bool:
    """Whether one more may be answered; then it counts."""
    if rotation.paid_until - now > (ASKS - 1) * ASK_EVERY_MS:
        return False
    rotation.paid_until = max(rotation.paid_until, now) + ASK_EVERY_MS
    return True


def hear_other_ask(rotation: Rotation, argument: tuple[RotationMessage, bytes], now: int) -> bool:
    """Another wish than the one whose keys we hold. It may be a late one, and the asker use what we hold: that stays
    until the asker has said whether it does.
    """
    message, raw = argument
    if keys.make_id(raw) == _kept(rotation).id or not _is_proven(message, rotation.used.control, keys.ASKS):
        return False
    rotation.later = argument
    return remind_held(rotation, None, now)


def answer_crossing(rotation: Rotation, argument: tuple[RotationMessage, bytes], now: int) -> bool:
    """Both have asked. The lower one's goes first: it waits for its answer, and the other one answers."""
    if rotation.is_lower:
        return False
    return answer(rotation, argument, now)


def be_held(rotation: Rotation, _argument: object, now: int) -> bool:
    """The new keys are on our disk: we accept them from now on."""
    rotation.record, rotation.pending = rotation.pending, None
    rotation.is_proven = False
    rotation.wait(now)
    rotation.state = HELD
    if rotation.answer is not None:
        rotation.say(rotation.answer, _kept(rotation).keys.control, keys.HOLDS)
        rotation.answer = None
    return True


def refuse(rotation: Rotation, _argument: object, _now: int) -> bool:
    """They are not, for all that we know. The asker has seen nothing of them; an older record is as worthless."""
    if rotation.pending is not None:
        _forget(rotation, rotation.pending.id)
    rotation.answer = None
    rotation.state = DROPPING
    rotation.drop()
    rotation.end(make(UNKEPT))
    return True


def remind_held(rotation: Rotation, _argument: object, _now: int) -> bool:
    """Does the asker use the new keys?"""
    record = _kept(rotation)
    rotation.tell(REMINDER, record.id, record.keys.control, keys.REMINDS)
    return True


def up_held(rotation: Rotation, argument: tuple[str, bytes], now: int) -> bool:
    """A new IKE SA: under the new keys, if the asker uses them."""
    is_new = _note_proof(rotation, argument[1])
    rotation.wait(now)
    return settle(rotation, None, now) if is_new else remind_held(rotation, None, now)


def hear_taken(rotation: Rotation, argument: tuple[RotationMessage, bytes], now: int) -> bool:
    """The asker uses the new keys."""
    message, record = argument[0], _kept(rotation)
    if message.id != record.id or not _is_proven(message, record.keys.control, keys.TAKES):
        return False
    return settle(rotation, None, now)


def hear_forget(rotation: Rotation, argument: tuple[RotationMessage, bytes], _now: int) -> bool:
    """The asker knows nothing of them, and never will."""
    message, record = argument[0], _kept(rotation)
    if message.id != record.id or not _is_proven(message, rotation.used.control, keys.FORGETS):
        return False
    rotation.state = DROPPING
    rotation.drop()
    return True


def deny_reminder(rotation: Rotation, argument: tuple[RotationMessage, bytes], _now: int) -> bool:
    """Each end holds keys of a rotation that the other has asked for, and has forgotten since: both go."""
    number = argument[0].id
    if number == _kept(rotation).id:
        return False
    _forget(rotation, number)
    return True


def be_dropped(rotation: Rotation, _argument: object, now: int) -> bool:
    """They are gone; if the asker wants others, these; if new ones are wanted here, it is our turn to ask."""
    rotation.record = None
    rotation.deadline = None
    rotation.state = IDLE
    later, rotation.later = rotation.later, None
    if later is not None:
        answer(rotation, later, now)
    if rotation.state == IDLE and rotation.is_wanted and not want_first(rotation, None, now):
        rotation.give_up()
    return True


def drop_again(rotation: Rotation, _argument: object, _now: int) -> bool:
    """They may still be there, which does no harm but must not stay so."""
    rotation.drop()
    return True


# Both


def settle(rotation: Rotation, _argument: object, _now: int) -> bool:
    """Both ends have the new keys, and the other one uses them: the old ones go."""
    record = _kept(rotation)
    rotation.deadline = None
    rotation.state = SETTLING
    rotation.write(Record(records.SETTLED, record.id, record.keys))
    return True


def be_settled(rotation: Rotation, _argument: object, _now: int) -> bool:
    """They are gone. The asker calls under the new ones; if it cannot, the answerer does."""
    record = _kept(rotation)
    rotation.keys, rotation.record, rotation.pending = record.keys, None, None
    rotation.state = COPYING
    if record.phase == records.HELD:
        rotation.tell(SETTLED_MESSAGE, record.id, record.keys.control, keys.SETTLES)
        rotation.is_waiting = not rotation.is_proven
    elif not rotation.is_proven:
        rotation.renew()
    rotation.end(None)
    rotation.copy()
    return True


def be_copied(rotation: Rotation, _argument: object, now: int) -> bool:
    """The tunnel's own files have them, and there is no record: the next rotation may begin."""
    rotation.state = IDLE
    rotation.deadline = now + PROVE_MS if rotation.is_waiting else None
    rotation.is_waiting = False
    later, rotation.later = rotation.later, None
    return later is None or answer(rotation, later, now)


def copy_again(rotation: Rotation, _argument: object, _now: int) -> bool:
    """Perhaps there is room by now."""
    rotation.copy()
    return True


def put_off_ask(rotation: Rotation, argument: tuple[RotationMessage, bytes], _now: int) -> bool:
    """The peer wants the next keys already."""
    if not _is_proven(argument[0], rotation.used.control, keys.ASKS):
        return False
    rotation.later = argument
    return True


def be_renewed_early(rotation: Rotation, _argument: object, _now: int) -> bool:
    """A handshake under the keys that we have."""
    rotation.is_waiting = False
    return True


def write_again(rotation: Rotation, _argument: object, now: int) -> bool:
    """Not on the disk, for all that we know: either is well, but it has to get there."""
    rotation.write_again(now)
    return True


def retry_write(rotation: Rotation, _argument: object, _now: int) -> bool:
    """Perhaps there is room by now."""
    if rotation.pending is not None:
        rotation.write(rotation.pending)
    return True


def answer_taken(rotation: Rotation, argument: tuple[RotationMessage, bytes], _now: int) -> bool:
    """The asker has not heard that we are settled."""
    message = argument[0]
    if not _is_proven(message, rotation.used.control, keys.TAKES):
        return False
    rotation.tell(SETTLED_MESSAGE, message.id, rotation.used.control, keys.SETTLES)
    return True


def answer_reminder(rotation: Rotation, argument: tuple[RotationMessage, bytes], now: int) -> bool:
    """The peer holds keys that we know nothing of; or, should its disk have lost a write, those that we use."""
    message, control = argument[0], rotation.used.control
    if _is_proven(message, control, keys.REMINDS):
        rotation.tell(TAKEN_MESSAGE, message.id, control, keys.TAKES)
        return True
    _forget(rotation, message.id)
    if rotation.state == ASKED and message.id == rotation.id:
        _ask_again(rotation, now)  # the answer to it is lost
    return True


def be_renewed(rotation: Rotation, _argument: object, _now: int) -> bool:
    """A handshake under the keys that we have."""
    rotation.deadline = None
    return True


def renew(rotation: Rotation, _argument: object, _now: int) -> bool:
    """The asker has not called."""
    rotation.renew()
    return True


def be_late(rotation: Rotation, argument: object, now: int) -> bool:
    """Nothing is heard of the peer, which is reminded. What is kept stays."""
    rotation.give_up()
    rotation.wait(now)
    return remind_taken(rotation, argument, now) if rotation.state == TAKEN else remind_held(rotation, argument, now)
