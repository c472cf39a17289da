"""Lines of staged changes, as uci writes and reads them, and what uci passes over.

Source: libuci, delta.c and util.c (uci_parse_ptr), and its own tests of malformed changes (tests.d/100_changes).
"""

import unittest

from isthmus.config.delta import Delta, format_delta, parse_deltas
from isthmus.config.lexer import MAX_BYTES, MAX_COMMANDS, UciError

# line, kind, section, option, value
READ = (
    (b"isthmus.x='tunnel'", "", "x", "", b"tunnel"),
    (b"isthmus.x.b='1'", "", "x", "b", b"1"),
    (b"isthmus.x.b=1", "", "x", "b", b"1"),
    (b"isthmus.x.b=", "", "x", "b", b""),
    (b"isthmus.x.b='a=b.c'", "", "x", "b", b"a=b.c"),
    (b"isthmus.x.b='it'\\''s'", "", "x", "b", b"it's"),
    (b'isthmus.x.b="a\\"b"', "", "x", "b", b'a"b'),
    (b"'isthmus.x.b=a b'", "", "x", "b", b"a b"),
    (b"isthmus.x.b='one\ntwo'", "", "x", "b", b"one\ntwo"),
    (b"isthmus.x.b=a # comment", "", "x", "b", None),  # a blank, and then something: not one argument
    (b"isthmus.x.b=a#comment", "", "x", "b", b"a"),
    (b"isthmus.x.b=a;isthmus.x.c=d", "", "x", "b", b"a"),  # libuci writes its end mark over that ;
    (b"  isthmus.x.b=a", "", "x", "b", b"a"),
    (b"+isthmus.cfg01abcd='tunnel'", "+", "cfg01abcd", "", b"tunnel"),
    (b"-isthmus.x", "-", "x", "", None),
    (b"-isthmus.x.b", "-", "x", "b", None),
    (b"-isthmus.x.b='2'", "-", "x", "b", b"2"),
    (b"@isthmus.x='y'", "@", "x", "", b"y"),
    (b"@isthmus.x.b='c'", "@", "x", "b", b"c"),
    (b"^isthmus.x='3'", "^", "x", "", b"3"),
    (b"|isthmus.x.b='1'", "|", "x", "b", b"1"),
    (b"~isthmus.x.b=''", "~", "x", "b", b""),
)

PASSED_OVER = (
    b"isthmus.x.b=a b", b"isthmus.x.b=a ", b"isthmus.x b=c", b"isthmus.x", b"isthmus.x.b", b"isthmus='x'", b"isthmus",
    b"network.x.b='1'", b"isthmus.x.b.c='1'", b"isthmus..b='1'", b"isthmus.x.='1'", b"isthmus.a-b.c='1'",
    b"isthmus.@x[0].c='1'", b"isthmus.x.b='1", b'isthmus.x.b="1', b"+isthmus.x", b"@isthmus.x='a b'", b"@isthmus.x=''",
    b"^isthmus.x.b='1'", b"^isthmus.x", b"|isthmus.x='1'", b"~isthmus.x='1'", b"isthmus.x.b='\x01'", b"=1", b".x=1",
    b"isthmus.x.b=\x00", b"*isthmus.x.b='1'", b"'isthmus.x.b=1';", b";isthmus.x.b=1",
)  # fmt: skip


def values(delta):
    return delta.kind, delta.section, delta.option, delta.value


class DeltaTest(unittest.TestCase):
    def test_read(self):
        for line, kind, section, option, value in READ:
            deltas, broken = parse_deltas(line + b"\nisthmus.last='t'\n", "test")
            if b" #" in line:
                self.assertEqual((len(deltas), broken), (1, [1]), line)
                continue
            expected = [(kind, section, option, value), ("", "last", "", b"t")]
            self.assertEqual([values(delta) for delta in deltas], expected)
            self.assertEqual(broken, [])
            again = parse_deltas(format_delta(deltas[0]), "test")[0]
            self.assertEqual(values(again[0]), values(deltas[0]))

    def test_passed_over(self):
        for line in PASSED_OVER:
            deltas, broken = parse_deltas(b"isthmus.first='t'\n" + line + b"\n", "test")
            self.assertEqual((len(deltas), broken), (1, [2]), line)

    def test_blank_lines_and_comments_are_nothing(self):
        self.assertEqual(parse_deltas(b"\n\n  # x\n#\n", "test"), ([], []))
        self.assertEqual(parse_deltas(b"", "test"), ([], []))

    def test_lines_are_counted(self):
        deltas, broken = parse_deltas(b"\nisthmus.x.b='1\n2'\nbad\nisthmus.x.c='3'\n", "test")
        self.assertEqual(([delta.line for delta in deltas], broken), ([2, 5], [4]))

    def test_written_as_uci_writes_it(self):
        self.assertEqual(format_delta(Delta("|", "x", "b", b"it's")), b"|isthmus.x.b='it'\\''s'\n")
        self.assertEqual(format_delta(Delta("-", "x")), b"-isthmus.x\n")

    def test_its_repr_shows_no_value(self):
        self.assertEqual(repr(Delta("", "x", "psk", b"geheim")), "Delta(isthmus.x.psk)")

    def test_bounds(self):
        self.assertRaises(UciError, parse_deltas, b"#" * (MAX_BYTES + 1), "test")
        self.assertRaises(UciError, parse_deltas, b"-isthmus.x\n" * (MAX_COMMANDS + 1), "test")


if __name__ == "__main__":
    unittest.main()
