"""One virtual machine that runs one command over the host's own files, and then is gone.

QEMU boots the kernel as it is (no firmware, no disk). The machine's root is the host's root, read only over 9p, with a
layer in memory above; the checkout alone can be written to. The command's input, output and error streams are virtio
ports, so they stay apart and carry bytes unchanged; a fourth port carries signals in and the exit status out. With a
terminal on both ends, the command gets a console instead.
"""

from __future__ import annotations

import os
import selectors
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import termios
import time
import tty
from pathlib import Path

import _kernel

ROOT = Path(__file__).resolve().parent.parent
CONSOLE_LOG = ROOT / ".cache" / "lab" / "console.log"
RESULTS = ROOT / ".cache" / "lab" / "results"
MEMORY = os.environ.get("ISTHMUS_LAB_MEMORY", "2G")
GRACE = 10  # seconds that the command has to clean up after a ctrl-C

# Measured under TCG: without the mitigations and without zeroing every allocated page, a command needs a quarter less.
KERNEL_OPTIONS = ("console=ttyS0 loglevel=4 panic=-1 mitigations=off init_on_alloc=0 cryptomgr.notests=1 audit=0 nokaslr"
                  " no_timer_check random.trust_cpu=on nowatchdog")
PORTS = ("in", "out", "err", "control")
CHUNK = 65536


class MachineError(Exception):
    """The virtual machine ended, or did not come up; the text shows its last words."""


