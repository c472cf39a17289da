"""Network namespaces for the tests of the kernel seam, which move their own process from one to the other."""

from __future__ import annotations

import ctypes
import os
import subprocess
from pathlib import Path

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def shell(script: str, check: bool = True) -> str:
    done = subprocess.run(["sh", "-e", "-c", script], capture_output=True, text=True, timeout=120, check=False)
    if check and done.returncode:
        raise RuntimeError("%s\n%s" % (script, done.stderr))
    return done.stdout


def ip_batch(commands: str) -> None:
    subprocess.run(["ip", "-batch", "-"], input=commands, text=True, capture_output=True, timeout=120, check=True)


def new_namespace() -> int:
    """A network namespace for this process from now on; its descriptor."""
    if LIBC.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "a network namespace needs root")
    # No link-local address comes up by itself, seconds later, in the middle of a test that listens for changes.
    Path("/proc/sys/net/ipv6/conf/default/addr_gen_mode").write_text("1", encoding="ascii")
    return os.open("/proc/self/ns/net", os.O_RDONLY)


def enter(namespace: int) -> None:
    if LIBC.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
