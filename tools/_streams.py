"""What passes between this process and a command in the virtual machine: bytes both ways, signals in, the status out.

Four virtio ports carry input, output, errors and control; with a terminal at both ends, a console carries the first
three.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import termios
import threading
import time
import tty

PORTS = ("in", "out", "err", "control")
CONSOLE = "console"
SINKS = {"out": 1, "err": 2, CONSOLE: 1}
CHUNK = 65536
TICK = 0.5    # seconds between looks at the clock and at the signals
GRACE = 10.0  # seconds that the command has to clean up after a ctrl-C


class Streams:
    """The ends of the ports; terminal: a console instead of separate streams; quiet: no input, output dropped."""

    def __init__(self, *, terminal: bool = False, quiet: bool = False) -> None:
        self.terminal = terminal
        self.quiet = quiet
        self.ours: dict[str, socket.socket] = {}
        self.status = bytearray()
        self.give_up: float | None = None  # when to stop waiting, on the monotonic clock
        self.interrupted = False

    def open(self) -> dict[str, socket.socket]:
        """Make a socket pair for each port; ours are kept, the machine's are returned."""
        theirs = {}
        for name in (CONSOLE, *PORTS) if self.terminal else PORTS:
            self.ours[name], theirs[name] = socket.socketpair()
        return theirs

    def close(self) -> None:
        """Close our ends."""
        for end in self.ours.values():
            end.close()

    def carry(self, limit: float | None) -> int | None:
        """Pass everything on until the command's status comes; None when the machine or the time ended before."""
        self.give_up = None if limit is None else time.monotonic() + limit
        previous = {number: signal.signal(number, self.pass_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        saved = termios.tcgetattr(0) if self.terminal else None
        try:
            if saved is not None:
                tty.setraw(0)
            self.loop()
            self.drain()
        finally:
            if saved is not None:
                termios.tcsetattr(0, termios.TCSADRAIN, saved)
            for number, handler in previous.items():
                signal.signal(number, handler)
        return int(self.status) if self.status.strip().isdigit() else None

    def loop(self) -> None:
        """Wait for the ports and for our own input, until there is a status or nothing to wait for."""
        self.start_input()
        selector = selectors.DefaultSelector()
        for name, end in self.ours.items():
            if name != "in":
                selector.register(end, selectors.EVENT_READ, name)
        while not self.status.endswith(b"\n"):
            if self.give_up is not None and time.monotonic() > self.give_up:
                return
            for key, _ in selector.select(TICK):
                if not self.pass_output(key.data):
                    return

    def drain(self) -> None:
        """Pass on what had arrived before the status did."""
        for name in SINKS.keys() & self.ours.keys():
            self.ours[name].setblocking(False)
            while self.pass_output(name):
                pass

    def start_input(self) -> None:
        """Pass our standard input on, in a thread: it may be a file, which cannot be waited for."""
        port = self.ours[CONSOLE if self.terminal else "in"]
        if self.quiet or (os.isatty(0) and not self.terminal):
            self.ours["in"].shutdown(socket.SHUT_WR)
        else:
            threading.Thread(target=pass_input, args=(port,), daemon=True).start()

    def pass_signal(self, number: int, _frame: object) -> None:
        """Hand an interrupt or a request to end on to the command; after a second one nobody waits for it."""
        if self.interrupted:
            self.give_up = 0.0
            return
        self.interrupted = True
        end = time.monotonic() + GRACE
        self.give_up = end if self.give_up is None else min(self.give_up, end)
        self.ours["control"].send(b"INT\n" if number == signal.SIGINT else b"TERM\n")

    def pass_output(self, name: str) -> bool:
        """Pass on what a port has; False when there is nothing more."""
        try:
            chunk = self.ours[name].recv(CHUNK)
        except BlockingIOError:
            return False
        if name == "control":
            self.status += chunk
        elif not self.quiet:
            view = memoryview(chunk)
            while view:
                view = view[os.write(SINKS[name], view):]
        return bool(chunk)


def pass_input(port: socket.socket) -> None:
    """Pass our standard input to a port to its end, and the end too."""
    try:
        while chunk := os.read(0, CHUNK):
            port.sendall(chunk)
        # Not closed: the machine would drop what it has not read yet.
        port.shutdown(socket.SHUT_WR)
    except OSError:
        return  # the command does not want it
