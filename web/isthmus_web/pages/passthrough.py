"""VPN programs of devices behind this router: what of them passes, who uses them now, and what clashes with what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, redirect, render_template, url_for

from isthmus.errors import IsthmusError
from isthmus_web.chart import amount
from isthmus_web.pages.common import ask, field, with_session
from isthmus_web.pages.staging import sections, stage
from isthmus_web.words import later, say

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

BLUEPRINT = Blueprint("passthrough", __name__)
MOST_CLIENTS = 50

# protocol of the configuration: title, what it is, what should be known
PROTOCOLS = {
    "ipsec": (
        "IPsec",
        later("IKE (UDP 500 and 4500) and ESP: most VPN programs of offices and telephones."),
        later("Any number of devices, with NAT-T. Without it one for each server; a second one is told of here."),
    ),
    "l2tp": (
        "L2TP",
        later("UDP 1701 without IPsec."),
        later("It is not encrypted. Inside IPsec it is not seen here."),
    ),
    "pptp": (
        "PPTP",
        later("TCP 1723 and GRE."),
        later("Its encryption is broken. It takes the helper if more than one device uses it, or NAT is in between."),
    ),
}
ACTIONS = {"allow": later("Allow and count"), "block": later("Block"), "helper": later("Allow, with the helper")}
DIRECTIONS = {
    "out": later("of devices here, going out"),
    "in": later("to a server here, coming in"),
    "both": later("both ways"),
}
SERVICES = {"ike": "IKE", "nat-t": "NAT-T", "esp": "ESP", "ah": "AH", "l2tp": "L2TP", "pptp": "PPTP", "gre": "GRE"}


class Row:
    """A section of `policy`'s answer, as the page shows it."""

    def __init__(self, row: dict[str, Any], shown: dict[str, str]) -> None:
        self.name = str(row["name"])
        self.look = "bad" if row["action"] == "block" else "ok"
        self.action = say(ACTIONS[row["action"]]) if row["action"] in ACTIONS else str(row["action"])
        self.direction = say(DIRECTIONS[row["direction"]]) if row["direction"] in DIRECTIONS else str(row["direction"])
        self.text = str(row["text"])
        self.counted = say("%(num)s packets, %(size)s", num=row["packets"], size=amount(int(row["bytes"])))
        self.clients = [_client(client, shown) for client in row["clients"][:MOST_CLIENTS]]
        self.more = max(0, len(row["clients"]) - MOST_CLIENTS)


def _client(row: dict[str, Any], shown: dict[str, str]) -> dict[str, Any]:
    inside = str(row["inside"])
    return {
        "service": SERVICES.get(row["service"], str(row["service"])), "outside": str(row["outside"]),
        "inside": f"{inside} ({shown[inside]})" if inside in shown else inside, "blocked": bool(row["blocked"]),
    }  # fmt: skip


def _show(error: IsthmusError | None = None, status: int = 200) -> ResponseReturnValue:
    policy, config = ask("policy"), ask("config-get")
    cards = []
    for protocol, (title, what, known) in PROTOCOLS.items():
        rows = [Row(row, policy.get("shown", {})) for row in policy["passthrough"] if row["protocol"] == protocol]
        now = _own(config, protocol)
        cards.append({
            "protocol": protocol, "title": title, "what": say(what), "known": say(known), "rows": rows,
            "action": now["options"].get("action", "allow") if now else "",
            "actions": [(key, say(text)) for key, text in ACTIONS.items() if key != "helper" or protocol == "pptp"],
        })  # fmt: skip
    return render_template(
        "passthrough.html", cards=cards, error=error, staged=config["staged"], mark=config["mark"],
        warnings=policy["warnings"], names=[row["name"] for row in sections(config, "passthrough")],
    ), status  # fmt: skip


def _own(config: dict[str, Any], protocol: str) -> dict[str, Any] | None:
    """The section that stands for all devices going out: the one that this page sets."""
    for row in sections(config, "passthrough"):
        options = row["options"]
        if options.get("protocol") == protocol and options.get("direction", "out") == "out" and "from" not in options:
            return row
    return None


@BLUEPRINT.get("/passthrough")
@with_session
def page() -> ResponseReturnValue:
    """Each protocol: what is set, what passes, who uses it."""
    return _show()


@BLUEPRINT.post("/passthrough")
@with_session
def choose() -> ResponseReturnValue:
    """Another choice for one protocol; it waits with the other changes."""
    protocol, action = field("protocol", 16), field("action", 16)
    try:
        if protocol not in PROTOCOLS or (action and action not in ACTIONS):
            raise IsthmusError("there is no such choice", "choose one of those that are offered", "no-choice")
        config = ask("config-get")
        now = _own(config, protocol)
        changes: list[dict[str, Any]] = []
        if now is not None and not action:
            changes.append({"section": now["name"], "delete": True})
        elif now is not None:
            changes.append({"section": now["name"], "option": "action", "values": [action]})
        elif action:
            name = _free_name(config, protocol)
            changes.append({"section": name, "type": "passthrough"})
            changes += [{"section": name, "option": "protocol", "values": [protocol]},
                        {"section": name, "option": "action", "values": [action]}]  # fmt: skip
        if changes:
            stage(*changes)
    except IsthmusError as error:
        if error.code in ("no-session", "daemon-away"):
            raise
        return _show(error, 400)
    return redirect(url_for("change.page"), 303)


def _free_name(config: dict[str, Any], protocol: str) -> str:
    taken = [row["name"] for row in config["sections"]]
    names = [protocol, *[f"{protocol}_{number}" for number in range(2, 100)]]
    return next(name for name in names if name not in taken)
