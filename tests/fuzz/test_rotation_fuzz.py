"""Messages and records of a rotation under fire: read whole, or refused by a typed error; nothing else is raised."""

from __future__ import annotations

import random
import unittest

from isthmus.proto.pairing import rotation_messages as messages
from isthmus.proto.pairing.rotation_record import PHASES, Record, pull_record, push_record
from isthmus.wire.buffer import WireError
from tests.core.rotation_world import World, first_keys
from tests.core.test_rotation_attack import whole_story
from tests.counts import cases
from tests.fuzz.test_pairing_fuzz import mutate

SEED = 20261124


class Bytes(unittest.TestCase):
    def setUp(self) -> None:
        self.chance = random.Random(SEED)
        self.told = [data for _, data in whole_story("fuzz")[1]]

    def test_messages(self) -> None:
        taken = 0
        for _ in range(cases(10_000, 300_000)):
            data = mutate(self.chance, self.chance.choice(self.told))
            try:
                message = messages.pull_rotation(data)
            except WireError:
                continue
            taken += 1
            self.assertEqual(messages.push_rotation(message), data)
        self.assertGreater(taken, 100)

    def test_records(self) -> None:
        taken = 0
        good = [push_record(Record(phase, bytes(16), first_keys())) for phase in PHASES]
        for _ in range(cases(10_000, 300_000)):
            data = mutate(self.chance, self.chance.choice(good))
            try:
                record = pull_record(data)
            except ValueError as error:
                self.assertNotIn(first_keys().psk.hex()[:8], str(error))
                continue
            taken += 1
            self.assertEqual(push_record(record).strip().lower(), data.strip().lower())
        self.assertGreater(taken, 50)

    def test_a_peer_that_proves_nothing(self) -> None:
        for _ in range(cases(300, 10_000)):
            world = World(seed=self.chance.randrange(1000))
            world.connect_somehow()
            if self.chance.randrange(2):
                world.want(self.chance.randrange(2))
            for _ in range(self.chance.randrange(8)):
                end = self.chance.choice(world.ends)
                data = mutate(self.chance, self.chance.choice(self.told))
                if data not in self.told:
                    world.do(end, lambda end=end, data=data: end.rotation.receive(data, 0))
                if world.flight and self.chance.randrange(2):
                    world._deliver()
            world.recover()
            world.recover()
            self.assertEqual(world.keys(), world.ends[0].own())


if __name__ == "__main__":
    unittest.main()
