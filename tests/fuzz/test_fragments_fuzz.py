"""Parts of messages under fire. The invariant: nothing that is not the peer's is kept, what is kept stays bounded, and
a good peer still gets in; and over a network that loses, doubles and reorders parts a handshake comes up.
"""

from __future__ import annotations

import random
import unittest

from isthmus.proto import actions
from isthmus.proto.ike2.sealing import seal_fragment
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike import MAX_MESSAGE
from tests.core.ike_network import BadNetwork
from tests.core.ike_pair import A, B, agreed
from tests.core.test_ike_fragments import after_init, kept, make_pair
from tests.counts import cases

MASKS = (0x01, 0x80, 0xFF)
NUMBERS = (0, 1, 2, 3, 4, 5, 63, 64, 65, 255, 256, 0x7FFF, 0xFFFF)


class Fire(unittest.TestCase):
    def test_every_byte_of_every_part(self):
        for answer in (False, True):
            pair = after_init(make_pair("bytes"))
            if answer:
                for _ in range(3):
                    pair.deliver()
            self.assertEqual(len(pair.flight), 3)
            for action in list(pair.flight):
                side = pair.side_at(action.destination)
                before = kept(side)
                for at in range(0, len(action.data), cases(3, 1)):
                    for mask in MASKS:
                        data = action.data[:at] + bytes([action.data[at] ^ mask]) + action.data[at + 1 :]
                        side.engine.receive(data, action.source, action.destination, pair.now)
                    side.engine.receive(action.data[:at], action.source, action.destination, pair.now)
                    self.assertEqual(kept(side), before)
                pair.deliver()
            pair.transfer()
            self.assertTrue(agreed(pair))

    def test_a_peer_that_seals_nonsense(self):
        """Right keys, impossible parts: numbers, totals, types and contents by chance."""
        chance = random.Random(7383)
        for round_number in range(cases(60, 3000)):
            pair = after_init(make_pair("nonsense"))
            whole = [action.data for action in pair.flight]
            pair.flight = []
            sa = pair.a.engine.table.list_all()[0]
            for _ in range(chance.randrange(1, 40)):
                if chance.randrange(5) == 0:
                    pair.b.engine.receive(chance.choice(whole), A, B, pair.now)
                    continue
                number, total = chance.choice(NUMBERS), chance.choice(NUMBERS)
                if chance.randrange(2):
                    number, total = chance.randrange(1, 4), chance.randrange(2, 5)
                inner = chance.choice((0, num.IDI, num.SK, num.SKF, chance.randrange(256)))
                header = sa.make_header(
                    chance.choice((num.IKE_AUTH, num.IKE_AUTH, num.IKE_AUTH, num.INFORMATIONAL, 34, 99)),
                    chance.choice((1, 1, 1, 0, 2, 0xFFFFFFFF)), chance.randrange(8) == 0,
                )  # fmt: skip
                part = chance.randbytes(chance.choice((0, 1, 16, 500, 4000)))
                data = seal_fragment(sa.cipher_out, header, inner, number, total, part)
                pair.b.engine.receive(data, A, B, pair.now)
                self.assertLessEqual(kept(pair.b), 2 * MAX_MESSAGE)
            pair.collect()
            pair.flight = []
            for side in (pair.a, pair.b):
                side.engine.take_actions()
                for sa in side.engine.table.list_all():
                    side.engine.forget(sa)
                side.done = []
            pair.connect()
            self.assertTrue(agreed(pair), round_number)

    def test_loss_and_disorder(self):
        up = 0
        count = cases(60, 1500)
        for seed in range(count):
            pair = make_pair("parts %d" % seed)
            pair.initiate()
            BadNetwork(pair, "parts %d" % seed).run(pair.now + 300_000)
            up += agreed(pair)
            self.assertLessEqual(kept(pair.a) + kept(pair.b), 4 * MAX_MESSAGE)
            if not agreed(pair):
                self.assertEqual(pair.a.of(actions.IkeUp), [], seed)
        self.assertTrue(up * 10 >= count * 9, "%d of %d came up" % (up, count))
