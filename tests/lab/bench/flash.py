"""The contenders' programs as a router has them: in its own memory, Python's already compiled.

The lab's machine reads the host's files over 9p: each open and close is a message to the host, which takes a processor
from the machine as well. No router has that. So a copy in memory is laid over what either contender consists of, for
as long as it is measured; and programs and libraries of the system, of whichever of the two, come into memory as well.
"""

from __future__ import annotations

import compileall
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.bench import legacy
from tests.lab.interop.tree import find
from tests.lab.namespace import LabError, run
from tests.lab.site import PACKAGES, ROOT

if TYPE_CHECKING:
    from types import TracebackType

LIBRARY = Path(sysconfig.get_path("stdlib"))
OURS = (ROOT / "firmware", LIBRARY, Path(PACKAGES) / "cryptography", Path(PACKAGES) / "pyroute2")
UNUSED = ("test", "idlelib", "tkinter", "ensurepip", "lib2to3", "dist-packages")  # of Python's library, for the copy
PROGRAMS = ("/usr/sbin/nft", "/usr/sbin/ip", "/bin/sh", "/usr/bin/python3", "/usr/bin/nsenter")
THEIR_PROGRAMS = ("usr/lib/ipsec/charon", "usr/sbin/swanctl", "usr/sbin/xl2tpd", "usr/sbin/pppd")
PLUGINS = "usr/lib/ipsec/plugins/libstrongswan-*.so"


def is_remote() -> bool:
    """Whether this machine has its files from another one."""
    return any(line.split()[2] == "9p" for line in Path("/proc/mounts").read_text().splitlines())


def lift(programs: list[Path]) -> None:
    """Have these programs and the libraries that they load in the layer in memory that is above the host's files: a
    change, were it none, makes the kernel copy a file there.
    """
    files = set()
    for program in programs:
        try:
            lines = run(["ldd", str(program)]).splitlines()
        except LabError:  # not there, or loads nothing
            continue
        found = [Path(word) for line in lines for word in line.split() if word.startswith("/")]
        files |= {path.resolve() for path in [*found, program]}
    for path in files:
        if path.is_file():
            os.chown(path, path.stat().st_uid, -1)


def install() -> None:
    """What firmware/files/lib/isthmus/postinst does."""
    path = ":".join([str(ROOT / "firmware"), PACKAGES])
    run(["env", "PYTHONPATH=" + path, sys.executable, "-m", "isthmus.edge.os_cpython_bundle"])


class Flash:
    """Copies in memory, from `with` to its end; nothing happens where the files are the machine's own."""

    def __init__(self) -> None:
        self.theirs = find(legacy.STACK) or Path("/nonexistent")
        self.folders = [folder for folder in (*OURS, self.theirs) if folder.is_dir()] if is_remote() else []
        self.laid: list[Path] = []
        self.memory = Path(tempfile.mkdtemp(prefix="flash-", dir="/run"))

    def __enter__(self) -> Flash:
        """Lay them over."""
        for number, folder in enumerate(self.folders):
            copy = self.memory / str(number)
            shutil.copytree(folder, copy, symlinks=True, ignore=shutil.ignore_patterns(*UNUSED))
            if folder != LIBRARY:
                compileall.compile_dir(copy, quiet=2)
            run(["mount", "--bind", str(copy), str(folder)])
            self.laid.append(folder)
        if ROOT / "firmware" in self.laid:
            install()
        if self.laid:
            programs = [Path(name) for name in PROGRAMS] + [self.theirs / name for name in THEIR_PROGRAMS]
            lift(programs + list(self.theirs.glob(PLUGINS)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Take them away."""
        for folder in self.laid:
            run(["umount", "--lazy", str(folder)])
        shutil.rmtree(self.memory, ignore_errors=True)
