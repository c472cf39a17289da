"""Reader never reads past its end, and Writer is its mirror."""

from __future__ import annotations

import unittest

from isthmus.wire.buffer import LENGTH, SHORT, TRAILING, Reader, WireError, Writer
from isthmus.wire.value import Value


class Buffers(unittest.TestCase):
    def reason(self, action):
        with self.assertRaises(WireError) as caught:
            action()
        return caught.exception.reason

    def test_mirror(self):
        writer = Writer()
        writer.push_uint8(0x12)
        writer.push_uint16(0x3456)
        writer.push_uint32(0x789ABCDE)
        writer.push_bytes(b"rest")
        data = writer.get_bytes()
        self.assertEqual(data, b"\x12\x34\x56\x78\x9a\xbc\xderest")
        reader = Reader(data)
        self.assertEqual(
            (reader.pull_uint8(), reader.pull_uint16(), reader.pull_uint32()), (0x12, 0x3456, 0x789ABCDE)
        )
        self.assertEqual((reader.offset, reader.left), (7, 4))
        self.assertEqual(reader.pull_rest(), b"rest")
        reader.finish()

    def test_overwriting(self):
        writer = Writer()
        writer.push_bytes(bytes(8))
        writer.set_uint8(0, 1)
        writer.set_uint16(1, 0x0203)
        writer.set_uint32(4, 0x04050607)
        self.assertEqual(writer.get_bytes(), b"\x01\x02\x03\x00\x04\x05\x06\x07")
        self.assertEqual(len(writer), 8)

    def test_every_pull_stops_at_the_end(self):
        for size, pull in ((1, "pull_uint8"), (2, "pull_uint16"), (4, "pull_uint32")):
            for left in range(size):
                self.assertEqual(self.reason(getattr(Reader(bytes(left)), pull)), SHORT)
        self.assertEqual(self.reason(lambda: Reader(b"abc").pull_bytes(4)), SHORT)

    def test_a_failed_pull_takes_nothing(self):
        reader = Reader(b"abc")
        self.reason(lambda: reader.pull_bytes(4))
        self.assertEqual(reader.left, 3)

    def test_blocks(self):
        reader = Reader(b"abcdef")
        reader.pull_bytes(2)
        block = reader.pull_block(4, 2)
        self.assertEqual((block.pull_rest(), reader.left), (b"cd", 2))
        self.assertEqual(self.reason(lambda: Reader(b"ab").pull_block(3, 4)), LENGTH)
        self.assertEqual(self.reason(lambda: Reader(b"ab").pull_block(7, 4)), SHORT)

    def test_left_over(self):
        self.assertEqual(self.reason(Reader(b"x").finish), TRAILING)


class Point(Value):
    fields = ("x", "name")

    def __init__(self, x, name, secret=b""):
        self.x = x
        self.name = name
        self.secret = secret


class Values(unittest.TestCase):
    def test_compared_and_printed_by_their_fields(self):
        self.assertEqual(Point(1, b"ab"), Point(1, b"ab", b"hidden"))
        self.assertNotEqual(Point(1, b"ab"), Point(2, b"ab"))
        self.assertNotEqual(Point(1, b"ab"), 1)
        self.assertEqual(repr(Point(1, b"ab", b"hidden")), "Point(x=1, name=6162)")
        self.assertEqual(len({Point(1, b""), Point(1, b"")}), 1)
