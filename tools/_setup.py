"""Make a checkout ready to test: packages of the system, Python environment, MicroPython, the lab's kernel.

Each component is a list of steps; a step says what it needs and is skipped when its stamp says that it was done
with the same inputs and its results are still there. One lock for the checkout and one for the machine's cache make
two calls at the same time safe: the second waits, then finds everything done.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import IO

import _kernel
import _peers
import _probe

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
NPM_PACKAGE = "@micropython/micropython-webassembly-pyscript@1.23.0"
EXTRAS = "dev,web"
COMPONENTS = ("core", "lab")  # without a choice
CHOICES = ("python", *COMPONENTS)

# program: Debian package that has it
CORE_PROGRAMS = {"node": "nodejs", "npm": "npm"}
BROWSER_PROGRAMS = {"chromium": "chromium"}  # for tests/web; Playwright comes with the Python packages
NAMESPACE_PROGRAMS = {"ip": "iproute2", "nft": "nftables", "iperf3": "iperf3", "ping": "iputils-ping",
                      "tcpdump": "tcpdump", "modprobe": "kmod", "wg": "wireguard-tools"}
MACHINE_PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox-static"}


class SetupError(Exception):
    """Setup cannot go on; the text says what is missing and what to do."""


def say(text: str) -> None:
    """Show one line of progress."""
    print(f"setup: {text}", file=sys.stderr, flush=True)


def run(what: str, command: list[str], cwd: Path = ROOT) -> None:
    """Run one command quietly; its output is shown only when it fails."""
    say(what)
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive", PYTHONDONTWRITEBYTECODE="")
    done = subprocess.run(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        tail = done.stdout.decode(errors="replace").splitlines()[-15:]
        raise SetupError(f"{' '.join(command)} failed ({done.returncode}):\n" + "\n".join(tail))


def lock(path: Path) -> IO[str]:
    """Wait for and hold an exclusive lock until the returned file is closed (or the process ends, however)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say(f"another setup is running (lock {path}); waiting for it")
        fcntl.flock(file, fcntl.LOCK_EX)
    return file


