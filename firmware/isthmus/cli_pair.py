"""`isthmus pair` and `isthmus unpair`: two sites joined by an invite, three words and two approvals.

At a terminal `invite` and `accept` stay until it is decided: they show who comes, ask, and watch the tunnel come up.
Elsewhere they print what they have and end; `status`, `approve` and `cancel` go on from there. An invite comes from
standard input; from a command line, which others on this router can read, it is gone as soon as the daemon has it. The
daemon's answers carry no other secret.
"""

from __future__ import annotations

import sys
import time

from isthmus import qr
from isthmus.edge.control import DaemonAwayError, ask, now
from isthmus.edge.os_cpython_terminal import (
    begin_anew,
    is_terminal,
    is_yes,
    measure_terminal,
    read_input,
    read_lines_unseen,
)
from isthmus.edge.printable import printable
from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

LOOK_EVERY_S = 0.3
FOLLOW_S = 1260  # both times 10 minutes, and a little
AWAY_MS = 60_000  # how long a daemon may be busy, or away: it goes on by itself
UP_S = 60  # from the proof to a tunnel that carries
YES = ("y", "yes", "approve")


def add_parser(commands: Any) -> None:  # noqa: ANN401 - argparse names no public type for it
    """The commands and their forms."""
    pair = commands.add_parser("pair", help="join another site: invite, accept, status, approve, cancel, rotate")
    forms = pair.add_subparsers(dest="form")
    invite = forms.add_parser("invite", help="make an invite for another site, good once and for 10 minutes")
    invite.add_argument("--at", action="append", default=[], metavar="HOST", help="where this site is reached")
    invite.add_argument("--no-qr", action="store_true", help="print no QR code")
    accept = forms.add_parser("accept", help="enter another site's invite")
    accept.add_argument("invite", nargs="?", help="the invite; better none: it is asked for, or read from "
                        "standard input, and no other program here can read it")
    accept.add_argument("--number", type=int, help="follow a pairing whose invite was entered before")
    status = forms.add_parser("status", help="both sites, the three words, and what would change")
    approve = forms.add_parser("approve", help="both screens show these three words: join the two sites")
    approve.add_argument("words", nargs="*", metavar="WORD", help="the three words; at a terminal they are shown")
    approve.add_argument("--as", dest="name", metavar="NAME", help="name of the tunnel (default: the other site's)")
    approve.add_argument("--number", type=int, help="which pairing, if there are several")
    cancel = forms.add_parser("cancel", help="end a pairing that is under way")
    cancel.add_argument("number", nargs="?", type=int, help="which pairing, if there are several")
    rotate = forms.add_parser("rotate", help="renew the keys that pairing has agreed; nothing is lost meanwhile")
    rotate.add_argument("tunnel", help="name of the tunnel")
    unpair = commands.add_parser("unpair", help="remove a paired tunnel with its keys, whether its peer lives or not")
    unpair.add_argument("tunnel", help="name of the tunnel")
    unpair.add_argument("--force", action="store_true", help="also rules that force traffic through this tunnel alone")
    for form in (pair, invite, accept, status, approve, cancel, rotate, unpair):
        form.add_argument("--json", action="store_true", dest="json_too", help="print the daemon's answer as JSON")
    for form in (invite, accept, approve):
        form.add_argument("--no-wait", action="store_true", help="do not stay until it is decided")


def run(arguments: argparse.Namespace, as_json: bool) -> tuple[dict[str, Any], list[str], int]:
    """Ask the daemon: (its answer, the lines to print, exit status). Raises IsthmusError."""
    if arguments.command == "unpair":
        answer = ask(arguments.run, {"command": "unpair", "tunnel": arguments.tunnel, "force": arguments.force})
        return answer, _unpaired(arguments.tunnel, answer), 0
    talks = not as_json and not getattr(arguments, "no_wait", False) and is_terminal()
    return FORMS[arguments.form or "status"](arguments, talks)


def _say(line: str) -> None:
    print(printable(line))
    sys.stdout.flush()


