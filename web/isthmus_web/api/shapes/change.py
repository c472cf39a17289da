"""A change, and its trial (firmware/isthmus/changing.py)."""

from __future__ import annotations

from isthmus_web.api.shapes.config import MARK
from isthmus_web.api.shapes.notation import FLAG, INT, SECONDS, TEXT, TEXTS, maybe, record, ref, rows, said, words

SHAPES = {
    "Consequence": record(
        kind=words("opens", "leads", "closes", "restarts", "note"), text=said("what it means, in words")),
    "Look": record(
        mark=MARK, staged=INT, changes=rows(ref("Consequence")), warnings=TEXTS, hint=TEXT,
        by=rows(record(user=said("who has staged some of it; empty: nobody knows"), source=TEXT, age_s=SECONDS))),
    "Trial": record(
        state=words("idle", "open", "undoing", "kept"), mark=maybe(MARK), left_s=SECONDS, window_s=SECONDS, alone=FLAG,
        changes=rows(ref("Consequence")),
        probes=rows(record(what=TEXT, state=words("ok", "wait", "failed"), text=TEXT)), trouble=maybe(ref("Fault")),
        last=maybe(record(kind=words("confirmed", "undone", "lost"), why=TEXT, exposed=TEXTS, notes=TEXTS))),
}  # fmt: skip