def find_program(name: str) -> str | None:
    """The path of a program; sbin is looked at even where it is not in an ordinary user's PATH."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def install(programs: dict[str, str]) -> None:
    """Install the Debian packages of the programs that are missing."""
    missing = sorted({package for program, package in programs.items() if find_program(program) is None})
    if missing:
        install_packages(missing)


def install_packages(packages: list[str]) -> None:
    """Install Debian packages, or say which are needed where that is not possible."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SetupError(f"please install: {' '.join(packages)} (names as in Debian 12; as root on Debian, "
                         "tools/setup installs them itself)")
    update_package_lists()
    run(f"installing {' '.join(packages)}",
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", *packages])


def update_package_lists() -> None:
    """Fetch Debian's package lists, once a process; a foreign source that does not answer is not our trouble."""
    if not UPDATED:
        UPDATED.append(True)
        try:
            run("updating package lists", ["apt-get", "update", "-qq"])
        except SetupError as error:
            say(f"apt-get update complained, going on: {error}")


UPDATED: list[bool] = []


class Step:
    """Remembers what a step was done with: a stamp file that holds a digest of its inputs."""

    def __init__(self, name: str, *inputs: str) -> None:
        self.path = CACHE / "setup" / name
        self.digest = hashlib.sha256("\0".join(inputs).encode()).hexdigest()

    def is_done(self, *results: Path) -> bool:
        """True when it was done with the same inputs and its results exist."""
        return self.path.is_file() and self.path.read_text() == self.digest and all(map(Path.exists, results))

    def mark(self) -> None:
        """Remember that it is done."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.digest)


def read_requirements() -> str:
    """What decides the Python environment, as text: build, dependencies and extras of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    keep = (project["build-system"], project["project"]["dependencies"], project["project"]["optional-dependencies"],
            project["project"].get("scripts"), EXTRAS)
    return json.dumps(keep, sort_keys=True)


def setup_python() -> None:
    """Make `.venv` from the pinned requirements, anew when they changed."""
    venv = ROOT / ".venv"
    python = venv / "bin" / "python"
    if venv.is_symlink():
        # It belongs to another checkout, and `venv --clear` would empty that one's: use it, never make it anew.
        if not python.exists():
            raise SetupError(f"{venv} is a link to {venv.resolve()}, which has no Python: run tools/setup "
                             "in the checkout that it belongs to")
        return
    step = Step("python", read_requirements(), sys.executable, platform.python_version(), str(ROOT))
    if step.is_done(python):
        return
    if not has_venv():
        install_packages(["python3-venv"])
    run("making .venv", [sys.executable, "-m", "venv", "--clear", str(venv)])
    run("installing Python packages (a minute)",
        [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-e", f".[{EXTRAS}]"])
    step.mark()


def has_venv() -> bool:
    """True when this Python can make environments (Debian packs that apart)."""
    return subprocess.run([sys.executable, "-c", "import venv, ensurepip"], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def setup_micropython() -> None:
    """Put MicroPython 1.23.0 (WebAssembly) under .cache/npm; the unix port comes with the Python packages."""
    folder = CACHE / "npm"
    step = Step("npm", NPM_PACKAGE)
    if step.is_done(folder / "node_modules" / "@micropython" / "micropython-webassembly-pyscript" / "micropython.mjs"):
        return
    install(CORE_PROGRAMS)
    folder.mkdir(parents=True, exist_ok=True)
    run("installing MicroPython 1.23.0",
        ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder), NPM_PACKAGE])
    step.mark()


def setup_lab() -> None:
    """Find out how the lab can run here and get what that needs."""
    shared = _probe.shared_cache()
    step = Step("lab", platform.release(), os.environ.get("ISTHMUS_LAB_MODE", ""),
                *(Path(__file__).with_name(name).read_text() for name in ("_kernel.py", "_probe.py")))
    results = list(map(Path, _probe.read_results(shared)))
    programs = [name for name in NAMESPACE_PROGRAMS if find_program(name) is None]
    if step.is_done(*results) and not programs:
        return
    with lock(shared / "lock"):
        install(NAMESPACE_PROGRAMS)
        state = _probe.Lab(shared)
        if state.native is None:
            say("looking whether this kernel can run the lab without a virtual machine")
            state.probe_native()
            say(f"it {'can' if state.native else 'cannot: ' + state.why}")
        if not state.native or os.environ.get("ISTHMUS_LAB_MODE") == "vm":
            install(MACHINE_PROGRAMS)
            if not _kernel.is_static(find_program("busybox")):
                install_packages(["busybox-static"])
            if not _kernel.find_kernel(shared):
                update_package_lists()
                say("fetching Debian's kernel (once for this machine, about 70 MB)")
                _kernel.fetch_kernel(shared)
            if state.accelerator is None:
                say("looking whether the virtual machine can use /dev/kvm")
                state.probe_kvm(_kernel.build_image(shared, CACHE))
                say(f"the virtual machine uses {state.accelerator}")
        state.save()
    step.mark()


def setup_peers() -> None:
    """Unpack what the lab's interop tests run against Isthmus; without Debian's packages it is left out."""
    shared = _probe.shared_cache()
    if not _peers.list_missing(shared):
        return
    if not _peers.can_fetch():
        say("no apt-get here: the interop tests will have no strongSwan and no libreswan to talk to")
        return
    with lock(shared / "lock"):
        for stack in _peers.list_missing(shared):
            update_package_lists()
            say(f"fetching {stack} (once for this machine; it is not installed)")
            _peers.fetch(shared, stack)


def main() -> int:
    """Set up the chosen components; 0 when they are ready."""
    parser = argparse.ArgumentParser(prog="tools/setup", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("component", nargs="*", default=COMPONENTS, metavar="python|core|lab",
                        help="python: Python packages; core: those, MicroPython, chromium; lab: virtual machine and "
                             "kernel; without any: core and lab")
    wanted = parser.parse_args().component
    if unknown := set(wanted) - set(CHOICES):
        parser.error(f"no component {' '.join(sorted(unknown))}; there are {', '.join(CHOICES)}")
    try:
        with lock(CACHE / "setup.lock"):
            if {"python", "core"} & set(wanted):
                setup_python()
            if "core" in wanted:
                setup_micropython()
                install(BROWSER_PROGRAMS)
            if "lab" in wanted:
                setup_lab()
                setup_peers()
    except (SetupError, _kernel.KernelImageError, _peers.PeersError) as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