def _invite(arguments: argparse.Namespace, talks: bool) -> tuple[dict[str, Any], list[str], int]:
    answer = ask(arguments.run, {"command": "pair-invite", "at": " ".join(arguments.at)})
    lines = [answer["invite"], ""]
    if talks and not arguments.no_qr:
        lines += _qr(answer["invite"])
    minutes = answer["left_s"] // 60
    lines.append("Enter this at the other site: isthmus pair accept. Good once, for %d minutes." % minutes)
    lines.append("It says that this site, %s, is reached at: %s" % (answer["site"], ", ".join(answer["endpoints"])))
    lines += ["note: " + note for note in answer["notes"]]
    if not talks:
        return answer, lines, 0
    for line in lines:
        print(line)
    sys.stdout.flush()
    last, status = _follow(arguments.run, answer["number"], True)
    return answer, last, status


def _qr(text: str) -> list[str]:
    """The invite as a QR code, in what this terminal can show. Without its dashes: they carry nothing."""
    matrix = qr.encode(text.replace("-", ""))
    columns, rows, kind, encoding = measure_terminal()
    way = qr.choose(matrix, columns, rows, kind, encoding)
    if way is None:
        width, height = qr.measure(matrix, qr.HALF, qr.TIGHT)
        return ["For a QR code to scan: a window of %d by %d characters or more." % (width, height + 1), ""]
    return qr.render(matrix, way[0], way[1]) + [""]


def _accept(arguments: argparse.Namespace, talks: bool) -> tuple[dict[str, Any], list[str], int]:
    if arguments.number is not None:
        last, status = _follow(arguments.run, arguments.number, talks)
        return {"number": arguments.number}, last, status
    text = arguments.invite if arguments.invite is not None else _read_invite(talks)
    answer = ask(arguments.run, {"command": "pair-accept", "invite": text})
    lines = ["pairing %d with site %s has begun" % (answer["number"], answer["peer"])]
    if getattr(arguments, "no_wait", False):
        return answer, lines, 0
    if arguments.json or arguments.json_too:
        return answer, lines, 0
    _say(lines[0])
    if arguments.invite is not None:
        begin_anew(arguments.invite, ["--number", str(answer["number"])])
        return answer, ["to go on: isthmus pair accept --number %d" % answer["number"]], 0
    last, status = _follow(arguments.run, answer["number"], talks)
    return answer, last, status


def _read_invite(talks: bool) -> str:
    """All of standard input; at a terminal up to an empty line, and not shown."""
    if not talks:
        return read_input("invite", 65536)
    text = read_lines_unseen("Paste the invite (it is not shown), then press Enter on an empty line:")
    _say("%d characters read" % len(text.strip()))
    return text


def _status(arguments: argparse.Namespace, _talks: bool) -> tuple[dict[str, Any], list[str], int]:
    answer = ask(arguments.run, {"command": "pair-status"})
    lines: list[str] = []
    for row in answer["pairings"]:
        lines += shown(row)
    for row in answer["past"]:
        lines += _past(row)
    lines = lines or ["no pairing is under way"]
    for row in answer["renewals"]:
        lines += renewed(row)
    return answer, lines, 0


def renewed(row: dict[str, Any]) -> list[str]:
    """Keys that are being renewed, for people."""
    lines = ["keys of tunnel %s: %s" % (row["tunnel"], row["story"])]
    if row["error"] is not None:
        told = (row["ago_s"], row["error"]["message"], row["error"]["remedy"])
        lines.append("  when they were last to be renewed (%d s ago): %s; what to do: %s" % told)
    return lines


