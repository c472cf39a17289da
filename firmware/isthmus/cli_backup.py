"""`isthmus backup` and `restore`: a site as one encrypted file. The passphrase is asked for, or is on standard input.

Whoever has the file can try passphrases as fast as he likes, so it is readable by its owner alone.
"""

from __future__ import annotations

import sys
from binascii import a2b_base64, b2a_base64

from isthmus import cli_apply
from isthmus.config.replace import Prepared, status
from isthmus.edge import os_cpython as host
from isthmus.edge.control import ask
from isthmus.edge.os_cpython_files import RealCalls
from isthmus.edge.os_cpython_terminal import read_password
from isthmus.edge.printable import printable
from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

PATIENCE_MS = 120_000  # scrypt on a slow router
LONGEST = 180_000  # backup/file.py's
OUT = "-"


class FileError(IsthmusError):
    """The file cannot be read, or not be written; nothing is changed."""

    code = "file"


def add_parser(commands: Any) -> None:  # noqa: ANN401 - argparse names no public type for it
    """Both commands."""
    backup = commands.add_parser(
        "backup", help="configuration, keys and users of this site as one file, encrypted under a passphrase"
    )
    backup.add_argument(
        "file", nargs="?", help="where to write it (default: isthmus-SITE-DAY.backup, here); -: standard output"
    )
    restore = commands.add_parser(
        "restore", help="show what a backup would change, put it in force, and undo it unless it is confirmed"
    )
    restore.add_argument("file", help="a file that isthmus backup has made")
    restore.add_argument(
        "--confirm", type=int, default=cli_apply.DEFAULT_S, metavar="SECONDS",
        help="undo it after so many seconds (%d) unless `isthmus confirm` comes" % cli_apply.DEFAULT_S,
    )  # fmt: skip
    restore.add_argument("--look", action="store_true", help="only show what it would change")
    restore.add_argument("--no-wait", action="store_true", help="do not stay until it is confirmed or undone")
    restore.add_argument("--yes", action="store_true", help="do not ask")
    for parser in (backup, restore):
        parser.add_argument("--json", action="store_true", dest="json_too", help="print the daemon's answer as JSON")


def run(arguments: argparse.Namespace, as_json: bool) -> tuple[dict[str, Any], list[str], int]:
    """Ask the daemon: (its answer, the lines to print, exit status). Raises IsthmusError."""
    if arguments.command == "backup":
        return _backup(arguments, as_json)
    return _restore(arguments, as_json)


def _backup(arguments: argparse.Namespace, as_json: bool) -> tuple[dict[str, Any], list[str], int]:
    path = arguments.file
    if path == OUT and as_json:
        raise FileError("standard output takes the backup or the answer, not both", "name a file for the backup")
    if path not in (None, OUT):
        _check_free(path)
    request = {"command": "backup", "passphrase": read_password("passphrase of the new backup")}
    answer = ask(arguments.run, request, PATIENCE_MS)
    data = a2b_base64(answer.pop("file").encode())
    if path == OUT:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        for sentence in answer["notes"]:
            sys.stderr.write("note: %s\n" % printable(sentence))
        return answer, [], 0
    path = path or answer["name"]
    _check_free(path)
    calls: Any = RealCalls()
    try:
        Prepared(calls, path, data, True).finish()
    except OSError as error:
        raise FileError("cannot write %s" % host.describe_os_error(error), "write it elsewhere") from None
    answer["file"] = path
    return answer, written(answer), 0


def _check_free(path: str) -> None:
    calls: Any = RealCalls()
    try:
        found = status(calls, path)
    except OSError as error:
        raise FileError("cannot write %s" % host.describe_os_error(error), "write it elsewhere") from None
    if found is not None:
        raise FileError("%s is there already" % path, "no backup is written over: choose another name")


def written(answer: dict[str, Any]) -> list[str]:
    """What was made."""
    count = len(answer["tunnels"])
    names = ": " + ", ".join(answer["tunnels"]) if count else ""
    lines = ["%s: %d bytes, %d tunnel%s%s" % (answer["file"], answer["bytes"], count, "" if count == 1 else "s", names)]
    lines += ["note: %s" % sentence for sentence in answer["notes"]]
    lines.append("Keep it away from this router, and the passphrase away from it: without it nobody can open it.")
    return lines + ["Back in place: isthmus restore FILE, on this router or on the one that replaces it."]


def _restore(arguments: argparse.Namespace, as_json: bool) -> tuple[dict[str, Any], list[str], int]:
    try:
        with open(arguments.file, "rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as error:
        raise FileError("cannot read %s" % host.describe_os_error(error), "name a backup that is there") from None
    if len(data) > LONGEST:
        raise FileError("%s is longer than any backup" % arguments.file, "choose a file that isthmus backup has made")
    request = {
        "command": "restore", "file": b2a_base64(data).decode().strip(), "look": True,
        "passphrase": read_password("passphrase of the backup", False),
    }  # fmt: skip
    seen = ask(arguments.run, request, PATIENCE_MS)
    if not as_json or arguments.look:
        cli_apply.say([] if as_json else meant(seen))
    if arguments.look or seen["same"]:
        return seen, [], 0
    if not (as_json or arguments.yes) and not cli_apply.is_wanted():
        return seen, ["nothing is restored"], 1
    answer = ask(arguments.run, {"command": "restore", "mark": seen["mark"], "seconds": arguments.confirm}, PATIENCE_MS)
    if arguments.no_wait and answer["state"] == "open":
        return answer, [cli_apply.begun(answer)], 0
    return cli_apply.follow(arguments, answer, as_json)


def meant(seen: dict[str, Any]) -> list[str]:
    """What restoring it means."""
    lines = cli_apply.meant({"staged": True, "changes": seen["changes"], "warnings": []})
    names = ", ".join(seen["tunnels"]) or "none"
    if seen["direct"]:
        text = "No configuration is in force here: that of the backup will be at once, and nothing undoes it by itself."
        lines = [text, "tunnels: " + names]
    elif seen["same"]:
        lines = ["everything here is as in the backup already"]
    lines += ["note: %s" % sentence for sentence in seen["notes"]]
    return lines + ["warning: %s" % warning for warning in seen["warnings"]]
