"""Two routers, an invite, one tunnel, before your eyes: what tools/demo runs inside the lab.

    python -m tests.lab.demo [--once] [--shim]

Every figure is measured while you look; what is not as it should be is listed at the end with its remedy, and makes the
exit status 1.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.capture import QUEUES, Capture
from tests.lab.compare import EXPLAINED, FAILS, Twin
from tests.lab.namespace import LabError, wait_until
from tests.lab.pairup import Pairup
from tests.lab.picture import draw, explain_signs
from tests.lab.site import ROOT
from tests.lab.topology import HOST_A, HOST_B, Topology
from tests.lab.uis import PLACES, Ui, Ways, make_user

if TYPE_CHECKING:
    from tests.lab.compare import Result

ROUNDS = (40, 60.0)  # least, and for how many seconds while the ratio is not clear
LAMPS_S = 60.0
PING = ("ping", "-n", "-q", "-i", "0.1", "-c", "50", "-W", "10", HOST_B)
LAN_BYTES = bytes([192, 168])  # how both LANs' addresses begin
IP_SOURCE = slice(26, 28)      # their place in an Ethernet frame with IPv4
SEEN = (
    ("esp", "ESP: the tunnel, encrypted"),
    ("ike", "IKE: the routers agree on keys"),
    ("l2tp", "L2TP in the clear: must be 0"),
    ("icmp", "ICMP outside the tunnel (a router says that nobody listens yet)"),
    ("fragment", "fragments"),
    ("neighbour", "address resolution between router and provider"),
    ("other", "anything else"),
)
HELPERS = {
    "a": 'ip netns exec demo-router-a env ISTHMUS_RUN={run_a} "$@"',
    "b": 'ip netns exec demo-router-b env ISTHMUS_RUN={run_b} "$@"',
    "lana": 'ip netns exec demo-host-a "$@"',
    "lanb": 'ip netns exec demo-host-b "$@"',
    "internet": 'ip netns exec demo-internet "$@"',
}
ISTHMUS = """\
if [ -z "${{ISTHMUS_RUN:-}}" ]; then
    echo 'isthmus: on which router? Type "a isthmus ..." or "b isthmus ..."' >&2
    exit 2
fi
PYTHONPATH={root}/firmware exec {python} -m isthmus.cli --run "$ISTHMUS_RUN" "$@"
"""
HINTS = """\
Now it is yours. In front of a command, a name says where it runs:

    a isthmus status              the five lamps of router A; b for router B
    a isthmus show branch         everything about the tunnel, without secrets
    a isthmus down branch         take it down; up branch brings it back
    a isthmus pair status         what came of the pairing; pair invite begins another
    lana ping {host_b}        from LAN to LAN; lanb ping {host_a} the other way
    internet tcpdump -n -i any    what a stranger on the Internet sees
    a ip xfrm state flush         break something, and look at the lamps
    a nft flush ruleset           somebody removes the guard: it comes back
    a nft list table inet isthmus

    router A: {folder_a} (config/isthmus, log)
    router B: {folder_b}

exit (or ctrl-D) ends the shell, the daemons and the machine."""


UI_HINTS = """\
    Its certificate is its own, so the browser asks once whether you trust it. The first page wants a code, which
    `a isthmus user code` prints. From another machine: ssh -L 8443:127.0.0.1:8443 THIS-MACHINE
