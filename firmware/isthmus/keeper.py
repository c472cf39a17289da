"""Keeps the kernel as it should be: compares what is with what is wanted, and makes the difference.

Level-triggered: it looks again after every kernel event, after every error, when what is wanted has changed, and from
time to time. Doing it twice changes nothing. The guard comes first, and where it cannot be installed, only what closes
is; where a policy cannot be installed, its L2TP tunnel is not. Ahead of a life's first guard there is what leads
packets nowhere that a guard has not seen.
"""

from __future__ import annotations

from isthmus.errors import IsthmusError
from isthmus.kernel.contract import ENOENT, KernelError
from isthmus.kernel.objects import KINDS, MAIN_TABLE, UNICAST, Policy, Route, Rule, Sa, Session, Tunnel, is_inner
from isthmus.policy.guard import REMOVE
from isthmus.policy.plan import plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.children import Key
    from isthmus.edge.log import Log
    from isthmus.kernel.contract import Kernel
    from isthmus.kernel.objects import KernelObject
    from isthmus.tally import Tally

    Mark = tuple[str, tuple[object, ...]]  # kind and key

DEBOUNCE_MS = 50  # kernel events come in swarms
PAUSE_MS = 300  # between two looks, so that somebody who keeps meddling cannot keep the router busy
LONGEST_PAUSE_MS = 1_500  # where look after look finds nothing to do: routes of other programs that never rest
MOVING_MS = 500
RETRY_MS = 2_000  # after an error
SLOW_MS = 20_000  # without any reason
GUARD = "guard"


