"""Other people's IKE and L2TP programs, from Debian's packages, unpacked side by side for the lab's interop tests.

strongSwan and libreswan exclude each other as packages, and installing either would start it on this machine. So each
stack gets a folder ("tree") of its own with its programs and the libraries that this machine lacks. The lab lays a tree
over `/usr` and `/etc` in a mount namespace (tests/lab/interop/tree.py), where every path is what the program expects.
The folder's name has a digest of what is asked for here, so that nothing has to be remembered elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

L2TP = ("xl2tpd", "ppp")
# Stack: the packages whose files are wanted; libraries (packages "lib...") that they need come along.
STACKS = {
    "strongswan": ("strongswan-charon", "strongswan-libcharon", "strongswan-starter", "strongswan-swanctl",
                   "libstrongswan", "libstrongswan-standard-plugins", "libstrongswan-extra-plugins",
                   "libcharon-extra-plugins", "charon-systemd", *L2TP),
    "libreswan": ("libreswan", "libnss3-tools", *L2TP),
}
# What must find all its libraries.
PROGRAMS = {
    "strongswan": ("usr/lib/ipsec/charon", "usr/sbin/swanctl", "usr/sbin/xl2tpd", "usr/sbin/pppd"),
    "libreswan": ("usr/libexec/ipsec/pluto", "usr/libexec/ipsec/addconn", "usr/libexec/ipsec/whack",
                  "usr/bin/certutil", "usr/sbin/xl2tpd"),
}
MERGED = ("bin", "sbin", "lib")  # folders that are links into /usr on today's Debian, and not yet in its packages
DEPENDS = re.compile(r"^ ([ |])Depends: ([a-z0-9][a-z0-9.+-]+)$")


class PeersError(Exception):
    """The trees could not be made; the text says why."""


def digest() -> str:
    """Names what is asked for."""
    return hashlib.sha256(repr((STACKS, PROGRAMS, MERGED)).encode()).hexdigest()[:12]


def find_tree(shared: Path, stack: str) -> Path:
    """Where a stack's tree is, or will be."""
    return shared / "peers" / digest() / stack


def list_missing(shared: Path) -> list[str]:
    """The stacks whose trees are not there."""
    return [stack for stack in STACKS if not find_tree(shared, stack).is_dir()]


def can_fetch() -> bool:
    """True on a system whose packages these are."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg-deb") is not None


def fetch(shared: Path, stack: str) -> None:
    """Download a stack's packages and unpack them. It is there as a whole or not at all."""
    target = find_tree(shared, stack)
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="new-", dir=target.parent))
    work.chmod(0o755)
    try:
        names = list_packages(STACKS[stack])
        # The sandbox user of apt cannot write here; without this it warns.
        call(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3", *names], work)
        tree = work / "tree"
        for package in sorted(work.glob("*.deb")):
            call(["dpkg-deb", "-x", str(package), str(tree)], work)
        for name in MERGED:
            if (tree / name).is_dir():
                shutil.copytree(tree / name, tree / "usr" / name, symlinks=True, dirs_exist_ok=True)
                shutil.rmtree(tree / name)
        check_libraries(tree, PROGRAMS[stack])
        tree.rename(target)
    except OSError as error:
        raise PeersError(f"unpacking {stack} failed: {error!r}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def list_packages(wanted: tuple[str, ...]) -> list[str]:
    """Those wanted, and the libraries that they need and this machine does not have."""
    listing = call(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n"])
    installed = set(re.findall(r"^(\S+) .i", listing, re.MULTILINE))
    chosen = list(wanted)
    fresh = list(wanted)
    while fresh:
        found = list_depends(call(["apt-cache", "depends", *fresh]))
        fresh = sorted({name for name in found if name.startswith("lib")} - installed - set(chosen))
        chosen += fresh
    return chosen


def list_depends(listing: str) -> list[str]:
    """The packages that `apt-cache depends` names, the first of each group of alternatives."""
    names = []
    alternative = False
    for line in listing.splitlines():
        found = DEPENDS.match(line)
        if found is not None:
            if not alternative:
                names.append(found.group(2))
            alternative = found.group(1) == "|"
    return names


def check_libraries(tree: Path, programs: tuple[str, ...]) -> None:
    """Raise PeersError where a program of the tree does not find a library."""
    folders = [str(folder) for folder in (*(tree / "usr/lib").glob("*-linux-gnu*"), tree / "usr/lib/ipsec")]
    environment = dict(os.environ, LD_LIBRARY_PATH=":".join(folders))
    for program in programs:
        done = subprocess.run(["ldd", str(tree / program)], env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0 or "not found" in done.stdout:
            raise PeersError(f"{program} lacks libraries: {done.stdout.strip()}")


def call(command: list[str], folder: Path | None = None) -> str:
    """Run a command and give its output; an error names it."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=dict(os.environ, LC_ALL="C"), stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise PeersError(f"{' '.join(command)} failed ({done.returncode}): {done.stdout[-1000:]}")
    return done.stdout
