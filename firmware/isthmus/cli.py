"""isthmus: the command line. Asks the daemon, prints what it says; errors are one line that says what to do."""

from __future__ import annotations

import argparse
import json
import sys
import time

from isthmus import (
    __version__,
    cli_apply,
    cli_backup,
    cli_config,
    cli_doctor,
    cli_history,
    cli_pair,
    cli_policy,
    cli_user,
)
from isthmus.edge.control import ask, now
from isthmus.edge.os_cpython_terminal import attach_streams
from isthmus.edge.printable import printable
from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

RUN_DIR = "/var/run/isthmus"
SIGNS = {"ok": "*", "wait": "~", "bad": "!", "off": "-"}
WAIT_S = 60
EXAMINING = ("doctor", "log", "diag")
APPLYING = ("apply", "confirm", "revert")
LOOK_EVERY_S = 0.2
EPIPE = 32  # linux/errno.h


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="isthmus", description="Shows and steers the tunnels of this site.")
    parser.add_argument("--run", default=RUN_DIR, help="run directory of isthmusd (default %s)" % RUN_DIR)
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")
    parser.add_argument("--version", action="store_true", help="print the version and end")
    commands = parser.add_subparsers(dest="command")
    rows = (
        ("status", "five lamps for every tunnel, with their evidence", "?"),
        ("show", "everything about one tunnel, without secrets", ""),
        ("up", "start a tunnel and wait until it is up", ""),
        ("down", "take a tunnel down; its guard stays, nothing passes in the clear", ""),
    )
    for name, text, count in rows:
        command = commands.add_parser(name, help=text)
        if count:
            command.add_argument("tunnel", nargs=count, help="name of the tunnel; all without it")
        else:
            command.add_argument("tunnel", help="name of the tunnel")
        command.add_argument("--json", action="store_true", dest="json_too", help="print the daemon's answer as JSON")
    rekey = commands.add_parser("rekey", help="renew a tunnel's keys now; nothing is lost meanwhile")
    rekey.add_argument("tunnel", help="name of the tunnel")
    rekey.add_argument("--ike", action="store_true", help="the keys of IKE instead of those of the traffic")
    rekey.add_argument("--json", action="store_true", dest="json_too", help="print the daemon's answer as JSON")
    reload_command = commands.add_parser("reload", help="read the configuration again and apply what differs")
    reload_command.add_argument(
        "--json", action="store_true", dest="json_too", help="print the daemon's answer as JSON"
    )
    cli_history.add_parser(commands)
    cli_doctor.add_parser(commands)
    cli_apply.add_parser(commands)
    cli_backup.add_parser(commands)
    cli_policy.add_parser(commands)
    cli_config.add_parser(commands)
    cli_user.add_parser(commands)
    cli_pair.add_parser(commands)
    return parser


def _say(text: str, error: bool = False) -> None:
    """Its lines; what names and messages of other machines hold cannot move the cursor."""
    for line in text.split("\n"):
        print(printable(line), file=sys.stderr if error else sys.stdout)


def _print_status(report: dict[str, Any]) -> None:
    error = report["config"]["error"]
    if error is not None:
        _say("configuration: %s" % error["message"])
        _say("  what runs was not changed; %s" % error["remedy"])
    trial = report.get("trial")
    if trial is not None and trial["state"] != "idle":
        _say("\n".join(cli_apply.shown(trial)))
    guard = report["guard"]
    if guard["error"] is not None:
        _say("kernel: %s; %s" % (guard["error"]["message"], guard["error"]["remedy"]))
    for rule in report.get("policy", {}).get("rules", []):
        _say("[%s] %s  %s: %s" % (cli_policy.SIGNS[rule["state"]], rule["name"], rule["state"].upper(), rule["why"]))
    for warning in report.get("policy", {}).get("warnings", []):
        if warning["level"] != "note":
            _say("\n".join(cli_policy.warned(warning)))
    if not report["tunnels"]:
        _say("no tunnel is configured")
    for tunnel in report["tunnels"]:
        _print_tunnel(tunnel)


def _print_tunnel(tunnel: dict[str, Any]) -> None:
    _say("%s  %s for %d s  (%s, %s)" % (
        tunnel["name"], tunnel["state"].upper(), tunnel["since_s"], tunnel["remote"], tunnel["interface"]))  # fmt: skip
    outer = tunnel.get("outer")
    if outer is not None:
        by = ", by uplink %s" % outer["uplink"] if outer["uplink"] else ""
        _say("  between %s and %s%s" % (outer["local"], outer["remote"], by))
    for lamp in tunnel["lamps"]:
        _say("  [%s] %-5s  %s" % (SIGNS[lamp["state"]], lamp["name"], lamp["evidence"]))
    if tunnel["error"] is not None:
        _say("  error: %s (%d s ago)" % (tunnel["error"]["message"], tunnel["error"]["ago_s"]))
        if tunnel["error"]["remedy"]:
            _say("  what to do: %s" % tunnel["error"]["remedy"])
    if tunnel["refusal"] is not None:
        text = "  refused a call from %s %d s ago: %s"
        _say(text % (tunnel["refusal"]["source"], tunnel["refusal"]["ago_s"], tunnel["refusal"]["message"]))
        if tunnel["refusal"]["remedy"]:
            _say("  what to do: %s" % tunnel["refusal"]["remedy"])
    if tunnel["retry_in_s"] is not None:
        _say("  next try in %d s" % tunnel["retry_in_s"])


