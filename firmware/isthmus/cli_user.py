"""`isthmus user`: who may log in to the web interface, and as what. For root; isthmusd keeps the users."""

from __future__ import annotations

from isthmus.edge.control import ask
from isthmus.edge.os_cpython_terminal import read_password

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

PATIENCE_MS = 60_000  # a slow router takes seconds for a password, and others may be ahead
FORMS = (  # name, what it does, its words
    ("list", "all users, their roles and sessions", ()),
    ("add", "a new user; the password is asked for, or read from standard input", ("user",)),
    ("passwd", "another password; the user's sessions end", ("user",)),
    ("role", "another role; the user's sessions end", ("user", "role")),
    ("delete", "no such user any more", ("user",)),
    ("code", "a code with which the first password may be set in the web interface, once, within 10 minutes", ()),
)
WORDS = {"user": "name of the user", "role": "look, operate or administer"}
FIRST_ROLE = "administer"


def add_parser(commands: Any) -> None:  # noqa: ANN401 - argparse names no public type for it
    """The command and its forms."""
    user = commands.add_parser(
        "user", help="who may log in to the web interface: list, add, passwd, role, delete, code"
    )
    forms = user.add_subparsers(dest="form")
    for name, text, words in FORMS:
        form = forms.add_parser(name, help=text)
        for word in words:
            form.add_argument(word, help=WORDS[word])
        if name == "add":
            form.add_argument("--role", default=FIRST_ROLE, help=WORDS["role"] + " (default %s)" % FIRST_ROLE)
        form.add_argument("--json", action="store_true", dest="json_too", help="print the daemon's answer as JSON")


def run(arguments: argparse.Namespace) -> tuple[dict[str, Any], list[str], int]:
    """Ask the daemon: (its answer, the lines to print, exit status). Raises IsthmusError."""
    form = arguments.form or "list"
    request: dict[str, Any] = {"command": "user-" + form}
    for word in ("user", "role"):
        if getattr(arguments, word, None) is not None:
            request[word] = getattr(arguments, word)
    if form in ("add", "passwd"):
        request["password"] = read_password("new password of %s" % arguments.user)
    answer = ask(arguments.run, request, PATIENCE_MS)
    return answer, _told(form, answer), 0


def _told(form: str, answer: dict[str, Any]) -> list[str]:
    if form == "list":
        if not answer["users"]:
            return ["there are no users yet: isthmus user add NAME, or isthmus user code"]
        return [_row(row) for row in answer["users"]]
    if form == "code":
        lines = ["%s" % answer["code"], "Enter it in the web interface, with a name and a password of your choice."]
        return lines + ["It is good once, for %d minutes, and until isthmusd is restarted." % answer["minutes"]]
    texts = {
        "add": "the user %s is there now, with the role %s",
        "passwd": "%s has a new password; sessions with the former have ended (role: %s)",
        "role": "%s has the role %s now; the user's sessions have ended",
    }
    if form == "delete":
        return ["the user %s is deleted" % answer["user"]]
    return [texts[form] % (answer["user"], answer["role"])]


def _row(row: dict[str, Any]) -> str:
    failed = "; failed logins since the last good one: %d" % row["failed"] if row["failed"] else ""
    return "%-16s %-10s sessions: %d%s" % (row["user"], row["role"], row["sessions"], failed)
