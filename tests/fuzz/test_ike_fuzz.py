"""IKE under fire. The invariant: whatever bytes arrive, in whatever state, `receive` returns; what is kept stays
bounded; an SA that was up is still up afterwards; and a good peer still gets in.
"""

from __future__ import annotations

import random
import unittest

from isthmus.proto import actions
from isthmus.proto.ike2.counters import DROP_REASONS
from isthmus.proto.ike2.sa_table import MAX_HALF_OPEN
from isthmus.wire import ike_numbers as num
from isthmus.wire.identity import Identity
from isthmus.wire.ike_payloads import DeletePayload, NoncePayload, NotifyPayload, SaPayload, TsPayload
from tests.core.ike_pair import IKE, NAME, A, B, Pair, Side, agreed, make_connection
from tests.core.ike_pairing import make_pairing
from tests.core.ike_tamper import open_up, reseal_bytes
from tests.counts import cases

MODP = "aes128-sha256-prfsha256-modp2048"
CBC = "aes256-sha256-prfsha256-x25519"
MASKS = (0x01, 0x80, 0xFF)
REST = 30  # SAs that a side may keep beside half-open ones: its own, replaced, lingering


def up_to(deliveries, ike_a=IKE, ike_b=IKE):
    """A pair after so many deliveries of a handshake; the next datagram is in flight."""
    pair = Pair(0, make_connection("A", ike_a), make_connection("B", ike_b))
    pair.initiate()
    for _ in range(deliveries):
        pair.deliver()
    return pair


def established(say, deliveries=0):
    """An established pair in which A has said something; `say` gets engine and SA."""
    pair = up_to(0).connect()
    pair.flight = []
    say(pair.a.engine, pair.a.engine.table.list_all()[0], pair)
    pair.collect()
    for _ in range(deliveries):
        pair.deliver()
    return pair


def ask(engine, _sa, pair):
    engine.check_peer(NAME, pair.now)


def delete_child(engine, sa, pair):
    engine.request(sa, num.INFORMATIONAL, [DeletePayload(num.PROTO_ESP, [sa.children[0].inbound_spi])], pair.now)


def delete_ike(engine, _sa, pair):
    engine.delete(NAME, pair.now)


def new_child(engine, sa, pair):
    selector = sa.connection.ts_local
    payloads = [
        SaPayload([]),
        NoncePayload(bytes(32)),
        TsPayload(num.TSI, [selector]),
        TsPayload(num.TSR, [selector]),
    ]
    auth = open_up_payloads()
    payloads[0] = next(payload for payload in auth if payload.type == num.SA)
    engine.request(sa, num.CREATE_CHILD_SA, payloads, pair.now)


def move(engine, _sa, pair):
    engine.move(NAME, A, B, pair.now)


def probe(engine, _sa, pair):
    engine.probe_path(NAME, 160, pair.now)


def tell(engine, _sa, pair):
    engine.tell_newest(NAME, b"a word of some length", pair.now)


def pairing(deliveries):
    """The same as up_to for a pairing, which has no CHILD SA."""
    pair = Pair(0, make_pairing("A"), make_pairing("B"))
    pair.initiate()
    for _ in range(deliveries):
        pair.deliver()
    return pair


def verify(engine, sa, pair):
    prohibition = NotifyPayload(num.NO_NATS_ALLOWED, A[0] + B[0] + bytes([1, 244, 1, 244]))
    engine.request(sa, num.INFORMATIONAL, [NotifyPayload(num.COOKIE2, bytes(16)), prohibition], pair.now)


def open_up_payloads():
    from isthmus.wire.buffer import Reader
    from isthmus.wire.ike import pull_payloads

    pair = up_to(2)
    _, inner, chain = open_up(pair.a, pair.flight[0].data)
    return pull_payloads(Reader(chain), inner)


