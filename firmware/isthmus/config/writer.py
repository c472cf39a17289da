"""The text of a changed configuration: what is not touched stays byte by byte, with its comments, order and quoting.

What changes is written as libuci writes it (its file.c, uci_export_package): a tab, the command, the value in single
quotes. A changed value stays in its place and keeps the comment behind it. With a section go the lines between its own;
comments above it stay. Where several commands share a line and one of them changes, each gets a line of its own, and
what libuci does not read there is kept as a comment. Every text is read again before it is given out. Pure.
"""

from __future__ import annotations

from isthmus.config import uci
from isthmus.config.delta import quoted
from isthmus.config.edit import Document, EditError
from isthmus.config.lexer import UciError
from isthmus.config.uci import Package, Section, Statement

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BLANKS = b" \t\v\f\r\n"


def render(document: Document) -> bytes:
    """The text that means what the document means. Raises EditError where UCI cannot say it."""
    plan = _Plan(document)
    text = _rewrite(document, plan)
    text += _new_sections(document, text)
    order = plan.order()
    if order != sorted(order):
        text = _reordered(text, order, document.file)
    _check(text, document)
    return text


def meaning(package: Package) -> list[tuple[str, str, dict[str, Any]]]:
    """What a package says: (type, name or "", option -> (is a list, values)) of each section, in file order."""
    return [
        (s.type, "" if s.anonymous else s.name, {o.name: (o.is_list, list(o.values)) for o in s.options})
        for s in package.sections
    ]


def _check(text: bytes, document: Document) -> None:
    """What is read back is what was meant, or nothing is given out."""
    try:
        again = uci.parse(text, document.file)
    except UciError as error:
        if error.reason in ("file too large", "too many commands"):
            raise EditError("with this change the configuration is too large", error.remedy) from None
        raise EditError("UCI would not read the changed file: %s" % error, "tell us: this should not be") from None
    if meaning(again) != meaning(document.package):
        raise EditError("UCI would read something else than is meant", "tell us: this should not be")


def _command(command: str, args: list[bytes]) -> bytes:
    if command == "config":
        return b" ".join([b"config", args[0]] + [quoted(name) for name in args[1:] if name])
    return command.encode() + b" " + args[0] + b" " + quoted(args[1])


class _Plan:
    """What becomes of each statement of the text, found by where it starts.

    wanted: start -> (command, arguments) of those that stay; inserts: start -> commands to put behind it; places: start
    of each original section that stays -> its number among those.
    """

    def __init__(self, document: Document) -> None:
        self.wanted: dict[int, tuple[str, list[bytes]]] = {}
        self.inserts: dict[int, list[bytes]] = {}
        self.document = document
        staying = [s.statements[0].start for s in document.package.sections if not is_new(s)]
        self.places: dict[int, int] = {}
        for start in sorted(staying):
            self.places[start] = len(self.places)
        last: dict[int, int] = {}
        for index in range(len(document.statements)):
            statement = document.statements[index]
            owner, option = document.owners[index]
            if owner is None or owner.statements[0].start not in self.places:
                continue
            key = owner.statements[0].start
            if not option:
                name = b"" if owner.anonymous else owner.name.encode()
                self.wanted[statement.start] = ("config", [owner.type.encode(), name])
            elif (key, option) not in document.touched:
                self.wanted[statement.start] = (statement.command, statement.args)
            else:
                continue
            last[key] = statement.start
        for section in document.package.sections:
            if not is_new(section):
                self._options(section, last[section.statements[0].start])

    def order(self) -> list[int]:
        """Of each section as they are to follow each other, its place in a text where new ones come last."""
        order, new = [], len(self.places)
        for section in self.document.package.sections:
            order.append(new if is_new(section) else self.places[section.statements[0].start])
            new += is_new(section)
        return order

    @property
    def is_reordered(self) -> bool:
        """Sections of the text change places, among each other or with new ones."""
        return self.order() != sorted(self.order())

    def is_gone(self, section: Section | None) -> bool:
        """It is to be taken out."""
        return section is not None and section.statements[0].start not in self.places

    def _options(self, section: Section, last: int) -> None:
        """Options that were touched; new ones go behind the section's last line."""
        start = section.statements[0].start
        touched = [option for option in section.options if (start, option.name) in self.document.touched]
        for option in touched:
            for statement in option.statements:
                last = max(last, statement.start)
        for option in touched:
            self._option(option, last)

    def _option(self, option: uci.Option, last: int) -> None:
        command = "list" if option.is_list else "option"
        anchor = max([statement.start for statement in option.statements])
        for i in range(len(option.values)):
            args = [option.name.encode(), option.values[i]]
            start = option.statements[i].start
            if start >= 0:
                self.wanted[start] = (command, args)
            else:
                self.inserts.setdefault(anchor if anchor >= 0 else last, []).append(_command(command, args))

    def text_of(self, statement: Statement) -> bytes | None:
        """How it is to be written: as it stands (b""), otherwise, or not at all (None)."""
        if statement.command == "package":
            return b""
        wanted = self.wanted.get(statement.start)
        if wanted is None:
            return None
        command, args = wanted
        same = command == statement.command and _padded(args) == _padded(statement.args)
        return b"" if same else _command(command, args)