class Keeper:
    """`wanted_guard`: nft text, None for no guard at all; `wanted`: objects; `wanted_sas`: keys of the SAs that may
    stay. tally: what the guard has counted.
    """

    def __init__(self, kernel: Kernel, log: Log, tally: Tally, now: int) -> None:
        self._kernel = kernel
        self._tally = tally
        self._log = log
        self.wanted_guard: str | None = None
        self.wanted: list[KernelObject] = []
        self.wanted_sas: set[Key] = set()
        self.settled = False  # every tunnel knows what is its own: what a former life left and nobody wants may go
        self.configured = False  # the configuration is known
        self.made: set[Mark] = set()  # what this life has wanted: that may go whatever others still have to find out
        self.released: set[Mark] = set()  # of tunnels that are no longer configured
        self.error: IsthmusError | None = None
        self.guard_verified_at: int | None = None
        self.guard_repairs = 0
        self.guard_refusals = 0  # how often in a row the guard that is wanted could not be put in
        self.repairs = 0
        self._guard_text: str | None = None
        self._guard_digest: bytes | None = None
        self._guard_known = False
        self._look_at: int | None = now
        self._looked_at = now - PAUSE_MS
        self._pause = PAUSE_MS
        self._not_before = now
        self._suspect = {GUARD}

    def get_timer(self) -> int | None:
        """When look() wants to be called."""
        return self._look_at

    def due(self, now: int) -> bool:
        """Whether it is time to look()."""
        return self._look_at is not None and now >= self._look_at

    def suspect(self, kinds: set[str], now: int) -> None:
        """The kernel says that something of these kinds may have changed."""
        self._suspect |= kinds
        if now - self._looked_at > LONGEST_PAUSE_MS:
            self._pause = PAUSE_MS
        self._soon(max(now + DEBOUNCE_MS, self._looked_at + self._pause, self._not_before))

    def hurry(self, now: int) -> None:
        """What is wanted has changed: look at once."""
        self._soon(now)

    def put_off(self, now: int) -> None:
        """A tunnel is moving, and every moment counts for it: what is only suspected can wait until that is over."""
        self._not_before = now + MOVING_MS
        if self._look_at is not None and self._look_at < self._not_before:
            self._look_at = self._not_before

    def rest(self, now: int) -> None:
        """Whatever happens on the way to the next look(): it is not called again at once."""
        self._look_at = now + RETRY_MS

    def _soon(self, at: int) -> None:
        if self._look_at is None or at < self._look_at:
            self._look_at = at

    def look(self, now: int) -> bool:
        """Compare and make the difference. True when nothing had to be changed. Errors are kept in `error`, and
        retried.
        """
        self.error = None
        untouched = True
        self._look_at = now + SLOW_MS
        self._looked_at = now
        steps = [lambda: self._look_at_guard(now), self._make_difference]
        if self.wanted_guard is None:  # the last tunnel's configuration is gone: the guard goes when all else has gone
            steps.reverse()
        for step in steps:
            try:
                untouched = step() and untouched
            except IsthmusError as error:  # the kernel's, or two tunnels that want one thing
                self.error = self.error or error
            if self.wanted_guard is None and self.error is not None:
                break
        if self.error is not None:
            self._log.once("error", "kernel", "%s; %s" % (self.error, self.error.remedy))
            self._soon(now + RETRY_MS)
        self._pause = min(2 * self._pause, LONGEST_PAUSE_MS) if untouched else PAUSE_MS
        return untouched

    def _look_at_guard(self, now: int) -> bool:
        """The guard as wanted and as the kernel lists it: installed anew, whole, where the two differ."""
        # One nft process a look would be dear on a small router: asked only when there is a reason, or slowly.
        verified = self.guard_verified_at
        fresh = verified is not None and now - verified < SLOW_MS
        if self._guard_known and self._guard_text == self.wanted_guard and GUARD not in self._suspect and fresh:
            return True
        self._suspect.add(GUARD)  # until this has come to its end: an error on the way proves nothing
        same = self._guard_known and self._guard_text == self.wanted_guard
        try:
            right = same and self._kernel.guard_get() == self._guard_digest
        except KernelError:  # it may be gone: putting it in again harms nobody, and the next question tells the error
            right = same = False
        digest = self._guard_digest
        if not right:
            if same:
                self.guard_repairs += 1
                self._log.once(
                    "warning", "guard", "somebody changed or removed the nft table isthmus; it is put in place again"
                )
            self.guard_refusals += 1
            if not self._guard_known:
                self._close_first()
            digest = self._put_guard(self.wanted_guard)
            self.guard_refusals = 0
        self._know_guard(self.wanted_guard, digest, now)
        return right

    def _close_first(self) -> None:
        """While this life's first guard takes the place of the one from boot, the third layer (lane.py) already stands,
        as it does at every later change: rules of policy routing, and before them the routes that lead nowhere.
        """
        wanted = [item for item in self.wanted if _closes(item) and _is_policy_routing(item)]
        if not wanted or self.wanted_guard is None:
            return
        try:
            steps = plan(wanted, self._kernel.dump("route") + self._kernel.dump("rule"))
        except IsthmusError as error:  # the guard is no worse without it
            self.error = self.error or error
            return
        for verb, item in steps:
            if verb == "add":
                self._step(verb, item)

    def try_guard(self, text: str, now: int) -> None:
        """Put another guard in, whole, before anything else changes. Raises KernelError: then the old one stays."""
        self._suspect.add(GUARD)
        self._know_guard(text, self._put_guard(text), now)

    def _put_guard(self, text: str | None) -> bytes | None:
        self._tally.save()
        self._kernel.guard_set(REMOVE if text is None else text)
        self._tally.replaced()
        digest = self._kernel.guard_get()
        if text is not None and digest is None:
            raise KernelError(ENOENT, "keep the guard", "find out who else changes nft rules: nft monitor")
        return digest

    def _know_guard(self, text: str | None, digest: bytes | None, now: int) -> None:
        self._suspect.discard(GUARD)
        self._guard_text = text
        self._guard_digest = digest
        self._guard_known = True
        self.guard_verified_at = now

    def guard_stands(self) -> bool:
        """The guard in the kernel is the one that is wanted now, as far as anybody knows."""
        return self._guard_known and self._guard_text == self.wanted_guard and GUARD not in self._suspect

    def _make_difference(self) -> bool:
        self._suspect &= {GUARD}
        actual, unknown = self._list()
        if unknown or not (self.guard_stands() or self.wanted_guard is None):
            return self._close_only(unknown, actual)
        steps = self._steps(actual)
        policies = [item for verb, item in steps if verb == "add" and isinstance(item, Policy)]
        if policies and _needs_voucher(self.wanted):
            for policy in policies:  # they tell which tunnels are ours: only now is it known what is there
                self._step("add", policy)
            actual, unknown = self._list()
            if unknown:
                return False
            steps = self._steps(actual)
        bare: set[tuple[bytes, bytes]] = set()
        for verb, item in steps:
            if verb == "add" and isinstance(item, Tunnel) and (item.local, item.remote) in bare:
                continue
            if not self._step(verb, item) and isinstance(item, Policy):
                ends = (item.source.address, item.destination.address)
                bare.update((ends, (ends[1], ends[0])))
        return not (steps or policies)

    def _list(self) -> tuple[list[KernelObject], list[str]]:
        """What the kernel holds, and the kinds that it does not tell of."""
        actual: list[KernelObject] = []
        unknown: list[str] = []
        for kind in KINDS:
            try:
                actual += self._kernel.dump(kind)
            except KernelError as error:
                unknown.append(kind)
                self.error = self.error or error
        return actual, unknown

    def _steps(self, actual: list[KernelObject]) -> list[tuple[str, KernelObject]]:
        """What to do so that the kernel holds what is wanted, less what must not go yet."""
        wanted = self.wanted + [sa for sa in _sas(actual) if (sa.destination, sa.spi) in self.wanted_sas]
        there = {(item.kind, item.key()) for item in actual}
        self.made = {mark for mark in self.made if mark in there} | {(item.kind, item.key()) for item in wanted}
        self.released &= there
        return [(verb, item) for verb, item in plan(wanted, actual) if verb != "remove" or self._may_go(item)]

    def _close_only(self, unknown: list[str], actual: list[KernelObject]) -> bool:
        """Where the guard does not stand, or the kernel does not tell what it holds, only what closes is put in, and
        nothing is taken away: but for rules of policy routing, which would cut off whom nothing holds any more.
        """
        wanted = [item for item in self.wanted if _closes(item) and item.kind not in unknown]
        for verb, item in plan(wanted, actual):
            lets_go = verb != "remove" or (isinstance(item, Rule) and self.guard_stands() and self._may_go(item))
            if lets_go:
                self._step(verb, item)
        return False

    def _may_go(self, item: KernelObject) -> bool:
        """What a former life left stays until every tunnel knows its own, unless it is in the way; and so does what
        only closes: policies, routes that lead nowhere, and rules into the tables of those.
        """
        mark = (item.kind, item.key())
        if self.settled or mark in self.released:
            return True
        if self.configured and _is_policy_routing(item):
            return True  # they follow from the configuration alone, and would cut off whom nothing holds
        if _closes(item):
            return False
        if mark in self.made:
            return True
        if isinstance(item, Sa):  # of a tunnel that is known, and does not know it
            return item.reqid in [other.reqid for other in self.wanted if isinstance(other, Policy)]
        if not isinstance(item, Session):
            return False
        rivals = [other for other in self.wanted if isinstance(other, Session)]
        return any(item.ifname == other.ifname or item.session_id == other.session_id for other in rivals)

    def _step(self, verb: str, item: KernelObject) -> bool:
        """One step; False where it failed: the error is kept, and what does not need this step goes on."""
        try:
            if verb == "add":
                self._kernel.add(item)
            elif verb == "replace":
                self._kernel.replace(item)
            else:
                self._kernel.remove(item)
        except KernelError as error:
            if self.error is None:
                self.error = error
            return False
        self._log.debug("kernel", "%s %s %s" % (verb, item.kind, item.words()))
        return True


def _closes(item: KernelObject) -> bool:
    """It lets nothing pass that would not pass without it. A rule's table ends in a route that leads nowhere."""
    return isinstance(item, (Policy, Rule)) or (isinstance(item, Route) and item.type != UNICAST)


def _is_policy_routing(item: KernelObject) -> bool:
    return isinstance(item, Rule) or (isinstance(item, Route) and item.table != MAIN_TABLE)


def _needs_voucher(wanted: list[KernelObject]) -> bool:
    """A tunnel between outer addresses is among them."""
    return any(isinstance(item, Tunnel) and not is_inner(item.local) for item in wanted)


def _sas(actual: list[KernelObject]) -> list[Sa]:
    return [item for item in actual if isinstance(item, Sa)]
