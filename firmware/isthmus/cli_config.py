"""`isthmus config`: the configuration in the words of `uci`, checked before it is committed. Works without the daemon.

Its tables load when they are used: `isthmus status` should not wait for them.
"""

from __future__ import annotations

import sys

from isthmus.edge.printable import printable
from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from isthmus.config.delta import Delta
    from isthmus.config.store import Store
    from isthmus.config.uci import Option, Section

PATH = "isthmus.SECTION.OPTION; a section also as @TYPE[NUMBER]"
# form, what follows it, help
FORMS = (
    ("get", "path", "print the value of an option, or the type of a section"),
    ("show", "path?", "print everything, a section or an option; keys are left out"),
    ("set", "path=value", "stage a value; isthmus.NAME=TYPE makes a section; without =VALUE a key is asked for"),
    ("add", "type", "stage a section without a name, and print the name it has meanwhile"),
    ("add_list", "path=value", "stage one more value of a list"),
    ("del_list", "path=value", "stage a list without this value"),
    ("delete", "path", "stage that a section or an option goes; =NUMBER: one value of a list"),
    ("rename", "path=name", "stage another name"),
    ("reorder", "path=number", "stage another place for a section, from 0"),
    ("changes", "path?", "print what is staged, by uci too"),
    ("commit", "path?", "check what is staged, and make it the configuration"),
    ("revert", "path", "drop what is staged: isthmus for all, or of a section or an option"),
)
DELTA_DIR = "/tmp/.uci"  # noqa: S108 - uci's own
HIDDEN = "(not shown)"
SPACES = " \t\r\n"


class PathError(IsthmusError):
    """What should name a section or an option does not."""

    code = "config-path"


def add_parser(commands: Any) -> None:  # noqa: ANN401 - argparse names no public type for it
    """The command and its forms."""
    config = commands.add_parser("config", help="show and change the configuration, in the words of uci")
    config.add_argument("--config", default="/etc/config", help="folder of the file isthmus (default %(default)s)")
    config.add_argument("--deltas", default=DELTA_DIR, help="folder of what is staged (default %(default)s)")
    config.add_argument(
        "--secrets", default="/etc/isthmus/secrets", help="folder of the tunnels' keys (default %(default)s)"
    )
    forms = config.add_subparsers(dest="form", required=True)
    for form, follows, text in FORMS:
        parser = forms.add_parser(form, aliases=["del"] if form == "delete" else [], help=text, description=text)
        parser.set_defaults(form=form)
        if follows == "type":
            parser.add_argument("package", choices=("isthmus",))
            parser.add_argument("path", metavar="type", help="type of the section: tunnel, forced ...")
        elif follows == "path?":
            parser.add_argument("path", nargs="?", default="isthmus", help=PATH)
        else:
            parser.add_argument("path", metavar=follows, help=PATH)


def run(arguments: argparse.Namespace) -> int:
    """Do it: exit status. Raises IsthmusError."""
    from isthmus.config.store import Refused, Store
    from isthmus.edge.os_cpython import wall_seconds
    from isthmus.edge.os_cpython_files import RealCalls

    calls: Any = RealCalls()  # of the shape of config.calls.Calls, which the edge does not import
    store = Store(calls, arguments.config, arguments.deltas, arguments.secrets, wall_seconds())
    try:
        if arguments.form == "add":
            name, hint = store.add(arguments.path)
            _print(name)
            _tell([hint] if hint else [])
            return 0
        reference, option, value = parse_path(arguments.path)
        if arguments.form in LOOKING:
            LOOKING[arguments.form](store, reference, option)
        elif arguments.form == "commit":
            _commit(store)
        elif arguments.form == "revert":
            store.revert(reference, option)
        else:
            _tell(_stage(store, arguments.form, reference, option, value))
    except Refused as error:
        for entry in error.errors:
            _tell([str(entry)])
        raise
    return 0


def parse_path(text: str) -> tuple[str, str, bytes | None]:
    """isthmus[.SECTION[.OPTION]][=VALUE] as (section or "", option or "", value or None). Raises PathError."""
    from isthmus.config.uci import is_name

    path, equals, tail = text.partition("=")
    parts = path.split(".")
    if parts[0] != "isthmus":
        raise PathError("this changes the file isthmus only", "write isthmus.%s; for other files use uci" % path[:80])
    if len(parts) > 3 or "" in parts or (len(parts) == 3 and not is_name(parts[2].encode())):
        raise PathError("%s names no section and no option" % printable(path[:80]), "write " + PATH)
    value = tail.encode("utf-8", "surrogateescape") if equals else None
    return parts[1] if len(parts) > 1 else "", parts[2] if len(parts) > 2 else "", value


