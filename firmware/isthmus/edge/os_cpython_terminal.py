"""The terminal: secrets from it, without showing them (else from standard input), and what it can show."""

from __future__ import annotations

import os
import sys

from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 1024


class NoPasswordError(IsthmusError):
    """There is none, or it is not the same twice."""

    code = "password"


def read_password(prompt: str, is_new: bool = True) -> str:
    """Asked for at a terminal, twice where it is new; else the first line of standard input. Raises NoPasswordError."""
    if sys.stdin is not None and sys.stdin.isatty():
        import getpass  # loads termios, and asks the terminal itself

        try:
            first = getpass.getpass(prompt + ": ")
            again = getpass.getpass("the same again: ") if is_new else first
        except EOFError:
            raise NoPasswordError("no password was entered", "enter it, or send it to standard input") from None
        if first != again:
            raise NoPasswordError("the two passwords differ", "enter the same twice")
        return first
    raw = sys.stdin.buffer.readline(LONGEST + 2) if sys.stdin is not None else b""
    if not raw:
        raise NoPasswordError("no password came from standard input", "send it there in a line")
    try:
        return raw.rstrip(b"\r\n").decode()
    except ValueError:
        raise NoPasswordError("the password is not UTF-8", "send it as UTF-8") from None


def read_lines_unseen(prompt: str) -> str:
    """What is pasted at the terminal that standard input is, up to an empty line. Not shown, where it can be hidden."""
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