def _print_show(tunnel: dict[str, Any]) -> None:
    _print_tunnel(tunnel)
    for key in sorted(tunnel):
        value = tunnel[key]
        if isinstance(value, dict) and key not in ("error", "refusal"):
            _say("  %s:" % key)
            for name in sorted(value):
                _say("    %-14s %s" % (name, value[name]))
        elif key in ("mtu", "local_id", "remote_id", "reqid"):
            _say("  %s: %s" % (key, value))


def _print_reload(report: dict[str, Any]) -> None:
    for key in ("started", "changed", "removed", "unchanged"):
        if report[key]:
            _say("%s: %s" % (key, ", ".join(report[key])))
    for sentence in report.get("exposed", []):
        _say("exposed: %s" % sentence)
    for warning in report["warnings"]:
        _say("warning: %s" % warning)


def _wait_up(run: str, name: str) -> bool:
    """Show the way up, one line for each new state; True when it is up."""
    last = ""
    end = now() + int(WAIT_S * 1000)
    while now() < end:
        tunnel = ask(run, {"command": "status", "tunnel": name})["tunnels"][0]
        words = tunnel["state"] + ": " + tunnel["story"]
        if tunnel["error"] is not None and tunnel["state"] == "waiting":
            words += "; " + tunnel["error"]["message"]
        if words != last:
            _say("%s  %s" % (name, words))
            sys.stdout.flush()
            last = words
        if tunnel["state"] == "up":
            return True
        time.sleep(LOOK_EVERY_S)
    return False


def _run_form(arguments: argparse.Namespace) -> int:
    as_json = arguments.json or getattr(arguments, "json_too", False)
    if arguments.command in ("pair", "unpair"):
        answer, lines, status = cli_pair.run(arguments, as_json)
    elif arguments.command == "history":
        answer, lines, status = cli_history.run(arguments)
    elif arguments.command == "user":
        answer, lines, status = cli_user.run(arguments)
    elif arguments.command in EXAMINING:
        answer, lines, status = cli_doctor.run(arguments, as_json)
    elif arguments.command in ("backup", "restore"):
        answer, lines, status = cli_backup.run(arguments, as_json)
    elif arguments.command in APPLYING:
        answer, lines, status = cli_apply.run(arguments, as_json)
    else:
        answer, lines, status = cli_policy.run(arguments, as_json)
    if as_json:
        print(json.dumps(answer))
    elif lines:
        _say("\n".join(lines))
    return status


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command in ("policy", "user", "pair", "unpair", "history", "backup", "restore") + APPLYING + EXAMINING:
        return _run_form(arguments)
    if arguments.command == "config":
        return cli_config.run(arguments)
    request = {"command": arguments.command}
    name = getattr(arguments, "tunnel", None)
    if name is not None:
        request["tunnel"] = name
    if getattr(arguments, "ike", False):
        request["ike"] = True
    result = ask(arguments.run, request)
    if arguments.json or getattr(arguments, "json_too", False):
        print(json.dumps(result))
        return 0
    printers: dict[str, Callable[[dict[str, Any]], None]] = {
        "status": _print_status, "show": _print_show, "reload": _print_reload,
    }  # fmt: skip
    if arguments.command in printers:
        printers[arguments.command](result)
    elif arguments.command == "rekey":
        _say("%s: new keys of %s are being agreed" % (name, "IKE" if request.get("ike") else "ESP"))
    elif arguments.command == "down":
        _say("%s is down; its guard stays: nothing passes in the clear" % name)
    elif name is not None and not _wait_up(arguments.run, name):
        _say("isthmus: %s is not up after %d s; see `isthmus status %s`" % (name, WAIT_S, name), error=True)
        return 1
    return 0


def main() -> int:
    """The program. Exit status: 0 done, 1 refused or failed, 2 not understood, 130 interrupted."""
    attach_streams()
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.version:
        _say("isthmus %s" % __version__)
        return 0
    if arguments.command is None:
        parser.print_help()
        return 2
    try:
        status = _run(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if error.errno != EPIPE:
            raise
        # The reader has seen enough: `isthmus status | head`. Or the interpreter complains when it flushes at its end.
        sys.stdout = None
        return 1
    except IsthmusError as error:
        remedy = "; " + error.remedy if error.remedy else ""
        _say("isthmus: %s%s" % (error, remedy), error=True)
        return 1


if __name__ == "__main__":
    sys.exit(main())
