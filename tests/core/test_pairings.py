"""Two sites in one process, from an invite to a tunnel that carries: engine, desk, configuration and null kernels."""

from __future__ import annotations

import gc
import unittest

from isthmus.config.model import load
from isthmus.errors import IsthmusError
from isthmus.proto.pairing.errors import NAME_TAKEN, NOT_NOW, OTHER_WORDS, SELF, SPENT
from tests.core.paired_sites import PATH, SECRETS, TEXT, WALL, Sites
from tests.counts import cases

MINUTE = 60_000


class PairingTest(unittest.TestCase):
    def setUp(self):
        gc.collect()  # as in pair.py

    def refused(self, call, *arguments):
        """The code of the error that it raises."""
        try:
            call(*arguments)
        except IsthmusError as error:
            self.assertTrue(error.remedy, str(error))
            return error.code
        return ""

    def loaded(self, host):
        return load(PATH, host.disk.read, SECRETS)


class Works(PairingTest):
    def test_from_an_invite_to_a_tunnel(self):
        sites = Sites()
        self.assertEqual(sites.pair_sites(), ("router_b", "router_a"))
        self.assertEqual(sites.a.past(1)["state"], "up")
        for host, peer, lan in ((sites.a, sites.b, "192.168.20.0/24"), (sites.b, sites.a, "192.168.10.0/24")):
            tunnel = self.loaded(host).config.tunnels[0]
            self.assertEqual([str(net) for net in tunnel.remote_subnets], [lan])
            self.assertEqual(tunnel.site, peer.registry.site_id())
            self.assertTrue(tunnel.ppk_required and tunnel.ppk is not None and len(tunnel.ppk) == 64)
            self.assertTrue(host.site.tunnels[tunnel.name].ike.ppk)
            self.assertEqual(self.loaded(host).warnings, [])
            self.assertEqual(host.text()[: len(TEXT)].encode(), TEXT, "what was there stays")

    def test_keys_and_words_are_the_same_and_in_no_log(self):
        sites = Sites()
        here, there = sites.pair_sites()
        for suffix in ("", ".ppk", ".cookie", ".control"):
            key = sites.a.disk.get("%s/%s%s" % (SECRETS, here, suffix))
            self.assertEqual(key, sites.b.disk.get("%s/%s%s" % (SECRETS, there, suffix)))
            self.assertEqual(len(key), 65)
            secret = key.decode().strip()
            for host in (sites.a, sites.b):
                self.assertFalse([line for line in host.log.lines if secret in line])
                self.assertTrue(secret not in repr(host.report()) and secret not in host.text())

    def test_both_see_the_same_before_they_approve(self):
        sites = Sites()
        ours, theirs = sites.begin()
        one, two = sites.a.row(ours), sites.b.row(theirs)
        self.assertEqual((len(one["words"]), one["words"]), (3, two["words"]))
        self.assertEqual((one["peer"], two["peer"]), ("router-b", "router-a"))
        self.assertEqual((one["own"], one["theirs"]), (two["theirs"], two["own"]))
        self.assertEqual(one["own"], [{"network": "192.168.10.0/24", "shown": "192.168.10.0/24"}])
        self.assertEqual((one["mtu"], one["clock_offset_s"], one["overlaps"]), (1500, 0, []))
        self.assertTrue("no address translator" in one["nat"] and len(one["changes"]) == 3)
        self.assertTrue(590 < one["left_s"] <= 600)
        self.assertEqual((sites.a.site.tunnels, sites.a.files()), ({}, [SECRETS + "/site.id"]))

    def test_an_invite_that_waits_is_no_clock_that_differs(self):
        sites = Sites()
        ours, text = sites.a.invite()
        sites.run(9 * MINUTE)
        theirs = sites.b.pair_up().accept(text, sites.now, WALL + 9 * 60)
        sites.b.site.obey(sites.now)
        self.assertTrue(sites.run(5_000, lambda: sites.a.asks(ours) and sites.b.asks(theirs)))
        self.assertEqual((sites.a.row(ours)["clock_offset_s"], sites.b.row(theirs)["clock_offset_s"]), (0, 0))

    def test_the_same_network_on_both_sides(self):
        sites = Sites(lan_b="192.168.10.7")
        self.assertTrue(sites.pair_sites() is not None)
        seen = []
        for host in (sites.a, sites.b):
            config = self.loaded(host).config
            alias = config.aliases[0]
            self.assertEqual((len(config.aliases), str(alias.subnet)), (1, "192.168.10.0/24"))
            self.assertEqual(alias.tunnel, config.tunnels[0].name)
            seen.append((str(alias.shown), str(config.tunnels[0].remote_subnets[0])))
        self.assertEqual(seen[0], (seen[1][1], seen[1][0]))
        self.assertTrue(seen[0][0] != seen[0][1])

    def test_an_overlap_is_shown_with_its_alias(self):
        sites = Sites(lan_b="192.168.10.7")
        ours, _ = sites.begin()
        row = sites.a.row(ours)
        self.assertEqual(len(row["overlaps"]), 2)
        self.assertTrue(row["own"][0]["shown"] != row["own"][0]["network"])
        self.assertTrue(any("see as" in change for change in row["changes"]), row["changes"])

    def test_an_alias_that_is_there_holds_for_the_next_peer(self):
        text = TEXT + (
            b"config tunnel 'other'\n option remote '203.0.113.9'\n option psk 'sixteen characters'\n"
            b" list remote_subnet '10.8.0.0/16'\nconfig alias 'shown'\n option tunnel 'other'\n"
            b" option subnet '192.168.10.0/24'\n option as '10.99.1.0/24'\n"
        )
        sites = Sites(text_a=text)
        here, there = sites.pair_sites()
        self.assertEqual([str(n) for n in self.loaded(sites.b).config.get(there).remote_subnets], ["10.99.1.0/24"])
        aliases = [one for one in self.loaded(sites.a).config.aliases if one.tunnel == here]
        self.assertEqual([str(one.shown) for one in aliases], ["10.99.1.0/24"])

    def test_with_loss(self):
        for seed in range(cases(3, 12)):
            gc.collect()
            number = [seed * 7919]

            def fate(_data, _number, number=number):
                number[0] = (number[0] * 1103515245 + 12345) % (1 << 31)
                return [] if number[0] >> 8 & 0xFF < 51 else [5]

            sites = Sites(seed, fate)
            ours, text = sites.a.invite()
            theirs = sites.b.accept(text)
            self.assertTrue(sites.run(3 * MINUTE, lambda s=sites, o=ours, t=theirs: s.a.asks(o) and s.b.asks(t)), seed)
            here, there = sites.a.approve(ours), sites.b.approve(theirs)
            up = sites.run(
                5 * MINUTE, lambda s=sites, h=here, t=there: (s.state(s.a, h), s.state(s.b, t)) == ("up", "up")
            )
            self.assertTrue(up, (seed, sites.a.log.lines[-3:], sites.b.log.lines[-3:]))

    def test_a_refreshed_tunnel_does_without_the_pairing(self):
        """Both daemons restart: nothing of the pairing is needed any more."""
        sites = Sites()
        here, there = sites.pair_sites()
        for host in (sites.a, sites.b):
            host.reboot()
        self.assertTrue(sites.run(MINUTE, lambda: sites.state(sites.a, here) == sites.state(sites.b, there) == "up"))

    def test_without_its_ppk_it_refuses_to_come_up(self):
        sites = Sites()
        here, _ = sites.pair_sites()
        sites.a.disk.put("%s/%s.ppk" % (SECRETS, here), b"0" * 64 + b"\n")
        for host in (sites.a, sites.b):
            host.reboot()
        self.assertFalse(sites.run(MINUTE, lambda: sites.state(sites.a, here) in ("keyed", "carried", "up")))
        sites.a.disk.remove("%s/%s.ppk" % (SECRETS, here))
        self.assertTrue(self.loaded(sites.a).config is None)


