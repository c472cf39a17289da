"""Inside the lab: two routers fresh from their boxes, their web interfaces, and somebody who does as he is told.

    python -m tests.browser.stage HOST:PORT HOST:PORT

The two places are where browsers find router A and router B. Orders come as lines of JSON by a third way
(tests/lab/uis.py says how they get in), `{"order": "ping", ...}`; each is answered by one line, `{"result": ...}` or
`{"error": "..."}`. The end of that connection ends everything.
"""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

from isthmus.configuring import LEASES
from tests.lab.namespace import LabError, wait_until
from tests.lab.paired import Office
from tests.lab.ping import Stream
from tests.lab.topology import HOST_A, HOST_B, Topology
from tests.lab.uis import Ui, Ways, make_user

OUTSIDE = "203.0.113.1"  # an address of the Internet, on the far side of it
MARK_PORT = 9  # discard
ESP = 50
WAIT_S = 60.0
PAUSE_S = 0.002
ETH_P_ALL = 3


class Watcher:
    """What router A sends to the Internet, found by its content: what a tunnel carries nobody can read there."""

    def __init__(self, topology: Topology) -> None:
        with topology.internet:
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.sock.bind(("wan-a", ETH_P_ALL))  # what router B sends there has come through the tunnel
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.sock.setblocking(False)

    def take(self) -> list[bytes]:
        """The frames since the last call."""
        found = []
        while True:
            try:
                found.append(self.sock.recv(2048))
            except BlockingIOError:
                return found


class Stage:
    """The two routers. A method `do_X` for each order X."""

    def __init__(self, topology: Topology, places: list[tuple[str, int]]) -> None:
        self.topology = topology
        self.watcher = Watcher(topology)
        self.number = 0
        make_user()
        routers = {"a": (topology.router_a, "head"), "b": (topology.router_b, "branch")}
        self.sites = {key: Office(*router, loud=False) for key, router in routers.items()}
        for site in self.sites.values():
            site.start()
        for site in self.sites.values():
            site.wait_answers()
        self.uis = [Ui(site, place) for site, place in zip(self.sites.values(), places, strict=True)]
        for ui in self.uis:
            ui.wait_ready()

    def close(self) -> None:
        """End all of it."""
        for ui in self.uis:
            ui.remove()
        for site in self.sites.values():
            site.remove()

    def obey(self, request: dict[str, Any]) -> Any:
        """What came of one order. Raises LabError."""
        method = getattr(self, "do_" + str(request.pop("order")), None)
        if method is None:
            raise LabError("no such order")
        return method(**request)

    def do_command(self, site: str, words: list[str]) -> dict[str, Any]:
        """`isthmus WORDS` by root on a router: what somebody does who sits before it."""
        done = self.sites[site].command(*words)
        return {"status": done.returncode, "out": done.stdout, "error": done.stderr}

    def do_status(self, site: str) -> dict[str, Any]:
        """What isthmusd says."""
        return self.sites[site].ask("status")

    def do_log(self, site: str) -> str:
        """The end of both logs of a router."""
        ui = self.uis["ab".index(site)]
        return self.sites[site].log()[-8000:] + ui.said.read_text()[-4000:]

    def do_config(self, site: str) -> str:
        """The configuration file."""
        return (self.sites[site].folder / "config" / "isthmus").read_text()

    def do_hostname(self, name: str) -> None:
        """Host A gives itself this name, when it asks for an address: dnsmasq keeps what it is told."""
        mac = self.topology.host_a.run("ip", "-brief", "link", "show", "eth0").split()[2]
        Path(LEASES).write_text(f"4102444800 {mac} {HOST_A} {name} *\n")

    def do_identity(self, name: str) -> None:
        """Router B calls itself so from now on."""
        path = self.sites["b"].folder / "config" / "isthmus"
        wanted = f"option local_id '{name}'"
        text, count = re.subn(r"option local_id '[^']*'", lambda _: wanted, path.read_text())
        if count != 1:
            raise LabError(f"{count} local_id in the configuration of router B")
        path.write_text(text)
        self.sites["b"].ask("reload")

    def do_ping(self, count: int = 20) -> dict[str, Any]:
        """From host A to host B, `count` times once the first was answered; how many were lost, and the time of day."""
        with Stream(self.topology.host_a, HOST_B, rate=50) as stream:
            first = stream.wait_answer(WAIT_S)
            begin = stream.sent
            stream.wait_sent(count)
            stream.stop()
            return {"first_s": first, "lost": len(stream.list_lost(begin)), "count": stream.sent - begin}

    def do_link(self, up: bool) -> None:
        """Router B's way to the Internet."""
        self.topology.internet.ip(f"link set wan-b {'up' if up else 'down'}\n")

    def do_stop(self, site: str) -> int:
        """Isthmusd ends, as it does when a router is switched off."""
        return self.sites[site].stop()

    def do_start(self, site: str) -> None:
        """It starts."""
        self.sites[site].start()
        self.sites[site].wait_answers()

    def do_canary(self, kind: str, count: int = 50) -> int:
        """Packets of host A to the Internet, and how many of them were seen there in the clear.

        kind: udp, ike, nat-t or esp. Behind them, router A sends one of its own: when that one was seen, the others
        have passed or never will.
        """
        self.number += 1
        word = f"canary {kind} {self.number} {os.getpid()}".encode()
        mark = word.replace(b"canary", b"marker")
        self.watcher.take()
        with self.topology.host_a:
            self._send(kind, word, count)
        with self.topology.router_a, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            frames: list[bytes] = []

            def passed() -> bool:
                sock.sendto(mark, (OUTSIDE, MARK_PORT))
                frames.extend(self.watcher.take())
                return any(mark in frame for frame in frames)

            wait_until("the marker passes", passed, WAIT_S, 0.02)
        return sum(1 for frame in frames if word in frame)

    def _send(self, kind: str, word: bytes, count: int) -> None:
        if kind == "esp":
            with socket.socket(socket.AF_INET, socket.SOCK_RAW, ESP) as raw:
                for number in range(count):
                    raw.sendto(struct.pack(">II", 0xC0FFEE01, number + 1) + word, (OUTSIDE, 0))
                    time.sleep(PAUSE_S)  # as a client would: no queue overflows
            return
        port = {"udp": 7777, "ike": 500, "nat-t": 4500}[kind]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            if kind != "udp":
                sock.bind((HOST_A, port))
            for _ in range(count):
                sock.sendto(word, (OUTSIDE, port))
                time.sleep(PAUSE_S)


def serve(stage: Stage, orders: socket.socket) -> None:
    """One who gives orders, until he goes."""
    connection, _ = orders.accept()
    with connection, connection.makefile("rwb") as file:
        for line in file:
            try:
                answer: dict[str, Any] = {"result": stage.obey(json.loads(line))}
            except Exception as error:  # noqa: BLE001 - told to whoever asked; the stage goes on
                answer = {"error": f"{type(error).__name__}: {error}"}
            file.write(json.dumps(answer).encode() + b"\n")
            file.flush()


def main() -> int:
    """Until the orders end."""
    places = []
    for word in sys.argv[1:]:
        host, _, port = word.rpartition(":")
        places.append((host, int(port)))
    with Topology("stage") as topology:
        stage = Stage(topology, places)
        try:
            with Ways([(ui.site.namespace, ui.place) for ui in stage.uis]) as ways:
                print("stage: ready", flush=True)
                serve(stage, ways.listening[len(places)])
        finally:
            stage.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
