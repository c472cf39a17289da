"""What a change means in words, what the probes say, and the record on the disk."""

import unittest

from isthmus.applying.probes import ANSWER_MS, FAILED, OK, PATIENCE_MS, WAIT, Probes, troubles
from isthmus.applying.record import Record, RecordError, Saved, digest_of, pull_record, push_record
from isthmus.applying.words import CLOSES, NOTE, OPENS, RESTARTS, consequences
from isthmus.wire.addr import parse_ip
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
        restart = (RESTARTS, "tunnel branch is interrupted and built anew, with another psk")
        self.assertEqual(self.said(old, new), [restart])
        self.assertEqual(self.said(old, new, ())[0][1], "tunnel branch begins anew, with another psk")
        self.assertFalse("lamp" in str(self.said(old, new)))
        lost = ": nobody reaches 10.5%d.0.0/16 through it any more"
        soft = config_of("")
        soft.tunnels[0].remote_subnets = []
        goes_on = "tunnel branch goes on without a break, with another remote_subnet" + lost % 0
        self.assertEqual(self.said(old, soft), [(NOTE, goes_on)])
        off = config_of("")
        off.tunnels[1].enabled = False
        self.assertEqual(self.said(old, off), [(RESTARTS, "tunnel backup is switched off" + lost % 1)])
        gone = config_of("")
        gone.tunnels = gone.tunnels[:1]
        self.assertEqual(self.said(old, gone), [(RESTARTS, "tunnel backup goes" + lost % 1)])
        self.assertEqual(self.said(gone, old), [(NOTE, "tunnel backup is new")])

    def test_the_rest(self):
        text = "config passthrough 'p'\n option protocol 'ipsec'\n option action 'block'\n"
        rows = self.said(config_of(""), config_of(text, " list lan 'br-lan'\n"))
        self.assertEqual(rows, [(NOTE, "passthrough p is new"), (NOTE, "the site's own networks are others")])


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