def _approve(arguments: argparse.Namespace, talks: bool) -> tuple[dict[str, Any], list[str], int]:
    words, number = " ".join(arguments.words), arguments.number
    if not words:
        row = _asking(arguments.run, number)
        if not talks:
            raise IsthmusError("approving takes the three words", "isthmus pair approve WORD WORD WORD", "no-words")
        for line in shown(row):
            _say(line)
        if not _confirmed():
            return {}, ["nothing is approved"], 1
        words, number = " ".join(row["words"]), row["number"]
    answer = _send_approval(arguments.run, number, words, arguments.name)
    lines = ["approved; the tunnel will be called %s" % answer["tunnel"]]
    if not talks:
        return answer, lines, 0
    _say(lines[0])
    last, status = _follow(arguments.run, answer["number"], False)
    return answer, last, status


def _asking(run_directory: str, number: int | None) -> dict[str, Any]:
    rows = ask(run_directory, {"command": "pair-status"})["pairings"]
    rows = [row for row in rows if row["asks"] and number in (None, row["number"])]
    if len(rows) == 1:
        found: dict[str, Any] = rows[0]
        return found
    if rows:
        text = "several pairings wait for approval: %s" % ", ".join([str(row["number"]) for row in rows])
        raise IsthmusError(text, "say which: isthmus pair approve --number N", "which-pairing")
    raise IsthmusError("no pairing waits for approval", "see: isthmus pair status", "no-pairing")


def _send_approval(run_directory: str, number: int | None, words: str, name: str | None) -> dict[str, Any]:
    """number: None: that whose words these are."""
    request: dict[str, Any] = {"command": "pair-approve", "words": words}
    if number is not None:
        request["pairing"] = number
    if name is not None:
        request["name"] = name
    return ask(run_directory, request)


def _confirmed() -> bool:
    print("Does the other side's screen show the same three words? yes/no: ", end="")
    sys.stdout.flush()
    return is_yes(YES)


def _cancel(arguments: argparse.Namespace, _talks: bool) -> tuple[dict[str, Any], list[str], int]:
    request: dict[str, Any] = {"command": "pair-cancel"}
    if arguments.number is not None:
        request["pairing"] = arguments.number
    answer = ask(arguments.run, request)
    return answer, ["pairing %d is cancelled" % answer["number"]], 0


def _rotate(arguments: argparse.Namespace, _talks: bool) -> tuple[dict[str, Any], list[str], int]:
    answer = ask(arguments.run, {"command": "pair-rotate", "tunnel": arguments.tunnel})
    return answer, ["new keys of tunnel %s are being agreed" % arguments.tunnel], 0


FORMS = {
    "invite": _invite, "accept": _accept, "status": _status, "approve": _approve, "cancel": _cancel, "rotate": _rotate,
}  # fmt: skip


def _follow(run_directory: str, number: int, asks: bool) -> tuple[list[str], int]:
    """Show what happens, until it is decided: (last lines, exit status). asks: approve at this terminal."""
    try:
        return _watch(run_directory, number, asks)
    except KeyboardInterrupt:
        _say("the pairing goes on without this window: isthmus pair status; to end it: isthmus pair cancel %d" % number)
        raise


def _watch(run_directory: str, number: int, asks: bool) -> tuple[list[str], int]:
    told = ""
    approved = False
    end = now() + FOLLOW_S * 1000
    while now() < end:
        answer = _look(run_directory)
        row = _find(answer["pairings"], number)
        past = _find(answer["past"], number)
        line = _line(row if row is not None else past)
        if line != told and line:
            _say(line)
            told = line
        if row is None:
            if past is None:
                return ["pairing %d is over" % number], 1
            if past["state"] == "up":
                return ["site %s is joined: tunnel %s is up" % (past["peer"], past["tunnel"])], 0
            if not past["tunnel"]:
                return _past(past), 1
            if past["ago_s"] > UP_S:
                return _past(past) + ["watch it: isthmus status %s" % past["tunnel"]], 1
        elif row["asks"] and not approved:
            for text in shown(row):
                _say(text)
            if not asks:
                return ["to go on: isthmus pair approve"], 0
            if not _confirmed():
                ask(run_directory, {"command": "pair-cancel", "pairing": number})
                return ["pairing %d is cancelled; if the words differ, somebody is in between" % number], 1
            _send_approval(run_directory, number, " ".join(row["words"]), None)
            approved = True
        time.sleep(LOOK_EVERY_S)
    return ["nothing was decided; see: isthmus pair status"], 1


