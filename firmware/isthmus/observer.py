"""What a site reads in the kernel beside what the keeper compares: counters, and what a former life has left there."""

from __future__ import annotations

from isthmus.kernel.contract import KernelError
from isthmus.kernel.objects import Link, Sa, Session
from isthmus.policy.desired import session_of
from isthmus.policy.leftover import leftover_sessions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.edge.log import Log
    from isthmus.history import History
    from isthmus.kernel.contract import Kernel
    from isthmus.kernel.objects import KernelObject
    from isthmus.policy.derive import Derived
    from isthmus.policy.guard import Session as GuardSession
    from isthmus.tunnel import Tunnel

OBSERVE_MS = 2_000  # counters of standing tunnels
EAGER_OBSERVE_MS = 100  # while something is about to come up or to move


class Observer:
    """`at`: when observe() wants to be called."""

    def __init__(self, kernel: Kernel, log: Log, now: int) -> None:
        self.at = now
        self.history: History | None = None  # from the first tunnel on that is up
        self._kernel = kernel
        self._log = log
        self._leftover: list[GuardSession] | None = None

    def hurry(self, now: int) -> None:
        """The kernel says that something has changed among the SAs."""
        self.at = min(self.at, now + EAGER_OBSERVE_MS)

    def held(self, kinds: tuple[str, ...]) -> list[KernelObject]:
        """What the kernel holds of these kinds; nothing where it refuses, which is told."""
        found: list[KernelObject] = []
        for kind in kinds:
            try:
                found += self._kernel.dump(kind)
            except KernelError as error:
                self._log.once("error", "kernel", "%s; %s" % (error, error.remedy))
        return found

    def guard_sessions(self, tunnels: list[Tunnel], settled: bool) -> list[GuardSession]:
        """Of every tunnel that is known, and of what a former life left until every tunnel is: settled."""
        sessions = [tunnel.guard_session() for tunnel in tunnels]
        known = [session for session in sessions if session is not None]
        if self._leftover is None:
            self._leftover = leftover_sessions(self.held(("session", "tunnel", "policy", "link")))
        if settled:
            return known
        ids = [session.local_id for session in known]
        return known + [session for session in self._leftover if session.local_id not in ids]

    def adopt(self, tunnel: Tunnel, derived: Derived, now: int) -> bool:
        """SAs that a former daemon left working carry the traffic until new ones are agreed. True if there are any.

        Only beside a session of the same key: what was agreed under another is not trusted a moment longer.
        """
        found = [sa for sa in self.held(("sa",)) if isinstance(sa, Sa) and sa.reqid == derived.reqid]
        if not found or session_of(tunnel.config.ifname, derived) not in self.held(("session",)):
            return False
        mtu = None
        for link in self.held(("link",)):
            if isinstance(link, Link) and link.ifname == tunnel.config.ifname:
                mtu = link.mtu
        tunnel.adopt(found, mtu, now)
        text = "found %d SAs of a former daemon; they stay until new ones are agreed" % len(found)
        self._log.notice(tunnel.name, text)
        return True

    def observe(self, tunnels: list[Tunnel], now: int) -> None:
        """Counters: of SAs for who moved and who lives, of sessions for what L2TP really carries."""
        self.at = now + OBSERVE_MS
        try:
            found = self._kernel.dump("sa") + self._kernel.dump("session")
        except KernelError as error:
            self._log.once("error", "kernel", "%s; %s" % (error, error.remedy))
            return
        sas = [sa for sa in found if isinstance(sa, Sa)]
        sessions = [item for item in found if isinstance(item, Session)]
        eager = False
        for tunnel in tunnels:
            if tunnel.derived is None:
                continue
            ours = [sa for sa in sas if sa.reqid == tunnel.derived.reqid]
            session = None
            for item in sessions:
                if item.session_id == tunnel.derived.local.session_id:
                    session = item
            tunnel.observed(ours, session, now)
            eager = eager or tunnel.children.moving() or (tunnel.children.usable() and not tunnel.carried)
        self.at = now + (EAGER_OBSERVE_MS if eager else OBSERVE_MS)
        if self.history is None and [tunnel for tunnel in tunnels if tunnel.probe.answering]:
            from isthmus.history import History  # waiting.py

            self.history = History()
        if self.history is not None:
            self.history.record(tunnels, now)
