"""The page that a browser sees while a password is hashed, or others are ahead of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template, url_for

from isthmus_web.jobs import GoneError
from isthmus_web.pages.common import follow, open_to_all

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

BLUEPRINT = Blueprint("wait", __name__)
AGAIN_S = 2


@BLUEPRINT.get("/wait/<number>")
@open_to_all
def page(number: str) -> ResponseReturnValue:
    """Look again; what is done goes on from here."""
    try:
        done = follow(number)
    except GoneError as error:
        return render_template("refused.html", error=error), 404
    if done is not None:
        return done
    where = url_for("wait.page", number=number)
    return Response(render_template("wait.html", again=where), headers={"Refresh": f"{AGAIN_S}; url={where}"})
