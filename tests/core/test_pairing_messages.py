"""Messages there and back, what is refused of them, and the terms: overlaps, aliases and what no site may announce."""

from __future__ import annotations

import unittest

from isthmus.proto.pairing import errors, limits
from isthmus.proto.pairing import messages as m
from isthmus.proto.pairing.errors import PairingError
from isthmus.proto.pairing.messages import Message, NewerError, pull_message, push_message
from isthmus.proto.pairing.terms import POOLS, offer_aliases, settle
from isthmus.proto.pairing.values import INVITER, JOINER, Alias, Lan
from isthmus.wire.addr import parse_prefix
from isthmus.wire.buffer import COUNT, LENGTH, SHORT, VALUE, WireError
from tests.core.pairing_world import Chance, Side, World, begin, fit, make_place, make_world, pair


def info_of(name, *networks, used=()):
    return make_place(name, *networks, used=used).describe(1_790_000_000)


def full_info():
    info = info_of("main", "192.168.1.0/24", "2001:db8:1::/64", used=("10.8.0.0/16", "fd00::/48"))
    info.aliases = [Alias(JOINER, parse_prefix("192.168.2.0/24"), parse_prefix("10.64.0.0/24"))]
    return info


SAMPLES = (
    Message(m.HELLO, key=bytes(range(32))),
    Message(m.OPEN, key=bytes(range(32))),
    Message(m.APPROVE, tag=bytes(range(32))),
    Message(m.KEEP, tag=bytes(range(32))),
    Message(m.ABORT, reason=200),
)


class Wire(unittest.TestCase):
    def test_there_and_back(self):
        for message in SAMPLES + (Message(m.INFO, info=full_info()), Message(m.INFO, info=info_of("a"))):
            again = pull_message(push_message(message))
            self.assertEqual((again, again.tag), (message, message.tag))

    def test_the_longest(self):
        networks = ["2001:db8:%x::/64" % number for number in range(limits.LANS)]
        used = ["fd00:%x::/48" % number for number in range(limits.USED)]
        info = info_of("n" * limits.NAME_BYTES, *networks, used=used)
        info.aliases = [Alias(side, lan.network, lan.shown) for lan in info.lans for side in (0, 1)]
        data = push_message(Message(m.INFO, info=info))
        self.assertTrue(len(data) <= limits.MESSAGE_BYTES, len(data))
        self.assertEqual(pull_message(data).info, info)

    def test_exact_bytes(self):
        self.assertEqual(push_message(SAMPLES[0]), b"\x01\x01\x81\x00\x20" + bytes(range(32)))
        self.assertEqual(push_message(SAMPLES[4]), b"\x01\x06\x83\x00\x01\xc8")

    def check(self, data, reason):
        with self.assertRaises(WireError) as caught:
            pull_message(data)
        self.assertEqual(caught.exception.reason, reason)

    def test_refused(self):
        hello = push_message(SAMPLES[0])
        info = push_message(Message(m.INFO, info=full_info()))
        for data, reason in (
            (b"", SHORT), (b"\x01", SHORT), (hello[:-1], SHORT), (hello + b"\x05", SHORT), (b"\x01\x01", COUNT),
            (hello + hello[2:], COUNT), (b"\x01\x01\x81\x00\x1f" + bytes(31), LENGTH),
            (b"\x01\x01\x81\x00\x21" + bytes(33), LENGTH), (bytes(limits.MESSAGE_BYTES + 1), LENGTH),
            (hello + b"\x05\x00\x00" * limits.FIELDS, COUNT), (info.replace(b"main", b"ma\x00n"), VALUE),
            (info.replace(b"\x8b\x00\x02\x05\xdc", b"\x8b\x00\x02\x00\x00"), VALUE),
            (info.replace(b"\x04\x18\xc0\xa8\x01\x00", b"\x04\x18\xc0\xa8\x01\x01"), VALUE),
            (info.replace(b"\x04\x18\xc0\xa8\x01\x00", b"\x05\x18\xc0\xa8\x01\x00"), VALUE),
            (info.replace(b"\x04\x18\xc0\xa8\x01\x00", b"\x04\x21\xc0\xa8\x01\x00"), VALUE),
        ):  # fmt: skip
            self.check(data, reason)

    def test_unknown_fields_are_passed_over_unless_they_must_be_understood(self):
        for message in SAMPLES:
            data = push_message(message)
            self.assertEqual(pull_message(data + b"\x05\x00\x03abc\x7f\x00\x00"), message)
            self.assertEqual(pull_message(data[:2] + b"\x05\x00\x03abc" + data[2:]), message)
            with self.assertRaises(NewerError):
                pull_message(data + b"\xfe\x00\x00")

    def test_what_is_newer(self):
        for data in (b"\x02\x01", b"\x01\x07", b"\x00\x01", b"\x01\x00"):
            with self.assertRaises(NewerError):
                pull_message(data)

    def test_every_reason_is_told_in_its_own_words(self):
        seen = set()
        for number, code in errors.REASONS:
            told = errors.make_told(number)
            self.assertEqual((told.code, told.by_peer, errors.number_of(code)), (code, True, number))
            self.assertTrue(told.remedy)
            seen.add(number)
        self.assertEqual(seen, set(range(1, len(seen) + 1)))
        self.assertEqual(errors.make_told(0).code, "unknown")
        self.assertEqual(errors.make_told(255).code, "unknown")
        self.assertEqual(errors.number_of(errors.VANISHED), 0)


