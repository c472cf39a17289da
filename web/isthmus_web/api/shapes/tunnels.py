"""Status and tunnels (firmware/isthmus/status.py, history.py)."""

from __future__ import annotations

from isthmus_web.api.shapes.notation import (
    FLAG,
    INT,
    NUMBER,
    SECONDS,
    TEXT,
    TEXTS,
    by_name,
    maybe,
    record,
    ref,
    rows,
    said,
    words,
)

STATE = words("disabled", "up", "carried", "keyed", "negotiating", "waiting", "resolving")
RULE_STATE = words("protected", "blocked", "exposed")

_OUTER = record(
    local=TEXT, remote=TEXT, udp_ports=maybe({"type": "array", "items": INT, "minItems": 2, "maxItems": 2}),
    nat=maybe(words("none", "here", "there", "both")), uplink=maybe(TEXT), path_mtu=maybe(INT),
)  # fmt: skip
_TUNNEL = {
    "name": TEXT, "state": STATE, "story": said("the state in words"), "since_s": maybe(SECONDS), "remote": TEXT,
    "networks": said("behind the peer", TEXTS), "outer": maybe(_OUTER), "interface": TEXT, "mtu": INT,
    "lamps": rows(ref("Lamp")),
    "error": maybe(ref("OldFault")),
    "refusal": maybe(record(code=TEXT, message=TEXT, remedy=TEXT, ago_s=SECONDS, source=TEXT)),
    "retry_in_s": maybe(SECONDS),
}  # fmt: skip
_SIDE = record(tunnel_id=INT, session_id=INT, inner=TEXT, link_local=TEXT)

SHAPES = {
    "Lamp": record(
        name=words("peer", "ipsec", "l2tp", "path", "guard"), state=words("ok", "wait", "bad", "off"),
        evidence=said("by what it was judged")),
    "Tunnel": record(**_TUNNEL),
    "Tunnels": record(tunnels=rows(ref("Tunnel"))),
    "TunnelDetail": record(
        {
            "derived_local": _SIDE, "derived_remote": _SIDE, "reqid": INT, "mode": TEXT,
            "ike": record(suite=TEXT, ppk=FLAG, id=INT, role=TEXT, since_s=maybe(SECONDS)),
            "esp": record(cipher=TEXT, esn=FLAG, role=TEXT, since_s=maybe(SECONDS), inbound_spi=INT, outbound_spi=INT,
                          packets_in=INT, packets_out=INT),
            "l2tp": record(session_id=INT, rx_packets=INT, rx_bytes=INT, tx_packets=INT, tx_bytes=INT,
                           rx_wrong_cookie=INT),
        },
        **_TUNNEL, local_id=maybe(TEXT), remote_id=maybe(TEXT),
        probe=record(sent=INT, round_trip_ms=maybe(NUMBER), loss_percent=maybe(NUMBER))),
    "History": record(
        **{"in": said("bytes a second, oldest first; null: nobody measured", rows(maybe(INT))),
           "out": rows(maybe(INT))},
        tunnel=TEXT, span=TEXT, step_s=SECONDS, newest_ms=INT, probes=rows(INT), lost=rows(INT)),
    "TunnelState": record(tunnel=TEXT, state=STATE),
    "TunnelName": record(tunnel=TEXT),
    "Unpaired": record(removed=TEXTS, exposed=TEXTS, warnings=TEXTS),
    "RuleState": record(name=TEXT, state=RULE_STATE, by=TEXTS, otherwise=RULE_STATE, why=TEXT, tunnel=maybe(TEXT)),
    "Status": record(
        version=TEXT, daemon=record(pid=INT, since_s=SECONDS, resident_kib=maybe(INT)),
        config=record(error=maybe(ref("Fault")), warnings=TEXTS),
        guard=record(in_place=FLAG, verified_s=maybe(SECONDS), repairs=INT, error=maybe(ref("Fault"))),
        site=record(name=TEXT, networks=said("of its own interfaces", TEXTS)),
        policy=record(rules=rows(ref("RuleState")), warnings=rows(ref("Warning"))),
        ike=record(dropped=by_name(INT)), tunnels=rows(ref("Tunnel")), trial=maybe(ref("Trial"))),
}  # fmt: skip
