"""What a change means in words, what the probes say, and the record on the disk."""

import unittest

from isthmus.applying.probes import ANSWER_MS, FAILED, OK, PATIENCE_MS, WAIT, Probes, troubles
from isthmus.applying.record import Record, RecordError, Saved, digest_of, pull_record, push_record
from isthmus.applying.words import CLOSES, LEADS, NOTE, OPENS, RESTARTS, consequences
from isthmus.wire.addr import parse_ip, parse_prefix
from isthmus.wire.identity import identity_of_address
from tests.core.test_both import config_of, exception, rule
from tests.counts import cases

SOFT = ("remote_subnets", "mtu")
GUEST = b"\x02" + bytes(5)
NEIGHBOURS = [("br-guest", parse_ip("192.168.40.9"), GUEST), ("br-guest", parse_ip("fe80::9"), GUEST),
              ("br-lan", parse_ip("192.168.10.7"), b"\x04" + bytes(5))]  # fmt: skip


class WordsTest(unittest.TestCase):
    def said(self, before, after, up=("branch",)):
        return consequences(before, after, list(up), SOFT, NEIGHBOURS)

    def test_nothing_is_nothing(self):
        self.assertEqual(self.said(config_of(rule("one", ["br-lan"])), config_of(rule("one", ["br-lan"]))), [])

    def test_devices_that_lose_direct_internet(self):
        new = rule("one", ["192.168.10.7", "192.168.10.8", "aa:bb:cc:dd:ee:01"], ["branch", "backup"])
        by = " through tunnel branch or backup, or nowhere (rule one)"
        who = "192.168.10.7, 192.168.10.8, aa:bb:cc:dd:ee:01"
        self.assertEqual(self.said(config_of(""), config_of(new)),
                         [(CLOSES, "3 devices lose direct Internet: " + who + " go" + by)])  # fmt: skip
        old = rule("one", ["192.168.10.7", "192.168.10.8"], ["branch", "backup"])
        one = (CLOSES, "1 device loses direct Internet: aa:bb:cc:dd:ee:01 goes" + by)
        self.assertEqual(self.said(config_of(old), config_of(new)), [one, (NOTE, "rule one changes: from")])

    def test_networks_of_devices(self):
        text = rule("one", ["br-guest", "192.168.10.0/24"], more=" list to '9.9.9.0/24'\n")
        rest = " (1 of them known now) lose the direct way to 9.9.9.0/24: they go through tunnel branch, or nowhere"
        rest += " (rule one)"
        self.assertEqual([words for _, words in self.said(config_of(""), config_of(text))],
                         ["all devices " + where + rest for where in ("behind br-guest", "in 192.168.10.0/24")])

    def test_who_becomes_exposed(self):
        old = rule("one", ["192.168.10.7"])
        rows = self.said(config_of(old), config_of(""))
        self.assertEqual(rows[0], (OPENS, "192.168.10.7 may now use the open Internet: rule one was removed"))
        rows = self.said(config_of(old), config_of(old + exception("ntp", ["one"], " list to '203.0.113.0/24'\n")))
        self.assertEqual([kind for kind, _ in rows], [OPENS, NOTE])

    def test_tunnels(self):
        old, new = config_of(""), config_of("")
        new.tunnels[0].psk = b"another lamp altogether"
        restart = (LEADS, "tunnel branch is interrupted and built anew, with another psk")
        self.assertEqual(self.said(old, new), [restart])
        self.assertEqual(self.said(old, new, ())[0][1], "tunnel branch begins anew, with another psk")
        self.assertFalse("lamp" in str(self.said(old, new)))
        lost = ": nobody reaches 10.5%d.0.0/16 through it any more"
        soft = config_of("")
        soft.tunnels[0].remote_subnets = []
        goes_on = "tunnel branch goes on without a break, with networks none instead of 10.50.0.0/16" + lost % 0
        self.assertEqual(self.said(old, soft), [(NOTE, goes_on)])
        off = config_of("")
        off.tunnels[1].enabled = False
        self.assertEqual(self.said(old, off), [(RESTARTS, "tunnel backup is switched off" + lost % 1)])
        gone = config_of("")
        gone.tunnels = gone.tunnels[:1]
        self.assertEqual(self.said(old, gone), [(RESTARTS, "tunnel backup goes" + lost % 1)])
        new_one = "tunnel backup is new: it leads to 198.51.100.8, with networks 10.51.0.0/16"
        self.assertEqual(self.said(gone, old), [(LEADS, new_one)])
        self.assertEqual(self.said(gone, off), [(LEADS, new_one + ", switched off")])
        off.tunnels[1].internet = True
        through = ", and the other site goes on to the Internet from here, switched off"
        self.assertEqual(self.said(gone, off), [(LEADS, new_one + through)])
        off.tunnels[1].internet = False
        on_again = "tunnel backup is switched on: it leads to 198.51.100.8, with networks 10.51.0.0/16"
        self.assertEqual(self.said(off, old), [(LEADS, on_again)])

    def test_tunnels_that_lead_elsewhere(self):
        old, new = config_of(""), config_of("")
        branch = new.tunnels[0]
        branch.remotes, branch.psk, branch.mtu = ["203.0.113.66"], b"another lamp altogether", 1400
        text = "tunnel branch is interrupted and built anew: it leads to 203.0.113.66 instead of 198.51.100.7, "
        self.assertEqual(self.said(old, new), [(LEADS, text + "with another mtu, psk")])
        branch.enabled = False  # so that switching it on, later, would tell of nothing
        off = "tunnel branch is switched off: it leads to 203.0.113.66 instead of 198.51.100.7, with another mtu, psk"
        lost = ": nobody reaches 10.50.0.0/16 through it any more"
        self.assertEqual(self.said(old, new), [(LEADS, off + lost)])
        called = config_of("")
        called.tunnels[0].remotes, called.tunnels[0].initiates = [], False
        said = "it leads to whoever calls with its key instead of 198.51.100.7"
        self.assertEqual(self.said(old, called, ()), [(LEADS, "tunnel branch begins anew: " + said)])
        named = config_of("")
        named.tunnels[0].remote_id = identity_of_address(parse_ip("203.0.113.66"))
        said = "its other end is called 203.0.113.66 instead of by its address"
        self.assertEqual(self.said(old, named, ()), [(LEADS, "tunnel branch begins anew: " + said)])
        wider = config_of("")
        wider.tunnels[0].remote_subnets = wider.tunnels[0].remote_subnets + [parse_prefix("10.60.0.0/16")]
        said = ", with networks 10.50.0.0/16, 10.60.0.0/16 instead of 10.50.0.0/16"
        self.assertEqual(self.said(old, wider), [(LEADS, "tunnel branch goes on without a break" + said)])
        onwards = config_of("")
        onwards.tunnels[0].internet = True
        said = ": the other site goes on to the Internet from here"
        self.assertEqual(self.said(old, onwards, ()), [(LEADS, "tunnel branch begins anew" + said)])
        self.assertEqual(self.said(onwards, old, ()), [(RESTARTS, "tunnel branch begins anew%s no more" % said)])
        weaker = config_of("")
        weaker.tunnels[0].esp_proposals = ["aes128gcm16"]
        said = ", with ESP proposals aes128gcm16 instead of " + ", ".join(old.tunnels[0].esp_proposals)
        self.assertEqual(self.said(old, weaker, ()), [(RESTARTS, "tunnel branch begins anew" + said)])
        harmless = config_of("")
        harmless.tunnels[0].dpd_ms = 1
        text = "tunnel branch begins anew, with another dpd_interval"
        self.assertEqual(self.said(old, harmless, ()), [(RESTARTS, text)])

    def test_devices_that_go_through_another_tunnel(self):
        old, new = config_of(rule("one", ["192.168.10.51"])), config_of(rule("one", ["192.168.10.51"], ["backup"]))
        text = "192.168.10.51 goes through tunnel backup (198.51.100.8), not branch (198.51.100.7) (rule one)"
        self.assertEqual(self.said(old, new), [(LEADS, text), (NOTE, "rule one changes: via")])
        both = config_of(rule("one", ["192.168.10.51"], ["backup", "branch"]))
        text = "192.168.10.51 goes through tunnel backup (198.51.100.8) or branch (198.51.100.7); before: branch "
        self.assertEqual(self.said(old, both)[0], (LEADS, text + "(198.51.100.7) (rule one)"))
        # By a rule of another name, ahead of its own
        ahead = rule("two", ["192.168.10.51"], ["backup"], " list to '9.9.9.0/24'\n")
        text = "192.168.10.51 goes through tunnel backup (198.51.100.8), not branch (198.51.100.7) (rule two)"
        self.assertTrue((LEADS, text) in self.said(old, config_of(ahead + rule("one", ["192.168.10.51"]))))
        # Out of one rule into another
        old = config_of(rule("one", ["192.168.10.51", "br-guest"]) + rule("two", ["192.168.10.9"], ["backup"]))
        new = config_of(rule("one", ["192.168.10.52"]) + rule("two", ["192.168.10.51", "br-guest"], ["backup"]))
        text = "192.168.10.51, all devices behind br-guest go through tunnel backup (198.51.100.8), not branch "
        self.assertTrue((LEADS, text + "(198.51.100.7) (rule two)") in self.said(old, new))

    def test_rules_with_values(self):
        old = rule("one", ["192.168.10.7"], more=" list dns '10.50.0.1'\n")
        new = rule("one", ["192.168.10.7"], more=" list dns '10.50.0.66'\n")
        rows = self.said(config_of(old), config_of(new))
        self.assertEqual(rows, [(LEADS, "rule one changes: dns 10.50.0.66 instead of 10.50.0.1")])
        two = rule("two", ["192.168.10.8"])
        rows = self.said(config_of(old + two), config_of(two + old))
        text = "the rules stand in another order, which decides between their tunnels: two, one"
        self.assertEqual(rows, [(LEADS, text)])

    def test_passthrough(self):
        text = "config passthrough 'p'\n option protocol 'ipsec'\n option action '%s'\n"
        none, block, allow = config_of(""), config_of(text % "block"), config_of(text % "allow")
        what = "ipsec from all devices, going out, "
        for old, new, kind, said in (
            (none, allow, OPENS, "is new: " + what + "is allowed"),
            (none, block, NOTE, "is new: " + what + "is blocked"),
            (block, none, OPENS, "goes: " + what + "was blocked"),
            (allow, none, NOTE, "goes: " + what + "was allowed"),
            (block, allow, OPENS, "changes: " + what + "is allowed; before: " + what + "was blocked"),
        ):  # fmt: skip
            self.assertEqual(self.said(old, new), [(kind, "passthrough p " + said)])

    def test_the_rest(self):
        one = " list lan 'br-lan'\n"
        self.assertEqual(self.said(config_of(""), config_of("", one)),
                         [(NOTE, "the site's own networks are br-lan instead of br-lan, br-guest")])  # fmt: skip
        held = rule("one", ["192.168.10.7"])
        self.assertEqual(self.said(config_of(held, one), config_of(held)),
                         [(OPENS, "the site's own networks are br-lan, br-guest instead of br-lan")])  # fmt: skip
        text = "config alias 'a'\n option tunnel 'branch'\n option subnet '192.168.10.0/24'\n"
        text += " option as '10.70.0.0/24'\n"
        rows = self.said(config_of(""), config_of(text + " option side 'local'\n"))
        shown = "alias a is new: local network 192.168.10.0/24 of tunnel branch appears as 10.70.0.0/24"
        self.assertEqual(rows, [(NOTE, shown)])


