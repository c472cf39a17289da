"""One virtual machine that runs one command over the host's own files, and then is gone.

QEMU boots the kernel as it is (no firmware, no disk). The machine's root is the host's root, read only over 9p, with a
layer in memory above; the checkout alone can be written to. tools/_streams.py is the command's connection to us.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import _kernel
import _streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
CONSOLE_LOG = ROOT / ".cache" / "lab" / "console.log"
RESULTS = ROOT / ".cache" / "lab" / "results"
ADDRESS, GUEST_PORTS = "10.0.2.15", 8001  # tools/labvm/init gives eth0 this address
MEMORY = os.environ.get("ISTHMUS_LAB_MEMORY", "2G")

# Measured under TCG: without the mitigations and without zeroing every allocated page, a command needs a quarter less.
KERNEL_OPTIONS = ("console=ttyS0 loglevel=4 panic=-1 mitigations=off init_on_alloc=0 cryptomgr.notests=1 "
                  "audit=0 nokaslr no_timer_check random.trust_cpu=on nowatchdog")


class MachineError(Exception):
    """The virtual machine ended, or did not come up; the text shows its last words."""


class Machine:
    """One run: command (list of words), environment, working folder, time limit in seconds or None.

    forwards: addresses and ports of this host's loopback that lead into the machine, to its ADDRESS at GUEST_PORTS and
    up; nothing leads out of it.
    """

    def __init__(self, image: _kernel.Image, accelerator: str, command: list[str], environment: dict[str, str],
                 folder: Path, limit: float | None = None, forwards: Sequence[tuple[str, int]] = ()) -> None:
        self.image = image
        self.accelerator = accelerator
        self.command = command
        self.environment = environment
        self.folder = folder
        self.limit = limit
        self.forwards = forwards

    def run(self, *, quiet: bool = False, terminal: bool = False) -> int:
        """Boot, run the command, return its exit status. Output goes to ours as it comes, unless quiet."""
        RESULTS.mkdir(parents=True, exist_ok=True)
        streams = _streams.Streams(terminal=terminal, quiet=quiet)
        with tempfile.TemporaryDirectory(prefix="isthmus-lab-") as scratch:
            initrd = Path(scratch) / "initrd"
            initrd.write_bytes(self.image.initrd.read_bytes() + self.pack_command(terminal=terminal))
            console = Path(scratch) / "console"
            ends = streams.open()
            process = subprocess.Popen(
                self.build_arguments(initrd, console, ends), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, pass_fds=[end.fileno() for end in ends.values()], start_new_session=True)
            for end in ends.values():
                end.close()
            status = None
            try:
                status = streams.carry(self.limit)
            finally:
                process.kill()
                complaint = process.communicate()[1].decode(errors="replace")
                streams.close()
                last = console.read_text(errors="replace") if console.exists() else ""
                CONSOLE_LOG.write_text(last)
        if status is None:
            if streams.interrupted:
                raise MachineError("interrupted")
            lines = ["the virtual machine ended without an exit status", *complaint.splitlines()[-5:]]
            raise MachineError("\n".join(lines + last.splitlines()[-12:]))
        return status

    def pack_command(self, *, terminal: bool) -> bytes:
        """An archive for the first file system: what to run, and with what around it."""
        modules = self.image.kernel.parent / "lib" / "modules" / self.image.release
        settings = {"CHECKOUT": str(ROOT), "RESULTS": str(RESULTS), "MODULES": str(modules),
                    "TTY": str(int(terminal))}
        exports = (item for item in self.environment.items() if item[0].isidentifier())
        lines = [f"export {name}={shlex.quote(value)}" for name, value in exports]
        if terminal:
            columns, rows = shutil.get_terminal_size()
            lines.append(f"stty rows {rows} cols {columns}")
        lines.append(f"cd {shlex.quote(str(self.folder))} || exit 1")
        lines.append(f"exec {shlex.join(self.command)}")
        conf = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
        return _kernel.pack_archive([("command.conf", stat.S_IFREG | 0o600, conf.encode()),
                                     ("command", stat.S_IFREG | 0o600, ("\n".join(lines) + "\n").encode())])

    def build_arguments(self, initrd: Path, console: Path, ends: dict[str, socket.socket]) -> list[str]:
        """QEMU's command line."""
        accelerator = self.accelerator + (",thread=multi,tb-size=512" if self.accelerator == "tcg" else "")
        arguments = [
            # If we are killed, so is the machine.
            "setpriv", "--pdeathsig", "KILL",
            "qemu-system-x86_64", "-machine", "pc", "-accel", accelerator,
            "-cpu", "max" if self.accelerator == "tcg" else "host",
            "-smp", str(min(os.cpu_count() or 1, 4)), "-m", MEMORY,
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-kernel", str(self.image.kernel), "-initrd", str(initrd), "-append", KERNEL_OPTIONS,
            "-serial", f"file:{console}", "-device", "virtio-serial-pci",
        ]
        for tag, path, options in (("host", "/", ",readonly=on"), ("checkout", ROOT, ""), ("results", RESULTS, "")):
            arguments += ["-fsdev", f"local,id={tag},path={path},security_model=none,multidevs=remap{options}",
                          "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
        for number, name in enumerate(_streams.PORTS, 1):
            arguments += ["-chardev", f"socket,id={name},fd={ends[name].fileno()}",
                          "-device", f"virtserialport,nr={number},chardev={name}"]
        if self.forwards:
            rows = [f"hostfwd=tcp:{host}:{port}-{ADDRESS}:{GUEST_PORTS + number}"
                    for number, (host, port) in enumerate(self.forwards)]
            arguments += ["-netdev", ",".join(["user", "id=ways", "restrict=on", "ipv6=off", *rows]),
                          "-device", "virtio-net-pci,netdev=ways,romfile="]
        if _streams.CONSOLE in ends:
            arguments += ["-chardev", f"socket,id=console,fd={ends[_streams.CONSOLE].fileno()}",
                          "-device", "virtconsole,nr=0,chardev=console"]
        return arguments


def die(text: str) -> int:
    """Show an error; the status for "the lab itself failed"."""
    print(f"lab: {text}", file=sys.stderr)
    return 70
