"""When both ends begin at once, or one begins again: which IKE SA lives. firmware/DESIGN.md, "The IKE engine".

Two sides decide without asking each other, so the rules must give the same answer from both, whatever was lost or
came late. "Lower" is the side whose identity comes first in byte order.

  1. A valid IKE_AUTH request makes its receiver give up its own attempt,
  2. unless the receiver is lower and has sent its own IKE_AUTH: then the request is answered TEMPORARY_FAILURE.
     Of two crossing attempts exactly one survives: if the lower side's IKE_AUTH was sent, the higher side will give
     up when it arrives; if it was not, it never will be.
  3. A request that arrives after the fight is over must not start it again. It is older than the SA that we have if
     the same peer began both and it began this one first, or if we began ours, are lower, and had the request's
     IKE_SA_INIT before ours was established: only an attempt that crossed ours can look like that.
  4. Nor may one attempt become two SAs: a copy of its IKE_SA_INIT, from elsewhere, has got an answer of its own, the
     peer proves itself to both, and goes on with the first that is accepted.
  5. Otherwise the newcomer is newer, and takes over from everything older (newest wins).
"""
from __future__ import annotations

from isthmus.proto.actions import INITIATOR, RESPONDER
from isthmus.proto.errors import CrossedAttempt
from isthmus.proto.ike2 import endings
from isthmus.proto.ike2.states import ABANDONED, AUTH_SENT, ESTABLISHED, PENDING, REPLACED
from isthmus.proto.ike2.times import LINGER_MS, REPLACED_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.connection import Connection
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa


def check(engine: Engine, sa: IkeSa, connection: Connection) -> None:
    """Raises CrossedAttempt if the peer's attempt `sa`, just proved valid, must not become an SA (rules 2 to 4)."""
    for other in engine.table.find_all(connection.name):
        if other.state == AUTH_SENT and connection.is_lower:
            raise CrossedAttempt("tunnel '%s': both sides began, and this side goes first" % connection.name)
        if other.state == ESTABLISHED and _is_older(sa, other, connection):
            text = "tunnel '%s': an attempt that is older than the SA that is up, or a copy of its own"
            raise CrossedAttempt(text % connection.name)


def _is_older(sa: IkeSa, established: IkeSa, connection: Connection) -> bool:
    if established.begun_by == RESPONDER:
        if sa.nonce_i == established.begun_nonce:
            return True
        return sa.order < established.begun_order
    return connection.is_lower and sa.order < established.established_order


def give_up_own(engine: Engine, connection: Connection, now: int) -> None:
    """The peer's attempt has become an SA: our own pending one stops (rule 1)."""
    for other in engine.table.find_all(connection.name):
        if other.state in PENDING:
            abandon(engine, other, now)


def abandon(engine: Engine, sa: IkeSa, now: int) -> None:
    """Our own attempt is not wanted any more.

    If its IKE_AUTH is on its way it may yet be accepted, so it is kept long enough to undo that.
    """
    if sa.state == AUTH_SENT:
        sa.set_state(ABANDONED)
        sa.requests.stop()
        sa.expire_at = now + LINGER_MS
    else:
        engine.forget(sa)


def take_over(engine: Engine, sa: IkeSa, now: int) -> None:
    """`sa` has come up: older SAs of the same connection go (rule 5).

    Whoever began `sa` deletes them, since a peer that is not Isthmus may keep them; the other side waits for that.
    """
    if sa.name is None:
        raise AssertionError("%r has come up without a name" % sa)
    for other in engine.table.find_all(sa.name):
        if other is not sa and other.state == ESTABLISHED and sa.role == INITIATOR:
            endings.close(engine, other, now)
        elif other is not sa and other.state == ESTABLISHED:
            other.set_state(REPLACED)
            other.expire_at = now + REPLACED_MS
    endings.bound(engine, sa)
