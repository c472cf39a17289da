"""Somebody sits on the path between two sites: he sees, injects, replays, reorders, and floods IKE_SA_INIT.

The invariant: whatever he does with 10,000 datagrams a second, the tunnel that is up answers every question and keeps
its CHILD SA, the engine's memory stays where it was, and a good peer gets in, from an address of its own and from the
very address that floods. He cannot keep a datagram from arriving: that is in the hands of the road alone.
"""

from __future__ import annotations

import gc
import heapq
import itertools
import random
import tracemalloc
import types
import unittest

from isthmus.proto import actions
from isthmus.proto.ike2.engine import Engine
from isthmus.proto.ike2.sa_table import MAX_HALF_OPEN
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader, WireError
from isthmus.wire.identity import Identity
from isthmus.wire.ike import pull_message, push_message
from isthmus.wire.ike_payloads import NotifyPayload
from tests.core.attacks.scenes import fresh_request
from tests.core.ike_pair import NAME, A, B, Side, make_connection
from tests.counts import cases

DELAY_MS = 10
FLOOD_PER_MS = 10  # 10,000 a second
PAID_PER_S = 500  # cookies that he sees and sends back: each costs the responder a Diffie-Hellman
QUESTION_MS = 50
PEERS = 16

FLEETING = (actions.SendDatagram, actions.PeerSeen, actions.Failed)


def weigh(engine):
    """How many objects hang on an engine: lists, dictionaries, values, bytes; no classes, modules and functions."""
    code = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType)
    seen, todo, count = set(), [engine], 0
    while todo:
        found = todo.pop()
        if id(found) in seen or isinstance(found, code):
            continue
        seen.add(id(found))
        count += 1
        todo.extend(gc.get_referents(found))
    return count


def peer_at(number):
    """Endpoint of one of the many configured peers; any of them can be forged."""
    return (bytes([203, 0, 113, number + 1]), 500)


class Road:
    """Sides joined by a road with a delay, virtual milliseconds, and the attacker on it."""

    def __init__(self, seed):
        self.now = 1000
        self.chance = random.Random(seed)
        self.sides = {}
        self.agenda = []
        self.number = itertools.count()
        self.seen = []  # the last datagrams that crossed, as the attacker recorded them
        self.flood = fresh_request("flood of %s" % seed)
        self.flooded = 0
        self.hit = 0
        self.credit = 0.0

    def add(self, side):
        self.sides[side.endpoint[0]] = side
        return side

    def put(self, delay, data, source, destination):
        heapq.heappush(self.agenda, (self.now + delay, next(self.number), data, source, destination))

    def collect(self):
        for side in list(self.sides.values()):
            for sent in side.collect():
                self.seen.append(sent)
                self.put(DELAY_MS, sent.data, sent.source, sent.destination)
                self.pay(sent)
        del self.seen[:-400]

    def arrive(self, data, source, destination):
        side = self.sides.get(destination[0])
        if side is not None:
            side.engine.receive(data, source, destination, self.now)

    # The attacker

    def pay(self, sent):
        """He sees every cookie, and pays with some of them in the name of whom they were meant for."""
        if self.credit < 1 or len(sent.data) > 100:
            return
        try:
            message = pull_message(Reader(sent.data))
        except WireError:
            return
        first = message.payloads[0] if message.payloads else None
        if not isinstance(first, NotifyPayload) or first.notify != num.COOKIE or message.header.spi_i[:2] != b"fl":
            return
        self.credit -= 1
        begun = pull_message(Reader(message.header.spi_i + self.flood[8:]))
        paid = push_message(begun.header, [first] + begun.payloads)
        self.put(1, paid, sent.destination, sent.source)

    def attack(self):
        """What he does in one millisecond."""
        chance = self.chance
        self.credit = min(50.0, self.credit + PAID_PER_S / 1000)
        for _ in range(FLOOD_PER_MS):
            self.flooded += 1
            data = b"fl" + self.flooded.to_bytes(6, "big") + self.flood[8:]
            kind = self.flooded % 4
            if kind == 0:
                source = (chance.randbytes(4), chance.randrange(1, 65536))
            elif kind == 1:
                source = (A[0], chance.choice((500, chance.randrange(1, 65536))))
            else:
                source = peer_at(chance.randrange(PEERS))
            self.arrive(data, source, B)
        for _ in range(3):
            if self.seen:
                self.inject(chance.choice(self.seen))

    def inject(self, old):
        """A datagram that he has seen: again, changed, from elsewhere, backwards, or later than its successors."""
        chance = self.chance
        data, source, destination = old.data, old.source, old.destination
        kind = chance.randrange(6)
        if kind == 0:
            data = bytearray(data)
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            data = bytes(data)
        elif kind == 1:
            source, destination = destination, source
        elif kind == 2:
            source = (source[0], chance.randrange(1, 65536))
        elif kind == 3:
            source = (chance.randbytes(4), 500)
        elif kind == 4:
            data = data[: chance.randrange(len(data) + 1)]
        self.put(chance.randrange(200), data, source, destination)
        self.hit += 1

    # Time

    def run(self, milliseconds, each=None, under_attack=True):
        end = self.now + milliseconds
        while self.now < end:
            self.now += 1
            while self.agenda and self.agenda[0][0] <= self.now:
                _, _, data, source, destination = heapq.heappop(self.agenda)
                self.arrive(data, source, destination)
            if under_attack:
                self.attack()
            if each is not None:
                each()
            for side in list(self.sides.values()):
                timer = side.engine.get_timer()
                if timer is not None and timer <= self.now:
                    side.engine.handle_timer(self.now)
            self.collect()
            for side in self.sides.values():
                side.done = [action for action in side.done if not isinstance(action, FLEETING)]


