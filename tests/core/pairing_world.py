"""Two desks in memory, and between them an IKE that is what pairing needs of one: keys that fit make an SA; messages
arrive once and in order or the SA ends, and a deed under the new keys proves an entry.

A thief is a Side like any other whose owner is the test.
"""

from __future__ import annotations

from isthmus.crypto.prf import sha256
from isthmus.proto.pairing.desk import Desk
from isthmus.proto.pairing.values import REQUIRED, Lan, Place
from isthmus.wire.addr import parse_prefix

WALL = 1_790_000_000
HERE = [("192.0.2.1", 500)]


def make_rng(seed):
    """A random source that repeats itself."""
    state = [0]

    def rng(count):
        out = b""
        while len(out) < count:
            state[0] += 1
            out += sha256(("%s %d" % (seed, state[0])).encode())
        return out[:count]

    return rng


class Chance:
    """Numbers by chance, the same on each interpreter."""

    def __init__(self, seed):
        self.rng = make_rng(seed)

    def below(self, limit):
        return int.from_bytes(self.rng(4), "big") % limit


def lans(*texts):
    return [Lan(parse_prefix(text), parse_prefix(text)) for text in texts]


def make_place(name, *networks, used=(), mtu=1500, capabilities=REQUIRED):
    site = sha256(b"site " + name.encode())[:16]
    nets = lans(*(networks or ("192.168.1.0/24",)))
    return Place(name, site, nets, [parse_prefix(text) for text in used], capabilities, mtu, [], {})


class Side:
    """One site: its desk, and what that has had done. start: its monotonic clock at the world's 0; wall: its own."""

    def __init__(self, place, seed, start=0, wall=WALL):
        self.place = place
        self.desk = Desk(make_rng(seed), place)
        self.start = start
        self.wall = wall
        self.listens = {}
        self.calls = {}
        self.views = {}
        self.ended = {}
        self.entries = {}  # pairing: [entry, is_confirmed, is_proven]
        self.peak = 0  # the most unconfirmed entries there ever were


class Sa:
    """An IKE SA: whose two ends, the messages under way, and which ends still believe in it."""

    def __init__(self, number, caller, caller_pairing, answerer, answerer_pairing):
        self.number = number
        self.ends = [(caller, caller_pairing), (answerer, answerer_pairing)]
        self.flight = []  # (end that it goes to, data)
        self.alive = [True, True]
        self.closing = [False, False]


class World:
    """Sites, and what is between them. `log`: each step of the network, for tests that break off at one."""

    def __init__(self, *sides):
        self.sides = list(sides)
        self.now = 0
        self.sas = []
        self.log = []
        self.cut_at = None  # number of the step that does not happen any more
        self.cut_after = False  # it happens, and nothing after it
        self.count = 0
        self.seed = "ike"
        self.tamper = None  # tamper(sa, end, data) -> data

    # Time

    def clock(self, side):
        return side.start + self.now

    def pass_ms(self, milliseconds):
        self.now += milliseconds
        for side in self.sides:
            side.desk.handle_timer(self.clock(side))
            self.obey(side)

    # Administrators

    def invite(self, side):
        pairing, invite = side.desk.invite(HERE, self.clock(side), side.wall)
        self.obey(side)
        return pairing, invite

    def accept(self, side, text):
        pairing, _ = side.desk.accept(text, self.clock(side), side.wall)
        self.obey(side)
        return pairing

    def approve(self, side, pairing, tunnel="peer"):
        side.desk.approve(pairing, side.views[pairing].words, tunnel, self.clock(side))
        self.obey(side)

    def cancel(self, side, pairing):
        side.desk.cancel(pairing, self.clock(side))
        self.obey(side)

    # The network

    def step(self, name):
        """True if the network still does this."""
        self.log.append(name)
        self.count += 1
        if self.cut_at is None or self.count < self.cut_at:
            return True
        return self.cut_after and self.count == self.cut_at

    def connect(self, caller, pairing, answerer):
        """IKE_SA_INIT and IKE_AUTH. The SA, or None if nobody there has such keys."""
        keys = caller.calls[pairing].keys
        for number in answerer.listens:
            theirs = answerer.listens[number].keys
            if theirs.inviter_id != keys.inviter_id:
                continue
            if (theirs.psk, theirs.ppk, theirs.joiner_id) != (keys.psk, keys.ppk, keys.joiner_id):
                answerer.desk.disbelieved(number, self.clock(answerer))
                self.obey(answerer)
                return None
            return self.make_sa(caller, pairing, answerer, number)
        return None

    def make_sa(self, caller, pairing, answerer, number, exporter=None):
        sa = Sa(len(self.sas) + 1, caller, pairing, answerer, number)
        self.sas.append(sa)
        exporter = exporter or sha256(("%s %d" % (self.seed, sa.number)).encode())
        if not self.step("IKE_AUTH"):
            sa.alive = [False, False]
            return sa
        answerer.desk.authenticated(number, sa.number, exporter, "", self.clock(answerer))
        self.obey(answerer)
        if not self.step("IKE_AUTH answer"):
            sa.alive[0] = False
            return sa
        caller.desk.authenticated(pairing, sa.number, exporter, "", self.clock(caller))
        self.obey(caller)
        return sa

    def run(self):
        """Deliver until nothing moves."""
        moved = True
        while moved:
            moved = False
            for sa in list(self.sas):
                while sa.flight:
                    moved = True
                    self.deliver(sa)
                for end in (0, 1):
                    if sa.closing[end]:
                        self.end_sa(sa, end)

    def deliver(self, sa):
        end, data = sa.flight.pop(0)
        if self.step("%d" % data[1]) and sa.alive[end]:
            side, _ = sa.ends[end]
            if self.tamper is not None:
                data = self.tamper(sa, end, data)
            side.desk.receive(sa.number, data, self.clock(side))
            self.obey(side)

    def end_sa(self, sa, end):
        """One end deletes it; the other hears that, unless the network is cut."""
        sa.closing[end] = False
        sa.alive[end] = False
        if self.cut_at is None or self.count < self.cut_at:
            self.lose(sa, 1 - end)

    def lose(self, sa, end):
        if sa.alive[end]:
            sa.alive[end] = False
            side, _ = sa.ends[end]
            side.desk.lost(sa.number, self.clock(side))
            self.obey(side)

    def lose_all(self):
        """Both ends find out that the SAs have ended."""
        for sa in self.sas:
            sa.flight = []
            for end in (0, 1):
                self.lose(sa, end)

    def prove(self, caller, answerer):
        """IKE_AUTH under the new keys, if both have an entry with them. True if it came through."""
        for ours in list(caller.entries):
            for theirs in list(answerer.entries):
                one, two = caller.entries[ours][0], answerer.entries[theirs][0]
                if not fit(one, two) or not self.step("tunnel IKE_AUTH"):
                    continue
                answerer.desk.proven(theirs, self.clock(answerer))
                self.obey(answerer)
                if not self.step("tunnel IKE_AUTH answer"):
                    return False
                caller.desk.proven(ours, self.clock(caller))
                self.obey(caller)
                return True
        return False

    # What desks want

    def obey(self, side):
        for action in side.desk.take_actions():
            HANDLERS[type(action).__name__](self, side, action)
        unconfirmed = [one for one in side.entries.values() if not one[1] and not one[2]]
        side.peak = max(side.peak, len(unconfirmed))

    def find_sa(self, number):
        for sa in self.sas:
            if sa.number == number:
                return sa
        raise AssertionError("no IKE SA %d" % number)


