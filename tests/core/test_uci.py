"""UCI text as libuci reads it: each rule of quoting, joining, naming and merging, and each reason for refusal.

Sources: shared reference openwrt.md section 1.1, written from libuci's file.c and list.c; the generated names are known
from real devices. tests/golden holds whole files.
"""

import unittest

from isthmus.config.lexer import MAX_BYTES, MAX_COMMANDS
from isthmus.config.uci import MAX_ERRORS, Option, UciError, anonymous_name, parse, parse_all

# What stands behind `option x `, and what the option then holds; None: nothing is stored.
VALUES = (
    (b"plain", b"plain"),
    (b"'single'", b"single"),
    (b'"double"', b"double"),
    (b"'two words'", b"two words"),
    (b"it\\'s", b"it's"),
    (b"'it'\\''s'", b"it's"),
    (b"\\''quoted'\\'", b"'quoted'"),
    (b"a'b'\"c\"d", b"abcd"),
    (b"'a\\b'", b"a\\b"),  # nothing is special inside single quotes
    (b"'a\\nb'", b"a\\nb"),
    (b'"a\\nb"', b"anb"),  # no C escapes: the n itself
    (b'"a\\"b\\\\c"', b'a"b\\c'),
    (b"a\\ b", b"a b"),
    (b"a\\#b\\;c", b"a#b;c"),
    (b"'#;\"'", b'#;"'),
    (b'"#;\'"', b"#;'"),
    (b"abc#1", b"abc"),  # a comment in mid-word
    (b"abc # 1", b"abc"),
    (b"'abc'#1", b"abc"),
    (b"'two\nlines'", b"two\nlines"),
    (b'"two\nlines"', b"two\nlines"),
    (b"'a\n\n b\r\n'", b"a\n\n b\r\n"),
    (b"ab\\\ncd", b"abcd"),
    (b"ab\\\r\ncd", b"abcd"),
    (b'"ab\\\ncd"', b"abcd"),
    (b"'ab\\\ncd'", b"ab\\\ncd"),
    (b"\\\nabc", b"abc"),
    (b"ab\\\n", b"ab"),
    (b"ab\\", b"ab"),
    (b"a\\\rb", b"a\rb"),  # a lone CR is an ordinary byte after a backslash
    (b"abc\r", b"abc"),
    (b"abc\v", b"abc"),
    (b"\xc3\xa4\xff", b"\xc3\xa4\xff"),  # bytes are not looked at
    (b"", None),
    (b"''", None),
    (b'""', None),
    (b"#abc", None),
    (b"\\", None),
)

# text, reason, line, byte
REFUSED = (
    (b"hello", "invalid command", 1, 0),
    (b"config\n", "invalid command", 1, 0),  # the line end belongs to the word
    (b"config\r\n", "invalid command", 1, 0),
    (b"config;", "invalid command", 1, 0),
    (b"Config a\n", "invalid command", 1, 0),
    (b"conf a\n", "invalid command", 1, 0),
    (b"  \tx y\n", "invalid command", 1, 3),
    (b"\xff\n", "invalid command", 1, 0),
    (b"'config' a\n", "invalid command", 1, 0),
    (b"config a\noption b 'c';\n", "invalid command", 2, 13),  # nothing but blanks and commands after a ;
    (b"config a\noption b 'c';\tx\n", "invalid command", 2, 13),
    (b"config", "config without name", 1, 0),
    (b"package", "package without name", 1, 0),
    (b"config a\noption", "option without name", 2, 0),
    (b"config a\nlist", "option without name", 2, 0),
    (b"config \n", "insufficient arguments", 1, 8),
    (b"config ''\n", "insufficient arguments", 1, 10),
    (b"package \n", "insufficient arguments", 1, 9),
    (b"config a\noption \n", "insufficient arguments", 2, 8),
    (b"config a\noption ''\n", "insufficient arguments", 2, 10),
    (b"config a\noption ;\n", "insufficient arguments", 2, 8),
    (b"config a b c\n", "too many arguments", 1, 13),
    (b"config a\noption b c d\n", "too many arguments", 2, 13),
    (b"config a\noption b ;option c d\n", "too many arguments", 2, 17),  # the ; stands for the value
    (
        b"config a\noption b a\\\n c\n",
        "too many arguments",
        3,
        14,
    ),  # a line joined by a backslash ends the word at its blank
    (b"config a\noption b \\\n c\n", "too many arguments", 3, 13),
    (b"config a\noption b 'c\nd' e f\n", "too many arguments", 3, 17),
    (b"config a b-c\n", "invalid character in name field", 1, 13),
    (b"config a 'b c'\n", "invalid character in name field", 1, 15),
    (b"config a \xc3\xa4\n", "invalid character in name field", 1, 12),
    (b"config a\noption b-c d\n", "invalid character in name field", 2, 11),
    (b"config a\nlist b.c d\n", "invalid character in name field", 2, 9),
    (b"package a.b\n", "invalid character in name field", 1, 12),
    (b"config 'a b'\n", "invalid character in type field", 1, 13),
    (b"config \xc3\xa4\n", "invalid character in type field", 1, 10),
    (b"config 'a\tb'\n", "invalid character in type field", 1, 13),
    (b"option a b\n", "option/list command found before the first section", 1, 0),
    (b"\n\nlist a b\n", "option/list command found before the first section", 3, 0),
    (b"config a x\nconfig b x\n", "section of different type overwrites prior section with same name", 2, 11),
    (b"config a 'b", "EOF with unterminated '", 1, 11),
    (b"config a\noption b 'c\nd\n", "EOF with unterminated '", 3, 14),
    (b'config a\noption b "c\\\nd\n', 'EOF with unterminated "', 3, 14),
    (b'config a\noption b "c\\', 'EOF with unterminated "', 2, 12),
    (b"config a\nopt\x00ion b c\n", "NUL byte", 2, 3),
    (b"#" * (MAX_BYTES + 1), "file too large", 1, 0),
)


