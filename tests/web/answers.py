"""What isthmusd answers, one good row of everything, and the pages that are made of it: tests go over all of them."""

from __future__ import annotations

from typing import Any

from isthmus import configuring
from isthmus.errors import IsthmusError
from tests.web.world import GOOD, busy_report, report, tunnel

SESSION = {"session": "a1", "user": "anna", "role": "administer", "source": "192.168.1.7", "age_s": 5, "unused_s": 0,
           "left_s": 900, "step_up_s": 0}  # fmt: skip
IDLE = {"state": "idle", "left_s": 0, "window_s": 0, "alone": False, "changes": [], "probes": [], "trouble": None,
        "mark": None, "last": None}  # fmt: skip
CHANGES = [
    {"kind": "opens", "text": "192.168.10.50 may now use the open Internet: rule cameras was removed"},
    {"kind": "closes", "text": "2 devices lose direct Internet: till-1, till-2 go through tunnel harbour-office, or "
                               "nowhere (rule tills)"},
    {"kind": "restarts", "text": "tunnel warehouse begins anew: about 4 s without it (option mtu)"},
    {"kind": "leads", "text": "tunnel depot is new: it leads to 203.0.113.66, with networks 10.9.0.0/16"},
    {"kind": "note", "text": "passthrough vpn is new: ipsec from all devices, going out, is blocked"},
]  # fmt: skip
TRIAL = {
    **IDLE, "state": "open", "mark": "11" * 8, "left_s": 71, "window_s": 90, "changes": CHANGES,
    "probes": [
        {"what": "tunnel harbour-office", "state": "ok", "text": "up, and its probe was answered 1 s ago"},
        {"what": "tunnel warehouse", "state": "wait", "text": "negotiating"},
        {"what": "resolver 192.0.2.53", "state": "failed", "text": "no way there any more"},
    ],
}  # fmt: skip
ENDED = {**IDLE, "last": {"kind": "undone", "why": "nobody confirmed it within 90 s", "exposed": [],
                          "notes": ["what was staged is staged again"]}}  # fmt: skip
STAGED = {"staged": 4, "mark": "00" * 8, "changes": CHANGES, "warnings": ["globals: option lan names no interface"],
          "hint": "", "by": [{"user": "anna", "source": "192.168.1.7", "age_s": 180},
                             {"user": "", "source": "", "age_s": 0}]}  # fmt: skip
CONFIG = {
    "mark": "00" * 8, "staged": 0, "on_trial": False, "gone": [], "troubles": [],
    "sections": [
        {"type": "globals", "name": "cfg010101", "anonymous": True, "state": "same", "options": {"lan": ["br-lan"]}},
        {"type": "tunnel", "name": "harbour-office", "anonymous": False, "state": "same",
         "options": {"remote": ["203.0.113.2"], "site": "0123456789abcdef", "remote_subnet": ["192.168.20.0/24"]}},
        {"type": "tunnel", "name": "warehouse", "anonymous": False, "state": "changed",
         "options": {"remote": ["203.0.113.9"], "psk": True}},
    ],
}  # fmt: skip

FOREIGN = {**CONFIG, "sections": [*CONFIG["sections"], {
    "type": "tunnel", "name": "depot", "anonymous": False, "state": "same", "options": {
        "remote": ["198.51.100.2"], "psk": True, "session": "static", "local_id": "hub", "remote_id": "depot",
        "tunnel_id": "110", "peer_tunnel_id": "120", "session_id": "111", "peer_session_id": "121",
        "address": ["10.255.0.1/30"], "peer_address": ["10.255.0.2"], "remote_subnet": ["192.168.30.0/24"],
        "local_subnet": ["192.168.10.0/24", "fd00:10::/64"], "cookie": True, "mtu": "1380",
        "ike_proposal": ["aes256gcm16-prfsha256-x25519"], "esp_proposal": ["aes256gcm16"]}}]}  # fmt: skip