class Doors(PairingTest):
    """What is open to strangers, and until when."""

    def names(self, host):
        return sorted([one.name for one in host.site.engine.connections._by_name.values()])

    def test_an_invite_opens_one_connection_and_closes_it(self):
        sites = Sites()
        ours, _ = sites.a.invite()
        self.assertEqual(self.names(sites.a), ["pair-1"])
        sites.a.cancel(ours)
        sites.run(2 * 60 * MINUTE)
        self.assertEqual(self.names(sites.a), [])
        self.assertEqual(sites.a.past(ours)["error"]["code"], "cancelled")

    def test_after_a_pairing_only_the_tunnel_is_left(self):
        sites = Sites()
        here, there = sites.pair_sites()
        sites.run(30_000)
        self.assertEqual((self.names(sites.a), self.names(sites.b)), (["pair-1", "pair-1-proof", here], [there]))
        self.assertEqual(len(list(sites.a.site.engine.table.get_all())), 1)
        for host, name in ((sites.a, here), (sites.b, there)):
            host.registry.drop(name, False)
        sites.run(21 * MINUTE)
        self.assertEqual((self.names(sites.a), sites.a.pairings.proofs), (["pair-1"], {}))
        sites.run(40 * MINUTE)  # who comes with the used invite is told so for an hour
        self.assertEqual((self.names(sites.a), sites.a.pairings._ends), ([], {}))


