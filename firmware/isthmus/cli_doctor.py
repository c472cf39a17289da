"""`isthmus doctor`, `log` and `diag`. Where no daemon answers, doctor and diag look for themselves, as far as they can.

What they need for that loads only then: isthmusd is asked first.
"""

from __future__ import annotations

import sys
import time

from isthmus import __version__
from isthmus.edge.control import DaemonAwayError, ask
from isthmus.edge.printable import printable
from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from isthmus.doctor.facts import Facts
    from isthmus.survey import Places

PATIENCE_MS = 60_000  # names, programs, a slow router
LOOK_EVERY_S = 1.0
UNKNOWN = "bad-request"  # edge/calls.py's, of a daemon that does not know the command
FEW_LINES, MOST_LINES = 100, 500  # as the daemon has them
NO_LOG = "what it said last may be in the system's own log: logread -e isthmusd (elsewhere: journalctl -u isthmus)"
# option, default, help: where things are if no daemon can say so
FOLDERS = (
    ("--config", "/etc/config", "folder of the file isthmus, should isthmusd not answer (default %(default)s)"),
    ("--deltas", "/tmp/.uci", "folder of what is staged (default %(default)s)"),  # noqa: S108 - uci's own
    ("--secrets", "/etc/isthmus/secrets", "folder of the tunnels' keys (default %(default)s)"),
)


def add_parser(commands: Any) -> None:  # noqa: ANN401 - argparse names no public type for it
    """The three commands."""
    doctor = commands.add_parser("doctor", help="look for what is wrong, and say what to do about it")
    doctor.add_argument("tunnel", nargs="?", help="look at this tunnel only, beside the router itself")
    log = commands.add_parser("log", help="what isthmusd said lately")
    log.add_argument("--follow", action="store_true", help="go on, until it is interrupted")
    log.add_argument("--tunnel", metavar="NAME", help="only what is about this tunnel")
    log.add_argument("-n", type=int, metavar="N", dest="count", help="so many lines (default %d)" % FEW_LINES)
    diag = commands.add_parser("diag", help="one text without secrets, for whoever is to help")
    diag.add_argument("--output", metavar="FILE", help="a new file for it (default: standard output)")
    for command in (doctor, diag):
        for name, default, text in FOLDERS:
            command.add_argument(name, default=default, help=text)
    for command in (doctor, log, diag):
        command.add_argument("--json", action="store_true", dest="json_too", help="print the daemon's answer as JSON")


def run(arguments: argparse.Namespace, as_json: bool) -> tuple[dict[str, Any], list[str], int]:
    """Ask the daemon: (its answer, the lines to print, exit status). Raises IsthmusError."""
    if arguments.command == "doctor":
        return _doctor(arguments)
    if arguments.command == "log":
        return _log(arguments, as_json)
    return _diag(arguments, as_json)


# --- doctor -----------------------------------------------------------------------------------------------------------


def _doctor(arguments: argparse.Namespace) -> tuple[dict[str, Any], list[str], int]:
    from isthmus.doctor.report import lines

    request = {"command": "doctor"}
    if arguments.tunnel is not None:
        request["tunnel"] = arguments.tunnel
    try:
        answer = ask(arguments.run, request, PATIENCE_MS)
    except DaemonAwayError as error:
        answer = _alone(arguments, str(error), "", arguments.tunnel)[0]
    except IsthmusError as error:
        if error.code != UNKNOWN:
            raise
        release = ask(arguments.run, {"command": "version"})["version"]  # of before an upgrade, and never restarted
        answer = _alone(arguments, "", release, arguments.tunnel)[0]
    return answer, lines(answer), 1 if answer["wrong"] else 0


def _alone(
    arguments: argparse.Namespace, away: str, release: str, only: str | None
) -> tuple[dict[str, Any], Facts, Places]:
    """What can be seen without the daemon. away: why it does not answer; release: of one that is too old to."""
    from isthmus.doctor.report import report
    from isthmus.survey import Places, survey_alone

    secrets = arguments.secrets
    places = Places(arguments.config, arguments.deltas, arguments.run, secrets, secrets + "/../users")
    facts = survey_alone(places, only)
    facts.away = away
    facts.release, facts.own = release, __version__
    return report(facts), facts, places


# --- log --------------------------------------------------------------------------------------------------------------


def shown(answer: dict[str, Any]) -> list[str]:
    """What `isthmus log` prints."""
    return ["%(time)s %(level)-7s %(subject)s: %(text)s" % row for row in answer["lines"]]


def _log(arguments: argparse.Namespace, as_json: bool) -> tuple[dict[str, Any], list[str], int]:
    request: dict[str, Any] = {"command": "log"}
    if arguments.tunnel is not None:
        request["tunnel"] = arguments.tunnel
    if arguments.count is not None:
        if not 1 <= arguments.count <= MOST_LINES:
            text = "-n %d is no number of lines that isthmusd keeps" % arguments.count
            raise IsthmusError(text, "give one from 1 to %d" % MOST_LINES, "bad-count")
        request["count"] = arguments.count
    try:
        answer = ask(arguments.run, request)
    except DaemonAwayError as error:
        raise DaemonAwayError(str(error), "%s; %s" % (error.remedy, NO_LOG)) from None
    if not arguments.follow or as_json:
        return answer, shown(answer) or ["nothing was said yet"], 0
    _say(shown(answer))
    request["count"] = MOST_LINES
    _follow(arguments, request, answer["next"])
    return answer, [], 0


def _follow(arguments: argparse.Namespace, request: dict[str, Any], after: int) -> None:
    """Until it is interrupted, in a daemon that may be away for a while and begin anew."""
    away = False
    while True:
        time.sleep(LOOK_EVERY_S)
        request["after"] = after
        try:
            answer = ask(arguments.run, request)
        except DaemonAwayError as error:
            if not away:
                _say(["(%s; waiting for it)" % error])
            away = True
            continue
        away = False
        if answer["next"] < after:
            _say(["(isthmusd has begun anew)"])
            after = 0
            continue
        if answer["lost"]:
            _say(["(lines are missing here: it said more than it keeps)"])
        _say(shown(answer))
        after = answer["next"]


def _say(lines: list[str]) -> None:
    for line in lines:
        sys.stdout.write(printable(line) + "\n")
    sys.stdout.flush()


# --- diag -------------------------------------------------------------------------------------------------------------


def _diag(arguments: argparse.Namespace, as_json: bool) -> tuple[dict[str, Any], list[str], int]:
    try:
        answer = ask(arguments.run, {"command": "diag"}, PATIENCE_MS)
    except DaemonAwayError as error:
        from isthmus.diagnosis import diagnosis, listings, secrets_in
        from isthmus.survey import config_of

        report, facts, places = _alone(arguments, str(error), "", None)
        answer = diagnosis(places, facts, report, listings(), secrets_in(places, config_of(places)))
    if arguments.output is None:
        if not as_json:
            sys.stdout.write(answer["text"])  # printable as it comes, with tabs and long lines
        return answer, [], 0
    from isthmus.edge.os_cpython_look import write_new

    try:
        write_new(arguments.output, answer["text"])
    except OSError as error:
        text = "%s cannot be written: %s" % (arguments.output, error.strerror or "refused")
        raise IsthmusError(text, "name a file that is not there yet, in a folder that is", "not-written") from None
    return answer, ["written to %s; read it before you hand it on" % arguments.output], 0
