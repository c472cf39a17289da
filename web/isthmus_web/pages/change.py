"""Changes: what is staged, in words; put in force on trial; kept by whoever has tried it, or undone by itself.

The whole procedure is isthmusd's (`isthmus apply`): this page shows it and asks. Keeping takes this session and nothing
else, since whoever has cut the way to this page cannot press the button: then all is as before when the time is up.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flask import Blueprint, redirect, render_template, request, url_for

from isthmus.errors import IsthmusError
from isthmus_web import visit
from isthmus_web.pages.common import ask, begin, ending, field, may, number, pages, with_session
from isthmus_web.pages.deeds import deed, outcome, typed_password
from isthmus_web.words import later, say

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from isthmus_web.jobs import Job
    from isthmus_web.link import Link

BLUEPRINT = Blueprint("change", __name__)
WINDOWS = (120, 300, 900)  # seconds
LONGEST_MARK = 64
PATIENCE_S = 10.0  # a probe that is on its way when somebody keeps a change is waited for
PAUSE_S = 0.5

# What a sentence of isthmusd is about (applying/words.py): how it looks, the word for it
KINDS = {
    "opens": ("bad", later("Opens")),
    "leads": ("bad", later("Leads elsewhere")),
    "closes": ("ok", later("Protects")),
    "restarts": ("wait", later("Interrupts")),
    "note": ("off", later("Changes")),
}
PROBES = {"ok": ("ok", later("Works again")), "wait": ("wait", later("Not yet")), "failed": ("bad", later("Fails"))}
ENDS = {
    "confirmed": ("ok", later("The last change was kept")),
    "undone": ("wait", later("The last change was undone; everything is as it was before it")),
    "lost": ("bad", later("The last change could not be followed to its end")),
}


def sentences(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Rows of isthmusd's as the page shows them."""
    found = []
    for row in rows:
        look, word = KINDS.get(row["kind"], KINDS["note"])
        found.append({"look": look, "word": say(word), "text": str(row["text"])})
    return found


def _probes(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    found = []
    for row in rows:
        look, word = PROBES.get(row["state"], PROBES["wait"])
        found.append({"look": look, "word": say(word), "what": str(row["what"]), "text": str(row["text"])})
    return found


def show(error: IsthmusError | None = None, status: int = 200) -> ResponseReturnValue:
    """The page, as things are now."""
    trial = ask("apply-status")
    staged: dict[str, Any] | None = None
    trouble: IsthmusError | None = None
    if trial["state"] == "idle" and may("administer"):
        try:
            staged = ask("apply-look")
        except IsthmusError as refused:
            if refused.code in ("no-session", "daemon-away", "busy"):
                raise
            trouble = refused
    last = trial["last"]
    ended = ENDS.get(last["kind"], ENDS["lost"]) if last else None
    mark = staged["mark"] if staged else ask("config-get")["mark"]
    return render_template(
        "change.html", error=error, trial=trial, staged=staged, trouble=trouble, mark=mark, windows=WINDOWS,
        changes=sentences(staged["changes"] if staged else trial["changes"]), probes=_probes(trial["probes"]),
        last=last, ended=(ended[0], say(ended[1])) if ended else None, dropped=request.args.get("dropped") == "1",
        is_well=all(row["state"] == "ok" for row in trial["probes"]),
    ), status  # fmt: skip


@BLUEPRINT.get("/change")
@with_session
def page() -> ResponseReturnValue:
    """What is staged, or on trial."""
    return show()


@BLUEPRINT.post("/change/apply")
@with_session
def begin_trial() -> ResponseReturnValue:
    """Put what was shown in force, for so long."""
    seconds = number("seconds", 3600) or WINDOWS[0]
    return deed("change", "apply", typed_password(), mark=_mark(), seconds=seconds)


@ending("change")
def changed(job: Job) -> ResponseReturnValue:
    """To the page, which shows where things are."""
    return outcome(job, lambda _result: redirect(url_for("change.page"), 303), show)


@BLUEPRINT.post("/change/keep")
@with_session
def keep() -> ResponseReturnValue:
    """The change on trial stays; `anyway` says so although something fails, and takes the password."""
    if field("anyway", 8):
        return deed("change", "confirm", typed_password(), anyway=True, mark=_mark())
    token, link, mark = visit.session_token(), pages().link, _mark()

    def work() -> dict[str, Any]:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return {"token": token, "result": link.ask_long("confirm", token, mark=mark)}
            except IsthmusError as error:
                if error.code != "probe-failed" or time.monotonic() > end or _has_failed(link, token):
                    raise
            time.sleep(PAUSE_S)

    return begin("change", work)


def _has_failed(link: Link, token: str) -> bool:
    """Whether there is more than a probe that is on its way."""
    return any(row["state"] == "failed" for row in link.ask_long("apply-status", token)["probes"])


@BLUEPRINT.post("/change/undo")
@with_session
def undo() -> ResponseReturnValue:
    """Not wanted after all; `over`: over what somebody else has made of the files, which takes the password."""
    if field("over", 8):
        return deed("change", "revert", typed_password(), over=True, mark=_mark())
    return _do("revert", _mark())


@BLUEPRINT.post("/change/drop")
@with_session
def drop() -> ResponseReturnValue:
    """What is staged is wanted no more."""
    try:
        ask("config-revert", mark=_mark())
    except IsthmusError as error:
        return _refused(error)
    return redirect(url_for("change.page", dropped=1), 303)


def _mark() -> str:
    """The form's: of what its page has shown. A page that had none has shown nothing that can still be meant."""
    return field("mark", LONGEST_MARK) or "-"


def _do(command: str, mark: str) -> ResponseReturnValue:
    try:
        ask(command, mark=mark)
    except IsthmusError as error:
        return _refused(error)
    return redirect(url_for("change.page"), 303)


def _refused(error: IsthmusError) -> ResponseReturnValue:
    if error.code in ("no-session", "daemon-away"):
        raise error
    return show(error, 400)
