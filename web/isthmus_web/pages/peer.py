"""A tunnel to a router that is not Isthmus: a preset fills in what can be known, and says what the other side needs.

What is made here waits with the other changes. The shared key is shown once, in the answer to the form, if this router
has made it; neither a page nor a text has it afterwards.
"""

from __future__ import annotations

import ipaddress
import secrets
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, render_template, request

from isthmus.errors import IsthmusError
from isthmus_web.address import is_address
from isthmus_web.pages.common import ask, field, meant, with_session
from isthmus_web.pages.staging import check_name, section, sections, stage, words_of
from isthmus_web.words import later, say

if TYPE_CHECKING:
    from types import ModuleType

    from flask.typing import ResponseReturnValue

    from isthmus_web.presets import Preset

BLUEPRINT = Blueprint("peer", __name__)
LONGEST_NAME, LONGEST_TEXT, LONGEST_KEY, SHORTEST_KEY = 64, 4096, 512, 16
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is taken for another
GROUPS, GROUP = 8, 4  # 158 bits
ANYWHERE = "%any"
IDS = ("tunnel_id", "peer_tunnel_id", "session_id", "peer_session_id")
TYPED = ("name", "remote", "here", "remote_subnet", "local_subnet", "local_id", "remote_id", "address", "peer_address",
         *IDS)  # fmt: skip
LEAST_ID, MOST_ID = 100, 1023  # what all makers take
TUNNELS = ipaddress.IPv4Network("10.255.0.0/16")  # where addresses on a tunnel are suggested


def make_key() -> str:
    """A shared key that can be read out and typed into any router."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(GROUP)) for _ in range(GROUPS))


def _presets() -> ModuleType:
    """The table, with the texts behind it: loaded for whoever asks, since most routers never need it."""
    from isthmus_web import presets

    return presets


def _preset(kind: str) -> Preset:
    found: Preset | None = _presets().find(kind)
    if found is None:
        abort(404)
    return found


def _suggest(config: dict[str, Any]) -> dict[str, str]:
    """What the form begins with: numbers and addresses that no tunnel here has."""
    options = [row["options"] for row in sections(config, "tunnel")]
    used = {str(row.get(name)) for row in options for name in IDS}
    ids: list[str] = []
    while len(ids) < len(IDS):
        number = str(LEAST_ID + secrets.randbelow(MOST_ID + 1 - LEAST_ID))
        if number not in used and number not in ids:
            ids.append(number)
    taken = {str(text).partition("/")[0] for row in options for text in row.get("address", [])}
    nets = TUNNELS.subnets(new_prefix=30)
    net = next((net for net in nets if str(net[1]) not in taken), TUNNELS)
    found = sections(config, "globals")
    own = found[0]["options"] if found else {}
    endpoints = [text for text in own.get("endpoint", []) if is_address(text)]
    return {
        **dict(zip(IDS, ids, strict=True)), "address": f"{net[1]}/30", "peer_address": str(net[2]),
        "local_id": str(own.get("name") or "isthmus"), "here": endpoints[0] if endpoints else _outer(),
    }  # fmt: skip


def _outer() -> str:
    """This router's address on the Internet, as far as another tunnel has shown it."""
    for row in ask("status")["tunnels"]:
        outer = row.get("outer") or {}
        if outer.get("local") and outer.get("nat") in ("none", "there") and is_address(str(outer["local"])):
            return str(outer["local"])
    return ""


def _form(preset: Preset, error: IsthmusError | None = None, status: int = 200) -> ResponseReturnValue:
    config = ask("config-get")
    typed = _suggest(config)
    if request.method == "POST":
        typed = {name: field(name, LONGEST_TEXT) for name in TYPED}
    return render_template(
        "peer.html", preset=preset, error=error, typed=typed, mark=config["mark"], staged=config["staged"],
        own_key=field("key", 8) == "typed",
    ), status  # fmt: skip


@BLUEPRINT.get("/join/router")
@with_session
def index() -> ResponseReturnValue:
    """Which router it is."""
    return render_template("peers.html", presets=_presets().PRESETS, impossible=_presets().IMPOSSIBLE)


@BLUEPRINT.get("/join/router/<kind>")
@with_session
def page(kind: str) -> ResponseReturnValue:
    """The form for one of them."""
    return _form(_preset(kind))


