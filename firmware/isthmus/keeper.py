"""Keeps the kernel as it should be: compares what is with what is wanted, and makes the difference.

Level-triggered: it looks again after every kernel event, after every error, when what is wanted has changed, and from
time to time. Doing it twice changes nothing. The guard comes first, and where it cannot be installed nothing else is.
"""

from __future__ import annotations

from isthmus.errors import IsthmusError
from isthmus.kernel.contract import KernelError
from isthmus.kernel.objects import KINDS, Sa
from isthmus.policy.guard import REMOVE
from isthmus.policy.plan import plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.children import Key
    from isthmus.edge.log import Log
    from isthmus.kernel.contract import Kernel
    from isthmus.kernel.objects import KernelObject

DEBOUNCE_MS = 50  # kernel events come in swarms
PAUSE_MS = 300  # between two looks, so that somebody who keeps meddling cannot keep the router busy
RETRY_MS = 2_000  # after an error
SLOW_MS = 20_000  # without any reason
GUARD = "guard"


class Keeper:
    """`wanted_guard`: nft text, None for no guard at all; `wanted`: objects; `wanted_sas`: keys of the SAs that may
    stay.
    """

    def __init__(self, kernel: Kernel, log: Log, now: int) -> None:
        self._kernel = kernel
        self._log = log
        self.wanted_guard: str | None = None
        self.wanted: list[KernelObject] = []
        self.wanted_sas: set[Key] = set()
        self.settled = False  # every tunnel knows what is its own: what nobody wants may go
        self.error: IsthmusError | None = None
        self.guard_verified_at: int | None = None
        self.guard_repairs = 0
        self.repairs = 0
        self._guard_text: str | None = None
        self._guard_digest: bytes | None = None
        self._guard_known = False
        self._look_at: int | None = now
        self._looked_at = now - PAUSE_MS
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
        self._soon(max(now + DEBOUNCE_MS, self._looked_at + PAUSE_MS))

    def hurry(self, now: int) -> None:
        """What is wanted has changed: look at once."""
        self._soon(now)

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
        try:
            untouched = self._look_at_guard(now)
            untouched = self._make_difference() and untouched
        except KernelError as error:
            self.error = error
        if self.error is not None:
            self._log.once("error", "kernel", "%s; %s" % (self.error, self.error.remedy))
            self._soon(now + RETRY_MS)
        return untouched

    def _look_at_guard(self, now: int) -> bool:
        """The guard as wanted and as the kernel lists it: installed anew, whole, where the two differ."""
        # One nft process a look would be dear on a small router: asked only when there is a reason, or slowly.
        verified = self.guard_verified_at
        fresh = verified is not None and now - verified < SLOW_MS
        if self._guard_known and self._guard_text == self.wanted_guard and GUARD not in self._suspect and fresh:
            return True
        self._suspect.discard(GUARD)
        same = self._guard_known and self._guard_text == self.wanted_guard
        right = same and self._kernel.guard_get() == self._guard_digest
        digest = self._guard_digest
        if not right:
            if same:
                self.guard_repairs += 1
                self._log.warning("guard", "somebody changed or removed the nft table isthmus; it is in place again")
            self._kernel.guard_set(REMOVE if self.wanted_guard is None else self.wanted_guard)
            digest = self._kernel.guard_get()
        self._guard_text = self.wanted_guard
        self._guard_digest = digest
        self._guard_known = True
        self.guard_verified_at = now
        return right

    def _make_difference(self) -> bool:
        self._suspect = set()
        actual: list[KernelObject] = []
        for kind in KINDS:
            actual += self._kernel.dump(kind)
        wanted = self.wanted + [sa for sa in _sas(actual) if (sa.destination, sa.spi) in self.wanted_sas]
        steps = plan(wanted, actual)
        for verb, item in steps:
            if verb == "remove" and not self.settled:
                continue
            self._step(verb, item)
        return not steps

    def _step(self, verb: str, item: KernelObject) -> None:
        """One step; a failure is kept and the rest goes on, since the order only ever leaves less than was wanted."""
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
            return
        self._log.debug("kernel", "%s %s %s" % (verb, item.kind, item.words()))


def _sas(actual: list[KernelObject]) -> list[Sa]:
    return [item for item in actual if isinstance(item, Sa)]
