"""Option session static: what it needs, what it refuses, and that no cookie is ever shown."""

from __future__ import annotations

import unittest

from isthmus.config.static import MAX_STATIC
from isthmus.wire.addr import parse_ip
from tests.core.test_config import load_text, tunnel

IDS = b"option tunnel_id 10\noption peer_tunnel_id 20\noption session_id 11\noption peer_session_id 21\n"
STATIC = b"option session static\n" + IDS
HOP = b"list address 10.9.0.1/30\nlist peer_address 10.9.0.2\n"
OTHER = STATIC.replace(b" 1", b" 3").replace(b" 2", b" 4")


def static(more: bytes = HOP, ids: bytes = STATIC) -> bytes:
    return tunnel(more=ids + more)


# code, option, text, parts of what is said
ERRORS = (
    ("missing-option", "session_id", static().replace(b"option session_id 11\n", b""), ("peer_session_id",)),
    ("missing-option", "peer_tunnel_id", static().replace(b"option peer_tunnel_id 20\n", b""), ("as its tunnel_id",)),
    ("out-of-range", "tunnel_id", static().replace(b"id 10", b"id 4294967296"), ("1 to 4294967295",)),
    ("out-of-range", "session_id", static().replace(b"id 11", b"id 0"), ("1 to 4294967295",)),
    ("only-static", "tunnel_id", tunnel(more=b"option tunnel_id 10\n"), ("option session 'static'",)),
    ("only-static", "cookie", tunnel(more=b"option cookie 11223344\n"), ("option session 'static'",)),
    ("mode", "mode", static(HOP + b"option mode beet\n"), ("Isthmus alone", "session derived")),
    ("mode", "mode", tunnel(more=b"option mode transport\n"), ("option session 'static'",)),
    ("wrong-type", "cookie", static(HOP + b"option cookie 11223\n"), ("4 or 8 bytes",)),
    ("wrong-type", "peer_cookie", static(HOP + b"option peer_cookie 1122334x\n"), ("hexadecimal",)),
    ("wrong-type", "sublayer", static(HOP + b"option sublayer nothing\n"), ("default, none",)),
    ("unreachable", "peer_address", static(b"list address 10.9.0.1/30\nlist peer_address 10.9.0.5\n"),
     ("10.9.0.5", "10.9.0.6/30")),
    ("unreachable", "peer_address", static(b"list peer_address 10.9.0.2\n"), ("10.9.0.1/30",)),
    ("same-address", "peer_address", static(HOP + b"list address 10.9.0.2/30\n"), ("this router's own",)),
    ("too-many", "peer_address", static(HOP + b"list address 10.8.0.1/24\nlist peer_address 10.8.0.9\n"),
     ("second of its family",)),
    ("duplicate-id", "tunnel_id", static() + tunnel(b"b", b"b.example", b"10.0.0.0/16",
                                                    OTHER.replace(b"tunnel_id 30", b"tunnel_id 10")),
     ("tunnel 'branch'", "tunnel_id 10 already", "peer_tunnel_id")),
    ("duplicate-id", "session_id", static() + tunnel(b"b", b"b.example", b"10.0.0.0/16",
                                                     OTHER.replace(b"session_id 31", b"session_id 11")),
     ("tunnel 'branch'", "session_id 11")),
    ("duplicate-id", "peer_session_id", static() + tunnel(b"b", b"b.example", b"10.0.0.0/16",
                                                          OTHER.replace(b"peer_session_id 41", b"peer_session_id 21")),
     ("tunnel 'branch'", "peer_session_id 21", "session_id")),
)  # fmt: skip


class StaticTest(unittest.TestCase):
    def test_a_good_one(self) -> None:
        more = HOP + b"option cookie 0011223344556677\noption peer_cookie aAbBcCdD\noption sublayer none\n"
        loaded = load_text(static(more))
        self.assertEqual(([str(e) for e in loaded.errors], [str(w) for w in loaded.warnings]), ([], []))
        only = loaded.config.tunnels[0]
        given = only.static
        self.assertEqual((only.session, only.mode), ("static", "transport"))
        self.assertEqual((given.tunnel_id, given.peer_tunnel_id), (10, 20))
        self.assertEqual((given.session_id, given.peer_session_id), (11, 21))
        self.assertEqual(
            (given.cookie, given.peer_cookie), (bytes([0, 17, 34, 51, 68, 85, 102, 119]), b"\xaa\xbb\xcc\xdd")
        )
        self.assertEqual(given.sublayer, False)
        self.assertEqual((given.addresses, given.next_hops), ([(parse_ip("10.9.0.1"), 30)], [parse_ip("10.9.0.2")]))

    def test_what_is_left_out(self) -> None:
        loaded = load_text(static(b""))
        given = loaded.config.tunnels[0].static
        self.assertEqual((given.cookie, given.peer_cookie, given.sublayer), (b"", b"", True))
        self.assertEqual((given.addresses, given.next_hops), ([], []))
        self.assertEqual([entry.code for entry in loaded.warnings], ["no-next-hop"])

    def test_a_derived_session_has_none(self) -> None:
        only = load_text(tunnel()).config.tunnels[0]
        self.assertEqual((only.mode, only.static), ("beet", None))

    def test_a_cookie_that_changes_is_a_change_and_is_not_shown(self) -> None:
        one, two = [
            load_text(static(HOP + b"option cookie " + text + b"\n")).config for text in (b"5ec0e711", b"5ec0e712")
        ]
        self.assertNotEqual(one.tunnels[0], two.tunnels[0])
        self.assertEqual(one.tunnels[0], load_text(static(HOP + b"option cookie 5Ec0e711\n")).config.tunnels[0])

    def test_two_of_them_beside_each_other(self) -> None:
        text = static() + tunnel(b"b", b"b.example", b"10.0.0.0/16", OTHER + HOP)
        self.assertEqual([str(e) for e in load_text(text).errors], [])
        same = OTHER.replace(b"peer_tunnel_id 40", b"peer_tunnel_id 20")  # two peers may count alike
        text = static() + tunnel(b"b", b"b.example", b"10.0.0.0/16", same + HOP)
        self.assertEqual([str(e) for e in load_text(text).errors], [])

    def test_each_error(self) -> None:
        for code, option, text, parts in ERRORS:
            loaded = load_text(text)
            self.assertIsNone(loaded.config, code)
            self.assertEqual([(e.code, e.option) for e in loaded.errors], [(code, option)], str(loaded.errors))
            for part in parts:
                self.assertIn(part, str(loaded.errors[0]))
            self.assertTrue(loaded.errors[0].remedy)

    def test_no_refused_cookie_is_shown(self) -> None:
        for wrong in (b"5ecre71", b"5ec0e7112233445z", b"'5ecre7 1'"):
            loaded = load_text(static(HOP + b"option peer_cookie " + wrong + b"\n"))
            self.assertEqual(len(loaded.errors), 1)
            self.assertNotIn("5ecre7", str(loaded.errors[0]) + repr(loaded.errors[0]))

    def test_too_many(self) -> None:
        text = b""
        for i in range(MAX_STATIC + 1):
            ids = b"option tunnel_id %d\noption peer_tunnel_id 1\noption session_id %d\noption peer_session_id %d\n"
            ids = b"option session static\n" + ids % (i + 1, i + 1, i + 1)
            text += tunnel(b"t%d" % i, b"t%d.example" % i, b"10.%d.0.0/16" % i, ids)
        said = [(error.code, error.section) for error in load_text(text).errors]
        self.assertEqual(said, [("too-many", "tunnel 't%d'" % MAX_STATIC)])
