"""Every call of the control socket: its fields, the role that it takes, and whether it takes a fresh password as well.

A call that no row allows is refused before anybody acts on it. `token` (of a session) and `quiet` (the call is a
page's own look, and does not keep its session alive) may come with each.
"""

from __future__ import annotations

from isthmus.edge.control import unpack_line
from isthmus.errors import IsthmusError
from isthmus.users.roles import ADMINISTER, ANYONE, LOOK, OPERATE, ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Field:
    """One field of a request: its type, whether it must be there, the longest text."""

    def __init__(self, name: str, kind: type, required: bool, longest: int = 64) -> None:
        self.name = name
        self.kind = kind
        self.required = required
        self.longest = longest


class Call:
    """One row: fields, role (users/roles.py), what it does, and whether it takes a step-up; stepping: the field that
    makes it take one.
    """

    def __init__(self, role: int, fields: list[Field], text: str, step_up: bool = False, stepping: str = "") -> None:
        self.role = role
        self.fields = fields
        self.text = text
        self.step_up = step_up
        self.stepping = stepping

    def takes_step_up(self, request: dict[str, Any]) -> bool:
        """Whether this request takes a fresh password."""
        return self.step_up or bool(self.stepping and request.get(self.stepping))


_TUNNEL = Field("tunnel", str, True)
_MAYBE_TUNNEL = Field("tunnel", str, False)
_USER = Field("user", str, True)
_ROLE = Field("role", str, True)
_PASSWORD = Field("password", str, True, 256)
_PAIRING = Field("pairing", int, False)
ALWAYS = (Field("token", str, False), Field("quiet", bool, False))

COMMANDS = {
    "status": Call(LOOK, [_MAYBE_TUNNEL], "how every tunnel is, or one"),
    "show": Call(LOOK, [_TUNNEL], "everything known of one tunnel, without secrets"),
    "history": Call(
        LOOK, [_TUNNEL, Field("span", str, False)],
        "what a tunnel has carried and lost in steps of time; span: 15min (of 10 s) or day (of 5 min)",
    ),
    "policy": Call(LOOK, [], "forced rules, passthrough and aliases: what passes, what does not, and why"),
    "policy-explain": Call(
        LOOK,
        [Field("source", str, True), Field("destination", str, True), Field("port", str, False)],
        "what happens to one packet, step by step",
    ),
    "version": Call(LOOK, [], "the daemon's version"),
    # examining.py
    "doctor": Call(LOOK, [_MAYBE_TUNNEL], "what is wrong with this router or one tunnel, and what to do about it"),
    "log": Call(
        LOOK, [_MAYBE_TUNNEL, Field("count", int, False), Field("after", int, False)],
        "what was logged lately; after: only what comes behind that number",
    ),
    "diag": Call(ADMINISTER, [], "a text without secrets for whoever helps: doctor, status, log, lists of the kernel"),
    "up": Call(OPERATE, [_TUNNEL], "start a tunnel that was taken down"),
    "down": Call(OPERATE, [_TUNNEL], "take a tunnel down; its guard stays"),
    "rekey": Call(
        OPERATE, [_TUNNEL, Field("ike", bool, False)], "renew a tunnel's keys now: those of ESP, or those of IKE"
    ),
    "policy-test": Call(
        OPERATE,
        [Field("rule", str, False), Field("look", bool, False)],
        "send probes as the hosts of one rule, or all; look: how far that is, and what it has shown",
    ),
    "reload": Call(ADMINISTER, [], "read the configuration again and apply what differs", step_up=True),
    # What pairing is: pairings.py, pairing_commands.py
    "pair-status": Call(LOOK, [], "pairings under way: both sites, the words, what would change; the last results"),
    "pair-invite": Call(
        ADMINISTER, [Field("at", str, False, 1024)],
        "an invite for another site; at: where this one is reached, HOST HOST", step_up=True,
    ),
    "pair-accept": Call(ADMINISTER, [Field("invite", str, True, 20000)], "enter another site's invite", step_up=True),
    "pair-approve": Call(
        ADMINISTER, [_PAIRING, Field("words", str, True, 128), Field("name", str, False)],
        "both screens show these words; name: of the tunnel here", step_up=True,
    ),
    "pair-cancel": Call(ADMINISTER, [_PAIRING], "end a pairing that is under way"),
    "pair-rotate": Call(ADMINISTER, [_TUNNEL], "renew what pairing has agreed: key, ppk and control key", step_up=True),
    "unpair": Call(
        ADMINISTER, [_TUNNEL, Field("force", bool, False)],
        "remove a paired tunnel with its keys and aliases; force: and forced rules that have no other", step_up=True,
    ),
    # The configuration for forms: configuring.py
    "config-get": Call(LOOK, [], "the configuration with what is staged, without secrets; its mark"),
    "config-rows": Call(LOOK, [Field("type", str, True)], "what a section of this type may say, and its help"),
    "hosts": Call(LOOK, [], "who was lately there on this site's own networks, as rules may name them"),
    "config-stage": Call(
        ADMINISTER, [Field("mark", str, True), Field("changes", list, True)],
        "stage these changes, all or none, if the configuration is still what this mark stands for",
    ),
    "config-revert": Call(ADMINISTER, [Field("mark", str, True)], "drop all that is staged"),
    # A change on trial: changing.py
    "apply-look": Call(ADMINISTER, [], "what is staged, and what it would mean, in words; its mark"),
    "apply": Call(
        ADMINISTER,
        [Field("mark", str, False), Field("seconds", int, False), Field("alone", bool, False)],
        "put what is staged in force for so many seconds (90), and undo it unless it is confirmed; mark: of what was "
        "shown; alone: the probes confirm it",
        step_up=True,
    ),
    "apply-status": Call(LOOK, [], "the change on trial, its probes, what is left of its time; how the last ended"),
    "confirm": Call(
        ADMINISTER,
        [Field("anyway", bool, False), Field("mark", str, False)],
        "the change on trial stays; anyway: whatever the probes say, with a fresh password; mark: which one, as "
        "apply-status tells it: a session says it",
        stepping="anyway",
    ),
    "revert": Call(
        ADMINISTER,
        [Field("over", bool, False), Field("mark", str, False)],
        "undo the change on trial now; over: put back the files of before, over what somebody else has made of them, "
        "with a fresh password; mark: as of confirm",
        stepping="over",
    ),
    # A site as one encrypted file: backups.py
    "backup": Call(
        ADMINISTER, [Field("passphrase", str, True, 512)],
        "configuration, keys and users as one file, encrypted under this passphrase, in base64", step_up=True,
    ),
    "restore": Call(
        ADMINISTER,
        [Field("file", str, False, 245_000), Field("passphrase", str, False, 512), Field("look", bool, False),
         Field("mark", str, False), Field("seconds", int, False)],
        "put what a backup holds in force for so many seconds (90), and undo it unless it is confirmed; look: only say "
        "what that means; mark: of what was shown, in place of file and passphrase",
        step_up=True,
    ),
    # What users and sessions are: users/, accounts.py
    "hello": Call(
        ANYONE, [Field("user", str, False), Field("mark", str, False)],
        "whether the first password is still to be set; mark: whether a login of user's with it waits for no stranger",
    ),
    "login": Call(
        ANYONE,
        [_USER, _PASSWORD, Field("source", str, False), Field("mark", str, False)],
        "begin a session: its token, and a mark for the browser to keep; source: the browser's address",
    ),
    "first-password": Call(
        ANYONE, [Field("code", str, True), _USER, _PASSWORD], "with root's code: make the first user, who administers"
    ),
    "session": Call(LOOK, [], "whose session this is, and for how long"),
    "step-up": Call(LOOK, [_PASSWORD], "prove the password once more: a new token, good for what takes that"),
    "logout": Call(LOOK, [], "end this session"),
    "sessions": Call(LOOK, [], "one's own sessions; whoever administers sees all"),
    "session-end": Call(LOOK, [Field("session", str, True)], "end one of them"),
    "password": Call(LOOK, [_PASSWORD], "change one's own password; one's other sessions end", step_up=True),
    "user-list": Call(ADMINISTER, [], "all users"),
    "user-add": Call(ADMINISTER, [_USER, _ROLE, _PASSWORD], "a new user", step_up=True),
    "user-passwd": Call(ADMINISTER, [_USER, _PASSWORD], "another password for a user", step_up=True),
    "user-role": Call(ADMINISTER, [_USER, _ROLE], "another role for a user", step_up=True),
    "user-delete": Call(ADMINISTER, [_USER], "no such user any more", step_up=True),
    "user-code": Call(ROOT, [], "a code with which the first password may be set in the web interface"),
}


