"""Pairing that is broken off: by the network at every datagram, by a daemon that dies, by a disk; and unpairing."""

from __future__ import annotations

import gc
import unittest

from isthmus.config.model import load
from isthmus.config.store import Store
from isthmus.errors import IsthmusError
from isthmus.pairing_records import Proof
from isthmus.pairing_status import HELD
from isthmus.proto.actions import Told
from isthmus.proto.pairing.actions import Entry
from isthmus.proto.pairing.errors import NAME_TAKEN, UNREACHED
from isthmus.proto.pairing.keys import TunnelKeys
from tests.core.paired_sites import PATH, SECRETS, TEXT, Sites
from tests.counts import cases

MINUTE = 60_000
NO_SPACE, READ_ONLY = 28, 30
OPEN = "203.0.113.1"  # an address from which no answer comes


class BrokenTest(unittest.TestCase):
    def setUp(self):
        gc.collect()

    def error(self, call, *arguments):
        """The error that it raises, None if it does not."""
        try:
            call(*arguments)
        except IsthmusError as error:
            self.assertTrue(error.remedy, str(error))
            return error
        return None

    def check_disk(self, host):
        """A section and all of its keys, or neither."""
        loaded = load(PATH, host.disk.read, SECRETS)
        self.assertTrue(loaded.config is not None, loaded.errors)
        ends = ("", ".control", ".cookie", ".ppk")
        wanted = [SECRETS + "/" + tunnel.name + end for tunnel in loaded.config.tunnels for end in ends]
        there = [path for path in host.files() if path != SECRETS + "/site.id"]
        self.assertEqual(there, sorted(wanted))
        return [tunnel.name for tunnel in loaded.config.tunnels]


class Network(BrokenTest):
    def total(self):
        """How many datagrams a pairing takes."""
        sites = Sites()
        sites.pair_sites()
        return sites.sent

    def test_cut_at_every_datagram(self):
        """Whatever is the last that arrives: both have the tunnel and it works, or one at most has one without a peer;
        and nothing is left of the pairing.
        """
        total = self.total()
        self.assertTrue(10 < total < 100, total)
        outcomes = []
        for last in range(0, total, cases(6, 1)):
            gc.collect()
            state = [last]

            def fate(_data, number, state=state):
                return [5] if number <= state[0] else []

            sites = Sites(0, fate)
            ours, text = sites.a.invite()
            theirs = sites.b.accept(text)
            sites.run(5_000, lambda s=sites, o=ours, t=theirs: s.a.asks(o) and s.b.asks(t))
            for host, number in ((sites.a, ours), (sites.b, theirs)):
                if host.asks(number):
                    host.approve(number)
                    sites.run(2_000)
            sites.run(70 * MINUTE)
            for host in (sites.a, sites.b):
                self.assertEqual(host.report()["pairings"], [])
                self.assertEqual((host.pairings.proofs, host.pairings.calls, host.pairings._ends), ({}, {}, {}))
            state[0] = 1 << 60
            found = (self.check_disk(sites.a), self.check_disk(sites.b))
            outcomes.append(found)
            self.assertTrue(found in (([], []), (["router_b"], []), (["router_b"], ["router_a"])), (last, found))
            if found[1]:
                up = sites.run(5 * MINUTE, lambda s=sites: s.state(s.a, "router_b") == s.state(s.b, "router_a") == "up")
                self.assertTrue(up, last)
        self.assertTrue(([], []) in outcomes and (["router_b"], ["router_a"]) in outcomes, outcomes)

    def test_an_answer_to_the_proof_that_is_lost_for_a_while(self):
        """The inviter has its tunnel by then: the joiner still gets its own."""
        sites = Sites()
        ours, theirs = sites.begin()
        sites.b.approve(theirs)
        sites.run(1_000)
        sites.a.approve(ours)
        self.assertTrue(sites.run(5_000, lambda: sites.a.site.tunnels != {} and not sites.b.site.tunnels))
        sites.fate = lambda _data, _number: []
        for delay in sites._agenda:
            self.assertTrue(delay is not None)
        sites._agenda = []
        sites.run(2 * MINUTE)
        self.assertEqual(sites.b.site.tunnels, {})
        sites.fate = lambda _data, _number: [5]
        up = sites.run(5 * MINUTE, lambda: sites.state(sites.a, "router_b") == sites.state(sites.b, "router_a") == "up")
        self.assertTrue(up, sites.b.log.lines[-5:])

    def test_a_daemon_that_restarts_in_the_middle(self):
        for which in ("a", "b"):
            sites = Sites(which)
            ours, theirs = sites.begin()
            (sites.a if which == "a" else sites.b).start()
            other, number = (sites.b, theirs) if which == "a" else (sites.a, ours)
            if other.asks(number):
                other.approve(number)
            sites.run(70 * MINUTE)
            self.assertEqual(other.report()["pairings"], [])
            self.assertTrue(other.past(number)["error"] is not None)
            self.assertEqual(self.check_disk(sites.a) + self.check_disk(sites.b), [])


