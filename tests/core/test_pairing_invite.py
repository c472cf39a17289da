"""The invite and its text: what survives mail and chat, and what is said of text that did not."""

from __future__ import annotations

import unittest

from isthmus.proto.pairing import errors
from isthmus.proto.pairing.errors import InviteError
from isthmus.proto.pairing.invite import Invite, make_invite, read_invite
from isthmus.proto.pairing.text import GROUP, HEADER_LETTERS, LETTERS, MOST_TEXT, PREFIX, decode, encode
from tests.core.pairing_world import HERE, Chance, make_rng

ENDPOINTS = [("192.0.2.1", 500), ("2001:db8::1", 500), ("branch.example.net", 4500)]


def make(endpoints=None, name="main"):
    return make_invite(make_rng("invite"), name, endpoints or ENDPOINTS, 1_790_000_600)


class Layout(unittest.TestCase):
    def test_there_and_back(self):
        for endpoints in (HERE, ENDPOINTS, [("a" * 63 + ".example", 1), ("fd00::1", 65535)]):
            invite, pair = make(endpoints)
            again = read_invite(invite.get_text())
            self.assertEqual(again, invite)
            self.assertEqual((again.secret, again.commitment), (invite.secret, invite.commitment))
            self.assertEqual((len(pair.public), again.endpoints, again.name), (32, endpoints, "main"))

    def test_exact_bytes(self):
        invite, _ = make(HERE)
        self.assertEqual(invite.content[:64], invite.secret + invite.commitment)
        rest = b"\x6a\xb1\x3d\xd8" + b"\x04main" + b"\x01" + b"\x04\xc0\x00\x02\x01\x01\xf4"
        self.assertEqual(invite.content[64:], rest)

    def test_it_fits_a_message_and_a_small_qr_code(self):
        text = make(HERE)[0].get_text()
        self.assertTrue(len(text) < 200, text)
        for group in text.split("-")[1:-1]:
            self.assertEqual(len(group), GROUP)
        self.assertEqual(text, text.upper())

    def test_what_cannot_be_invited(self):
        for name, endpoints in (
            ("", HERE), ("no blank", HERE), ("x" * 33, HERE), ("-x", HERE), ("\u00fc", HERE), ("main", [("", 500)]),
            ("main", [("192.0.2.1", 0)]), ("main", [("192.0.2.256", 500)]), ("main", HERE * 5),
            ("main", [("a b", 500)]), ("main", [("127.0.0.1", 500)]), ("main", [("::1", 500)]),
        ):  # fmt: skip
            with self.assertRaises(InviteError) as caught:
                make_invite(make_rng("x"), name, endpoints, 0)
            self.assertTrue(caught.exception.remedy)
        with self.assertRaises(InviteError):
            make_invite(make_rng("x"), "main", [], 0)


class Survives(unittest.TestCase):
    def check(self, changed):
        self.assertEqual(read_invite(changed), make()[0], changed)

    def test_mail_and_chat(self):
        text = make()[0].get_text()
        self.check(text.lower())
        self.check("  " + text + "\r\n")
        self.check("<" + text + ">")
        self.check('"' + text + '".')
        self.check("`" + text + "`")
        self.check("**" + text + "**")
        self.check(text.replace("-", " "))
        self.check(text.replace("-", "\u2011"))
        self.check(text.replace("-", "\u2013"))
        self.check(text.replace("-", "-\u200b"))
        self.check(text.replace("-", ""))
        for width in (20, 57, 72):
            lines = [text[at : at + width] for at in range(0, len(text), width)]
            self.check("\n".join(lines))
            self.check("> " + "\r\n> ".join(lines))

    def test_a_hand_that_writes_look_alikes(self):
        text = make()[0].get_text()
        head, rest = text[: len(PREFIX)], text[len(PREFIX) :]
        self.assertTrue("0" in rest and "1" in rest)
        self.check(head + rest.replace("0", "O").replace("1", "l"))
        self.check(head + rest.replace("0", "o").replace("1", "I"))
        for letter in b"ILOU":
            self.assertFalse(letter in LETTERS)


