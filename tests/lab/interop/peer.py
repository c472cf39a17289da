"""What every peer program can do, whoever wrote it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.lab.interop import pseudowire
from tests.lab.interop.tree import Tree
from tests.lab.namespace import LabError, wait_until
from tests.lab.topology import WAN_A, WAN_B

if TYPE_CHECKING:
    from tests.lab.interop.terms import Terms
    from tests.lab.namespace import Namespace

START_S = 60.0  # under emulation, on a busy machine


class Peer:
    """A program of `stack` on router B. remove() ends everything. local, remote: outer addresses."""

    stack = ""
    log_path = ""
    is_lazy = False  # as a responder it installs its outbound SA when the first packet has come
    wants_inside = False  # behind a translator it must read its own address in our selectors
    moves_early = False  # as a responder it sends on a new SA before it has seen that the other side can receive there

    def __init__(self, namespace: Namespace, local: str = WAN_B, remote: str = WAN_A) -> None:
        self.namespace = namespace
        self.local = local
        self.remote = remote
        self.inside = ""  # the other end's own address, where it is behind a translator
        self.tree = Tree(self.stack, namespace)
        self.process: subprocess.Popen[bytes] | None = None
        self.kept = ""  # the log of earlier lives

    def start(self) -> None:
        """Start the program and wait until it takes orders."""
        if self.tree.keeper is None:
            self.tree.open()
        self.configure()
        self.process = self.tree.start(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
        wait_until(f"{self.stack} takes orders", self.is_ready, START_S, 0.05)

    def restart(self, terms: Terms) -> None:
        """End it and start it again, where terms are not of a connection but of the program: none, for most."""

    def stop(self) -> None:
        """End the program in good order."""
        if self.process is not None:
            self.process.terminate()
            self.wait_end()

    def kill(self) -> None:
        """Kill -9."""
        if self.process is not None:
            self.process.kill()
            self.wait_end()

    def wait_end(self) -> None:
        """Collect the process."""
        assert self.process is not None
        self.process.wait(60)
        self.process = None
        self.kept = self.log()

    def remove(self) -> None:
        """End the program however, let go of its files."""
        self.kill()
        self.tree.close()

    def log(self) -> str:
        """What the program has written, in all its lives."""
        if self.tree.keeper is None:  # removed: its files are gone
            return self.kept
        path = self.tree.path(self.log_path)
        return path.read_text(errors="replace") if path.exists() else ""

    def print_log(self) -> None:
        """The end of it, for a test that failed."""
        print(f"--- log of {self.stack} on {self.namespace.name}\n{self.log()[-8000:]}\n---", flush=True)

    def is_ready(self) -> bool:
        """True when it takes orders. LabError when it has ended."""
        if self.process is None or self.process.poll() is not None:
            raise LabError(f"{self.stack} has ended; its log:\n{self.log()[-3000:]}")
        return self.tree.path(self.socket_path()).exists()

    def configure(self) -> None:
        """Write what the program reads at its start."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """How it is started, in the foreground."""
        raise NotImplementedError

    def socket_path(self) -> str:
        """Where it takes orders."""
        raise NotImplementedError

    def lay(self) -> None:
        """Make its end of the pseudowire between `local` and `remote`."""
        pseudowire.lay(self.namespace, self.local, self.remote)

    def take_up(self) -> None:
        """Take that away again."""
        pseudowire.take_up(self.namespace)

    def agree(self, terms: Terms) -> None:
        """Load the one connection with these terms, in place of the last."""
        raise NotImplementedError

    def initiate(self) -> None:
        """Begin; returns at once."""
        raise NotImplementedError

    def rekey_child(self) -> None:
        """Rekey the CHILD SA."""
        raise NotImplementedError

    def rekey_ike(self) -> None:
        """Rekey the IKE SA."""
        raise NotImplementedError

    def terminate(self) -> None:
        """Take the connection down."""
        raise NotImplementedError

    def is_up(self) -> bool:
        """True when an IKE SA and a CHILD SA stand."""
        raise NotImplementedError

    def count_established(self) -> int:
        """How many IKE SAs stand."""
        raise NotImplementedError

    def wait_up(self, limit: float = 30.0) -> None:
        """Wait for that."""
        wait_until(f"{self.stack} says that the connection is up", self.is_up, limit, 0.05)
