"""Two million mutated messages into the IKE engine, guided by the lines that they reach.

The invariant: whatever bytes arrive in whatever state, sealed with the right keys or not, `receive` returns, tables
stay bounded, who has no key changes nothing, what is told is printable, and a good peer still gets in.
"""

from __future__ import annotations

import concurrent.futures
import os
import random
import unittest

from isthmus.proto import actions
from tests.core.ike_pair import NAME
from tests.counts import cases, full
from tests.fuzz.ike.arena import Arena, list_arenas
from tests.fuzz.ike.coverage import Coverage
from tests.fuzz.ike.fuzzer import Fuzzer
from tests.fuzz.ike.mutation import join, mutate, split
from tests.fuzz.ike.snapshot import Snapshot

MESSAGES = cases(6_000, 2_000_000)
TRACED = cases(4, 10)
WORKERS = (os.cpu_count() or 1) if full else 1
ROUND = 50  # messages into one arena before the next


def work(number, keys, seeds, count):
    """One worker: so many messages over all arenas. (messages, of them sealed, line pairs, corpus, findings)."""
    fuzzer = Fuzzer(seeds, number, TRACED)
    order = random.Random(number)
    while fuzzer.sent < count and not fuzzer.findings:
        fuzzer.attack(order.choice(keys), min(ROUND, count - fuzzer.sent))
    return fuzzer.sent, fuzzer.past_integrity, len(fuzzer.coverage.pairs), len(fuzzer.corpus), fuzzer.findings


class Guided(unittest.TestCase):
    def test_two_million_messages(self):
        keys, seeds = list_arenas()
        self.assertGreater(len(keys), 30)
        self.assertGreater(len(seeds), 20)
        share = MESSAGES // WORKERS
        if WORKERS == 1:
            results = [work(1, keys, seeds, MESSAGES)]
        else:
            with concurrent.futures.ProcessPoolExecutor(WORKERS) as pool:
                jobs = [pool.submit(work, number, keys, seeds, share) for number in range(1, WORKERS + 1)]
                results = [job.result() for job in jobs]
        for sent, sealed, pairs, corpus, findings in results:
            print(f"fuzz: {sent} messages, {sealed} sealed; {pairs} pairs of lines, corpus {len(seeds)} -> {corpus}")
            self.assertEqual(findings, [], "\n".join(findings))
            self.assertGreater(sealed, sent // 3)
            self.assertGreater(corpus, len(seeds) + 20)
        self.assertGreaterEqual(sum(result[0] for result in results), MESSAGES - WORKERS)

    def test_a_good_peer_gets_in_after_each_arena(self):
        keys, seeds = list_arenas()
        fuzzer = Fuzzer(seeds, 77, 10**9)
        for key in keys[:: cases(11, 1)]:
            arena = Arena(*key)
            if key[0] in ("no proposal", "other key"):
                continue
            for _ in range(20):
                exchange, is_response, first, chain = fuzzer.chance.choice(seeds)
                first, chain = mutate(fuzzer.chance, first, chain, [seeds[0][2:]])
                data, sealed = arena.wrap(fuzzer.chance, exchange, is_response, first, chain)
                fuzzer.strike(arena, data, sealed)
            self.assertEqual(fuzzer.findings, [])
            told = arena.told
            told.flight = []
            told.now += 400_000
            for _ in range(40):
                for side in (told.a, told.b):
                    side.engine.handle_timer(told.now)
                told.collect()
                told.settle()
                told.now += 10_000
            before = len(told.b.of(actions.IkeUp))
            told.connect()
            self.assertGreater(len(told.b.of(actions.IkeUp)), before, key)


class Parts(unittest.TestCase):
    """The fuzzer's own parts do what they say."""

    def test_a_chain_comes_apart_and_together(self):
        _, seeds = list_arenas()
        for _, _, first, chain in seeds:
            self.assertEqual(join(split(first, chain)), (first, chain))

    def test_a_snapshot_brings_everything_back(self):
        arena = Arena("plain", "ask", 0, "a")
        snapshot = Snapshot(arena.victim)
        sa = arena.victim.engine.table.list_all()[0]
        key = bytes(sa.keys.d)
        arena.victim.engine.delete(NAME, arena.told.now)
        for minute in range(10):
            arena.victim.engine.handle_timer(arena.told.now + 60_000 * minute)
        arena.victim.collect()
        self.assertEqual(arena.victim.states(), [])
        snapshot.restore()
        self.assertEqual(arena.victim.states(), ["established"])
        self.assertEqual(bytes(sa.keys.d), key)
        arena.told.settle()
        self.assertTrue(arena.told.b.of(actions.PeerSeen))

    def test_coverage_sees_new_lines_once(self):
        arena = Arena("plain", "begin", 0, "a")
        coverage = Coverage()

        def call():
            arena.victim.engine.receive(b"x" * 28, arena.peer.endpoint, arena.victim.endpoint, 1000)

        self.assertGreater(coverage.watch(call), 10)
        self.assertEqual(coverage.watch(call), 0)

    def test_a_mistake_is_found(self):
        # The fuzzer is only worth something if a crash in a handler does not get past it.
        keys, seeds = list_arenas()
        fuzzer = Fuzzer(seeds, 5, 10**9)
        arena = Arena(*keys[0])

        def broken(*_):
            raise ZeroDivisionError

        arena.victim.engine.count = broken
        fuzzer.strike(arena, b"x" * 40, False)
        self.assertIn("ZeroDivisionError", fuzzer.findings[0])
