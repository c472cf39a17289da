"""Joining another site: an invite to send or to paste, three words that both screens show, and two approvals.

isthmusd pairs (`isthmus pair`); this page shows the same. An invite is a secret for ten minutes: it is kept here, in
memory, for the browser that has asked for it alone, so that its page may be loaded again; no address and no log has it.
"""

from __future__ import annotations

import hmac
import threading
import time
from typing import TYPE_CHECKING, Any

from flask import Blueprint, redirect, render_template, url_for
from markupsafe import Markup

from isthmus import qr
from isthmus.errors import IsthmusError
from isthmus_web import visit
from isthmus_web.pages.common import ask, ending, field, number, with_session
from isthmus_web.pages.deeds import deed, outcome, typed_password
from isthmus_web.words import PAIRING, known_or_foreign, later, say

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

    from isthmus_web.jobs import Job

BLUEPRINT = Blueprint("join", __name__)
LONGEST_INVITE, LONGEST_AT, LONGEST_NAME = 20_000, 1024, 64
MOST_INVITES = 16
PATIENCE_S = 60  # from the proof of the keys to a tunnel that carries

# State of a pairing (proto/pairing/exchange.py): look, what happens, for people
STATES = {
    "offered": ("wait", later("Waiting for the other site to enter the invite")),
    "calling": ("wait", later("Calling the other site")),
    "owned": ("wait", later("The other site has answered; the keys are being agreed")),
    "greeted": ("wait", later("The other site has answered; the keys are being agreed")),
    "opened": ("wait", later("The keys are agreed; waiting for the networks of the other site")),
    "informed": ("wait", later("The keys are agreed; waiting for the networks of the other site")),
    "asking": ("wait", later("Compare the three words with the other side")),
    "awaited": ("wait", later("The other side has approved: compare the three words")),
    "approved": ("wait", later("Approved here; waiting for the other side")),
    "agreed": ("wait", later("Both sides have approved")),
    "kept": ("wait", later("Both sides have approved; the new keys are being proved")),
}


class Invites:
    """Those that were made here a short while ago."""

    def __init__(self) -> None:
        self._rows: dict[int, tuple[str, dict[str, Any], float]] = {}
        self._lock = threading.Lock()

    def keep(self, owner: str, answer: dict[str, Any]) -> None:
        """An answer of `pair-invite`, for who holds this visit."""
        with self._lock:
            self._sweep()
            while len(self._rows) >= MOST_INVITES:
                del self._rows[min(self._rows)]
            self._rows[int(answer["number"])] = (owner, answer, time.monotonic() + float(answer["left_s"]))

    def find(self, owner: str, key: int) -> dict[str, Any] | None:
        """That answer, as long as it is worth anything."""
        with self._lock:
            self._sweep()
            row = self._rows.get(key)
        if row is None or not owner or not hmac.compare_digest(row[0], owner):
            return None
        return row[1]

    def drop(self, key: int) -> None:
        """It was used or cancelled."""
        with self._lock:
            self._rows.pop(key, None)

    def _sweep(self) -> None:
        now = time.monotonic()
        for key in [key for key, row in self._rows.items() if row[2] < now]:
            del self._rows[key]


INVITES = Invites()


class Pairing:
    """A pairing under way, as the page shows it."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.row = row
        self.number = int(row["number"])
        self.look, words = STATES.get(row["state"], ("wait", ""))
        self.story = say(words) if words else ""
        self.trouble = _told(row["trouble"])
        self.asks = bool(row["asks"])
        self.shows = bool(row["words"] and row["own"])
        self.is_calling = row["state"] == "calling"


class Past:
    """One that is over."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.row = row
        self.number = int(row["number"])
        self.error = _told(row["error"])
        self.tunnel = str(row["tunnel"])
        if row["state"] == "up":
            self.look, self.word = "ok", say("Joined: the tunnel is up")
            self.error = None
        elif self.tunnel and row["state"] != "over":
            is_new = row["ago_s"] < PATIENCE_S
            self.look, self.word = "wait", say("Joined; the tunnel is coming up")
            if not is_new:
                self.look, self.word = "bad", say("Joined, but the tunnel is not up")
        else:
            self.look, self.word = ("bad", say("Ended without joining")) if self.error else ("off", say("Over"))