class ProbesTest(unittest.TestCase):
    def test_a_tunnel_counts_when_a_probe_of_after_the_change_is_back(self):
        probes = Probes(["branch"], {}, 1000)
        for state, answered, now, wanted in (
            ("up", 900, 1100, WAIT), ("up", 1000 + ANSWER_MS - 1, 3000, WAIT), ("up", 1000 + ANSWER_MS, 3000, OK),
            ("negotiating", 1000 + ANSWER_MS, 3000, WAIT), ("up", None, 3000, WAIT),
            ("negotiating", None, 1000 + PATIENCE_MS, FAILED), ("up", 900, 1000 + PATIENCE_MS, FAILED),
            ("up", 1000 + PATIENCE_MS, 2000 + PATIENCE_MS, OK),
        ):  # fmt: skip
            rows = probes.see({"branch": (state, answered, "does not answer")}, {}, now)
            self.assertEqual([row[:2] for row in rows], [("tunnel branch", wanted)], (state, answered, now))
            self.assertEqual(bool(troubles(rows)), wanted != OK)
        self.assertEqual(probes.see({}, {}, 1100)[0][1:], (WAIT, "it was up, and is not there"))

    def test_ways(self):
        probes = Probes([], {"resolver 9.9.9.9": "wan0", "resolver 8.8.8.8": "wan0"}, 0)
        rows = probes.see({}, {"resolver 9.9.9.9": "wan0", "resolver 8.8.8.8": "ist-branch"}, 1)
        self.assertEqual([state for _, state, _ in rows], [FAILED, OK])
        self.assertEqual(troubles(rows), ["resolver 8.8.8.8: it was reached by wan0, and is by ist-branch"])
        self.assertEqual(troubles(probes.see({}, {}, 1))[1][-7:], "nothing")


