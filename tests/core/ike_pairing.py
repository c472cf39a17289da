"""Pairing's IKE SAs for tests: connections under one key, and two sites that are desk and engine, as a daemon has them.

A site here obeys its desk and its engine the way isthmus/pairings.py has to.
"""

from __future__ import annotations

from isthmus.crypto.suites import parse_ike_suite
from isthmus.proto import actions
from isthmus.proto.errors import AuthenticationFailed, Unreachable
from isthmus.proto.ike2.childless import make_connection
from isthmus.proto.ike2.connection import Ppk, Retransmit
from isthmus.proto.ike2.engine import Engine
from isthmus.proto.pairing.desk import Desk
from isthmus.proto.pairing.errors import UNREACHED, make
from isthmus.proto.pairing.keys import EXPORTER_LABEL
from isthmus.proto.pairing.limits import UNPROVEN_MS
from isthmus.proto.pairing.values import INVITER, Place
from isthmus.wire.identity import ID_KEY_ID, Identity
from tests.core.ike_pair import IKE, A, B, Pair, Random
from tests.core.pairing_world import HERE, WALL, make_place, make_rng

NAME = "branch"  # as ike_pair has it, so that Pair's own deeds work
JOINER, INVITING = Identity(ID_KEY_ID, b"joiner"), Identity(ID_KEY_ID, b"inviter")
PSK, PPK = b"label of S for AUTH", b"label of S for the PPK"


def make_pairing(here, name=NAME, ids=None, psk=PSK, ppk=PPK, ppk_id=b"ppk", remote=True, ike=IKE):
    """A connection of a pairing as one side sees it: A joins, B has invited and knows nobody's address."""
    local, there = (A, B) if here == "A" else (B, A)
    ours, theirs = ids or ((JOINER, INVITING) if here == "A" else (INVITING, JOINER))
    return make_connection(
        name, local, there if here == "A" and remote else None, ours, theirs, psk, Ppk(ppk_id, ppk, True),
        [parse_ike_suite(text) for text in ike.split()], Retransmit(500, 180, 7), answers=here != "A",
    )  # fmt: skip


def make_pair(seed=0, a=None, b=None):
    """Two engines, each with its half of a pairing."""
    return Pair(seed, a or make_pairing("A"), b or make_pairing("B"))


def told(side):
    """What this side has been told, in order."""
    return [action.data for action in side.of(actions.Told)]


def ike_id(side, which=-1):
    """The number of this side's newest IKE SA that has come up."""
    return side.of(actions.IkeUp)[which].ike_id


class Site:
    """One router: desk and engine. start: its clock at the world's 0. entries: pairing -> [entry, is it a tunnel]."""

    def __init__(self, world, place, endpoint, seed, start):
        self.world = world
        self.place = place
        self.endpoint = endpoint
        self.start = start
        self.engine = Engine(Random("engine %s" % seed))
        self.desk = Desk(make_rng("desk %s" % seed), place)
        self.views, self.ended, self.entries = {}, {}, {}
        self.approved = []
        self.calls = []  # (when, name)
        self.removals = []  # (when, name)
        self.ups = []

    @property
    def now(self):
        return self.start + self.world.now

    def connect(self, name, keys, role, remote):
        """What the engine has to know of this pairing or of its entry."""
        ids = (keys.inviter_id, keys.joiner_id) if role == INVITER else (keys.joiner_id, keys.inviter_id)
        suites = [parse_ike_suite(IKE)]
        ppk = Ppk(keys.ppk_id, keys.ppk, True)
        self.engine.set_connection(
            make_connection(
                name, self.endpoint, remote, ids[0], ids[1], keys.psk, ppk, suites, Retransmit(), answers=remote is None
            )
        )

    def get_timer(self):
        times = [at for at, _ in self.calls + self.removals]
        times += [at for at in (self.engine.get_timer(), self.desk.get_timer()) if at is not None]
        return min(times) - self.start if times else None

    def handle_timer(self):
        due = [name for at, name in self.calls if at <= self.now]
        self.calls = [(at, name) for at, name in self.calls if at > self.now]
        for name in due:
            try:
                self.engine.initiate(name, self.now)
            except KeyError:
                pass
        for name in [name for at, name in self.removals if at <= self.now]:
            self.engine.remove_connection(name)
        self.removals = [(at, name) for at, name in self.removals if at > self.now]
        self.engine.handle_timer(self.now)
        self.desk.handle_timer(self.now)
        self.obey()

    def obey(self):
        while True:
            todo = self.engine.take_actions()
            for action in todo:
                self._obey_engine(action)
            wanted = self.desk.take_actions()
            for action in wanted:
                getattr(self, "_" + type(action).__name__)(action)
            if not todo and not wanted:
                return

    def _obey_engine(self, action):
        if isinstance(action, actions.SendDatagram):
            self.world.send(self, action)
            return
        number, is_proof = parse_name(getattr(action, "name", None))
        if isinstance(action, actions.IkeUp):
            self.ups.append(action)
            if not action.ppk or not action.peer_is_isthmus:
                raise AssertionError("a pairing without its ppk")
            if is_proof:
                self.desk.proven(number, self.now)
            else:
                exporter = self.engine.export(action.ike_id, EXPORTER_LABEL)
                self.desk.authenticated(number, action.ike_id, exporter, action.nat, self.now)
        elif isinstance(action, actions.Told):
            self.desk.receive(action.ike_id, action.data, self.now)
        elif isinstance(action, actions.IkeGone):
            self.desk.lost(action.ike_id, self.now)
        elif isinstance(action, actions.Failed) and number is not None:
            self._fail(action, number, is_proof)

    def _fail(self, action, number, is_proof):
        if action.role == actions.RESPONDER:
            if isinstance(action.error, AuthenticationFailed) and not is_proof:
                self.desk.disbelieved(number, self.now)
        elif is_proof or isinstance(action.error, Unreachable):
            self.calls.append((self.now + 10_000, action.name))
        else:
            self.desk.call_failed(number, make(UNREACHED, str(action.error)), self.now)

    # What the desk wants

    def _Listen(self, action):
        self.connect("pair-%d" % action.pairing, action.keys, INVITER, None)

    def _Call(self, action):
        name = "pair-%d" % action.pairing
        self.connect(name, action.keys, 1 - INVITER, self.world.sites[0].endpoint)
        self.engine.initiate(name, self.now)

    def _Stop(self, action):
        self.engine.remove_connection("pair-%d" % action.pairing)

    def _Send(self, action):
        self.engine.tell(action.ike_id, action.data, self.now)

    def _CloseSa(self, action):
        self.engine.close(action.ike_id, self.now)

    def _Ask(self, action):
        self.views[action.pairing] = action.view

    def _KeepEntry(self, action):
        entry, name = action.entry, "pair-%d-proof" % action.pairing
        self.entries[action.pairing] = [entry, False]
        remote = None if entry.role == INVITER else self.world.sites[0].endpoint
        self.connect(name, entry.keys, entry.role, remote)
        if remote is not None:
            self.engine.initiate(name, self.now)

    def _ConfirmEntry(self, action):
        entry = self.entries[action.pairing][0]
        self.entries[action.pairing][1] = True
        # The inviter goes on answering: its answer may have been lost, and then the joiner calls again.
        wait = UNPROVEN_MS if entry.role == INVITER else 0
        self.removals.append((self.now + wait, "pair-%d-proof" % action.pairing))
        place = self.place
        paired = dict(place.paired)
        paired[entry.site] = entry.name
        tunnels = place.tunnels + [entry.name]
        self.place = Place(
            place.name, place.site, place.lans, place.used, place.capabilities, place.mtu, tunnels, paired
        )
        self.desk.set_place(self.place)

    def _RemoveEntry(self, action):
        name = "pair-%d-proof" % action.pairing
        self.engine.remove_connection(name)
        self.engine.delete(name, self.now)
        self.entries.pop(action.pairing)

    def _Ended(self, action):
        self.ended[action.pairing] = action.error


