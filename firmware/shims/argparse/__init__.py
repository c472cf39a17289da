"""A subset of CPython's argparse for MicroPython: flags, options, positionals, choices, sub-commands, --help.

Offered: ArgumentParser(prog, description, epilog, add_help, allow_abbrev), add_argument with the actions of
actions.py and nargs None, a number, "?", "*" and "+", add_subparsers, set_defaults, parse_args, parse_known_args,
format_usage, format_help, error, exit. Differences from CPython: long options are never abbreviated; positionals
before a sub-command each take exactly one word; help is laid out more simply. Not offered: groups, files of
arguments, parent parsers, own prefix characters, REMAINDER.
"""

from .actions import SUPPRESS, ArgumentError, ArgumentTypeError, Namespace
from .parser import ArgumentParser

__all__ = ("SUPPRESS", "ArgumentError", "ArgumentParser", "ArgumentTypeError", "Namespace")
