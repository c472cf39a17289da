"""The text of a changed configuration: what stays, what is written as libuci writes it, what cannot be written."""

import unittest

from isthmus.config import uci
from isthmus.config.delta import SET, Delta, parse_deltas
from isthmus.config.edit import Document, EditError
from isthmus.config.lexer import MAX_BYTES
from isthmus.config.writer import meaning, render

# name, text, changes, text afterwards
ROWS = (
    ("nothing", b"config a 'x'\noption b c\n", b"", b"config a 'x'\noption b c\n"),
    (
        "a value keeps its place, its indent and its comment",
        b'# top\nconfig a x\n  option   b  "old"   # why\n\toption c 1\n', b"isthmus.x.b=new\n",
        b"# top\nconfig a x\n  option b 'new'   # why\n\toption c 1\n",
    ),
    ("a comment right behind the value", b"c a x\no b c#d\n", b"isthmus.x.b=e\n", b"c a x\noption b 'e'#d\n"),
    ("a quote", b"c a x\no b c\n", b"isthmus.x.b='it'\\''s'\n", b"c a x\noption b 'it'\\''s'\n"),
    ("a value of two lines", b"c a x\n\to b 'c\nd' # e\n", b"isthmus.x.b='f\n\ng'\n",
     b"c a x\n\toption b 'f\n\ng' # e\n"),
    ("a new option follows the others", b"config a x\n\toption b 1\n\n# of y\nconfig a y\n", b"isthmus.x.c=2\n",
     b"config a x\n\toption b 1\n\toption c '2'\n\n# of y\nconfig a y\n"),
    ("with their indent", b"config a x\n    option b 1\n", b"isthmus.x.c=2\n",
     b"config a x\n    option b 1\n    option c '2'\n"),
    ("the first option of a section", b"config a x\n\nconfig a y\n", b"isthmus.x.c=2\n",
     b"config a x\n\toption c '2'\n\nconfig a y\n"),
    ("no line end at the end", b"config a x\n\toption b 1", b"isthmus.x.c=2\n",
     b"config a x\n\toption b 1\n\toption c '2'\n"),
    ("nor a section after it", b"config a x # end", b"isthmus.y=a\n", b"config a x # end\n\nconfig a 'y'\n"),
    ("a new section", b"\nconfig a 'x'\n\toption b '1'\n\n", b"isthmus.y=a\n|isthmus.y.l=1\n|isthmus.y.l=2\n",
     b"\nconfig a 'x'\n\toption b '1'\n\nconfig a 'y'\n\tlist l '1'\n\tlist l '2'\n"),
    ("into an empty file", b"", b"isthmus.y=a\n", b"config a 'y'\n"),
    ("one without a name", b"", b"+isthmus.cfg01abcd=a\nisthmus.cfg01abcd.b=1\n", b"config a\n\toption b '1'\n"),
    ("a list grows behind its last value", b"c a x\n\tl b 1 # one\n\to c 2\n", b"|isthmus.x.b=3\n",
     b"c a x\n\tl b 1 # one\n\tlist b '3'\n\to c 2\n"),
    ("and shrinks", b"c a x\n\tl b 1 # one\n\tl b 2\n\tl b 1\n", b"~isthmus.x.b=1\n", b"c a x\n\tl b 2\n"),
    ("one value of it", b"c a x\n\tl b 1\n\tl b 2\n\tl b 3\n", b"-isthmus.x.b=1\n", b"c a x\n\tl b 1\n\tl b 3\n"),
    ("an option becomes a list", b"c a x\n\to b 1 # one\n", b"|isthmus.x.b=2\n",
     b"c a x\n\tlist b '1' # one\n\tlist b '2'\n"),
    ("a list becomes an option", b"c a x\n\tl b 1\n\t# between\n\tl b 2\n", b"isthmus.x.b=3\n",
     b"c a x\n\toption b '3'\n\t# between\n"),
    ("an empty item stays one", b"c a x\n\tl b ''\n", b"|isthmus.x.b=''\n", b"c a x\n\tl b ''\n\tlist b ''\n"),
    ("an empty value deletes", b"c a x\n\to b 1\n\to c 2\n", b"isthmus.x.b=''\n", b"c a x\n\to c 2\n"),
    ("what counts no more goes with it", b"c a x\no b 1\no c 2\no b 3\n", b"-isthmus.x.b\n", b"c a x\no c 2\n"),
    ("and with another value", b"c a x\no b 1\no c 2\no b 3\n", b"isthmus.x.b=4\n", b"c a x\no c 2\noption b '4'\n"),
    ("otherwise it stays", b"c a x\no b 1\no b 3\n", b"isthmus.x.c=4\n", b"c a x\no b 1\no b 3\noption c '4'\n"),
    ("a section goes with the lines between its own", b"# top\n\nc a x\n\t# in\n\to b 1\n\n# of y\nc a y\n",
     b"-isthmus.x\n", b"# top\n\n# of y\nc a y\n"),
    ("a comment above it stays", b"c a x\n\n# of y\nc a y\n\to b 1\n", b"-isthmus.y\n", b"c a x\n\n# of y\n"),
    ("one that is continued goes whole", b"c a x\no b 1\nc a y\no b 2\nc a x\no c 3\n", b"-isthmus.x\n",
     b"c a y\no b 2\n"),
    ("or grows at its end", b"c a x\no b 1\nc a y\nc a x\no c 3\n", b"isthmus.x.d=4\n",
     b"c a x\no b 1\nc a y\nc a x\no c 3\noption d '4'\n"),
    ("another name", b"config  a   x # why\n\to b 1\n", b"@isthmus.x=y\n", b"config a 'y' # why\n\to b 1\n"),
    ("for a section without one", b"config a # why\n", b"@isthmus." + uci.anonymous_name(1, b"a").encode() + b"=y\n",
     b"config a 'y' # why\n"),
    ("another type", b"config a x\n", b"isthmus.x=z\n", b"config z 'x'\n"),
    ("an option of another name", b'c a x\n\to b "1"\n\tl c 1\n\tl c 2\n', b"@isthmus.x.b=d\n@isthmus.x.c=e\n",
     b"c a x\n\toption d '1'\n\tlist e '1'\n\tlist e '2'\n"),
    ("another order, with the comments above", b"# file\n\nc a x\n\to b 1\n\n# of y\n#\nc a y\n# tail\n",
     b"^isthmus.y=0\n", b"# file\n\n# of y\n#\nc a y\n# tail\n\nc a x\n\to b 1\n"),
    ("new ones in front", b"c a x\n", b"isthmus.y=a\n^isthmus.y=0\n", b"\nconfig a 'y'\nc a x\n"),
    ("commands on one line", b"c a x ; o b 1 ; o c '2' # why\n", b"isthmus.x.c=3\n",
     b"c a x\n\to b 1\n\toption c '3'\n# why\n"),
    ("what libuci does not read there stays unread", b"c a x\no b 1;o c 2\n", b"isthmus.x.b=3\n",
     b"c a x\n\toption b '3'\n#o c 2\n"),
    ("also behind a new line", b"c a x\no b 1;o c 2\n", b"isthmus.x.d=3\n",
     b"c a x\n\to b 1\n\toption d '3'\n#o c 2\n"),
    ("a backslash at the end of the file", b"c a x\no b 1\\", b"isthmus.x.d=3\n",
     b"c a x\n\toption b '1'\n\toption d '3'\n"),
    ("stays if nothing follows", b"c a x\no c 2\no b 1\\", b"isthmus.x.c=3\n", b"c a x\noption c '3'\no b 1\\"),
    ("a package line", b"package isthmus\nc a x\n", b"isthmus.x.b=1\n", b"package isthmus\nc a x\n\toption b '1'\n"),
    ("bytes that are no text", b"c a x\no b \xff\no c 1\n", b"isthmus.x.c=\xfe\n",
     b"c a x\no b \xff\noption c '\xfe'\n"),
)  # fmt: skip


