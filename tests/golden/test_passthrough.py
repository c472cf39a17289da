"""Chains of passthrough and aliases, one file a case, and what nft thinks of each.

tests/golden/passthrough/NAME.nft and alias/NAME.nft. Regenerate with ISTHMUS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import unittest
from pathlib import Path

from isthmus.policy.alias import AliasTunnel, alias_chains
from isthmus.policy.passthrough import passthrough_chains, shadow_chains
from isthmus.policy.ready import ready_chains
from isthmus.wire.addr import parse_ip
from tests.core.passthrough_samples import alias, section

FOLDER = Path(__file__).parent
CLONE_NEWNET = 0x40000000

LANS = ["br-lan", "br-guest"]
EVERY_CLASS = "02:00:00:00:00:01 192.168.10.9@02:00:00:00:00:02 192.168.10.0/24 fd00::/64 br-guest"
BRANCH = {"branch": AliasTunnel("ist-branch", 0x81000000)}
BOTH = {**BRANCH, "depot": AliasTunnel("ist-depot")}
OURS = alias("ours", "branch", "192.168.1.0/24", "10.66.1.0/24")
THEIRS = alias("theirs", "branch", "192.168.1.0/24", "10.66.2.0/24", "remote")


def table(chains: list, counters: list) -> str:
    lines = ["table inet isthmus", "delete table inet isthmus", "table inet isthmus {"]
    for counter in counters:
        lines += ["\tcounter %s {" % counter, "\t}"]
    for chain in chains + ready_chains(chains):
        lines += chain.lines()
    return "\n".join(lines + ["}", ""])


def passthrough(*sections: object, **options: object) -> str:
    return table(*passthrough_chains(list(sections), LANS, **options))


CASES = {
    "passthrough": {
        "none": passthrough(),
        "block": passthrough(section("none", "ipsec", "both", "", "block")),
        "classes": passthrough(
            section("some", "ipsec", "both", EVERY_CLASS, "block"),
            section("boss", "ipsec", "out", "192.168.10.50/32 02:00:00:00:00:01"),
        ),
        "helper": passthrough(
            section("old", "pptp", "out", "192.168.10.7/32", "helper"), section("rest", "pptp", "both", "", "block")
        ),
        "helper-at-boot": passthrough(section("old", "pptp", "out", "192.168.10.7/32", "helper"), helpers=False),
        "all": passthrough(
            section("a", "ipsec", "out"), section("b", "l2tp", "in", "", "block"), section("c", "pptp", "both")
        ),
        "shadow": table(shadow_chains(["wan", "wan2", "wan"]), []),
        "shadow-peers": table(shadow_chains(["wan"], [parse_ip("203.0.113.2"), parse_ip("2001:db8::7")]), []),
    },
    "alias": {
        "local": table(alias_chains([OURS], BOTH), []),
        "remote": table(alias_chains([THEIRS], {"branch": AliasTunnel("ist-branch")}), []),
        "both": table(alias_chains([OURS, THEIRS], BRANCH), []),
        "two-remote": table(
            alias_chains([THEIRS, alias("depot", "depot", "192.168.1.0/24", "10.66.3.0/24", "remote")], BOTH), []
        ),
        "host": table(alias_chains([
            alias("one", "branch", "192.168.1.7/32", "10.66.1.7/32"),
            alias("two", "branch", "192.168.1.7/32", "10.66.2.7/32", "remote"),
        ], BRANCH), []),
        "ipv6": table(alias_chains([
            alias("one", "branch", "fd00:1::/64", "fd00:a::/64"),
            alias("two", "branch", "fd00:1::/64", "fd00:b::/64", "remote"),
        ], BRANCH), []),
    },
}  # fmt: skip


class TextTest(unittest.TestCase):
    def test_it_is_as_recorded(self) -> None:
        for folder, cases in CASES.items():
            for name, text in cases.items():
                path = FOLDER / folder / (name + ".nft")
                if os.environ.get("ISTHMUS_GOLDEN") == "write":
                    path.write_text(text, encoding="ascii")
                with self.subTest(folder + "/" + name):
                    self.assertEqual(text, path.read_text(encoding="ascii"))
            self.assertEqual(sorted(cases), sorted([path.stem for path in (FOLDER / folder).iterdir()]))


@unittest.skipUnless(shutil.which("nft"), "there is no nft program")
class NftTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            raise unittest.SkipTest("a network namespace needs root")

    def nft(self, text: str) -> str:
        argv = ["nft", "-f", "-"]
        return subprocess.run(argv, input=text, capture_output=True, text=True, timeout=60, check=False).stderr

    def test_the_kernel_takes_every_case_twice(self) -> None:
        for folder, cases in CASES.items():
            for name, text in cases.items():
                with self.subTest(folder + "/" + name):
                    self.assertEqual(self.nft(text), "")
                    self.assertEqual(self.nft(text), "")

    def test_it_refuses_what_is_wrong(self) -> None:
        """Or the test above proves nothing: overlapping ranges, and a jump into nothing."""
        text = CASES["passthrough"]["classes"]
        self.assertNotEqual(self.nft(text.replace("ip saddr vmap { ", "ip saddr vmap { 192.168.10.3 : drop, ")), "")
        self.assertNotEqual(self.nft(text.replace("chain pass_to_some", "chain pass_to_nobody")), "")


if __name__ == "__main__":
    unittest.main()