PAIRING: dict[str, Any] = {
    "number": 3, "role": "joiner", "state": "calling", "story": "calling 203.0.113.2, attempt 2", "left_s": 481,
    "site": "harbour", "peer": "", "endpoints": ["203.0.113.2"], "notes": [], "words": [], "asks": False, "nat": "",
    "overlaps": [], "mtu": None, "clock_offset_s": None, "own": [], "theirs": [], "changes": [], "tunnel": "",
    "rivals": 0, "failures": 0, "trouble": None,
}  # fmt: skip
ASKING = {
    **PAIRING, "state": "asking", "peer": "warehouse", "words": ["harvest", "lantern", "pebble"], "asks": True,
    "nat": "the other router is behind an address translator", "mtu": 1400, "clock_offset_s": 2, "tunnel": "warehouse",
    "overlaps": ["192.168.10.0/24 is there on both sides"],
    "own": [{"network": "192.168.10.0/24", "shown": "10.66.1.0/24"}],
    "theirs": [{"network": "192.168.10.0/24", "shown": "10.66.2.0/24"},
               {"network": "fd00:20::/64", "shown": "fd00:20::/64"}],
    "changes": ["a tunnel 'warehouse' to site warehouse, with keys that nobody has typed or seen",
                "hosts here reach 10.66.2.0/24 through it, which is 192.168.10.0/24 there"],
    "rivals": 1, "failures": 2,
}  # fmt: skip
UNREACHED = {"code": "unreached", "message": "site warehouse could not be reached so far: 203.0.113.2: no answer",
             "remedy": "on the Internet router of site warehouse forward UDP 500 and UDP 4500"}  # fmt: skip
PAST = [
    {"number": 1, "role": "inviter", "peer": "depot", "tunnel": "depot", "ago_s": 90, "error": None, "state": "up",
     "story": "up"},
    {"number": 2, "role": "joiner", "peer": "branch", "tunnel": "", "ago_s": 700, "state": "over", "story": "spent",
     "error": {"code": "spent", "message": "somebody has used this invite before you", "remedy": "find out"}},
    {"number": 4, "role": "joiner", "peer": "mill", "tunnel": "mill", "ago_s": 7, "state": "keyed", "story": "keyed",
     "error": None},
]  # fmt: skip

SHOWN: dict[str, Any] = {
    **tunnel("harbour-office", "up", GOOD), "local_id": "key-id 3a91", "remote_id": "key-id 77c0", "mode": "beet",
    "outer": {"local": "198.51.100.7", "remote": "203.0.113.2", "udp_ports": [4500, 4500], "nat": "there",
              "uplink": "wan", "path_mtu": 1492},
    "ike": {"suite": "aes256gcm16-prfsha384-ecp384", "ppk": True, "id": 7, "role": "initiator", "since_s": 7200},
    "esp": {"cipher": "aes256gcm16", "esn": True, "role": "initiator", "since_s": 1200, "inbound_spi": 1,
            "outbound_spi": 2, "packets_in": 9, "packets_out": 8},
    "l2tp": {"session_id": 2890112, "rx_packets": 48122, "rx_bytes": 61_234_567, "tx_packets": 39518,
             "tx_bytes": 5_234_567, "rx_wrong_cookie": 0},
    "probe": {"sent": 900, "round_trip_ms": 23, "loss_percent": 0},
}  # fmt: skip
OFF: dict[str, Any] = {
    **tunnel("warehouse", "disabled", [{**row, "state": "off", "evidence": "taken down by hand"} for row in GOOD]),
    "local_id": None, "remote_id": None, "outer": None, "probe": {"sent": 0, "round_trip_ms": None, "loss_percent": 0},
}  # fmt: skip