def changed(text, changes):
    document = Document(text, "test")
    deltas, broken = parse_deltas(changes, "changes")
    if broken:
        raise AssertionError("line %d is no change" % broken[0])
    for delta in deltas:
        document.apply(delta)
    return document


class WriterTest(unittest.TestCase):
    def test_rows(self):
        for name, text, changes, after in ROWS:
            document = changed(text, changes)
            out = render(document)
            self.assertEqual(out, after, name)
            self.assertEqual(meaning(uci.parse(out, "out")), meaning(document.package), name)

    def test_what_cannot_be_written(self):
        for changes, part in (
            (b"isthmus.x=''\n", None),
            (b"isthmus.y='a b'\n", "is no section type"),
            (b"isthmus.y='\xc3\xa4'\n", "is no section type"),
            (b"isthmus.y.b=1\n", "there is no section 'y'"),
            (b"-isthmus.x.c\n", "a 'x' has no option 'c'"),
            (b"-isthmus.x.l=one\n", "that is no number"),
            (b"^isthmus.x=first\n", "that is no position"),
        ):
            try:
                changed(b"c a x\no b 1\nl l 1\n", changes)
                self.assertEqual(part, None, changes)
            except EditError as error:
                self.assertTrue(part is not None and part in error.message, error.message)
                self.assertTrue(error.remedy)

    def test_control_bytes(self):
        for byte in range(32):
            value = b"a" + bytes([byte]) + b"b"
            document = Document(b"c a x\n", "test")
            if byte in (9, 10, 13):
                document.apply(Delta(SET, "x", "b", value))
                self.assertEqual(uci.parse(render(document), "out").get("x").get("b").values, [value])
            else:
                self.assertRaises(EditError, document.apply, Delta(SET, "x", "b", value))
                self.assertEqual(render(document), b"c a x\n")

    def test_a_file_that_becomes_too_large(self):
        document = changed(b"c a x\n", b"isthmus.x.b='" + b"y" * (MAX_BYTES - 100) + b"'\n")
        self.assertEqual(len(render(document)), MAX_BYTES - 100 + len(b"c a x\n\toption b ''\n"))
        document = Document(b"c a x\n#" + b"c" * 200 + b"\n", "test")
        for delta in parse_deltas(b"isthmus.x.b='" + b"y" * (MAX_BYTES - 100) + b"'\n", "changes")[0]:
            document.apply(delta)
        self.assertRaises(EditError, render, document)


if __name__ == "__main__":
    unittest.main()
