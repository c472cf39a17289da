"""All checks over all facts, as the control socket carries them, and in words.

{"wrong": findings that are errors or warnings, "wall": Unix seconds, "findings": [{"code", "level": "error", "warning"
or "note", "area", "about", "message", "remedy"}], "areas": [{"area", "state": a level, "ok" or "unknown", "text"}]}
"""

from __future__ import annotations

from isthmus.doctor import checks_config, checks_peer, checks_router
from isthmus.doctor.finding import AREAS, LEVELS, NOTE, OK, UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from isthmus.doctor.facts import Facts

# A row for each of AREAS.
CHECKS = {
    "daemon": checks_router.check_daemon,
    "kernel": checks_router.check_kernel,
    "guard": checks_router.check_guard,
    "ports": checks_router.check_ports,
    "clock": checks_router.check_clock,
    "config": checks_config.check_config,
    "secrets": checks_config.check_secrets,
    "names": checks_config.check_names,
    "peers": checks_peer.check_peers,
    "path": checks_peer.check_path,
}
INSIDE = ("peers", "path")  # areas of which nobody but the daemon knows anything
AWAY = "only isthmusd knows, and it does not answer"
UNSEEN = "could not be looked at"
SIGNS = {"ok": "*", "note": "i", "warning": "?", "error": "!", "unknown": "-"}


def report(facts: Facts) -> dict[str, Any]:
    """See the module."""
    findings, areas = [], []
    for area in AREAS:
        found, text = CHECKS[area](facts)
        findings += found
        levels = [finding.level for finding in found]
        state = OK if text else UNKNOWN
        for level in LEVELS:
            if level in levels:
                state = level
                break
        if not text:
            text = AWAY if facts.away and area in INSIDE else UNSEEN
        areas.append({"area": area, "state": state, "text": text})
    ordered = [finding for level in LEVELS for finding in findings if finding.level == level]
    return {
        "wrong": len([finding for finding in findings if finding.level != NOTE]),
        "wall": facts.wall_s,
        "findings": [finding.answer() for finding in ordered],
        "areas": areas,
    }


def lines(answer: dict[str, Any]) -> list[str]:
    """What `isthmus doctor` prints."""
    shown = ["[%s] %-7s  %s" % (SIGNS[row["state"]], row["area"], row["text"]) for row in answer["areas"]]
    shown.append("")
    for row in answer["findings"]:
        shown.append("%s: %s  [%s]" % (row["level"], row["message"], row["code"]))
        if row["remedy"]:
            shown.append("  what to do: %s" % row["remedy"])
    if not answer["wrong"]:
        shown.append("nothing is wrong" if answer["findings"] else "nothing is wrong, nothing is noteworthy")
    else:
        shown.append("to mend: %d" % answer["wrong"])
    return shown
