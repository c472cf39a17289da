"""The parser: words into a namespace, and the texts of usage, help and errors."""

import sys

from .actions import SUPPRESS, Argument, ArgumentError, Namespace

HELP_COLUMN = 24


class _Subparsers:
    """A positional that is the name of a sub-command; the rest of the line belongs to that sub-command's parser."""

    def __init__(self, parser_class, prog, dest, metavar, required, title, help_text):
        self.parser_class = parser_class
        self.names = []
        self.prog = prog
        self.dest = dest
        self.metavar = metavar
        self.required = required
        self.title = title
        self.help = help_text
        self.default = None
        self.parsers = []

    def add_parser(self, name, help=None, prog=None, **keywords):
        """A new parser for the sub-command of this name."""
        parser = self.parser_class(prog=prog or "%s %s" % (self.prog, name), **keywords)
        self.parsers.append((name, help, parser))
        return parser

    def find(self, name):
        """The parser of this name; ArgumentError with the names there are."""
        for known, _, parser in self.parsers:
            if known == name:
                return parser
        allowed = ", ".join([repr(known) for known, _, _ in self.parsers])
        raise ArgumentError(self, "invalid choice: %r (choose from %s)" % (name, allowed))

    def label(self):
        return self.metavar or self.dest or self.placeholder()

    def placeholder(self):
        return self.metavar or "{%s}" % ",".join([name for name, _, _ in self.parsers])

    def words(self):
        return self.placeholder() + " ..."

    def starting_value(self):
        return None


class ArgumentParser:
    """Describes a command line and reads it. A mistake ends the program with exit status 2 and says what is allowed."""

    def __init__(
        self,
        prog=None,
        usage=None,
        description=None,
        epilog=None,
        add_help=True,
        allow_abbrev=False,
        formatter_class=None,
    ):
        argv = getattr(sys, "argv", None) or ["main"]
        self.prog = prog or argv[0].split("/")[-1]
        self.usage = usage
        self.description = description
        self.epilog = epilog
        self._options = []
        self._positionals = []
        self._subparsers = None
        self._defaults = {}
        if add_help:
            self.add_argument("-h", "--help", action="help", help="show this help message and exit")

    def add_argument(self, *names, **keywords):
        """Add an option (names with dashes) or a positional (one name without)."""
        argument = Argument(names, **keywords)
        if argument.names:
            for name in argument.names:
                if self._find(name) is not None:
                    raise ArgumentError(argument, "conflicting option string: %s" % name)
            self._options.append(argument)
        elif self._subparsers is not None:
            raise ValueError("a positional after the sub-commands can never get a word: %s" % argument.dest)
        else:
            self._positionals.append(argument)
        return argument

    def add_subparsers(self, dest=None, metavar=None, required=False, title=None, help=None, prog=None):
        """Let the next positional choose among parsers; returns the object whose add_parser() makes them."""
        if self._subparsers is not None:
            raise ValueError("cannot have multiple subparser arguments")
        for argument in self._positionals:
            if argument.nargs is not None:
                raise ValueError("before sub-commands a positional takes one word: %s" % argument.dest)
        own = " ".join([self.prog] + [argument.words() for argument in self._positionals])
        self._subparsers = _Subparsers(self.__class__, prog or own, dest, metavar, required, title, help)
        return self._subparsers

    def set_defaults(self, **values):
        """Values for names that the command line does not set."""
        for name, value in values.items():
            self._defaults[name] = value
            for argument in self._options + self._positionals:
                if argument.dest == name:
                    argument.default = value

    def parse_args(self, args=None, namespace=None):
        """The namespace of these words (of sys.argv, if none are given). A mistake ends the program."""
        namespace, extra = self.parse_known_args(args, namespace)
        if extra:
            self.error("unrecognized arguments: %s" % " ".join(extra))
        return namespace

    def parse_known_args(self, args=None, namespace=None):
        """As parse_args, and the words that nothing takes as a list beside the namespace."""
        words = list(sys.argv[1:] if args is None else args)
        namespace = Namespace() if namespace is None else namespace
        try:
            return _Reading(self, words, namespace).finish()
        except ArgumentError as error:
            return self.error(str(error))

    def _find(self, name):
        for argument in self._options:
            if name in argument.names:
                return argument
        return None

    def format_usage(self):
        """One line: what can be given."""
        if self.usage:
            return "usage: %s\n" % self.usage
        parts = [self.prog]
        for argument in self._options:
            if argument.help != SUPPRESS:
                text = (argument.names[0] + " " + argument.words()).rstrip()
                parts.append(text if argument.required else "[%s]" % text)
        parts += [argument.words() for argument in self._positionals]
        if self._subparsers is not None:
            parts.append(self._subparsers.words())
        return "usage: %s\n" % " ".join(parts)

    def format_help(self):
        """Usage, description, every argument with its help, the epilogue."""
        lines = [self.format_usage()]
        if self.description:
            lines.append(self.description + "\n")
        positionals = [(argument.placeholder(), self._help_of(argument)) for argument in self._positionals]
        lines += _section("positional arguments", positionals)
        if self._subparsers is not None:
            rows = [(name, text) for name, text, _ in self._subparsers.parsers if text != SUPPRESS]
            lines += _section(self._subparsers.title or "commands", rows)
        options = []
        for argument in self._options:
            if argument.help != SUPPRESS:
                names = [(name + " " + argument.words()).rstrip() for name in argument.names]
                options.append((", ".join(names), self._help_of(argument)))
        lines += _section("options", options)
        if self.epilog:
            lines.append(self.epilog + "\n")
        return "\n".join(lines)

    def _help_of(self, argument):
        if not argument.help:
            return ""
        return argument.help % {"prog": self.prog, "default": argument.default, "dest": argument.dest}

    def print_usage(self, file=None):
        self._print_message(self.format_usage(), file or sys.stdout)

    def print_help(self, file=None):
        self._print_message(self.format_help(), file or sys.stdout)

    def _print_message(self, message, file=None):
        # As in CPython, everything printed passes here, so that a subclass can catch it.
        (file or sys.stderr).write(message)

    def exit(self, status=0, message=None):
        if message:
            self._print_message(message, sys.stderr)
        sys.exit(status)

    def error(self, message):
        """Say what is wrong on standard error and end the program with exit status 2."""
        self.print_usage(sys.stderr)
        self.exit(2, "%s: error: %s\n" % (self.prog, message))