class Thief(BrokenTest):
    """Whoever has read the invite, and comes second or says much."""

    def test_what_is_said_beside_a_pairing_costs_no_look_at_the_disk(self):
        sites = Sites()
        sites.begin()
        before = len(sites.a.disk.made)
        for _ in range(100):
            sites.a.pairings.take(Told("pair-1", 4711, b"anything"), sites.now)
        self.assertEqual(len(sites.a.disk.made), before)

    def test_coming_again_and_again_fills_no_log(self):
        sites = Sites()
        ours, _ = sites.begin()
        noticed = []
        sites.a.log.notice = lambda subject, text: noticed.append(text)
        for ike_id in range(5000, 5100):
            sites.a.pairings.desk.authenticated(ours, ike_id, bytes(32), "none", sites.now)
            sites.a.pairings._obey()
        self.assertEqual(sites.a.row(ours)["rivals"], 100)
        self.assertEqual(noticed, [])


class Reaching(BrokenTest):
    def test_nobody_answers(self):
        sites = Sites(0, lambda _data, _number: [])
        _, text = sites.a.invite("198.18.0.1")
        theirs = sites.b.accept(text)
        self.assertTrue("calling 198.18.0.1 (1 of 1)" in sites.b.row(theirs)["story"], sites.b.row(theirs)["story"])
        self.assertTrue(sites.run(2 * MINUTE, lambda: sites.b.row(theirs)["trouble"] is not None))
        trouble = sites.b.row(theirs)["trouble"]
        self.assertTrue("198.18.0.1: no answer" in trouble["message"], trouble)
        self.assertTrue("(198.18.0.1) forward UDP 500 and UDP 4500 to" in trouble["remedy"], trouble)
        self.assertTrue("make the invite here, at 198.51.100.1" in trouble["remedy"], trouble)
        sites.run(12 * MINUTE)
        self.assertEqual(sites.b.past(theirs)["error"]["code"], UNREACHED)
        self.assertEqual(sites.b.report()["pairings"], [])

    def test_behind_a_translator_the_forward_is_named(self):
        sites = Sites(0, lambda _data, _number: [])
        sites.a.move(b"\xc0\xa8\x64\x02")
        _, text = sites.a.invite("198.18.0.1")
        self.assertTrue(any("forwarded to 192.168.100.2" in note for note in sites.a.row(1)["notes"]))
        sites.b.move(b"\xc0\xa8\x65\x02")
        theirs = sites.b.accept(text)
        self.assertTrue(sites.run(2 * MINUTE, lambda: sites.b.row(theirs)["trouble"] is not None))
        remedy = sites.b.row(theirs)["trouble"]["remedy"]
        self.assertTrue("forward UDP 500 and UDP 4500 to 192.168.100.2" in remedy, remedy)
        self.assertTrue("this router has no public address" in remedy, remedy)

    def test_a_private_address_alone_is_told(self):
        sites = Sites()
        sites.a.move(b"\xc0\xa8\x64\x02")
        sites.a.invite()
        self.assertTrue(any("is a private one" in note for note in sites.a.row(1)["notes"]))

    def test_the_second_endpoint_and_a_name(self):
        sites = Sites()
        sites.b.names = {"office.example.net": [b"\xcb\x00\x71\x09", b"\xc0\x00\x02\x01"]}
        ours, text = sites.a.invite("nowhere.example.net", "office.example.net")
        theirs = sites.b.accept(text)
        self.assertTrue(sites.run(MINUTE, lambda: sites.b.asks(theirs)))
        sites.a.approve(ours)
        there = sites.b.approve(theirs)
        self.assertTrue(sites.run(MINUTE, lambda: sites.state(sites.b, there) == "up"))
        self.assertEqual(sites.b.site.tunnels[there].config.remotes, ["nowhere.example.net", "office.example.net"])

    def test_someone_who_knows_no_such_invite(self):
        sites = Sites()
        ours, text = sites.a.invite()
        sites.a.cancel(ours)
        sites.a.start()
        sites.a.invite()
        theirs = sites.b.accept(text)
        sites.run(MINUTE)
        self.assertEqual(sites.b.past(theirs)["error"]["code"], "unknown-invite")

    def test_no_way_out(self):
        sites = Sites()
        sites.a.kernel.ways = []
        self.assertEqual(self.error(sites.a.invite).code, "no-place")
        _, text = sites.b.invite()
        number = sites.a.accept(text)
        sites.run(1_000)
        self.assertTrue("no route leads there" in sites.a.row(number)["trouble"]["message"])


