"""`isthmus apply`, `confirm`, `revert`: a change shown in words, put in force, and undone unless it is confirmed."""

from __future__ import annotations

import sys
import time

from isthmus.edge.control import DaemonAwayError, ask, now
from isthmus.edge.os_cpython_terminal import is_yes
from isthmus.edge.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

DEFAULT_S = 90
PATIENCE_MS = 60_000  # a slow router, hundreds of tunnels
LOOK_EVERY_S = 0.5
AWAY_MS = 60_000  # how long a daemon may be away, while it begins anew
KINDS = {"opens": "EXPOSED", "leads": "ELSEWHERE", "closes": "held", "restarts": "interrupted", "note": "change"}
SIGNS = {"ok": "*", "wait": "~", "failed": "!"}


def add_parser(commands: Any) -> None:  # noqa: ANN401 - argparse names no public type for it
    """The three commands."""
    apply = commands.add_parser(
        "apply", help="show what is staged in words, put it in force, and undo it unless all goes well"
    )
    apply.add_argument(
        "--confirm", nargs="?", type=int, const=DEFAULT_S, metavar="SECONDS",
        help="undo it after so many seconds (%d) unless `isthmus confirm` comes; without this it stays when all that "
        "worked before works again" % DEFAULT_S,
    )  # fmt: skip
    apply.add_argument("--look", action="store_true", help="only show what it would mean")
    apply.add_argument("--show", action="store_true", help="only show the change on trial, or how the last one ended")
    apply.add_argument("--no-wait", action="store_true", help="do not stay until it is confirmed or undone")
    apply.add_argument("--yes", action="store_true", help="do not ask")
    confirm = commands.add_parser("confirm", help="the change on trial stays")
    confirm.add_argument("--anyway", action="store_true", help="though not all that worked before works again")
    revert = commands.add_parser("revert", help="undo the change on trial now")
    revert.add_argument(
        "--over", action="store_true",
        help="over what somebody else has made of the files meanwhile, which is kept until a change is confirmed",
    )  # fmt: skip
    for parser in (apply, confirm, revert):
        parser.add_argument("--json", action="store_true", dest="json_too", help="print the daemon's answer as JSON")


def run(arguments: argparse.Namespace, as_json: bool) -> tuple[dict[str, Any], list[str], int]:
    """Ask the daemon: (its answer, the lines to print, exit status). Raises IsthmusError."""
    if arguments.command == "confirm":
        answer = _ask(arguments, {"command": "confirm", "anyway": arguments.anyway})
        return answer, ended(answer), 0
    if arguments.command == "revert":
        answer = _ask(arguments, {"command": "revert", "over": arguments.over})
        return answer, ended(answer), 0 if answer["state"] == "idle" else 1
    if arguments.show:
        answer = _ask(arguments, {"command": "apply-status"})
        return answer, shown(answer), 0
    return _apply(arguments, as_json)


def _ask(arguments: argparse.Namespace, request: dict[str, Any]) -> dict[str, Any]:
    return ask(arguments.run, request, PATIENCE_MS)


def _apply(arguments: argparse.Namespace, as_json: bool) -> tuple[dict[str, Any], list[str], int]:
    seen = _ask(arguments, {"command": "apply-look"})
    if not as_json or arguments.look:
        say([] if as_json else meant(seen))
    if not seen["staged"] or arguments.look:
        return seen, [] if seen["staged"] else [seen["hint"]], 0 if seen["staged"] else 1
    if not (as_json or arguments.yes) and not is_wanted():
        return seen, ["nothing is applied; it is still staged"], 1
    request = {"command": "apply", "mark": seen["mark"]}
    if arguments.confirm is None:
        request["alone"] = True
    else:
        request["seconds"] = arguments.confirm
    answer = _ask(arguments, request)
    if arguments.no_wait:
        return answer, [begun(answer)], 0
    return follow(arguments, answer, as_json)


