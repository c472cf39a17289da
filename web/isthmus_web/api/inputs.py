"""What each field of a request may hold, by its name: JSON Schema, as the OpenAPI file says it and reading.py holds it.

No text may be empty: isthmusd takes a missing field for "all" or "as it is", and nobody shall say that by mistake.
"""

from __future__ import annotations

from typing import Any

from isthmus_web.pages.common import ROLES

PASSWORD = {"type": "string", "format": "password"}
NUMBER = {"type": "integer", "minimum": 0, "maximum": (1 << 53) - 1}
NAME = {"type": "string"}
FLAG = {"type": "boolean"}
MARK = "the mark of what was looked at: with another one nothing is done, since somebody else was first"

CHANGE = {
    "type": "object",
    "description": "how a section shall be: `section`, and one of `type` (it is new), `option` with `values` (exactly "
                   "these; none: it goes), `before` (it stands right before that one), `delete`",
    "properties": {
        "section": {"type": "string", "pattern": "^[A-Za-z0-9_]{1,512}$"},
        "type": {"type": "string", "maxLength": 512},
        "option": {"type": "string", "pattern": "^[A-Za-z0-9_]{1,512}$"},
        "values": {"type": "array", "maxItems": 1024,
                   "items": {"type": "string", "minLength": 1, "maxLength": 512}},
        "before": {"type": "string", "maxLength": 512},
        "delete": {"type": "boolean", "enum": [True]},
    },
    "required": ["section"],
    "additionalProperties": False,
}  # fmt: skip

# name: (schema, what it is)
INPUTS: dict[str, tuple[dict[str, Any], str]] = {
    "tunnel": (NAME, "name of a tunnel"),
    "span": ({"type": "string", "enum": ["15min", "day"]}, "15min in steps of 10 s, day of 5 min"),
    "source": (NAME, "who sends: an address, MAC or ADDRESS@MAC"),
    "destination": (NAME, "address that the packet goes to"),
    "port": (NAME, "its port: 443, udp:53, icmp"),
    "rule": (NAME, "name of a forced rule; without one, all"),
    "count": ({"type": "integer", "minimum": 1, "maximum": 500}, "how many lines"),
    "after": (NUMBER, "only lines behind this number"),
    "ike": (FLAG, "keys of IKE instead of those of ESP"),
    "force": (FLAG, "also remove forced rules that have no other tunnel"),
    "mark": (NAME, MARK),
    "changes": ({"type": "array", "minItems": 1, "maxItems": 64, "items": CHANGE}, "what shall be otherwise"),
    "type": (NAME, "type of section: globals, tunnel, forced, exception, passthrough, alias"),
    "seconds": ({"type": "integer", "minimum": 10, "maximum": 3600}, "how long the trial lasts (90)"),
    "anyway": (FLAG, "whatever the probes say; takes a fresh password"),
    "over": (FLAG, "over what somebody else has made of the files; takes a fresh password"),
    "at": (NAME, "where this site is reached: HOST HOST"),
    "invite": (NAME, "another site's invite"),
    "pairing": (NUMBER, "number of a pairing"),
    "words": (NAME, "the three words that both screens show"),
    "name": (NAME, "name of the tunnel here"),
    "passphrase": (PASSWORD, "the backup's own passphrase"),
    "file": ({"type": "string", "maxLength": 65_000}, "the backup, in base64; larger: isthmus restore FILE"),
    "user": (NAME, "name of a user"),
    "password": (PASSWORD, "a password"),
    "role": ({"type": "string", "enum": list(ROLES)}, "what the user may do"),
    "code": (NAME, "root's code: isthmus user code"),
    "session": (NAME, "handle of a session, as /sessions lists it"),
}  # fmt: skip