class Disks(BrokenTest):
    def refuse(self, host, number):
        host.disk.refuse = (len(host.disk.made), number)
        host.disk.forever = True

    def mend(self, host):
        host.disk.refuse = None
        host.disk.forever = False

    def full(self, host, number=NO_SPACE):
        """Whatever would write is refused from now on."""
        disk = host.disk
        real = disk._call

        def call(name):
            real(name)
            if name in disk.WRITING:
                raise OSError(number, name)

        disk._call = call
        return lambda: setattr(disk, "_call", real)

    def test_full_or_read_only_when_it_is_approved(self):
        for number, words in ((NO_SPACE, "no space"), (READ_ONLY, "read-only")):
            sites = Sites()
            ours, theirs = sites.begin()
            mended = self.full(sites.a, number)
            self.assertTrue(words in str(self.error(sites.a.approve, ours)))
            self.assertTrue(sites.a.asks(ours))
            mended()
            self.check_disk(sites.a)
            sites.a.approve(ours)
            sites.b.approve(theirs)
            self.assertTrue(sites.run(MINUTE, lambda s=sites: s.state(s.a, "router_b") == "up"))

    def test_full_when_it_is_agreed_and_mended(self):
        sites = Sites()
        ours, theirs = sites.begin()
        sites.a.approve(ours)
        mended = self.full(sites.a)
        sites.b.approve(theirs)
        self.assertTrue(sites.run(20_000, lambda: sites.a.row(ours) and sites.a.row(ours)["trouble"] is not None))
        self.assertTrue("no space" in sites.a.row(ours)["trouble"]["message"])
        self.assertEqual(self.check_disk(sites.a), [])
        mended()
        self.assertTrue(sites.run(MINUTE, lambda: sites.state(sites.a, "router_b") == "up"))
        self.check_disk(sites.a)

    def test_full_for_good(self):
        sites = Sites()
        ours, theirs = sites.begin()
        sites.a.approve(ours)
        self.full(sites.a)
        sites.b.approve(theirs)
        sites.run(15 * MINUTE)
        self.assertEqual(sites.a.past(ours)["error"]["code"], "not-written")
        self.assertEqual((self.check_disk(sites.a), self.check_disk(sites.b)), ([], ["router_a"]))
        sites.run(MINUTE)
        self.assertTrue(sites.state(sites.b, "router_a") != "up")

    def test_refused_at_each_call_while_it_is_written(self):
        """Half of it is nowhere: the section with all of its keys, or nothing."""
        calls = self.refused_at(1_000_000)
        self.assertTrue(60 < calls < 200, calls)
        last = list(range(calls - 4, calls))  # among them: in its place, and perhaps not for good
        for at in list(range(0, calls - 4, cases(19, 1))) + last:
            gc.collect()
            self.assertTrue(self.refused_at(at) > at)

    def refused_at(self, at):
        """A pairing whose first writing is refused at its call of this number: how many calls that writing made."""
        sites = Sites()
        ours, theirs = sites.begin()
        sites.a.approve(ours)
        registry, disk, made = sites.a.registry, sites.a.disk, []
        change = Store.change

        def first(store, *arguments):
            begun = len(disk.made)
            Store.change = change
            disk.refuse = (begun + at, NO_SPACE)
            try:
                return change(store, *arguments)
            finally:
                disk.refuse = None
                made.append(len(disk.made) - begun)

        keep = registry.keep

        def kept(*arguments):
            if not made:
                Store.change = first
            try:
                return keep(*arguments)
            finally:
                Store.change = change
                self.check_disk(sites.a)

        registry.keep = kept
        sites.b.approve(theirs)
        self.assertTrue(sites.run(MINUTE, lambda: sites.state(sites.a, "router_b") == "up"), at)
        self.check_disk(sites.a)
        self.assertEqual(sites.a.text().count("remote_subnet"), 1)
        return made[0]

    def test_two_that_were_approved_under_one_name(self):
        """Both peers call themselves the same, and one lets the other go first: no tunnel is written over."""
        sites = Sites()
        ours, theirs = sites.begin()
        sites.a.approve(ours, "office")
        sites.b.approve(theirs)
        self.assertTrue(sites.run(MINUTE, lambda: sites.state(sites.a, "office") == "up"))
        before = sites.a.text()
        keys = {path: sites.a.disk.get(path) for path in sites.a.files()}
        entry = sites.a.pairings.proofs[ours].entry
        other = Entry("office", entry.peer, bytes(16), entry.role, entry.terms, [], TunnelKeys(bytes(32)))
        self.assertEqual(self.error(sites.a.registry.keep, other, []).code, "name-taken")
        self.assertEqual(sites.a.text(), before)
        self.assertEqual({path: sites.a.disk.get(path) for path in sites.a.files()}, keys)

    def test_a_name_that_another_pairing_will_have(self):
        sites = Sites()
        ours, _ = sites.begin()
        peer = sites.a.pairings.desk.get(ours)
        proof = sites.a.pairings.proofs[99] = Proof(Entry("router_b", "b", b"", 0, peer.terms, [], None), None, None)
        proof.write_at = 1 << 60
        self.assertEqual(self.error(sites.a.approve, ours, "router_b").code, NAME_TAKEN)
        self.assertEqual(sites.a.row(ours)["tunnel"], "router_b_2")
        self.assertEqual(sites.a.approve(ours), "router_b_2")

    def test_no_room_for_this_sites_id(self):
        sites = Sites()
        mended = self.full(sites.a)
        self.assertTrue("no space" in str(self.error(sites.a.invite)))
        mended()
        self.assertEqual(sites.a.invite()[0], 1)

    def test_what_is_written_and_refused_by_nft(self):
        """It stays written, once; the next reload applies it."""
        sites = Sites()
        ours, theirs = sites.begin()
        sites.a.approve(ours)
        real = sites.a.registry._reload
        sites.a.registry._reload = self.fail_reload
        sites.b.approve(theirs)
        sites.run(20_000)
        self.assertEqual(self.check_disk(sites.a), ["router_b"])
        self.assertEqual(sites.a.text().count("list remote "), 1)
        self.assertTrue([line for line in sites.a.log.lines if "nft says no" in line])
        real()
        self.assertTrue(sites.run(MINUTE, lambda: sites.state(sites.a, "router_b") == "up"))

    def test_while_a_change_is_on_trial(self):
        """Nothing is approved meanwhile; what was approved before is written when it is over."""
        sites = Sites()
        ours, theirs = sites.begin()
        sites.a.registry._check_free = self.fail_reload
        self.assertEqual(str(self.error(sites.a.approve, ours)), "nft says no")
        self.assertEqual(str(self.error(sites.a.invite)), "nft says no")
        sites.a.registry._check_free = bool
        sites.a.approve(ours)
        sites.a.registry._check_free = self.fail_reload
        sites.b.approve(theirs)
        self.assertTrue(sites.run(20_000, lambda: sites.a.row(ours) and sites.a.row(ours)["trouble"] is not None))
        sites.a.registry._check_free = bool
        self.assertTrue(sites.run(MINUTE, lambda: sites.state(sites.a, "router_b") == "up"))

    def test_while_a_change_is_on_trial_for_an_hour(self):
        """The other side has its half already: this one is written however long that takes, with as much time left."""
        for name in "ab":
            sites = Sites()
            ours, theirs = sites.begin()
            sites.a.approve(ours)
            held, number = (sites.a, ours) if name == "a" else (sites.b, theirs)
            sites.b.approve(theirs)
            held.registry._check_free = self.fail_reload
            self.assertTrue(sites.run(MINUTE, lambda held=held, number=number: (held.row(number) or {}).get("trouble")))
            sites.run(cases(15, 60) * MINUTE)
            row = held.row(number)
            self.assertEqual((row["story"], row["left_s"], row["trouble"]["message"]), (HELD, 600, "nft says no"))
            held.registry._check_free = bool
            peer = "router_b" if name == "a" else "router_a"
            self.assertTrue(sites.run(6 * MINUTE, lambda s=sites, h=held, p=peer: s.state(h, p) == "up"))

    def fail_reload(self):
        raise IsthmusError("nft says no", "mend it")

    def test_another_writer_holds_the_lock(self):
        sites = Sites()
        ours, theirs = sites.begin()
        sites.a.approve(ours)
        sites.a.disk.busy = [PATH]
        sites.b.approve(theirs)
        self.assertTrue(sites.run(20_000, lambda: sites.a.row(ours) and sites.a.row(ours)["trouble"] is not None))
        self.assertTrue("another program" in sites.a.row(ours)["trouble"]["message"])
        sites.a.disk.busy = []
        self.assertTrue(sites.run(MINUTE, lambda: sites.state(sites.a, "router_b") == "up"))


