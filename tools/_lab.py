"""Run one command in the lab, or open a shell in it.

The lab is Linux with ESP, L2TPv3 and nftables, as root, where network namespaces can be made freely and no packet can
reach a real network. Where the kernel of this machine has all that, the command runs in namespaces of its own (network,
mounts, processes), which end with it; elsewhere in a virtual machine with Debian's kernel over this machine's files.
Either way the command sees the checkout at the same place, can write to it, streams its output, and hands back its exit
status; nothing is left running. Of the network nothing leads in, but what ISTHMUS_LAB_FORWARD names on the loopback.
"""

from __future__ import annotations

import argparse
import compileall
import os
import socket
import sys
from pathlib import Path

import _kernel
import _probe
import _vm

# What a namespace of our own needs before the command: loopback, and names that are ours alone.
NATIVE_SETUP = """
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
mount -t sysfs sysfs /sys 2>/dev/null
ip link set lo up
exec "$@"
"""


def parse_forwards(text: str) -> list[tuple[str, int]]:
    """ISTHMUS_LAB_FORWARD: `127.0.0.1:8443 127.0.0.2:8443`, places on this host's loopback. Raises MachineError."""
    found = []
    for word in text.split():
        host, _, port = word.rpartition(":")
        if not host.startswith("127.") or not port.isdecimal():
            raise _vm.MachineError(f"ISTHMUS_LAB_FORWARD: {word} is no place on the loopback, such as 127.0.0.1:8443")
        found.append((host, int(port)))
    return found


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises MachineError."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(64)
    except OSError as error:
        sock.close()
        raise _vm.MachineError(f"{host}:{port} of this host cannot be used ({error.strerror}): see what listens there "
                               "with `ss -ltnp`, and end it") from None
    return sock


def run_here(command: list[str], environment: dict[str, str], forwards: list[tuple[str, int]]) -> int:
    """Become the command in new namespaces of this kernel. What listens for it is made here, and handed on."""
    environment["PATH"] += ":/usr/sbin:/sbin"
    sockets = [listen(*place) for place in forwards]
    for sock in sockets:
        sock.set_inheritable(True)
    environment["ISTHMUS_LAB_SOCKETS"] = " ".join(str(sock.fileno()) for sock in sockets)
    words = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-c", NATIVE_SETUP, "lab", *command]
    os.execvpe(words[0], words, environment)  # noqa: S606


def run_machine(lab: _probe.Lab, command: list[str], environment: dict[str, str],
                forwards: list[tuple[str, int]]) -> int:
    """Run the command in a virtual machine."""
    for place in forwards:
        listen(*place).close()  # what is in the way is named better here
    places = [f"{_vm.ADDRESS}:{_vm.GUEST_PORTS + number}" for number in range(len(forwards))]
    environment["ISTHMUS_LAB_LISTEN"] = " ".join(places)
    # An emulated processor compiles Python slowly; here it takes a moment.
    for folder in ("firmware", "tests", "tools", "web"):
        compileall.compile_dir(_vm.ROOT / folder, quiet=2, workers=1)
    image = _kernel.build_image(lab.shared, _vm.ROOT / ".cache")
    machine = _vm.Machine(image, lab.accelerator or "tcg", command, environment, Path.cwd(), forwards=forwards)
    return machine.run(terminal=os.isatty(0) and os.isatty(1))


def main() -> int:
    """Run the command of the command line; its exit status, or 70 when the lab failed."""
    parser = argparse.ArgumentParser(prog="tools/lab", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run; a shell if nothing is given")
    command = parser.parse_args().command
    if command[:1] == ["--"]:
        del command[0]
    command = command or [os.environ.get("SHELL", "/bin/sh")]
    if os.environ.get("ISTHMUS_LAB"):
        os.execvp(command[0], command)  # noqa: S606
    mode = os.environ.get("ISTHMUS_LAB_MODE", "")
    if mode not in {"", "native", "vm"}:
        return _vm.die(f"ISTHMUS_LAB_MODE={mode}: allowed are native and vm")
    lab = _probe.Lab(_probe.shared_cache())
    native = lab.native if not mode else mode == "native"
    environment = dict(os.environ, ISTHMUS_LAB="native" if native else "vm")
    try:
        forwards = parse_forwards(environment.get("ISTHMUS_LAB_FORWARD", ""))
        if native:
            return run_here(command, environment, forwards)
        return run_machine(lab, command, environment, forwards)
    except (_vm.MachineError, _kernel.KernelImageError, OSError) as error:
        return _vm.die(str(error))


if __name__ == "__main__":
    sys.exit(main())
