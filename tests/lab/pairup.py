"""Two fresh routers paired by their command lines, step by step, for people to watch: what tools/demo shows."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

from isthmus import qr
from isthmus.config.model import KEY_FILES
from isthmus.edge.os_cpython_terminal import measure_terminal
from tests.lab.bringup import NAME_A, NAME_B, Bringup, Watch
from tests.lab.namespace import LabError
from tests.lab.paired import Office

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.bringup import Show
    from tests.lab.topology import Topology

    Head = Callable[[str], None]  # a heading
    Say = Callable[[str], None]

WORDS = re.compile(r"the three words: +(\S+) +(\S+) +(\S+)")


class Pairup(Bringup):
    """As Bringup, with an invite in the place of the PSK. Office B is where the invite is entered."""

    def __init__(self, topology: Topology, shim: bool = False) -> None:
        self.topology = topology
        # Each tunnel gets the name of the site that it leads to.
        self.a, self.b = Office(topology.router_a, NAME_B, False), Office(topology.router_b, NAME_A, False)
        self.a.shim = self.b.shim = shim
        self.watches = (Watch("router A", self.a, NAME_A), Watch("router B", self.b, NAME_B))
        self.invite = ""
        self.answer_after = 0.0
        self.up_after = 0.0
        self.approved_after = 0.0  # seconds until both had approved
        self.sent = 0
        self.lost = 0

    def offices(self) -> tuple[Office, Office]:
        """Where the invite is made, and where it is entered."""
        return self.a, self.b

    def pair(self, head: Head, say: Say, show: Show) -> None:
        """From the first command to pings that are answered. Raises LabError."""
        begin = time.monotonic()
        head("router A: isthmus pair invite")
        out = self.order(self.a, "invite")
        self.invite = out.split()[0]
        say(indented(out))
        if os.isatty(1):
            say("\n".join(draw(self.invite)))
        head("router B: isthmus pair accept, and the invite is pasted")
        at_b = self.order(self.b, "accept", typed=self.invite)
        say(indented(at_b))
        head("router A: isthmus pair status")
        at_a = self.order(self.a, "status")
        say(indented(at_a))
        words = compare(at_a, at_b)
        for watch in self.watches:
            watch.look(0.0, unseen)  # what the screens have shown
        head(f"two people compare the words, on the telephone: {' '.join(words).upper()} on both sides; both approve")
        for site in self.offices():
            say(f"  {site.name}: isthmus pair approve {' '.join(words).lower()}")
            say(indented(self.order(site, "approve", *words)))
        self.approved_after = time.monotonic() - begin
        say("")
        self.follow(begin, show)

    def order(self, site: Office, form: str, *words: str, typed: str = "") -> str:
        """What `isthmus pair FORM WORDS` prints."""
        done = site.command("pair", form, *words, typed=typed)
        if done.returncode != 0:
            raise LabError(f"isthmus pair {form} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout.rstrip()

    def find_told(self) -> list[str]:
        """Secrets that are in a log or in a configuration file; [] is as it should be."""
        found = []
        for site, name in zip(self.offices(), (NAME_A, NAME_B), strict=True):
            shown = (site.folder / "config" / "isthmus").read_text() + site.log()
            secrets = {"invite": self.invite}
            for option in KEY_FILES:
                secrets[option] = site.key(name, option).read_text().strip()
            found += [f"{site.name}: {what}" for what, secret in secrets.items() if secret and secret in shown]
        return found


def draw(invite: str) -> list[str]:
    """The QR code that the command shows at a terminal; nothing where it has no room."""
    matrix = qr.encode(invite.replace("-", ""))
    way = qr.choose(matrix, *measure_terminal())
    return [] if way is None else qr.render(matrix, *way)


def unseen(_after: float, _who: str, _what: str) -> None:
    """Show nothing."""


def compare(*screens: str) -> tuple[str, ...]:
    """The three words, which all screens show. Raises LabError."""
    words = [WORDS.search(screen) for screen in screens]
    found = {word.groups() for word in words if word is not None}
    if len(found) != 1 or None in words:
        raise LabError(f"the words differ, or there are none: {found}")
    known: tuple[str, ...] = found.pop()
    return known


def indented(text: str) -> str:
    """What a command has printed; the invite, which is one long line, in lines of a readable length."""
    lines = []
    for line in text.splitlines():
        while len(line) > 100 and " " not in line:
            cut = line.rfind("-", 0, 97) + 1
            lines.append("  " + line[:cut])
            line = line[cut:]  # noqa: PLW2901 - the rest of it
        lines.append("  " + line)
    return "\n".join(lines)