def options(data):
    """[(section name, [(option, value or list)])] of a text."""
    found = []
    for section in parse(data, "test").sections:
        rows = [(option.name, option.values if option.is_list else option.values[0]) for option in section.options]
        found.append((section.name, rows))
    return found


def rows(body):
    """The options that `body` leaves in one section."""
    return options(b"config t s\n" + body)[0][1]


def refusal(data):
    """The UciError that a text meets."""
    try:
        parse(data, "test")
    except UciError as error:
        return error
    raise AssertionError("not refused: %r" % data[:60])


class ArgumentTest(unittest.TestCase):
    def test_values(self):
        for text, value in VALUES:
            for end in (b"\n", b""):
                if end == b"" or not text.endswith(b"\\"):
                    expected = [] if value is None else [("x", value)]
                    self.assertEqual(rows(b"option x " + text + end), expected, repr(text))

    def test_blanks(self):
        for body in (
            b"option x y",
            b"\t option\tx\ty\n",
            b"\v\f\roption \t x \v y \f\r\n",
            b"o x y",
            b"option x 'y'z\n",
        ):
            self.assertEqual(rows(body)[0][0], "x")

    def test_comments_and_empty_lines(self):
        self.assertEqual(rows(b"\n \t\n# option a b\n  #\noption x y # option c d\n#"), [("x", b"y")])
        self.assertEqual(options(b""), [])
        self.assertEqual(options(b"\n\n# nothing"), [])

    def test_abbreviations(self):
        self.assertEqual(options(b"p x\nc t s\no a b\nl d e\nl d f\n"), [("s", [("a", b"b"), ("d", [b"e", b"f"])])])


class SemicolonTest(unittest.TestCase):
    """A `;` ends a command, except where libuci overwrites it with the end mark of a bare word."""

    def test_after_a_blank(self):
        self.assertEqual(rows(b"option a b ;option c d\n"), [("a", b"b"), ("c", b"d")])
        self.assertEqual(rows(b"option a b ; \t option c d"), [("a", b"b"), ("c", b"d")])

    def test_after_a_quote_or_an_escape(self):
        for value in (b"'b'", b'"b"', b"\\b", b"''b", b"\\\nb"):
            self.assertEqual(rows(b"option a " + value + b";option c d\n"), [("a", b"b"), ("c", b"d")])

    def test_after_a_bare_word_the_line_is_lost(self):
        self.assertEqual(rows(b"option a b;option c d\noption e f\n"), [("a", b"b"), ("e", b"f")])
        self.assertEqual(rows(b"option a b;rubbish 'x\noption e f\n"), [("a", b"b"), ("e", b"f")])

    def test_at_the_end_of_the_file(self):
        self.assertEqual(rows(b"option a 'b';"), [("a", b"b")])
        self.assertEqual(rows(b"option a 'b'; # comment"), [("a", b"b")])

    def test_sections_too(self):
        self.assertEqual(options(b"config t a ;config t b ;option c d\n"), [("a", []), ("b", [("c", b"d")])])