class BadInput(PairingTest):
    def test_other_words_and_names_change_nothing(self):
        sites = Sites()
        ours, theirs = sites.begin()
        self.assertEqual(self.refused(sites.a.approve, ours, "", ("a", "b", "c")), OTHER_WORDS)
        self.assertEqual(self.refused(sites.a.approve, ours, "no good"), "bad-name")
        self.assertEqual(self.refused(sites.a.approve, ours, "no-dash"), "bad-name")
        self.assertEqual(self.refused(sites.a.approve, 99, "fine", ("a", "b", "c")), NOT_NOW)
        self.assertTrue(sites.a.asks(ours))
        self.assertEqual((sites.a.approve(ours, "office"), sites.b.approve(theirs)), ("office", "router_a"))
        self.assertTrue(sites.run(MINUTE, lambda: sites.state(sites.a, "office") == "up"))

    def test_a_name_that_a_section_has(self):
        sites = Sites(text_a=TEXT + b"config passthrough 'router_b'\n option protocol 'pptp'\n")
        ours, _ = sites.begin()
        self.assertEqual(self.refused(sites.a.approve, ours, "router_b"), NAME_TAKEN)
        self.assertEqual(sites.a.approve(ours), "router_b_2")

    def test_its_own_invite_and_one_twice(self):
        sites = Sites()
        _, text = sites.a.invite()
        self.assertEqual(self.refused(sites.a.accept, text), SELF)
        sites.b.accept(text)
        self.assertEqual(self.refused(sites.b.accept, text), SPENT)

    def test_a_used_invite(self):
        sites = Sites()
        _, text = sites.a.invite()
        first = sites.b.accept(text)
        sites.run(5_000, lambda: sites.b.asks(first))
        sites.b.cancel(first)
        sites.run(5_000)
        again = sites.b.accept(text)
        sites.run(5_000)
        self.assertEqual(sites.b.past(again)["error"]["code"], SPENT)

    def test_a_copy_of_the_configuration(self):
        sites = Sites()
        sites.a.registry.site_id()
        sites.b.disk.put(SECRETS + "/site.id", sites.a.disk.get(SECRETS + "/site.id"))
        ours, theirs = sites.a.invite()[0], sites.b.accept(sites.a.invite()[1])
        sites.run(5_000)
        self.assertEqual(sites.b.past(theirs)["error"]["code"], SELF)
        sites.a.cancel(ours)

    def test_two_sites_that_are_paired(self):
        sites = Sites()
        sites.pair_sites()
        _, theirs = sites.begin()
        self.assertEqual(sites.b.past(theirs)["error"]["code"], "paired")

    def test_both_invite_each_other_at_once(self):
        sites = Sites()
        one, text_a = sites.a.invite()
        two, text_b = sites.b.invite()
        three, four = sites.b.accept(text_a), sites.a.accept(text_b)
        sites.run(10_000)
        live = [(h, n) for h, n in ((sites.a, one), (sites.b, two), (sites.b, three), (sites.a, four)) if h.row(n)]
        self.assertEqual(len(live), 2)
        for host, number in live:
            host.approve(number)
        up = [sites.state(host, "router_b" if host is sites.a else "router_a") for host in (sites.a, sites.b)]
        sites.run(MINUTE)
        up = [sites.state(host, "router_b" if host is sites.a else "router_a") for host in (sites.a, sites.b)]
        self.assertEqual(up, ["up", "up"])
        self.assertEqual(len(self.loaded(sites.a).config.tunnels), 1)

    def test_no_network_to_join(self):
        sites = Sites(text_a=b"config globals\n\tlist lan 'lan7'\n")
        self.assertEqual(self.refused(sites.a.invite), "no-place")

    def test_a_file_that_says_something_else_than_what_runs(self):
        sites = Sites()
        ours, _ = sites.begin()
        sites.a.disk.put(PATH, TEXT + b"config passthrough 'x'\n option protocol 'pptp'\n")
        self.assertEqual(self.refused(sites.a.approve, ours), "configuration")
        sites.a.disk.put(PATH, TEXT + b"config nonsense\n")
        self.assertEqual(self.refused(sites.a.approve, ours), "configuration")
        sites.a.disk.put(PATH, TEXT)
        self.assertEqual(sites.a.approve(ours), "router_b")

    def test_endpoints_that_cannot_be(self):
        sites = Sites()
        for at in ("192.0.2.1:4444", "a/b", "127.0.0.1", "-x", "[::1]:500", "x:", "1.2.3.4.5"):
            self.assertEqual(self.refused(sites.a.invite, *at.split()), "no-place", at)
        self.assertEqual(sites.a.invite("192.0.2.1:500")[0], 1)
        with self.assertRaises(IsthmusError) as caught:
            sites.a.invite("main.example.net:4444")
        self.assertTrue("UDP port 500, and then goes on at 4500; '4444'" in str(caught.exception))
        for words in ("forward UDP 500 and UDP 4500 under their own numbers", "let the other site make the invite"):
            self.assertTrue(words in caught.exception.remedy, caught.exception.remedy)


if __name__ == "__main__":
    unittest.main()
