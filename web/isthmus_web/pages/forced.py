"""Forced tunnels: rules as sentences, in their order, with who is protected, blocked or exposed now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, redirect, render_template, request, url_for

from isthmus.errors import IsthmusError
from isthmus_web.chart import amount
from isthmus_web.pages.common import ask, field, may, meant, with_session
from isthmus_web.pages.overview import RULE_STATES, UNKNOWN
from isthmus_web.pages.staging import check_name, section, sections, stage, words_of
from isthmus_web.words import later, say, span

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

BLUEPRINT = Blueprint("forced", __name__)
LONGEST_NAME, LONGEST_TEXT, MOST_PICKED = 64, 4096, 256
EVERYWHERE = ("", "everywhere")
# What lets something past a rule, beside exceptions by their names (lamps.py)
LETS = {"ipv6": later("IPv6 is left free"), "guard": later("the rules are not in the kernel")}


class Rule:
    """A rule of `policy`, as the page shows it. state: of the configuration: same, changed, new; gone: it is to go."""

    def __init__(self, row: dict[str, Any], shown: dict[str, str]) -> None:
        self.row = row
        self.name = str(row["name"])
        self.look, word = RULE_STATES.get(row["state"], UNKNOWN)
        self.word = say(word)
        self.lets = [say(LETS[name]) if name in LETS else say("exception %(name)s", name=name) for name in row["by"]]
        self.hosts = [_host(host, shown) for host in row["hosts"]]
        self.protected = _counted(row["protected"])
        self.blocked = _counted(row["blocked"])
        test = row["test"]
        self.test = say("%(time)s ago", time=span(int(test["ago_s"]))) + f": {test['text']}" if test else ""


def _host(host: dict[str, Any], shown: dict[str, str]) -> dict[str, str]:
    look, word = RULE_STATES.get(host["state"], UNKNOWN)
    addresses = [f"{text} ({shown[text]})" if text in shown else text for text in host["addresses"]]
    return {"source": host["source"], "addresses": ", ".join(addresses), "look": look, "word": say(word)}


def _counted(row: dict[str, Any]) -> str:
    return say("%(num)s packets, %(size)s", num=row["packets"], size=amount(int(row["bytes"])))


def source_of(host: dict[str, Any]) -> str:
    """How a rule names this host: by its IPv4 address together with its MAC address, else by the latter."""
    known = [text for text in host["addresses"] if ":" not in text]
    return f"{known[0]}@{host['mac']}" if known else str(host["mac"])


def _show(error: IsthmusError | None = None, status: int = 200) -> ResponseReturnValue:
    policy, config = ask("policy"), ask("config-get")
    rules = [Rule(row, policy.get("shown", {})) for row in policy["rules"]]
    order = [row["name"] for row in sections(config, "forced")]
    states = {row["name"]: row["state"] for row in sections(config, "forced")}
    places = {name: index for index, name in enumerate(order)}
    rules.sort(key=lambda rule: places.get(rule.name, len(places)))
    running = {rule.name for rule in rules}
    hosts = ask("hosts") if may("administer") else {"hosts": [], "interfaces": []}
    picked = request.form.getlist("from")[:MOST_PICKED] if request.method == "POST" else []
    return render_template(
        "forced.html", rules=rules, order=order, states=states, staged=config["staged"], mark=config["mark"],
        waiting=[row for row in sections(config, "forced") if row["name"] not in running],
        tunnels=[row["name"] for row in sections(config, "tunnel")], error=error, interfaces=hosts["interfaces"],
        hosts=[{**row, "source": source_of(row)} for row in hosts["hosts"]], picked=picked,
        typed=request.form if request.method == "POST" else {}, warnings=policy["warnings"],
    ), status  # fmt: skip


@BLUEPRINT.get("/forced")
@with_session
def page() -> ResponseReturnValue:
    """All rules, and a form for one more."""
    return _show()


def _refused(error: IsthmusError) -> ResponseReturnValue:
    if error.code in ("no-session", "daemon-away"):
        raise error
    return _show(error, 400)


@BLUEPRINT.post("/forced/add")
@with_session
def add() -> ResponseReturnValue:
    """One more rule, behind the others: it waits, and the page of changes says what it means."""
    try:
        name = check_name(field("name", LONGEST_NAME).strip())
        sources = [text for text in request.form.getlist("from") if text]
        if len(sources) > MOST_PICKED:  # left out they would go free
            message = f"{len(sources)} devices are chosen; allowed: {MOST_PICKED}"
            raise IsthmusError(message, "choose a network or an interface, or make two rules of them", "too-long")
        sources += [text for text in words_of(meant("more", LONGEST_TEXT)) if text not in sources]
        if not sources:
            raise IsthmusError("nobody is chosen whom it shall hold", "choose a device, or write one", "no-source")
        changes: list[dict[str, Any]] = [{"section": name, "type": "forced"}]
        values = {
            "from": sources, "to": words_of(meant("to", LONGEST_TEXT)), "dns": words_of(meant("dns", LONGEST_TEXT)),
            "via": [text for text in (field("via", LONGEST_NAME), field("or", LONGEST_NAME)) if text],
        }  # fmt: skip
        changes += [{"section": name, "option": option, "values": value} for option, value in values.items() if value]
        stage(*changes)
    except IsthmusError as error:
        return _refused(error)
    return redirect(url_for("change.page"), 303)


@BLUEPRINT.post("/forced/move")
@with_session
def move() -> ResponseReturnValue:
    """One place up or down; of rules for the same host the first one holds."""
    name, down = field("rule", LONGEST_NAME), field("to", 8) == "down"
    order = [row["name"] for row in sections(ask("config-get"), "forced")]
    try:
        if name in order:
            at = order.index(name)
            if down and at + 1 < len(order):
                stage({"section": order[at + 1], "before": name})
            elif not down and at > 0:
                stage({"section": name, "before": order[at - 1]})
    except IsthmusError as error:
        return _refused(error)
    return redirect(url_for("forced.page"), 303)


@BLUEPRINT.post("/forced/remove")
@with_session
def remove() -> ResponseReturnValue:
    """The end of the promise; its exceptions go with it."""
    name = field("rule", LONGEST_NAME)
    try:
        config = ask("config-get")
        changes: list[dict[str, Any]] = []
        if section(config, "forced", name) is not None:
            changes.append({"section": name, "delete": True})
        for row in sections(config, "exception"):
            rules = row["options"].get("rule", [])
            if rules == [name]:
                changes.append({"section": row["name"], "delete": True})
            elif name in rules:
                changes.append({"section": row["name"], "option": "rule", "values": [x for x in rules if x != name]})
        if changes:
            stage(*changes)
    except IsthmusError as error:
        return _refused(error)
    return redirect(url_for("change.page"), 303)


@BLUEPRINT.post("/forced/test")
@with_session
def test() -> ResponseReturnValue:
    """Probes as these hosts would send them; the page shows the verdict when it is there."""
    try:
        ask("policy-test", rule=field("rule", LONGEST_NAME) or None)
    except IsthmusError as error:
        return _refused(error)
    return redirect(url_for("forced.page"), 303)
