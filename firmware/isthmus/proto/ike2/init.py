"""IKE_SA_INIT: algorithms, keys, and nothing that can be trusted yet. RFC 7296 sections 1.2, 2.6, 2.7 and 2.14.

Until IKE_AUTH anybody on the way can answer for the peer. So an initiator believes no bad news here: it remembers the
last one for its error text and goes on asking (RFC 7296 section 2.21.1). It does what COOKIE and INVALID_KE_PAYLOAD ask
for, a few times, because that costs nothing, and still takes the answer to what it asked with another group before; and
it gives up for NO_PROPOSAL_CHOSEN, which asking again would not change, but only if no better answer comes in a while.
"""
from __future__ import annotations

from isthmus.crypto.prf import sha256
from isthmus.proto.actions import BEET, INITIATOR
from isthmus.proto.errors import (
    IkeError,
    InvalidKe,
    InvalidSyntax,
    NoPairing,
    NoProposalChosen,
    PeerRefused,
    PpkMismatch,
)
from isthmus.proto.ike2 import auth, childless, fragments, ke, link, mobike, nat, ppk, proposals, rivals
from isthmus.proto.ike2.ike_sa import IkeSa
from isthmus.proto.ike2.keys import derive_ike_keys
from isthmus.proto.ike2.states import AUTH_SENT, INIT_ANSWERED, INIT_SENT, NONE
from isthmus.proto.ike2.times import HALF_OPEN_MS, REFUSED_MS
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike import NO_SPI, push_message
from isthmus.wire.ike_payloads import KePayload, NoncePayload, NotifyPayload, SaPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.suites import Suite
    from isthmus.proto.ike2.connection import Connection
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.ike_payloads import Payload

COOKIE_MAX = 64  # RFC 7296 2.6
MAX_WISHES = 4  # how many COOKIE and INVALID_KE_PAYLOAD one attempt obeys


AFTER_REQUEST = (NONE, INIT_ANSWERED)
AFTER_ANSWER = (AUTH_SENT,)
AFTER_NOTIFY = (INIT_SENT,)


def begin(engine: Engine, connection: Connection, now: int, is_patient: bool = False) -> IkeSa:
    """Start as initiator. The connection says where its peer is. is_patient: see receive_notify."""
    if connection.remote is None:
        raise AssertionError("nobody knows where the peer of '%s' is" % connection.name)
    sa = IkeSa(engine.next_order(), INITIATOR, connection.local, connection.remote, connection.retransmit)
    sa.connection = connection
    sa.childless = connection.pairing
    sa.is_patient = is_patient
    sa.spi_i = engine.table.make_spi(engine.rng)
    sa.nonce_i = engine.rng(ke.NONCE_BYTES)
    _take_suite(engine, sa, connection.ike_proposals[0])
    sa.set_state(INIT_SENT)
    engine.table.add(sa)
    _send_request(engine, sa, connection, now)
    return sa


def _take_suite(engine: Engine, sa: IkeSa, suite: Suite) -> None:
    """Ask with this suite's group. A group that was asked with before keeps its key pair: the request is the same."""
    group = ke.group_of(suite)
    sa.suite = suite
    sa.key_pair = sa.asked[group.id][0] if group.id in sa.asked else group.make(engine.rng)


def _send_request(engine: Engine, sa: IkeSa, connection: Connection, now: int) -> None:
    payloads: list[Payload] = []
    if sa.cookie:
        payloads.append(NotifyPayload(num.COOKIE, sa.cookie))
    payloads.append(SaPayload(proposals.make_offer(connection.ike_proposals, num.PROTO_IKE, b"")))
    public = ke.make_ke(sa.suite, sa.key_pair)
    payloads.append(public)
    payloads.append(NoncePayload(sa.nonce_i))
    payloads.extend(nat.make_hashes(sa.spi_i, NO_SPI, sa.local, sa.remote, connection.force_encap))
    payloads.extend(fragments.make_notify(connection))
    payloads.extend(ppk.make_use([connection]))
    payloads.extend(childless.make_notify(sa))
    if connection.mode == BEET:
        payloads.append(link.make_vendor())
    sa.init_request = push_message(sa.make_header(num.IKE_SA_INIT, 0, False), payloads)
    if sa.key_pair is not None:
        sa.asked[public.group] = (sa.key_pair, sa.init_request)
    sa.requests.start(num.IKE_SA_INIT, 0, (sa.init_request,), now)
    engine.send(sa.init_request, sa.local, sa.remote)


def _derive(engine: Engine, sa: IkeSa, suite: Suite, secret: bytearray) -> None:
    sa.suite = suite
    sa.set_keys(derive_ike_keys(suite, secret, sa.nonce_i, sa.nonce_r, sa.spi_i, sa.spi_r), engine.rng)


# Initiator


