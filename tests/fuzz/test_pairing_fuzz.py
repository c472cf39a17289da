"""Invites and messages of pairing under fire.

Invariants: read_invite returns an invite that says again what was read, or raises InviteError with a remedy;
pull_message returns a message that push_message repeats (unknown fields aside), or raises WireError; and of two desks
that are told nonsense under the right keys neither raises anything, and either both are paired or none.
"""

from __future__ import annotations

import random
import time
import unittest

from isthmus.proto.pairing import limits
from isthmus.proto.pairing.errors import InviteError
from isthmus.proto.pairing.invite import make_invite, pull_invite, read_invite
from isthmus.proto.pairing.messages import Message, pull_message, push_message
from isthmus.proto.pairing.terms import offer_aliases, settle
from isthmus.proto.pairing.text import encode
from isthmus.wire.buffer import Reader, WireError
from tests.core.pairing_world import HERE, begin, make_rng, make_world, unproven
from tests.core.test_pairing_exchange import record
from tests.core.test_pairing_messages import SAMPLES, full_info
from tests.counts import cases

SEED = 20261123
PIECES = (
    "-",
    " ",
    "\n",
    "\r\n> ",
    "ISTHMUS-",
    "0",
    "O",
    "l",
    "U",
    "\u2011",
    "\u00ad",
    "\x00",
    "\ud800",
    "ZZZZZ",
    "\u0130",
)


def mutate(chance: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(1 + chance.randrange(4)):
        at = chance.randrange(len(out) + 1)
        kind = chance.randrange(6)
        if kind == 0:
            out[at:at] = chance.randbytes(chance.randrange(1, 8))
        elif kind == 1:
            del out[at : at + chance.randrange(1, 16)]
        elif kind == 2 and at < len(out):
            out[at] = chance.randrange(256)
        elif kind == 3 and at < len(out):
            out[at] ^= 1 << chance.randrange(8)
        elif kind == 4:
            start = chance.randrange(len(out) + 1)
            out[at:at] = out[start : start + chance.randrange(64)]
        else:
            out[at : at + 2] = chance.choice((b"\x00\x00", b"\xff\xff", b"\x00\x01", b"\x7f\xff"))
    return bytes(out)


class Invites(unittest.TestCase):
    def setUp(self) -> None:
        self.chance = random.Random(SEED)
        self.invite = make_invite(make_rng("fuzz"), "main", [*HERE, ("a.example", 4500)], 7)[0]

    def check(self, text: str) -> bool:
        try:
            invite = read_invite(text)
        except InviteError as error:
            self.assertTrue(error.remedy and error.code)
            self.assertLess(len(str(error)), 300)
            return False
        self.assertEqual(read_invite(invite.get_text()).content, invite.content)
        return True

    def test_text(self) -> None:
        taken = 0
        good = self.invite.get_text()
        for _ in range(cases(4_000, 100_000)):
            text = good
            for _ in range(self.chance.randrange(4)):
                at = self.chance.randrange(len(text) + 1)
                cut = self.chance.choice((0, 0, 1, 5))
                text = text[:at] + self.chance.choice((*PIECES, "")) + text[at + cut :]
            if self.check(text):
                taken += 1
                self.assertEqual(read_invite(text).content, self.invite.content)
        self.assertGreater(taken, 100)

    def test_content(self) -> None:
        """With a checksum that is right: what a faulty or wicked program would make."""
        taken = 0
        for _ in range(cases(4_000, 100_000)):
            content = mutate(self.chance, self.invite.content)
            try:
                invite = pull_invite(Reader(content))
                self.assertEqual(pull_invite(Reader(invite.content)), invite)
            except WireError:
                pass
            taken += self.check(encode(content[:2000]))
        self.assertGreater(taken, 10)

    def test_the_worst_text_takes_little_time(self) -> None:
        start = time.monotonic()
        for text in ("-" * 16_000, "ISTHMUS" * 2_300, "ISTHMUS-" + "0" * 16_000, "\u2011" * 16_000, "x" * 10_000_000):
            self.assertFalse(self.check(text))
        self.assertLess(time.monotonic() - start, 10)


class Messages(unittest.TestCase):
    def setUp(self) -> None:
        self.chance = random.Random(SEED)
        self.good = [push_message(one) for one in (*SAMPLES, Message(3, info=full_info()))]

    def test_mutated(self) -> None:
        taken = 0
        for _ in range(cases(10_000, 300_000)):
            data = mutate(self.chance, self.chance.choice(self.good))
            try:
                message = pull_message(data)
            except WireError:
                continue
            taken += 1
            again = pull_message(push_message(message))
            self.assertEqual((again, again.tag), (message, message.tag))
        self.assertGreater(taken, 100)

    def test_terms_of_whatever_was_read(self) -> None:
        """Two sites that say anything: terms whose networks are apart, or a PairingError."""
        from isthmus.proto.pairing.errors import PairingError

        settled = 0
        for _ in range(cases(1_500, 30_000)):
            infos = []
            while len(infos) < 2:
                try:
                    info = pull_message(mutate(self.chance, self.good[-1])).info
                except WireError:
                    continue
                if info is not None:
                    infos.append(info)
            infos[1].aliases = []
            try:
                infos[0].aliases = offer_aliases(infos[0], infos[1])
                terms = settle(infos[0], infos[1], self.chance.randrange(2))
            except PairingError:
                continue
            settled += 1
            for lan in terms.lans[0]:
                self.assertFalse(any(lan.shown.overlaps(other.shown) for other in terms.lans[1]))
        self.assertGreater(settled, 50)


class Peers(unittest.TestCase):
    def test_a_peer_that_says_anything(self) -> None:
        chance = random.Random(SEED)
        samples = list(record().values())
        survived = 0
        for number in range(cases(150, 5_000)):
            world, a, b = make_world()

            def tamper(_sa, _end, data):
                kind = chance.randrange(8)
                if kind == 0:
                    return chance.choice(samples)
                return mutate(chance, data) if kind == 1 else data

            world.tamper = tamper
            ours, theirs, _ = begin(world, a, b)
            for side, mine in ((a, ours), (b, theirs)):
                if mine in side.views and mine not in side.ended:
                    world.approve(side, mine)
                    world.run()
            world.prove(b, a)
            world.pass_ms(limits.UNPROVEN_MS)
            self.assertEqual((unproven(a), unproven(b)), ([], []), number)
            self.assertEqual(len(a.entries), len(b.entries), number)
            survived += len(a.entries)
        self.assertGreater(survived, 3)


if __name__ == "__main__":
    unittest.main()
