"""Pairing (firmware/isthmus/pairing_status.py)."""

from __future__ import annotations

from isthmus_web.api.shapes.notation import FLAG, INT, SECONDS, TEXT, TEXTS, maybe, record, ref, rows, said, words

_NETWORKS = rows(record(network=TEXT, shown=TEXT))
_ROLE = words("inviter", "joiner")

SHAPES = {
    "Pairing": record(
        number=INT, role=_ROLE, state=TEXT, story=TEXT, left_s=SECONDS, site=TEXT, peer=TEXT, endpoints=TEXTS,
        notes=TEXTS, words=said("the three words that both screens show", TEXTS), asks=FLAG, nat=TEXT, overlaps=TEXTS,
        mtu=maybe(INT), clock_offset_s=maybe(INT), own=_NETWORKS, theirs=_NETWORKS, changes=TEXTS, tunnel=TEXT,
        rivals=INT, failures=INT, trouble=maybe(ref("Fault"))),
    "Pairings": record(
        pairings=rows(ref("Pairing")),
        past=rows(record(number=INT, role=_ROLE, peer=TEXT, tunnel=TEXT, ago_s=SECONDS, error=maybe(ref("Fault")),
                         state=TEXT, story=TEXT)),
        renewals=rows(record(tunnel=TEXT, state=TEXT, story=TEXT, accepts_old=FLAG, ago_s=SECONDS,
                             error=maybe(ref("Fault"))))),
    "Invite": record(
        number=INT, invite=said("a secret for ten minutes, shown this once"), site=TEXT, left_s=SECONDS,
        endpoints=TEXTS, notes=TEXTS),
    "Accepted": record(number=INT, site=TEXT, peer=TEXT),
    "Approved": record(number=INT, tunnel=TEXT),
    "Cancelled": record(number=INT),
}  # fmt: skip
