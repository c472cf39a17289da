"""The configuration (firmware/isthmus/configuring.py)."""

from __future__ import annotations

from isthmus_web.api.shapes.notation import FLAG, INT, TEXT, TEXTS, by_name, record, ref, rows, said, words

_VALUE = {"anyOf": [TEXT, TEXTS, {"type": "boolean", "enum": [True]}]}
MARK = said("what was shown; a change sends it back")

SHAPES = {
    "Section": record(
        type=TEXT, name=TEXT, anonymous=FLAG, state=words("same", "changed", "new"),
        options=said("name: text, texts, or true for a key, which is never shown", by_name(_VALUE))),
    "Config": record(
        mark=MARK, staged=INT, on_trial=FLAG, sections=rows(ref("Section")), gone=rows(record(type=TEXT, name=TEXT)),
        troubles=rows(record(message=TEXT, remedy=TEXT))),
    "SectionType": record(
        type=TEXT, help=TEXT,
        rows=rows(record(name=TEXT, is_list=FLAG, required=FLAG, secret=FLAG, help=TEXT, allowed=TEXT, default=TEXT,
                         words=TEXTS, most=INT))),
    "Staged": record(mark=MARK, staged=INT, notes=TEXTS),
    "Dropped": record(mark=MARK, staged=INT),
}  # fmt: skip