def _told(row: dict[str, Any] | None) -> dict[str, Any] | None:
    """An error of pairing: in the page's language where we know it."""
    return None if row is None else known_or_foreign(PAIRING, str(row["code"]), str(row["message"]), str(row["remedy"]))


def _show(
    error: IsthmusError | None = None, status: int = 200, typed: dict[str, str] | None = None
) -> ResponseReturnValue:
    found = ask("pair-status")
    told = known_or_foreign(PAIRING, error.code, str(error), error.remedy) if error is not None else None
    pairings = [Pairing(row) for row in found["pairings"]]
    past = [Past(row) for row in found["past"]]
    kept = [one.number for one in pairings if INVITES.find(visit.visit(), one.number)]
    return render_template(
        "join.html", pairings=pairings, past=past, told=told, typed=typed or {}, kept=kept,
        is_live=bool(pairings) or any(one.look == "wait" for one in past),
    ), status  # fmt: skip


@BLUEPRINT.get("/join")
@with_session
def page() -> ResponseReturnValue:
    """What is under way, and both ways to begin."""
    return _show()


@BLUEPRINT.post("/join/invite")
@with_session
def invite() -> ResponseReturnValue:
    """Make an invite."""
    at = field("at", LONGEST_AT).strip()
    return deed("invite", "pair-invite", typed_password(), {"at": at}, at=at)


@ending("invite")
def invited(job: Job) -> ResponseReturnValue:
    """Show it."""

    def done(result: dict[str, Any]) -> ResponseReturnValue:
        INVITES.keep(visit.visit(), result)
        return redirect(url_for("join.show_invite", key=result["number"]), 303)

    return outcome(job, done, lambda error, status: _show(error, status, {**job.typed, "form": "invite"}))


@BLUEPRINT.get("/join/invite/<int:key>")
@with_session
def show_invite(key: int) -> ResponseReturnValue:
    """The invite to be sent, and how far it is."""
    answer = INVITES.find(visit.cookie(visit.VISIT), key)
    rows = [row for row in ask("pair-status")["pairings"] if row["number"] == key]
    if answer is None or not rows or rows[0]["state"] != "offered":
        if answer is not None:  # whoever asks for another browser's takes it from nobody
            INVITES.drop(key)
        return redirect(url_for("join.page"), 303)
    picture = Markup(qr.to_svg(qr.encode(answer["invite"].replace("-", ""))))  # noqa: S704 - made of squares alone
    return render_template("invite.html", invite=answer, row=rows[0], picture=picture)


@BLUEPRINT.post("/join/accept")
@with_session
def accept() -> ResponseReturnValue:
    """Enter another site's invite. What is wrong with it, isthmusd says."""
    text = field("invite", LONGEST_INVITE)
    if not text.strip():
        return _show(IsthmusError("nothing was entered", "paste the invite", "invite-none"), 400, {"form": "accept"})
    return deed("accept", "pair-accept", typed_password(), {"invite": text}, invite=text)


@ending("accept")
def accepted(job: Job) -> ResponseReturnValue:
    """It is under way, or the form says what is wrong, with what was pasted."""
    return outcome(
        job, lambda _result: redirect(url_for("join.page"), 303),
        lambda error, status: _show(error, status, {**job.typed, "form": "accept"}),
    )  # fmt: skip


@BLUEPRINT.post("/join/approve")
@with_session
def approve() -> ResponseReturnValue:
    """The words are the same: isthmusd is sent those that the page has shown."""
    words, name = field("words", 128) or "-", field("name", LONGEST_NAME).strip()
    return deed("approve", "pair-approve", typed_password(), pairing=number("pairing") or 0, words=words, name=name)


@ending("approve")
def approved(job: Job) -> ResponseReturnValue:
    """To the page, which goes on."""
    return outcome(job, lambda _result: redirect(url_for("join.page"), 303), _show)


@BLUEPRINT.post("/join/cancel")
@with_session
def cancel() -> ResponseReturnValue:
    """They differ, or it is not wanted any more."""
    key = number("pairing") or 0
    try:
        ask("pair-cancel", pairing=key)
    except IsthmusError as error:
        if error.code in ("no-session", "daemon-away"):
            raise
        return _show(error, 400)
    INVITES.drop(key)
    return redirect(url_for("join.page", cancelled=1), 303)
