"""Changes of the configuration that a form asks for: staged all together, or none of them.

They wait in a folder of isthmusd's own, not where uci stages: staging takes no password, so whoever has got hold of a
session can do it, and root's next `uci commit` may not put in force what root has neither staged nor seen. From here
only `apply` takes it, which takes the password.

A wish says how something shall be, not what to do to it. Rows of a request, each with `section`:

    {"type": T}                     a new section of that name
    {"option": O, "values": [...]}  the option has exactly these values; none: it goes
    {"before": OTHER}               the section stands right before that one
    {"delete": true}                it goes
"""

from __future__ import annotations

from isthmus.config.delta import ADD_LIST, DELETE, REORDER, SET, Delta, format_delta
from isthmus.config.edit import EditError
from isthmus.config.errors import quote
from isthmus.config.lock import Locked, cannot
from isthmus.config.model import KEY_FILES
from isthmus.config.schema import section_spec
from isthmus.config.spec import LIST
from isthmus.config.store import Store
from isthmus.config.uci import is_name
from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.config.edit import Document
    from isthmus.config.store import View

FOLDER = "/staged"  # in the directory of the control socket, which a reboot empties as it does uci's
MOST_WISHES = 64
MOST_VALUES = 1024
LONGEST = 512  # of a value
FORMS = ("type", "option", "before", "delete")
REMEDY = "a row has `section` and one of: " + ", ".join(FORMS)


class Wish:
    """One row. form: of FORMS; text: what stands there; values: of an option. Its repr shows no value."""

    def __init__(self, section: str, form: str, text: str, values: list[bytes]) -> None:
        self.section = section
        self.form = form
        self.text = text
        self.values = values

    def __repr__(self) -> str:
        return "Wish(%s %s %s)" % (self.section, self.form, self.text)


def place_of_forms(store: Store, folder: str) -> Store:
    """Where forms stage: the same configuration, with changes of its own."""
    place = Store(store.calls, store.path.rpartition("/")[0], folder, store.secrets, store.now_s)
    place.salt = store.salt
    place.tool = "isthmus config --deltas " + folder
    return place


def read_wishes(rows: list[Any]) -> list[Wish]:
    """The rows of a request. Raises EditError."""
    if not 0 < len(rows) <= MOST_WISHES:
        raise EditError("%d changes at once" % len(rows), "1 to %d are allowed" % MOST_WISHES)
    try:
        return [_read_wish(row) for row in rows]
    except UnicodeError:  # half of a surrogate pair, which JSON can say
        raise EditError("a change holds something that is no text", "write it anew") from None


def _read_wish(row: Any) -> Wish:  # noqa: ANN401 - whatever JSON says
    if not isinstance(row, dict):
        raise EditError("a change is no object", REMEDY)
    section = row.get("section")
    forms = [form for form in FORMS if form in row]
    if not isinstance(section, str) or len(section) > LONGEST or not is_name(section.encode()):
        raise EditError("a change names no section", "a name has letters, digits and _ only")
    if len(forms) != 1 or len(row) != (3 if forms == ["option"] else 2):
        raise EditError("it is not clear what shall become of section %s" % quote(section), REMEDY)
    form = forms[0]
    text = row[form] if form != "delete" else ""
    if not isinstance(text, str) or len(text) > LONGEST or (form == "delete" and row[form] is not True):
        raise EditError("%s of section %s has the wrong type" % (form, quote(section)), REMEDY)
    if form == "option" and not is_name(text.encode()):
        raise EditError("a change of section %s names no option" % quote(section), "letters, digits and _ only")
    values = row.get("values") if form == "option" else []
    if not isinstance(values, list) or len(values) > MOST_VALUES:
        raise EditError("values of %s are no list, or more than %d" % (quote(text), MOST_VALUES), REMEDY)
    for value in values:
        if not isinstance(value, str) or not value or len(value) > LONGEST:
            raise EditError(
                "a value of %s is no text, empty or longer than %d" % (quote(text), LONGEST), "write a shorter one"
            )
    text.encode()
    return Wish(section, form, text, [value.encode() for value in values])