def _stage(store: Store, form: str, reference: str, option: str, value: bytes | None) -> list[str]:
    from isthmus.config.delta import ADD_LIST, DEL_LIST, DELETE, RENAME, REORDER, SET

    kinds = {
        "set": SET, "add_list": ADD_LIST, "del_list": DEL_LIST, "delete": DELETE, "rename": RENAME, "reorder": REORDER,
    }  # fmt: skip
    if not reference or (form in ("add_list", "del_list") and not option) or (form == "reorder" and option):
        raise PathError("%s does not go together with this path" % form, "write " + PATH)
    said = []
    if form == "set" and is_secret_name(option):
        if value is None:
            value = _read_key(option).encode("utf-8", "surrogateescape")
        elif value:
            said.append("the %s was on the command line, where other programs see it: leave out the =" % option)
    if value is None and form != "delete":
        raise PathError("%s wants a value" % form, "write isthmus.%s=VALUE" % ".".join([reference, option or "TYPE"]))
    return said + store.stage(kinds[form], reference, option, value)


def _read_key(option: str) -> str:
    from isthmus.edge.os_cpython_terminal import read_password

    key = read_password(option, False, option)
    if not key:
        raise PathError("no %s was given" % option, "type it, or pipe it in")
    return key


def is_secret_name(option: str) -> bool:
    """True for an option that is a key in any section, and for what is probably one mistyped."""
    from isthmus.config.errors import nearest
    from isthmus.config.schema import SECTIONS

    known = [row for spec in SECTIONS for row in spec.options]
    secret = [row.name for row in known if row.type.secret]
    return option in secret or (option not in [row.name for row in known] and nearest(option, secret) != "")


def _get(store: Store, reference: str, option: str) -> None:
    section = _found(store, reference)
    if not option:
        _print(section.type)
        return
    if is_secret_name(option):
        place = store.path if section.get(option) is not None else store.secrets
        raise PathError("isthmus.%s.%s is a key, and not shown" % (section.name, option[:80]), "look into %s" % place)
    found = _option(section, option)
    if not found.is_list:
        _print(_text(found.values[0]))
        return
    words = [_text(value) for value in found.values]
    _print(" ".join([_quoted(word) if [c for c in word if c in SPACES] else word for word in words]))


def _show(store: Store, reference: str, option: str) -> None:
    if reference and option:
        section = _found(store, reference)
        _print(_shown(section.name, _option(section, option)))
    elif reference:
        _show_section(_found(store, reference), "")
    else:
        view = store.view()
        _troubles(view.troubles)
        counts: dict[str, int] = {}
        for section in view.document.package.sections:
            number = counts.get(section.type, 0)
            counts[section.type] = number + 1
            _show_section(section, "@%s[%d]" % (section.type, number) if section.anonymous else "")


def _show_section(section: Section, name: str) -> None:
    _print("isthmus.%s=%s" % (name or section.name, section.type))
    for option in section.options:
        _print(_shown(name or section.name, option))


def _shown(name: str, option: Option) -> str:
    values = " ".join([_quoted(_text(value)) for value in option.values])
    return "isthmus.%s.%s=%s" % (name, option.name, HIDDEN if is_secret_name(option.name) else values)


def _changes(store: Store, reference: str, option: str) -> None:
    view = store.view()
    for delta in view.deltas + view.keys:
        if (not reference or delta.section == reference) and (not option or delta.option == option):
            _print(_changed(delta))
    _troubles(view.troubles)


def _changed(delta: Delta) -> str:
    from isthmus.config.delta import ADD_LIST, DEL_LIST, DELETE

    path = "isthmus." + delta.section + ("." + delta.option if delta.option else "")
    if delta.kind == DELETE:
        return "-" + path
    sign = {ADD_LIST: "+=", DEL_LIST: "-="}.get(delta.kind, "=")
    secret = bool(delta.option) and is_secret_name(delta.option)
    return path + sign + (HIDDEN if secret else _quoted(_text(delta.value or b"")))


LOOKING = {"get": _get, "show": _show, "changes": _changes}


def _commit(store: Store) -> None:
    changed, warnings = store.commit()
    _tell([str(warning) for warning in warnings])
    if changed:
        _tell(["committed to %s; `isthmus reload` applies it" % store.path])


def _found(store: Store, reference: str) -> Section:
    view = store.view()
    _troubles(view.troubles)
    section = view.document.find(reference) if reference else None
    if section is None:
        names = ", ".join([known.name for known in view.document.package.sections[:20]])
        raise PathError("there is no section isthmus.%s" % printable(reference[:80]), "there are: " + (names or "none"))
    return section


def _option(section: Section, option: str) -> Option:
    found = section.get(option)
    if found is None:
        names = ", ".join([known.name for known in section.options])
        message = "there is no option isthmus.%s.%s" % (section.name, option[:80])
        raise PathError(message, "the section has: " + (names or "none"))
    return found


def _troubles(troubles: list[tuple[str, str, str]]) -> None:
    _tell(["staged, but not possible: %s: %s; %s" % trouble for trouble in troubles])


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _print(text: str) -> None:
    """A line for programs: as it is."""
    sys.stdout.flush()
    data = (text + "\n").encode("utf-8", "surrogateescape")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _tell(lines: list[str]) -> None:
    """Lines for people."""
    for line in lines:
        sys.stderr.write(printable(line) + "\n")