class RecordTest(unittest.TestCase):
    def record(self):
        files = [Saved("/secrets/branch", b"a key\n", digest_of(b"b")), Saved("/x y\n", None, digest_of(b"")),
                 Saved("/z", b"", None)]  # fmt: skip
        return Record(90, files, b"isthmus.a='b\nc'\n", b"", ["who is exposed: \xe4"])

    def test_there_and_back(self):
        record = self.record()
        found = pull_record(push_record(record))
        for name in ("window", "staged", "keys", "again"):
            self.assertEqual(getattr(found, name), getattr(record, name))
        self.assertEqual([(s.path, s.before, s.after) for s in found.files],
                         [(s.path, s.before, s.after) for s in record.files])  # fmt: skip
        self.assertFalse("a key" in repr(found) + repr(found.files))

    def test_one_that_is_damaged_is_refused_whatever_the_damage(self):
        data = push_record(self.record())
        for number in range(0, len(data), cases(3, 1)):
            for bad in (data[:number], data[:number] + bytes([data[number] ^ 1]) + data[number + 1 :], data[number:]):
                if bad != data:
                    with self.assertRaises(RecordError):
                        pull_record(bad)

    def test_one_of_another_version(self):
        for line in (b"color blue", b"window x", b"file 2f 61", b"file 2f 0xzz -", b"file zz - -", b"staged 61", b""):
            text = b"isthmus-undo 1\n" + line + b"\n"
            with self.assertRaises(RecordError) as caught:
                pull_record(text + b"end " + b"".join([b"%02x" % byte for byte in digest_of(text)]) + b"\n")
            self.assertTrue("another version" in str(caught.exception))


if __name__ == "__main__":
    unittest.main()