"""


class Demo:
    """One run; `failures`: what is not as it should be, with the remedy."""

    def __init__(self, topology: Topology, pair: Pairup, capture: Capture) -> None:
        self.topology = topology
        self.pair = pair
        self.capture = capture
        self.failures: list[tuple[str, str]] = []
        self.summary: list[tuple[str, str]] = []
        self.uis: list[Ui] = []

    def fail(self, what: str, remedy: str) -> None:
        """Keep it for the end."""
        self.failures.append((what, remedy))

    def note(self, name: str, value: str) -> None:
        """Show a figure, and keep it for the summary."""
        self.summary.append((name, value))
        say(f"  {name:<14}{value}")

    def bring_up(self) -> None:
        """From two routers that know nothing of each other to a tunnel."""
        for name, site in self.pair.sites():
            head(f"{name}: /etc/config/isthmus, all of it")
            say((site.folder / "config" / "isthmus").read_text().expandtabs(8).rstrip())
        make_user()  # before isthmusd starts: it lets that user call
        head("both daemons start now")
        for site in self.pair.offices():
            site.start()
        for name, site in self.pair.sites():
            site.wait_answers()
            say(f"  isthmusd of {name} runs")
        self.pair.pair(head, say, lambda after, who, what: say(f"  {after:6.1f} s  {who:<9} {what}"))
        say()
        quick = self.pair.answer_after - self.pair.approved_after
        self.note("paired", f"{self.pair.answer_after:.1f} s from the first command to the first answer, LAN to LAN")
        self.note("of these", f"{max(quick, 0.0):.1f} s from the second approval on")
        head("router A: what pairing has written (keys are in files of their own, root's alone)")
        say((self.pair.a.folder / "config" / "isthmus").read_text().expandtabs(8).rstrip())

    def show_lamps(self) -> None:
        """The lamps as the command line shows them."""
        states = {}
        for name, site in self.pair.sites():
            try:
                wait_until("five lamps", lambda site=site: set(site.lamps().values()) == {"ok"}, LAMPS_S, 0.5)
            except LabError:
                pass  # the lamps themselves say what is wrong
            states[name] = site.lamps()
            head(f"{name}: isthmus status")
            done = site.command("status")
            say((done.stdout + done.stderr).rstrip())
            if done.returncode != 0:
                self.fail(f"{name}: `isthmus status` ended with {done.returncode}", "see what it said above")
            for lamp, state in states[name].items():
                if state != "ok":
                    self.fail(f"{name}: the lamp {lamp} is {state}", "the line beside it above says what is missing")
            if len(states[name]) != 5:
                self.fail(f"{name}: {len(states[name])} lamps instead of 5", "see its log below")
        say(draw(*states.values()))

    def ping(self) -> None:
        """From LAN to LAN."""
        head(f"host A pings host B: {' '.join(PING)}")
        with self.topology.host_a:
            done = subprocess.run(PING, capture_output=True, text=True, timeout=120, check=False)
        sent, received = (find_number(rf"(\d+) {word}", done.stdout) for word in ("packets transmitted", "received"))
        times = re.search(r"= ([\d.]+)/([\d.]+)/([\d.]+)/", done.stdout)
        trip = "no round-trip time"
        if times is not None:
            trip = "round trip {} ms least, {} average, {} most".format(*times.groups())
        sent, lost = sent + self.pair.sent, sent - received + self.pair.lost
        self.note("ping", f"{sent} sent since both are up, {lost} lost; {trip}")
        if lost or not received:
            self.fail(f"{lost} of {sent} pings from LAN to LAN were lost",
                      "run it again on a calm machine; if it stays, `a isthmus show branch` has the counters")

    def measure(self) -> None:
        """Throughput, compared with the tunnel made by hand."""
        head("throughput: TCP from host A to host B, compared with the same tunnel made by hand")
        mtu = self.pair.a.tunnel().get("mtu") or 0
        with Topology("demo2") as second:
            say("  a second pair of routers is configured with `ip` alone, beside the first")
            twin = Twin(self.topology, second, mtu)
            say("  the same on both: " + ", ".join(f"{name} {value}" for name, value in twin.facts.items()))
            say(f"  not the same: Isthmus has {twin.rules[0]} nft rules (guard, MSS clamp), the other {twin.rules[1]}")
            say(f"  they take turns, {ROUNDS[0]} rounds or more; the daemons run on")
            result = twin.measure(*ROUNDS, progress)
            self.note("throughput", f"{result.rounds} rounds: {result}")
            if result.ratio < EXPLAINED:
                say(f"  the ratio is below {EXPLAINED}; looking for the reason")
                for line in twin.explain(result, *ROUNDS, progress):
                    say("    " + line)
            self.judge(result)

    def judge(self, result: Result) -> None:
        """Too slow is a failure."""
        if result.fails():
            self.fail(f"Isthmus carries {result.ratio:.3f} of what the tunnel made by hand carries; least: {FAILS}",
                      f"it is known to lie between {result.low:.2f} and {result.high:.2f}; if that is far apart, the"
                      " machine is busy: run it again when it is calm; else the lines above say where it is lost")

    def show_internet(self) -> None:
        """By protocol, from before the daemons started."""
        head("what the Internet saw, from before the daemons started until now")
        seen = self.capture.count()
        for kind, words in SEEN:
            say(f"  {seen[kind]:8d}  {words}")
        told = f"{seen['esp']} ESP, {seen['ike']} IKE, {seen['l2tp']} clear L2TP packets"
        self.summary.append(("the Internet", told))
        if seen["l2tp"]:
            self.fail(f"the Internet saw {seen['l2tp']} L2TP packets in the clear",
                      "report this with both logs: it must never be")
        if not seen["esp"]:
            self.fail("the Internet saw no ESP at all", "the pings took another way: see `a ip route`")
        naked = [frame for frame in self.capture.take_packets("icmp") if frame[IP_SOURCE] == LAN_BYTES]
        if naked:
            self.fail(f"{len(naked)} pings with a LAN's address crossed the Internet outside the tunnel",
                      "the route `unreachable` behind the remote subnet was missing")
        if seen["fragment"]:
            self.fail(f"the Internet saw {seen['fragment']} fragments", "the tunnel's MTU is too large for the uplink")

    def show_memory(self) -> None:
        """Of each daemon."""
        head("memory of each daemon, resident, with one tunnel")
        library = "the shim" if self.pair.a.shim else "pyroute2"
        sizes = [f"{site.resident_kib() / 1024:.1f} MB {name}" for name, site in self.pair.sites()]
        self.note("memory", ", ".join(sizes) + f" (netlink library: {library})")

    def check_secrets(self) -> None:
        """The logs are shown to strangers sooner or later."""
        for told in self.pair.find_told():
            self.fail(f"in a log or in the configuration: {told}", "report this: secrets must never be told")

    def show_uis(self) -> None:
        """Both routers' web interfaces, each as a user of its own."""
        head("the web interface of each router starts")
        self.uis = [Ui(site, place) for site, place in zip(self.pair.offices(), PLACES, strict=True)]
        for (name, _), ui in zip(self.pair.sites(), self.uis, strict=True):
            ui.wait_ready()
            size = len(ui.fetch())
            self.note("web", f"{name}: ready, its first page has {size / 1000:.1f} kB")

    def finish(self) -> int:
        """The summary; the exit status."""
        head("summary")
        for name, value in self.summary:
            say(f"  {name:<14}{value}")
        if not self.failures:
            say("\n  all is well")
            return 0
        say()
        for what, remedy in self.failures:
            say(f"  FAILED: {what}; what to do: {remedy}")
        if not all(set(site.lamps().values()) == {"ok"} for _, site in self.pair.sites()):
            for name, site in self.pair.sites():
                head(f"{name}: the end of its log")
                say(site.log()[-2000:])
        return 1

    def explore(self) -> None:
        """A shell among the five namespaces."""
        folder = Path(tempfile.mkdtemp(prefix="isthmus-demo-"))
        sites = {"a": self.pair.a.folder, "b": self.pair.b.folder}
        values = {"root": ROOT, "python": sys.executable, "run_a": sites["a"] / "run", "run_b": sites["b"] / "run"}
        scripts = {name: "exec " + text for name, text in HELPERS.items()} | {"isthmus": ISTHMUS}
        for name, text in scripts.items():
            path = folder / name
            path.write_text("#!/bin/sh\n" + text.format(**values) + "\n")
            path.chmod(0o755)
        head("explore")
        for (name, _), ui in zip(self.pair.sites(), self.uis, strict=False):
            say(f"{name} in your browser, on this machine: {ui.url()}")
        if self.uis:
            say(UI_HINTS)
        say(HINTS.format(host_a=HOST_A, host_b=HOST_B, folder_a=sites["a"], folder_b=sites["b"]))
        say()
        environment = dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}:/usr/sbin:/sbin", PS1="demo> ")
        shell = ["bash", "--norc", "-i"] if os.isatty(0) else ["sh"]
        subprocess.run(shell, env=environment, check=False)


