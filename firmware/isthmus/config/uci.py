"""UCI text -> package, sections, options, as OpenWrt's libuci reads a file of /etc/config (strict mode).

A file is lines of commands, joined by `;`: package, config, option, list, or their first letters. An argument is a run
of single-quoted (literal), double-quoted and bare (a backslash escapes the next byte) pieces; quotes and a backslash at
the end of a line carry it on to the next. The rules that surprise people are libuci's own and kept:

- `#` starts a comment anywhere outside quotes, also inside a word.
- A bare word directly before `;` swallows the rest of the line: `option a b;option c d` has no option c.
  After a closing quote, an escape or a space, `;` separates as one expects.
- Nothing but spaces and tabs may stand between `;` and the next command, not even the end of the line.
- `option x ''` stores nothing and removes an earlier x.

Three rules are ours. A NUL byte is refused, where libuci joins the line with the next one. Errors name the true line
also in a last line without newline, where libuci counts one less. Size and number of commands are bounded.
Everything here is bytes: on MicroPython s[i] is O(n).
"""

from __future__ import annotations

from isthmus.config.lexer import MAX_BYTES, MAX_COMMANDS, Lexer, UciError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_ERRORS = 50


class Statement:
    """One command as it stands in the file: what a writer needs to change the file and keep the rest of it.

    command: "package", "config", "option" or "list"; args: its arguments, unquoted, as bytes; start and end: the bytes
    of the file from the command word to behind the last argument; line: where it starts, from 1.
    """

    def __init__(self, command: str, args: list[bytes], line: int, start: int, end: int) -> None:
        self.command = command
        self.args = args
        self.line = line
        self.start = start
        self.end = end


class Option:
    """An option (`is_list` False, one value) or a list. `values`: bytes; `statements`: where each value stands.

    `earlier`: lines of statements for the same option that no longer count.
    """

    def __init__(self, name: str, is_list: bool) -> None:
        self.name = name
        self.is_list = is_list
        self.values: list[bytes] = []
        self.statements: list[Statement] = []
        self.earlier: list[int] = []

    def __repr__(self) -> str:
        return "Option(%s)" % self.name  # never the value: it may be a secret

    @property
    def line(self) -> int:
        """Line of the first statement that counts."""
        return self.statements[0].line


class Section:
    """A section. `name` is generated where the file gives none (`anonymous`).

    `statements`: its config lines; more than one where the file continues a section further down. `emptied`: name and
    line of each `option x ''`, which stores nothing.
    """

    def __init__(self, section_type: str, name: str, anonymous: bool, statement: Statement) -> None:
        self.type = section_type
        self.name = name
        self.anonymous = anonymous
        self.statements = [statement]
        self._order: list[Option] = []
        self.emptied: list[tuple[str, int]] = []
        self._index: dict[str, Option] = {}

    def __repr__(self) -> str:
        return "Section(%s %s, %d options)" % (self.type, self.name, len(self.options))

    @property
    def line(self) -> int:
        """Line of its first config statement."""
        return self.statements[0].line

    @property
    def options(self) -> list[Option]:
        """Every option and list, in file order."""
        return [option for option in self._order if option.values]

    def get(self, name: str) -> Option | None:
        """The option of that name, or None."""
        return self._index.get(name)

    def set_option(self, name: str, value: bytes, statement: Statement) -> None:
        """`option name value`: replaces what was there, keeps its place; an empty value removes it."""
        option = self._index.get(name)
        if not value:
            self.emptied.append((name, statement.line))
            if option is not None:
                option.values = []
                del self._index[name]
            return
        if option is None:
            option = self._add(name, False)
        option.earlier += [earlier.line for earlier in option.statements]
        option.is_list = False
        option.values = [value]
        option.statements = [statement]

    def add_list(self, name: str, value: bytes, statement: Statement) -> None:
        """`list name value`: one more item, an empty one too; an earlier option of that name becomes item 0."""
        option = self._index.get(name)
        if option is None:
            option = self._add(name, True)
        option.is_list = True
        option.values.append(value)
        option.statements.append(statement)

    def remove(self, name: str) -> None:
        """Take an option out, and what is said of its having been emptied."""
        option = self._index.get(name)
        if option is not None:
            option.values = []
            option.statements = []
            del self._index[name]
        self.emptied = [entry for entry in self.emptied if entry[0] != name]

    def rename_option(self, name: str, new_name: str) -> None:
        """Another name for an option that is there, in its place; the new name is free."""
        option = self._index[name]
        del self._index[name]
        option.name = new_name
        self._index[new_name] = option

    def _add(self, name: str, is_list: bool) -> Option:
        option = Option(name, is_list)
        self._order.append(option)
        self._index[name] = option
        return option