def _wanted(preset: Preset) -> dict[str, str | list[str]]:
    """The options of the tunnel, without its key. Raises IsthmusError."""
    networks = words_of(meant("remote_subnet", LONGEST_TEXT))
    if not networks:
        raise IsthmusError("no network behind the other router is named", "write one, such as 192.168.20.0/24", "none")
    name, own = field("name", LONGEST_NAME).strip(), field("local_id", LONGEST_TEXT).strip()
    other = field("remote_id", LONGEST_TEXT).strip() or name
    if own == other:
        raise IsthmusError("both routers call themselves %s" % own, "give each a name of its own", "same-name")
    found: dict[str, str | list[str]] = {**preset.options()}
    found.update({
        "ike_proposal": [preset.suites[0]], "esp_proposal": [preset.suites[1]], "remote_subnet": networks,
        "remote": words_of(meant("remote", LONGEST_TEXT)) or [ANYWHERE], "local_id": own, "remote_id": other,
        "local_subnet": words_of(meant("local_subnet", LONGEST_TEXT)),
        "address": words_of(meant("address", LONGEST_TEXT)),
        "peer_address": words_of(meant("peer_address", LONGEST_TEXT)),
    })  # fmt: skip
    found.update({key: field(key, LONGEST_NAME).strip() for key in IDS})
    return found


def _typed_key() -> str:
    """The key that was typed; "": this router makes one. Raises IsthmusError."""
    if field("key", 8) != "typed":
        return ""
    key = field("psk", LONGEST_KEY)
    if len(key) < SHORTEST_KEY:
        message = f"the shared key has {len(key)} characters; {SHORTEST_KEY} are the least"
        raise IsthmusError(message, "type a longer one, or let this router make one", "short-key")
    return key


@BLUEPRINT.post("/join/router/<kind>")
@with_session
def add(kind: str) -> ResponseReturnValue:
    """The tunnel waits with the other changes; the answer says what the other router needs."""
    preset = _preset(kind)
    try:
        name = check_name(field("name", LONGEST_NAME).strip())
        if section(ask("config-get"), "tunnel", name) is not None:
            raise IsthmusError("there is a tunnel of that name already", "choose another name", "name-taken")
        here = field("here", LONGEST_TEXT).strip()
        if here and not is_address(here):
            raise IsthmusError("this router's address is none", "write an address, or leave it empty", "bad-address")
        options, key = _wanted(preset), _typed_key()
        changes: list[dict[str, Any]] = [{"section": name, "type": "tunnel"}]
        for option, value in options.items():
            values = [value] if isinstance(value, str) else value
            if any(values):
                changes.append({"section": name, "option": option, "values": values})
        made = "" if key else make_key()
        stage(*changes, {"section": name, "option": "psk", "values": [key or made]})
    except IsthmusError as error:
        if error.code in ("no-session", "daemon-away"):
            raise
        return _form(preset, error, 400)
    return _text(preset, name, options, here, made, is_new=True)


def _text(
    preset: Preset, name: str, options: dict[str, Any], here: str, key: str, *, is_new: bool
) -> ResponseReturnValue:
    from isthmus_web.recipes import Terms  # as _presets()

    terms = Terms(name, options, here)
    agreed = [
        (say("Shared key"), say("shown above, this once") if key else say("the one that both sides have")),
        (say("The other router calls itself"), terms.remote_id), (say("This router calls itself"), terms.local_id),
        (say("IKEv2 with"), ", ".join(options.get("ike_proposal", []))),
        (say("ESP, transport mode, IP protocol 115, with"), ", ".join(options.get("esp_proposal", []))),
        (say("L2TPv3 tunnel id there, here"), f"{terms.peer_tunnel_id}, {terms.tunnel_id}"),
        (say("L2TPv3 session id there, here"), f"{terms.peer_session_id}, {terms.session_id}"),
        (say("Address on the tunnel there, here"), f"{terms.peer_address}/{terms.length}, {terms.address}"),
        (say("Largest packet inside"), say("%(num)s bytes", num=terms.mtu)),
        (say("Routes there, through the tunnel"), ", ".join(terms.networks + terms.six)),
    ]  # fmt: skip
    differs = [(say(title), ", ".join(options.get(key, [])) or say("default"), suite) for title, key, suite in (
        (later("IKEv2 with"), "ike_proposal", preset.suites[0]), (later("ESP with"), "esp_proposal", preset.suites[1]))
        if suite not in options.get(key, [])]  # fmt: skip
    return render_template(
        "recipe.html", preset=preset, presets=_presets().PRESETS, name=name, agreed=agreed, key=key, is_new=is_new,
        differs=differs,
        parts_of_it=preset.write(terms), has_cookie=bool(options.get("cookie") or options.get("peer_cookie")),
    )  # fmt: skip


@BLUEPRINT.get("/join/router/<kind>/<name>")
@with_session
def text(kind: str, name: str) -> ResponseReturnValue:
    """The same for a tunnel that is there."""
    preset = _preset(kind)
    config = ask("config-get")
    found = section(config, "tunnel", name)
    if found is None or found["options"].get("session") != "static":
        abort(404)
    options = {"mtu": preset.options()["mtu"], **found["options"]}
    if options["mtu"] == "auto":
        options["mtu"] = preset.options()["mtu"]
    return _text(preset, name, options, _suggest(config)["here"], "", is_new=False)
