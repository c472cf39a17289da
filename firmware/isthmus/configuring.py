"""The configuration for forms: what it says with all that is staged, staging, and the rows that forms are made from.

Nothing here puts anything in force: that is `apply` (changing.py), which shows what is staged in words before. A mark
stands for what a form was made from; with another one nothing is staged: somebody else was first.
"""

from __future__ import annotations

from isthmus.applying.files import OtherChangeError, mark_of
from isthmus.config import uci
from isthmus.config.errors import BadValue, length_of, looks_like_key
from isthmus.config.lexer import UciError
from isthmus.config.schema import SECTIONS, section_spec
from isthmus.config.spec import LIST
from isthmus.config.staging import read_wishes, stage_all
from isthmus.config.values import Bool, Choice
from isthmus.errors import IsthmusError
from isthmus.wire.addr import format_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.config.spec import OptionSpec
    from isthmus.config.store import Store, View
    from isthmus.config.uci import Section
    from isthmus.config.values import Type
    from isthmus.daemon import Daemon

LEASES = "/tmp/dhcp.leases"  # noqa: S108 - dnsmasq's, on OpenWrt
MOST_HOSTS, LONGEST_NAME = 512, 64
SAME, CHANGED, NEW = "same", "changed", "new"


class NotReadError(IsthmusError):
    """The configuration cannot be read as a whole."""

    code = "config-unread"


def get(store: Store, is_on_trial: bool) -> dict[str, Any]:
    """{"mark", "staged", "on_trial", "sections": [{"type", "name", "anonymous", "state": "same", "changed" or "new",
    "options": {name: text, [texts], or true for a secret}}], "gone": [{"type", "name"}], "troubles": [{"message",
    "remedy"}]}. Raises IsthmusError.
    """
    view = _view(store)
    before = {}
    for section in uci.parse(view.data, store.path, "isthmus").sections:
        before[section.name] = section
    rows = []
    for section in view.document.package.sections:
        old = before.pop(section.name, None)
        options = _options(section)
        if old is None:
            state = NEW
        else:
            keys = [key for key in view.keys if key.section == section.name]
            state = SAME if _raw(old) == _raw(section) and not keys else CHANGED
        rows.append({"type": section.type, "name": section.name, "anonymous": section.anonymous, "state": state,
                     "options": options})  # fmt: skip
    gone = [{"type": before[name].type, "name": name} for name in sorted(before)]
    told = [{"message": "%s: %s" % (subject, why), "remedy": remedy} for subject, why, remedy in view.troubles]
    return {
        "mark": mark_of(view), "staged": len(view.deltas) + len(view.keys), "on_trial": is_on_trial,
        "sections": rows, "gone": gone, "troubles": told,
    }  # fmt: skip


def _view(store: Store) -> View:
    try:
        return store.view()
    except UciError as error:
        raise NotReadError(str(error), "mend the file: isthmus config show tells more") from None


def _raw(section: Section) -> list[tuple[str, bool, list[bytes]]]:
    return [(option.name, option.is_list, list(option.values)) for option in section.options]


def _options(section: Section) -> dict[str, Any]:
    spec = section_spec(section.type)
    found: dict[str, Any] = {}
    for option in section.options:
        row = spec.get(option.name) if spec is not None else None
        if row is None or row.type.secret:
            found[option.name] = True  # of an unknown option nobody can say that it is no key, mistyped
            continue
        texts = [_text(row.type, value) for value in option.values]
        found[option.name] = texts if row.kind == LIST else texts[-1]
    return found


def _text(kind: Type, value: bytes) -> str:
    """Its first line: where a closing quote is missing, others have become part of it, and with them perhaps a key. So
    may be what does not belong there.
    """
    try:
        text = value.decode().partition("\n")[0]
        if not looks_like_key(text):
            return text
        kind.parse(text)
    except UnicodeError:
        return "?"
    except BadValue:
        return length_of(text)
    return text


def stage(
    store: Store, mark: str, rows: list[Any], is_on_trial: bool, note: Callable[[int, str], None] | None = None
) -> dict[str, Any]:
    """{"mark", "staged", "notes"}. note: is told how much was staged before, and the mark of now. Raises IsthmusError:
    nothing is staged.
    """
    wishes = read_wishes(rows)
    counts = []

    def expect(view: View) -> None:
        _expect(view, mark)
        counts.append(len(view.deltas) + len(view.keys))

    try:
        notes = stage_all(store, wishes, expect)
    except UciError as error:
        raise NotReadError(str(error), "mend the file: isthmus config show tells more") from None
    found = get(store, is_on_trial)
    if note is not None:
        note(counts[0], found["mark"])
    return {"mark": found["mark"], "staged": found["staged"], "notes": notes}


