"""Which IKE SA has the CHILD SAs, when one is rekeyed by another. RFC 7296 sections 2.8.2 and 2.18; rekey_ike.py."""
from __future__ import annotations

from isthmus.proto.actions import IkeRekeyed
from isthmus.proto.ike2.states import REKEYED
from isthmus.proto.ike2.times import SUPERSEDED_MS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa


def settle(engine: Engine, heir: IkeSa, now: int) -> None:
    """Of two IKE SAs that crossing requests have made, the peer's it is."""
    old = heir.parent
    if old is None:
        return
    old.heir = None
    heir.parent = None
    take_over(engine, old, heir, now)
    leave(old, now)


def leave(sa: IkeSa, now: int) -> None:
    """Nothing hangs on this IKE SA any more: whoever made it deletes it, and if not, it goes of itself."""
    if sa.parent is not None:
        sa.parent.heir = None
        sa.parent = None
    sa.set_state(REKEYED)
    sa.expire_at = now + SUPERSEDED_MS


def take_over(engine: Engine, old: IkeSa, new: IkeSa, now: int) -> None:
    """CHILD SAs move to `new`, and so does what still was to be asked for."""
    new.set_state(old.state)  # in charge, or replaced by a handshake that has come between
    new.expire_at = old.expire_at
    if old.name is None or new.suite is None:
        raise AssertionError("%r was never up" % old)
    new.children, old.children = old.children, []
    waiting = [task for task in old.requests.queue if task.child is not None or task is not old.task]
    new.later = [(at, task) for at, task in old.later if task.child is not None or task is not old.task]
    under_way = old.requests.current
    if under_way is not None and under_way.goes_along:  # the old IKE SA may be deleted before it is answered
        waiting.insert(0, under_way)
    new.hints.is_unverified = old.hints.is_unverified
    old.requests.queue = []
    old.later = []
    engine.emit(IkeRekeyed(old.name, old.ike_id, new.ike_id, new.suite))
    for task in waiting:
        engine.start(new, task, now)
