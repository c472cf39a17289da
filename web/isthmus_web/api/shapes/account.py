"""Users and sessions (firmware/isthmus/accounts.py)."""

from __future__ import annotations

from isthmus_web.api.shapes.notation import FLAG, INT, SECONDS, TEXT, record, ref, rows, said, words
from isthmus_web.pages.common import ROLES

ROLE = words(*ROLES)
FORM = said("what the header X-Isthmus-Form carries, with the cookie alone")
TOKEN = said("this session's token from now on; the former one is worth nothing")

_SESSION = {
    "session": said("its handle, no secret"), "user": TEXT, "role": ROLE, "source": said("where it was begun from"),
    "age_s": SECONDS, "unused_s": SECONDS, "left_s": SECONDS,
    "step_up_s": said("seconds for which the password counts as fresh", INT),
}  # fmt: skip

SHAPES = {
    "Nothing": record(),
    "Error": record(error=record(
        code=said("a short name for programs; docs/API.md lists them with their statuses"),
        message=said("one sentence: what was found, and what is allowed"), remedy=said("what to do"))),
    "Hello": record(first_password=FLAG),
    "Login": record(
        token=said("send it as Authorization: Bearer"), mark=said("send it with the next login"), session=TEXT,
        user=TEXT, role=ROLE, failed_before=said("logins with this name that failed since the last good one", INT),
        idle_s=SECONDS, absolute_s=SECONDS),
    "Session": record({"form_token": FORM}, **_SESSION),
    "Sessions": record(sessions=rows(record(**_SESSION))),
    "Ended": record(user=TEXT),
    "Proof": record({"token": TOKEN, "form_token": FORM}, user=TEXT, step_up_s=SECONDS),
    "Password": record({"token": TOKEN, "form_token": FORM}, user=TEXT, role=ROLE),
    "User": record(user=TEXT, role=ROLE),
    "Users": record(users=rows(record(user=TEXT, role=ROLE, sessions=INT, failed=INT))),
    "Deleted": record(user=TEXT),
    "Fault": record(code=TEXT, message=TEXT, remedy=TEXT),
    "OldFault": record(code=TEXT, message=TEXT, remedy=TEXT, ago_s=SECONDS),
    "Warning": record(code=TEXT, level=words("error", "warning", "note"), message=TEXT, remedy=TEXT,
                      about=ref("About")),
    "About": rows(TEXT),
}  # fmt: skip
