"""Engine: every IKE SA of every connection, driven by datagrams, timers and commands. Contract: firmware/DESIGN.md.

A datagram passes these gates in order, cheap ones first, and each drop is counted by its reason:

    size -> header -> version -> whose SA -> message id -> (SK: integrity) -> payloads -> row -> handler

Nothing that has not passed the integrity check changes anything but counters, except in IKE_SA_INIT, where there is
nothing to check yet: see init.py.
"""
from __future__ import annotations

from isthmus.crypto.prf import sha256
from isthmus.proto.actions import CLOSED, RESPONDER, Failed, PeerSeen, SendDatagram
from isthmus.proto.errors import CriticalPayload, IkeError, InvalidKe, InvalidSyntax, NoProposalChosen, TsUnacceptable
from isthmus.proto.ike2 import (
    crossing,
    endings,
    fragments,
    init,
    mobike,
    nat,
    path,
    rivals,
    strays,
    tasks,
    telling,
    toll,
)
from isthmus.proto.ike2.connection import Retransmit
from isthmus.proto.ike2.connections import Connections
from isthmus.proto.ike2.cookie import Cookies
from isthmus.proto.ike2.counters import Counters
from isthmus.proto.ike2.ike_sa import IkeSa
from isthmus.proto.ike2.incoming import Incoming
from isthmus.proto.ike2.quiet import Quiet
from isthmus.proto.ike2.sa_table import SaTable
from isthmus.proto.ike2.sealing import read_plaintext
from isthmus.proto.ike2.states import AUTH_SENT, DONE, ESTABLISHED, GONE, INIT_ANSWERED, LIVE, PENDING
from isthmus.proto.ike2.tables import REQUEST, RESPONSE, find_row, find_rows
from isthmus.proto.ike2.tasks import Words
from isthmus.proto.ike2.times import LINGER_MS
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader, WireError
from isthmus.wire.ike import (
    FLAG_INITIATOR,
    FLAG_RESPONSE,
    MAJOR_VERSION,
    MAX_MESSAGE,
    NO_SPI,
    Header,
    pull_header,
    pull_payloads,
    push_message,
)
from isthmus.wire.ike_payloads import DeletePayload, NotifyPayload, SkPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.proto.actions import Action
    from isthmus.proto.ike2.connection import Connection
    from isthmus.proto.ike2.tasks import Task
    from isthmus.wire.addr import Endpoint
    from isthmus.wire.ike_payloads import Payload