# Every message type: how to have one in flight.
MESSAGES = {
    "IKE_SA_INIT request": lambda: up_to(0),
    "IKE_SA_INIT request, CBC and MODP": lambda: up_to(0, MODP, MODP),
    "IKE_SA_INIT answer": lambda: up_to(1),
    "IKE_SA_INIT refusal, group": lambda: up_to(1, f"{IKE} {MODP}", MODP),
    "IKE_SA_INIT refusal, proposal": lambda: up_to(1, IKE, MODP),
    "IKE_AUTH request": lambda: up_to(2),
    "IKE_AUTH request, CBC": lambda: up_to(2, CBC, CBC),
    "IKE_AUTH answer": lambda: up_to(3),
    "IKE_AUTH answer, CBC": lambda: up_to(3, CBC, CBC),
    "INFORMATIONAL request, empty": lambda: established(ask),
    "INFORMATIONAL answer, empty": lambda: established(ask, 1),
    "DELETE of a CHILD SA": lambda: established(delete_child),
    "DELETE of a CHILD SA, answer": lambda: established(delete_child, 1),
    "DELETE of the IKE SA": lambda: established(delete_ike),
    "DELETE of the IKE SA, answer": lambda: established(delete_ike, 1),
    "UPDATE_SA_ADDRESSES": lambda: established(move),
    "UPDATE_SA_ADDRESSES, answer": lambda: established(move, 1),
    "path probe": lambda: established(probe),
    "ISTHMUS_PAIR": lambda: established(tell),
    "ISTHMUS_PAIR, answer": lambda: established(tell, 1),
    "pairing, IKE_AUTH request": lambda: pairing(2),
    "pairing, IKE_AUTH answer": lambda: pairing(3),
    "COOKIE2": lambda: established(verify),
    "COOKIE2, answer": lambda: established(verify, 1),
    "CREATE_CHILD_SA request": lambda: established(new_child),
    "CREATE_CHILD_SA answer": lambda: established(new_child, 1),
}
PROTECTED = [name for name in MESSAGES if not name.startswith("IKE_SA_INIT")]


def variants(data):
    """The bytes cut at every length, and with every byte changed in several ways."""
    for length in range(len(data)):
        yield data[:length]
    for at in range(len(data)):
        for mask in MASKS:
            yield data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


class Storm(unittest.TestCase):
    def check_bounds(self, side):
        engine = side.engine
        self.assertLessEqual(engine.table.count_half_open(), MAX_HALF_OPEN)
        self.assertLessEqual(len(engine.table), MAX_HALF_OPEN + REST)
        self.assertEqual(set(engine.counters), set(DROP_REASONS))
        for sa in engine.table.list_all():
            self.assertLessEqual(len(sa.requests.queue), 4)

    def check_good_peer_gets_in(self, pair, why):
        pair.flight = []
        pair.wait(120_000)
        pair.a.engine.set_connection(make_connection("A"))
        pair.b.engine.set_connection(make_connection("B"))
        pair.connect()
        pair.wait(120_000)
        self.assertTrue(agreed(pair), why)
        self.check_bounds(pair.a)
        self.check_bounds(pair.b)


class EveryMessage(Storm):
    """Each message type truncated at every length and with every byte mutated."""

    def test_outside(self):
        # Protected messages and requests go to one pair, which must not notice; an answer to IKE_SA_INIT, which
        # proves nothing and may be believed when mutated, gets a fresh pair each time.
        for name, make in MESSAGES.items():
            with self.subTest(name):
                pair = make()
                action = pair.flight[0]
                before = (pair.a.children().keys(), pair.b.children().keys())
                for data in variants(action.data):
                    if name.startswith("IKE_SA_INIT answer"):
                        pair = make()
                    side = pair.side_at(action.destination)
                    side.engine.receive(data, action.source, action.destination, pair.now)
                    self.check_bounds(side)
                    side.collect()
                if name in PROTECTED:
                    self.assertEqual((pair.a.children().keys(), pair.b.children().keys()), before)
                    pair.transfer()  # and the true one still counts
                    if name.startswith("IKE_AUTH"):
                        self.assertTrue(agreed(pair))
                self.check_good_peer_gets_in(pair, name)

    def test_inside(self):
        # Sealed again with the right keys: the sender has proved himself and sends nonsense.
        for name in PROTECTED:
            with self.subTest(name):
                pair = MESSAGES[name]()
                sender = pair.side_at(pair.flight[0].source)
                _, inner, chain = open_up(sender, pair.flight[0].data)
                for index, data in enumerate(variants(chain)):
                    if index % cases(7, 1):
                        continue
                    pair = MESSAGES[name]()
                    sender = pair.side_at(pair.flight[0].source)
                    pair.flight[0].data = reseal_bytes(sender, pair.flight[0].data, inner, data)
                    pair.transfer()
                    self.check_good_peer_gets_in(pair, (name, data.hex()))

    def test_every_inner_type(self):
        for name in PROTECTED:
            for inner in range(0, 256, cases(5, 1)):
                pair = MESSAGES[name]()
                sender = pair.side_at(pair.flight[0].source)
                _, _, chain = open_up(sender, pair.flight[0].data)
                pair.flight[0].data = reseal_bytes(sender, pair.flight[0].data, inner, chain)
                pair.transfer()
                self.check_good_peer_gets_in(pair, (name, inner))