class SectionTest(unittest.TestCase):
    def test_generated_names_are_those_of_real_devices(self):
        # dnsmasq of /etc/config/dhcp, system of /etc/config/system, defaults and zones of firewall, br-lan of network
        for number, section_type, name in (
            (1, b"dnsmasq", "cfg01411c"),
            (1, b"system", "cfg01e48a"),
            (1, b"defaults", "cfg01e63d"),
            (2, b"zone", "cfg02dc81"),
            (3, b"zone", "cfg03dc81"),
            (3, b"device", "cfg030f15"),
        ):
            self.assertEqual(anonymous_name(number, section_type), name)

    def test_named_sections_count_too(self):
        text = b"config interface 'loopback'\nconfig globals 'globals'\nconfig device\nconfig device ''\n"
        package = parse(text, "test")
        self.assertEqual([s.name for s in package.sections], ["loopback", "globals", "cfg030f15", "cfg040f15"])
        self.assertEqual([s.anonymous for s in package.sections], [False, False, True, True])

    def test_a_continued_section_is_not_counted(self):
        package = parse(b"config a x\nconfig a x\nconfig device\n", "test")
        self.assertEqual(package.sections[1].name, "cfg020f15")

    def test_more_than_255_sections(self):
        package = parse(b"config device\n" * 257, "test")
        self.assertEqual(package.sections[255].name, "cfg1000f15")
        self.assertEqual(package.sections[256].name, "cfg1010f15")

    def test_same_name_continues_the_section(self):
        text = b"config t a\noption x 1\nconfig t b\noption y 2\nconfig t a\noption x 3\noption z 4\n"
        self.assertEqual(options(text), [("a", [("x", b"3"), ("z", b"4")]), ("b", [("y", b"2")])])
        section = parse(text, "test").get("a")
        self.assertEqual([s.line for s in section.statements], [1, 5])

    def test_a_generated_name_can_be_continued_by_name(self):
        self.assertEqual(
            options(b"config device\nconfig device cfg010f15\noption a b\n"), [("cfg010f15", [("a", b"b")])]
        )

    def test_types_may_hold_punctuation(self):
        self.assertEqual(parse(b"config wifi-iface!\n", "test").sections[0].type, "wifi-iface!")

    def test_a_package_line_is_checked_and_passed_over(self):
        self.assertEqual(options(b"package other-name\nconfig t a\n"), [("a", [])])
        self.assertEqual(parse(b"package 'x'\n", "test", "isthmus").name, "isthmus")


class OptionTest(unittest.TestCase):
    def test_the_last_one_counts_and_the_first_place_stays(self):
        self.assertEqual(rows(b"option a 1\noption b 2\noption a 3\n"), [("a", b"3"), ("b", b"2")])

    def test_list(self):
        self.assertEqual(rows(b"list a 1\noption b 2\nlist a 3\nlist a 1\n"), [("a", [b"1", b"3", b"1"]), ("b", b"2")])

    def test_a_list_takes_empty_items(self):
        self.assertEqual(rows(b"list a ''\nlist a\n"), [("a", [b"", b""])])

    def test_option_then_list_converts(self):
        self.assertEqual(rows(b"option a 1\nlist a 2\n"), [("a", [b"1", b"2"])])

    def test_list_then_option_replaces(self):
        self.assertEqual(rows(b"list a 1\nlist a 2\noption b 0\noption a 3\n"), [("a", b"3"), ("b", b"0")])

    def test_an_empty_value_removes(self):
        self.assertEqual(rows(b"option a 1\noption a ''\n"), [])
        self.assertEqual(rows(b"list a 1\noption a\n"), [])
        self.assertEqual(rows(b"option a 1\noption b 2\noption a ''\noption a 3\n"), [("b", b"2"), ("a", b"3")])
        self.assertEqual(parse(b"config t s\noption a ''\n", "test").sections[0].emptied, [("a", 2)])

    def test_places(self):
        text = b"# c\nconfig t 's'\n  option a 'x\ny' ;list b 1\n\tlist b 2 # c\noption a z\n"
        section = parse(text, "test").sections[0]
        a, b = section.get("a"), section.get("b")
        self.assertEqual((section.line, a.line, a.earlier, b.line), (2, 6, [3], 4))
        self.assertEqual([s.line for s in b.statements], [4, 5])
        self.assertIsNone(section.get("c"))

    def test_statements_are_the_file_without_blanks_and_comments(self):
        text = (
            b"config t 's' # c\n  option a 'x\ny'  ; list b \"1\\\n2\"\noption c ''\no d;lost\n"
            b"option e # c\noption f 1 ;\toption g h"
        )
        statements = parse(text, "test").statements
        self.assertEqual(
            [text[s.start : s.end] for s in statements],
            [
                b"config t 's'",
                b"option a 'x\ny'",
                b'list b "1\\\n2"',
                b"option c ''",
                b"o d",
                b"option e",
                b"option f 1",
                b"option g h",
            ],
        )
        self.assertEqual([s.command for s in statements], ["config", "option", "list"] + ["option"] * 5)
        self.assertEqual(statements[2].args, [b"b", b"12"])

    def test_no_value_in_repr(self):
        section = parse(b"config t s\noption psk geheim\n", "test").sections[0]
        for thing in (section, section.get("psk")):
            self.assertNotIn("geheim", repr(thing))
        self.assertIsInstance(section.get("psk"), Option)


