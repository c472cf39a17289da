"""The guard's text: what it must say, for any number of sessions."""

from __future__ import annotations

import unittest

from isthmus.policy.guard import Session, guard_text

A = Session("l2tp-a", 0x11111111, 0x22222222, 0x69000001, 1420)
B = Session("l2tp-b", 0x33333333, 0x44444444, 0x69000002, 1412)


def chain(text: str, name: str) -> list[str]:
    """The rules of one chain; in the place of a jump, those it leads to, each with the match before it."""
    body = text.split("chain %s {" % name)[1].partition("}")[0]
    rules = []
    for line in body.split("\n"):
        words = line.split()
        if "vmap" in words:
            rules.append(" ".join(words))
        elif words[-2:-1] == ["jump"] or words[-2:-1] == ["goto"]:
            rules += [" ".join(words[:-2]) + " " + rule for rule in chain(text, words[-1])]
        elif words and words[0] != "type":
            rules.append(" ".join(words))
    return rules


class GuardTest(unittest.TestCase):
    def test_it_is_one_transaction_on_our_own_table(self) -> None:
        lines = guard_text([A, B]).split("\n")
        self.assertEqual(lines[:3], ["table inet isthmus", "delete table inet isthmus", "table inet isthmus {"])
        self.assertFalse("flush" in guard_text([A]))

    def test_clear_l2tp_is_dropped_without_any_session(self) -> None:
        text = guard_text([])
        for name, word in (("clear_out", "rt ipsec missing"), ("clear_in", "meta ipsec missing")):
            rules = chain(text, name)
            for match in ("meta l4proto 115", "udp sport 1701", "udp dport 1701", "fd69:7374:686d::/48"):
                found = [rule for rule in rules if match in rule and word in rule and rule.endswith("drop")]
                self.assertEqual(len(found), 1, match)

    def test_base_chains_stand_ahead_of_every_firewall(self) -> None:
        text = guard_text([A])
        for hook in ("output", "input", "forward"):
            self.assertTrue("type filter hook %s priority -300; policy accept;" % hook in text, hook)

    def test_inner_addresses_are_never_forwarded(self) -> None:
        rules = chain(guard_text([]), "across")
        for end in ("daddr", "saddr"):
            self.assertTrue("meta nfproto ipv6 ip6 %s fd69:7374:686d::/48 counter drop" % end in rules)

    def test_only_l2tp_is_spared_the_rules_after_its_own(self) -> None:
        for way in ("out", "in"):
            rules = guard_text([A]).split("chain clear_%s {" % way)[1].partition("}")[0]
            self.assertEqual(rules.count("goto"), 1)
            self.assertTrue("meta l4proto 115 goto l2tp_%s" % way in rules)

    def test_a_session_passes_only_under_its_own_reqid(self) -> None:
        text = guard_text([A, B])
        for session in (A, B):
            arriving = "meta l4proto 115 @th,0,32 %d ipsec in reqid != %d counter drop"
            leaving = "meta l4proto 115 @th,0,32 %d ipsec out reqid != %d counter drop"
            self.assertTrue(arriving % (session.local_id, session.reqid) in chain(text, "clear_in"))
            self.assertTrue(leaving % (session.remote_id, session.reqid) in chain(text, "clear_out"))

    def test_segments_are_clamped_both_ways(self) -> None:
        rules = [rule for rule in chain(guard_text([B]), "across") if rule.startswith("tcp flags syn ")]
        self.assertEqual(len(rules), 4)
        for side in ('iifname "l2tp-b"', 'oifname "l2tp-b"'):
            for family, size in (("ipv4", 1372), ("ipv6", 1352)):
                found = [r for r in rules if side in r and family in r and r.endswith("size set %d" % size)]
                self.assertEqual(len(found), 1)
