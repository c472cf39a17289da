"""Runs mutated messages against the engine and says what the invariant did not survive."""

from __future__ import annotations

import random
import traceback

from isthmus.proto import actions
from isthmus.proto.ike2.counters import DROP_REASONS
from isthmus.proto.ike2.sa_table import MAX_HALF_OPEN
from isthmus.proto.ike2.telling import MAX_DATA
from isthmus.wire import ike_numbers as num
from tests.fuzz.ike.arena import Arena
from tests.fuzz.ike.coverage import Coverage
from tests.fuzz.ike.mutation import mutate
from tests.fuzz.ike.snapshot import Snapshot

LARGEST_CORPUS = 4000
MOST_SAS = MAX_HALF_OPEN + 30
DEEPEST = 5  # messages before the arena is put back
EXCHANGES = (34, 35, 36, 37, 0, 38, 43, 44, 255)
NEWS = (
    actions.InstallSa, actions.ChildUp, actions.ChildGone, actions.IkeUp, actions.IkeGone, actions.PeerSeen,
    actions.Told,
)  # fmt: skip
GAIN = (actions.InstallSa, actions.ChildUp, actions.IkeUp)


class Broken(Exception):
    """The invariant does not hold."""


class Fuzzer:
    """One process's worth. seeds: (exchange, is_response, first, chain)."""

    def __init__(self, seeds, number, traced):
        self.chance = random.Random(number)
        self.coverage = Coverage()
        self.corpus = list(seeds)
        self.traced = traced  # one message in so many is watched
        self.sent = 0
        self.past_integrity = 0
        self.findings = []

    def attack(self, key, count):
        """So many messages into one arena."""
        arena = Arena(*key)
        arena.victim.collect()
        snapshot = Snapshot(arena.victim)
        depth = 0
        for _ in range(count):
            exchange, is_response, first, chain = self.chance.choice(self.corpus)
            if self.chance.randrange(12) == 0:
                exchange = self.chance.choice(EXCHANGES)
            if self.chance.randrange(16) == 0:
                is_response = not is_response
            others = [self.chance.choice(self.corpus)[2:] for _ in range(3)]
            first, chain = mutate(self.chance, first, chain, others)
            data, sealed = arena.wrap(self.chance, exchange, is_response, first, chain)
            new = self.strike(arena, data, sealed)
            if new and len(self.corpus) < LARGEST_CORPUS:
                self.corpus.append((exchange, is_response, first, chain))
            depth += 1
            if depth >= DEEPEST or self.chance.randrange(3):
                snapshot.restore()
                depth = 0

    def strike(self, arena, data, sealed):
        """One datagram; True if it went where none had gone."""
        self.sent += 1
        self.past_integrity += sealed
        engine, told = arena.victim.engine, arena.told
        source, destination = arena.peer.endpoint, arena.victim.endpoint
        sas = engine.table.list_all()
        if sas and (data[18:19] != b"\x22" or sas[-1].connection is None):
            source, destination = sas[-1].remote, sas[-1].local
        done = len(arena.victim.done)
        states = arena.victim.states()
        new = 0

        def call():
            engine.receive(data, source, destination, told.now)

        try:
            if self.sent % self.traced == 0:
                new = self.coverage.watch(call)
            else:
                call()
            sent = arena.victim.collect()
            self.check(arena, data, sealed, sent, arena.victim.done[done:], states)
            if self.chance.randrange(24) == 0:
                engine.handle_timer(told.now + self.chance.choice((0, 1, 600, 5_000, 40_000, 200_000)))
                arena.victim.collect()
        except Exception:
            self.findings.append(f"{arena.name}: {data.hex()}\n{traceback.format_exc()}")
            if len(self.findings) > 5:
                raise
        return new

    def check(self, arena, data, sealed, sent, done, states):
        """The part of the invariant that can be seen after each message."""
        engine = arena.victim.engine
        if len(engine.table) > MOST_SAS or engine.table.count_half_open() > MAX_HALF_OPEN:
            raise Broken("the table grows")
        if len(engine.counters) != len(DROP_REASONS):
            raise Broken("counters grow")
        for sa in engine.table.list_all():
            if len(sa.requests.queue) > 8 or len(sa.children) > 8:
                raise Broken("%r collects things" % sa)
        if not sealed:
            begins = data[18] == num.IKE_SA_INIT if len(data) > 18 else False
            for action in done:
                if isinstance(action, GAIN) or (isinstance(action, NEWS) and not begins):
                    raise Broken("a stranger causes %r" % action)
            if not begins and arena.victim.states() != states:
                raise Broken("a stranger changes %s to %s" % (states, arena.victim.states()))
            if not begins and sum(len(answer.data) for answer in sent) > len(data):
                raise Broken("a stranger is answered with more than he sent")
        check_told(done)
        for action in done:
            error = getattr(action, "error", None)
            text = str(error) + repr(action)
            if len(text) > 5000 or not all(" " <= letter <= "~" for letter in text):
                raise Broken("unprintable: %r" % text)


def check_told(done):
    """What is told has bounds."""
    for action in done:
        if isinstance(action, actions.Told) and not 0 < len(action.data) <= MAX_DATA:
            raise Broken("%d bytes are told" % len(action.data))