def _look(run_directory: str) -> dict[str, Any]:
    """What pair-status says, of a daemon that may be busy for a while: what was begun goes on. Raises IsthmusError."""
    end = now() + AWAY_MS
    while True:
        try:
            return ask(run_directory, {"command": "pair-status"})
        except DaemonAwayError:
            if now() >= end:
                raise
            time.sleep(LOOK_EVERY_S)


def _find(rows: list[dict[str, Any]], number: int) -> dict[str, Any] | None:
    for row in rows:
        if row["number"] == number:
            return row
    return None


def _line(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    trouble = row.get("trouble")
    story = "%s: %s" % (row["tunnel"], row["story"]) if "ago_s" in row and row["tunnel"] else row["story"]
    return story + ("; %s; what to do: %s" % (trouble["message"], trouble["remedy"]) if trouble else "")


def shown(row: dict[str, Any]) -> list[str]:
    """One pairing, for people."""
    peer = row["peer"] or "not known yet"
    left = "%d:%02d minutes left" % (row["left_s"] // 60, row["left_s"] % 60)
    lines = ["pairing %d with site %s: %s (%s)" % (row["number"], peer, row["story"], left)]
    if row["words"] and row["own"]:
        lines.append("  the three words:  %s" % "  ".join(row["words"]).upper())
        lines.append("  here (%s): %s" % (row["site"], _networks(row["own"])))
        lines.append("  there (%s): %s" % (peer, _networks(row["theirs"])))
        for overlap in row["overlaps"]:
            lines.append("  overlap: %s; an alias keeps them apart" % overlap)
        lines.append("  " + row["nat"])
        sizes = (row["mtu"], abs(row["clock_offset_s"]))
        lines.append("  largest packet on the way: %d bytes; the two clocks differ by %d s" % sizes)
        lines.append("  if both sides approve, there will be:")
        lines += ["    - %s" % change for change in row["changes"]]
    if row["rivals"]:
        lines.append("  warning: %d others have come with the same invite: who else could read it?" % row["rivals"])
    if row["failures"]:
        lines.append("  warning: %d attempts with a wrong proof; five close the invite" % row["failures"])
    lines += ["  note: %s" % note for note in row["notes"]]
    if row["trouble"] is not None:
        lines += ["  trouble: %s" % row["trouble"]["message"], "  what to do: %s" % row["trouble"]["remedy"]]
    return lines


def _networks(rows: list[dict[str, str]]) -> str:
    texts = []
    for row in rows:
        seen = "" if row["network"] == row["shown"] else ", seen as %s" % row["shown"]
        texts.append(row["network"] + seen)
    return "; ".join(texts)


def _past(row: dict[str, Any]) -> list[str]:
    if row["tunnel"]:
        lines = ["pairing %d: site %s, tunnel %s: %s: %s" % (
            row["number"], row["peer"], row["tunnel"], row["state"], row["story"])]  # fmt: skip
    else:
        peer = " with site %s" % row["peer"] if row["peer"] else ""
        lines = ["pairing %d%s is over: %s (%d s ago)" % (row["number"], peer, row["story"], row["ago_s"])]
    if row["error"] is not None:
        if row["tunnel"]:
            lines.append("  error: %s" % row["error"]["message"])
        lines.append("  what to do: %s" % row["error"]["remedy"])
    return lines


def _unpaired(tunnel: str, answer: dict[str, Any]) -> list[str]:
    lines = ["tunnel %s and its keys are removed; sections: %s" % (tunnel, ", ".join(answer["removed"]))]
    lines += ["exposed: %s" % sentence for sentence in answer["exposed"]]
    lines += ["warning: %s" % sentence for sentence in answer["warnings"]]
    lines.append("the other site still has its half: isthmus unpair there as well")
    return lines