class RequestError(IsthmusError):
    """A request that no row of COMMANDS allows."""

    code = "bad-request"


def check_request(line: bytes) -> dict[str, Any]:
    """The request in `line`, held against COMMANDS. Raises RequestError."""
    try:
        request = unpack_line(line)
    except ValueError:
        raise RequestError("the request is not one line of JSON") from None
    except RuntimeError:  # nested too deeply; MicroPython has no RecursionError
        raise RequestError("the request is nested too deeply") from None
    if not isinstance(request, dict):
        raise RequestError("the request is not a JSON object")
    command = request.get("command")
    if not isinstance(command, str) or command not in COMMANDS:
        raise RequestError("unknown command; allowed: %s" % ", ".join(sorted(COMMANDS)))
    fields = COMMANDS[command].fields + list(ALWAYS)
    for field in fields:
        _check_field(command, field, request.get(field.name))
    allowed = {"id", "command"} | {field.name for field in fields}
    for name in request:
        if name not in allowed:
            raise RequestError("%s takes no field of that name; allowed: %s" % (command, ", ".join(sorted(allowed))))
    if "id" in request and not isinstance(request["id"], (int, str)):
        raise RequestError("the id is a number or a text")
    return request


def _check_field(command: str, field: Field, value: object) -> None:
    if value is None:
        if field.required:
            raise RequestError("%s needs the field %s" % (command, field.name))
    elif not isinstance(value, field.kind):
        raise RequestError("%s: the field %s has the wrong type" % (command, field.name))
    elif isinstance(value, str):
        if len(value) > field.longest:
            raise RequestError("%s: the field %s is longer than %d" % (command, field.name, field.longest))
        try:
            value.encode()
        except ValueError:  # half of a surrogate pair
            raise RequestError("%s: the field %s is no text" % (command, field.name)) from None