def is_new(section: Section) -> bool:
    """The text does not have it yet."""
    return section.statements[0].start < 0


def _padded(args: list[bytes]) -> list[bytes]:
    return args + [b""] * (2 - len(args))


def _rewrite(document: Document, plan: _Plan) -> bytes:
    """The sections that the text has, as they are to be."""
    data, out = document.data, _Out()
    position = 0
    gone_before: Section | None = None
    splits = plan.is_reordered
    goes_on = splits or bool([section for section in document.package.sections if is_new(section)])
    for number in range(len(document.lines)):
        start, end, first = document.lines[number]
        after = document.lines[number + 1][2] if number + 1 < len(document.lines) else len(document.statements)
        statements = document.statements[first:after]
        owner = document.owners[first][0]
        if not plan.is_gone(owner) or owner is not gone_before:
            out.between(data[position:start], gone_before is not None)
        texts = [plan.text_of(statement) for statement in statements]
        inserts = [plan.inserts.get(statement.start, []) for statement in statements]
        is_touched = bool([text for text in texts if text != b""] or [more for more in inserts if more])
        line = data[start:end]
        is_open = goes_on and line[-1:] != b"\n" and _is_open(line)
        if not is_touched and not (splits and len(statements) > 1) and not is_open:
            out.add(line)
        elif len(statements) == 1 and _is_simple(data, start, statements[0], end):
            _simple_line(out, data, (start, end), statements[0], texts[0], inserts[0])
        else:
            _shared_line(out, data, (start, end), statements, texts, inserts)
        position = end
        last_owner = document.owners[after - 1][0]
        gone_before = last_owner if plan.is_gone(last_owner) else None
    out.between(data[position:], gone_before is not None)
    return out.text()


