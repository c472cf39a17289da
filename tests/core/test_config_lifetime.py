"""How long keys are used: times, counts, and the former name of an option."""

from __future__ import annotations

import unittest

from tests.core.test_config import load_text, tunnel

SAID = b"""
	option child_lifetime 30m
	option ike_lifetime 1h
	option reauth_time 1d
	option lifetime_bytes 10G
	option lifetime_packets 1000000
"""


class Lifetime(unittest.TestCase):
    def test_said_and_unsaid(self):
        for more, times, counts in (
            (b"", (3_600_000, 14_400_000, 0), (0, 0)),
            (SAID, (1_800_000, 3_600_000, 86_400_000), (10_000_000_000, 1_000_000)),
        ):
            only = load_text(tunnel(more=more)).config.get("branch")
            self.assertEqual((only.child_lifetime_ms, only.ike_lifetime_ms, only.reauth_ms), times)
            self.assertEqual((only.lifetime_bytes, only.lifetime_packets), counts)

    def test_former_name_of_child_lifetime(self):
        for more, meant in (
            (b"option lifetime 30m\n", 1_800_000),
            (b"option lifetime 30m\noption child_lifetime 40m\n", 2_400_000),
        ):
            loaded = load_text(tunnel(more=more))
            self.assertEqual(loaded.config.get("branch").child_lifetime_ms, meant)
            self.assertIn("renamed-option", [warning.code for warning in loaded.warnings])

    def test_counts_and_none(self):
        for line, code in (
            (b"option lifetime_bytes 1G\n", None),
            (b"option lifetime_bytes 0\n", None),
            (b"option lifetime_bytes 10\n", "out-of-range"),
            (b"option lifetime_bytes 2T\n", "out-of-range"),
            (b"option lifetime_bytes many\n", "wrong-type"),
            (b"option lifetime_packets 4G\n", "out-of-range"),
            (b"option reauth_time 0\n", None),
            (b"option reauth_time 1s\n", "out-of-range"),
        ):
            codes = [error.code for error in load_text(tunnel(more=line)).errors]
            self.assertEqual(codes, [code] if code else [], line)