def receive_answer(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """The responder's choice, key and nonce: go on to IKE_AUTH."""
    connection = sa.connection
    if connection is None or sa.suite is None:
        raise AssertionError("%r began without a connection" % sa)
    if incoming.header.spi_r == NO_SPI:
        raise InvalidSyntax("the peer's answer has no SPI")
    suite, _ = proposals.check_choice(
        connection.ike_proposals, incoming.get(num.SA, SaPayload).proposals, num.PROTO_IKE
    )
    theirs = incoming.get(num.KE, KePayload)
    if theirs.group != ke.group_of(suite).id or theirs.group not in sa.asked:
        raise InvalidSyntax("the peer's key is for another group than %s" % suite)
    key_pair, request = sa.asked[theirs.group]
    try:
        childless.check_answer(sa, incoming)
        ppk.check_answer(connection, incoming)
    except (PpkMismatch, NoPairing) as error:
        _wait_for_better(sa, error, now)
        raise
    secret = ke.compute_secret(key_pair, theirs)
    # Nothing is taken over before all of it has been found good.
    sa.spi_r = incoming.header.spi_r
    sa.nonce_r = incoming.get(num.NONCE, NoncePayload).data
    _derive(engine, sa, suite, secret)
    sa.init_request = request
    sa.expire_at = None
    sa.init_answer = incoming.datagram
    sa.peer_is_isthmus = link.is_isthmus(incoming)
    sa.requests.finish()
    sa.fragments.agreed = bool(connection.fragment) and fragments.is_offered(incoming)
    sa.uses_ppk = connection.ppk is not None and ppk.is_offered(incoming)
    nat.read_hashes(sa.nat, incoming)
    sa.nat.forced = connection.force_encap
    nat.float_ports(sa, mobike.is_floating(connection))
    auth.send_request(engine, sa, now)


def receive_another(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """One more answer: it is taken in hand, and the one before it waits. Raises IkeError, and nothing has changed."""
    connection = sa.connection
    before = rivals.make_way(sa, incoming, connection.retransmit) if connection is not None else None
    if before is None:
        engine.count("not-asked")
        return
    try:
        receive_answer(engine, sa, incoming, now)
    except IkeError:
        before.put_in_hand(sa)
        sa.expire_at, sa.refusal = None, None
        raise
    sa.rivals.append(before)


def ask_otherwise(engine: Engine, sa: IkeSa, now: int) -> bool:
    """A request is due for repetition. True if another one was sent: with a cookie that the peer has wished for."""
    if sa.state == INIT_SENT:
        return obey_cookie(engine, sa, now)
    rivals.take_turns(sa)
    return False


def receive_notify(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """A wish (COOKIE, INVALID_KE_PAYLOAD), or bad news.

    A cookie of somebody in between, obeyed at once, would spoil the proof: the peer answers what we asked first, and
    we prove what we asked last. The answer does not say which it is to. So an attempt that has failed like that is
    begun again (receive_disbelief), with patience: the cookie waits until the request would have been repeated anyhow.
    """
    connection = sa.connection
    if connection is None:
        raise AssertionError("%r began without a connection" % sa)
    wish = incoming.find_notify(num.COOKIE)
    if wish is not None:
        if 1 <= len(wish.data) <= COOKIE_MAX and wish.data != sa.cookie and _may_obey(sa):
            sa.wished_cookie = wish.data
            if not sa.is_patient:
                obey_cookie(engine, sa, now)
        return
    notify = incoming.find_error()
    if notify is None:
        return
    if notify.notify == num.INVALID_KE_PAYLOAD:
        _use_other_group(engine, sa, connection, notify.data, now)
    elif notify.notify == num.NO_PROPOSAL_CHOSEN:
        error = NoProposalChosen("peer refuses every ike proposal; this side offers %s" % _list(connection))
        error.by_peer = True
        engine.count("unproven")
        _wait_for_better(sa, error, now)
    else:
        raise PeerRefused("the peer answers %s" % num.name_of(num.NOTIFY_TYPES, notify.notify), notify.notify)


def _wait_for_better(sa: IkeSa, error: IkeError, now: int) -> None:
    """Bad news that asking again would not change ends the attempt, unless a better answer comes in a while."""
    if sa.refusal is None:
        sa.refusal = error
        sa.expire_at = now + REFUSED_MS


def obey_cookie(engine: Engine, sa: IkeSa, now: int) -> bool:
    """Ask again with the cookie that the peer wants. False if there is none that has not been sent yet."""
    if not sa.wished_cookie or sa.connection is None:
        return False
    sa.cookie, sa.wished_cookie = sa.wished_cookie, b""
    _send_request(engine, sa, sa.connection, now)
    return True


def receive_disbelief(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """IKE_AUTH is refused. If our proof may have been about the wrong request, ask once more.

    Whoever refuses has answered IKE_SA_INIT, and may be anybody: other answers are tried before that.
    """
    notify = incoming.find_error()
    if sa.connection is not None and rivals.drop(engine, sa, auth.read_refusal(sa.connection, notify), now):
        return
    failed = notify is not None and notify.notify == num.AUTHENTICATION_FAILED
    if failed and sa.cookie and not sa.is_patient and sa.connection is not None:
        engine.forget(sa)
        begin(engine, sa.connection, now, is_patient=True)
    else:
        auth.receive_refusal(engine, sa, incoming, now)


def _use_other_group(engine: Engine, sa: IkeSa, connection: Connection, data: bytes, now: int) -> None:
    group = int.from_bytes(data, "big") if len(data) == 2 else num.NO_GROUP
    if sa.suite is None:
        raise AssertionError("%r began without a suite" % sa)
    if group != ke.group_of(sa.suite).id:
        for suite in connection.ike_proposals:
            if ke.group_of(suite).id == group and _may_obey(sa):
                _take_suite(engine, sa, suite)
                _send_request(engine, sa, connection, now)
                return
    raise InvalidKe(
        "the peer wants group %s; this side offers %s"
        % (num.name_of(num.GROUP_IDS, group).lower(), _list(connection)),
        group,
    )


def _may_obey(sa: IkeSa) -> bool:
    """True MAX_WISHES times for one attempt: some of the wishes may be forged, but not all of a peer's are."""
    sa.wishes += 1
    return sa.wishes <= MAX_WISHES


def _list(connection: Connection) -> str:
    return ", ".join([str(suite) for suite in connection.ike_proposals])


# Responder


def answer_request(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """Somebody begins, and has paid if he must (toll.py): our choice, key and nonce."""
    nonce_i = incoming.get(num.NONCE, NoncePayload).data
    sa.childless = childless.is_announced(incoming)
    connections = find_connections(engine, incoming)
    if not connections:
        engine.count("unknown-peer")
        return
    suites = _merge_suites(connections)
    suite, chosen = proposals.choose(suites, incoming.get(num.SA, SaPayload).proposals, num.PROTO_IKE)
    theirs = incoming.get(num.KE, KePayload)
    if theirs.group != ke.group_of(suite).id:
        raise InvalidKe("%s is chosen, and the key is for group %d" % (suite, theirs.group), ke.group_of(suite).id)
    sa.is_expected = [row for row in connections if row.expects(sa.remote[0])] != []
    if not engine.table.make_room(now, engine.forget, sa.is_expected):
        engine.count("busy")  # the initiator asks again
        return
    sa.connection = None
    sa.spi_i = incoming.header.spi_i
    sa.spi_r = engine.table.make_spi(engine.rng)
    sa.nonce_i = sa.begun_nonce = nonce_i
    sa.nonce_r = engine.rng(ke.NONCE_BYTES)
    sa.suite = suite
    sa.key_pair = ke.group_of(suite).make(engine.rng)
    payloads: list[Payload] = [SaPayload([chosen]), ke.make_ke(sa.suite, sa.key_pair), NoncePayload(sa.nonce_r)]
    nat.read_hashes(sa.nat, incoming)
    if sa.nat.is_understood:
        # Whose tunnel it is shows only later: the stricter wish decides, since UDP works wherever ESP does.
        sa.nat.forced = any(connection.force_encap for connection in connections)
        payloads.extend(nat.make_hashes(sa.spi_i, sa.spi_r, sa.local, sa.remote, sa.nat.forced))
    # Whose tunnel it is shows only later: its own limit counts then, and none may be none.
    cutting = [connection for connection in connections if connection.fragment]
    if cutting and fragments.is_offered(incoming):
        sa.fragments.agreed = True
        payloads.extend(fragments.make_notify(cutting[0]))
    if ppk.is_offered(incoming):
        use = ppk.make_use(connections)
        sa.uses_ppk = bool(use)
        payloads.extend(use)
    payloads.extend(childless.make_notify(sa))
    sa.peer_is_isthmus = link.is_isthmus(incoming)
    if sa.peer_is_isthmus:
        payloads.append(link.make_vendor())
    _derive(engine, sa, suite, ke.compute_secret(sa.key_pair, theirs))
    sa.init_request = incoming.datagram
    sa.init_digest = sha256(incoming.datagram)
    sa.init_answer = push_message(sa.make_header(num.IKE_SA_INIT, 0, True), payloads)
    sa.expire_at = now + HALF_OPEN_MS
    sa.set_state(INIT_ANSWERED)
    engine.table.add(sa)
    engine.send(sa.init_answer, sa.local, sa.remote)


def find_connections(engine: Engine, incoming: Incoming) -> list[Connection]:
    """Whose peer may begin like this, from there."""
    return engine.connections.find(incoming.destination, incoming.source, childless.is_announced(incoming))


def _merge_suites(connections: list[Connection]) -> list[Suite]:
    """Every suite that one of these allows: which connection it is shows only in IKE_AUTH, which checks again."""
    suites: list[Suite] = []
    for connection in connections:
        for suite in connection.ike_proposals:
            if suite not in suites:
                suites.append(suite)
    return suites
