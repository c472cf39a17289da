"""QR codes against zxing-cpp, a scanner and drawer of other people's make: what we draw it reads, and draws alike."""

import random
import re
import unittest

import zxingcpp

from isthmus import qr
from isthmus.proto.pairing.invite import make_invite, read_invite
from isthmus.qr import encoder, sizes
from isthmus.qr.symbol import draw
from tests.counts import cases

LETTERS = encoder.LETTERS.decode()
DARK, LIGHT = 0, 255
SCALE = 3


def to_image(rows, scale=SCALE):
    """What a camera sees of rows of 0 and 1 that have their quiet zone."""
    side = len(rows[0]) * scale
    lines = [b"".join(bytes([DARK if module else LIGHT]) * scale for module in row) * scale for row in rows]
    return memoryview(b"".join(lines)).cast("B", (len(rows) * scale, side))


def scan(rows):
    """(text, level) of the one code in the picture."""
    found = zxingcpp.read_barcodes(to_image(rows), formats=zxingcpp.BarcodeFormat.QRCode, try_rotate=False)
    return [(code.text, code.ec_level) for code in found]


def with_quiet(matrix, quiet=4):
    side = [0] * (len(matrix) + 2 * quiet)
    return [side] * quiet + [[0] * quiet + list(row) + [0] * quiet for row in matrix] + [side] * quiet


def drawn_by_zxing(text, level):
    """Its rows, and the mask that it chose, which is in bits 10 to 12 of the format beside the finders."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level=level)
    image = memoryview(code.to_image(scale=1, add_quiet_zones=False)).tolist()
    rows = [bytes(0 if value else 1 for value in line) for line in image]
    bits = sum(rows[8][len(rows) - 1 - index] << index for index in range(8))
    bits |= sum(rows[len(rows) - 15 + index][8] << index for index in range(8, 15))
    return rows, (bits ^ 0x5412) >> 10 & 7


def modules_of(lines):
    """Rows of 0 and 1 out of what render() gives, as a terminal shows it: each character is two cells, one above the
    other, in the colours that were said; without colours, ink is light.
    """
    rows = []
    for line in lines:
        upper, lower = [], []
        ink, paper = 0, 1
        for code, characters in re.findall(r"(?:\x1b\[([0-9;]*)m)?([^\x1b]*)", line):
            if code:
                ink, paper = (1, 1) if code == "40" else (0, 0) if code == "47;107" else (1, 0)
            for character in characters:
                upper.append(ink if character in "\u2580\u2588#" else paper)
                lower.append(ink if character in "\u2584\u2588#" else paper)
        rows += [upper, lower]
    return rows


class Scanned(unittest.TestCase):
    def test_every_version_and_level(self):
        rng = random.Random(18004)
        for version in sorted(rng.sample(range(1, 41), cases(10, 40))):
            for level in (sizes.LOW, sizes.MEDIUM):
                for mode in (encoder.ALPHANUMERIC, encoder.BYTE):
                    with self.subTest(version=version, level=level, mode=mode):
                        self.check(rng, version, level, mode)

    def check(self, rng, version, level, mode):
        room = sizes.count_data(version, level) * 8
        length = max(n for n in range(4300) if encoder._count_bits(mode, n, version) <= room)
        # No digits: the other one has a mode of its own for them.
        alphabet = LETTERS[10:] if mode == encoder.ALPHANUMERIC else "abcdefghijklmnopqrstuvwxyz"
        text = "".join(rng.choice(alphabet) for _ in range(length))
        rows, mask = drawn_by_zxing(text, level)
        # encode() takes M only where it makes the code no larger.
        data = encoder._push_bits(mode, text.encode(), version, sizes.count_data(version, level))
        blocks = sizes.CORRECTION[level][version - 1], sizes.BLOCKS[level][version - 1]
        matrix = draw(version, level, encoder._interleave(data, *blocks), mask)
        self.assertEqual([bytes(row) for row in matrix], rows)
        self.assertEqual(scan(with_quiet(matrix)), [(text, level)])

    def test_other_letters(self):
        for text in ("", "0", "https://192.0.2.1/pair#a", "Grüße aus Łódź"):
            if text:
                self.assertEqual([found for found, _ in scan(with_quiet(qr.encode(text)))], [text])
        self.assertEqual(len(qr.encode("")), 21)


class Invites(unittest.TestCase):
    def invite(self, rng):
        endpoints = []
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            host = rng.choice((
                "192.0.2.%d" % rng.randrange(256), "2001:db8::%x" % rng.randrange(65536), "office.example.net",
                ".".join("%x" % rng.getrandbits(4 * rng.randrange(1, 50)) for _ in range(4)) + ".example",
            ))  # fmt: skip
            endpoints.append((host, rng.randrange(1, 65536)))
        name = rng.choice("abcXYZ019") + "".join(rng.choice("abc-_Z9") for _ in range(rng.randrange(32)))
        return make_invite(rng.randbytes, name, endpoints, rng.getrandbits(32))[0]

    def test_each_is_scanned_from_screen_and_page(self):
        rng = random.Random(5)
        for _ in range(cases(20, 400)):
            invite = self.invite(rng)
            for text in (invite.get_text(), invite.get_text().replace("-", "")):
                matrix = qr.encode(text)
                for style in (qr.HALF, qr.PLAIN):
                    self.check(qr.render(matrix, style, rng.choice((4, 2))), text, invite)
                for style in (qr.ANSI, qr.ASCII):
                    lines = [line.replace("  ", " ").replace("##", "#") for line in qr.render(matrix, style)]
                    rows = modules_of(lines)[::2]
                    self.assertEqual(rows, with_quiet(matrix), style)
                self.assertEqual(self.rows_of_svg(qr.to_svg(matrix)), with_quiet(matrix))

    def check(self, lines, text, invite):
        found = scan(modules_of(lines))
        self.assertEqual([read for read, _ in found], [text])
        self.assertEqual(read_invite(found[0][0]), invite)

    def rows_of_svg(self, svg):
        size = int(re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)[1])
        rows = [[0] * size for _ in range(size)]
        for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", svg):
            for column in range(int(x), int(x) + int(width)):
                rows[int(y)][column] = 1
        # Nothing else is in the path.
        self.assertEqual(re.sub(r"M\d+ \d+h(\d+)v1h-\1z", "", re.search(r' d="([^"]*)"', svg)[1]), "")
        return rows

    def test_an_ordinary_one_fits_a_terminal_of_24_lines(self):
        invite, _ = make_invite(random.Random(1).randbytes, "office", [("office.example.net", 500)], 1_790_000_600)
        matrix = qr.encode(invite.get_text().replace("-", ""))
        self.assertIsNotNone(qr.choose(matrix, 80, 24, "linux", "utf-8"), len(matrix))


if __name__ == "__main__":
    unittest.main()