def mutate(chance, data, others):
    """A few random changes, of the kinds that have broken IKE programs: bits, lengths, cuts, joins, repetitions."""
    data = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(8)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = chance.choice((0, 1, 3, 4, 0x7F, 0x80, 0xFE, 0xFF))
        elif kind == 2 and at + 2 <= len(data):
            length = chance.choice((0, 1, 3, 4, 8, len(data), 0x7FFF, 0xFFFF))
            data[at : at + 2] = length.to_bytes(2, "big")
        elif kind == 3:
            del data[at:]
        elif kind == 4:
            data[at:at] = chance.randbytes(chance.randrange(1, 40))
        elif kind == 5:
            del data[at : at + chance.randrange(1, 20)]
        elif kind == 6:
            other = chance.choice(others)
            start = chance.randrange(len(other))
            data[at:at] = other[start : start + chance.randrange(1, 60)]
        else:
            data[at:at] = data[at : at + chance.randrange(1, 30)]
    if chance.randrange(4) and len(data) >= 28:
        data[24:28] = len(data).to_bytes(4, "big")  # most should get past the first gate
    return bytes(data)


class Random(Storm):
    def setUp(self):
        self.chance = random.Random(20)
        # Not the seed of MESSAGES: with the same keys their DELETE would be a true one.
        self.pair = Pair("storm").connect()
        # Carol has a tunnel with B too, and its keys, and no good will.
        self.carol_at = (bytes([203, 0, 113, 5]), 500)
        carol_id = Identity(2, b"carol.example")
        self.pair.b.engine.set_connection(
            make_connection("B", name="carol", remote=self.carol_at, remote_id=carol_id)
        )
        self.carol_connection = make_connection("A", local=self.carol_at, local_id=carol_id)
        self.corpus = []
        for make in MESSAGES.values():
            self.corpus.append(make().flight[0].data)
        self.corpus += [action.data for action in self.pair.a.of(actions.SendDatagram)]
        self.corpus += [action.data for action in self.pair.b.of(actions.SendDatagram)]

    def fresh_start(self):
        """An IKE_SA_INIT request that passes every gate of its header."""
        data = bytearray(self.corpus[self.chance.randrange(2)])
        data[0:8] = self.chance.randbytes(8)
        return bytes(data)

    def carol(self, number):
        """Carol goes through IKE_SA_INIT properly and then sends nonsense under the right keys."""
        side = Side(self.carol_at, self.carol_connection, f"carol {number}")
        engine = self.pair.b.engine
        side.engine.initiate(NAME, self.pair.now)
        how_far = self.chance.randrange(2)
        for step in range(8):
            sent = side.collect()
            if not sent:
                return
            data = sent[-1].data
            if data[18] != num.IKE_SA_INIT and step >= how_far:
                _, inner, chain = open_up(side, data)
                data = reseal_bytes(side, data, inner, mutate(self.chance, chain, self.corpus) if chain else b"\x00")
            engine.receive(data, self.carol_at, B, self.pair.now)
            for answer in self.pair.b.collect():
                if answer.destination == self.carol_at:
                    side.engine.receive(answer.data, B, self.carol_at, self.pair.now)
            if side.states() == ["established"]:
                side.engine.check_peer(NAME, self.pair.now)

    def test_storm(self):
        pair, chance = self.pair, self.chance
        old = pair.a.of(actions.IkeUp)[0].ike_id
        count = cases(4000, 200_000)
        for number in range(count):
            if number % 50 == 0:
                self.carol(number)
            base = self.fresh_start() if chance.randrange(4) == 0 else chance.choice(self.corpus)
            data = mutate(chance, base, self.corpus) if chance.randrange(20) else base
            if chance.randrange(2):
                pair.b.engine.receive(data, chance.choice((A, self.carol_at)), B, pair.now)
            else:
                pair.a.engine.receive(data, B, A, pair.now)
            for side in (pair.a, pair.b):
                side.engine.take_actions()
            if number % 500 == 0:
                self.check_bounds(pair.a)
                self.check_bounds(pair.b)
                pair.now += chance.randrange(3000)
                for side in (pair.a, pair.b):
                    side.engine.handle_timer(pair.now)
        self.assertGreater(sum(pair.b.engine.counters.values()), count // 4)
        # The SA that was up is still up, and lives.
        seen = len(pair.a.of(actions.PeerSeen))
        for side in (pair.a, pair.b):
            side.engine.check_peer(NAME, pair.now)
        pair.transfer()
        self.assertGreater(len(pair.a.of(actions.PeerSeen)), seen)
        self.assertEqual([sa.state for sa in pair.a.engine.table.find_all(NAME) if sa.ike_id == old], ["established"])
        self.assertTrue(agreed(pair))
        self.check_good_peer_gets_in(pair, "after the storm")