def stage_all(store: Store, wishes: list[Wish], expect: Callable[[View], None]) -> list[str]:
    """Stage them, and say what is to be told. expect: is shown what is there, and raises if it is not that.

    Raises EditError, StoreError, UciError, what expect() raises: nothing is staged.
    """
    with_lock = Locked(store.calls, store.path, store.folder, store.delta_path)
    try:
        view = store.view()
        expect(view)
        keys: list[Delta] = []
        made: list[Delta] = []
        for wish in wishes:
            for delta in _deltas(view.document, wish):
                section = view.document.package.get(delta.section)
                if section is not None and store.is_key(section, delta):
                    keys.append(delta)
                    continue
                view.document.apply(delta)
                if delta.kind != DELETE:
                    store.check(view.document, delta)
                made.append(delta)
        if len(keys) > 1:
            raise EditError("%d keys at once" % len(keys), "stage one key at a time")
        return _write(store, with_lock, view, made, keys)
    finally:
        with_lock.release()


def _write(store: Store, with_lock: Locked, view: View, made: list[Delta], keys: list[Delta]) -> list[str]:
    """All of it; what cannot be written whole is not there."""
    notes: list[str] = []
    before = view.keys
    try:
        if made:
            store.end_mark(view)
            with_lock.append(b"".join([format_delta(delta) for delta in made]))
    except OSError as error:
        raise cannot("write", store.delta_path, error) from None
    try:
        for delta in made:
            if delta.kind == DELETE and not delta.option:
                store.follow(view, delta.section, delta)
        for delta in keys:
            section = view.document.package.get(delta.section)
            if section is not None:
                notes += store.stage_key(with_lock, view, section, delta)
    except IsthmusError:
        try:
            with_lock.rewrite(view.raw)
        except OSError as error:
            raise cannot("write", store.delta_path, error) from None
        store.write_keys(before)
        raise
    return notes


def _deltas(document: Document, wish: Wish) -> list[Delta]:
    """What makes it so."""
    package = document.package
    section = package.get(wish.section)
    if wish.form == "type":
        if section is not None:
            raise EditError("there is a section %s already" % quote(wish.section), "choose another name")
        return [Delta(SET, wish.section, "", wish.text.encode())]
    if section is None:
        raise EditError("there is no section %s" % quote(wish.section), "look at the configuration again")
    if wish.form == "delete":
        return [Delta(DELETE, wish.section)]
    if wish.form == "before":
        rest = [one for one in package.sections if one is not section]
        places = [index for index in range(len(rest)) if rest[index].name == wish.text]
        if not places:
            raise EditError("there is no section %s" % quote(wish.text), "look at the configuration again")
        return [Delta(REORDER, wish.section, "", b"%d" % places[0])]
    return _option_deltas(document, wish, section.type)


def _option_deltas(document: Document, wish: Wish, section_type: str) -> list[Delta]:
    section = document.package.get(wish.section)
    old = section.get(wish.text) if section is not None else None
    there = old is not None and bool(old.values)
    if not wish.values:
        return [Delta(DELETE, wish.section, wish.text)] if there or wish.text in KEY_FILES else []
    spec = section_spec(section_type)
    row = spec.get(wish.text) if spec is not None else None
    is_list = row is not None and row.kind == LIST
    if not is_list and len(wish.values) > 1:
        raise EditError("option %s takes one value" % quote(wish.text), "leave out the others")
    if old is not None and there and old.values == wish.values and old.is_list == is_list:
        return []
    if not is_list:
        return [Delta(SET, wish.section, wish.text, wish.values[0])]
    cleared = [Delta(DELETE, wish.section, wish.text)] if there else []
    return cleared + [Delta(ADD_LIST, wish.section, wish.text, value) for value in wish.values]
