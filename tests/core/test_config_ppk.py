"""The options of a PPK, its file, and what they come to between two sites. Nothing shows the key."""

from __future__ import annotations

import unittest

from isthmus.lamps import lamps
from tests.core.pair import PairTest
from tests.core.test_config import load_text, tunnel

KEY = b"0123456789abcdef0123456789abcdef"


def only(loaded):
    """The one tunnel of a file without errors."""
    if loaded.errors:
        raise AssertionError(str(loaded.errors[0]))
    return loaded.config.tunnels[0]


def values(found):
    return found.ppk, found.ppk_id, found.ppk_required


class OptionTest(unittest.TestCase):
    def test_read(self):
        self.assertEqual(values(only(load_text(tunnel()))), (None, b"isthmus", True))
        text = tunnel(more=b"option ppk '" + KEY + b"'\noption ppk_id key1\noption ppk_required 0\n")
        self.assertEqual(values(only(load_text(text))), (KEY, b"key1", False))

    def test_the_file(self):
        found = only(load_text(tunnel(more=b"option ppk_required 1\n"), [("branch.ppk", KEY + b"\n")]))
        self.assertEqual(values(found), (KEY, b"isthmus", True))
        found = only(load_text(tunnel(more=b"option ppk_id a\n"), [("branch.ppk", KEY)]))
        self.assertEqual(values(found), (KEY, b"a", True))
        # Who writes nothing of a ppk has none: a file that lies there is no wish.
        self.assertEqual(only(load_text(tunnel(), [("branch.ppk", KEY)])).ppk, None)
        self.assertEqual(only(load_text(tunnel(more=b"option ppk x\n"), [("branch.ppk", KEY)])).ppk, b"x")

    def test_mistakes(self):
        for more, files, code, option, part in (
            (b"option ppk_required 1\n", (), "missing-ppk", "ppk", "/etc/isthmus/secrets/branch.ppk"),
            (b"option ppk_id a\n", (), "missing-ppk", "ppk", "the tunnel has no ppk"),
            (b"option ppk_required 0\n", (("branch.ppk", b""),), "missing-ppk", "ppk", "is empty"),
            (b"option ppk_id a\n", (("branch.ppk", 13),), "unreadable-ppk", "ppk", "0600"),
            (b"option ppk_id a\n", (("branch.ppk", b"a\nb\n"),), "control-character", "ppk", "one line"),
            (b"option ppk_id a\n", (("branch.ppk", b"x" * 300),), "out-of-range", "ppk", "300 bytes"),
            (b"option ppk x\noption ppk_id 'a b'\n", (), "bad-name", "ppk_id", "without spaces"),
            (b"option ppk x\noption ppk_id '" + b"x" * 65 + b"'\n", (), "bad-name", "ppk_id", "1 to 64"),
        ):
            (error,) = load_text(tunnel(more=more), files).errors
            self.assertEqual((error.code, error.option), (code, option))
            self.assertIn(part, str(error))

    def test_a_short_one_is_told_about(self):
        loaded = load_text(tunnel(more=b"option ppk '" + KEY[:-1] + b"'\n"))
        self.assertEqual([warning.code for warning in loaded.warnings], ["short-ppk"])
        self.assertFalse(KEY[:-1].decode() in str(loaded.warnings[0]) + repr(loaded.warnings[0]))
        self.assertEqual(load_text(tunnel(more=b"option ppk '" + KEY + b"'\n")).warnings, [])

    def test_it_never_shows(self):
        loaded = load_text(tunnel(more=b"option ppk '" + KEY + b"'\n"))
        self.assertFalse(KEY.decode() in repr(only(loaded)) + repr(loaded.config))


class BetweenSites(PairTest):
    def test_the_same(self) -> None:
        line = " option ppk '%s'\n" % KEY.decode()
        self.bring_up(line, line)
        for host in (self.a, self.b):
            self.assertEqual((host.tunnel.ike.ppk, host.tunnel.children.current.inbound.esn), (True, True))
            self.assertTrue("with a ppk" in lamps(host.tunnel, host.site.keeper, self.pair.now)[0].evidence)

    def test_only_one_side_has_it(self) -> None:
        self.pair.configure(" option ppk '%s'\n" % KEY.decode())
        self.assertTrue(self.pair.run(60_000, lambda: self.a.tunnel.error is not None))
        self.assertEqual(self.a.tunnel.error.code, "ppk")
        self.assertTrue("ppk_required" in str(self.a.tunnel.error), self.a.tunnel.error)
        for line in self.a.log.lines + self.b.log.lines:
            self.assertFalse(KEY.decode() in line)