class Tunnel:
    """A and B with their tunnel up. Each asks the other all the time; what is not answered in time is counted."""

    def __init__(self, test, road):
        self.test, self.road = test, road
        self.a = road.add(Side(A, make_connection("A"), "a"))
        self.b = road.add(Side(B, make_connection("B"), "b"))
        for number in range(PEERS):
            self.b.engine.set_connection(
                make_connection(
                    "B", name="peer %d" % number, remote=peer_at(number), remote_id=Identity(2, b"peer%d" % number)
                )
            )
        self.b.engine.set_connection(
            make_connection("B", name="anywhere", remote=None, remote_id=Identity(2, b"peer99"))
        )
        self.a.engine.initiate(NAME, road.now)
        road.collect()
        road.run(500, under_attack=False)
        self.spis = self.list_spis()
        test.assertEqual(len(self.spis), 2)
        self.slowest = 0
        self.asked = 0

    def list_spis(self):
        return [
            child.inbound_spi
            for side in (self.a, self.b)
            for sa in side.engine.table.find_all(NAME)
            if sa.state == "established"
            for child in sa.children
        ]

    def each(self):
        """Ask, and see that nothing has been said about our SAs. A question under way is not asked again."""
        if self.road.now % QUESTION_MS == 0:
            for side in (self.a, self.b):
                side.engine.check_peer(NAME, self.road.now)
                self.asked += 1
        for side in (self.a, self.b):
            sa = next(sa for sa in side.engine.table.find_all(NAME) if sa.state == "established")
            if sa.requests.is_waiting:
                side.waiting_since = getattr(side, "waiting_since", None) or self.road.now
                self.slowest = max(self.slowest, self.road.now - side.waiting_since)
            else:
                side.waiting_since = None

    def check(self):
        self.test.assertEqual(self.list_spis(), self.spis)
        for side in (self.a, self.b):
            for kind in (actions.ChildGone, actions.IkeGone):
                gone = [action for action in side.done if isinstance(action, kind) and action.name == NAME]
                self.test.assertEqual(gone, [])
        # No question had to be asked twice: the first repetition comes after 500 ms.
        self.test.assertLess(self.slowest, 4 * DELAY_MS + 10)
        self.test.assertGreater(self.asked, 5)


class OnPath(unittest.TestCase):
    def setUp(self):
        self.road = Road(8)
        self.tunnel = Tunnel(self, self.road)

    def newcomer(self, endpoint, number):
        """A peer that is configured and has a good key; its tunnel is to come up during the attack."""
        connection = make_connection(
            "A", name=NAME, local=endpoint, local_id=Identity(2, b"peer%d" % number)
        )
        side = self.road.add(Side(endpoint, connection, "newcomer %d" % number))
        side.engine.initiate(NAME, self.road.now)
        self.road.collect()
        return side

    def until_up(self, side, limit):
        begun = self.road.now
        while side.states() != ["established"]:
            self.road.run(20, self.tunnel.each)
            if not side.engine.table.find_all(NAME):
                side.engine.initiate(NAME, self.road.now)
                self.road.collect()
            self.assertLess(self.road.now - begun, limit, (side.states(), side.of(actions.Failed)))
        return self.road.now - begun

    def test_tunnel_memory_and_newcomers(self):
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.setUp()
        road, tunnel = self.road, self.tunnel
        while tunnel.b.engine.table.count_half_open() < MAX_HALF_OPEN:
            road.run(50, tunnel.each)  # the table fills to its bound
        gc.collect()
        objects = weigh(tunnel.b.engine)
        before = tracemalloc.get_traced_memory()[0]
        road.run(cases(300, 5000), tunnel.each)
        self.assertLessEqual(tunnel.b.engine.table.count_half_open(), MAX_HALF_OPEN)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        self.assertLess(grown, 150_000, "bytes, with what the road itself keeps")
        self.assertLess(weigh(tunnel.b.engine), objects * 3 // 2 + 500)
        tunnel.check()
        # Peers with a good key, from addresses that are being forged all the time.
        self.until_up(self.newcomer(peer_at(3), 3), 5000)
        # And one that nobody expects at his address, where strangers from everywhere crowd in beside him.
        self.until_up(self.newcomer((bytes([192, 88, 99, 5]), 500), 99), 20_000)
        tunnel.check()

    def test_the_peer_itself_begins_again(self):
        # A restarts during the attack: its fresh handshake comes from the address that is forged most, and replaces
        # the old SA as soon as it has proved itself.
        road = self.road
        road.run(200, self.tunnel.each)
        again = Side(A, make_connection("A"), "a after its restart")
        road.sides[A[0]] = again
        again.engine.initiate(NAME, road.now)
        road.collect()
        begun = road.now
        while again.states() != ["established"]:
            road.run(20)
            self.assertLess(road.now - begun, 5000, again.states())
        self.assertIn("established", [sa.state for sa in self.tunnel.b.engine.table.find_all(NAME)])

    def test_afterwards_nothing_is_left(self):
        self.road.run(cases(200, 2000), self.tunnel.each)
        self.road.agenda.clear()
        self.road.run(100, under_attack=False)
        for _ in range(70):  # seconds
            self.road.now += 1000
            for side in self.road.sides.values():
                side.engine.handle_timer(self.road.now)
            self.road.collect()
            self.road.run(60, under_attack=False)
        self.assertEqual(self.tunnel.b.engine.table.count_half_open(), 0)
        self.assertEqual(len(self.tunnel.b.engine.table), 1)
        self.tunnel.check()


class Counting(unittest.TestCase):
    def test_weigh_sees_what_is_kept(self):
        engine = Engine(random.Random(1).randbytes)
        before = weigh(engine)
        engine.heap = [[number] for number in range(100_000, 101_000)]
        self.assertGreater(weigh(engine), before + 1900)
