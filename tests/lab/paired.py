"""Sites that are paired by an invite instead of being written down: what a story asks of them."""

from __future__ import annotations

import os
import pty
import re
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.config.model import KEY_FILES
from isthmus.errors import IsthmusError
from tests.lab.namespace import wait_until
from tests.lab.report import check
from tests.lab.site import ROOT, Site

if TYPE_CHECKING:
    from tests.lab.namespace import Namespace

FRESH = "config globals\n\tlist lan 'lan0'\n\toption name '{name}'\n"
LOUD = "\toption log_level debug\n"
PAIR_S = 120.0
LATE_CLOCK = "import time; _time = time.time; time.time = lambda: _time() + {shift}; "
IKE_PORTS = (500, 4500)
ETH_P_IP, UDP = 0x0800, 17
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23  # linux/if_packet.h
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Office(Site):
    """A router fresh out of its box: its file names its LAN and itself, and no peer. clock: how wrong, in s."""

    def __init__(self, namespace: Namespace, name: str, loud: bool = True, clock: int = 0) -> None:
        super().__init__(namespace, FRESH.format(name=name) + (LOUD if loud else ""), shim=True)
        self.name = name
        if clock:
            self.prelude = LATE_CLOCK.format(shift=clock)

    def begin(self) -> None:
        """Start the daemon and wait until it answers."""
        self.start()
        self.wait_answers()

    def wait_answers(self) -> None:
        """The control socket is there."""
        wait_until(f"{self.name} answers", self.is_there, PAIR_S, 0.1)

    def is_there(self) -> bool:
        """It answers."""
        try:
            self.ask("status")
        except IsthmusError:
            return False
        return True

    # --- as an administrator, over the control socket -----------------------------------------------------------------

    def invite(self, at: str = "") -> str:
        """The invite's text."""
        return str(self.ask("pair-invite", at=at)["invite"])

    def accept(self, invite: str) -> int:
        """The pairing's number."""
        return int(self.ask("pair-accept", invite=invite)["number"])

    def rows(self) -> list[dict[str, Any]]:
        """Pairings under way."""
        rows: list[dict[str, Any]] = self.ask("pair-status")["pairings"]
        return rows

    def past(self) -> list[dict[str, Any]]:
        """Pairings that are over, and those whose tunnel came of them."""
        rows: list[dict[str, Any]] = self.ask("pair-status")["past"]
        return rows

    def wait_asking(self, number: int | None = None) -> dict[str, Any]:
        """Wait until a pairing wants to be approved; what is shown of it."""

        def look() -> dict[str, Any]:
            rows = [row for row in self.rows() if row["asks"] and number in (None, row["number"])]
            return rows[0] if rows else {}

        found: dict[str, Any] = wait_until(f"{self.name} asks to approve", look, PAIR_S, 0.05)
        return found

    def wait_error(self, code: str, limit: float = PAIR_S) -> dict[str, Any]:
        """Wait until the newest pairing that is over ended with this code; its error."""

        def look() -> dict[str, Any]:
            rows = self.past()
            error = (rows[-1]["error"] or {}) if rows else {}
            return error if error.get("code") == code else {}

        found: dict[str, Any] = wait_until(f"{self.name}: a pairing ends with {code}", look, limit, 0.1)
        return found

    def approve(self, row: dict[str, Any], name: str = "") -> str:
        """Approve what is shown; the name of the tunnel to be."""
        words = " ".join(row["words"])
        return str(self.ask("pair-approve", pairing=row["number"], words=words, name=name)["tunnel"])

    def cancel_all(self) -> None:
        """Nothing is under way any more."""
        for row in self.rows():
            self.ask("pair-cancel", pairing=row["number"])

    def tunnel_called(self, name: str) -> dict[str, Any]:
        """One tunnel's status; {} without it."""
        try:
            tunnels = self.ask("status")["tunnels"]
        except IsthmusError:
            return {}
        return next((tunnel for tunnel in tunnels if tunnel["name"] == name), {})

    def wait_up(self, name: str) -> dict[str, Any]:
        """Wait until this tunnel is up."""

        def look() -> dict[str, Any]:
            tunnel = self.tunnel_called(name)
            return tunnel if tunnel.get("state") == "up" else {}

        found: dict[str, Any] = wait_until(f"{self.name}: tunnel {name} up", look, PAIR_S, 0.1)
        return found

    def key(self, tunnel: str, option: str) -> Path:
        """The file of one key of a paired tunnel."""
        return self.folder / "secrets" / (tunnel + KEY_FILES[option])

    def terminal(self, *words: str) -> Terminal:
        """`isthmus WORDS` at a terminal."""
        return Terminal(self, *words)


