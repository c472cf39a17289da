"""The shapes of the API held to what isthmusd says: tunnels and pairings in every state of their lives, in memory."""

from __future__ import annotations

import unittest

from isthmus import history, pairing_status, status
from isthmus.pairing_rotate import Rotations
from tests.core.pair import Pair
from tests.core.paired_sites import Sites
from tests.edge.test_canaries import Here
from tests.web.programs import mismatch


class Shapes(unittest.TestCase):
    def check(self, pair: Pair) -> None:
        for host in (pair.a, pair.b):
            here = Here(host.site)
            report = {**status.report(here, None, pair.now), "trial": None}
            self.assertEqual(mismatch("Status", report), "")
            for tunnel in host.site.tunnels.values():
                self.assertEqual(mismatch("TunnelDetail", status.show(here, tunnel, pair.now)), "", tunnel.state())
                for span in ("15min", "day"):
                    row = history.report(host.site.observer.history, tunnel.name, span, pair.now)
                    self.assertEqual(mismatch("History", row), "")
                self.states.add(tunnel.state())

    def setUp(self) -> None:
        self.states: set[str] = set()

    def test_from_nothing_to_up_and_down_again(self) -> None:
        pair = Pair()
        pair.configure()
        self.check(pair)
        for _ in range(60):
            pair.run(100)
            self.check(pair)
        self.assertTrue(pair.run(30_000, pair.up))
        pair.run(60_000)
        self.check(pair)
        pair.a.tunnel.pause(pair.now)
        pair.a.site.obey(pair.now)
        pair.run(20_000)
        self.check(pair)
        self.assertLessEqual({"up", "disabled", "negotiating"}, self.states)

    def test_one_that_is_refused(self) -> None:
        pair = Pair()
        pair.configure(psk_b="another long random text")
        pair.run(30_000)
        self.check(pair)
        self.assertIn("waiting", self.states)
        self.assertIsNotNone(pair.a.tunnel.error)


    def test_a_pairing_from_its_invite_to_new_keys(self) -> None:
        sites = Sites()
        states: set[str] = set()

        def check() -> None:
            for host in (sites.a, sites.b):
                rotations = host.site.beside
                renewals = pairing_status.renewals(rotations, sites.now) if isinstance(rotations, Rotations) else []
                found = {**pairing_status.report(host.pairings, host.site, sites.now), "renewals": renewals}
                self.assertEqual(mismatch("Pairings", found), "")
                states.update(row["state"] for key in ("pairings", "past", "renewals") for row in found[key])

        ours, text = sites.a.invite()
        check()
        theirs = sites.b.accept(text)
        for _ in range(40):
            check()
            sites.run(100)
        here, there = sites.a.approve(ours), sites.b.approve(theirs)
        sites.run(60_000, lambda: sites.state(sites.a, here) == sites.state(sites.b, there) == "up")
        check()
        sites.a.rotate(here)
        for _ in range(40):
            check()
            sites.run(50)
        gone, _ = sites.a.invite()
        sites.a.cancel(gone)
        check()
        self.assertLessEqual({"offered", "calling", "asking", "up", "asked", "over"}, states)


if __name__ == "__main__":
    unittest.main()
