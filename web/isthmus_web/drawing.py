"""The drawing of the sites, as inline SVG: this one on top, a line to each of the others; the list has its words too.

Made narrow (320 units), so that a phone shows it at its true size. A look has a line and a sign of its own, so that no
colour is needed to tell them apart: ok is whole with a tick, wait dashed with dots, bad broken with a cross, off
dotted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from isthmus.edge.printable import printable
from isthmus_web.words import say

if TYPE_CHECKING:
    from isthmus_web.pages.overview import Tunnel

WIDTH, BOX, GAP = 320, 70, 18
LEFT, TRUNK, BRANCH = 10, 34, 122  # left edge of the first box, the trunk's x, left edge of the others
LETTERS, SMALL = 20, 27  # that a box has room for, in its first line and below
SIGN_X = (TRUNK + BRANCH) // 2

# A sign in a circle of 11 around 0,0
SIGNS = {
    "ok": "M-5 0.5 L-1.5 4 L5 -3.5",
    "wait": "M-4.5 0 h.01 M0 0 h.01 M4.5 0 h.01",
    "bad": "M-3.8 -3.8 L3.8 3.8 M3.8 -3.8 L-3.8 3.8",
    "off": "M-4.5 0 H4.5",
}


def _short(text: str, letters: int = LETTERS) -> str:
    text = printable(text)
    return text if len(text) <= letters else text[: letters - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _networks(networks: list[str]) -> str:
    """The first, and how many more there are."""
    if not networks:
        return say("no network")
    more = f" +{len(networks) - 1}" if len(networks) > 1 else ""
    return _short(networks[0], SMALL - len(more)) + more


def _box(x: int, y: int, width: int, title: str, below: str, networks: list[str], look: str) -> Markup:
    return Markup(
        '<g class="site {look}"><rect x="{x}" y="{y}" width="{width}" height="{height}" rx="10"/>'
        '<text class="name" x="{tx}" y="{ty}">{title}</text><text class="sub" x="{tx}" y="{by}">{below}</text>'
        '<text class="sub" x="{tx}" y="{ny}">{networks}</text></g>'
    ).format(
        look=look, x=x, y=y, width=width, height=BOX, tx=x + 14, ty=y + 23, by=y + 41, ny=y + 58, title=title,
        below=below, networks=_networks(networks),
    )  # fmt: skip


def _branch(tunnel: Tunnel, y: int) -> Markup:
    return Markup(
        '<path class="line {look}" d="M{trunk} {y} H{end}"/>'
        '<g class="sign {look}" transform="translate({x} {y})"><circle r="12"/><path d="{sign}"/></g>'
    ).format(look=tunnel.look, trunk=TRUNK + 6, y=y, end=BRANCH - 6, x=SIGN_X, sign=SIGNS[tunnel.look])


def draw(tunnels: list[Tunnel], site: str = "", networks: list[str] | None = None) -> Markup:
    """The <svg> of these tunnels. site, networks: this site's own."""
    height = BOX + 2 + len(tunnels) * (BOX + GAP)
    middles = [BOX + GAP + index * (BOX + GAP) + BOX // 2 for index in range(len(tunnels))]
    way = f"M{TRUNK} {BOX + 1} V{middles[-1] if middles else BOX}"
    parts = [Markup('<path class="trunk" d="{way}"/>').format(way=way)]
    parts += [_branch(tunnel, y) for tunnel, y in zip(tunnels, middles, strict=True)]
    for index, tunnel in enumerate(tunnels):
        y = BOX + GAP + index * (BOX + GAP)
        name, word = _short(tunnel.name), _short(tunnel.word, SMALL)
        parts.append(_box(BRANCH, y, WIDTH - BRANCH - 2, name, word, tunnel.networks, tunnel.look))
    parts.append(_box(LEFT - 8, 1, 200, _short(site) or say("This site"), say("this router"), networks or [], "here"))
    title = escape(say("Drawing of this site and its tunnels to the others; the list says the same in words."))
    return Markup(
        '<svg class="drawing" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">{parts}</svg>'
    ).format(width=WIDTH, height=height, title=title, parts=Markup().join(parts))