class Package:
    """A file: `sections` and `statements`, both in file order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sections: list[Section] = []
        self.statements: list[Statement] = []
        self._index: dict[str, Section] = {}

    def get(self, name: str) -> Section | None:
        """The first section of that name, given or generated, or None."""
        return self._index.get(name)

    def add(self, section: Section) -> Section:
        """Append; a generated name never hides a section that has it already."""
        self.sections.append(section)
        if section.name not in self._index:
            self._index[section.name] = section
        return section

    def remove(self, section: Section) -> None:
        """Take a section out."""
        self.sections.remove(section)
        if self._index.get(section.name) is section:
            del self._index[section.name]

    def rename(self, section: Section, name: str) -> None:
        """Another name for a section, which is not anonymous any more; the new name is free."""
        if self._index.get(section.name) is section:
            del self._index[section.name]
        section.name = name
        section.anonymous = False
        self._index[name] = section


def hash_type(text: bytes) -> int:
    """djb2 over the bytes, 31 bits: what libuci's generated names are made from."""
    value = 5381
    for byte in text:
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value & 0x7FFFFFFF


def anonymous_name(number: int, section_type: bytes) -> str:
    """Internal name of an unnamed section; number counts all sections of the file from 1, named ones too."""
    return "cfg%02x%04x" % (number, hash_type(section_type) & 0xFFFF)


def is_name(text: bytes, dash: bool = False) -> bool:
    """True for a name of a section or an option: ASCII letters, digits, `_` (and `-` in a package statement)."""
    if not text:
        return False
    for byte in text:
        if not (0x61 <= byte <= 0x7A or 0x41 <= byte <= 0x5A or 0x30 <= byte <= 0x39 or byte == 0x5F) and not (
            dash and byte == 0x2D
        ):
            return False
    return True


def is_type(text: bytes) -> bool:
    """True for a section type: printable ASCII without space."""
    if not text:
        return False
    return all(33 <= byte <= 126 for byte in text)