class Engine:
    """The IKEv2 engine. rng: n -> n random bytes. `now` is always monotonic milliseconds."""

    def __init__(self, rng: Callable[[int], bytes]) -> None:
        self.rng = rng
        self.table = SaTable()
        self.cookies = Cookies(rng)
        self.connections = Connections()
        self._counters = Counters()
        self._actions: list[Action] = []
        self._order = 0
        self.quiet = Quiet()

    # Commands and results

    @property
    def counters(self) -> dict[str, int]:
        """{reason: number of datagrams dropped for it}; always the same reasons."""
        return self._counters.counts

    def set_connection(self, connection: Connection) -> None:
        """Add or replace by name. SAs that are up go on as they were agreed."""
        self.connections.set(connection)

    def remove_connection(self, name: str) -> None:
        """Accept nothing more for this name. Its SAs stay until `delete`."""
        self.connections.remove(name)

    def initiate(self, name: str, now: int) -> None:
        """Start IKE_SA_INIT beside whatever is established; nothing if an own attempt is under way already.

        Raises KeyError for a name that set_connection has not seen.
        """
        for sa in self.table.find_all(name):
            if sa.state in PENDING:
                return
        init.begin(self, self.connections.get(name), now)

    def check_peer(self, name: str, now: int) -> None:
        """Ask the peer of the newest established IKE SA for a sign of life; an unanswered request is one already."""
        established = [sa for sa in self.table.find_all(name) if sa.state == ESTABLISHED]
        if established and not established[-1].requests.is_waiting:
            self.start(established[-1], mobike.Ask(), now)

    def move(self, name: str, local: Endpoint, remote: Endpoint, now: int) -> bool:
        """Go on between these addresses (the ports are the engine's affair), by MOBIKE: PeerMoved when the peer has
        followed. False if it cannot: then only a fresh handshake from there helps.
        """
        established = [sa for sa in self.table.find_all(name) if sa.state == ESTABLISHED]
        if not established or not mobike.can_move(established[-1]):
            return False
        mobike.move(self, established[-1], local, remote, now)
        return True

    def mapped(self, name: str, inbound_spi: bytes, remote: Endpoint, now: int) -> None:
        """The kernel has seen ESP in UDP come from another endpoint: a hint, about which the peer is asked."""
        for sa in self.table.find_all(name):
            if sa.find_inbound(inbound_spi) is not None and nat.get_encap(sa) is not None:
                nat.try_at(self, sa, remote, now)

    def probe_path(self, name: str, size: int, now: int) -> bool:
        """Find out whether an IP datagram of `size` bytes reaches the peer in one piece: PathProbed. False if there is
        nobody to ask; and if the IKE SA ends first, nothing comes.
        """
        established = [sa for sa in self.table.find_all(name) if sa.state == ESTABLISHED]
        if established:
            self.start(established[-1], path.Probe(size), now)
        return bool(established)

    def rekey_child(self, name: str, inbound_spi: bytes, now: int) -> None:
        """Rekey one CHILD SA; nothing if it is not there, or being rekeyed or closed already."""
        from isthmus.proto.ike2 import rekey_child as rekeying  # waiting.py, as below

        for sa in self.table.find_all(name):
            child = sa.find_inbound(inbound_spi)
            if child is not None and sa.state == ESTABLISHED:
                rekeying.begin(self, sa, child, now)

    def rekey_ike(self, name: str, now: int) -> None:
        """Rekey the newest established IKE SA; nothing if there is none, or that is under way already."""
        established = [sa for sa in self.table.find_all(name) if sa.state == ESTABLISHED]
        if established:
            from isthmus.proto.ike2 import rekey_ike as rekeying

            rekeying.begin(self, established[-1], now)

    def delete_child(self, name: str, inbound_spi: bytes, now: int) -> None:
        """DELETE for one CHILD SA, which stays until the peer has answered."""
        for sa in self.table.find_all(name):
            child = sa.find_inbound(inbound_spi)
            if child is not None and sa.state == ESTABLISHED:
                tasks.close_child(self, sa, child, CLOSED, now)

    def delete(self, name: str, now: int, keep: int | None = None) -> None:
        """End every IKE SA and every own attempt of this name but the one whose ike_id is `keep`."""
        for sa in self.table.find_all(name):
            if sa.ike_id == keep:
                continue
            if sa.state in LIVE:
                endings.close(self, sa, now)
            elif sa.state in PENDING:
                crossing.abandon(self, sa, now)

    # Between two Isthmus, inside an IKE SA: see telling.py.
    tell = telling.tell
    tell_newest = telling.tell_newest
    export = telling.export
    close = telling.close

    def take_actions(self) -> list[Action]:
        """What is to be done, in order; they are handed out once."""
        actions, self._actions = self._actions, []
        return actions

    # Time

    def get_timer(self) -> int | None:
        """When handle_timer wants to be called, None if nothing is waiting."""
        earliest: int | None = None
        for sa in self.table.get_all():
            timer = sa.get_timer()
            if timer is not None and (earliest is None or timer < earliest):
                earliest = timer
        return earliest

    def handle_timer(self, now: int) -> None:
        """Repeat what is unanswered, forget what is over. Too early a call does nothing."""
        for sa in self.table.list_all():
            if sa.expire_at is not None and sa.expire_at <= now:
                endings.expire(self, sa)
                continue
            nat.keep_alive(self, sa, now)
            again_at = sa.requests.get_timer()
            if again_at is not None and again_at <= now:
                if sa.requests.is_exhausted():
                    endings.give_up(self, sa)
                elif not init.ask_otherwise(self, sa, now):
                    self.send_request(sa, sa.requests.repeat(now))
                    path.give_up(self, sa)
                    nat.repeat_at_first_ports(self, sa, sa.requests.datagram)
                    strays.act(self, sa, now)
            tasks.resume(self, sa, now)

    # Datagrams

    def receive(self, datagram: bytes, source: Endpoint, destination: Endpoint, now: int) -> None:
        """One datagram from `source`, as it arrived at `destination` (without a non-ESP marker). Never raises for
        what is in it.
        """
        if len(datagram) > MAX_MESSAGE:
            self.count("too-long")
            return
        if not source[1]:  # nobody can be answered there
            self.count("wrong-source")
            return
        try:
            reader = Reader(datagram)
            header, first = pull_header(reader)
            incoming = Incoming(header, datagram, sha256(datagram), source, destination)
            if header.major != MAJOR_VERSION:
                self._refuse_version(incoming, now)
            elif header.spi_i == NO_SPI:
                self.count("zero-spi")
            elif header.exchange == num.IKE_SA_INIT and not header.is_response:
                self._receive_first(incoming, reader, first, now)
            else:
                self._receive_for_sa(incoming, reader, first, now)
        except WireError as error:
            self.count("malformed-" + error.reason)

    def _refuse_version(self, incoming: Incoming, now: int) -> None:
        """RFC 7296 section 2.5: a request of a higher version hears which one we speak; nothing else is answered."""
        if incoming.header.major < MAJOR_VERSION:
            self.count("old-version")
            return
        self.count("new-version")
        if not incoming.header.is_response and self.quiet.may_speak("version", b"", now):
            self.answer_clear(incoming, [NotifyPayload(num.INVALID_MAJOR_VERSION, bytes([MAJOR_VERSION]))])

    def _receive_first(self, incoming: Incoming, reader: Reader, first: int, now: int) -> None:
        """An IKE_SA_INIT request: one that we have answered, or a new one."""
        repeated = self.table.find_repeated(incoming.digest, incoming.source)
        if repeated is not None:
            self.count("repeated")
            if repeated.state == INIT_ANSWERED and incoming.destination == repeated.local:
                self.send(repeated.init_answer, incoming.destination, incoming.source)
            return
        header = incoming.header
        if header.spi_r != NO_SPI or header.message_id or not header.from_initiator:
            self.count("wrong-direction")
            return
        is_expected = self.connections.expects(incoming.destination, incoming.source)
        if is_expected is None:
            self.count("unknown-peer")
            return
        if toll.is_due(self, incoming, is_expected, now):
            return
        incoming.payloads = pull_payloads(reader, first)
        # The SA is nobody's until its handler has made up its mind: a refusal or a cookie leaves nothing behind.
        sa = IkeSa(self.next_order(), RESPONDER, incoming.destination, incoming.source, Retransmit())
        try:
            self._dispatch(sa, incoming, REQUEST, now)
        except IkeError as error:
            self._refuse_first(incoming, error, now)

    def _refuse_first(self, incoming: Incoming, error: IkeError, now: int) -> None:
        if error.notify is None:
            raise error
        self.answer_clear(incoming, [NotifyPayload(error.notify, error.get_notify_data())])
        if not isinstance(error, InvalidKe) and self.quiet.may_speak("report", incoming.source[0], now):
            found = init.find_connections(self, incoming)
            # A stranger's fault is no tunnel's trouble, though its peer may be anywhere.
            is_its_own = len(found) == 1 and found[0].expects(incoming.source[0])
            self.emit(Failed(found[0].name if is_its_own else None, incoming.source, RESPONDER, error))

    def _receive_for_sa(self, incoming: Incoming, reader: Reader, first: int, now: int) -> None:
        """Everything but an IKE_SA_INIT request belongs to an SA that we know."""
        header = incoming.header
        sa = self.table.find(header.spi_r if header.from_initiator else header.spi_i)
        if sa is None:
            self.count("unknown-spi")
            strays.answer(self, incoming, now)
        elif header.from_initiator != (sa.role == RESPONDER):
            self.count("wrong-direction")
        elif not nat.may_come(sa, incoming):
            self.count("wrong-source")
        elif header.exchange == num.IKE_SA_INIT:
            self._receive_init_answer(sa, incoming, reader, first, now)
        elif (header.spi_i, header.spi_r) != rivals.spis_for(sa, incoming):
            self.count("wrong-spi")
        elif header.is_response:
            self._receive_response(sa, incoming, reader, first, now)
        else:
            self._receive_request(sa, incoming, reader, first, now)

    def _receive_init_answer(self, sa: IkeSa, incoming: Incoming, reader: Reader, first: int, now: int) -> None:
        """Nothing here is proved. What fails is remembered for the error text, and the request is repeated."""
        if sa.state not in PENDING or incoming.header.message_id:
            self.count("not-asked")
            return
        if not rivals.is_from_whom_we_asked(sa, incoming):
            self.count("wrong-source")
            return
        incoming.payloads = pull_payloads(reader, first)
        try:
            self._dispatch(sa, incoming, RESPONSE, now)
        except IkeError as error:
            self.count("unproven")
            sa.doubt = error

    def _receive_request(self, sa: IkeSa, incoming: Incoming, reader: Reader, first: int, now: int) -> None:
        header = incoming.header
        repeated = sa.responses.find_repeated(header.message_id, incoming.digest)
        if repeated is not None:
            self.answer_again(sa, incoming, repeated, now)
        elif header.message_id != sa.responses.expected:
            if not fragments.repeat_answer(self, sa, incoming, reader, first, now):
                self.count("message-id")
        elif not find_rows(sa.role, sa.state, header.exchange, REQUEST):
            self.count("not-now")
        else:
            opened = self._open(sa, incoming, reader, first, now)
            if opened is None:
                return
            try:
                incoming.payloads = _read(opened)
                self._dispatch(sa, incoming, REQUEST, now)
            except IkeError as error:
                self._refuse(sa, incoming, error, now)

    def _receive_response(self, sa: IkeSa, incoming: Incoming, reader: Reader, first: int, now: int) -> None:
        header = incoming.header
        if not sa.requests.is_answer(header.exchange, header.message_id):
            self.count("not-asked")
            return
        opened = self._open(sa, incoming, reader, first, now)
        if opened is None:
            return
        sa.requests.finish()
        sa.hints.is_doubted = False
        try:
            incoming.payloads = _read(opened)
            self._dispatch(sa, incoming, RESPONSE, now)
        except IkeError as error:
            if sa.state == AUTH_SENT and not rivals.drop(self, sa, error, now):
                endings.abort(self, sa, error, DeletePayload(num.PROTO_IKE, []), now)
            else:
                endings.break_off(self, sa, error, now)
        self.send_queued(sa, now)

    def _open(
        self, sa: IkeSa, incoming: Incoming, reader: Reader, first: int, now: int
    ) -> tuple[SkPayload, bytes] | None:
        """The SK payload and its plaintext, or None if the message proves nothing, or is not all here yet."""
        clear = pull_payloads(reader, first)
        sk = clear[0] if len(clear) == 1 else None
        if not isinstance(sk, SkPayload) or sa.cipher_in is None:
            self.count("not-encrypted")
            strays.take_hint(sa, incoming, clear)
            return None
        opened = fragments.open_message(self, sa, incoming, sk)
        if opened is None:
            return None
        if sa.is_proven and sa.name is not None:
            self.emit(PeerSeen(sa.name, sa.ike_id))
        nat.follow(self, sa, incoming, now)
        return opened

    def _dispatch(self, sa: IkeSa, incoming: Incoming, kind: str, now: int) -> None:
        """Find the row and run its handler. Raises IkeError where the message must not be."""
        critical = incoming.find_critical()
        if critical is not None:
            raise CriticalPayload("a critical payload of unknown type %d" % critical.type, critical.type)
        rows = find_rows(sa.role, sa.state, incoming.header.exchange, kind)
        row = find_row(rows, incoming)
        if row is None:
            names = [num.name_of(num.PAYLOAD_TYPES, payload.type) for payload in incoming.payloads]
            raise InvalidSyntax(
                "%s %s with payloads %s" % (
                    num.name_of(num.EXCHANGE_TYPES, incoming.header.exchange), kind, ", ".join(names) or "none"
                )
            )
        row.handler(self, sa, incoming, now)
        if sa.state not in row.becomes:
            raise AssertionError("%r after: %s" % (sa, row.story))

    def _refuse(self, sa: IkeSa, incoming: Incoming, error: IkeError, now: int) -> None:
        """Answer a protected request by the notify of its error, and draw the consequence."""
        if error.notify is None:
            raise error
        protocol, spi = error.get_notify_about()
        self.answer(sa, incoming, [NotifyPayload(error.notify, error.get_notify_data(), protocol, spi)])
        if sa.state == ESTABLISHED and sa.name is not None and isinstance(error, (NoProposalChosen, TsUnacceptable)):
            self.emit(Failed(sa.name, sa.remote, RESPONDER, error))
        if sa.state == INIT_ANSWERED:
            if (sa.childless and sa.name is not None) or self.quiet.may_speak("proof", incoming.source[0], now):
                self.emit(Failed(sa.name, sa.remote, RESPONDER, error))
            sa.set_state(DONE)
            sa.expire_at = now + LINGER_MS
        elif isinstance(error, InvalidSyntax):
            endings.break_off(self, sa, error, now)

    # What handlers use

    def next_order(self) -> int:
        """The next number of the one sequence that says which event came first."""
        self._order += 1
        return self._order

    def count(self, reason: str) -> None:
        """One more datagram dropped for this reason."""
        self._counters.count(reason)

    def emit(self, action: Action) -> None:
        """One more thing for the daemon to do."""
        self._actions.append(action)

    def send(
        self, message: bytes | tuple[bytes, ...], source: Endpoint, destination: Endpoint, probe: bool = False
    ) -> None:
        """One message to send: a datagram, or all of its parts."""
        for datagram in (message,) if isinstance(message, bytes) else message:
            self.emit(SendDatagram(datagram, source, destination, probe))

    def make_child_spi(self) -> bytes:
        """A random ESP SPI that is neither reserved nor in use by a CHILD SA of ours."""
        return self.table.make_child_spi(self.rng)

    def request(self, sa: IkeSa, exchange: int, payloads: list[Payload], now: int) -> None:
        """Send a protected request now, or when the one under way is answered."""
        self.start(sa, Words(exchange, payloads), now)

    def start(self, sa: IkeSa, task: Task, now: int) -> None:
        """The same for a request that is made only when it is sent."""
        sa.requests.queue.append(task)
        self.send_queued(sa, now)

    def send_queued(self, sa: IkeSa, now: int) -> None:
        """The next request, if none is under way."""
        while sa.state != GONE and sa.requests.queue and not sa.requests.is_waiting:
            task = sa.requests.queue.pop(0)
            payloads = task.make(self, sa)
            if payloads is None:
                continue
            message_id = sa.requests.next_id
            datagram = sa.seal(task.exchange, message_id, False, payloads, task.is_whole)
            sa.requests.start(task.exchange, message_id, datagram, now)
            sa.requests.task = task
            self.send_request(sa, datagram)

    def send_request(self, sa: IkeSa, datagram: tuple[bytes, ...]) -> None:
        """The request that awaits its answer goes to where the peer is, and to where it may be."""
        self.send(datagram, sa.local, sa.remote, path.is_probing(sa.requests))
        if sa.hints.trial is not None:
            self.send(datagram, sa.local, sa.hints.trial)

    def answer(self, sa: IkeSa, incoming: Incoming, payloads: list[Payload]) -> None:
        """Answer a protected request, to where it came from (RFC 7296 2.11), and keep the answer for a repetition."""
        header = incoming.header
        datagram = sa.seal(header.exchange, header.message_id, True, payloads)
        sa.responses.record(incoming.digest, datagram)
        self.send(datagram, incoming.destination, incoming.source)

    def answer_again(self, sa: IkeSa, incoming: Incoming, answer: tuple[bytes, ...], now: int) -> None:
        """The last request has come again, and so goes the answer to it."""
        self.count("repeated")
        # A peer that moves repeats its request from there; copies of it do not make us speak to all the world.
        if incoming.source[0] == sa.remote[0] or sa.hints.quiet.may_speak("elsewhere", incoming.source[0], now):
            self.send(answer, incoming.destination, incoming.source)
        nat.settle(self, sa, incoming, now)

    def answer_clear(self, incoming: Incoming, payloads: list[Payload]) -> None:
        """Answer without an SA. Never more bytes than were received: the source may be somebody else's address."""
        header = incoming.header
        flags = FLAG_RESPONSE | (0 if header.from_initiator else FLAG_INITIATOR)
        answer = push_message(Header(header.spi_i, header.spi_r, header.exchange, flags, header.message_id), payloads)
        if len(answer) > len(incoming.datagram):
            self.count("no-amplification")
            return
        self.send(answer, incoming.destination, incoming.source)

    def forget(self, sa: IkeSa) -> None:
        """Nothing is left of this SA."""
        self.table.remove(sa)
        sa.clear()


def _read(opened: tuple[SkPayload, bytes]) -> list[Payload]:
    """The payloads of an opened SK. Raises InvalidSyntax: whoever sealed this is to blame for what is in it."""
    try:
        return read_plaintext(opened[0], opened[1])
    except WireError as error:
        raise InvalidSyntax("malformed payloads inside SK: %s" % error) from error
