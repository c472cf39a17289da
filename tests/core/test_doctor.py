"""The doctor's findings: a healthy router has none, and each fault the one that names it."""

from __future__ import annotations

import unittest

from isthmus.doctor import report
from isthmus.doctor.facts import Facts, Feature, FileMode, Name, Peer, PortUse, Problem
from isthmus.doctor.finding import AREAS, CODES, LEVELS


def healthy():
    """A router on which nothing is wrong."""
    facts = Facts()
    facts.release = facts.own = "1.0"
    facts.since_s, facts.resident_kib = 90, 27_000
    cipher = Feature("no-cipher", "aes256gcm16", True, group="ESP over IPv4")
    facts.features = [Feature("no-ipsec", "IPsec", True), cipher]
    facts.guard_wanted = facts.guard_there = True
    facts.guard_age = 4_000
    facts.ports = [PortUse(500, "any address", True), PortUse(4500, "any address", True)]
    facts.wall_s, facts.wall_text = 1_795_420_800, "2026-11-23 08:00 UTC"
    facts.floor_s, facts.floor_text = 1_795_400_000, "2026-11-23 02:13 UTC"
    facts.keepers = ["ntpd"]
    facts.config_path, facts.config_found, facts.tunnels = "/etc/config/isthmus", True, ["branch"]
    facts.files = [FileMode("/etc/isthmus/secrets", True, 0o700, True), FileMode("/x/branch", False, 0o600, True)]
    facts.names = [Name("branch", "b.example.net", ["203.0.113.2"], "")]
    facts.peers = [up_peer()]
    return facts


def up_peer():
    peer = Peer("branch", "b.example.net", "up", 60_000)
    peer.address = "203.0.113.2"
    peer.has_ike, peer.seen, peer.nat = True, 3_000, "none"
    peer.loss, peer.round_trip = 0, 12
    peer.limit = peer.uplink_mtu = 1500
    peer.mtu = peer.fitting = 1422
    return peer


def down_peer(code, message="words", state="waiting"):
    peer = up_peer()
    peer.state, peer.has_ike, peer.seen, peer.nat, peer.loss = state, False, None, "", None
    peer.error = (code, message, "do this", 5_000)
    return peer