class _Parser:
    """Commands -> package. `errors` None: raise the first error; otherwise collect them and leave their lines out.

    lines: where not None, (start, end, number of its first statement) of each line that has any is appended; lines that
    quotes and backslashes join are one.
    """

    def __init__(
        self,
        data: bytes,
        file: str,
        name: str,
        errors: list[UciError] | None,
        lines: list[tuple[int, int, int]] | None = None,
    ) -> None:
        self.lexer = Lexer(data, file)
        self.package = Package(name)
        self.section: Section | None = None
        self.errors = errors
        self.lines = lines
        self.lost_section = False  # a config line was refused: its options have nowhere to go

    def parse(self) -> Package:
        while self.lexer.next_line():
            first = len(self.package.statements)
            try:
                self.parse_line()
                if self.lines is not None and len(self.package.statements) > first:
                    self.lines.append((self.lexer.start, self.lexer.following, first))
            except UciError as error:
                if self.errors is None:
                    raise
                self.errors.append(error)
                if len(self.errors) >= MAX_ERRORS or len(self.package.statements) >= MAX_COMMANDS:
                    break
        return self.package

    def parse_line(self) -> None:
        lexer = self.lexer
        lexer.skip_space()
        while True:
            word, begin = lexer.word()
            if not word or word[0] == 0x23:
                return
            row = COMMANDS.get(word)
            if row is None:
                raise lexer.error("invalid command")
            if len(self.package.statements) >= MAX_COMMANDS:
                raise lexer.error("too many commands")
            line = lexer.line
            if word in (b"config", b"c"):
                self.section = None
                self.lost_section = True
            statement = Statement(row[0], [], line, begin, begin)
            row[1](self, statement, word)
            self.package.statements.append(statement)

    def _begin(self, statement: Statement, word: bytes, reason: str) -> None:
        if not self.lexer.skip_word(statement.start, word):
            raise self.lexer.error(reason)

    def _argument(self, statement: Statement, required: bool, name: bool, dash: bool = False) -> bytes:
        lexer = self.lexer
        text = lexer.argument()
        if not text and required:
            raise lexer.error("insufficient arguments")
        if text and name and not is_name(text, dash):
            raise lexer.error("invalid character in name field")
        statement.args.append(text)
        statement.end = lexer.argument_end
        return text

    def _finish(self) -> None:
        if self.lexer.argument():
            raise self.lexer.error("too many arguments")

    def package_statement(self, statement: Statement, word: bytes) -> None:
        # Loading one file of a directory, libuci checks this line and otherwise passes over it.
        self._begin(statement, word, "package without name")
        self._argument(statement, True, True, True)
        self._finish()

    def config_statement(self, statement: Statement, word: bytes) -> None:
        self._begin(statement, word, "config without name")
        section_type = self._argument(statement, True, False)
        if not is_type(section_type):
            raise self.lexer.error("invalid character in type field")
        name = self._argument(statement, False, True)
        self._finish()
        section = self.package.get(name.decode()) if name else None
        if section is None:
            number = len(self.package.sections) + 1
            text = name.decode() if name else anonymous_name(number, section_type)
            section = self.package.add(Section(section_type.decode(), text, not name, statement))
        elif section.type != section_type.decode():
            raise self.lexer.error("section of different type overwrites prior section with same name")
        else:
            section.statements.append(statement)
        self.section = section
        self.lost_section = False

    def option_statement(self, statement: Statement, word: bytes) -> None:
        if self.section is None and not self.lost_section:
            raise self.lexer.error("option/list command found before the first section")
        self._begin(statement, word, "option without name")
        name = self._argument(statement, True, True)
        value = self._argument(statement, False, False)
        self._finish()
        if self.section is None:
            return
        if statement.command == "list":
            self.section.add_list(name.decode(), value, statement)
        else:
            self.section.set_option(name.decode(), value, statement)


# command word -> (command, what reads its arguments)
COMMANDS: dict[bytes, tuple[str, Callable[[_Parser, Statement, bytes], None]]] = {
    b"package": ("package", _Parser.package_statement),
    b"p": ("package", _Parser.package_statement),
    b"config": ("config", _Parser.config_statement),
    b"c": ("config", _Parser.config_statement),
    b"option": ("option", _Parser.option_statement),
    b"o": ("option", _Parser.option_statement),
    b"list": ("list", _Parser.option_statement),
    b"l": ("list", _Parser.option_statement),
}


def _check_text(data: bytes, file: str) -> None:
    if len(data) > MAX_BYTES:
        raise UciError(file, 1, 0, "file too large")
    nul = data.find(b"\x00")
    if nul >= 0:
        before = data[:nul]
        raise UciError(file, before.count(b"\n") + 1, nul - (before.rfind(b"\n") + 1), "NUL byte")


def parse(data: bytes, file: str, name: str = "isthmus", lines: list[tuple[int, int, int]] | None = None) -> Package:
    """The package in `data`; `file` is only for messages. Raises UciError for the first line that is wrong.

    lines: a list that gets (start, end, number of its first statement) of each line with statements, for a writer.
    """
    _check_text(data, file)
    return _Parser(data, file, name, None, lines).parse()


def parse_all(data: bytes, file: str, name: str = "isthmus") -> tuple[Package, list[UciError]]:
    """Like parse(), but reads on: the package without the wrong lines, and up to MAX_ERRORS errors. Raises nothing."""
    errors: list[UciError] = []
    try:
        _check_text(data, file)
    except UciError as error:
        return Package(name), [error]
    return _Parser(data, file, name, errors).parse(), errors
