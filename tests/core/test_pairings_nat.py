"""Pairing through address translators: before the joiner, before the inviter with a port forward, before both."""

from __future__ import annotations

import gc
import unittest

from isthmus.wire.addr import format_ip, parse_ip
from tests.core.ike_translator import Translator
from tests.core.paired_sites import Sites

INSIDE = (parse_ip("192.168.100.2"), parse_ip("192.168.101.2"))
PUBLIC = (parse_ip("203.0.113.10"), parse_ip("203.0.113.20"))
MINUTE = 60_000


class Translated(Sites):
    """before: of which sites ("a", "b") a translator stands before; forwards: those whose UDP 500 and 4500 come in."""

    def __init__(self, before, forwards):
        super().__init__(before + "/" + forwards)
        self.translators = []
        for index, host in enumerate((self.a, self.b)):
            if host.name not in before:
                continue
            host.move(INSIDE[index])
            ports = {port: (INSIDE[index], port) for port in (500, 4500)} if host.name in forwards else {}
            self.translators.append(Translator(PUBLIC[index], [INSIDE[index]], ports))

    def carry(self, sender, data, source, destination):
        self.sent += 1
        for translator in self.translators:
            if source[0] in translator.inside:
                source = translator.go_out(source)
        for translator in self.translators:
            if destination[0] == translator.public:
                found = translator.come_in(destination[1])
                if found is None:
                    return
                destination = found
            elif destination[0] in translator.inside:
                return  # a private address means nothing out there
        for host in (self.a, self.b):
            if host.wan == destination[0] and host is not sender:
                self.later(5, host, lambda now, h=host: h.site.receive(data, source, destination, now))

    def at(self, host):
        """Under which address the Internet knows it."""
        for translator in self.translators:
            if host.wan in translator.inside:
                return format_ip(translator.public)
        return format_ip(host.wan)


class Nat(unittest.TestCase):
    def setUp(self):
        gc.collect()

    def pair(self, sites, inviter, joiner):
        """Whether there is a tunnel that carries in the end."""
        ours, text = inviter.invite(sites.at(inviter))
        theirs = joiner.accept(text)
        if not sites.run(MINUTE, lambda: inviter.asks(ours) and joiner.asks(theirs)):
            return False
        self.rows = (inviter.row(ours), joiner.row(theirs))
        names = (inviter.approve(ours), joiner.approve(theirs))
        return sites.run(
            2 * MINUTE,
            lambda: (sites.state(inviter, names[0]), sites.state(joiner, names[1])) == ("up", "up"),
        )

    def test_before_the_joiner(self):
        sites = Translated("b", "")
        self.assertTrue(self.pair(sites, sites.a, sites.b))
        self.assertEqual(self.rows[0]["nat"], "the other router is behind an address translator")
        self.assertEqual(self.rows[1]["nat"], "this router is behind an address translator")
        self.assertEqual(sites.a.site.tunnels["router_b"].config.remotes, [])
        self.assertEqual(sites.a.site.tunnels["router_b"].ike.nat, "there")

    def test_before_the_inviter_with_a_forward(self):
        sites = Translated("a", "a")
        self.assertTrue(self.pair(sites, sites.a, sites.b))
        self.assertTrue("this router is behind" in self.rows[0]["nat"])
        self.assertEqual(sites.b.site.tunnels["router_a"].config.remotes, ["203.0.113.10"])

    def test_before_both_with_a_forward(self):
        sites = Translated("ab", "a")
        self.assertTrue(self.pair(sites, sites.a, sites.b), sites.a.log.lines[-5:] + sites.b.log.lines[-5:])
        self.assertEqual(self.rows[0]["nat"], "both routers are behind address translators")

    def test_before_the_inviter_without_one_the_other_direction_helps(self):
        sites = Translated("a", "")
        self.assertFalse(self.pair(sites, sites.a, sites.b))
        self.assertTrue(sites.run(2 * MINUTE, lambda: sites.b.row(1)["trouble"] is not None))
        remedy = sites.b.row(1)["trouble"]["remedy"]
        self.assertTrue("(203.0.113.10) forward UDP 500 and UDP 4500 to 192.168.100.2" in remedy, remedy)
        self.assertTrue("make the invite here, at 198.51.100.1" in remedy, remedy)
        sites.a.cancel(1)
        sites.b.cancel(1)
        self.assertTrue(self.pair(sites, sites.b, sites.a))

    def test_before_both_without_one_nothing_helps(self):
        sites = Translated("ab", "")
        for inviter, joiner in ((sites.a, sites.b), (sites.b, sites.a)):
            self.assertFalse(self.pair(sites, inviter, joiner))
            sites.run(2 * MINUTE)
        self.assertTrue("would need such a forward, too" in sites.b.row(1)["trouble"]["remedy"])

    def test_a_forward_that_is_made_meanwhile(self):
        sites = Translated("a", "")
        ours, text = sites.a.invite(sites.at(sites.a))
        theirs = sites.b.accept(text)
        self.assertTrue(sites.run(2 * MINUTE, lambda: sites.b.row(theirs)["trouble"] is not None))
        sites.translators[0].forwards = {port: (INSIDE[0], port) for port in (500, 4500)}
        self.assertTrue(sites.run(2 * MINUTE, lambda: sites.a.asks(ours) and sites.b.asks(theirs)))
        self.assertTrue(sites.b.row(theirs)["trouble"] is None)


if __name__ == "__main__":
    unittest.main()
