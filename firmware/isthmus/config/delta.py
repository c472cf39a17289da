"""Staged changes, one a line, as `uci` keeps them in /tmp/.uci/NAME until a commit: bytes <-> values.

    isthmus.branch.mtu='1400'       set; a section: isthmus.branch='tunnel'
    +isthmus.cfg031234='tunnel'     a section without a name
    -isthmus.branch.mtu             delete; -isthmus.branch.remote='0': one value of a list, counted from 0
    @isthmus.branch='office'        rename    ^isthmus.branch='0'    reorder
    |isthmus.branch.remote='a'      add_list  ~isthmus.branch.remote='a'    del_list

Each line is one argument in the words of uci.py, so a quoted value may run over several. Pure, and of the portable
subset. Source: libuci, delta.c (shared reference openwrt.md section 1.4).
"""

from __future__ import annotations

from isthmus.config.lexer import MAX_BYTES, MAX_COMMANDS, Lexer, UciError
from isthmus.config.uci import is_name

SET, ADD, DELETE, RENAME, REORDER, ADD_LIST, DEL_LIST = "", "+", "-", "@", "^", "|", "~"
KINDS = b"+-@^|~"


class Delta:
    """One change. kind: SET ... DEL_LIST; option: "" for the section itself; value: None only for DELETE; line: from 1.

    Its repr leaves the value out: it may be a secret.
    """

    def __init__(self, kind: str, section: str, option: str = "", value: bytes | None = None, line: int = 0) -> None:
        self.kind = kind
        self.section = section
        self.option = option
        self.value = value
        self.line = line

    def __repr__(self) -> str:
        return "Delta(%s)" % self.subject

    @property
    def subject(self) -> str:
        """As a person names what it changes: -isthmus.branch.mtu."""
        return self.kind + "isthmus." + self.section + ("." + self.option if self.option else "")


def is_text(value: bytes) -> bool:
    """True if uci takes these bytes as a value: no control characters but tab and line ends."""
    return all(byte >= 0x20 or byte in (0x09, 0x0A, 0x0D) for byte in value)


def quoted(value: bytes) -> bytes:
    """The one spelling that libuci itself writes: in single quotes, and a quote escaped between two of them."""
    return b"'" + value.replace(b"'", b"'\\''") + b"'"


def parse_deltas(data: bytes, file: str) -> tuple[list[Delta], list[int]]:
    """(changes, lines that are none of this file's): uci passes over the latter. Raises UciError if it is too large."""
    if len(data) > MAX_BYTES:
        raise UciError(file, 1, 0, "file too large")
    deltas: list[Delta] = []
    broken: list[int] = []
    lexer = Lexer(data, file)
    while lexer.next_line():
        line = lexer.line
        try:
            text = lexer.argument()
            rest = data[lexer.pos : lexer.end]
        except UciError:
            broken.append(line)
            continue
        if not text and not rest:
            continue
        delta = None if rest or data.find(b"\x00", lexer.start, lexer.following) >= 0 else _read(text, line)
        if delta is None:
            broken.append(line)
        elif len(deltas) >= MAX_COMMANDS:
            raise UciError(file, line, 0, "too many commands")
        else:
            deltas.append(delta)
    return deltas, broken


def _read(text: bytes, line: int) -> Delta | None:
    kind = text[:1].decode() if text[0] in KINDS else SET
    path, equals, tail = text[len(kind) :].partition(b"=")
    value = tail if equals else None
    parts = path.split(b".")
    if len(parts) not in (2, 3) or parts[0] != b"isthmus" or not all(is_name(part) for part in parts[1:]):
        return None
    if (value is None and kind != DELETE) or (value is not None and not is_text(value)):
        return None
    option = parts[2].decode() if len(parts) == 3 else ""
    if (kind in (ADD_LIST, DEL_LIST) and not option) or (kind == REORDER and option):
        return None
    if kind == RENAME and not is_name(value or b""):
        return None
    return Delta(kind, parts[1].decode(), option, value, line)


def format_delta(delta: Delta) -> bytes:
    """Its line, with the line end."""
    head = delta.subject.encode()
    return head + b"\n" if delta.value is None else head + b"=" + quoted(delta.value) + b"\n"