class Terminal:
    """A person at a terminal: what is shown, and what was typed. `with` ends the program."""

    def __init__(self, site: Office, *words: str) -> None:
        start = "import sys; from isthmus.cli import main; sys.exit(main())"
        self.typed: list[str] = []
        self.seen = ""
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", start, "--run", str(site.folder / "run"), *words],
            env={**os.environ, "PYTHONPATH": str(ROOT / "firmware"), "TERM": "xterm"},
            stdin=slave, stdout=slave, stderr=slave, close_fds=True, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        os.set_blocking(self.master, False)

    def __enter__(self) -> Terminal:
        """Nothing to do."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        os.close(self.master)

    def type(self, text: str) -> None:
        """Enter a line, as a value."""
        self.typed.append(text)
        self.press(text + "\n")

    def press(self, text: str) -> None:
        """Keys that are no value."""
        data = text.encode()
        while data:
            try:
                data = data[os.write(self.master, data) :]
            except BlockingIOError:
                self.look()
                time.sleep(0.02)

    def look(self) -> str:
        """All that was shown so far, without colours."""
        try:
            while True:
                data = os.read(self.master, 65536)
                if not data:
                    break
                self.seen += ESCAPES.sub("", data.decode(errors="replace").replace("\r\n", "\n"))
        except OSError:  # nothing more just now, or the program has ended
            pass
        return self.seen

    def wait(self, text: str, limit: float = PAIR_S) -> str:
        """Wait until this is shown; all that was shown."""
        try:
            wait_until(f"{text} on the screen", lambda: re.search(text, self.look()), limit, 0.05)
        except Exception:
            print(f"--- the screen\n{self.seen[-3000:]}\n---", flush=True)
            raise
        return self.seen

    def end(self, limit: float = PAIR_S) -> int:
        """Wait until the program ends; its status."""
        wait_until("the program ends", lambda: self.look() and self.process.poll() is not None, limit, 0.05)
        self.look()
        assert self.process.returncode is not None
        return self.process.returncode


class Wire:
    """Every UDP datagram of IKE that passes a namespace, kept; and sent again as often as one likes."""

    def __init__(self, namespace: Namespace) -> None:
        with namespace:
            self.ears = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
            self.mouth = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.ears.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.ears.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.ears.setblocking(False)

    def __enter__(self) -> Wire:
        """It listens already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close both."""
        self.ears.close()
        self.mouth.close()

    def take(self) -> list[bytes]:
        """IP packets with IKE in them, since the last call, in order."""
        found = []
        while True:
            try:
                packet = self.ears.recv(65536)
            except BlockingIOError:
                return found
            if packet[9] != UDP or len(packet) < 28 + 32:
                continue
            ports = struct.unpack_from(">HH", packet, 20)
            if ports[1] == IKE_PORTS[0] or (IKE_PORTS[1] in ports and packet[28:32] == bytes(4)):
                found.append(packet)

    def send(self, packets: list[bytes]) -> None:
        """Send these again, addresses and all."""
        for packet in packets:
            self.mouth.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))


def meet(inviter: Office, joiner: Office, at: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """From the invite to the question on both sides: what each is shown."""
    number = joiner.accept(inviter.invite(at))
    asked = joiner.wait_asking(number)
    return inviter.wait_asking(), asked


def approve_both(inviter: Office, joiner: Office, rows: tuple[dict[str, Any], dict[str, Any]]) -> tuple[str, str]:
    """Both administrators have compared the words; the names of the two tunnels, which are up."""
    check(rows[0]["words"] == rows[1]["words"] and len(rows[0]["words"]) == 3, f"words: {rows[0]['words']}, {rows[1]}")
    names = inviter.approve(rows[0]), joiner.approve(rows[1])
    inviter.wait_up(names[0])
    joiner.wait_up(names[1])
    return names


def unpair_both(inviter: Office, joiner: Office, names: tuple[str, str]) -> None:
    """As before."""
    for site, name in ((inviter, names[0]), (joiner, names[1])):
        site.ask("unpair", tunnel=name)
        wait_until(f"{site.name} has no tunnel {name}", lambda site=site, name=name: not site.tunnel_called(name), 60)


def list_argv() -> str:
    """Every argument of every process, as any user of the machine can read them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((entry / "cmdline").read_bytes().decode(errors="replace"))
            except OSError:
                continue
    return "\n".join(found)