def _section(title, rows):
    if not rows:
        return []
    lines = [title + ":"]
    for left, text in rows:
        if not text:
            lines.append("  " + left)
        elif len(left) + 4 <= HELP_COLUMN:
            lines.append("  %s%s" % (left + " " * (HELP_COLUMN - 2 - len(left)), text))
        else:
            lines += ["  " + left, " " * HELP_COLUMN + text]
    return ["\n".join(lines) + "\n"]


class _Reading:
    """One reading of a command line, word by word."""

    def __init__(self, parser, words, namespace):
        self._parser = parser
        self._words = words
        self._namespace = namespace
        self._next = 0
        self._loose = []
        self._extra = []
        self._seen = []

    def finish(self):
        """Read all words. Returns the namespace and the words that nothing took."""
        self._start()
        options_over = False
        while self._next < len(self._words):
            word = self._words[self._next]
            if not options_over and word == "--":
                options_over = True
                self._next += 1
            elif not options_over and self._is_option(word):
                self._option(word)
            elif self._is_command():
                self._command(word)
                break
            else:
                self._loose.append(word)
                self._next += 1
        self._positionals()
        self._missing()
        return self._namespace, self._extra

    def _start(self):
        parser = self._parser
        arguments = parser._options + parser._positionals
        for argument in arguments + ([parser._subparsers] if parser._subparsers is not None else []):
            # A default that is text is not converted yet: a bad one matters only if it is used.
            dest = argument.dest
            if dest and argument.default != SUPPRESS and not hasattr(self._namespace, dest):
                setattr(self._namespace, dest, argument.default)
        for name in parser._defaults:
            if not hasattr(self._namespace, name):
                setattr(self._namespace, name, parser._defaults[name])

    def _is_option(self, word):
        if len(word) < 2 or word[0] != "-":
            return False
        if self._parser._find(word.split("=")[0]) is not None:
            return True
        return not _is_number(word) and " " not in word

    def _is_command(self):
        return self._parser._subparsers is not None and len(self._loose) >= len(self._parser._positionals)

    def _command(self, word):
        subparsers = self._parser._subparsers
        parser = subparsers.find(word)
        if subparsers.dest:
            setattr(self._namespace, subparsers.dest, word)
        self._seen.append(subparsers)
        inner, extra = parser.parse_known_args(self._words[self._next + 1 :])
        for name in inner.__dict__:
            setattr(self._namespace, name, inner.__dict__[name])
        self._extra += extra
        self._next = len(self._words)

    def _option(self, word):
        """Read one option with the words that belong to it; unknown ones are kept for the message."""
        self._next += 1
        argument, name, value = self._split(word)
        if argument is None:
            self._extra.append(word)
        elif argument.nargs == 0 and value is not None:
            # -vq is -v -q; --quiet=x and -v5 are mistakes.
            rest = "-" + value
            if name[:2] == "--" or "=" in word or self._split(rest)[0] is None:
                raise ArgumentError(argument, "ignored explicit argument %r" % value)
            self._take(argument, [])
            self._words.insert(self._next, rest)
        elif value is not None:
            if argument.least() > 1:
                raise ArgumentError(argument, "expected %d arguments" % argument.least())
            self._take(argument, [value])
        else:
            self._take(argument, self._following(argument))

    def _split(self, word):
        """The argument that a word names, the name, and the value stuck to it (or None)."""
        find = self._parser._find
        if find(word) is not None:
            return find(word), word, None
        name, equals, value = word.partition("=")
        if equals and find(name) is not None:
            return find(name), name, value
        if word[:2] != "--" and find(word[:2]) is not None:
            return find(word[:2]), word[:2], word[2:]
        return None, word, None

    def _following(self, argument):
        """The words after an option that it takes: as many as it can, up to the next option."""
        taken = []
        most = argument.most()
        while self._next < len(self._words) and (most is None or len(taken) < most):
            word = self._words[self._next]
            if word == "--" or self._is_option(word):
                break
            taken.append(word)
            self._next += 1
        if len(taken) < argument.least():
            wanted = {None: "one argument", "+": "at least one argument"}.get(argument.nargs)
            raise ArgumentError(argument, "expected " + (wanted or "%s arguments" % argument.nargs))
        return taken

    def _take(self, argument, words):
        self._seen.append(argument)
        if argument.action == "help":
            self._parser.print_help()
            self._parser.exit()
        if argument.action == "version":
            text = (argument.version or "") % {"prog": self._parser.prog}
            self._parser._print_message(text + "\n", sys.stdout)
            self._parser.exit()
        argument.apply(self._namespace, words)

    def _positionals(self):
        """Share the loose words out: each positional as many as it can take while the later ones get what they need."""
        pending = self._parser._positionals
        for index, argument in enumerate(pending):
            later = sum([other.least() for other in pending[index + 1 :]])
            spare = len(self._loose) - later
            most = argument.most()
            count = spare if most is None else min(most, spare)
            if count < argument.least():
                continue
            if count or not argument.required:
                self._take(argument, self._loose[:count])
                self._loose = self._loose[count:]
        self._extra = self._loose + self._extra

    def _missing(self):
        parser = self._parser
        arguments = parser._options + parser._positionals
        if parser._subparsers is not None:
            arguments.append(parser._subparsers)
        missing = [argument.label() for argument in arguments if argument.required and argument not in self._seen]
        if missing:
            raise ArgumentError(None, "the following arguments are required: %s" % ", ".join(missing))
        for argument in arguments:
            if argument in self._seen or not argument.dest or argument.default == SUPPRESS:
                continue
            if getattr(self._namespace, argument.dest) is argument.default:
                setattr(self._namespace, argument.dest, argument.starting_value())


def _is_number(word):
    try:
        float(word)
    except ValueError:
        return False
    return True
