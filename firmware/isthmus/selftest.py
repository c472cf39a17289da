"""`isthmus policy test`: probes as the forced hosts, and where they leave. One at a time, beside the loop.

    test = SelfTest(...); test.start(names) sends; the loop calls test.see() when something is seen; after a second
    test.finish() judges. Nothing waits.
"""

from __future__ import annotations

from isthmus.edge import os_cpython as host
from isthmus.edge import os_cpython_trial as hands
from isthmus.errors import IsthmusError
from isthmus.policy.clients import Place
from isthmus.policy.trial import (
    LEAK,
    TRACE_PORT,
    Ground,
    Probe,
    Verdict,
    far_target,
    free_probe,
    judge,
    plan_probes,
)
from isthmus.wire.packet import is_error, pull_hops, pull_source, push_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.edge.log import Log
    from isthmus.edge.loop import Loop
    from isthmus.site import Site

LISTEN_MS = 1_500  # for answers
MOST_TURNS = 100  # of what is still in the queue at the end
HOPS = 2  # one of them is this router's
EPHEMERAL = 0x8000


class SelfTest:
    """See the module. `end_at`: when finish() wants to be called, None while nothing runs. `rows`: rule -> (verdict,
    when).
    """

    def __init__(self, site: Site, loop: Loop, log: Log, rng: Callable[[int], bytes]) -> None:
        self.end_at: int | None = None
        self.rows: dict[str, tuple[Verdict, int]] = {}
        self.notes: list[str] = []
        self.text = ""
        self._site = site
        self._loop = loop
        self._log = log
        self._rng = rng
        self._names: list[str] = []
        self._probes: list[Probe] = []
        self._free: Probe | None = None
        self._own: set[bytes] = set()
        self._own_mark = b""
        self._own_left: list[str] = []
        self._eyes: hands.Eyes | None = None
        self._injectors: dict[str, hands.Injector] = {}

    def start(self, names: list[str]) -> None:
        """Send the probes of these rules. Raises IsthmusError."""
        if self.end_at is not None:
            raise IsthmusError("a test is under way", "wait two seconds, then try again", "busy")
        ground = self._ground()
        self._names = names
        self._probes, self.notes = plan_probes(ground, names)
        self._free = free_probe(ground)
        self._own_mark, self._own_left = self._rng(16), []
        sent = self._probes + ([self._free] if self._free is not None else [])
        try:
            self._eyes = hands.Eyes()
            self._loop.on_readable(self._eyes.fd(), lambda _: self._look())
            for number, ifname in enumerate(sorted({probe.ifname for probe in sent})):
                self._injectors[ifname] = hands.Injector(ifname, number)
            for probe in sent:
                self._send(probe)
            if self._free is None:
                hands.send_with_one_hop(far_target(ground), TRACE_PORT, self._own_mark)
        except OSError as error:
            if self._free is None and self._injectors:
                self.notes.append("this router itself has no way out: %s" % (error.strerror or "refused"))
            else:
                self._close()
                raise hands.TrialError("no probe can be sent: %s" % (error.strerror or "refused")) from None
        except IsthmusError:
            self._close()
            raise
        self.end_at = host.now() + LISTEN_MS
        self.text = "%d probes of rules %s are on their way" % (len(self._probes), ", ".join(names))

    def _look(self) -> None:
        self.see()

    def _ground(self) -> Ground:
        kernel, config = self._site.kernel, self._site.forcing.config
        rules, lans = (config.forced, config.globals.lans) if config is not None else ([], [])
        addresses, hosts = kernel.local_addresses(), kernel.neighbours()
        self._own = {address for _, address, _ in addresses}
        inside = lans + [s.ifname for rule in rules for s in rule.sources if s.ifname and s.ifname not in lans]
        inside = [ifname for ifname in inside if ifname in [name for name, _, _ in addresses]]
        place = Place(addresses, inside, hosts)
        return Ground(rules, place, inside, addresses, hosts, self._site.forcing.is_over, self._rng)

    def _send(self, probe: Probe) -> None:
        injector = self._injectors[probe.ifname]
        sport = EPHEMERAL | int.from_bytes(self._rng(2), "big")
        ident = int.from_bytes(self._rng(2), "big")
        injector.send(
            push_frame(
                injector.mac, probe.mac, probe.source, probe.target, probe.protocol, sport, probe.port, HOPS, ident,
                probe.mark,
            )
        )  # fmt: skip

    def see(self) -> bool:
        """Something has passed; False where there is nothing more to be seen."""
        seen = self._eyes.look() if self._eyes is not None else []
        for ifname, leaves, packet in seen:
            if self._own_mark in packet and leaves and ifname not in self._own_left:
                self._own_left.append(ifname)
            for probe in self._probes + ([self._free] if self._free is not None else []):
                if probe.mark in packet:
                    self._note(probe, ifname, leaves, packet)

        return bool(seen)

    def _note(self, probe: Probe, ifname: str, leaves: bool, packet: bytes) -> None:
        who = pull_source(packet)
        if leaves:
            if pull_hops(packet) < HOPS and packet.find(probe.mark) == len(packet) - len(probe.mark):
                probe.left += [ifname] if ifname not in probe.left else []
        elif is_error(packet) and who not in self._own and (ifname, who) not in probe.answered:
            probe.answered.append((ifname, who))

    def finish(self) -> None:
        """Judge, and put everything away."""
        self.end_at = None  # first: a mistake of ours below is not made again and again
        for _ in range(MOST_TURNS):
            if not self.see():
                break
        self._close()
        config, forcing = self._site.forcing.config, self._site.forcing
        lans = list(config.globals.lans) if config is not None else []
        lans += [member for ifname in lans for member in hands.members(ifname)]
        devices = {tunnel.name: tunnel.config.ifname for tunnel in self._site.tunnels.values()}
        way_out = [ifname for ifname in (self._free.left if self._free else self._own_left) if ifname not in lans]
        for name in self._names:
            probes = [probe for probe in self._probes if probe.rule == name]
            verdict = judge(name, probes, devices.get(forcing.chosen.get(name, ""), ""), lans, way_out)
            self.rows[name] = (verdict, host.now())
            if verdict.verdict == LEAK:
                self._log.error("policy", "self-test: rule %s leaks: %s" % (name, verdict.text))
        self.text = "done"

    def _close(self) -> None:
        if self._eyes is not None:
            self._loop.forget(self._eyes.fd())
            self._eyes.close()
        for injector in self._injectors.values():
            injector.close()
        self._eyes, self._injectors = None, {}

    def answer(self) -> dict[str, Any]:
        """How far it is, and what the rules of the last test have shown."""
        rows = [self.rows[name][0] for name in self._names if name in self.rows and self.end_at is None]
        return {
            "running": self.end_at is not None,
            "text": self.text,
            "rules": [
                {"name": row.name, "verdict": row.verdict, "text": row.text, "evidence": row.evidence} for row in rows
            ],
            "notes": self.notes,
        }

    def results(self, now: int) -> dict[str, dict[str, Any]]:
        """Rule -> what its last test has shown, for policy_status.py."""
        return {
            name: {"ago_s": (now - at) // 1000, "verdict": verdict.verdict, "text": verdict.text}
            for name, (verdict, at) in self.rows.items()
        }