def _listen(_world, side, action):
    side.listens[action.pairing] = action


def _call(_world, side, action):
    side.calls[action.pairing] = action


def _stop(_world, side, action):
    side.listens.pop(action.pairing, None)
    side.calls.pop(action.pairing, None)


def _send(world, side, action):
    sa = world.find_sa(action.ike_id)
    for end in (0, 1):
        if sa.ends[end][0] is not side:
            sa.flight.append((end, action.data))


def _close(world, side, action):
    sa = world.find_sa(action.ike_id)
    for end in (0, 1):
        if sa.ends[end][0] is side:
            sa.closing[end] = True


def _ask(_world, side, action):
    side.views[action.pairing] = action.view


def _keep(_world, side, action):
    side.entries[action.pairing] = [action.entry, action.is_confirmed, False]


def _confirm(_world, side, action):
    side.entries[action.pairing][2] = True
    entry = side.entries[action.pairing][0]
    place = side.place
    paired = dict(place.paired)
    paired[entry.site] = entry.name
    tunnels = place.tunnels + [entry.name]
    side.place = Place(place.name, place.site, place.lans, place.used, place.capabilities, place.mtu, tunnels, paired)
    side.desk.set_place(side.place)


def _remove(_world, side, action):
    del side.entries[action.pairing]


def _ended(_world, side, action):
    side.ended[action.pairing] = action.error


HANDLERS = {
    "Listen": _listen, "Call": _call, "Stop": _stop, "Send": _send, "CloseSa": _close, "Ask": _ask, "KeepEntry": _keep,
    "ConfirmEntry": _confirm, "RemoveEntry": _remove, "Ended": _ended,
}  # fmt: skip


def fit(one, two):
    """True if IKE_AUTH under one entry's keys proves the other."""
    if one.role == two.role or (one.keys.psk, one.keys.ppk) != (two.keys.psk, two.keys.ppk):
        return False
    return (one.keys.inviter_id, one.keys.joiner_id) == (two.keys.inviter_id, two.keys.joiner_id)


def make_world(a_networks=("192.168.1.0/24",), b_networks=("192.168.2.0/24",)):
    """Site `main`, which invites, and site `branch`; their clocks have nothing in common."""
    a = Side(make_place("main", *a_networks), "a", start=5_000)
    b = Side(make_place("branch", *b_networks), "b", start=987_654_321, wall=17)
    return World(a, b), a, b


def begin(world, a, b):
    """A invites, B accepts and calls: both numbers and the SA."""
    ours, invite = world.invite(a)
    theirs = world.accept(b, invite.get_text())
    sa = world.connect(b, theirs, a)
    world.run()
    return ours, theirs, sa


def pair(world, a, b, inviter_first=False):
    """The whole of it, as far as the network lets it. inviter_first: whose administrator approves first."""
    ours, theirs, sa = begin(world, a, b)
    order = [(b, theirs, "to-main"), (a, ours, "to-branch")]
    if inviter_first:
        order.reverse()
    for side, number, name in order:
        if number in side.views and number not in side.ended:
            world.approve(side, number, name)
            world.run()
    world.prove(b, a)
    world.run()
    return ours, theirs, sa


def unproven(side):
    return [one for one in side.entries.values() if not one[2]]


def unconfirmed(side):
    return [one for one in side.entries.values() if not one[1] and not one[2]]