class Machine:
    """One run: command (list of words), environment, working folder, time limit in seconds or None."""

    def __init__(self, image: _kernel.Image, accelerator: str, command: list[str], environment: dict[str, str],
                 folder: Path, limit: float | None = None) -> None:
        self.image = image
        self.accelerator = accelerator
        self.command = command
        self.environment = environment
        self.folder = folder
        self.limit = limit
        self.terminal = False
        self.status = bytearray()
        self.interrupted = 0
        self.sockets: dict[str, socket.socket] = {}

    def run(self, *, quiet: bool = False, terminal: bool = False) -> int:
        """Boot, run the command, return its exit status. Output goes to ours as it comes, unless quiet."""
        self.terminal = terminal
        RESULTS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="isthmus-lab-") as scratch:
            initrd = Path(scratch) / "initrd"
            initrd.write_bytes(self.image.initrd.read_bytes() + self.pack_command())
            ends = self.open_ports()
            process = subprocess.Popen(
                self.build_arguments(initrd, ends), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, pass_fds=[end.fileno() for end in ends.values()], start_new_session=True)
            for end in ends.values():
                end.close()
            try:
                self.carry(quiet=quiet)
            finally:
                process.kill()
                complaint = process.communicate()[1].decode(errors="replace")
                for end in self.sockets.values():
                    end.close()
        if not self.status.strip().isdigit():
            raise MachineError(self.describe_death(complaint))
        return int(self.status)

    def pack_command(self) -> bytes:
        """An archive for the first file system: what to run, and with what around it."""
        columns, rows = shutil.get_terminal_size()
        modules = self.image.kernel.parent / "lib" / "modules" / self.image.release
        settings = {"CHECKOUT": str(ROOT), "RESULTS": str(RESULTS), "MODULES": str(modules),
                    "TTY": str(int(self.terminal)), "ROWS": str(rows), "COLUMNS": str(columns)}
        lines = [f"export {name}={shlex.quote(value)}" for name, value in self.environment.items() if name.isidentifier()]
        lines.append(f"cd {shlex.quote(str(self.folder))} || exit 1")
        lines.append(f"exec {shlex.join(self.command)}")
        conf = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
        return _kernel.pack_archive([("command.conf", stat.S_IFREG | 0o600, conf.encode()),
                                     ("command", stat.S_IFREG | 0o600, ("\n".join(lines) + "\n").encode())])

    def open_ports(self) -> dict[str, socket.socket]:
        """A socket pair for each port: ours are kept, QEMU's are returned."""
        theirs = {}
        for name in ("console", *PORTS) if self.terminal else PORTS:
            self.sockets[name], theirs[name] = socket.socketpair()
        return theirs

    def build_arguments(self, initrd: Path, ends: dict[str, socket.socket]) -> list[str]:
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
            "-serial", f"file:{CONSOLE_LOG}", "-device", "virtio-serial-pci",
        ]
        for tag, path, options in (("host", "/", ",readonly=on"), ("checkout", ROOT, ""), ("results", RESULTS, "")):
            arguments += ["-fsdev", f"local,id={tag},path={path},security_model=none,multidevs=remap{options}",
                          "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
        for number, name in enumerate(PORTS, 1):
            arguments += ["-chardev", f"socket,id={name},fd={ends[name].fileno()}",
                          "-device", f"virtserialport,nr={number},chardev={name}"]
        if self.terminal:
            arguments += ["-chardev", f"socket,id=console,fd={ends['console'].fileno()}",
                          "-device", "virtconsole,nr=0,chardev=console"]
        return arguments

    def carry(self, *, quiet: bool) -> None:
        """Pass bytes between our streams and the machine's until it reports a status, ends, or time is up."""
        sinks = {"out": 1, "err": 2, "console": 1}
        selector = selectors.DefaultSelector()
        for name, end in self.sockets.items():
            if name != "in":
                selector.register(end, selectors.EVENT_READ, name)
        source = "console" if self.terminal else "in"
        if quiet or (not self.terminal and os.isatty(0)):
            self.sockets["in"].close()
        else:
            try:
                selector.register(0, selectors.EVENT_READ, "stdin")
            except (PermissionError, ValueError):  # a plain file is always ready, and cannot be waited for
                self.send_file(source)
        previous = self.catch_signals()
        saved = termios.tcgetattr(0) if self.terminal else None
        try:
            if self.terminal:
                tty.setraw(0)
            deadline = None if self.limit is None else time.monotonic() + self.limit
            while not self.status.endswith(b"\n"):
                left = 1.0 if deadline is None else deadline - time.monotonic()
                if left <= 0 or self.interrupted > GRACE:
                    return
                for key, _ in selector.select(min(left, 1.0)):
                    if key.data == "stdin":
                        self.pass_input(selector, source)
                    elif not self.pass_output(key.data, sinks, quiet=quiet):
                        return
                if self.interrupted:
                    self.interrupted += 1
            for name in sinks.keys() & self.sockets.keys():
                self.sockets[name].setblocking(False)
                while self.pass_output(name, sinks, quiet=quiet):
                    pass
        finally:
            if saved is not None:
                termios.tcsetattr(0, termios.TCSADRAIN, saved)
            for number, handler in previous.items():
                signal.signal(number, handler)

    def catch_signals(self) -> dict[int, object]:
        """Hand an interrupt or a request to end on to the command; a second one ends the machine."""
        def pass_on(number: int, _frame: object) -> None:
            if self.interrupted:
                self.interrupted = GRACE + 1
            else:
                self.interrupted = 1
                self.sockets["control"].send(b"INT\n" if number == signal.SIGINT else b"TERM\n")
        return {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}

    def send_file(self, port: str) -> None:
        """Send all of a regular file that is our standard input, from a child, so that nothing waits for it."""
        if os.fork() == 0:
            try:
                while chunk := os.read(0, CHUNK):
                    self.sockets[port].sendall(chunk)
            finally:
                os._exit(0)
        self.sockets[port].close()

    def pass_input(self, selector: selectors.BaseSelector, port: str) -> None:
        """Pass what there is on our standard input; its end is passed on too."""
        chunk = os.read(0, CHUNK)
        if chunk:
            self.sockets[port].sendall(chunk)
        else:
            selector.unregister(0)
            self.sockets[port].close()

    def pass_output(self, name: str, sinks: dict[str, int], *, quiet: bool) -> bool:
        """Pass what a port has; False when there is no more."""
        try:
            chunk = self.sockets[name].recv(CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            return False
        if name == "control":
            self.status += chunk
        elif not quiet:
            view = memoryview(chunk)
            while view:
                view = view[os.write(sinks[name], view):]
        return True

    def describe_death(self, complaint: str) -> str:
        """Why there is no exit status: the machine's last lines, QEMU's own complaint, or our limit."""
        if self.interrupted:
            return "interrupted"
        try:
            last = CONSOLE_LOG.read_text(errors="replace").splitlines()[-12:]
        except OSError:
            last = []
        return "\n".join(["the virtual machine ended without an exit status", *complaint.splitlines()[-5:], *last])


def die(text: str) -> int:
    """Show an error; the status for "the lab itself failed"."""
    print(f"lab: {text}", file=sys.stderr)
    return 70