def say(text: str = "") -> None:
    """Show it at once."""
    print(text, flush=True)


def head(text: str) -> None:
    """A heading."""
    say(f"\n--- {text}")


def progress(text: str) -> None:
    """A line of progress."""
    say("    " + text)


def find_number(pattern: str, text: str) -> int:
    """The first match's number, 0 without one."""
    found = re.search(pattern, text)
    return int(found.group(1)) if found else 0


def run(once: bool, shim: bool) -> int:
    """All of it, in the lab; the exit status."""
    begin = time.monotonic()
    QUEUES["icmp"] = 1 << 16  # enough to look at
    head("building the network: five network namespaces, joined as in the picture")
    with Topology("demo") as topology, Pairup(topology, shim) as pair, Capture(topology.internet) as capture:
        demo = Demo(topology, pair, capture)
        for step in (demo.bring_up, demo.show_lamps, demo.ping, demo.measure, demo.show_internet, demo.show_memory,
                     demo.check_secrets, demo.show_uis):
            try:
                step()
            except LabError as error:
                demo.fail(str(error), "see above what came before it; the machine may be too busy")
                if step == demo.bring_up:
                    break  # nothing else makes sense
        demo.summary.append(("duration", f"{time.monotonic() - begin:.0f} s"))
        status = demo.finish()
        if not once:
            with Ways([(ui.site.namespace, ui.place) for ui in demo.uis]):
                demo.explore()
        for ui in demo.uis:
            ui.remove()
    return status


def main() -> int:  # noqa: RET503 - the last line becomes another program
    """Outside the lab: show the picture, then run again inside it. tools/demo explains the options."""
    parser = argparse.ArgumentParser(prog="tools/demo")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--shim", action="store_true")
    arguments = parser.parse_args()
    if os.environ.get("ISTHMUS_LAB"):
        try:
            return run(arguments.once, arguments.shim)
        except KeyboardInterrupt:
            say("interrupted; everything is removed")
            return 130
    say(draw({}, {}) + "\n" + explain_signs())
    head("entering the lab, a machine where network namespaces can be made freely")
    lab = str(ROOT / "tools" / "lab")
    if not arguments.once:
        os.environ["ISTHMUS_LAB_FORWARD"] = " ".join(f"{host}:{port}" for host, port in PLACES)
    os.chdir(ROOT)
    os.execv(lab, [lab, "--", sys.executable, "-m", "tests.lab.demo", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
