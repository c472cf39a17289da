"""A configuration file being changed: what is meant from now on, beside the text as it stands.

Changes are those of `uci`, with its rules; `writer.py` puts what they mean into the text. Pure.
"""

from __future__ import annotations

from isthmus.config import uci
from isthmus.config.delta import (
    ADD,
    ADD_LIST,
    DEL_LIST,
    DELETE,
    RENAME,
    REORDER,
    SET,
    Delta,
    is_text,
)  # fmt: skip
from isthmus.config.errors import quote
from isthmus.config.uci import Option, Section, Statement
from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NEW = -1  # where a statement begins that the text does not have yet


class EditError(IsthmusError):
    """A change that cannot be made, or that UCI has no way to write down.

    It never shows a value: where a quote was lost, a key may be part of it.
    """

    code = "uci-edit"


def _new(command: str, args: list[bytes]) -> Statement:
    return Statement(command, args, 0, NEW, NEW)


class Document:
    """A file and the changes made to it. `package`: what it means now; `original`: its sections as the text has them.

    lines: (start, end, number of the first statement) of each line with statements; statements: those of the text;
    owners: for each of them its section (None for `package`) and option ("" for the section itself); touched: (start of
    the section's first statement, option) of what was changed; names: those that original sections had.
    Raises UciError for a text that libuci refuses as well.
    """

    def __init__(self, data: bytes, file: str) -> None:
        self.data = data
        self.file = file
        self.lines: list[tuple[int, int, int]] = []
        self.package = uci.parse(data, file, "isthmus", self.lines)
        self.statements = self.package.statements
        self.original = list(self.package.sections)
        self.names = [section.name for section in self.original]
        self.created = len(self.original)
        self.touched: set[tuple[int, str]] = set()
        self.owners: list[tuple[Section | None, str]] = []
        section_at = {s.start: section for section in self.original for s in section.statements}
        section: Section | None = None
        for statement in self.statements:
            if statement.command == "config":
                section = section_at[statement.start]
                self.owners.append((section, ""))
            elif statement.command == "package":
                self.owners.append((None, ""))
            else:
                self.owners.append((section, statement.args[0].decode()))

    def find(self, reference: str) -> Section | None:
        """The section of that name, or by @TYPE[NUMBER] as uci counts: from 0, from the end if negative.

        Raises EditError for another form.
        """
        if reference[:1] != "@":
            return self.package.get(reference)
        section_type, bracket, tail = reference[1:].partition("[")
        number = _number(tail[:-1])
        if not bracket or tail[-1:] != "]" or number is None:
            raise EditError("%s names no section" % quote(reference), "write its name, or @TYPE[NUMBER]")
        found = [s for s in self.package.sections if not section_type or s.type == section_type]
        if number < 0:
            number += len(found)
        return found[number] if 0 <= number < len(found) else None

    def free_name(self, section_type: str) -> str:
        """The generated name that libuci would give the next section."""
        number = self.created + 1
        while self.package.get(uci.anonymous_name(number, section_type.encode())) is not None:
            number += 1
        return uci.anonymous_name(number, section_type.encode())

    def apply(self, delta: Delta) -> None:
        """Make one change. Raises EditError, and then nothing has changed."""
        if delta.value is not None and not is_text(delta.value):
            remedy = "UCI has no way to write them: leave them out"
            raise EditError("the value of %s holds control characters" % delta.subject, remedy)
        OPERATIONS[delta.kind](self, delta)

    def _touch(self, section: Section, option: str) -> None:
        self.touched.add((section.statements[0].start, option))

    def _section(self, delta: Delta) -> Section:
        section = self.package.get(delta.section)
        if section is None:
            names = [known.name for known in self.package.sections]
            there = "there are: " + ", ".join(names[:20]) if names else "there is none yet"
            raise EditError("there is no section %s" % quote(delta.section), there)
        return section

    def _option(self, section: Section, delta: Delta) -> Option:
        option = section.get(delta.option)
        if option is None:
            names = [known.name for known in section.options]
            there = "it has: " + ", ".join(names) if names else "it has none"
            words = (section.type, section.name, quote(delta.option))
            raise EditError("%s '%s' has no option %s" % words, there)
        return option

    def do_set(self, delta: Delta) -> None:
        """Set: an option, or a section's type, which makes one; an empty value deletes. Raises EditError."""
        value = delta.value or b""
        if not delta.option:
            self._set_section(delta, value)
            return
        section = self._section(delta)
        option = section.get(delta.option)
        if not value:
            if option is not None:
                self._drop(section, delta.option)
            return
        if option is not None and not option.is_list and option.values == [value]:
            return
        statement = _new("option", [delta.option.encode(), value])
        if option is not None and option.statements:
            statement.start, statement.end = option.statements[0].start, option.statements[0].end
        self._touch(section, delta.option)
        section.emptied = [entry for entry in section.emptied if entry[0] != delta.option]
        section.set_option(delta.option, value, statement)

    def _set_section(self, delta: Delta, value: bytes) -> None:
        section = self.package.get(delta.section)
        if not value:
            if section is not None:
                self.package.remove(section)
            return
        if not uci.is_type(value):
            remedy = "use letters, digits and punctuation only, without blanks"
            raise EditError("the type of %s is no section type" % quote(delta.section), remedy)
        if section is None:
            statement = _new("config", [value, delta.section.encode()])
            self.package.add(Section(value.decode(), delta.section, delta.kind == ADD, statement))
            self.created += 1
            return
        section.type = value.decode()
        section.anonymous = section.anonymous or delta.kind == ADD

    def _drop(self, section: Section, option: str) -> None:
        self._touch(section, option)
        section.remove(option)

    def do_delete(self, delta: Delta) -> None:
        """Delete: a section, an option, or one value of a list by its number. Raises EditError."""
        section = self._section(delta)
        if not delta.option:
            self.package.remove(section)
            return
        option = self._option(section, delta)
        if not option.is_list or not delta.value:
            self._drop(section, delta.option)
            return
        index = _number(_shown(delta.value))
        if index is None:
            raise EditError("%s: that is no number of a value" % delta.subject, "count from 0")
        if 0 <= index < len(option.values):
            self._keep(section, option, [i for i in range(len(option.values)) if i != index])

    def _keep(self, section: Section, option: Option, numbers: list[int]) -> None:
        """Of a list's values only these."""
        self._touch(section, option.name)
        if not numbers:
            section.remove(option.name)
            return
        option.values = [option.values[i] for i in numbers]
        option.statements = [option.statements[i] for i in numbers]

    def do_rename(self, delta: Delta) -> None:
        """Rename: a section or an option; the new name must be free. Raises EditError."""
        section = self._section(delta)
        name = _shown(delta.value or b"")
        if not uci.is_name(name.encode()):
            raise EditError("%s: that is no name" % delta.subject, "use letters, digits and _ only")
        if delta.option:
            option = self._option(section, delta)
            if section.get(name) is not None and name != delta.option:
                raise EditError("there is an option %s already" % quote(name), "delete it first")
            self._touch(section, delta.option)
            self._touch(section, name)
            section.emptied = [entry for entry in section.emptied if entry[0] not in (name, delta.option)]
            section.rename_option(option.name, name)
            return
        other = self.package.get(name)
        if other is not None and other is not section:
            raise EditError("there is a section %s already" % quote(name), "choose another name")
        self.package.rename(section, name)

    def do_reorder(self, delta: Delta) -> None:
        """Reorder: a section to that place, from 0. Raises EditError."""
        section = self._section(delta)
        position = _number(_shown(delta.value or b""))
        if position is None:
            raise EditError("%s: that is no position" % delta.subject, "count from 0")
        sections = self.package.sections
        sections.remove(section)
        sections.insert(position if 0 <= position <= len(sections) else len(sections), section)

    def do_add_list(self, delta: Delta) -> None:
        """Add_list: one more value; an option becomes a list. Raises EditError."""
        section = self._section(delta)
        value = delta.value or b""
        self._touch(section, delta.option)
        section.emptied = [entry for entry in section.emptied if entry[0] != delta.option]
        section.add_list(delta.option, value, _new("list", [delta.option.encode(), value]))

    def do_del_list(self, delta: Delta) -> None:
        """Del_list: every value equal to this one; none is fine. Raises EditError."""
        option = self._section(delta).get(delta.option)
        if option is not None and option.is_list:
            numbers = [i for i in range(len(option.values)) if option.values[i] != delta.value]
            if len(numbers) < len(option.values):
                self._keep(self._section(delta), option, numbers)


OPERATIONS: dict[str, Callable[[Document, Delta], None]] = {
    SET: Document.do_set,
    ADD: Document.do_set,
    DELETE: Document.do_delete,
    RENAME: Document.do_rename,
    REORDER: Document.do_reorder,
    ADD_LIST: Document.do_add_list,
    DEL_LIST: Document.do_del_list,
}


def _shown(value: bytes) -> str:
    try:
        return value.decode()
    except ValueError:
        return "?"


def _number(text: str) -> int | None:
    digits = text[1:] if text[:1] == "-" else text
    if not digits or len(digits) > 9 or not all("0" <= c <= "9" for c in digits):
        return None
    return -int(digits) if text[:1] == "-" else int(digits)
