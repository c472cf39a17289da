"""One section of the file held against its rows of the schema: values that are right, complaints about what is not."""

from __future__ import annotations

from isthmus.config.errors import BadValue, ConfigError, length_of, looks_like_key, nearest, quote, unseen
from isthmus.config.spec import LIST
from isthmus.config.uci import MAX_ERRORS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from isthmus.config.spec import OptionSpec, SectionSpec
    from isthmus.config.uci import Option, Section


class Report:
    """Collects errors and warnings of one file, at most MAX_ERRORS of each."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[ConfigError] = []
        self.warnings: list[ConfigError] = []

    def error(self, error: ConfigError) -> None:
        """Something that keeps the file from being used."""
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(error)

    def warning(self, error: ConfigError) -> None:
        """Something an administrator should know."""
        if len(self.warnings) < MAX_ERRORS:
            self.warnings.append(error)


class Draft:
    """A section that has been read. `values`: option name -> value, without those that were refused.

    `given`: names that stand in the file; `item_lines`: of a list, the line of each value; `ok`: False as soon as
    anything in it is an error.
    """

    def __init__(self, section: Section, spec: SectionSpec, report: Report) -> None:
        self.section = section
        self.spec = spec
        self.report = report
        self.name = section.name
        self.values: dict[str, Any] = {}
        self.given: list[str] = []
        self.item_lines: dict[str, list[int]] = {}
        self.ok = True

    @property
    def title(self) -> str:
        """As messages call it: tunnel 'branch'."""
        if self.section.anonymous:
            return self.section.type
        return "%s '%s'" % (self.section.type, self.name[:40])

    def line_of(self, option: str) -> int:
        """Where the option stands, or else its section."""
        found = self.section.get(option)
        return found.line if found is not None else self.section.line

    def items(self, option: str) -> list[tuple[Any, int]]:
        """(value, line) of every value of a list."""
        values = self.values.get(option) or []
        lines = self.item_lines.get(option) or [self.line_of(option)] * len(values)
        return [(values[index], lines[index]) for index in range(len(values))]

    def complain(
        self, code: str, option: str, message: str, remedy: str, found: str = "", allowed: str = "", line: int = 0
    ) -> None:
        """An error in this section."""
        self.ok = False
        self.report.error(self._entry(code, option, message, remedy, found, allowed, line))

    def warn(self, code: str, option: str, message: str, remedy: str, line: int = 0) -> None:
        """A warning about this section."""
        self.report.warning(self._entry(code, option, message, remedy, "", "", line))

    def _entry(
        self, code: str, option: str, message: str, remedy: str, found: str, allowed: str, line: int
    ) -> ConfigError:
        place = line or self.line_of(option)
        return ConfigError(code, message, remedy, self.report.file, place, self.title, option, found, allowed)


def read_section(section: Section, spec: SectionSpec, report: Report) -> Draft:
    """The draft of one section: every option checked by itself, defaults filled in."""
    draft = Draft(section, spec, report)
    for option in section.options:
        row = spec.get(option.name)
        if row is None:
            _unknown_option(draft, option)
        else:
            draft.given.append(row.name)
            _read_option(draft, row, option)
    for name, line in section.emptied:
        if section.get(name) is None:
            _emptied(draft, name, line)
    for row in spec.options:
        if row.name not in draft.given:
            draft.values[row.name] = row.default_value()
    return draft


def _unknown_option(draft: Draft, option: Option) -> None:
    for name, why, remedy in draft.spec.absent:
        if name == option.name:
            draft.complain("unknown-option", name, why, remedy)
            return
    guess = nearest(option.name, [row.name for row in draft.spec.options])
    remedy = "did you mean %s?" % guess if guess else "remove it"
    names = ", ".join([row.name for row in draft.spec.options])
    # The name alone: the value may be a key under a misspelled name.
    draft.complain("unknown-option", name_of(option.name), "there is no such option", remedy, quote(option.name), names)


def name_of(option: str) -> str:
    """As an error names an option that nobody knows."""
    return length_of(option) if looks_like_key(option) else option[:40]


def _emptied(draft: Draft, name: str, line: int) -> None:
    if draft.spec.get(name) is None:
        guess = nearest(name, [row.name for row in draft.spec.options])
        remedy = "did you mean %s?" % guess if guess else "remove it"
        draft.complain("unknown-option", name_of(name), "there is no such option", remedy, quote(name), line=line)
    else:
        remedy = "remove the line, or give the option a value"
        draft.warn("empty-option", name, "an empty option stores nothing: the default holds", remedy, line)


def _read_option(draft: Draft, row: OptionSpec, option: Option) -> None:
    if option.earlier:
        lines = ", ".join(["%d" % line for line in option.earlier[:5]])
        message = "it stands in line %s too; the last one counts" % lines
        draft.warn("repeated-option", row.name, message, "remove the others")
    texts = _texts(draft, row, option)
    if row.kind != LIST:
        if texts is not None:
            good, value = _parse(draft, row, texts[0][0], texts[0][1])
            if good:
                draft.values[row.name] = value
        return
    items: list[object] = []
    places: list[int] = []
    seen: set[object] = set()
    for text, line in texts or []:
        good, item = _parse(draft, row, text, line)
        if not good:
            continue
        if item in seen:
            _repeated(draft, row, text, line)
        else:
            seen.add(item)
            items.append(item)
            places.append(line)
    draft.values[row.name] = items
    draft.item_lines[row.name] = places


def _repeated(draft: Draft, row: OptionSpec, text: str, line: int) -> None:
    message, remedy = "%s stands there twice" % quote(text), "remove one of them"
    if row.repeat:
        draft.complain("repeated-item", row.name, "%s: %s" % (message, row.repeat), remedy, quote(text), line=line)
    else:
        draft.warn("repeated-item", row.name, message, remedy, line)


def _texts(draft: Draft, row: OptionSpec, option: Option) -> list[tuple[str, int]] | None:
    """(text, line) of every value as UTF-8 without control characters; None if the option cannot be read."""
    if option.is_list and row.kind != LIST and len(option.values) > 1:
        message = "it has %d values and takes one" % len(option.values)
        draft.complain("wrong-kind", row.name, message, "write option %s once" % row.name)
        return None
    texts = []
    for index in range(len(option.values)):
        line = option.statements[index].line
        text = _decode(draft, row, option.values[index], line)
        if text is None:
            return None
        # netifd does the same: `option` where a list belongs is split at blanks
        parts = [text] if option.is_list or row.kind != LIST else text.split()
        if len(parts) > 2 and not [char for char in text if not (char.isalpha() or char == " ")]:
            parts = [text]  # words alone: a passphrase, which is not told word by word
        texts += [(part, line) for part in parts]
    if len(texts) > row.most:
        message = "it has %d values" % len(texts)
        draft.complain("too-many", row.name, message, "put networks together", allowed="up to %d values" % row.most)
        return None
    for text, line in texts:
        if not text:
            message, remedy = "an empty value", "remove the line, or write a value"
            draft.complain("wrong-type", row.name, message, remedy, allowed=row.type.allowed, line=line)
            return None
    return texts


def _decode(draft: Draft, row: OptionSpec, value: bytes, line: int) -> str | None:
    for byte in value:
        if byte < 0x20 or byte == 0x7F:
            what = "runs over more than one line" if byte == 0x0A else "holds the control character 0x%02x" % byte
            remedy = "close the quote that begins in line %d" % line if byte == 0x0A else "type the value again"
            draft.complain("control-character", row.name, "its value " + what, remedy, line=line)
            return None
    try:
        return value.decode()
    except ValueError:
        message = "its value is not UTF-8 text"
        draft.complain("not-utf8", row.name, message, "type it again in an editor that saves UTF-8", line=line)
        return None


def _default_remedy(row: OptionSpec) -> str:
    text = row.default_text
    return "write one of these, or remove the line" + (
        " for the default (%s)" % text if text and row.kind != LIST else ""
    )


def _parse(draft: Draft, row: OptionSpec, text: str, line: int) -> tuple[bool, object]:
    """(True, value), or (False, None) after a complaint."""
    try:
        return True, row.type.parse(text)
    except BadValue as error:
        found = "" if row.type.secret else quote(text)
        remedy = error.remedy or ("write one of these" if row.required else _default_remedy(row))
        draft.complain(
            error.code, row.name, unseen(error.reason, text), unseen(remedy, text), found, row.type.allowed, line
        )
        return False, None
