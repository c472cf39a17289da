"""QR codes: known ones, and what a terminal shows of them. tests/props/test_qr_props.py asks a scanner."""

from __future__ import annotations

import unittest
from binascii import hexlify
from hashlib import sha256

from isthmus import qr
from isthmus.qr import encoder, sizes, symbol

HELLO = "HELLO WORLD"
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
MIXED = "".join([LETTERS[index * 7 % 45] for index in range(45)])  # no run of digits: others have a mode for those
WORDS = "the quick brown fox jumps"

# As zxing-cpp 3.1.1 draws them: version, mask, characters of a text that repeats MIXED, or WORDS where it says True;
# then the first bytes of SHA-256 of the rows.
DRAWN = (
    (1, 1, 11, False, "b901111aea8e0e4c"),
    (1, 7, 17, True, "f320d17795777084"),
    (3, 3, 60, False, "be6f8a2fe53ed862"),
    (6, 1, 185, False, "9a8ebf18e31b360f"),
    (7, 2, 154, True, "13edfab33dd2e1bd"),
    (10, 1, 260, True, "24405b6c85690d86"),
    (28, 1, 2190, False, "b70cfc2f989f9301"),
    (32, 2, 1950, True, "d550567092488aef"),
)


def text_of(length, is_byte):
    text = WORDS if is_byte else MIXED
    return (text * (length // len(text) + 1))[:length]


class Known(unittest.TestCase):
    def test_codewords(self):
        # "HELLO WORLD" in version 1-M, as tutorials of the standard work it out.
        data = encoder._push_bits(encoder.ALPHANUMERIC, HELLO.encode(), 1, 16)
        self.assertEqual(data, bytes([32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17]))
        correction = encoder._interleave(data, 10, 1)[16:]
        self.assertEqual(correction, bytes([196, 35, 39, 119, 235, 215, 231, 226, 93, 23]))

    def test_drawn_by_another(self):
        for version, mask, length, is_byte, wanted in DRAWN:
            matrix = qr.encode(text_of(length, is_byte), mask)
            self.assertEqual(len(matrix), 17 + 4 * version)
            digest = sha256(b"".join([bytes(row) for row in matrix])).digest()
            self.assertEqual(hexlify(digest[:8]).decode(), wanted, (version, mask, length))

    def test_penalty(self):
        # By hand: 21 rows of a chequered field have none; one light field has runs, blocks and too little dark.
        chequered = [bytearray([(row + column) % 2 for column in range(21)]) for row in range(21)]
        self.assertEqual(symbol.measure_penalty(chequered), 0)
        blank = [bytearray(21) for _ in range(21)]
        self.assertEqual(symbol.measure_penalty(blank), 42 * 19 + 400 * 3 + 10 * 10)
        finder = [bytearray([(row + column) % 2 for column in range(21)]) for row in range(21)]
        finder[0][:] = bytearray([1, 0] * 3 + [0, 0, 0, 0, 1, 0, 1, 1, 1, 0, 1] + [0, 1] * 2)
        rows = ["".join([str(module) for module in line]) for line in finder]
        self.assertEqual((symbol._count_finders(rows[0]), symbol._count_finders(rows[1])), (1, 0))

    def test_the_best_mask_is_taken(self):
        scores = [symbol.measure_penalty(qr.encode(HELLO, mask)) for mask in range(8)]
        self.assertEqual(symbol.measure_penalty(qr.encode(HELLO)), min(scores))
        self.assertTrue(min(scores) < max(scores))


class Sizes(unittest.TestCase):
    def test_what_fits(self):
        # ISO/IEC 18004 table 7: the most letters, and the most bytes, in a version at level L.
        for version, letters, size in ((1, 25, 17), (6, 195, 134), (7, 224, 154), (9, 335, 230), (10, 395, 271),
                                       (26, 1990, 1367), (27, 2132, 1465), (40, 4296, 2953)):
            for mode, most in ((encoder.ALPHANUMERIC, letters), (encoder.BYTE, size)):
                self.assertEqual(encoder._choose_size(mode, most), (version, sizes.LOW))
                if version < 40:
                    self.assertEqual(encoder._choose_size(mode, most + 1)[0], version + 1)

    def test_the_stronger_level_where_it_costs_nothing(self):
        self.assertEqual(encoder._choose_size(encoder.ALPHANUMERIC, 20), (1, sizes.MEDIUM))
        self.assertEqual(encoder._choose_size(encoder.ALPHANUMERIC, 21), (1, sizes.LOW))

    def test_too_long(self):
        with self.assertRaises(qr.QrError) as caught:
            qr.encode("A" * 4297)
        self.assertIn("4297", str(caught.exception))
        self.assertTrue(caught.exception.remedy)

    def test_alignments(self):
        for version, places in ((1, []), (2, [6, 18]), (7, [6, 22, 38]), (32, [6, 34, 60, 86, 112, 138]),
                                (40, [6, 30, 58, 86, 114, 142, 170])):
            self.assertEqual(sizes.list_alignments(version), places)


class Shown(unittest.TestCase):
    def setUp(self):
        self.matrix = qr.encode(HELLO, 0)

    def test_every_style_has_the_size_that_is_said(self):
        for style in (qr.HALF, qr.ANSI, qr.PLAIN, qr.ASCII):
            for quiet in (4, 2):
                lines = qr.render(self.matrix, style, quiet)
                columns, rows = qr.measure(self.matrix, style, quiet)
                self.assertEqual([len(self.strip(line)) for line in lines], [columns] * rows)

    def strip(self, line):
        parts = line.split("\x1b[")
        return parts[0] + "".join([part[part.find("m") + 1 :] for part in parts[1:]])

    def test_both_colours_are_said_where_there_are_colours(self):
        for line in qr.render(self.matrix, qr.HALF):
            self.assertTrue(line.startswith("\x1b[30;47;107m") and line.endswith("\x1b[0m"), repr(line))
        # The quiet zone is light, the finder's edge dark.
        lines = qr.render(self.matrix, qr.HALF)
        self.assertEqual(self.strip(lines[0]), " " * 29)
        self.assertEqual(self.strip(lines[2])[:12], "    \u2588\u2580\u2580\u2580\u2580\u2580\u2588 ")
        self.assertEqual(qr.render(self.matrix, qr.ASCII)[4][:24], "########" + " " * 14 + "##")

    def test_the_terminal_decides(self):
        for columns, lines, term, encoding, wanted in (
            (80, 24, "xterm", "utf-8", (qr.HALF, 4)), (80, 24, "linux", "UTF8", (qr.HALF, 4)),
            (80, 40, "xterm", "ascii", (qr.ANSI, 4)), (80, 40, "dumb", "utf-8", (qr.PLAIN, 4)),
            (80, 40, "", "ascii", (qr.ASCII, 4)), (0, 0, "xterm", "utf-8", (qr.HALF, 4)),
            (29, 16, "xterm", "utf-8", (qr.HALF, 4)), (28, 16, "xterm", "utf-8", (qr.HALF, 2)),
            (25, 14, "xterm", "utf-8", (qr.HALF, 2)), (24, 40, "xterm", "utf-8", None),
            (80, 13, "xterm", "utf-8", None), (80, 24, "xterm", "ascii", None),
            (50, 26, "vt100", "ascii", (qr.ASCII, 2)),
        ):  # fmt: skip
            self.assertEqual(qr.choose(self.matrix, columns, lines, term, encoding), wanted, (columns, lines, term))

    def test_svg(self):
        text = qr.to_svg(self.matrix)
        self.assertTrue(text.startswith('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 29 29"'))
        # The upper edge of the two upper finders, and nothing of the content.
        self.assertIn("M4 4h7v1h-7z", text)
        self.assertIn("M18 4h7v1h-7z", text)
        self.assertNotIn("HELLO", text)
        for word in ("script", "style", "href"):
            self.assertNotIn(word, text)