class Refused(unittest.TestCase):
    def check(self, text, code):
        with self.assertRaises(InviteError) as caught:
            read_invite(text)
        error = caught.exception
        self.assertEqual(error.code, code, str(error))
        self.assertTrue(error.remedy)
        self.assertTrue(len(str(error)) < 200)
        return str(error)

    def test_no_invite(self):
        for text in ("", " ", "hello", "https://example.net/", "vpn1-ABC", "ISTHMU", "ISTHMU5-00000"):
            self.check(text, errors.NOT_AN_INVITE)
        message = self.check("Here it is: " + make()[0].get_text(), errors.NOT_AN_INVITE)
        self.assertTrue("before" in message)

    def test_cut_off_anywhere(self):
        text = make()[0].get_text()
        for length in range(len(PREFIX), len(text)):
            if text[length - 1] != "-" or length < len(text):
                self.check(text[:length], errors.TRUNCATED)
        self.assertTrue("12 characters" in self.check(text[: len(PREFIX) + 15], errors.TRUNCATED))

    def test_one_wrong_character_anywhere(self):
        text = make()[0].get_text()
        for at in range(len(PREFIX) + 1, len(text)):
            if text[at] == "-":
                continue
            other = "2" if text[at] != "2" else "3"
            self.check(text[:at] + other + text[at + 1 :], errors.MISTYPED)
        for wrong in "U!\u00e4":
            message = self.check(text[:20] + wrong + text[21:], errors.MISTYPED)
            self.assertTrue("group 3" in message, message)

    def test_two_characters_exchanged(self):
        text = make()[0].get_text()
        for at in range(len(PREFIX) + 1, len(text) - 1):
            swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
            if swapped != text and "-" not in text[at : at + 2]:
                self.check(swapped, errors.MISTYPED)

    def test_a_character_too_few_or_too_many_in_the_middle(self):
        text = make()[0].get_text()
        at = len(PREFIX) + 1 + 3 * (GROUP + 1) + 2
        self.assertTrue("group 4" in self.check(text[:at] + text[at + 1 :], errors.MISTYPED))
        self.assertTrue("group 4" in self.check(text[:at] + "7" + text[at:], errors.MISTYPED))

    def test_too_long(self):
        text = make()[0].get_text()
        self.check(text + "7", errors.TOO_LONG)
        self.check(text + "-00000", errors.TOO_LONG)
        self.check(text + "-" + text.replace(PREFIX + "-", ""), errors.TOO_LONG)
        self.check(text + "A" * MOST_TEXT, errors.TOO_LONG)
        self.check("x" * (MOST_TEXT + 1), errors.TOO_LONG)

    def test_another_version(self):
        text = encode(make()[0].content, 2)
        message = self.check(text, errors.OTHER_VERSION)
        self.assertTrue("version 2" in message and "version 1" in message)
        self.check(text[:-9], errors.OTHER_VERSION)  # what follows may be laid out in another way

    def test_right_checksum_and_wrong_content(self):
        content = make()[0].content
        for wrong in (b"x", content + b"\0", content[:-1], content[:68] + b"\xff" + content[69:], b"\0" * 80):
            self.check(encode(wrong), errors.MALFORMED)
        self.assertEqual(decode(encode(b"x")), b"x")

    def test_where_nobody_is_reached(self):
        """The router itself, its next neighbours, many at once: whoever made the invite would have it talk to them."""
        for host in (
            "0.0.0.0", "127.0.0.1", "127.255.0.9", "169.254.169.254", "224.0.0.251", "255.255.255.255", "::", "::1",
            "::ffff:127.0.0.1", "fe80::1", "ff02::1",
        ):  # fmt: skip
            content = Invite(bytes(32), bytes(32), 0, "main", [("192.0.2.1", 500), (host, 53)]).content
            self.assertTrue("reached" in self.check(encode(content), errors.MALFORMED))
        for host in ("10.0.0.1", "192.168.1.1", "100.64.0.1", "2001:db8::1", "fd00::1"):
            content = Invite(bytes(32), bytes(32), 0, "main", [(host, 500)]).content
            self.assertEqual(read_invite(encode(content)).endpoints, [(host, 500)])

    def test_the_last_character_has_one_form(self):
        """The letters hold some bits more than the bytes: set, they would be another text for the same invite."""
        spelled = encode(make()[0].content)
        letters = LETTERS.decode()
        wrong = [spelled[:-1] + letter for letter in letters if letter != spelled[-1]]
        for text in wrong:
            self.check(text, errors.MISTYPED)
        self.assertEqual(len(wrong), 31)
        self.assertEqual(HEADER_LETTERS * 5, 40)

    def test_random_text(self):
        chance = Chance("text")
        alphabet = LETTERS.decode() + "-- \nabco\u2011>!\u00e9"
        for _ in range(300):
            text = "".join([alphabet[chance.below(len(alphabet))] for _ in range(chance.below(60))])
            for head in ("", PREFIX, "isthmus-"):
                try:
                    read_invite(head + text)
                    self.fail("random text is an invite")
                except InviteError as error:
                    self.assertTrue(error.remedy)


if __name__ == "__main__":
    unittest.main()
