"""The guard's text, one file a case, and what nft thinks of it.

tests/golden/guard/NAME.nft is what guard_text() makes. Regenerate with ISTHMUS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import unittest
from pathlib import Path

from isthmus.policy.guard import REMOVE, Session, guard_text
from isthmus.wire.addr import parse_ip

FOLDER = Path(__file__).parent / "guard"
CLONE_NEWNET = 0x40000000
LONGEST_NAME = "ist-a-b_c.d0123"

CASES = {
    "none": guard_text([]),
    "one": guard_text([Session("ist-branch", 1, 2, 0x69000001, 1420)]),
    "two": guard_text([
        Session("ist-branch", 0x01020304, 0xFFFFFFFF, 0x69FFFFFF, 1420),
        Session(LONGEST_NAME, 0x80000000, 7, 0x69000002, 1280),
    ]),
    "shared": guard_text([  # two peers behind one address, and one elsewhere
        Session("ist-depot", 11, 21, 0x69000001, 1396, 0x05000000),
        Session("ist-plant", 12, 22, 0x69000002, 1396, 0xFF000000),
        Session("ist-branch", 0x01020304, 0x05060708, 0x69000003, 1420),
    ]),
    "peers": guard_text([], [  # two of a family, one of them twice, and one of the other
        parse_ip("203.0.113.2"), parse_ip("192.0.2.2"), parse_ip("203.0.113.2"), parse_ip("2001:db8::7"),
    ]),
    "remove": REMOVE,
}  # fmt: skip


class GuardText(unittest.TestCase):
    def test_it_is_as_recorded(self) -> None:
        for name, text in CASES.items():
            path = FOLDER / (name + ".nft")
            if os.environ.get("ISTHMUS_GOLDEN") == "write":
                path.write_text(text, encoding="ascii")
            with self.subTest(name):
                self.assertEqual(text, path.read_text(encoding="ascii"))
        self.assertEqual(sorted(CASES), sorted([path.stem for path in FOLDER.iterdir()]))

    def test_no_name_gets_out_of_its_quotes(self) -> None:
        for name in ('x" accept', "x\n}", "", "a" * 16, "x;y", "ü", "x y", "x/y", "$x", "@x", "x*"):
            with self.assertRaises(ValueError):
                Session(name, 1, 2, 3, 1420)


@unittest.skipUnless(shutil.which("nft"), "there is no nft program")
class NftTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            raise unittest.SkipTest("a network namespace needs root")

    def nft(self, *arguments: str, text: str = "") -> str:
        done = subprocess.run(
            ["nft", *arguments], input=text, capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_nft_takes_every_case(self) -> None:
        for name, text in CASES.items():
            with self.subTest(name):
                self.nft("-c", "-f", "-", text=text)
                self.assertEqual(self.nft("list", "ruleset"), "")

    def test_nft_refuses_what_is_wrong(self) -> None:
        """Or the test above proves nothing."""
        wrong = CASES["one"].replace("reqid != 1761607681", "reqid != nobody")
        self.assertNotEqual(wrong, CASES["one"])
        argv = ["nft", "-c", "-f", "-"]
        done = subprocess.run(argv, input=wrong, capture_output=True, text=True, timeout=60, check=False)
        self.assertNotEqual(done.returncode, 0)

    def test_setting_it_twice_is_setting_it_once(self) -> None:
        for name in ("one", "shared", "two", "none"):
            self.nft("-f", "-", text=CASES[name])
            first = self.nft("list", "ruleset")
            self.nft("-f", "-", text=CASES[name])
            self.assertEqual(self.nft("list", "ruleset"), first)
            self.assertEqual(first.count("priority raw"), 4 if name == "shared" else 3, "that is -300, and -310")
        self.nft("-f", "-", text=CASES["remove"])
        self.nft("-f", "-", text=CASES["remove"])
        self.assertEqual(self.nft("list", "ruleset"), "")


if __name__ == "__main__":
    unittest.main()