def parse_name(name):
    """(pairing, whether it is the proof of an entry) of a connection's name."""
    parts = (name or "").split("-")
    if parts[0] != "pair":
        return None, False
    return int(parts[1]), len(parts) == 3


class World:
    """Site 0 has invited, site 1 joins. pass_on(index, sender, data) -> [delay, ...]: when the copies arrive, none: it
    is lost. Administrators approve once both see the same words.
    """

    def __init__(self, seed=0, pass_on=None):
        self.now = 0
        self.sites = [
            Site(self, make_place("main", "192.168.1.0/24"), A, "a %s" % seed, 5_000),
            Site(self, make_place("branch", "192.168.2.0/24"), B, "b %s" % seed, 987_654_321),
        ]
        self.pass_on = pass_on or (lambda index, sender, data: [5])
        self.between = lambda: None  # called when nothing is half done
        self.moving = []  # (time, order, datagram)
        self.count = 0

    def send(self, site, datagram):
        for delay in self.pass_on(self.count, self.sites.index(site), datagram.data):
            self.moving.append((self.now + delay, len(self.moving), datagram))
        self.count += 1

    def begin(self):
        a, b = self.sites
        number, invite = a.desk.invite(HERE, a.now, WALL)
        a.obey()
        theirs, _ = b.desk.accept(invite.get_text(), b.now, WALL)
        b.obey()
        return number, theirs

    def run(self, end):
        """Until nothing waits any more, or until `end`."""
        while True:
            times = [time for time, _, _ in self.moving]
            times += [at for at in [site.get_timer() for site in self.sites] if at is not None]
            if not times or min(times) > end:
                return
            self.now = max(self.now, min(times))
            landing = sorted([one[:2] for one in self.moving if one[0] <= self.now])
            by_order = {(one[0], one[1]): one[2] for one in self.moving}
            self.moving = [one for one in self.moving if one[0] > self.now]
            for key in landing:
                self._land(by_order[key])
            for site in self.sites:
                site.handle_timer()
            self._approve()
            self.between()

    def _land(self, datagram):
        for site in self.sites:
            if site.endpoint[0] == datagram.destination[0]:
                site.engine.receive(datagram.data, datagram.source, datagram.destination, site.now)
                site.obey()

    def _approve(self):
        for index, site in enumerate(self.sites):
            for number in list(site.views):
                view = site.views[number]
                others = [it.words for it in self.sites[1 - index].views.values()]
                if number in site.approved or number in site.ended or view.words not in others:
                    continue
                site.approved.append(number)
                site.desk.approve(number, view.words, "to-the-other", site.now)
                site.obey()


def fit(one, two):
    """True if the two entries are the two ends of one tunnel."""
    ours, theirs = one.keys, two.keys
    same = (ours.psk, ours.ppk, ours.ppk_id, ours.cookie, ours.control) == (
        theirs.psk, theirs.ppk, theirs.ppk_id, theirs.cookie, theirs.control,
    )  # fmt: skip
    return same and one.role != two.role
