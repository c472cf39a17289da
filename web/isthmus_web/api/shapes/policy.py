"""Forced rules, passthrough, aliases (firmware/isthmus/policy_status.py, policy_explain.py, selftest.py)."""

from __future__ import annotations

from isthmus_web.api.shapes.notation import FLAG, INT, SECONDS, TEXT, TEXTS, by_name, maybe, record, ref, rows, words
from isthmus_web.api.shapes.tunnels import RULE_STATE

_COUNT = record(packets=INT, bytes=INT)
_EXCEPTION = record(
    name=TEXT, state=words("open", "over"), until=maybe(INT), until_text=maybe(TEXT), to=TEXTS, port=TEXTS,
    packets=INT, bytes=INT,
)  # fmt: skip
_RULE = {
    "name": TEXT, "state": RULE_STATE, "by": TEXTS, "otherwise": RULE_STATE, "why": TEXT, "tunnel": maybe(TEXT),
    "via": TEXTS, "from": TEXTS, "to": TEXTS, "port": TEXTS, "dns": TEXTS, "protected": _COUNT, "blocked": _COUNT,
    "exceptions": rows(_EXCEPTION),
    "hosts": rows(record(source=TEXT, addresses=TEXTS, state=RULE_STATE, by=TEXTS)),
    "test": maybe(record(ago_s=SECONDS, verdict=TEXT, text=TEXT)),
}  # fmt: skip
_PASSING = record(
    name=TEXT, protocol=TEXT, direction=TEXT, action=TEXT, text=TEXT, packets=INT, bytes=INT,
    clients=rows(record(service=TEXT, direction=TEXT, inside=TEXT, outside=TEXT, blocked=FLAG)),
)  # fmt: skip
_ALIAS = record(**{
    "name": TEXT, "tunnel": TEXT, "side": TEXT, "subnet": TEXT, "as": TEXT,
    "names": rows(record(name=TEXT, address=TEXT, shown=TEXT)), "hosts": TEXT,
})  # fmt: skip

SHAPES = {
    "Rule": record(**_RULE),
    "Passing": _PASSING,
    "Policy": record(
        rules=rows(ref("Rule")), ipv6_blocked=_COUNT, passthrough=rows(ref("Passing")), aliases=rows(_ALIAS),
        shown=by_name(TEXT), warnings=rows(ref("Warning"))),
    "Forced": record(rules=rows(ref("Rule"))),
    "Passthrough": record(passthrough=rows(ref("Passing"))),
    "Explanation": record(
        verdict=words("protected", "blocked", "exposed", "free", "inside", "router"), why=TEXT, steps=TEXTS, rule=TEXT,
        exception=TEXT, tunnel=TEXT, interface=TEXT,
        packet=record(source=TEXT, mac=TEXT, arrives=TEXT, destination=TEXT, protocol=INT, port=INT)),
    "SelfTest": record(
        running=FLAG, text=TEXT, rules=rows(record(name=TEXT, verdict=TEXT, text=TEXT, evidence=TEXTS)), notes=TEXTS),
    "Hosts": record(
        hosts=rows(record(mac=TEXT, interface=TEXT, addresses=TEXTS, name=TEXT)), interfaces=TEXTS),
}  # fmt: skip