class Networks(unittest.TestCase):
    def offered(self, inviter, joiner):
        inviter.aliases = offer_aliases(inviter, joiner)
        terms = settle(inviter, joiner, INVITER)
        other = settle(inviter, joiner, JOINER)
        self.assertEqual((terms.lans, terms.mtu), (other.lans, other.mtu))
        everything = [lan.shown for side in (0, 1) for lan in terms.lans[side]]
        for index in range(len(everything)):
            for before in everything[:index]:
                self.assertFalse(everything[index].overlaps(before))
        return terms

    def test_nothing_overlaps(self):
        terms = self.offered(info_of("a", "192.168.1.0/24"), info_of("b", "192.168.2.0/24"))
        self.assertEqual((terms.overlaps, terms.mtu), ([], 1500))
        self.assertEqual([str(lan.shown) for side in (0, 1) for lan in terms.lans[side]],
                         ["192.168.1.0/24", "192.168.2.0/24"])  # fmt: skip

    def test_the_same_network_on_both_sides(self):
        terms = self.offered(info_of("a", "192.168.1.0/24"), info_of("b", "192.168.1.0/24"))
        self.assertEqual([str(lan.shown) for side in (0, 1) for lan in terms.lans[side]],
                         ["10.64.0.0/24", "10.64.1.0/24"])  # fmt: skip
        self.assertEqual(terms.overlaps, ["192.168.1.0/24 of site a and 192.168.1.0/24 of site b",
                                          "192.168.1.0/24 of site b and 192.168.1.0/24 of site a"])  # fmt: skip
        terms = self.offered(info_of("a", "192.168.1.0/24"), info_of("a", "192.168.1.0/24"))
        self.assertEqual(terms.overlaps[0], "192.168.1.0/24 of the inviter and 192.168.1.0/24 of the joiner")

    def test_an_alias_steps_around_everything_in_use(self):
        one = info_of("a", "10.0.0.0/8", used=("172.16.0.0/13", "192.168.0.0/17"))
        two = info_of("b", "10.1.0.0/16", used=("172.24.0.0/14", "172.29.0.0/16"))
        with self.assertRaises(PairingError) as caught:
            offer_aliases(one, two)  # no /8 is free anywhere
        self.assertEqual(caught.exception.code, errors.OVERLAP)
        one = info_of("a", "10.0.0.0/9", "10.128.0.0/9", used=("172.16.0.0/13", "192.168.0.0/17"))
        two = info_of("b", "192.168.3.0/24", "192.168.130.0/24", used=("172.24.0.0/14", "172.29.0.0/16"))
        terms = self.offered(one, two)
        self.assertEqual([str(lan.shown) for lan in terms.lans[1]], ["172.28.0.0/24", "192.168.130.0/24"])

    def test_an_alias_there_is_already_is_used(self):
        one = info_of("a", "192.168.1.0/24")
        one.lans = [Lan(parse_prefix("192.168.1.0/24"), parse_prefix("10.99.0.0/24"))]
        terms = self.offered(one, info_of("b", "192.168.2.0/24"))
        self.assertEqual(str(terms.lans[0][0].shown), "10.99.0.0/24")

    def test_six_cannot_be_translated(self):
        one, two = info_of("a", "2001:db8::/48"), info_of("b", "2001:db8:0:1::/64")
        with self.assertRaises(PairingError) as caught:
            offer_aliases(one, two)
        self.assertEqual(caught.exception.code, errors.OVERLAP)

    def test_what_no_site_may_announce(self):
        good = info_of("a", "192.168.1.0/24")
        for bad in (
            info_of("b", "0.0.0.0/0"), info_of("b", "::/0"), info_of("b", "0.0.0.0/7"), info_of("b", "127.0.0.0/24"),
            info_of("b", "169.254.0.0/16"), info_of("b", "224.0.0.0/24"), info_of("b", "fe80::/64"),
            info_of("b", "ff02::/64"), info_of("b", "2001::/16"), info_of("b", "192.168.2.0/24", "192.168.2.0/25"),
        ):  # fmt: skip
            with self.assertRaises(PairingError) as caught:
                settle(good, bad, INVITER)
            self.assertEqual(caught.exception.code, errors.UNFIT, str(bad))
        weak = make_place("b", "192.168.2.0/24", capabilities=1).describe(0)
        with self.assertRaises(PairingError) as caught:
            settle(good, weak, INVITER)
        self.assertEqual(caught.exception.code, errors.UNFIT)

    def test_aliases_that_the_joiner_does_not_take(self):
        """A faulty or wicked inviter: foreign networks, other sizes, what is in use here, what nobody has."""
        for network, shown, side in (
            ("192.168.1.0/24", "8.8.8.0/24", JOINER), ("192.168.1.0/24", "10.0.0.0/16", JOINER),
            ("192.168.1.0/24", "10.8.1.0/24", INVITER), ("192.168.7.0/24", "10.64.0.0/24", JOINER),
            ("192.168.1.0/24", "192.168.1.0/24", JOINER),
        ):  # fmt: skip
            one, two = info_of("a", "192.168.1.0/24"), info_of("b", "192.168.1.0/24", used=("10.8.0.0/16",))
            settled = offer_aliases(one, two)
            one.aliases = [alias for alias in settled if alias.side != side]
            one.aliases.append(Alias(side, parse_prefix(network), parse_prefix(shown)))
            with self.assertRaises(PairingError) as caught:
                settle(one, two, JOINER)
            self.assertEqual(caught.exception.code, errors.OVERLAP, shown)
        one, two = info_of("a", "192.168.1.0/24"), info_of("b", "192.168.2.0/24")
        two.aliases = [Alias(JOINER, two.lans[0].network, parse_prefix("10.64.0.0/24"))]
        with self.assertRaises(PairingError):
            settle(one, two, JOINER)

    def test_many_at_random(self):
        chance = Chance("networks")
        settled = 0
        for _ in range(100):
            sites = []
            for name in ("a", "b"):
                texts = []
                for number in range(1 + chance.below(4)):
                    texts.append("192.168.%d.0/24" % (chance.below(8) + 8 * number))
                sites.append(info_of(name, *texts, used=("10.%d.0.0/16" % (64 + chance.below(3)),)))
            terms = self.offered(sites[0], sites[1])
            settled += 1 if terms.overlaps else 0
        self.assertTrue(settled > 20, settled)


