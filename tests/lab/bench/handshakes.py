"""IKE handshakes a second as responder: Isthmus beside charon, each on the one processor, with a crowd of initiators.

The responder has the first processor, the crowd (tests/lab/bench/crowd.py) another. A handshake is IKE_SA_INIT and
IKE_AUTH with a CHILD SA, X25519, AES-256-GCM and a pre-shared key; where the responder asks for a cookie, that too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from isthmus.wire.addr import parse_ip
from tests.lab.bench.crowd import HUB_NAME, PSK, Crowd
from tests.lab.bench.figures import ISTHMUS, MORE, Figure, Target
from tests.lab.interop.tree import Tree
from tests.lab.namespace import LabError, wait_until
from tests.lab.topology import WAN_A, Topology

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.namespace import Namespace

PROCESSORS = sorted(os.sched_getaffinity(0))
HUB, OTHER = PROCESSORS[0], PROCESSORS[-1]
# The responder has its processor to itself: nothing of ordinary priority gets in between.
ALONE = ("chrt", "-f", "1", "taskset", "-c", str(HUB))
SAMPLE = 50  # handshakes that make one value, at least
CHARON = "charon (strongSwan)"
TOLD = ("IKE_SA_INIT, IKE_AUTH, X25519, AES-256-GCM, PSK; responder alone on one processor, the crowd on the other; "
        "cookies where it asks for them")
CROWD_ROUTE = "route add local 10.77.0.0/16 dev lo\n"

STRONGSWAN = """\
charon {
  load = random nonce openssl kdf hmac vici kernel-netlink socket-default
  ikesa_table_size = 1024
  ikesa_table_segments = 16
  install_routes = no
  filelog {
    main {
      path = /run/charon.log
      default = 0
    }
  }
}
"""
CONNECTIONS = """\
connections {
  crowd {
    version = 2
    local_addrs = %(hub)s
    remote_addrs = %%any
    proposals = aes256gcm16-prfsha256-x25519
    local {
      auth = psk
      id = %(name)s
    }
    remote {
      auth = psk
      id = %%any
    }
    children {
      all {
        mode = tunnel
        local_ts = 10.78.0.1/32
        remote_ts = 10.79.0.0/16
        esp_proposals = aes256gcm16
      }
    }
  }
}
secrets {
  ike-crowd {
    secret = "%(psk)s"
  }
}
"""


class Charon:
    """strongSwan's IKE daemon, with its defaults but for a larger table (which its manual advises) and no log."""

    def __init__(self, namespace: Namespace) -> None:
        self.tree = Tree("strongswan", namespace)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, _count: int) -> int:
        """Start it on the hub's processor; its process id when it is ready."""
        self.tree.open()
        self.tree.write("/etc/strongswan.conf", STRONGSWAN)
        self.tree.write("/etc/swanctl/swanctl.conf",
                        CONNECTIONS % {"hub": WAN_A, "name": HUB_NAME.decode(), "psk": PSK.decode()})
        self.process = self.tree.start([*ALONE, "/usr/lib/ipsec/charon"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until("charon takes its configuration", self.is_loaded)
        return self.process.pid

    def is_loaded(self) -> bool:
        """True once charon has taken its configuration; its socket is there before it listens."""
        try:
            self.tree.run("swanctl", "--load-all")
        except LabError:
            return False
        return True

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)
        self.tree.close()


class Engine:
    """Isthmus's IKE alone: tests/lab/bench/responder.py."""

    def __init__(self, namespace: Namespace, profile: str = "") -> None:
        self.namespace = namespace
        self.profile = profile
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, count: int) -> int:
        """Start it on the hub's processor; its process id when it is ready."""
        self.process = self.namespace.start(
            [*ALONE, sys.executable, "-m", "tests.lab.bench.responder", WAN_A, str(count),
             self.profile], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.process.stdout is not None
        if self.process.stdout.readline() != b"ready\n":
            raise LabError("the responder did not start")
        return self.process.pid

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.communicate(timeout=20)


def read_cpu(pid: int) -> float:
    """CPU seconds of a process so far: all its threads, its part of the kernel included."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


@contextlib.contextmanager
def hurry() -> Iterator[None]:
    """This process: on the other processor, ahead of everything else that wants it."""
    os.sched_setaffinity(0, [OTHER])
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.sched_setaffinity(0, PROCESSORS)


class Rates:
    """What the rounds have shown. rates: handshakes a second by the clock; cores: a second of the responder's CPU
    time; ceilings: what the crowd alone could have done; up, bare, failed: initiators; datagrams: sent by one.
    """

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.cores: list[float] = []
        self.ceilings: list[float] = []
        self.up = 0
        self.bare = 0
        self.failed: list[str] = []
        self.sent = 0

    def describe(self) -> str:
        """What else there is to know about the rates."""
        text = f"the crowd alone: {statistics.median(self.ceilings):,.0f}/s; {self.sent / self.up:.1f} datagrams each"
        return text + (f"; {len(self.failed)} failed, such as: {self.failed[0]}" if self.failed else "")


def measure(topology: Topology, responder: Charon | Engine, count: int, rounds: int, bare: bool) -> Rates:
    """So many rounds with `count` initiators each. Raises LabError."""
    try:
        pid = responder.start(count)
        with topology.internet:
            crowd = Crowd(parse_ip(WAN_A), count, bare)
        try:
            return measure_rounds(crowd, pid, rounds)
        except TimeoutError as error:
            raise LabError(str(error)) from None
        finally:
            crowd.close()
    finally:
        responder.stop()


def measure_rounds(crowd: Crowd, pid: int, rounds: int) -> Rates:
    """One round to warm up, then those that count; where a round is short, several of them are one value."""
    together = max(1, SAMPLE // crowd.count)
    rates = Rates()
    for number in range(rounds + 1):
        up, seconds, cpu, crowd_cpu = 0, 0.0, 0.0, 0.0
        for _ in range(together):
            ready = crowd.prepare()
            before = read_cpu(pid)
            result = crowd.connect(ready)
            cpu += read_cpu(pid) - before
            crowd.take_down()
            up, seconds, crowd_cpu = up + result.up, seconds + result.seconds, crowd_cpu + result.cpu
            if number:
                rates.failed += result.failed
                rates.sent += result.sent
                rates.bare += result.bare
        if not up:
            raise LabError(f"nobody came up: {result.failed[:1]}")
        if number:
            rates.up += up
            rates.rates.append(up / seconds)
            rates.cores.append(up / cpu)
            rates.ceilings.append(up / crowd_cpu)
    return rates


def run(where: str, bare: bool, counts: list[int], rounds: int, show: Callable[[str], None]) -> list[Figure]:
    """Both responders with each number of initiators. where: words for the figures' titles."""
    figures = []
    with hurry(), Topology("hs") as topology:
        topology.internet.ip(CROWD_ROUTE)
        for count in counts:
            title = f"IKE handshakes with {count} initiator{'s' if count > 1 else ''} at once, {where}"
            rate = Figure(f"handshakes-{count}-{where}", title, "a second", MORE, TOLD, Target(ISTHMUS, CHARON, 0.5))
            core = Figure(f"core-{count}-{where}", title + ", by CPU time", "a second", MORE,
                          "handshakes for each second of the responder's own CPU time, its part of the kernel included",
                          Target(ISTHMUS, CHARON, 0.5))
            for name, make in ((ISTHMUS, Engine), (CHARON, Charon)):
                try:
                    got = measure(topology, make(topology.router_a), count, rounds, bare)
                except (LabError, OSError) as error:
                    show(f"{title}: {name}: {error}")
                    for figure in (rate, core):
                        figure.add(name, [], why=str(error).splitlines()[0])
                    continue
                note = got.describe() + ("; the kernel refuses its CHILD SA, having no ESP" if got.bare else "")
                if got.bare:  # the crowd would wait for the kernel's search for a module, which says nothing of charon
                    rate.add(name, [], why="by the clock: this kernel has no ESP and looks for it at every handshake")
                else:
                    rate.add(name, got.rates, note)
                core.add(name, got.cores, note)
                show(f"{title}: {name}: {statistics.median(got.rates):,.0f}/s, by CPU time"
                     f" {statistics.median(got.cores):,.0f}/s; {note}")
            figures += [rate, core]
    return figures
