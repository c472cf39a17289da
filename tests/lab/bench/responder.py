"""Isthmus's IKE alone as a responder: its engine, its UDP socket, its loop, and nobody who takes the keys.

    python -m tests.lab.bench.responder ADDRESS COUNT [PROFILE]
"""

from __future__ import annotations

import cProfile
import signal
import sys
import time

from isthmus.daemon import ROUNDS
from isthmus.edge import os_cpython as host
from isthmus.edge.loop import Loop
from isthmus.edge.os_cpython_udp import UdpPort
from isthmus.proto.actions import SendDatagram
from isthmus.proto.ike2.engine import Engine
from isthmus.wire.addr import parse_ip
from tests.lab.bench.crowd import PORT, make_connection


class Responder:
    """Serves `count` connections, for ever."""

    def __init__(self, hub: bytes, count: int) -> None:
        self.engine = Engine(host.random_bytes)
        for number in range(count):
            self.engine.set_connection(make_connection(f"peer{number}", number, hub, at_hub=True))
        self.port = UdpPort(PORT)
        self.loop = Loop()
        for fd in self.port.fds():
            self.loop.on_readable(fd, self.on_datagram)

    def on_datagram(self, fd: int) -> None:
        """What has arrived."""
        now = host.now()
        for data, source, destination in self.port.receive(fd):
            self.engine.receive(data, source, destination, now)
            self.obey()

    def obey(self) -> None:
        """Send; keys are for nobody."""
        for action in self.engine.take_actions():
            if isinstance(action, SendDatagram):
                try:
                    self.port.send(action.data, action.source, action.destination)
                except OSError:
                    continue

    def run(self) -> None:
        """Turn until SIGTERM."""
        while True:
            timer = self.engine.get_timer()
            self.loop.turn(None if timer is None else max(0, timer - host.now()), ROUNDS)
            if timer is not None and timer <= host.now():
                self.engine.handle_timer(host.now())
                self.obey()


class Stop(Exception):
    """SIGTERM."""


def stop(*_: object) -> None:
    """The signal's handler."""
    raise Stop


def main(address: str, count: str, profile: str = "") -> None:
    """Serve until SIGTERM; profile: a file for cProfile's figures."""
    signal.signal(signal.SIGTERM, stop)
    responder = Responder(parse_ip(address), int(count))
    print("ready", flush=True)
    watch = cProfile.Profile()
    try:
        if profile:
            watch.enable()
        responder.run()
    except Stop:
        watch.disable()
        if profile:
            watch.dump_stats(profile)
    finally:
        sys.stderr.write(f"{time.process_time():.2f} s of CPU\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
