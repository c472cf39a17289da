"""Two sites in memory whose IKE goes on while nothing of ESP arrives: a fresh handshake mends what can be mended."""

from __future__ import annotations

from tests.core.pair import PairTest


class MendTest(PairTest):
    def setUp(self) -> None:
        super().setUp()
        self.dead: list[int] = []  # SPIs whose packets nobody understands
        self.cut = False  # something lets IKE through, and no ESP
        cross = self.pair._cross

        def crosses(sender: object, receiver: object) -> bool:
            leaving = sender.newest_outbound()
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
        self.pair.run(3_600_000)
        waits = [later - earlier for earlier, later in zip(calls, calls[1:])]
        self.assertTrue(5 <= len(calls) <= 12, str(waits))
        self.assertTrue(waits[-1] > 10 * waits[0], str(waits))
        self.assertEqual(self.a.tunnel.state(), "carried", "nothing is torn down")
        self.cut = False
        self.assertTrue(self.pair.run(5_000, self.pair.up))
        calls = self.count_calls()
        self.pair.run(1_000_000)
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
