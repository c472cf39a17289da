"""The overview: is every site joined, what is protected, and by what evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, render_template, request

from isthmus.errors import IsthmusError
from isthmus_web.chart import Chart
from isthmus_web.pages.common import ask, with_session
from isthmus_web.words import later, say, span, translate_number

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

BLUEPRINT = Blueprint("overview", __name__)

# What a lamp stands for, in the order in which a tunnel comes up: name of isthmusd (lamps.py), title, what it asks
LAMPS = (
    ("peer", later("Other router"), later("Does it answer, and has it proved who it is?")),
    ("ipsec", later("Encryption"), later("Are keys agreed and in use? (IPsec)")),
    ("l2tp", later("Link"), later("Do packets come in through the tunnel? (L2TP)")),
    ("path", later("Both ways"), later("Does a test packet get there and back?")),
    ("guard", later("Guard"), later("Are the rules in place that let nothing out in the clear?")),
)
LAMP_STATES = {"ok": later("Good"), "wait": later("Waiting"), "bad": later("Problem"), "off": later("Off")}
# State of a tunnel (states.py): what it looks like, the word for it
TUNNEL_STATES = {
    "up": ("ok", later("Connected")),
    "carried": ("wait", later("Almost there")),
    "keyed": ("wait", later("Connecting")),
    "negotiating": ("wait", later("Connecting")),
    "resolving": ("wait", later("Looking for the other router")),
    "waiting": ("bad", later("Not connected")),
    "disabled": ("off", later("Switched off")),
}
RULE_STATES = {
    "protected": ("ok", later("Protected")),
    "blocked": ("wait", later("Blocked")),
    "exposed": ("bad", later("Exposed")),
}
SILENT = ("bad", later("No answer"))  # it is in place, and probes do not come back
UNKNOWN = ("wait", later("Unknown"))
MOST_FAILED = 9999
MOST_CHARTS = 6  # of a page: it stays small


class Tunnel:
    """A tunnel as the page shows it. look: ok, wait, bad, off."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.name = str(row["name"])
        self.remote = str(row["remote"])
        self.networks = [str(text) for text in row.get("networks", [])]
        known = {lamp["name"]: lamp for lamp in row["lamps"]}
        self.look, word = TUNNEL_STATES.get(row["state"], UNKNOWN)
        if row["state"] == "carried" and known.get("path", {}).get("state") == "bad":
            self.look, word = SILENT
        self.word = say(word)
        self.story = str(row["story"])
        self.since = span(int(row["since_s"])) if row.get("since_s") is not None else ""
        self.lamps = [_lamp(known[name], title, question) for name, title, question in LAMPS if name in known]
        self.error = row.get("error")
        self.refusal = row.get("refusal")
        self.chart: Chart | None = None
        self.retry = span(int(row["retry_in_s"])) if row.get("retry_in_s") is not None else ""
        # A lamp that is not good while the tunnel works: worth more than the green of the whole
        if self.look == "ok" and any(lamp["look"] == "bad" for lamp in self.lamps):
            self.look, self.word = "bad", say("Connected, with a problem")


def _lamp(lamp: dict[str, Any], title: str, question: str) -> dict[str, str]:
    look = lamp["state"] if lamp["state"] in LAMP_STATES else "wait"
    return {
        "look": look, "word": say(LAMP_STATES[look]), "title": say(title), "question": say(question),
        "evidence": str(lamp["evidence"]),
    }  # fmt: skip


class Overview:
    """All of the page, from what `status` says."""

    def __init__(self, status: dict[str, Any]) -> None:
        self.version = str(status["version"])
        site = status.get("site") or {}
        self.site = str(site.get("name", ""))
        self.networks = [str(text) for text in site.get("networks", [])]
        self.tunnels = [Tunnel(row) for row in status["tunnels"]]
        self.trial = status.get("trial") or {}
        self.rules = [_rule(row) for row in status["policy"]["rules"]]
        self.troubles = _troubles(status)
        self.look, self.headline = self._judge()

    def _judge(self) -> tuple[str, str]:
        """(look, one sentence) of the whole."""
        wanted = [tunnel for tunnel in self.tunnels if tunnel.look != "off"]
        good = [tunnel for tunnel in wanted if tunnel.look == "ok"]
        if any(rule["state"] == "exposed" for rule in self.rules):
            return "bad", say("Something is not protected as it should be")
        if not self.tunnels:
            return "off", say("No other site is joined yet")
        if not wanted:
            return "off", say("All tunnels are switched off")
        if len(good) == len(wanted):
            text = translate_number("%(num)d site is connected", "All %(num)d sites are connected", len(good))
            return "ok", text % {"num": len(good)}
        look = "bad" if any(tunnel.look == "bad" for tunnel in wanted) else "wait"
        if not good:
            return look, say("No site is connected")
        return look, say("%(good)d of %(all)d sites connected", good=len(good), all=len(wanted))


def _rule(row: dict[str, Any]) -> dict[str, Any]:
    look, word = RULE_STATES.get(row["state"], UNKNOWN)
    return {"name": str(row["name"]), "state": row["state"], "look": look, "word": say(word), "why": str(row["why"])}


def _troubles(status: dict[str, Any]) -> list[dict[str, str]]:
    """What needs somebody: title, message, remedy, look."""
    found: list[dict[str, str]] = []
    error = status["config"]["error"]
    if error is not None:
        title = say("The configuration has a mistake; what ran before goes on unchanged")
        found.append({"look": "bad", "title": title, "message": error["message"], "remedy": error["remedy"]})
    error = status["guard"]["error"]
    if error is not None:
        title = say("The guard cannot be put in place")
        found.append({"look": "bad", "title": title, "message": error["message"], "remedy": error["remedy"]})
    for text in status["config"]["warnings"]:
        found.append({"look": "wait", "title": say("About the configuration"), "message": str(text), "remedy": ""})
    for row in status["policy"]["warnings"]:
        if row["level"] != "note":
            look = "bad" if row["level"] == "error" else "wait"
            title = say("Two things get in each other's way")
            found.append({"look": look, "title": title, "message": row["message"], "remedy": row["remedy"]})
    return found


def _chart(tunnel: Tunnel) -> Chart | None:
    """The last quarter of an hour of a tunnel that works."""
    if tunnel.look != "ok":
        return None
    try:
        chart = Chart(ask("history", tunnel=tunnel.name, span="15min"))
    except IsthmusError as error:
        if error.code != "unknown-tunnel":  # removed since we asked for all
            raise
        return None
    return None if chart.is_empty else chart


@BLUEPRINT.get("/")
@with_session
def page() -> ResponseReturnValue:
    """The page; `failed`: logins that failed before this one, shown once."""
    failed = request.args.get("failed", "")
    number = min(int(failed), MOST_FAILED) if failed.isascii() and failed.isdecimal() and len(failed) < 9 else 0
    overview = Overview(ask("status"))
    for tunnel in overview.tunnels[:MOST_CHARTS]:
        tunnel.chart = _chart(tunnel)
    return render_template("overview.html", overview=overview, failed=number)
