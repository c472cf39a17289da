"""A peer's way to the Internet through this site, as chains."""

from __future__ import annotations

import unittest

from isthmus.policy.outward import outward_chains


class OutwardTest(unittest.TestCase):
    def test_nobody_asked_for_it(self) -> None:
        self.assertEqual(outward_chains([], ["ist-a"], ["br-lan"]), [])

    def test_what_leaves_the_site_and_came_by_that_tunnel_is_translated(self) -> None:
        away, chain = outward_chains(["ist-a"], ["ist-a", "ist-b"], ["br-lan"])
        self.assertEqual((chain.hook, chain.kind, chain.priority), ("postrouting", "nat", 99))
        inside = '{ "br-lan", "ist-a", "ist-b" }'
        # What carries a tunnel comes by its interface as well (test_outward_nft), and is this router's own.
        rule = 'iifname "ist-a" oifname != %s fib saddr type != local jump outward_away'
        self.assertEqual(chain.rules, [rule % inside])
        self.assertEqual(away.hook, "")
        self.assertEqual(away.rules, ["udp sport { 500, 1701, 4500 } masquerade to :32768-60999", "masquerade"])

    def test_a_name_that_gets_out_of_its_quotes_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            outward_chains(['x" accept'], [], [])


if __name__ == "__main__":
    unittest.main()