class Doctor(unittest.TestCase):
    def codes(self, facts):
        """The codes, in order; and that each finding is as the table has it."""
        answer = report.report(facts)
        self.assertEqual([row["area"] for row in answer["areas"]], list(AREAS))
        wrong = [row for row in answer["findings"] if row["level"] != "note"]
        self.assertEqual(answer["wrong"], len(wrong))
        for row in answer["findings"]:
            self.assertTrue(row["message"] and row["remedy"], row)
            if row["code"] in CODES:
                self.assertEqual((row["level"], row["area"]), CODES[row["code"]][:2])
        levels = [LEVELS.index(row["level"]) for row in answer["findings"]]
        self.assertEqual(levels, sorted(levels))
        return [row["code"] for row in answer["findings"]]

    def with_peer(self, peer):
        facts = healthy()
        facts.peers = [peer]
        return self.codes(facts)

    def test_nothing_wrong(self):
        facts = healthy()
        self.assertEqual(self.codes(facts), [])
        answer = report.report(facts)
        self.assertEqual({row["state"] for row in answer["areas"]}, {"ok"})
        self.assertEqual(report.lines(answer)[-1], "nothing is wrong, nothing is noteworthy")
        text = "\n".join(report.lines(answer))
        for words in ("no address translator", "MTU 1422", "verified 4 s ago", "500: isthmus"):
            self.assertTrue(words in text, words)

    def test_nothing_known_is_nothing_found(self):
        answer = report.report(Facts())
        self.assertEqual(answer["findings"], [])
        states = {row["area"]: row["state"] for row in answer["areas"]}
        for area in ("kernel", "guard", "ports", "clock", "config", "secrets", "peers", "path"):
            self.assertEqual(states[area], "unknown")

    def test_the_table(self):
        for code, (level, area, when) in CODES.items():
            self.assertTrue(level in LEVELS and area in AREAS and when, code)
        self.assertEqual(sorted(report.CHECKS), sorted(AREAS))

    # --- the router ---------------------------------------------------------------------------------------------------

    def test_no_daemon(self):
        facts = healthy()
        facts.away = "nobody at /var/run/isthmus"
        facts.peers = None
        facts.ports = []
        self.assertEqual(self.codes(facts), ["daemon-away"])
        shown = report.lines(report.report(facts))
        self.assertTrue([line for line in shown if "peers" in line and report.AWAY in line])
        self.assertTrue([line for line in shown if "/etc/init.d/isthmus start" in line])
        facts.is_root = False
        self.assertEqual(self.codes(facts), ["not-root"])

    def test_an_old_daemon(self):
        facts = healthy()
        facts.own = "1.1"
        self.assertEqual(self.codes(facts), ["release-differs"])

    def test_kernel(self):
        for code in ("no-ipsec", "no-l2tp", "no-l2tp-module", "no-nft", "no-nft-program"):
            facts = healthy()
            facts.features.append(Feature(code, "x", False, "why", "install it"))
            self.assertEqual(self.codes(facts), [code])
        facts = healthy()
        facts.features.append(Feature("no-l2tp-module", "x", None))
        self.assertEqual(self.codes(facts), [])

    def test_one_cipher_of_two_is_worth_a_note(self):
        facts = healthy()
        for name in ("aes128gcm16", "chacha20poly1305"):
            facts.features.append(Feature("no-cipher", name, False, "", "load it", "ESP over IPv4"))
        self.assertEqual(self.codes(facts), ["cipher-missing"])
        said = report.report(facts)["findings"][0]["message"]
        self.assertEqual(said, "ESP over IPv4 with aes128gcm16, chacha20poly1305: missing")
        del facts.features[1]
        self.assertEqual(self.codes(facts), ["no-cipher"])

    def test_guard(self):
        facts = healthy()
        facts.guard_there = False
        self.assertEqual(self.codes(facts), ["guard-missing"])
        facts.guard_wanted = False
        self.assertEqual(self.codes(facts), [])
        facts = healthy()
        facts.guard_age = 61_000
        self.assertEqual(self.codes(facts), ["guard-stale"])
        facts.away = "away"
        self.assertEqual(self.codes(facts), ["daemon-away"])
        facts = healthy()
        facts.guard_error = Problem("kernel-einval", "error", "", "nft says no", "look")
        self.assertEqual(self.codes(facts), ["guard-refused"])

    def test_ports(self):
        facts = healthy()
        facts.ports[1] = PortUse(4500, "any address", False, "charon", 77)
        facts.ports.append(PortUse(1701, "any address", False, "xl2tpd", 78))
        self.assertEqual(self.codes(facts), ["port-taken", "l2tp-program"])
        self.assertTrue("charon (process 77)" in report.report(facts)["findings"][0]["message"])
        facts.ports = facts.ports[:1]
        self.assertEqual(self.codes(facts), ["port-closed"])

    def test_clock(self):
        for wall in (1_000_000, 1_795_399_000, 5_000_000_000):
            facts = healthy()
            facts.wall_s = wall
            self.assertEqual(self.codes(facts), ["clock-wrong"])
        facts = healthy()
        facts.keepers = []
        self.assertEqual(self.codes(facts), ["clock-unkept"])
        facts.is_synchronised = False
        self.assertEqual(self.codes(facts), ["clock-unsynchronised"])
        facts.is_synchronised = True
        self.assertEqual(self.codes(facts), [])

    # --- what is written down -----------------------------------------------------------------------------------------

    def test_configuration(self):
        facts = healthy()
        facts.config_found = False
        self.assertEqual(self.codes(facts), ["config-missing"])
        facts = healthy()
        facts.tunnels = None
        facts.problems = [Problem("bad-address", "error", "tunnel 'branch'", "no address", "write one")]
        facts.clashes = [Problem("overlap", "error", "branch", "overlap", "alias"), Problem("x", "note", "", "x", "y")]
        self.assertEqual(self.codes(facts), ["bad-address", "overlap", "x"])
        facts = healthy()
        facts.differs, facts.staged = ["branch"], 3
        self.assertEqual(self.codes(facts), ["config-not-applied", "config-staged"])
        facts = healthy()
        facts.tunnels = []
        self.assertEqual(self.codes(facts), ["no-tunnel"])

    def test_modes_of_secrets(self):
        for mode, is_folder, ours, codes in (
            (0o600, False, True, []), (0o400, False, True, []), (0o700, True, True, []), (0o755, True, True, []),
            (0o640, False, True, ["secret-readable"]), (0o604, False, True, ["secret-readable"]),
            (0o620, False, True, ["secret-writable"]), (0o777, True, True, ["secret-writable"]),
            (0o600, False, False, ["secret-owner"]), (0o700, True, False, ["secret-owner"]),
        ):  # fmt: skip
            facts = healthy()
            facts.files = [FileMode("/s/branch", is_folder, mode, ours)]
            self.assertEqual(self.codes(facts), codes, oct(mode))

    def test_names(self):
        facts = healthy()
        facts.names = [Name("branch", "b.example.net", [], "no such name")]
        self.assertEqual(self.codes(facts), ["name-unresolved"])
        facts.names = [Name("branch", "b.example.net", [], "", True)]
        facts.peers = [down_peer("unresolvable-name")]
        self.assertEqual(self.codes(facts), ["name-silent"])
        facts.names = []
        self.assertEqual(self.codes(facts), ["not-up"])

    # --- peers --------------------------------------------------------------------------------------------------------

    def test_a_silent_peer(self):
        self.assertEqual(self.with_peer(down_peer("unreachable")), ["peer-silent"])
        peer = down_peer("unreachable")
        peer.is_half = True
        self.assertEqual(self.with_peer(peer), ["peer-half-silent"])
        peer = down_peer("unreachable")
        peer.seen = 100_000
        self.assertEqual(self.with_peer(peer), ["peer-gone"])
        self.assertEqual(self.with_peer(down_peer("peer-dead")), ["peer-gone"])

    def test_another_reason(self):
        facts = healthy()
        facts.peers = [down_peer("psk", "the proof does not fit")]
        self.assertEqual(self.codes(facts), ["not-up"])
        row = report.report(facts)["findings"][0]
        self.assertTrue("the proof does not fit" in row["message"])
        self.assertEqual((row["remedy"], row["about"]), ("do this", "branch"))

    def test_nothing_passes(self):
        for static in (False, True):
            peer = up_peer()
            peer.state, peer.loss, peer.round_trip, peer.is_static = "carried", 100, None, static
            self.assertEqual(self.with_peer(peer), ["nothing-passes"])
            peer.age = 2_000
            self.assertEqual(self.with_peer(peer), [])

    def test_esp_in_udp_is_worth_a_note(self):
        peer = up_peer()
        peer.is_detour, peer.ports = True, (4500, 4500)
        self.assertEqual(self.with_peer(peer), ["esp-blocked"])

    def test_who_waits(self):
        peer = up_peer()
        peer.state, peer.has_ike, peer.waits, peer.seen, peer.loss = "negotiating", False, True, None, None
        self.assertEqual(self.with_peer(peer), [])
        peer.age = 200_000
        self.assertEqual(self.with_peer(peer), ["never-called"])
        peer.is_anywhere = True
        self.assertEqual(self.with_peer(peer), ["roaming-away"])

    def test_taken_down(self):
        peer = down_peer("unreachable", state="disabled")
        peer.is_wanted = False
        self.assertEqual(self.with_peer(peer), ["taken-down"])
        peer.has_rules = True
        self.assertEqual(self.with_peer(peer), ["rules-wait"])
        peer.is_enabled = False
        self.assertEqual(self.with_peer(peer), ["taken-down"])

    def test_a_refused_call(self):
        peer = up_peer()
        peer.refusal = ("psk", "the proof does not fit", "enter the same psk", 5_000)
        self.assertEqual(self.with_peer(peer), ["peer-refused"])
        peer.refusal = ("psk", "the proof does not fit", "enter the same psk", 700_000)
        self.assertEqual(self.with_peer(peer), [])

    def test_path(self):
        for limit, mtu, loss, codes in (
            (1400, 1322, 0, ["path-narrow"]), (1280, 1280, 0, ["path-least"]), (None, 1422, 0, []),
            (1500, 1500, 0, ["mtu-too-large"]), (1500, 1422, 40, ["loss"]),
        ):  # fmt: skip
            peer = up_peer()
            peer.limit, peer.mtu, peer.loss = limit, mtu, loss
            self.assertEqual(self.with_peer(peer), codes)


if __name__ == "__main__":
    unittest.main()
