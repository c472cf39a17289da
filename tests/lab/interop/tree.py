"""A stack of other people's programs (tools/_peers.py), laid over `/usr` and `/etc` for the processes that use it.

Each use has a mount namespace of its own: the tree over `/usr`, the tree over `/etc` with a layer in memory that can
be written to, and an empty `/run`. So every path is what the program expects, two of the same kind do not meet, and
nothing of this machine changes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab.namespace import LabError, run

if TYPE_CHECKING:
    from tests.lab.namespace import Namespace

TOOLS = Path(__file__).resolve().parents[3] / "tools"
sys.path.insert(1, str(TOOLS))

import _peers  # noqa: E402 - the path comes first
import _probe  # noqa: E402

# The first process of the mount namespace. It keeps the namespace until its standard input closes.
ENTER = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/etc /run/work /run/lock /run/pluto
mount -t overlay -o "lowerdir=$1/usr:/usr" usr /usr
mount -t overlay -o "lowerdir=$1/etc:/etc,upperdir=/run/etc,workdir=/run/work" etc /etc
echo ready
read -r end || exit 0
"""


def find(stack: str) -> Path | None:
    """A stack's folder; None where tools/setup could not get it."""
    path = _peers.find_tree(_probe.shared_cache(), stack)
    return path if path.is_dir() else None


class Tree:
    """One use of a stack ("strongswan", "libreswan") in a network namespace, from `with` or open() to close()."""

    def __init__(self, stack: str, namespace: Namespace) -> None:
        self.stack = stack
        self.namespace = namespace
        self.keeper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Tree:
        """Lay it out."""
        self.open()
        return self

    def __exit__(self, *_error: object) -> None:
        """Let go."""
        self.close()

    def open(self) -> None:
        """Lay it out; when this returns, programs can be started."""
        folder = find(self.stack)
        if folder is None:
            raise LabError(f"no {self.stack} here: tools/setup lab fetches it where apt-get is")
        self.keeper = self.namespace.start(["unshare", "-m", "sh", "-c", ENTER, "tree", str(folder)],
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.keeper.stdout is not None
        if self.keeper.stdout.readline() != b"ready\n":
            raise LabError(f"the tree of {self.stack} could not be laid out")

    def close(self) -> None:
        """Let go of the mount namespace; programs that still run in it are the caller's."""
        if self.keeper is not None:
            self.keeper.kill()
            self.keeper.communicate()
            self.keeper = None

    def path(self, name: str) -> Path:
        """A file of /run or /etc of the tree's world, seen from here. A socket's path must be short: it is."""
        assert self.keeper is not None
        return Path(f"/proc/{self.keeper.pid}/root") / name.lstrip("/")

    def write(self, name: str, text: str) -> None:
        """Write one of its files; only root may read it, for it may hold secrets."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        path.write_text(text)

    def wrap(self, command: list[str]) -> list[str]:
        """The command as it runs in the tree's world."""
        assert self.keeper is not None
        # The root as well: in the lab's machine, that of a mount namespace is not where its processes live.
        process = f"/proc/{self.keeper.pid}"
        return ["nsenter", f"--mount={process}/ns/mnt", f"--root={process}/root", "--wd=/", "--", *command]

    def start(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program; options as of subprocess.Popen."""
        return self.namespace.start(self.wrap(command), **options)

    def run(self, *command: str, text: str | None = None) -> str:
        """Run a program; its output. Raises LabError when it fails."""
        with self.namespace:
            return run(self.wrap(list(command)), text)