class TwoSites(unittest.TestCase):
    def test_the_same_network_on_both_sides(self):
        world, a, b = make_world(("192.168.1.0/24",), ("192.168.1.0/24",))
        ours, theirs, _ = pair(world, a, b)
        self.assertEqual((a.ended[ours], b.ended[theirs]), (None, None))
        self.assertTrue(fit(a.entries[ours][0], b.entries[theirs][0]))
        self.assertEqual(a.views[ours].terms.lans, b.views[theirs].terms.lans)
        self.assertEqual([str(lans[0].shown) for lans in a.views[ours].terms.lans], ["10.64.0.0/24", "10.64.1.0/24"])

    def test_no_alias_is_free(self):
        a = Side(make_place("main", "2001:db8::/48"), "a")
        b = Side(make_place("branch", "2001:db8::/48"), "b")
        world = World(a, b)
        ours, theirs, _ = begin(world, a, b)
        self.assertEqual((a.ended[ours].code, b.ended[theirs].code), (errors.OVERLAP, errors.OVERLAP))
        self.assertTrue("2001:db8::/48" in str(a.ended[ours]))

    def test_the_narrower_way_counts(self):
        a, b = Side(make_place("main", mtu=1492), "a"), Side(make_place("branch", "10.1.0.0/16", mtu=1280), "b")
        world = World(a, b)
        ours, theirs, _ = begin(world, a, b)
        self.assertEqual((a.views[ours].terms.mtu, b.views[theirs].terms.mtu), (1280, 1280))
        self.assertTrue(POOLS)


if __name__ == "__main__":
    unittest.main()
