"""argparse: command lines in, namespaces or one clear error out; the same on CPython's own and on the shim."""

from __future__ import annotations

import argparse
import sys
import unittest


def tunnel_parser():
    """A command line of the kind this project has."""
    parser = Parser(prog="isthmus", description="Steers the daemon.", allow_abbrev=False)
    parser.add_argument("--run", metavar="DIR", default="/var/run/isthmus", help="where the socket is (%(default)s)")
    parser.add_argument("-v", "--verbose", action="count", default=0)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    status = commands.add_parser("status", help="how the tunnels are")
    status.add_argument("--json", action="store_true", help="for programs")
    status.add_argument("tunnel", nargs="?")
    up = commands.add_parser("up", help="start tunnels")
    up.add_argument("tunnel", nargs="+")
    up.add_argument("--wait", type=int, default="5", metavar="SECONDS")
    up.set_defaults(what="start")
    return parser


def values(namespace):
    return sorted([(name, namespace.__dict__[name]) for name in namespace.__dict__])


class Parser(argparse.ArgumentParser):
    """A parser that keeps what it would print: MicroPython lets nobody replace sys.stdout."""

    printed = []

    def _print_message(self, message, file=None):
        self.printed.append(("out" if file is sys.stdout else "err", message))


class Ends:
    """Lets a parser read words that end the program; afterwards: exit status, standard output, standard error."""

    def __init__(self, parser, words):
        Parser.printed.clear()
        self.status = None
        try:
            parser.parse_args(words)
        except SystemExit as end:
            self.status = end.args[0] if end.args else 0
        self.out = "".join([text for where, text in Parser.printed if where == "out"])
        self.err = "".join([text for where, text in Parser.printed if where == "err"])


STATUS = {"command": "status", "json": False, "run": "/var/run/isthmus", "tunnel": None, "verbose": 0}
UP = {"command": "up", "run": "/var/run/isthmus", "tunnel": ["a"], "verbose": 0, "wait": 5, "what": "start"}

# Words, and the namespace that they give: one of the two above, but for these values.
GOOD = (
    (["status"], STATUS, {}),
    (["--run", "/r", "status", "a"], STATUS, {"run": "/r", "tunnel": "a"}),
    (["--run=/r", "status", "--json"], STATUS, {"run": "/r", "json": True}),
    (["-vv", "-v", "status", "a", "--json"], STATUS, {"verbose": 3, "tunnel": "a", "json": True}),
    (["up", "a"], UP, {}),
    (["up", "a", "b"], UP, {"tunnel": ["a", "b"]}),
    (["up", "--wait", "7", "a"], UP, {"wait": 7}),
    (["up", "a", "--wait=-1"], UP, {"wait": -1}),
    (["up", "--", "--a"], UP, {"tunnel": ["--a"]}),
)

# Words, and what the error must say.
BAD = (
    ([], "the following arguments are required: COMMAND"),
    (["dance"], "invalid choice: 'dance' (choose from "),
    (["up"], "the following arguments are required: tunnel"),
    (["up", "a", "--wait", "soon"], "argument --wait: invalid int value: 'soon'"),
    (["up", "a", "--wait"], "argument --wait: expected one argument"),
    (["status", "a", "b"], "unrecognized arguments: b"),
    (["status", "--jsn"], "unrecognized arguments: --jsn"),
    (["status", "--json=1"], "argument --json: ignored explicit argument '1'"),
    (["--run"], "argument --run: expected one argument"),
)


class Commands(unittest.TestCase):
    def test_good(self):
        for words, base, changes in GOOD:
            with self.subTest(words=words):
                expected = dict(base)
                expected.update(changes)
                self.assertEqual(tunnel_parser().parse_args(words).__dict__, expected)

    def test_bad_ends_with_status_2_and_says_why(self):
        for words, message in BAD:
            with self.subTest(words=words):
                end = Ends(tunnel_parser(), words)
                self.assertEqual(end.status, 2)
                self.assertEqual(end.out, "")
                self.assertEqual(end.err[:14], "usage: isthmus")
                self.assertIn("error: ", end.err)
                self.assertIn(message, end.err)

    def test_help(self):
        end = Ends(tunnel_parser(), ["--help"])
        self.assertEqual((end.status, end.err), (0, ""))
        for words in ("usage: isthmus", "Steers the daemon.", "--run DIR", "where the socket is (/var/run/isthmus)",
                      "status", "how the tunnels are", "start tunnels", "-v, --verbose"):  # fmt: skip
            self.assertIn(words, end.out)

    def test_help_of_a_command(self):
        end = Ends(tunnel_parser(), ["up", "-h"])
        self.assertEqual((end.status, end.err), (0, ""))
        self.assertIn("usage: isthmus up", end.out)
        self.assertIn("--wait SECONDS", end.out)