def history(count: int, step: int) -> dict[str, Any]:
    """A day with a hole in it."""
    came = [None if 40 < at < 55 else 400_000 + 37_000 * (at * 7 % 23) for at in range(count)]
    went = [None if value is None else value // 5 for value in came]
    lost = [3 if at in (39, 56, 80) else 0 for at in range(count)]
    return {"tunnel": "harbour-office", "span": "day", "step_s": step, "newest_ms": 7000, "in": came, "out": went,
            "probes": [30] * count, "lost": lost}  # fmt: skip


def _rule(name: str, state: str, **fields: Any) -> dict[str, Any]:
    return {
        "name": name, "state": state, "by": [], "otherwise": state, "why": f"why {name} is {state}", "tunnel": "office",
        "via": ["harbour-office"], "from": ["192.168.10.50@02:00:00:00:00:50"], "to": [], "port": [],
        "dns": ["192.168.20.1"], "protected": {"packets": 48122, "bytes": 61_000_000},
        "blocked": {"packets": 7, "bytes": 420}, "exceptions": [], "test": None,
        "hosts": [{"source": "192.168.10.50@02:00:00:00:00:50", "addresses": ["192.168.10.50"], "state": state,
                   "by": []}], **fields,
    }  # fmt: skip


EXCEPTION = {"name": "updates", "state": "open", "until": 1_796_126_400, "until_text": "2026-12-01 12:00",
             "to": ["192.0.2.80"], "port": ["tcp:443"], "packets": 12, "bytes": 9000}  # fmt: skip
CLIENT = {"service": "ike", "direction": "out", "inside": "192.168.10.7", "outside": "198.51.100.20", "blocked": False}
POLICY: dict[str, Any] = {
    "rules": [
        _rule("tills", "protected", test={"ago_s": 300, "verdict": "ok", "text": "12 probes left through the tunnel"}),
        _rule("cameras", "exposed", by=["updates", "ipv6"], otherwise="blocked", exceptions=[EXCEPTION],
              via=["warehouse", "harbour-office"], to=["192.0.2.0/24"], port=["tcp:443"]),
        _rule("guests", "blocked", **{"from": ["br-guest"]}),
    ],
    "ipv6_blocked": {"packets": 3, "bytes": 240}, "aliases": [], "shown": {"192.168.10.50": "till-1"}, "warnings": [],
    "passthrough": [
        {"name": "vpn", "protocol": "ipsec", "direction": "out", "action": "allow", "packets": 12, "bytes": 4000,
         "text": "IKE and ESP of everybody may leave", "clients": [CLIENT, {**CLIENT, "blocked": True}]},
    ],
}  # fmt: skip
RULES = [
    {"type": "forced", "name": name, "anonymous": False, "state": state, "options": {"via": ["harbour-office"]}}
    for name, state in (("tills", "same"), ("cameras", "changed"), ("printers", "new"))
]
HOSTS = {
    "interfaces": ["br-lan", "br-guest"],
    "hosts": [
        {"mac": "02:00:00:00:00:50", "interface": "br-lan", "addresses": ["192.168.10.50", "fd00::50"],
         "name": "till-1"},
        {"mac": "02:00:00:00:00:51", "interface": "br-lan", "addresses": ["192.168.10.51"], "name": ""},
        {"mac": "02:00:00:00:00:52", "interface": "br-lan", "addresses": ["fd00::52"], "name": "camera-yard"},
    ],
}  # fmt: skip
USERS = {"users": [{"user": "anna", "role": "administer", "sessions": 1, "failed": 0},
                   {"user": "otto", "role": "operate", "sessions": 0, "failed": 3}]}  # fmt: skip
FINDING = {"code": "port-taken", "level": "error", "area": "ports", "about": "", "remedy": "service strongswan stop",
           "message": "UDP 500 is taken by charon (pid 812)"}  # fmt: skip
DOCTOR: dict[str, Any] = {
    "wrong": 1, "wall": 1_795_000_000,
    "findings": [FINDING, {**FINDING, "level": "note", "area": "path", "about": "warehouse", "remedy": "",
                           "message": "ESP travels in UDP: plain ESP does not get through"}],
    "areas": [{"area": name, "state": state, "text": "what it was judged by"} for name, state in (
        ("daemon", "ok"), ("kernel", "ok"), ("guard", "ok"), ("ports", "error"), ("clock", "ok"), ("config", "warning"),
        ("secrets", "ok"), ("names", "unknown"), ("peers", "ok"), ("path", "note"))],
}  # fmt: skip
LOG = {"next": 3, "lost": False, "lines": [
    {"number": 1, "time": "2026-11-23 07:45:00", "level": "notice", "subject": "isthmusd", "text": "ready"},
    {"number": 2, "time": "2026-11-23 07:45:03", "level": "error", "subject": "warehouse",
     "text": "the peer calls itself warehouse and does not know the PSK of this tunnel"}]}  # fmt: skip
RESTORE = {
    "mark": "ab" * 8, "made": {"site": "harbour", "made_s": 1_795_000_000, "version": "0.1.0"}, "changes": CHANGES,
    "tunnels": ["harbour-office"], "same": False, "direct": False, "warnings": [], "notes": ["users are replaced"],
}  # fmt: skip
NOTHING = {**history(90, 10), "in": [None] * 90, "out": [None] * 90, "probes": [0] * 90, "lost": [0] * 90}

GOOD_ANSWERS: dict[str, Any] = {
    "hello": {"first_password": False}, "session": SESSION, "sessions": {"sessions": [SESSION]},
    "status": report([tunnel("office", "up", GOOD)]), "logout": {},
    "apply-status": IDLE, "apply-look": {**STAGED, "staged": 0, "changes": [], "warnings": []}, "config-get": CONFIG,
    "pair-status": {"pairings": [], "past": []}, "show": SHOWN, "history": history(288, 300),
    "user-list": USERS, "doctor": DOCTOR, "log": LOG, "restore": RESTORE, "step-up": {"token": "6" * 64},
    "diag": {"name": "isthmus-diag-x.txt", "text": "=== doctor ==="},
    "policy": POLICY, "hosts": HOSTS, "config-rows": configuring.rows_of("tunnel"),
}  # fmt: skip

# name of the picture, path, what is answered otherwise
PAGES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("overview-busy", "/", {"status": busy_report()}),
    ("account-page", "/account", {}),
    ("change-nothing", "/change", {}),
    ("change-staged", "/change", {"apply-look": STAGED}),
    ("change-open", "/change", {"apply-status": TRIAL}),
    ("change-ended", "/change", {"apply-status": ENDED}),
    ("change-refused", "/change", {"apply-look": IsthmusError(
        "nothing is applied: the configuration would be refused\ntunnel x: option remote is missing", "stage it")}),
    ("change-undoing", "/change", {"apply-status": {**IDLE, "state": "kept", "trouble": {
        "code": "changed-meanwhile", "message": "somebody else has changed /etc/config/isthmus meanwhile",
        "remedy": "isthmus reload takes it as it is"}}}),
    ("join", "/join", {}),
    ("join-past", "/join", {"pair-status": {"pairings": [{**PAIRING, "trouble": UNREACHED}], "past": PAST}}),
    ("join-words", "/join", {"pair-status": {"pairings": [ASKING], "past": []}}),
    ("peers", "/join/router", {}),
    ("peer-form", "/join/router/strongswan", {}),
    ("peer-untested", "/join/router/cisco", {"session": {**SESSION, "role": "operate"}}),
    ("peer-text", "/join/router/strongswan/depot", {"config-get": FOREIGN}),
    ("peer-differs", "/join/router/routeros/depot", {"config-get": FOREIGN}),
    ("tunnel-foreign", "/tunnel/depot", {"config-get": FOREIGN, "show": {**OFF, "name": "depot"}, "history": NOTHING}),
    ("tunnel", "/tunnel/harbour-office", {"pair-status": {"pairings": [], "past": [], "renewals": [
        {"tunnel": "harbour-office", "state": "asked", "story": "new keys are being agreed", "accepts_old": True,
         "ago_s": 3, "error": None}]}}),
    ("tunnel-off", "/tunnel/warehouse", {"show": OFF, "history": NOTHING}),
    ("forced", "/forced", {"config-get": {**CONFIG, "staged": 3, "sections": CONFIG["sections"] + RULES}}),
    ("forced-none", "/forced", {"policy": {**POLICY, "rules": []}}),
    ("settings", "/settings", {"config-get": {**CONFIG, "staged": 1, "sections": CONFIG["sections"] + RULES}}),
    ("settings-tunnel", "/settings/tunnel/harbour-office", {}),
    ("settings-new", "/settings/forced/-", {"config-rows": configuring.rows_of("forced")}),
    ("passthrough", "/passthrough", {"policy": {**POLICY, "warnings": [
        {"code": "second-client", "level": "warning", "about": [],
         "message": "two devices talk ESP without NAT-T to 198.51.100.20", "remedy": "switch NAT-T on in one"}]}}),
    ("system", "/system", {}),
    ("doctor", "/system/doctor", {}),
    ("doctor-well", "/system/doctor", {"doctor": {**DOCTOR, "wrong": 0, "findings": []}}),
    ("tunnel-doctor", "/tunnel/warehouse/doctor", {}),
    ("log", "/system/log", {}),
)  # fmt: skip
