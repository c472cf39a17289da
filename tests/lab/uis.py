"""Both routers' web interfaces, and a way to each from the loopback of the machine that the lab runs on.

tools/lab makes the outer half of that way (ISTHMUS_LAB_FORWARD): sockets that it hands on, or addresses of the virtual
machine to listen on. Whoever comes in there is led into the router's namespace, to the same address of its loopback, so
that the Host which a browser sends is the address that isthmus-web was reached by.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.namespace import LabError, wait_until
from tests.lab.site import ROOT

if TYPE_CHECKING:
    from types import TracebackType

    from tests.lab.namespace import Namespace
    from tests.lab.site import Site

PLACES = (("127.0.0.1", 8443), ("127.0.0.2", 8443))
"""Of router A and router B. Two addresses, not two ports: browsers keep one set of cookies for all ports."""

USER = "isthmus-web:x:453:453::/:/bin/false"
READY_S = 120.0
PIECE = 65536


def make_user() -> None:
    """A user for the web interface, in this lab alone: a file of ours over /etc/passwd. Raises LabError."""
    known = Path("/etc/passwd").read_text()
    if USER.split(":", 1)[0] + ":" in known:
        return
    ours = Path("/run/isthmus-passwd")
    ours.write_text(known + USER + "\n")
    done = subprocess.run(["mount", "--bind", str(ours), "/etc/passwd"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"no user for the web interface: {done.stderr.strip()}")


class Ui:
    """isthmus-web beside a site's daemon, on a loopback address of the router's own."""

    def __init__(self, site: Site, place: tuple[str, int]) -> None:
        self.site = site
        self.place = place
        self.folder = site.folder / "web"
        self.said = site.folder / "web.log"
        site.folder.chmod(0o711)  # its user must reach the control socket
        words = [sys.executable, "-m", "isthmus_web.start", "--listen", place[0], "--port", str(place[1])]
        words += ["--folder", str(self.folder), "--run", str(site.folder / "run")]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'firmware'}:{ROOT / 'web'}"}
        with self.said.open("wb") as log:
            self.process = site.namespace.start(words, stderr=log, stdin=subprocess.DEVNULL, env=environment)

    def url(self) -> str:
        """Where a browser finds it."""
        return f"https://{self.place[0]}:{self.place[1]}/"

    def wait_ready(self) -> str:
        """What it says when it serves, with the certificate's fingerprint. Raises LabError."""

        def ready() -> str:
            text = self.said.read_text()
            if self.process.poll() is not None:
                raise LabError(f"isthmus-web ended: {text[-500:]}")
            return text if "ready;" in text else ""

        return str(wait_until("isthmus-web is ready", ready, READY_S, 0.1))

    def fetch(self) -> str:
        """Its first page, as a browser on the router would get it. Raises LabError."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # it signs for itself; people compare the fingerprint
        connection = http.client.HTTPSConnection(*self.place, timeout=READY_S, context=context)
        try:
            with self.site.namespace:
                connection.connect()
            for path in ("/", "/first", "/login"):
                connection.request("GET", path, headers={"Host": f"{self.place[0]}:{self.place[1]}"})
                answer = connection.getresponse()
                text = answer.read().decode("utf-8", "replace")
                if answer.status == 200:
                    return text
            raise LabError(f"isthmus-web answers {answer.status}: {text[:200]}")
        except (OSError, http.client.HTTPException) as error:
            raise LabError(f"isthmus-web does not answer: {error!r}") from None
        finally:
            connection.close()

    def remove(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


class Ways:
    """From outside the lab to places in namespaces, from `with` to its end; two threads for each connection."""

    def __init__(self, targets: list[tuple[Namespace, tuple[str, int]]]) -> None:
        self.targets = targets
        self.listening = find_listening()

    def __enter__(self) -> Ways:
        """Let them come."""
        for sock, target in zip(self.listening, self.targets, strict=False):
            threading.Thread(target=self.serve, args=(sock, *target), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """No more."""
        for sock in self.listening:
            sock.close()

    def is_open(self) -> bool:
        """Whether there is a way to every one of them."""
        return len(self.listening) >= len(self.targets)

    def serve(self, listening: socket.socket, namespace: Namespace, place: tuple[str, int]) -> None:
        """One connection after the other, each led on."""
        while True:
            try:
                outer, _ = listening.accept()
            except OSError:  # closed: it is over
                return
            try:
                with namespace:
                    inner = socket.create_connection(place, 20)
            except OSError:
                outer.close()
                continue
            inner.settimeout(None)
            for pair in ((outer, inner), (inner, outer)):
                threading.Thread(target=carry, args=pair, daemon=True).start()


def find_listening() -> list[socket.socket]:
    """The inner ends of what tools/lab has made: none without it."""
    numbers = os.environ.get("ISTHMUS_LAB_SOCKETS", "").split()
    found = [socket.socket(fileno=int(number)) for number in numbers]
    for text in os.environ.get("ISTHMUS_LAB_LISTEN", "").split():
        host, _, port = text.rpartition(":")
        found.append(socket.create_server((host, int(port)), backlog=64))
    return found


def carry(source: socket.socket, target: socket.socket) -> None:
    """What one end says, to the other, until it has said all."""
    try:
        while piece := source.recv(PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for sock in (source, target):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it was gone