class _Out:
    """Text being put together."""

    def __init__(self, before: bytes = b"") -> None:
        self._pieces: list[bytes] = []
        self._end = (b"\n\n" + before[-2:])[-2:]  # what it ends in; a beginning is as good as a blank line

    def add(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._end = (self._end + piece[-2:])[-2:]

    def close(self) -> None:
        """End a line that is not ended."""
        if self._end[-1:] != b"\n":
            self.add(b"\n")

    def blank(self) -> None:
        """A blank line, unless there is one."""
        if self._end != b"\n\n":
            self.add(b"\n")

    def between(self, piece: bytes, is_gap: bool) -> None:
        """Comments and blank lines; where something was taken out before them, no second blank line."""
        if is_gap and self._end == b"\n\n":
            while piece[:1] == b"\n":
                piece = piece[1:]
        self.add(piece)

    def text(self) -> bytes:
        return b"".join(self._pieces)


def _is_open(line: bytes) -> bool:
    """A last line without a line end to which none can be added: a backslash would join it with what follows."""
    return b"\\" in line[-3:]


def _is_simple(data: bytes, start: int, statement: Statement, end: int) -> bool:
    """True if nothing stands in the line beside the one command and a comment."""
    tail = _left_stripped(data[statement.end : end])
    has_end = data[end - 1 : end] == b"\n"
    return not _left_stripped(data[start : statement.start]) and (
        not tail or (tail[:1] == b"#" and tail.find(b"\n", 0, len(tail) - 1) < 0)
    ) and (has_end or not _is_open(data[start:end]))  # fmt: skip


def _left_stripped(text: bytes) -> bytes:
    start = 0
    while start < len(text) and text[start] in BLANKS:
        start += 1
    return text[start:]


def _simple_line(
    out: _Out, data: bytes, place: tuple[int, int], statement: Statement, text: bytes | None, inserts: list[bytes]
) -> None:
    start, end = place
    if text is None:
        return
    indent = data[start : statement.start] if statement.command != "config" else b"\t"
    if text:
        out.add(data[start : statement.start])
        out.add(text)
        out.add(data[statement.end : end])
    else:
        out.add(data[start:end])
    for more in inserts:
        out.close()
        out.add(indent + more + b"\n")


def _shared_line(
    out: _Out,
    data: bytes,
    place: tuple[int, int],
    statements: list[Statement],
    texts: list[bytes | None],
    inserts: list[list[bytes]],
) -> None:
    """Each command on a line of its own; what stands behind the last one becomes a comment."""
    out.close()
    for i in range(len(statements)):
        statement, text = statements[i], texts[i]
        if text is not None:
            indent = b"" if statement.command in ("config", "package") else b"\t"
            kept = data[statement.start : statement.end]
            if not text:
                # The old spelling, unless a backslash at its end would join it with the next line.
                text = kept if b"\\" not in kept[-3:] else _spelled(statement)
            out.add(indent + text + b"\n")
        for more in inserts[i]:
            out.add(b"\t" + more + b"\n")
    rest = data[statements[-1].end : place[1]]
    for line in rest.split(b"\n"):
        stripped = _left_stripped(line)
        while stripped[:1] in (b";", b" ", b"\t"):
            stripped = stripped[1:]
        if stripped and stripped != b"\r":
            out.add((b"" if stripped[:1] == b"#" else b"#") + stripped + b"\n")


def _spelled(statement: Statement) -> bytes:
    if statement.command == "package":
        return b"package " + statement.args[0]
    return _command(statement.command, _padded(statement.args))


def _new_sections(document: Document, text: bytes) -> bytes:
    """Sections that the text does not have, to follow it."""
    out = _Out(text)
    for section in document.package.sections:
        if not is_new(section):
            continue
        out.close()
        out.blank()
        name = b"" if section.anonymous else section.name.encode()
        out.add(_command("config", [section.type.encode(), name]) + b"\n")
        for option in section.options:
            for value in option.values:
                command = "list" if option.is_list else "option"
                out.add(b"\t" + _command(command, [option.name.encode(), value]) + b"\n")
    return out.text()


def _reordered(text: bytes, order: list[int], file: str) -> bytes:
    """The same sections in another order, each with the comment lines right above it. order: new place -> old one."""
    lines: list[tuple[int, int, int]] = []
    package = uci.parse(text, file, "isthmus", lines)
    section_at: dict[int, int] = {}
    for number in range(len(package.sections)):
        for statement in package.sections[number].statements:
            section_at[statement.start] = number
    blocks: list[list[bytes]] = [[] for _ in package.sections]
    head = b""
    current, begin, line_before = -1, 0, 0
    for start, end, first in lines:
        number = section_at.get(package.statements[first].start, current)
        if number != current:
            cut = _comments_above(text, line_before, start)
            if current < 0:
                head = text[:cut]
            else:
                blocks[current].append(text[begin:cut])
            current, begin = number, cut
        line_before = end
    blocks[current].append(text[begin:])
    pieces = [head]
    for number in order:
        for block in blocks[number]:
            pieces.append(block if block[-1:] == b"\n" else block + b"\n")
    return b"".join(pieces)


def _comments_above(text: bytes, floor: int, start: int) -> int:
    """Where the comment lines right above the line at `start` begin, and the blank lines above those."""
    position = start
    for wants_comment in (True, False):
        while position > floor:
            before = text.rfind(b"\n", floor, position - 1) + 1 or floor
            line = _left_stripped(text[before:position])
            if (line[:1] == b"#") != wants_comment or (line and not wants_comment):
                break
            position = before
    return position
