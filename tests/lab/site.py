"""One Isthmus site in the lab: its directories, its configuration, its daemon process, and what that says of itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.edge.control import ask
from isthmus.edge.os_cpython_udp import Holder
from isthmus.errors import IsthmusError
from isthmus.policy.derive import REQID_FIRST, REQID_LAST
from isthmus.waiting import ALL_LOADED
from tests.lab.namespace import wait_until

if TYPE_CHECKING:
    from tests.lab.namespace import Namespace

ROOT = Path(__file__).resolve().parents[2]
PSK = "correct horse battery staple"
PACKAGES = sysconfig.get_path("purelib")
# As on a router: Python's own library before ours, none of what a developer's environment adds to an interpreter.
START = "import sys; sys.path += {path!r}; from isthmus.start import main; sys.exit(main())"
PYTHON = str(Path(sys.executable).resolve())
ETC = Path("/etc/netns")
UP_S = 120.0  # under emulation, on a busy machine


def three_lines(name: str, remote: str, subnet: str, *extra: str, psk: str = PSK) -> str:
    """The section that is a whole tunnel, and further lines such as `option lifetime 10m`."""
    lines = [
        f"config tunnel '{name}'",
        f"option remote '{remote}'",
        f"option psk '{psk}'",
        f"list remote_subnet '{subnet}'",
    ]
    return "\n\t".join([*lines, *extra]) + "\n"


def link_shim(folder: Path) -> None:
    """Make the folder one with the pyroute2 shim alone, for the path of a Python."""
    if not (folder / "pyroute2").is_symlink():
        (folder / "pyroute2").symlink_to(ROOT / "firmware" / "shims" / "pyroute2")


ANSWER_MS = 180_000  # an emulated machine under load is slow, and no test is about that


def resident_kib(pid: int) -> int:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


class Site:
    """A router of the topology with isthmusd on it. Everything it writes is in a folder of its own."""

    def __init__(self, namespace: Namespace, text: str = "", shim: bool = False) -> None:
        self.namespace = namespace
        self.folder = Path(tempfile.mkdtemp(prefix="isthmus-" + namespace.name + "-"))
        self.process: subprocess.Popen[bytes] | None = None
        self.prelude = ""  # Python that runs ahead of the daemon
        self.shim = shim  # firmware/shims/pyroute2 instead of pyroute2: what a small router has
        (self.folder / "config").mkdir()
        if text:
            self.write(text)

    def shim_folder(self) -> Path:
        """A folder with the one shim: the others bear the names of standard modules."""
        folder = self.folder / "shim"
        folder.mkdir(exist_ok=True)
        link_shim(folder)
        return folder

    def write(self, text: str) -> None:
        """Write the configuration file, for nobody else to read: there is a key in it."""
        path = self.folder / "config" / "isthmus"
        path.touch(0o600)
        path.write_text(text)

    def start(self) -> None:
        """Start the daemon; returns at once."""
        path = [str(ROOT / "firmware"), PACKAGES]
        if self.shim:
            path.insert(0, str(self.shim_folder()))
        start = [PYTHON, "-I", "-S", "-c", self.prelude + START.format(path=path)]
        if (ETC / self.namespace.name).exists():  # its own /etc/hosts: only `ip netns exec` mounts that
            start = ["ip", "netns", "exec", self.namespace.name, *start]
        directories = [f"--{name}={self.folder / name}" for name in ("config", "state", "run", "deltas")]
        with (self.folder / "log").open("ab") as log:
            self.process = self.namespace.start(
                [*start, *directories],
                stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def hosts(self, text: str) -> None:
        """What the router's /etc/hosts says; before the first start, and changed at will after it."""
        folder = ETC / self.namespace.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hosts").write_text("127.0.0.1 localhost\n" + text)
        (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")

    def stop(self) -> int:
        """Ask the daemon to end and wait for it; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.process = None
        return status

    def kill(self) -> None:
        """Kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(60)
        self.process = None

    def remove(self) -> None:
        """End the daemon if it runs and what it has left, delete the folder."""
        if self.process is not None:
            self.kill()
        hold = Holder(str(self.folder / "run" / "hold.sock"))
        for sock in hold.take():
            sock.close()
        hold.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(ETC / self.namespace.name, ignore_errors=True)

    def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        """One request on the control socket. Raises IsthmusError."""
        return ask(str(self.folder / "run"), {"command": command, **fields}, ANSWER_MS)

    def command(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """The command line, as a person runs it."""
        start = "import sys; from isthmus.cli import main; sys.exit(main())"
        return subprocess.run(
            [sys.executable, "-c", start, "--run", str(self.folder / "run"), *words],
            env={**os.environ, "PYTHONPATH": str(ROOT / "firmware")},
            input=typed, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def doctor(self) -> list[str]:
        """Codes of what the doctor finds wrong: the daemon's, and where that does not run the command line's own."""
        if self.process is not None:
            found = self.ask("doctor")
        else:
            places = [f"--{name}={self.folder / name}" for name in ("config", "deltas", "secrets")]
            with self.namespace:
                done = self.command("doctor", "--json", *places)
            found = json.loads(done.stdout)
            assert done.returncode == bool(found["wrong"]), done
        wrong = [row for row in found["findings"] if row["level"] != "note"]
        for row in wrong:
            assert row["message"], row
            assert row["remedy"], row
        return [row["code"] for row in wrong]

    def tunnel(self) -> dict[str, Any]:
        """The status of the first tunnel; {} while the daemon does not answer or has none."""
        try:
            tunnels = self.ask("status")["tunnels"]
        except IsthmusError:
            return {}
        return tunnels[0] if tunnels else {}

    def outer(self, side: str) -> str:
        """The first tunnel's outer address, "local" or "remote"; empty while none is known."""
        return str((self.tunnel().get("outer") or {}).get(side, ""))

    def lamps(self) -> dict[str, str]:
        """Name of each lamp and its state."""
        return {lamp["name"]: lamp["state"] for lamp in self.tunnel().get("lamps", [])}

    def show(self) -> dict[str, Any]:
        """Everything about the first tunnel."""
        return self.ask("show", tunnel=self.tunnel()["name"])

    def wait_state(self, *states: str, limit: float = UP_S) -> dict[str, Any]:
        """Wait until the first tunnel is in one of these states; its status."""

        def look() -> dict[str, Any]:
            tunnel = self.tunnel()
            return tunnel if tunnel.get("state") in states else {}

        try:
            found: dict[str, Any] = wait_until(f"{self.namespace.name}: tunnel {' or '.join(states)}", look, limit, 0.1)
        except Exception:
            print(f"log of {self.namespace.name}:\n{self.log()[-3000:]}", flush=True)
            raise
        return found

    def wait_error(self, code: str, limit: float = UP_S) -> dict[str, Any]:
        """Wait until the first tunnel's error has this code; the error."""

        def look() -> dict[str, Any]:
            error = self.tunnel().get("error") or {}
            return error if error.get("code") == code else {}

        found: dict[str, Any] = wait_until(f"{self.namespace.name}: error {code}", look, limit, 0.1)
        return found

    def wait_loaded(self) -> None:
        """Wait until no more code comes in: from then on its memory grows for other reasons. Wants a debug log."""
        wait_until(f"{self.namespace.name}: all loaded", lambda: ALL_LOADED in self.log(), UP_S, 0.1)

    def log(self) -> str:
        """What the daemon has written."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def print_log(self) -> None:
        """The end of the log, for a test that failed."""
        print(f"--- log of {self.namespace.name}\n{self.log()[-6000:]}\n---", flush=True)

    def resident_kib(self) -> int:
        """Resident memory of the daemon."""
        assert self.process is not None
        return resident_kib(self.process.pid)

    def spis(self) -> list[str]:
        """Of every SA of Isthmus's in the namespace, as `ip xfrm state` prints them."""
        found = []
        for state in self.namespace.run("ip", "xfrm", "state").split("\nsrc "):
            words = state.split()
            if words and REQID_FIRST <= int(words[words.index("reqid") + 1]) <= REQID_LAST:
                found.append(words[words.index("spi") + 1])
        return sorted(found)


def print_json(row: dict[str, Any]) -> None:
    """One line for a program to read."""
    print(json.dumps(row), flush=True)
