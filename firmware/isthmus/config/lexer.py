"""The lexical half of UCI: lines, command words, quoted arguments, and the errors that name a place in them.

What is special about these rules is told in `uci.py`, whose parser this serves.
"""

from __future__ import annotations

from isthmus.errors import IsthmusError

# Bounds for the memory of a small router; 100 tunnels of 20 lines each and 2000 forced hosts still fit.
MAX_BYTES = 256 * 1024
MAX_COMMANDS = 4800

_SPACE = b" \t\n\v\f\r"  # isspace() in the C locale
_WORD_ENDS = b" \t"
_TOKEN_ENDS = b"'\"#;\\ \t\n\v\f\r"

# reason -> what to do about it. The reasons are libuci's, so that an administrator finds them where he looks for them.
REMEDIES = {
    "invalid command": "begin the command with config, option or list; a trailing ; or a stray quote also causes this",
    "insufficient arguments": "give the command its name: config TYPE 'NAME', option NAME 'VALUE', list NAME 'VALUE'",
    "too many arguments": "put a value with spaces in quotes, and close every quote",
    "invalid character in name field": "use letters, digits and _ only in the name",
    "invalid character in type field": "use letters, digits and punctuation only in the section type",
    "option/list command found before the first section": "put a line such as config tunnel 'branch' before it",
    "section of different type overwrites prior section with same name": "give one of the two sections another name",
    "EOF with unterminated '": "close the quote that is opened here",
    'EOF with unterminated "': "close the quote that is opened here",
    "NUL byte": "this is not a text file: restore it from a backup",
    "too many commands": "a configuration has at most %d commands: check that this is the right file" % MAX_COMMANDS,
    "file too large": "a configuration has at most %d bytes: check that this is the right file" % MAX_BYTES,
}


class UciError(IsthmusError):
    """A line that libuci would refuse too.

    file, line (from 1), byte (offset in the line as libuci counts it: lines that belong together are joined),
    reason (libuci's words), began: the line where the command, or the quote that is never closed, begins. What stands
    there is not repeated: it may be a secret.
    """

    code = "uci-syntax"

    def __init__(self, file: str, line: int, byte: int, reason: str, began: int = 0) -> None:
        message = "%s:%d: parse error (%s) at line %d, byte %d" % (file, line, reason, line, byte)
        if began and began != line:
            message += ", in what begins in line %d" % began
        super().__init__(message, remedy=REMEDIES.get(reason, "give the command its name and value"))
        self.file = file
        self.line = line
        self.byte = byte
        self.reason = reason
        self.began = began or line


class Lexer:
    """Words and arguments of one logical line at a time.

    The line is data[start:end]; `end` moves on when a quote or a backslash takes in the next line, and back to where a
    comment begins. `joined` counts the line ends that backslashes removed, in bytes: offsets come out as in libuci's
    buffer. `argument_end`: behind the last argument; `command_line`: where the command began.
    """

    def __init__(self, data: bytes, file: str) -> None:
        self.data = data
        self.file = file
        self.start = 0
        self.pos = 0
        self.end = 0
        self.following = 0  # where the next line begins, whatever a comment did to `end`
        self.line = 0
        self.joined = 0
        self.command_line = 0
        self.argument_end = 0

    def error(self, reason: str, began: int = 0) -> UciError:
        """The error at this position."""
        return UciError(self.file, self.line, self.pos - self.start - self.joined, reason, began or self.command_line)

    def next_line(self) -> bool:
        """Step to the next line of the file; False at its end."""
        self.start = self.pos = self.following
        self.joined = 0
        return self._extend()

    def _extend(self) -> bool:
        """Let the line reach to the end of the next line of the file; False, and nothing changed, if there is none."""
        if self.following >= len(self.data):
            return False
        newline = self.data.find(b"\n", self.following)
        self.following = self.end = newline + 1 if newline >= 0 else len(self.data)
        self.line += 1
        return True

    def skip_space(self) -> None:
        """Step over blanks; the end of the line is one."""
        while self.pos < self.end and self.data[self.pos] in _SPACE:
            self.pos += 1

    def word(self) -> tuple[bytes, int]:
        """(command word, its offset), without moving; (b"", end) if there is none."""
        self.command_line = self.line
        begin = self.pos
        while begin < self.end and self.data[begin] in _WORD_ENDS:
            begin += 1
        stop = begin
        while stop < self.end and self.data[stop] not in _WORD_ENDS:
            stop += 1
        return self.data[begin:stop], begin

    def skip_word(self, begin: int, word: bytes) -> bool:
        """Step over the word and the blank behind it; False if the line ends with the word."""
        if begin + len(word) >= self.end:
            return False
        self.pos = begin + len(word) + 1
        return True

    def argument(self) -> bytes:
        """The next argument; b"" if there is none or it is empty."""
        self.skip_space()
        if self.pos < self.end and self.data[self.pos] == 0x3B:  # ;
            self.pos += 1
            return b""
        pieces: list[bytes] = []
        begin = self.pos
        plain = True  # nothing but bare bytes so far
        while self.pos < self.end:
            byte = self.data[self.pos]
            if byte == 0x23 or (byte == 0x3B and plain):  # a comment, or a ; that libuci overwrites with its end mark
                self.end = self.pos
                break
            if byte == 0x3B:
                break
            if byte == 0x27:
                plain = False
                self._single_quoted(pieces)
            elif byte == 0x22:
                plain = False
                self._double_quoted(pieces)
            elif byte == 0x5C:
                plain = False
                self._escape(pieces)
            else:
                self._bare(pieces)
            if self.pos < self.end and self.data[self.pos] in _SPACE:
                break
        if self.pos > begin:
            self.argument_end = self.pos
        if self.pos < self.end and self.data[self.pos] != 0x3B:
            self.pos += 1  # the blank behind the argument
        return b"".join(pieces)

    def _bare(self, pieces: list[bytes]) -> None:
        begin = self.pos
        while self.pos < self.end and self.data[self.pos] not in _TOKEN_ENDS:
            self.pos += 1
        pieces.append(self.data[begin : self.pos])

    def _single_quoted(self, pieces: list[bytes]) -> None:
        opened = self.line
        self.pos += 1
        while True:
            close = self.data.find(b"'", self.pos, self.end)
            if close >= 0:
                pieces.append(self.data[self.pos : close])
                self.pos = close + 1
                return
            pieces.append(self.data[self.pos : self.end])
            self.pos = self.end
            if not self._extend():
                raise self.error("EOF with unterminated '", opened)

    def _double_quoted(self, pieces: list[bytes]) -> None:
        opened = self.line
        self.pos += 1
        begin = self.pos
        while True:
            if self.pos >= self.end:
                pieces.append(self.data[begin : self.pos])
                begin = self.pos
                if not self._extend():
                    raise self.error('EOF with unterminated "', opened)
                continue
            byte = self.data[self.pos]
            if byte == 0x22:
                pieces.append(self.data[begin : self.pos])
                self.pos += 1
                return
            if byte == 0x5C:
                pieces.append(self.data[begin : self.pos])
                self._escape(pieces)
                begin = self.pos
            else:
                self.pos += 1

    def _escape(self, pieces: list[bytes]) -> None:
        """A backslash: the next byte as it is, or the next line."""
        self.pos += 1
        rest = self.data[self.pos : min(self.end, self.pos + 3)]
        if rest and rest not in (b"\n", b"\r\n"):
            pieces.append(rest[:1])
            self.pos += 1
            return
        self.joined += self.end - self.pos
        self.pos = self.end
        self._extend()
