"""A device on site A's LAN floods the router's web interface: packets go through the tunnel as before, the tunnel stays
up, who listens already is not pushed out, and an administrator is served again.

Everything runs on the same two emulated processors, the flooder as well, so round trips and the times of pages are
figures to read, compared with those of a moment before, and not judged. Lost packets are.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import ssl
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.wire.icmp4 import push_echo_request
from tests.lab.bringup import Bringup
from tests.lab.namespace import LabError, wait_until
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.site import ROOT, resident_kib
from tests.lab.topology import GATEWAY_A, HOST_B, Topology
from tests.lab.uis import Ui, make_user

if TYPE_CHECKING:
    from tests.lab.namespace import Namespace
    from tests.lab.report import Facts, Report

PLACE = (GATEWAY_A, 8443)
ADMIN_HOST = "192.168.10.3"  # another device than the flooder's, and behind the same switch
PASSWORD = "fluffy kitten 9"
RATE = 100
AGAIN_S = 120.0
LEAST = {"handshakes": 5, "bodies": 2, "logins": 1, "strangers": 2}  # less would be no flood
FLOODERS = 3  # processes: one alone is busier than what it floods
BUSIER = 1.3  # times the processor time of an administrator who looks all the time: the least that a flood costs


class Person:
    """Somebody with a browser and a session, on host A at an address of its own."""

    def __init__(self, bringup: Bringup, user: str, role: str, address: str) -> None:
        bringup.a.ask("user-add", user=user, role=role, password=PASSWORD)
        token = bringup.a.ask("login", user=user, password=PASSWORD, source=address)["token"]
        self.cookie = f"__Host-isthmus={token}"
        self.address = address
        self.namespace: Namespace = bringup.topology.host_a
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def connect(self) -> ssl.SSLSocket:
        """Raises OSError."""
        with self.namespace:
            sock = socket.create_connection(PLACE, 30, (self.address, 0))
        return self.context.wrap_socket(sock)

    def look(self) -> float | None:
        """Seconds until the overview was there; None: it did not come."""
        begin = time.monotonic()
        try:
            sock = self.connect()
        except OSError:
            return None
        connection = http.client.HTTPConnection(*PLACE)
        connection.sock = sock
        try:
            connection.request("GET", "/", headers={"Cookie": self.cookie, "Connection": "close"})
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return time.monotonic() - begin if answer.status == 200 and "live-head" in text else None

    def listen(self) -> ssl.SSLSocket:
        """An event stream that has begun to say something. Raises LabError."""
        sock = self.connect()
        host = f"Host: {PLACE[0]}:{PLACE[1]}"
        sock.sendall(f"GET /events?page=overview HTTP/1.1\r\n{host}\r\nCookie: {self.cookie}\r\n\r\n".encode())
        self.hear(sock)
        return sock

    def hear(self, sock: ssl.SSLSocket) -> None:
        """Wait for the next event. Raises LabError where the stream has ended."""
        sock.settimeout(90)
        data = b""
        while b"event:" not in data:
            try:
                more = sock.recv(4096)
            except OSError as error:
                raise LabError(f"nothing was told: {error}; before: {data[:200]!r}") from None
            if not more:
                raise LabError(f"the stream has ended: {data[:200]!r}")
            data += more


def round_trips(namespace: Namespace, count: int) -> list[float]:
    """Milliseconds of so many echoes from here to host B, one after the other; lost ones are left out."""
    with namespace:
        item = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with item:
        item.connect((HOST_B, 0))
        found = []
        for number in range(count):
            mark = os.urandom(8)
            begin = time.monotonic()
            item.send(push_echo_request(0x7777, number, mark))
            while select.select([item], [], [], 2)[0]:
                if item.recv(2048).endswith(mark):
                    found.append((time.monotonic() - begin) * 1000)
                    break
            time.sleep(0.02)
    return found


def processor_s(ui: Ui) -> float:
    """Processor time that isthmus-web has used so far."""
    fields = Path(f"/proc/{ui.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Span:
    """What some seconds have shown. trip: the median, in ms; pages: seconds of each; busy: isthmus-web's part of one
    processor.
    """

    def __init__(self, lost: list[int], sent: int, trips: list[float], pages: list[float], busy: float) -> None:
        self.lost = lost
        self.sent = sent
        self.trip = statistics.median(trips)
        self.pages = pages
        self.busy = busy

    def note(self, facts: Facts) -> None:
        """The figures."""
        facts.note("packets", f"{self.sent}, lost {len(self.lost)}")
        facts.note("median round trip in ms", round(self.trip, 2))
        facts.note("pages", len(self.pages))
        facts.note("median page in s", round(statistics.median(self.pages), 2) if self.pages else "none came")
        facts.note("isthmus-web's part of one processor", round(self.busy, 2))


class Story:
    """Two joined sites, the web interface of one, and the people."""

    def __init__(self, report: Report, bringup: Bringup, ui: Ui) -> None:
        self.report = report
        self.bringup = bringup
        self.ui = ui
        self.host = bringup.topology.host_a
        self.host.ip(f"address add {ADMIN_HOST}/24 dev eth0\n")
        self.admin = Person(bringup, "anna", "administer", ADMIN_HOST)
        self.viewer = Person(bringup, "mallory", "look", ADMIN_HOST)
        self.seconds = report.amount(12, 120)
        report.on_failure = self.print_logs

    def print_logs(self) -> None:
        """For a test that failed."""
        self.bringup.a.print_log()
        print(self.ui.said.read_text()[-3000:], flush=True)

    def span(self, stream: Stream) -> Span:
        """Send, measure, and look at a page now and then."""
        first, begin, used = stream.sent, time.monotonic(), processor_s(self.ui)
        trips: list[float] = []
        pages: list[float] = []
        while time.monotonic() < begin + self.seconds:
            trips += round_trips(self.host, 10)
            page = self.admin.look()
            if page is not None:
                pages.append(page)
        last = stream.sent
        busy = (processor_s(self.ui) - used) / (time.monotonic() - begin)
        time.sleep(2)  # for answers that are under way
        return Span(stream.list_lost(first, last), last - first, trips, pages, busy)

    def flood(self) -> list[subprocess.Popen[bytes]]:
        """Begin it."""
        words = [sys.executable, "-I", str(ROOT / "tests" / "lab" / "flooder.py"), *map(str, PLACE)]
        words += [str(self.seconds + 3), self.viewer.cookie]
        return [self.host.start(words, stdout=subprocess.PIPE) for _ in range(FLOODERS)]

    def tell(self) -> None:
        """All of it."""
        with self.report.case("ui_flood.before") as facts, Stream(self.host, HOST_B, RATE) as stream:
            stream.wait_answer()
            before = self.span(stream)
            before.note(facts)
            facts.note("resident kB of isthmus-web", resident_kib(self.ui.process.pid))
            check(not before.lost, f"{len(before.lost)} of {before.sent} are lost without any flood")
            check(before.pages, "no page came")
        with self.report.case("ui_flood.forwarding_is_unaffected") as facts:
            ear = self.admin.listen()
            with Stream(self.host, HOST_B, RATE) as stream:
                stream.wait_answer()
                flooders = self.flood()
                time.sleep(2)  # all of its threads are at it
                during = self.span(stream)
            told = [json.loads(flooder.communicate(timeout=120)[0]) for flooder in flooders]
            done = {name: sum(row[name] for row in told) for name in told[0]}
            during.note(facts)
            facts.note("the flood", done)
            facts.note("resident kB of isthmus-web", resident_kib(self.ui.process.pid))
            facts.note("round trips, divided by those before", round(during.trip / before.trip, 2))
            check(not during.lost, f"{len(during.lost)} of {during.sent} are lost in the flood: {during.lost[:20]}")
            check(all(done[name] >= least for name, least in LEAST.items()), f"that was no flood: {done}")
            check(during.busy > BUSIER * before.busy, f"that was no flood: {before.busy:.2f}, then {during.busy:.2f}")
            check(self.bringup.a.lamps() == dict.fromkeys(self.bringup.a.lamps(), "ok"), str(self.bringup.a.lamps()))
        with self.report.case("ui_flood.an_administrator_is_served_again") as facts:
            begin = time.monotonic()
            wait_until("a page", self.admin.look, AGAIN_S, 0.5)
            facts.note("seconds until a page came", round(time.monotonic() - begin, 2))
            facts.note("seconds of the next page", round(self.admin.look() or -1, 2))
            self.admin.hear(ear)  # it has listened all along: nobody was pushed out
            ear.close()
            check(self.ui.process.poll() is None, "isthmus-web has ended")


def run(report: Report) -> None:
    """The story."""
    make_user()  # before isthmusd starts: it lets that user call
    with Topology("uf") as topology, Bringup(topology, shim=True) as bringup:
        bringup.start(lambda after, who, what: print(f"    {after:.1f} s {who}: {what}", flush=True), 20)
        ui = Ui(bringup.a, PLACE)
        try:
            ui.wait_ready()
            Story(report, bringup, ui).tell()
        finally:
            ui.remove()