def follow(
    arguments: argparse.Namespace, answer: dict[str, Any], as_json: bool
) -> tuple[dict[str, Any], list[str], int]:
    """A trial that has begun, until its end: as run()."""
    if not as_json and answer["state"] == "open":
        say([begun(answer)])
    answer = _follow(arguments, answer, not as_json)
    last = answer["last"]
    return answer, ended(answer), 0 if last is not None and last["kind"] == "confirmed" else 1


def is_wanted() -> bool:
    """Whether it is to be put in force. Asked at a terminal; else it was said already."""
    if not sys.stdin.isatty():
        return True
    sys.stdout.write("Put this in force? (yes/no) ")
    sys.stdout.flush()
    return is_yes()


def _follow(arguments: argparse.Namespace, answer: dict[str, Any], talks: bool) -> dict[str, Any]:
    """Until it is confirmed or undone, in a daemon that may begin anew meanwhile: the last answer."""
    said: dict[str, str] = {}
    counts = talks and sys.stdout is not None and sys.stdout.isatty()
    away_at = now()
    while answer["state"] == "open":
        for probe in answer["probes"] if talks else []:
            line = "[%s] %s: %s" % (SIGNS[probe["state"]], probe["what"], probe["text"])
            if said.get(probe["what"]) != line:
                _clear(counts)
                say([line])
                said[probe["what"]] = line
        if counts:
            what = "stays when all is well again" if answer["alone"] else "isthmus confirm keeps it"
            sys.stdout.write("\r%3d s until it is undone; %s " % (answer["left_s"], what))
            sys.stdout.flush()
        time.sleep(LOOK_EVERY_S)
        try:
            answer = ask(arguments.run, {"command": "apply-status"})
            away_at = now()
        except DaemonAwayError:
            if now() - away_at > AWAY_MS:
                raise
    _clear(counts)
    return answer


def _clear(counts: bool) -> None:
    if counts:
        sys.stdout.write("\r%60s\r" % "")


def say(lines: list[str]) -> None:
    """Lines, at once."""
    for line in lines:
        sys.stdout.write(printable(line) + "\n")
    sys.stdout.flush()


def meant(seen: dict[str, Any]) -> list[str]:
    """What a change means."""
    lines = ["%-11s  %s" % (KINDS[row["kind"]], row["text"]) for row in seen["changes"]]
    if seen["staged"] and not lines:
        lines = ["nothing that is in force changes"]
    if [row for row in seen["changes"] if row["kind"] == "opens"]:
        lines.append("EXPOSED from the confirmation on, not before; all else at once.")
    return lines + ["warning: %s" % warning for warning in seen["warnings"]]


def begun(answer: dict[str, Any]) -> str:
    """That it is in force."""
    if answer["alone"]:
        text = "in force; it stays when all that worked before works again, else it is undone in %d s"
    else:
        text = "in force; undone by itself in %d s unless you run: isthmus confirm"
    return text % int(answer["left_s"])


def ended(answer: dict[str, Any]) -> list[str]:
    """How it ended, or how far its end is."""
    last, trouble = answer["last"], answer["trouble"]
    lines = []
    if last is not None and last["kind"] == "confirmed":
        lines.append("confirmed: it stays")
    elif last is not None:
        lines.append("%s: %s" % (last["kind"], last["why"]))
    if last is not None:
        lines += ["exposed: %s" % sentence for sentence in last["exposed"]] + last["notes"]
    if answer["state"] == "undoing" and trouble is not None:
        words = (trouble["message"], trouble["remedy"])
        lines.append("it is undone in what runs, but not yet on the disk: %s; %s" % words)
    return lines


def shown(answer: dict[str, Any]) -> list[str]:
    """`isthmus apply --show`."""
    if answer["state"] != "open":
        return ended(answer) or ["no change is on trial"]
    lines = [begun(answer)] + ["%-11s  %s" % (KINDS[row["kind"]], row["text"]) for row in answer["changes"]]
    return lines + ["[%s] %s: %s" % (SIGNS[row["state"]], row["what"], row["text"]) for row in answer["probes"]]
