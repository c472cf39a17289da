"""IKE_AUTH: both prove who they are with the pre-shared key, and agree on the first CHILD SA. RFC 7296 1.2, 2.15."""
from __future__ import annotations

from isthmus.crypto.prf import is_equal
from isthmus.proto.actions import INITIATOR, RESPONDER, ChildUp, Failed, IkeUp, InstallSa
from isthmus.proto.errors import (
    AuthMethod,
    CrossedAttempt,
    IdentityMismatch,
    IkeError,
    InvalidSyntax,
    NoProposalChosen,
    PeerRefused,
    PskMismatch,
    TsUnacceptable,
)
from isthmus.proto.ike2 import child, crossing, endings, link, mobike, nat, pfs, ppk, rivals
from isthmus.proto.ike2.keys import compute_psk_auth, prf_of
from isthmus.proto.ike2.states import AUTH_SENT, CLOSING, DONE, ESTABLISHED, GONE
from isthmus.proto.ike2.times import LINGER_MS
from isthmus.wire import ike_numbers as num
from isthmus.wire.addr import format_endpoint
from isthmus.wire.ike_payloads import (
    AuthPayload,
    DeletePayload,
    IdPayload,
    NotifyPayload,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from isthmus.proto.actions import SaSpec
    from isthmus.proto.ike2.connection import Connection
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.ike_payloads import Payload


SHOWN = 8  # values in one sentence
PSK_OR_PPK = "enter the same psk, ppk and ppk_id on both sides; local_id and remote_id must be crosswise equal"

AFTER_REQUEST = (ESTABLISHED, DONE)
AFTER_ANSWER = (ESTABLISHED, CLOSING, GONE, AUTH_SENT)  # the last: another answer is asked (rivals.py)
AFTER_UNWANTED = (CLOSING, GONE)


def compute_auth(
    sa: IkeSa, connection: Connection, signer: str, id_payload: IdPayload, is_plain: bool = False
) -> bytes:
    """What the AUTH payload of one side must hold. signer: INITIATOR or RESPONDER. is_plain: without the PPK."""
    if sa.keys is None:
        raise AssertionError("%r has no keys" % sa)
    message, peer_nonce = (
        (sa.init_request, sa.nonce_r) if signer == INITIATOR else (sa.init_answer, sa.nonce_i)
    )
    sk_p = sa.keys.get_proof(signer == INITIATOR, is_plain)
    return compute_psk_auth(prf_of(sa.suite), connection.psk, message, peer_nonce, sk_p, id_payload.get_body())


def check_method(id_payload: IdPayload, auth: AuthPayload) -> None:
    """Raises AuthMethod unless the peer proves itself by a pre-shared key."""
    if auth.method != num.SHARED_KEY_MIC:
        raise AuthMethod(
            "%s authenticates by %s; only a pre-shared key is allowed"
            % (id_payload.identity, num.name_of(num.AUTH_METHODS, auth.method))
        )


def is_proof(sa: IkeSa, connection: Connection, signer: str, id_payload: IdPayload, auth: AuthPayload) -> bool:
    """True if the peer's proof is the one that this connection's key gives."""
    return is_equal(auth.data, compute_auth(sa, connection, signer, id_payload))


def _differing_keys(connection: Connection) -> PskMismatch:
    keys = "pre-shared keys" if connection.ppk is None else "pre-shared keys or the ppks"
    return PskMismatch(
        "tunnel '%s': the %s of the two sides differ, or %s and %s are mixed up with another tunnel"
        % (connection.name, keys, connection.local_id, connection.remote_id),
        "" if connection.ppk is None else PSK_OR_PPK,
    )


# Initiator


def send_request(engine: Engine, sa: IkeSa, now: int) -> None:
    """IDi, IDr, AUTH, and the CHILD SA we want."""
    connection = _connection_of(sa)
    our_id = IdPayload(num.IDI, connection.local_id)
    ppk.begin(sa, connection)
    payloads: list[Payload] = [
        our_id,
        IdPayload(num.IDR, connection.remote_id),
        AuthPayload(num.SHARED_KEY_MIC, compute_auth(sa, connection, INITIATOR, our_id)),
    ]
    payloads.extend(ppk.make_identity(sa, connection, _computer(sa, connection, our_id)))
    if not connection.pairing:
        payloads.extend(_make_wish(engine, sa, connection))
    sa.set_state(AUTH_SENT)
    engine.request(sa, num.IKE_AUTH, payloads, now)


def _make_wish(engine: Engine, sa: IkeSa, connection: Connection) -> list[Payload]:
    """The CHILD SA that we want, and all that is said of it."""
    sa.child_spi = engine.make_child_spi()
    payloads: list[Payload] = link.make_link(connection) if sa.peer_is_isthmus else []
    payloads.extend(pfs.make_words(sa, connection))
    payloads.extend(mobike.make_notify(connection))
    suites = child.without_groups(connection.esp_proposals)
    payloads.extend(child.make_offer(sa, connection, suites, sa.child_spi))
    return payloads


def receive_answer(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """The responder's proof, and the CHILD SA as it wants it."""
    connection = _connection_of(sa)
    if connection.pairing:
        raise InvalidSyntax("tunnel '%s': the peer answers with a CHILD SA that nobody asked for" % connection.name)
    if not accept_responder(engine, sa, connection, incoming, now):
        return
    sa.mobike = mobike.is_agreed(connection, incoming)
    nat.take_ports(sa, connection, incoming)
    try:
        link.check_link(connection, incoming)
        pfs.check_words(connection, incoming)
        suites = child.without_groups(connection.esp_proposals)
        terms = child.check_choice(engine, sa, connection, suites, incoming)
    except IkeError as error:
        # The peer has the IKE SA by now, and perhaps the CHILD SA: it must hear that we do not want it.
        endings.abort(engine, sa, error, DeletePayload(num.PROTO_IKE, []), now)
        return
    inbound, outbound = child.add(sa, connection, terms, sa.child_spi, sa.nonce_i, sa.nonce_r)
    sa.child_spi = b""
    engine.emit(InstallSa(connection.name, sa.ike_id, inbound))
    _come_up_with(engine, sa, connection, inbound, outbound, now)


def receive_childless(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """The responder proves itself and refuses the CHILD SA: say why, and take the IKE SA down again."""
    connection = _connection_of(sa)
    if not accept_responder(engine, sa, connection, incoming, now):
        return
    error: IkeError
    try:
        link.check_link(connection, incoming)
        pfs.check_words(connection, incoming)
        error = read_refusal(connection, incoming.find_error())
    except IkeError as mismatch:
        error = mismatch
    endings.abort(engine, sa, error, DeletePayload(num.PROTO_IKE, []), now)


def receive_refusal(engine: Engine, sa: IkeSa, incoming: Incoming, _now: int) -> None:
    """The responder does not believe us, or does not want us now."""
    connection = _connection_of(sa)
    notify = incoming.find_error()
    if notify is not None and notify.notify == num.NO_PROPOSAL_CHOSEN:
        # Said instead of a proof, this is about the IKE SA (RFC 7296 section 2.21.2).
        error = NoProposalChosen(
            "tunnel '%s': the peer refuses ike proposal %s for this tunnel, and allows it for another"
            % (connection.name, sa.suite)
        )
        error.by_peer = True
        endings.fail(engine, sa, error)
        return
    endings.fail(engine, sa, read_refusal(connection, notify))


def receive_unwanted(engine: Engine, sa: IkeSa, _incoming: Incoming, now: int) -> None:
    """Our abandoned attempt has made an SA at the peer: undo it."""
    endings.request_close(engine, sa, DeletePayload(num.PROTO_IKE, []), now)


def receive_unwanted_refusal(engine: Engine, sa: IkeSa, _incoming: Incoming, _now: int) -> None:
    """Our abandoned attempt has come to nothing, as it should."""
    engine.forget(sa)


def accept_responder(engine: Engine, sa: IkeSa, connection: Connection, incoming: Incoming, now: int) -> bool:
    """True if the responder is who it should be; otherwise the attempt has ended (RFC 7296 section 2.21.2)."""
    their_id = incoming.get(num.IDR, IdPayload)
    try:
        if their_id.identity != connection.remote_id:
            raise IdentityMismatch(
                "tunnel '%s': the peer is %s; remote_id here is %s"
                % (connection.name, their_id.identity, connection.remote_id)
            )
        auth = incoming.get(num.AUTH, AuthPayload)
        check_method(their_id, auth)
        ppk.settle(sa, connection, incoming)
        if not is_proof(sa, connection, RESPONDER, their_id, auth):
            raise _differing_keys(connection)
    except IkeError as error:
        if not rivals.drop(engine, sa, error, now):
            endings.abort(engine, sa, error, NotifyPayload(num.AUTHENTICATION_FAILED), now)
        return False
    return True


def read_refusal(connection: Connection, notify: NotifyPayload | None) -> IkeError:
    """The error behind an error notify in an IKE_AUTH answer."""
    error: IkeError
    refused = notify.notify if notify is not None else 0
    if refused == num.AUTHENTICATION_FAILED:
        error = PskMismatch(
            "tunnel '%s': the peer refuses identity %s, or its %s differs from ours"
            % (connection.name, connection.local_id, "pre-shared key or ppk" if connection.ppk else "pre-shared key"),
            "" if connection.ppk is None else PSK_OR_PPK,
        )
    elif refused == num.NO_PROPOSAL_CHOSEN:
        error = NoProposalChosen(
            "tunnel '%s': the peer refuses every esp proposal; this side offers %s"
            % (connection.name, ", ".join([str(suite) for suite in connection.esp_proposals]))
        )
    elif refused == num.TS_UNACCEPTABLE:
        error = TsUnacceptable(
            "tunnel '%s': the peer refuses the selectors %s to %s"
            % (connection.name, connection.ts_local, connection.ts_remote)
        )
    elif notify is None:
        error = PeerRefused("tunnel '%s': the peer refuses and does not say why" % connection.name, refused)
    elif refused == num.TEMPORARY_FAILURE:
        error = CrossedAttempt("tunnel '%s': the peer has begun too, and its attempt goes first" % connection.name)
    else:
        error = PeerRefused(
            "tunnel '%s': the peer refuses with %s" % (connection.name, num.name_of(num.NOTIFY_TYPES, refused)),
            refused,
        )
    error.by_peer = True
    return error


# Responder


def answer_request(engine: Engine, sa: IkeSa, incoming: Incoming, now: int) -> None:
    """The initiator's proof, and the CHILD SA it wants."""
    if sa.childless:
        raise InvalidSyntax("the peer wants a CHILD SA, and has said in IKE_SA_INIT that it wants none")
    connection, used = hear_initiator(engine, sa, incoming)
    # From here on the peer is known: what it hears now it hears from somebody who has proved himself, too.
    crossing.check(engine, sa, connection)
    proof = make_proof(sa, connection, used)
    if sa.peer_is_isthmus:
        proof.extend(link.make_link(connection))
    proof.extend(pfs.make_words(sa, connection))
    sa.mobike = mobike.is_agreed(connection, incoming)
    if sa.mobike:
        proof.extend(mobike.make_notify(connection))
    try:
        mobike.check_prohibition(incoming)
        link.check_link(connection, incoming)
        pfs.check_words(connection, incoming)
        suites = child.without_groups(connection.esp_proposals)
        terms = child.choose(engine, sa, connection, suites, incoming, RESPONDER)
    except IkeError as error:
        if error.notify is None:
            raise AssertionError("%r cannot be told to the peer" % error) from error
        proof.append(NotifyPayload(error.notify, error.get_notify_data()))
        engine.answer(sa, incoming, proof)
        engine.emit(Failed(connection.name, sa.remote, RESPONDER, error))
        sa.set_state(DONE)
        sa.expire_at = now + LINGER_MS
        return
    inbound, outbound = child.add(sa, connection, terms, engine.make_child_spi(), sa.nonce_i, sa.nonce_r)
    engine.emit(InstallSa(connection.name, sa.ike_id, inbound))
    proof.extend(child.make_answer(terms, inbound.spi))
    engine.answer(sa, incoming, proof)
    crossing.give_up_own(engine, connection, now)
    _come_up_with(engine, sa, connection, inbound, outbound, now)


def hear_initiator(engine: Engine, sa: IkeSa, incoming: Incoming) -> tuple[Connection, str | None]:
    """Whose attempt it is, from now on findable by its name, and how the peer has proved itself (ppk.WITH_PPK). Raises
    IdentityMismatch and what _choose_connection raises.
    """
    their_id = incoming.get(num.IDI, IdPayload)
    candidates = _find_connections(engine, sa, their_id, incoming.find(num.IDR, IdPayload))
    sa.connection = candidates[0]  # whose trouble it is if none of them fits
    connection, used = _choose_connection(sa, candidates, their_id, incoming)
    sa.connection = connection
    engine.table.add(sa)
    sa.requests.retransmit = connection.retransmit
    sa.local, sa.remote = incoming.destination, incoming.source
    sa.hints.is_new_place = True
    return connection, used


def make_proof(sa: IkeSa, connection: Connection, used: str | None) -> list[Payload]:
    """IDr, AUTH, and that the PPK is one of the keys."""
    our_id = IdPayload(num.IDR, connection.local_id)
    key_named = ppk.accept(sa, connection, used)
    proof: list[Payload] = [
        our_id,
        AuthPayload(num.SHARED_KEY_MIC, compute_auth(sa, connection, RESPONDER, our_id)),
    ]
    return proof + key_named


def refuse_eap(_engine: Engine, _sa: IkeSa, incoming: Incoming, _now: int) -> None:
    """There is no EAP here."""
    raise AuthMethod("%s wants EAP; only a pre-shared key is allowed" % incoming.get(num.IDI, IdPayload).identity)


def _find_connections(
    engine: Engine, sa: IkeSa, their_id: IdPayload, our_id: IdPayload | None
) -> list[Connection]:
    """Whose attempt this may be, by both identities; at least one. Raises IdentityMismatch."""
    connections = engine.connections.find(sa.local, sa.remote, sa.childless)
    known = [connection for connection in connections if connection.remote_id == their_id.identity]
    if not known:
        raise IdentityMismatch(
            "the peer at %s says it is %s; from there this side expects %s"
            % (
                format_endpoint(sa.remote),
                their_id.identity,
                _list([connection.remote_id for connection in connections]),
            )
        )
    wanted = [connection for connection in known if our_id is None or connection.local_id == our_id.identity]
    if not wanted:
        raise IdentityMismatch(
            "%s expects %s here; this side is %s"
            % (
                their_id.identity,
                our_id.identity if our_id is not None else "nobody",
                _list([connection.local_id for connection in known]),
            )
        )
    return wanted


def _choose_connection(
    sa: IkeSa, candidates: list[Connection], their_id: IdPayload, incoming: Incoming
) -> tuple[Connection, str]:
    """The one whose keys prove the peer and whose link it announces: identities may be shared by several tunnels; and
    whether the PPK is one of these keys (ppk.WITH_PPK).

    Where keys are being renewed, both sets count. Raises AuthMethod, PpkMismatch or PskMismatch, and for a proven peer
    NoProposalChosen.
    """
    auth = incoming.get(num.AUTH, AuthPayload)
    check_method(their_id, auth)
    candidates = candidates + [connection.under_also() for connection in candidates if connection.also is not None]
    proven: list[tuple[Connection, str]] = []
    for connection in candidates:
        how = ppk.prove(sa, connection, auth.data, incoming, _computer(sa, connection, their_id))
        if how is not None:
            proven.append((connection, how))
    if not proven:
        for connection in candidates:
            error = ppk.explain(sa, connection, auth.data, incoming, _computer(sa, connection, their_id))
            if error is not None:
                raise error
        raise _differing_keys(candidates[0])
    fitting = [row for row in proven if link.fits(row[0], incoming)] or proven
    for connection, how in fitting:
        if sa.suite in connection.ike_proposals:
            return connection, how
    first = fitting[0][0]
    raise NoProposalChosen(
        "%s came with ike proposal %s; tunnel '%s' allows %s"
        % (their_id.identity, sa.suite, first.name, _list(first.ike_proposals))
    )


def _computer(sa: IkeSa, connection: Connection, id_i: IdPayload) -> Callable[[bool], bytes]:
    """is_plain -> the initiator's proof as this connection's keys give it."""
    return lambda is_plain: compute_auth(sa, connection, INITIATOR, id_i, is_plain)


def _list(values: Sequence[object]) -> str:
    shown = [str(value) for value in values[:SHOWN]]
    if len(values) > SHOWN:
        shown.append("%d more" % (len(values) - SHOWN))
    return ", ".join(shown) or "nobody"


# Both


def _connection_of(sa: IkeSa) -> Connection:
    if sa.connection is None:
        raise AssertionError("%r belongs to no connection" % sa)
    return sa.connection


def come_up(engine: Engine, sa: IkeSa, connection: Connection, now: int) -> None:
    """The IKE SA is established."""
    if sa.suite is None:
        raise AssertionError("%r has no suite" % sa)
    sa.set_established(engine.next_order())
    nat.start_keepalive(sa, engine.rng, now)
    named = connection.ppk.id if sa.uses_ppk and connection.ppk is not None else b""
    known = (sa.peer_is_isthmus, sa.nat.name, sa.mobike, sa.uses_ppk, named)
    engine.emit(IkeUp(connection.name, sa.ike_id, sa.role, sa.suite, *known))


def _come_up_with(
    engine: Engine, sa: IkeSa, connection: Connection, inbound: SaSpec, outbound: SaSpec, now: int
) -> None:
    """The same with its first CHILD SA."""
    come_up(engine, sa, connection, now)
    engine.emit(ChildUp(connection.name, sa.ike_id, sa.role, inbound, outbound))
    crossing.take_over(engine, sa, now)
    pfs.try_early(engine, sa, connection, now)
