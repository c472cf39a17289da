"""Doctor, log, backups (firmware/isthmus/examining.py, backups.py)."""

from __future__ import annotations

from isthmus_web.api.shapes.notation import FLAG, INT, TEXT, TEXTS, record, ref, rows, said, words

_LEVEL = words("error", "warning", "note")

SHAPES = {
    "Doctor": record(
        wrong=said("findings that are errors or warnings", INT), wall=said("Unix seconds", INT),
        findings=rows(record(code=TEXT, level=_LEVEL, area=TEXT, about=TEXT, message=TEXT, remedy=TEXT)),
        areas=rows(record(area=TEXT, state=words("ok", "note", "warning", "error", "unknown"), text=TEXT))),
    "Log": record(
        lines=rows(record(number=INT, time=TEXT, level=TEXT, subject=TEXT, text=TEXT)),
        next=said("what to send as `after` next time", INT), lost=FLAG),
    "Diagnosis": record(name=TEXT, text=said("without secrets, for whoever helps")),
    "Backup": record(
        file=said("base64; encrypted under the passphrase"), name=TEXT, bytes=INT, tunnels=TEXTS, notes=TEXTS),
    "Restorable": record(
        mark=said("what /restore/apply puts in force"), made=record(site=TEXT, made_s=INT, version=TEXT),
        changes=rows(ref("Consequence")), tunnels=TEXTS, same=FLAG, direct=FLAG, warnings=TEXTS, notes=TEXTS),
}  # fmt: skip
