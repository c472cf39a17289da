"""Two sites in memory whose IKE goes on while nothing of ESP arrives: a fresh handshake mends what can be mended."""

from __future__ import annotations

from isthmus.lamps import lamps
from isthmus.wire.addr import parse_ip
from tests.core.pair import PairTest
from tests.core.test_site_static import EXTRA_A, EXTRA_B


class MendTest(PairTest):
    def setUp(self) -> None:
        super().setUp()
        self.dead: list[int] = []  # SPIs whose packets nobody understands
        self.cut = False  # something lets IKE through, and no ESP, neither plain nor in UDP
        self.plain_cut = False  # it lets UDP through alone
        cross = self.pair._cross

        def crosses(sender: object, receiver: object) -> bool:
            leaving = sender.newest_outbound()
            if self.plain_cut and leaving is not None and leaving.encap is None:
                return False
            if self.cut or (leaving is not None and leaving.spi in self.dead):
                return False
            return cross(sender, receiver)

        self.pair._cross = crosses

    def count_calls(self) -> list[int]:
        """When A begins a handshake; grows as it goes on."""
        calls: list[int] = []
        initiate = self.a.site.engine.initiate

        def counted(name: str, now: int) -> None:
            calls.append(now)
            initiate(name, now)

        self.a.site.engine.initiate = counted
        return calls

    def test_sides_that_differ_are_mended(self) -> None:
        self.bring_up()
        before = self.b.spis()
        self.dead = before
        self.assertTrue(self.pair.run(20_000, lambda: not self.pair.up()))
        self.assertTrue(self.pair.run(60_000, self.pair.up), "the path is dead while IKE answers")
        self.assertFalse(set(self.a.spis()) == set(before))
        self.pair.run(120_000)
        self.assertTrue(self.pair.up())
        self.assertEqual(self.a.spis(), self.b.spis())

    def test_calls_become_rare_where_nothing_helps(self) -> None:
        self.bring_up(extra_b=" option role respond\n")
        calls = self.count_calls()
        self.cut = True
        self.pair.run(2_000_000)
        waits = [later - earlier for earlier, later in zip(calls, calls[1:])]
        self.assertTrue(5 <= len(calls) <= 12, str(waits))
        self.assertTrue(waits[-1] > 10 * waits[0], str(waits))
        self.assertEqual(self.a.tunnel.state(), "carried", "nothing is torn down")
        self.cut = False
        self.assertTrue(self.pair.run(5_000, self.pair.up))
        calls = self.count_calls()
        self.pair.run(700_000)  # longer than the longest wait
        self.assertEqual(calls, [], "what is mended is left alone")

    def test_a_short_cut_needs_no_handshake(self) -> None:
        self.bring_up()
        calls = self.count_calls()
        self.cut = True
        self.pair.run(15_000)
        self.assertEqual(self.a.tunnel.state(), "carried")
        self.cut = False
        self.pair.run(120_000)
        self.assertTrue(self.pair.up())
        self.assertEqual(calls, [])

    def is_in_udp(self) -> bool:
        """Both ends have ESP in UDP, and no plain SA is left."""
        sas = self.a.kernel.dump("sa") + self.b.kernel.dump("sa")
        return all(sa.encap is not None for sa in sas) and self.a.tunnel.children.is_encapsulated()

    def say(self, lamp: str) -> str:
        found = {one.name: one.evidence for one in lamps(self.a.tunnel, self.a.site.keeper, self.pair.now)}
        return found[lamp]

    def test_where_only_udp_passes_esp_goes_in_udp(self) -> None:
        for extra_b in ("", " option role respond\n"):
            self.setUp()
            self.plain_cut = True
            self.pair.configure("", extra_b)
            self.assertFalse(self.pair.run(10_000, self.pair.up))
            self.assertTrue(self.pair.run(50_000, self.pair.up), extra_b)
            self.pair.run(60_000)
            self.assertTrue(self.is_in_udp())
            calls = self.count_calls()
            self.pair.run(300_000)
            self.assertTrue(self.pair.up())
            self.assertEqual(calls, [], "what works is left alone")
        self.assertIn("plain ESP (IP protocol 50) did not get through", self.say("peer"))

    def test_a_path_that_lets_plain_esp_through_no_more(self) -> None:
        self.bring_up()
        self.assertFalse(self.is_in_udp())
        self.plain_cut = True
        self.assertTrue(self.pair.run(20_000, lambda: not self.pair.up()))
        self.assertTrue(self.pair.run(120_000, self.pair.up))
        self.pair.run(60_000)
        self.assertTrue(self.is_in_udp())

    def test_a_path_that_lets_udp_4500_through_no_more(self) -> None:
        for extra_b in ("", " option role respond\n"):
            self.setUp()
            self.plain_cut = True
            self.pair.configure("", extra_b)
            self.assertTrue(self.pair.run(60_000, self.pair.up))
            self.pair.run(60_000)
            self.assertTrue(self.is_in_udp())
            self.plain_cut = False
            cross, carry = self.pair._cross, self.pair.carry

            def crosses(sender: object, receiver: object, cross: object = cross) -> bool:
                leaving = sender.newest_outbound()
                return leaving is not None and leaving.encap is None and cross(sender, receiver)

            def carries(sender: object, data: bytes, source: tuple, end: tuple, carry: object = carry) -> None:
                if end[1] != 4500:
                    carry(sender, data, source, end)

            self.pair._cross, self.pair.carry = crosses, carries
            self.assertTrue(self.pair.run(20_000, lambda: not self.pair.up()))
            self.assertTrue(self.pair.run(120_000, self.pair.up), "UDP 4500 is tried for ever")

    def test_neither_helps_and_then_plain_does(self) -> None:
        self.cut = True
        self.pair.configure()
        self.pair.run(100_000)
        self.assertEqual(self.a.tunnel.state(), "carried")
        ways = []
        for _ in range(25):
            self.pair.run(60_000)
            ways.append(self.a.tunnel.detour.is_on)
            if ways[-1]:
                self.assertIn("neither with plain ESP", self.say("path"))
        self.assertTrue(True in ways and False in ways, "both are tried, again and again")
        self.cut = False
        self.assertTrue(self.pair.run(1_500_000, self.pair.up))

    def test_another_address_is_tried_with_plain_esp(self) -> None:
        self.plain_cut = True
        fixed = " option mobike 0\n option local_id '%s'\n option remote_id '%s'\n"
        self.pair.configure(fixed % ("a", "b"), fixed % ("b", "a") + " option role respond\n")
        self.assertTrue(self.pair.run(60_000, self.pair.up))
        self.pair.run(60_000)
        self.assertTrue(self.is_in_udp())
        self.plain_cut = False
        self.a.move(parse_ip("192.0.2.77"))
        self.assertTrue(self.pair.run(60_000, lambda: self.pair.up() and not self.a.tunnel.children.is_encapsulated()))

    def test_a_stranger_that_answers_no_probe_is_not_called_again_and_again(self) -> None:
        self.cut = True
        self.pair.configure(EXTRA_A, EXTRA_B)
        self.pair.run(20_000)
        self.assertEqual(self.a.tunnel.state(), "carried")
        calls = self.count_calls()
        self.pair.run(700_000)
        self.assertEqual(calls, [])
