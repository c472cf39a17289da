"""`isthmus policy`: forced rules, passthrough and aliases as a table, one packet explained, and the self-test."""

from __future__ import annotations

import sys
import time

from isthmus.edge.control import ask, now
from isthmus.edge.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

SIGNS = {"protected": "*", "blocked": "!", "exposed": "?"}
LOOK_EVERY_S = 0.3
TEST_S = 60
MOST_LINES = 40  # hosts of a rule that are printed one by one


def add_parser(commands: Any) -> None:  # noqa: ANN401 - argparse names no public type for it
    """The command and its three forms."""
    policy = commands.add_parser("policy", help="forced rules: protected, blocked or exposed; passthrough, aliases")
    policy.add_argument("--json", action="store_true", dest="json_too", help="print the daemon's answer as JSON")
    forms = policy.add_subparsers(dest="form")
    explain = forms.add_parser("explain", help="what happens to a packet, step by step")
    explain.add_argument("source", help="address, ADDRESS@MAC, MAC or interface of the host")
    explain.add_argument("destination", help="address that it sends to")
    explain.add_argument("port", nargs="?", help="443, udp:53, icmp ... (default: any)")
    test = forms.add_parser("test", help="send probes as the forced hosts, and look where they leave")
    test.add_argument("rule", nargs="?", help="name of the rule; all without it")
    for form in (explain, test):
        form.add_argument("--json", action="store_true", dest="json_too", help="print the daemon's answer as JSON")


def run(arguments: argparse.Namespace, as_json: bool) -> tuple[dict[str, Any], list[str], int]:
    """Ask the daemon: (its answer, the lines to print, exit status). Raises IsthmusError."""
    if arguments.form == "explain":
        request = {"command": "policy-explain", "source": arguments.source, "destination": arguments.destination}
        if arguments.port is not None:
            request["port"] = arguments.port
        answer = ask(arguments.run, request)
        return answer, explained(answer), 0
    if arguments.form == "test":
        return _test(arguments.run, arguments.rule, not as_json)
    answer = ask(arguments.run, {"command": "policy"})
    return answer, table(answer), 0


def table(report: dict[str, Any]) -> list[str]:
    """What `isthmus policy` prints."""
    lines: list[str] = []
    for rule in report["rules"]:
        lines += _rule(rule, report["shown"])
    if report["ipv6_blocked"]["packets"]:
        lines.append("IPv6 of hosts known by their IPv4 address alone: %s dropped" % _count(report["ipv6_blocked"]))
    for section in report["passthrough"]:
        lines.append("passthrough %s: %s; %s" % (section["name"], section["text"], _count(section)))
        for client in section["clients"]:
            way = "->" if client["direction"] == "out" else "<-"
            over = "  (from before it was blocked)" if client["blocked"] else ""
            ends = [_also(client[end], report["shown"]) for end in ("inside", "outside")]
            lines.append("    %-6s %s %s %s%s" % (client["service"], ends[0], way, ends[1], over))
    for alias in report["aliases"]:
        lines.append("alias %s: %s appears %s tunnel %s as %s" % (
            alias["name"], alias["subnet"], "beyond" if alias["side"] == "local" else "here, from",
            alias["tunnel"], alias["as"]))  # fmt: skip
        lines += ["    %s = %s (%s)" % (row["name"], row["shown"], row["address"]) for row in alias["names"]]
    for warning in report["warnings"]:
        lines += warned(warning)
    return lines or ["no forced rule, passthrough or alias is configured"]


def _also(address: str, shown: dict[str, str]) -> str:
    """An address, and what an alias calls its host."""
    return "%s [%s]" % (address, shown[address]) if address in shown else address


def warned(warning: dict[str, str]) -> list[str]:
    """A finding, and what to do about it."""
    return ["%s: %s" % (warning["level"], warning["message"]), "  what to do: %s" % warning["remedy"]]


def _rule(rule: dict[str, Any], shown: dict[str, str]) -> list[str]:
    lines = ["[%s] %s  %s: %s" % (SIGNS[rule["state"]], rule["name"], rule["state"].upper(), rule["why"])]
    lines.append("    via %s; protected %s, blocked %s" % (
        ", ".join(rule["via"]), _count(rule["protected"]), _count(rule["blocked"])))  # fmt: skip
    if rule["to"] or rule["port"]:
        by = " by " + ", ".join(rule["port"]) if rule["port"] else ""
        lines.append("    only to %s%s" % (", ".join(rule["to"]) or "everywhere", by))
    for exception in rule["exceptions"]:
        until = "" if exception["until"] is None else " until %s UTC" % exception["until_text"]
        where = ", ".join(exception["to"]) or "everywhere"
        by = " by " + ", ".join(exception["port"]) if exception["port"] else ""
        lines.append("    exception %s is %s: to %s%s%s, %s" % (
            exception["name"], exception["state"], where, by, until, _count(exception)))  # fmt: skip
    for host in rule["hosts"][:MOST_LINES]:
        known = [
            _also(address, shown) for address in host["addresses"] if address != host["source"] or address in shown
        ]
        seen = " (seen as %s)" % ", ".join(known) if known else ""
        by = " by %s" % ", ".join(host["by"]) if host["by"] else ""
        lines.append("    %-10s %s%s%s" % (host["state"], host["source"], seen, by))
    if len(rule["hosts"]) > MOST_LINES:
        lines.append("    and %d more, as --json has them" % (len(rule["hosts"]) - MOST_LINES))
    if rule["test"] is not None:
        lines.append("    tested %d s ago, %s: %s" % (
            rule["test"]["ago_s"], rule["test"]["verdict"], rule["test"]["text"]))  # fmt: skip
    else:
        lines.append("    not tested yet: isthmus policy test %s" % rule["name"])
    return lines


def _count(row: dict[str, Any]) -> str:
    return "%d packets (%d bytes)" % (row["packets"], row["bytes"])


def explained(answer: dict[str, Any]) -> list[str]:
    """What `isthmus policy explain` prints."""
    lines = ["%d. %s" % (number + 1, step) for number, step in enumerate(answer["steps"])]
    return lines + ["=> %s: %s" % (answer["verdict"].upper(), answer["why"])]


def _test(run_directory: str, rule: str | None, talks: bool) -> tuple[dict[str, Any], list[str], int]:
    """Start the self-test, show how far it is, and report. Exit status 1 unless every rule is held."""
    request = {"command": "policy-test"}
    if rule is not None:
        request["rule"] = rule
    answer = ask(run_directory, request, TEST_S * 1000)  # what it needs is loaded now: slow on a small router
    said = ""
    end = now() + TEST_S * 1000
    while answer["running"] and now() < end:
        if talks and answer["text"] != said:
            said = answer["text"]
            print(printable(said))
            sys.stdout.flush()
        time.sleep(LOOK_EVERY_S)
        answer = ask(run_directory, {"command": "policy-test", "look": True}, TEST_S * 1000)
    lines = []
    for row in answer["rules"]:
        lines.append("%s  %s: %s" % (row["name"], row["verdict"].upper(), row["text"]))
        lines += ["    " + step for step in row["evidence"]]
    lines += ["note: " + note for note in answer["notes"]]
    held = answer["rules"] and all(row["verdict"] in ("protected", "blocked") for row in answer["rules"])
    return answer, lines, 0 if held and not answer["running"] else 1