class RefusalTest(unittest.TestCase):
    def test_reason_line_and_byte(self):
        for text, reason, line, byte in REFUSED:
            error = refusal(text)
            self.assertEqual((error.reason, error.line, error.byte), (reason, line, byte), repr(text[:60]))
            self.assertEqual(error.file, "test")
            self.assertIn("test:%d: parse error (%s) at line %d, byte %d" % (line, reason, line, byte), str(error))
            self.assertTrue(error.remedy, reason)

    def test_the_place_where_it_began(self):
        error = refusal(b"config t s\n\noption psk 'geheim\noption remote x\n")
        self.assertEqual((error.line, error.began), (4, 3))
        self.assertIn("begins in line 3", str(error))
        self.assertEqual(refusal(b"config t s\noption psk 'a\nb'c d\n").began, 2)

    def test_no_value_in_an_error(self):
        for text in (
            b"config t s\noption psk geheim geheim\n",
            b"config t s\noption psk 'geheim\n",
            b"config t s\noption 'geheim!' x\n",
            b"config t s\ngeheim\n",
            b"config 'geheim geheim'\n",
        ):
            self.assertNotIn("geheim", str(refusal(text)) + repr(refusal(text)) + refusal(text).remedy)


class ReadingOnTest(unittest.TestCase):
    def test_every_error_and_the_rest_of_the_file(self):
        package, errors = parse_all(b"config t a\nrubbish\noption x 1\noption y 2 3\noption z 4\n", "test")
        self.assertEqual([(e.line, e.reason) for e in errors], [(2, "invalid command"), (4, "too many arguments")])
        self.assertEqual([o.name for o in package.sections[0].options], ["x", "z"])

    def test_options_of_a_refused_section_go_nowhere(self):
        package, errors = parse_all(
            b"config t a\noption x 1\nconfig t b-c\noption x 2\nconfig t d\noption x 3\n", "test"
        )
        self.assertEqual([e.line for e in errors], [3])
        self.assertEqual([(s.name, s.get("x").values) for s in package.sections], [("a", [b"1"]), ("d", [b"3"])])

    def test_their_number_is_bounded(self):
        package, errors = parse_all(b"x\n" * 1000, "test")
        self.assertEqual(len(errors), MAX_ERRORS)
        self.assertEqual(package.sections, [])

    def test_the_number_of_commands_is_bounded(self):
        package, errors = parse_all(b"config t s\n" + b"o a b\n" * MAX_COMMANDS + b"rubbish\n", "test")
        self.assertEqual([(e.reason, e.line) for e in errors], [("too many commands", MAX_COMMANDS + 1)])
        self.assertEqual(len(package.statements), MAX_COMMANDS)

    def test_a_file_that_is_no_text(self):
        package, errors = parse_all(b"\x7fELF\x00\x01", "test")
        self.assertEqual([e.reason for e in errors], ["NUL byte"])
        self.assertEqual(package.sections, [])

    def test_agrees_with_parse(self):
        text = b"config t a\noption x 1\nlist y 2\n"
        package, errors = parse_all(text, "test")
        self.assertEqual(errors, [])
        self.assertEqual(len(package.statements), len(parse(text, "test").statements))
