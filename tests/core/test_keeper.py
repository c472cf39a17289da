"""The keeper against the null kernel: guard first, repairs, nobody else's things, nothing twice."""

from __future__ import annotations

import unittest

from isthmus.keeper import RETRY_MS, SLOW_MS, Keeper
from isthmus.kernel import objects as k
from isthmus.kernel.contract import EINVAL
from isthmus.kernel.null import NullKernel
from isthmus.kernel.ways import Way
from isthmus.policy.guard import guard_text
from isthmus.tally import Tally
from isthmus.wire.addr import Prefix

WAN = b"\xc0\x00\x02\x01"
REMOTE = Prefix(b"\xc0\xa8\x14\x00", 24)


class SilentLog:
    """Counts lines, prints nothing."""

    level = "debug"

    def __init__(self) -> None:
        self.lines: list[str] = []

    def error(self, subject: str, text: str) -> None:
        self.lines.append(text)

    warning = notice = info = debug = error

    def once(self, level: str, subject: str, text: str) -> None:
        self.lines.append(text)


class KeeperTest(unittest.TestCase):
    def setUp(self) -> None:
        self.kernel = NullKernel([("wan0", WAN, 24)], [(Prefix(bytes(4), 0), Way(WAN, "wan0", 1500))])
        self.log = SilentLog()
        self.keeper = Keeper(self.kernel, self.log, Tally(self.kernel, self.log), 0)
        self.keeper.wanted_guard = guard_text([])
        self.keeper.wanted = [k.Route(REMOTE, 1000, k.UNREACHABLE)]
        self.keeper.settled = True

    def test_it_makes_the_difference_and_then_nothing(self) -> None:
        self.assertFalse(self.keeper.look(0))
        self.assertEqual(len(self.kernel.dump("route")), 1)
        self.assertTrue(self.kernel.guard_get() is not None)
        before = len(self.kernel.log)
        self.assertTrue(self.keeper.look(1))
        changes = [entry for entry in self.kernel.log[before:] if entry[0] in ("add", "replace", "remove", "guard_set")]
        self.assertEqual(changes, [])

    def test_only_what_closes_is_added_where_the_guard_cannot_be(self) -> None:
        self.kernel.fail_next = {"guard_set": EINVAL}
        self.keeper.wanted.append(k.Route(REMOTE, 115, k.UNICAST, "wan0"))
        self.keeper.look(0)
        self.assertTrue(self.keeper.error is not None)
        self.assertEqual([route.type for route in self.kernel.dump("route")], [k.UNREACHABLE])
        self.assertEqual(self.keeper.guard_verified_at, None)
        self.assertTrue((self.keeper.get_timer() or 0) <= RETRY_MS)
        self.keeper.look(RETRY_MS)
        self.assertEqual(self.keeper.error, None)
        self.assertEqual(len(self.kernel.dump("route")), 2)

    def test_a_removed_guard_is_repaired_and_told(self) -> None:
        self.keeper.look(0)
        self.kernel.damage("guard")
        self.assertEqual(self.kernel.guard_get(), None)
        self.keeper.suspect({"guard"}, 1000)
        self.assertTrue(self.keeper.due(1400))
        self.keeper.look(1400)
        self.assertTrue(self.kernel.guard_get() is not None)
        self.assertEqual(self.keeper.guard_repairs, 1)
        self.assertTrue(len([line for line in self.log.lines if "nft table isthmus" in line]) == 1)

    def test_it_is_verified_slowly_even_without_an_event(self) -> None:
        self.keeper.look(0)
        self.kernel.damage("guard")
        self.keeper.look(10)
        self.assertEqual(self.kernel.guard_get(), None)
        self.keeper.look(SLOW_MS)
        self.assertTrue(self.kernel.guard_get() is not None)

    def test_no_tunnel_no_guard(self) -> None:
        self.keeper.look(0)
        self.keeper.wanted_guard = None
        self.keeper.look(1)
        self.assertEqual(self.kernel.guard_get(), None)

    def test_the_guard_goes_last(self) -> None:
        self.keeper.look(0)
        self.keeper.wanted_guard = None
        self.keeper.wanted = []
        self.kernel.fail_next = {"remove": EINVAL}
        self.keeper.look(1)
        self.assertEqual(len(self.kernel.dump("route")), 1)
        self.assertTrue(self.kernel.guard_get() is not None, "the guard went before what it guards")
        log = len(self.kernel.log)
        self.keeper.look(RETRY_MS + 1)
        self.assertEqual(self.kernel.dump("route"), [])
        self.assertEqual(self.kernel.guard_get(), None)
        self.assertEqual([entry[1] for entry in self.kernel.log[log:]], ["route", "guard"])

    def test_nothing_goes_before_every_tunnel_knows_its_own(self) -> None:
        self.kernel.add(self.keeper.wanted[0])  # by a former life
        self.keeper.wanted = []
        self.keeper.settled = False
        self.keeper.look(1)
        self.assertEqual(len(self.kernel.dump("route")), 1)
        self.keeper.settled = True
        self.keeper.look(2)
        self.assertEqual(self.kernel.dump("route"), [])

    def test_a_refused_step_does_not_stop_the_others_and_is_retried(self) -> None:
        self.keeper.wanted.append(k.Address("nowhere", b"\xfe\x80" + bytes(13) + b"\x01", 64))
        self.keeper.look(0)
        self.assertEqual(len(self.kernel.dump("route")), 1)
        self.assertTrue(self.keeper.error is not None)
        self.assertTrue(self.keeper.due(RETRY_MS))
