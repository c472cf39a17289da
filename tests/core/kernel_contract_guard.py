"""The guard's part of the kernel seam's contract, and what every part of it needs. See kernel_contract.py."""

from __future__ import annotations

import unittest

from isthmus.kernel import objects as k
from isthmus.kernel.contract import EINVAL, KernelError
from isthmus.policy.guard import REMOVE, Session, guard_text
from isthmus.policy.plan import plan

IFNAME = "l2tp-test"
REQID = 0x69000001


class GuardContract(unittest.TestCase):
    """What every part of the contract needs, and the guard's part."""

    lacks: tuple[str, ...] = ()  # "sa", "tunnel": what this kernel was built without

    def make(self):
        """A kernel object on the world above."""
        raise NotImplementedError

    def damage(self, what: str) -> None:
        """Another program deletes all SAs, all policies, our rules of policy routing ("rule") or the guard, takes a
        link down, or adds a rule to the guard ("edit").
        """
        raise NotImplementedError

    def setUp(self) -> None:
        self.kernel = self.make()

    def tearDown(self) -> None:
        for verb, item in plan([], self.actual()):
            getattr(self.kernel, verb)(item)
        left = self.actual()
        if self.kernel.guard_get() is not None:
            self.kernel.guard_set(REMOVE)
        self.kernel.close()
        self.assertEqual(left, [])

    def need(self, *kinds: str) -> None:
        for kind in kinds:
            if kind in self.lacks:
                self.skipTest("this kernel lacks %s" % kind)

    def actual(self) -> list[k.KernelObject]:
        out = []
        for kind in k.KINDS:
            if not (kind in ("tunnel", "session") and "tunnel" in self.lacks):
                out += self.kernel.dump(kind)
        return out

    def apply(self, desired: list[k.KernelObject]) -> list[tuple[str, k.KernelObject]]:
        steps = plan(desired, self.actual())
        for verb, item in steps:
            getattr(self.kernel, verb)(item)
        return steps

    def refused(self, number: int, call, *arguments) -> KernelError:
        with self.assertRaises(KernelError) as caught:
            call(*arguments)
        self.assertEqual(caught.exception.number, number, str(caught.exception))
        return caught.exception

    def events(self) -> set[str]:
        changed: set[str] = set()
        for fd in self.kernel.event_fds() or [-1]:
            changed.update(self.kernel.read_events(fd))
        return changed

    def pause(self) -> None:
        """Linux tells of an IPv6 address a little later than it is there; the twin at once."""

    def told(self, kind: str) -> None:
        """Fail unless a change of this kind is told, soon."""
        changed: set[str] = set()
        for _ in range(50):
            changed.update(self.events())
            if kind in changed:
                return
            self.pause()
        self.fail("no word of a change of %s, only of %r" % (kind, changed))

    def quiet(self) -> None:
        """Fail if our own changes go on being told."""
        for _ in range(50):
            self.pause()
            if not self.events():
                return
        self.fail("changes are told without end")

    def test_the_guard(self) -> None:
        self.assertEqual(self.kernel.guard_get(), None)
        text = guard_text([Session(IFNAME, 3, 4, REQID, 1420)])
        self.kernel.guard_set(text)
        first = self.kernel.guard_get()
        self.assertTrue(first)
        self.kernel.guard_set(text)
        self.assertEqual(self.kernel.guard_get(), first)
        self.kernel.guard_set(guard_text([]))
        self.assertTrue(self.kernel.guard_get() not in (None, first))
        self.kernel.guard_set(text)
        self.assertEqual(self.kernel.guard_get(), first)
        self.kernel.guard_set(REMOVE)
        self.assertEqual(self.kernel.guard_get(), None)

    def test_an_unchanged_guard_costs_no_program(self) -> None:
        self.kernel.guard_set(guard_text([]))
        first = self.kernel.guard_get()
        before = self.programs()
        for _ in range(3):
            self.assertEqual(self.kernel.guard_get(), first)
        self.assertEqual(self.programs(), before)
        self.damage("edit")
        self.assertTrue(self.kernel.guard_get() not in (None, first))
        self.kernel.guard_set(guard_text([]))
        self.assertEqual(self.kernel.guard_get(), first)
        self.damage("guard")  # what is missing is to be put back in haste: not even that costs a program
        before = self.programs()
        self.assertEqual(self.kernel.guard_get(), None)
        self.assertEqual(self.programs(), before)

    def programs(self) -> int:
        """How many programs the kernel's seam has started; the twin starts none."""
        return getattr(self.kernel, "programs", 0)

    def test_the_guard_names_our_table_alone(self) -> None:
        self.kernel.guard_set(guard_text([]))
        before = self.kernel.guard_get()
        for text in ("flush ruleset\n", guard_text([]) + "table inet other { }\n", "delete table inet other\n",
                     "table inet isthmus {\n", "table inet isthmus2 { }\n", 'include "/etc/passwd"\n'):
            self.refused(EINVAL, self.kernel.guard_set, text)
        self.assertEqual(self.kernel.guard_get(), before)
