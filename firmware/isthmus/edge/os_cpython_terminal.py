"""The terminal: secrets from it, without showing them (else from standard input), and what it can show.

All that the command line reads is read here: what is closed, unreadable or no text ends in words, not in a traceback.
"""

from __future__ import annotations

import os
import sys

from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 1024
YES = ("y", "yes")


class NoPasswordError(IsthmusError):
    """There is none, or it is not the same twice."""

    code = "password"


class NoInputError(IsthmusError):
    """Standard input has not what is asked for."""

    code = "no-input"


def attach_streams() -> None:
    """Those that whoever started us has closed are there, and empty."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))


def is_terminal() -> bool:
    """Whether somebody sits before it who can be asked and told."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def read_input(what: str, longest: int) -> str:
    """All of standard input. what: it should be, for people. Raises NoInputError."""
    raw = _read(lambda: sys.stdin.buffer.read(longest), what)
    if not raw.strip():
        raise NoInputError("no %s came from standard input" % what, "send it there, or start this at a terminal")
    try:
        return raw.decode()
    except ValueError:
        raise NoInputError("what came from standard input is no text", "send the %s there" % what) from None


def is_yes(words: tuple[str, ...] = YES) -> bool:
    """Whether the next line is one of these. Raises NoInputError."""
    raw = _read(lambda: sys.stdin.buffer.readline(LONGEST), "answer")
    return raw.strip().lower() in [word.encode() for word in words]


def _read(read: Callable[[], bytes], what: str) -> bytes:
    try:
        return read()
    except OSError as error:
        text = "standard input cannot be read: %s" % (error.strerror or error)
        raise NoInputError(text, "send the %s there, or start this at a terminal" % what) from None


def read_password(prompt: str, is_new: bool = True, what: str = "password") -> str:
    """Asked for at a terminal, twice where it is new; else the first line of standard input. Raises NoPasswordError,
    NoInputError.
    """
    if sys.stdin.isatty():
        import getpass  # loads termios, and asks the terminal itself

        try:
            first = getpass.getpass(prompt + ": ")
            again = getpass.getpass("the same again: ") if is_new else first
        except EOFError:
            raise NoPasswordError("no %s was entered" % what, "enter it, or send it to standard input") from None
        if first != again:
            raise NoPasswordError("the two passwords differ", "enter the same twice")
        return first
    raw = _read(lambda: sys.stdin.buffer.readline(LONGEST + 2), what)
    if not raw:
        raise NoPasswordError("no %s came from standard input" % what, "send it there in a line")
    try:
        return raw.rstrip(b"\r\n").decode()
    except ValueError:
        raise NoPasswordError("the %s is not UTF-8" % what, "send it as UTF-8") from None


def read_lines_unseen(prompt: str) -> str:
    """What is pasted at the terminal that standard input is, up to an empty line. Not shown, where it can be hidden.
    Raises NoInputError.
    """
    show = _hide()
    lines: list[str] = []
    try:
        sys.stdout.write(prompt + "\n")
        sys.stdout.flush()
        while True:
            line = sys.stdin.readline()
            if not line.strip() and (lines or not line):
                return "".join(lines)
            lines.append(line)
    except ValueError:
        raise NoInputError("what was pasted is no text", "paste it once more") from None
    finally:
        show()


def _hide() -> Callable[[], object]:
    """Show nothing of what is typed from now on; returns what shows it again."""
    try:
        import termios
    except ImportError:
        return bool
    try:
        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        hidden = list(before)
        hidden[3] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSADRAIN, hidden)
    except (termios.error, OSError):
        return bool
    return lambda: termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def begin_anew(word: str, instead: list[str]) -> None:
    """This program once more, in this process, with other words on its command line. Returns if that cannot be."""
    words = list(getattr(sys, "orig_argv", []))
    if word not in words or not sys.executable:
        return
    at = len(words) - 1 - words[::-1].index(word)
    sys.stdout.flush()
    try:
        os.execv(sys.executable, [sys.executable] + words[1:at] + instead + words[at + 1 :])  # noqa: S606 - no shell
    except OSError:
        return


def measure_terminal() -> tuple[int, int, str, str]:
    """Columns and lines of the terminal that standard output is (0, 0: not known), what TERM says, and its encoding."""
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
        columns, lines = size.columns, size.lines
    except (OSError, ValueError):
        columns, lines = 0, 0
    return columns, lines, os.environ.get("TERM", ""), sys.stdout.encoding or ""
