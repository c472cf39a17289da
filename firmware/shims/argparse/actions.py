"""One argument: what it is called, how many words it takes, and what it does with them."""

SUPPRESS = "==SUPPRESS=="


class ArgumentError(Exception):
    """A word on the command line that an argument does not accept."""

    def __init__(self, argument, message):
        super().__init__(message)
        self.argument_name = None if argument is None else argument.label()
        self.message = message

    def __str__(self):
        if self.argument_name is None:
            return self.message
        return "argument %s: %s" % (self.argument_name, self.message)


class ArgumentTypeError(Exception):
    """Raised by a `type` function to say what is wrong with the word."""


class Namespace:
    """The parsed arguments as attributes."""

    def __init__(self, **kwargs):
        for name, value in kwargs.items():
            setattr(self, name, value)

    __hash__ = None

    def __contains__(self, name):
        return hasattr(self, name)

    def __eq__(self, other):
        return isinstance(other, Namespace) and self.__dict__ == other.__dict__

    def __repr__(self):
        return "Namespace(%s)" % ", ".join(["%s=%r" % (name, self.__dict__[name]) for name in sorted(self.__dict__)])


# What each action does without words of its own; those not named here take words as nargs says.
WORDLESS = ("store_const", "store_true", "store_false", "append_const", "count", "help", "version")
ACTIONS = WORDLESS + ("store", "append")


class Argument:
    """One argument of a parser, from the keywords of add_argument()."""

    def __init__(
        self,
        names,
        action="store",
        nargs=None,
        const=None,
        default=None,
        type=None,
        choices=None,
        required=False,
        help=None,
        metavar=None,
        dest=None,
        version=None,
    ):
        if action not in ACTIONS:
            raise ValueError('unknown action "%s"' % (action,))
        if not (nargs in (None, "?", "*", "+") or (isinstance(nargs, int) and nargs > 0)):
            raise ValueError("nargs %r is not offered: None, a number, '?', '*' or '+'" % (nargs,))
        self.names = [name for name in names if name[0] == "-"]
        self.action = action
        self.nargs = 0 if action in WORDLESS else nargs
        self.const = {"store_true": True, "store_false": False}.get(action, const)
        self.default = {"store_true": False, "store_false": True}.get(action, default) if default is None else default
        if action in ("help", "version"):
            self.default = SUPPRESS
        self.type = type
        self.choices = choices
        self.help = help
        self.version = version
        self.dest = dest or (self._dest_of_names() if self.names else names[0])
        self.metavar = metavar
        self.required = required if self.names else nargs not in ("?", "*")

    def _dest_of_names(self):
        longest = [name for name in self.names if name[:2] == "--"] or self.names
        return longest[0].lstrip("-").replace("-", "_")

    def label(self):
        """How messages call it: -q/--quiet, or a positional's name."""
        return "/".join(self.names) or self.metavar or self.dest

    def placeholder(self):
        """How the usage calls one of its words."""
        if self.metavar:
            return self.metavar
        if self.choices is not None:
            return "{%s}" % ",".join([str(choice) for choice in self.choices])
        return self.dest.upper() if self.names else self.dest

    def words(self):
        """How the usage shows the words it takes, e.g. `FILE [FILE ...]`."""
        one = self.placeholder()
        if isinstance(self.nargs, int):
            return " ".join([one] * self.nargs)
        return {None: one, "?": "[%s]" % one, "*": "[%s ...]" % one, "+": "%s [%s ...]" % (one, one)}[self.nargs]

    def least(self):
        """The number of words it needs."""
        if isinstance(self.nargs, int):
            return self.nargs
        return 0 if self.nargs in ("?", "*") else 1

    def most(self):
        """The number of words it can take; None for any."""
        if isinstance(self.nargs, int):
            return self.nargs
        return None if self.nargs in ("*", "+") else 1

    def convert(self, word):
        """The value of one word; ArgumentError if its type or the choices refuse it."""
        value = word
        if self.type is not None:
            try:
                value = self.type(word)
            except ArgumentTypeError as error:
                raise ArgumentError(self, str(error))  # noqa: B904 - no chaining on MicroPython
            except (TypeError, ValueError):
                name = getattr(self.type, "__name__", repr(self.type))
                raise ArgumentError(self, "invalid %s value: %r" % (name, word))  # noqa: B904
        if self.choices is not None and value not in self.choices:
            allowed = ", ".join([repr(choice) for choice in self.choices])
            raise ArgumentError(self, "invalid choice: %r (choose from %s)" % (value, allowed))
        return value

    def apply(self, namespace, words):
        """Put the words' value into the namespace."""
        if self.action == "count":
            setattr(namespace, self.dest, (getattr(namespace, self.dest, None) or 0) + 1)
            return
        value = self._value(words)
        if self.action in ("append", "append_const"):
            value = list(getattr(namespace, self.dest, None) or []) + [value]
        setattr(namespace, self.dest, value)

    def _value(self, words):
        if self.action in WORDLESS:
            return self.const
        if self.nargs is None:
            return self.convert(words[0])
        if self.nargs == "?":
            if words:
                return self.convert(words[0])
            return self.const if self.names else self.starting_value()
        if self.nargs == "*" and not words and not self.names:
            return self.starting_value() if self.default is not None else []
        return [self.convert(word) for word in words]

    def starting_value(self):
        """The default; one given as text goes through the type, as a word would."""
        if isinstance(self.default, str) and self.type is not None and self.default != SUPPRESS:
            return self.convert(self.default)
        return self.default