class Arguments(unittest.TestCase):
    def parse(self, words, *names, **keywords):
        parser = Parser(prog="p", allow_abbrev=False)
        parser.add_argument(*names, **keywords)
        return parser.parse_args(words)

    def test_actions(self):
        rows = (
            (["-x"], {"action": "store_true"}, True),
            ([], {"action": "store_true"}, False),
            (["-x"], {"action": "store_false"}, False),
            ([], {"action": "store_false"}, True),
            (["-x"], {"action": "store_const", "const": 7}, 7),
            ([], {"action": "store_const", "const": 7, "default": 3}, 3),
            (["-x", "1", "-x2"], {"action": "append", "type": int}, [1, 2]),
            ([], {"action": "append"}, None),
            (["-xx", "-x"], {"action": "count"}, 3),
            ([], {"action": "count"}, None),
            (["-x", "a", "-x", "b"], {}, "b"),
            (["-xa=b"], {}, "a=b"),
        )
        for words, keywords, expected in rows:
            with self.subTest(words=words, keywords=sorted(keywords)):
                self.assertEqual(self.parse(words, "-x", **keywords).x, expected)

    def test_nargs_of_options(self):
        rows = (
            (["-x"], "?", "c"),
            (["-x", "1"], "?", "1"),
            ([], "?", "d"),
            (["-x"], "*", []),
            (["-x", "1", "2"], "*", ["1", "2"]),
            (["-x", "1", "2"], "+", ["1", "2"]),
            (["-x", "1", "2"], 2, ["1", "2"]),
        )
        for words, nargs, expected in rows:
            with self.subTest(words=words, nargs=nargs):
                keywords = {"const": "c"} if nargs == "?" else {}
                self.assertEqual(self.parse(words, "-x", nargs=nargs, default="d", **keywords).x, expected)

    def test_nargs_of_positionals(self):
        rows = (
            ([], "?", "d"),
            (["1"], "?", "1"),
            ([], "*", "d"),
            (["1", "2"], "*", ["1", "2"]),
            (["1"], "+", ["1"]),
            (["1", "2"], 2, ["1", "2"]),
        )
        for words, nargs, expected in rows:
            with self.subTest(words=words, nargs=nargs):
                self.assertEqual(self.parse(words, "x", nargs=nargs, default="d").x, expected)

    def test_words_are_shared_out(self):
        parser = Parser(prog="p")
        parser.add_argument("many", nargs="*")
        parser.add_argument("last")
        self.assertEqual(values(parser.parse_args(["a", "b", "c"])), [("last", "c"), ("many", ["a", "b"])])
        self.assertEqual(values(parser.parse_args(["c"])), [("last", "c"), ("many", [])])

    def test_choices_and_types(self):
        self.assertEqual(self.parse(["--port", "4500"], "--port", type=int, choices=(500, 4500)).port, 4500)

        def port(text):
            if text != "500":
                raise argparse.ArgumentTypeError("not a port: %s" % text)
            return 500

        parser = Parser(prog="p")
        parser.add_argument("--port", type=port)
        parser.add_argument("--mode", choices=("allow", "block"))
        self.assertEqual(parser.parse_args(["--port=500"]).port, 500)
        self.assertIn("argument --port: not a port: 7", Ends(parser, ["--port", "7"]).err)
        end = Ends(parser, ["--mode", "maybe"])
        self.assertIn("argument --mode: invalid choice: 'maybe'", end.err)
        self.assertIn("block", end.err)

    def test_required_option_and_dest(self):
        parser = Parser(prog="p")
        parser.add_argument("--remote-id", "-r", required=True)
        parser.add_argument("--local", dest="here")
        self.assertEqual(values(parser.parse_args(["-r", "x"])), [("here", None), ("remote_id", "x")])
        end = Ends(parser, [])
        self.assertEqual(end.status, 2)
        self.assertIn("the following arguments are required: --remote-id/-r", end.err)

    def test_a_stuck_value_is_one_word(self):
        parser = Parser(prog="p")
        parser.add_argument("--range", nargs=2)
        self.assertIn("argument --range: expected 2 arguments", Ends(parser, ["--range=1"]).err)

    def test_known_arguments(self):
        parser = Parser(prog="p", allow_abbrev=False)
        parser.add_argument("-x", action="store_true")
        namespace, rest = parser.parse_known_args(["-x", "--other", "a"])
        self.assertTrue(namespace.x)
        self.assertEqual(sorted(rest), ["--other", "a"])

    def test_version(self):
        parser = Parser(prog="p")
        parser.add_argument("--version", action="version", version="%(prog)s 1.2")
        end = Ends(parser, ["--version"])
        self.assertEqual((end.status, end.out), (0, "p 1.2\n"))

    def test_negative_numbers_are_words(self):
        self.assertEqual(self.parse(["-5"], "x", type=int).x, -5)

    def test_mistakes_of_the_program(self):
        with self.assertRaises(ValueError):
            self.parse([], "-x", action="dance")
        parser = Parser(prog="p")
        parser.add_argument("-x")
        with self.assertRaises(argparse.ArgumentError):
            parser.add_argument("-x")

    def test_namespace(self):
        self.assertEqual(argparse.Namespace(a=1, b="x"), argparse.Namespace(b="x", a=1))
        self.assertIn("a", argparse.Namespace(a=1))
        self.assertEqual(repr(argparse.Namespace(a=1)), "Namespace(a=1)")
