"""How an IKE SA ends, one function for each occasion. Nobody else emits ChildGone, IkeGone or our own Failed."""
from __future__ import annotations

from isthmus.proto.actions import CLOSED, DEAD, INITIATOR, REPLACED, ChildGone, Failed, IkeGone
from isthmus.proto.errors import HalfAnswered, PeerDead, Unreachable
from isthmus.proto.ike2 import succession
from isthmus.proto.ike2.states import AUTH_SENT, CLOSING, DONE, ESTABLISHED, INIT_SENT, LIVE, REKEYED
from isthmus.proto.ike2.states import REPLACED as STATE_REPLACED
from isthmus.proto.ike2.times import LINGER_MS
from isthmus.wire import ike_numbers as num
from isthmus.wire.addr import format_endpoint
from isthmus.wire.ike_payloads import DeletePayload

MAX_LEFT_OVER = 8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.errors import IsthmusError
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import ChildSa, IkeSa
    from isthmus.wire.ike_payloads import Payload


def fail(engine: Engine, sa: IkeSa, error: IsthmusError) -> None:
    """Our own attempt has ended, and the peer knows or need not know."""
    engine.emit(Failed(sa.name, sa.remote, INITIATOR, error))
    engine.forget(sa)


def abort(engine: Engine, sa: IkeSa, error: IsthmusError, word: Payload, now: int) -> None:
    """Our own attempt has ended, and the peer, which has an SA by now, hears `word` about it."""
    engine.emit(Failed(sa.name, sa.remote, INITIATOR, error))
    request_close(engine, sa, word, now)


def close(engine: Engine, sa: IkeSa, now: int) -> None:
    """We want this established SA no more: DELETE, and it is gone for the tunnel at once."""
    was_live = sa.state in LIVE
    if sa.heir is not None:
        close(engine, sa.heir, now)
    _unlink(sa)
    request_close(engine, sa, DeletePayload(num.PROTO_IKE, []), now)
    if was_live:
        _report(engine, sa, CLOSED, None)


def part(engine: Engine, sa: IkeSa) -> None:
    """Our DELETE for this established SA, which has no CHILD SA, goes out now: nothing may be asked for behind it."""
    sa.set_state(CLOSING)
    sa.expire_at = None
    sa.requests.queue = []
    sa.later = []
    _report(engine, sa, CLOSED, None)


def request_close(engine: Engine, sa: IkeSa, word: Payload, now: int) -> None:
    """Send our last request; the SA is kept until it is answered or its tries are over."""
    sa.set_state(CLOSING)
    sa.expire_at = None
    sa.requests.queue = []
    sa.later = []
    engine.request(sa, num.INFORMATIONAL, [word], now)


def end(engine: Engine, sa: IkeSa, reason: str, error: IsthmusError | None, now: int) -> None:
    """The peer's request has ended this SA: only our answer to it is kept a while, in case it was lost.

    What is over already stays so: nobody prolongs it by ending it again.
    """
    if sa.state == DONE:
        return
    if sa.heir is not None:  # the peer has had no answer to wait for: its own new IKE SA is the one
        succession.settle(engine, sa.heir, now)
    _unlink(sa)
    if sa.state in LIVE:
        _report(engine, sa, reason, error)
    sa.requests.finish()
    sa.requests.queue = []
    sa.later = []
    sa.set_state(DONE)
    sa.expire_at = now + LINGER_MS


def drop_child(engine: Engine, sa: IkeSa, child: ChildSa, reason: str) -> None:
    """One CHILD SA alone has ended."""
    sa.children.remove(child)
    if sa.name is not None:
        engine.emit(ChildGone(sa.name, sa.ike_id, child.inbound_spi, child.outbound_spi, reason))


def _unlink(sa: IkeSa) -> None:
    """An heir that ends is nobody's heir any more."""
    if sa.parent is not None:
        sa.parent.heir = None
        sa.parent = None


def _report(engine: Engine, sa: IkeSa, reason: str, error: IsthmusError | None) -> None:
    for child in list(sa.children):
        drop_child(engine, sa, child, reason)
    if sa.name is not None:
        engine.emit(IkeGone(sa.name, sa.ike_id, error))


def give_up(engine: Engine, sa: IkeSa) -> None:
    """A request of ours has been sent as often as allowed, in vain."""
    where = format_endpoint(sa.remote)
    if sa.state == INIT_SENT and sa.refusal is not None:
        fail(engine, sa, sa.refusal)
    elif sa.state == INIT_SENT:
        message = "no answer from %s" % where
        if sa.doubt is not None:
            message = "no usable answer from %s; the last one, which proves nothing, was: %s" % (where, sa.doubt)
        fail(engine, sa, Unreachable(message))
    elif sa.state == AUTH_SENT:
        message = "the peer answered IKE_SA_INIT, and then not IKE_AUTH at %s" % where
        if sa.doubt is not None:
            message = "%s; another answer, which proves nothing, came to: %s" % (message, sa.doubt)
        fail(engine, sa, HalfAnswered(message))
    else:
        lose(engine, sa, PeerDead("%s has stopped answering" % where))


def lose(engine: Engine, sa: IkeSa, error: IsthmusError) -> None:
    """The peer no longer has this SA: nothing is owed to it."""
    if sa.heir is not None:
        engine.forget(sa.heir)
        sa.heir = None
    if sa.state in LIVE:
        _report(engine, sa, DEAD, error)
    engine.forget(sa)


def expire(engine: Engine, sa: IkeSa) -> None:
    """The time of this SA is over, as was settled when it got its present state."""
    if sa.state == INIT_SENT and sa.refusal is not None:
        fail(engine, sa, sa.refusal)
        return
    if sa.state == STATE_REPLACED:
        _report(engine, sa, REPLACED, None)
    if sa.heir is not None:
        engine.forget(sa.heir)
    _unlink(sa)
    engine.forget(sa)


def bound(engine: Engine, sa: IkeSa) -> None:
    """A peer that renews again and again and never deletes leaves no more than MAX_LEFT_OVER SAs of a tunnel behind."""
    if sa.name is not None:
        over = (STATE_REPLACED, REKEYED, DONE)
        left_over = [other for other in engine.table.find_all(sa.name) if other.state in over]
        for other in left_over[:-MAX_LEFT_OVER]:
            expire(engine, other)


def break_off(engine: Engine, sa: IkeSa, error: IsthmusError, now: int) -> None:
    """The peer has said what no peer says: the established SA is not to be trusted (RFC 7296 section 2.21.3)."""
    if sa.state in (ESTABLISHED, STATE_REPLACED, CLOSING):
        end(engine, sa, DEAD, error, now)