RULES = (
    b"config forced 'only'\n list from '192.168.10.5@02:00:00:00:00:05'\n list via '%s'\n"
    b"config exception 'ntp'\n list rule 'only'\n list port 'udp:123'\n"
)


class Unpair(BrokenTest):
    def drop(self, host, name, force=False):
        found = host.registry.drop(name, force)
        host.site.obey(host.pair.now)
        return found

    def test_with_a_dead_peer(self):
        sites = Sites(lan_b="192.168.10.7")
        here, _ = sites.pair_sites()
        sites.b.kill()
        found = self.drop(sites.a, here)
        self.assertEqual(found["removed"], ["router_b", "router_b_alias1"])
        sites.run(MINUTE)
        self.assertEqual((sites.a.files(), sites.a.site.tunnels), ([SECRETS + "/site.id"], {}))
        self.assertEqual(sites.a.text().encode().strip(), TEXT.strip())
        self.assertEqual(sites.a.kernel.dump("session") + sites.a.kernel.dump("sa"), [])

    def test_and_pair_again(self):
        sites = Sites()
        here, there = sites.pair_sites()
        self.drop(sites.a, here)
        self.drop(sites.b, there)
        self.assertEqual(sites.pair_sites(), ("router_b", "router_a"))

    def test_what_was_not_paired_stays(self):
        text = TEXT + b"config tunnel 'hand'\n option remote '203.0.113.9'\n option psk 'sixteen characters'\n"
        sites = Sites(text_a=text)
        self.assertEqual(self.error(sites.a.registry.drop, "hand", True).code, "not-paired")
        self.assertEqual(self.error(sites.a.registry.drop, "none", True).code, "no-tunnel")

    def test_forced_rules(self):
        sites = Sites()
        here, _ = sites.pair_sites()
        plain = sites.a.text().encode()
        sites.a.disk.put(PATH, plain + RULES % here.encode())
        sites.a.reload()
        error = self.error(sites.a.registry.drop, here, False)
        self.assertEqual((error.code, "only" in str(error), "--force" in error.remedy), ("forced", True, True))
        found = self.drop(sites.a, here, True)
        self.assertEqual(found["removed"], ["router_b", "only", "ntp"])
        self.assertTrue(found["exposed"], "nobody is told who becomes exposed")
        self.assertEqual(sites.a.text().encode().strip(), TEXT.strip())

    def test_a_rule_with_another_tunnel_keeps_it(self):
        text = TEXT + b"config tunnel 'hand'\n option remote '203.0.113.9'\n option psk 'sixteen characters'\n"
        sites = Sites(text_a=text)
        here, _ = sites.pair_sites()
        rules = RULES % here.encode() + b"config forced 'two'\n list from '192.168.10.6@02:00:00:00:00:06'\n"
        rules += b" list via 'router_b'\n list via 'hand'\n"
        rules += b"config exception 'both'\n list rule 'only'\n list rule 'two'\n list port 'udp:123'\n"
        sites.a.disk.put(PATH, sites.a.text().encode() + rules)
        sites.a.reload()
        found = self.drop(sites.a, here, True)
        self.assertEqual(found["removed"], ["router_b", "only", "ntp"])
        config = load(PATH, sites.a.disk.read, SECRETS).config
        self.assertEqual([(rule.name, rule.via) for rule in config.forced], [("two", ["hand"])])
        self.assertEqual([one.rules for one in config.forced[0].exceptions], [["two"]])


if __name__ == "__main__":
    unittest.main()
