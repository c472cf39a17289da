"""Isthmus itself as the peer on router B: the same cells, with nobody else's mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.errors import IsthmusError
from tests.lab.interop import pseudowire
from tests.lab.interop.peer import Peer
from tests.lab.interop.pseudowire import NOTHING
from tests.lab.namespace import wait_until
from tests.lab.site import Site

if TYPE_CHECKING:
    from tests.lab.interop.terms import Terms
    from tests.lab.namespace import Namespace

NAME = "isthmus"
STANDS = ("keyed", "carried", "up")


class Isthmus(Peer):
    """isthmusd. It speaks L2TP itself, and calls by itself where its configuration lets it."""

    stack = "isthmus"
    is_lazy = True

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(namespace)
        self.site = Site(namespace, NOTHING, True)
        self.terms: Terms | None = None

    def start(self) -> None:
        """Start the daemon, without a tunnel."""
        self.site.write(NOTHING)
        self.site.start()
        wait_until("isthmusd takes orders", self.is_ready, 60, 0.1)

    def stop(self) -> None:
        """End it in good order."""
        self.site.stop()

    def kill(self) -> None:
        """Kill -9."""
        if self.site.process is not None:
            self.site.kill()

    def remove(self) -> None:
        """End it, delete its files."""
        self.site.remove()

    def is_ready(self) -> bool:
        """True when it answers."""
        try:
            self.site.ask("version")
        except IsthmusError:
            return False
        return True

    def log(self) -> str:
        """What it has written."""
        return self.site.log()

    def lay(self) -> None:
        """It has its own end of the pseudowire."""

    def take_up(self) -> None:
        """And takes it away itself."""

    def agree(self, terms: Terms) -> None:
        """A tunnel that waits for the call."""
        self.terms = terms
        self.write("respond")

    def write(self, role: str) -> None:
        """Write the configuration for a role and have it read."""
        assert self.terms is not None
        self.site.write(pseudowire.configure_peer(self.terms, self.remote, f"option role '{role}'"))
        self.site.ask("reload")

    def initiate(self) -> None:
        """From now on it calls."""
        self.write("both")

    def rekey_child(self) -> None:
        """As a person would order it."""
        self.site.ask("rekey", tunnel=NAME)

    def rekey_ike(self) -> None:
        """The same for IKE."""
        self.site.ask("rekey", tunnel=NAME, ike=True)

    def terminate(self) -> None:
        """The tunnel's configuration goes, and the tunnel with it."""
        self.site.write(NOTHING)
        self.site.ask("reload")

    def is_up(self) -> bool:
        """By its state."""
        return self.site.tunnel().get("state") in STANDS

    def count_established(self) -> int:
        """Pairs of SAs in its kernel: each IKE SA has one."""
        return len(self.site.spis()) // 2