def _expect(view: View, mark: str) -> None:
    if mark_of(view) != mark:
        text = "the configuration has been changed since this was shown; nothing is staged"
        raise OtherChangeError(text, "look at it again, and make the change anew if it is still wanted")


def revert(store: Store, mark: str, is_on_trial: bool) -> dict[str, Any]:
    """Drop all that is staged. Raises IsthmusError."""
    store.revert("", "", lambda view: _expect(view, mark))
    found = get(store, is_on_trial)
    return {"mark": found["mark"], "staged": found["staged"]}


def rows_of(section_type: str) -> dict[str, Any]:
    """What a section of this type may say. Raises IsthmusError."""
    spec = section_spec(section_type)
    if spec is None:
        known = ", ".join([spec.type for spec in SECTIONS])
        raise IsthmusError("there is no section type of that name", "there are: " + known, "unknown-type")
    return {"type": spec.type, "help": spec.help, "rows": [_row(row) for row in spec.options]}


def _row(row: OptionSpec) -> dict[str, Any]:
    words: list[str] = []
    if isinstance(row.type, Choice):
        words = list(row.type.words)
    elif isinstance(row.type, Bool):
        words = ["1", "0"]
    return {
        "name": row.name, "is_list": row.kind == LIST, "required": row.required, "secret": row.type.secret,
        "help": row.help, "allowed": row.type.allowed, "default": row.default_text, "words": words,
        "most": row.most if row.kind == LIST else 1,
    }  # fmt: skip


def hosts_of(daemon: Daemon, read_file: Callable[[str], bytes]) -> list[dict[str, Any]]:
    """[{"mac", "interface", "addresses", "name"}] of everybody who was lately there on the site's own networks; name:
    what the DHCP server knows, "" for nothing.
    """
    config = daemon.site.forcing.config
    lans = config.globals.lans if config is not None else []
    names = _leases(read_file)
    found: dict[tuple[str, bytes], list[bytes]] = {}
    for interface, address, mac in daemon.site.kernel.neighbours():
        link_local = len(address) > 4 and address[0] == 0xFE and address[1] & 0xC0 == 0x80
        if interface in lans and not link_local and len(found) < MOST_HOSTS:
            found.setdefault((interface, mac), []).append(address)
    rows = []
    for interface, mac in sorted(found):
        text = ":".join(["%02x" % byte for byte in mac])
        addresses = sorted(found[interface, mac], key=lambda address: (len(address), address))
        rows.append({
            "mac": text, "interface": interface, "addresses": [format_ip(address) for address in addresses],
            "name": names.get(text, ""),
        })  # fmt: skip
    return rows


def _leases(read_file: Callable[[str], bytes]) -> dict[str, str]:
    """MAC address -> name, as dnsmasq has it: expiry, MAC, address, name or *, client's id."""
    try:
        text = read_file(LEASES).decode()
    except (OSError, ValueError):
        return {}
    found = {}
    for line in text.split("\n")[:MOST_HOSTS]:
        words = line.split(" ")
        if len(words) > 3 and words[3] != "*":
            found[words[1].lower()] = words[3][:LONGEST_NAME]
    return found


def _is_on_trial(daemon: Daemon, now: int) -> bool:
    trial = daemon.trial(now)
    return trial is not None and trial["state"] != "idle"


def _get(daemon: Daemon, _request: dict[str, Any], now: int) -> dict[str, Any]:
    return get(daemon.changing.forms, _is_on_trial(daemon, now))


def _stage(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    who = ("root", "")  # of the command line
    if request.get("token") is not None:
        session = daemon.accounts.door.session_of(request["token"], now, True)
        who = (session.name, session.source)
    before, changing = request["mark"], daemon.changing

    def note(count: int, mark: str) -> None:
        changing.stagers.note(before, count, mark, who, now)

    return stage(changing.forms, before, request["changes"], _is_on_trial(daemon, now), note)


def _revert(daemon: Daemon, request: dict[str, Any], now: int) -> dict[str, Any]:
    return revert(daemon.changing.forms, request["mark"], _is_on_trial(daemon, now))


def _rows(_daemon: Daemon, request: dict[str, Any], _now: int) -> dict[str, Any]:
    return rows_of(request["type"])


def _hosts(daemon: Daemon, _request: dict[str, Any], _now: int) -> dict[str, Any]:
    from isthmus.edge.os_cpython import read_file  # here: all else of this module runs on every interpreter

    config = daemon.site.forcing.config
    return {"hosts": hosts_of(daemon, read_file), "interfaces": list(config.globals.lans) if config is not None else []}


HANDLERS: dict[str, Callable[[Daemon, dict[str, Any], int], dict[str, Any]]] = {
    "config-get": _get,
    "config-stage": _stage,
    "config-revert": _revert,
    "config-rows": _rows,
    "hosts": _hosts,
}
"""The calls of the control socket, each as commands.py wants it."""
