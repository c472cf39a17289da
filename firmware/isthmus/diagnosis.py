"""`isthmus diag`: what is put into the text, beside what only the daemon knows; and the secrets it is searched for.

Keys have no way in: the kernel's SAs are listed by kernel/objects.py, which knows none, and never by `ip xfrm state`.
"""

from __future__ import annotations

from isthmus.doctor.bundle import bundle
from isthmus.doctor.hide import secrets_of, shown, words_of
from isthmus.doctor.report import lines
from isthmus.edge import os_cpython as host
from isthmus.edge import os_cpython_look as look
from isthmus.edge.printable import printable
from isthmus.kernel.real_program import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from isthmus.config.model import Config
    from isthmus.doctor.facts import Facts
    from isthmus.survey import Places

    Parts = list[tuple[str, str]]

PATIENCE_MS = 10_000
# Programs that print no key, whatever they list. -t: the elements of sets may be a hundred thousand.
PROGRAMS = (
    "nft -t list ruleset", "ip -d link", "ip addr", "ip rule", "ip -6 rule", "ip route show table all",
    "ip -6 route show table all", "ip neigh", "ip xfrm policy",
)  # fmt: skip
FILES = ("/proc/net/xfrm_stat", "/proc/net/dev", "/proc/net/udp", "/proc/net/udp6", "/proc/meminfo", "/proc/loadavg",
         "/proc/uptime", "/etc/openwrt_release", "/etc/os-release")  # fmt: skip


def listings() -> Parts:
    """What programs and files say of the system; what is not there is left out."""
    found = []
    for command in PROGRAMS:
        words = command.split()
        try:
            status, text, said = run(words[0], words[1:], "", PATIENCE_MS)
        except (OSError, ValueError):  # the last for what is no UTF-8
            continue
        if not status:
            found.append((command, text))
        elif said:
            found.append((command, "it failed: " + said.strip().split("\n")[0]))
    for path in FILES:
        text = look.read_text(path)
        if text:
            found.append((path, text))
    return found


def secrets_in(places: Places, config: Config | None) -> list[bytes]:
    """Every secret of this router that is known: the text is searched for them."""
    found: list[bytes] = []
    for tunnel in config.tunnels if config is not None else []:
        keys = [tunnel.psk, tunnel.ppk, tunnel.cookie_key, tunnel.control_key] + list(tunnel.also or ())[:2]
        if tunnel.static is not None:
            keys += [tunnel.static.cookie, tunnel.static.peer_cookie]
        found += [key for key in keys if key]
    try:
        found += secrets_of(host.read_file(places.file))
    except OSError:
        pass
    for data in look.contents(places.keys):
        found += words_of(data)
    return found


def diagnosis(
    places: Places, facts: Facts, report: dict[str, Any], parts: Parts, secrets: list[bytes]
) -> dict[str, Any]:
    """{"name": for a file, "text"}. report: of the doctor; parts: whatever else is to be in it."""
    try:
        config = "\n".join(shown(host.read_file(places.file)))
    except OSError as error:
        config = "cannot be read: %s" % host.describe_os_error(error)
    modes = ["%04o %s" % (file.mode, file.path) for file in facts.files or []]
    name = host.host_name()
    first = [
        ("doctor", "\n".join(lines(report))),
        ("system", look.system_words()),
        (places.file, config),
        ("files with keys, their modes", "\n".join(modes)),
    ]
    title = "Isthmus %s on %s, %s" % (facts.release or facts.own, name, facts.wall_text)
    text = bundle(printable(title), first + parts, secrets)
    safe = "".join([char if char in SAFE else "-" for char in name])
    return {"name": "isthmus-diag-%s-%s.txt" % (safe, look.stamp()), "text": _clean(text)}


SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


def _clean(text: str) -> str:
    """What moves a cursor is taken out; ends of lines and tabs stay."""
    rows = []
    for line in text.split("\n"):
        rows.append("\t".join([_whole(word) for word in line.split("\t")]))
    return "\n".join(rows)


def _whole(text: str) -> str:
    return "".join([printable(text[at : at + 500]) for at in range(0, len(text), 500)])
