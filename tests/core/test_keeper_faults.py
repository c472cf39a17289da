"""What the keeper does when the kernel, another program or our own plan gets in its way."""

from __future__ import annotations

import unittest

from isthmus.keeper import RETRY_MS, Keeper
from isthmus.kernel import objects as k
from isthmus.kernel.contract import EINVAL, EIO, ENOENT, KernelError
from isthmus.kernel.null import NullKernel
from isthmus.kernel.ways import Way
from isthmus.policy.guard import Session, guard_text
from isthmus.tally import Tally
from isthmus.wire.addr import Prefix
from tests.core.kernel_contract_lane import lane
from tests.core.test_keeper import REMOTE, WAN, SilentLog

HERE, THERE = k.INNER.address[:15] + b"\x01", k.INNER.address[:15] + b"\x02"
REQID = 0x69000001


class Thief(NullKernel):
    """Another program flushes the rules just after they were set, `thefts` times."""

    thefts = 0

    def guard_set(self, text: str) -> None:
        super().guard_set(text)
        if self.thefts:
            self.thefts -= 1
            self.damage("guard")


class Picky(NullKernel):
    """Refuses every object of the kind in `refuses`."""

    refuses = ""

    def add(self, item: k.KernelObject) -> None:
        if item.kind == self.refuses:
            raise KernelError(EINVAL, "add " + item.kind, kind=item.kind)
        super().add(item)


def carrier(subnet: Prefix) -> list[k.KernelObject]:
    """One tunnel's objects from policy to route."""
    here, there = Prefix(HERE, 128), Prefix(THERE, 128)
    far = b"\xc6\x33\x64\x01"
    return [
        k.Policy(k.OUT, here, there, 115, WAN, far, k.BEET, REQID),
        k.Policy(k.IN, there, here, 115, far, WAN, k.BEET, REQID),
        k.Address("lo", HERE, 128),
        k.Route(there, 115, k.UNICAST, "lo"),
        k.Tunnel(1, 2, HERE, THERE),
        k.Session(1, 3, 4, b"c" * 8, b"d" * 8, "ist-x"),
        k.Link("ist-x", 1420, b"\x02\x00\x00\x00\x00\x01", True),
        k.Route(subnet, 115, k.UNICAST, "ist-x"),
    ]


class FaultTest(unittest.TestCase):
    def make(self, kind: type[NullKernel]) -> None:
        self.kernel = kind([("wan0", WAN, 24)], [(Prefix(bytes(4), 0), Way(WAN, "wan0", 1500))])
        self.keeper = Keeper(self.kernel, SilentLog(), Tally(self.kernel, SilentLog()), 0)
        self.keeper.wanted_guard = guard_text([])
        self.keeper.wanted = [k.Route(REMOTE, 1000, k.UNREACHABLE)]
        self.keeper.settled = True

    def test_a_guard_that_cannot_be_read_is_put_in_again_and_stays_suspect(self) -> None:
        self.make(NullKernel)
        self.keeper.look(0)
        self.kernel.damage("guard")
        self.keeper.suspect({"guard"}, 1000)
        read = self.kernel.guard_get

        def unreadable() -> bytes:
            raise KernelError(EIO, "read the guard", kind="guard")

        self.kernel.guard_get = unreadable
        self.keeper.look(1000)
        self.assertTrue(read() is not None)
        self.assertFalse(self.keeper.guard_stands())
        self.assertEqual(self.keeper.error.code, "kernel-eio")
        self.kernel.guard_get = read
        self.keeper.look(1000 + RETRY_MS)
        self.assertTrue(self.keeper.guard_stands())

    def test_a_guard_that_could_not_be_put_back_is_still_missing(self) -> None:
        self.make(NullKernel)
        self.keeper.look(0)
        self.kernel.damage("guard")
        self.keeper.suspect({"guard"}, 1000)
        self.kernel.fail_next = {"guard_set": EINVAL}
        self.keeper.look(1000)
        self.keeper.wanted = []  # whatever is wanted meanwhile waits for the guard
        self.kernel.fail_next = {"guard_set": EINVAL}
        self.keeper.look(1000 + RETRY_MS)
        self.assertEqual(len(self.kernel.dump("route")), 1)
        self.keeper.look(1000 + 2 * RETRY_MS)
        self.assertTrue(self.kernel.guard_get() is not None)
        self.assertEqual(self.kernel.dump("route"), [])

    def test_a_guard_that_goes_while_it_is_set_is_no_guard(self) -> None:
        self.make(Thief)
        self.kernel.thefts = 1
        self.keeper.look(0)
        self.assertTrue(self.keeper.error is not None)
        self.assertEqual([route.type for route in self.kernel.dump("route")], [k.UNREACHABLE])
        self.keeper.look(RETRY_MS)
        self.assertEqual(self.keeper.error, None)
        self.assertTrue(self.kernel.guard_get() is not None)

    def test_rules_close_and_so_they_come_without_the_guard_and_stay_longest(self) -> None:
        self.make(Thief)
        self.kernel.thefts = 1
        self.keeper.wanted = lane()
        self.keeper.look(0)
        self.assertTrue(self.keeper.error is not None)
        self.assertEqual([route.type for route in self.kernel.dump("route")], [k.UNREACHABLE] * 2)
        self.assertEqual(len(self.kernel.dump("rule")), 2)
        self.keeper.look(RETRY_MS)
        self.assertEqual((self.keeper.error, len(self.kernel.dump("route"))), (None, 4))
        self.keeper.wanted = []
        self.keeper.settled = False
        self.keeper.look(RETRY_MS + 1)
        self.assertEqual([route.type for route in self.kernel.dump("route")], [k.UNREACHABLE] * 2)
        self.assertEqual(len(self.kernel.dump("rule")), 2)
        self.keeper.settled = True
        self.keeper.look(RETRY_MS + 2)
        self.assertEqual(self.kernel.dump("route") + self.kernel.dump("rule"), [])

    def test_ahead_of_a_lifes_first_guard_there_is_what_leads_nowhere(self) -> None:
        self.make(NullKernel)
        self.kernel.guard_set(guard_text([]) + "# from boot\n")
        self.keeper.wanted = self.keeper.wanted + lane()
        before = len(self.kernel.log)
        self.keeper.look(0)
        done = [entry[:2] for entry in self.kernel.log[before:] if entry[0] in {"add", "guard"}]
        self.assertEqual(done[:5], [("add", "route")] * 2 + [("add", "rule")] * 2 + [("guard", "guard")])
        self.assertEqual(done[5:], [("add", "route")] * 3, "what leads somewhere, and the main table")
        self.assertEqual(self.keeper.error, None)

    def test_later_guards_wait_for_nothing(self) -> None:
        self.make(NullKernel)
        self.keeper.look(0)
        self.keeper.wanted = self.keeper.wanted + lane()
        self.keeper.wanted_guard = guard_text([Session("ist-x", 1, 2, REQID, 1420)])
        before = len(self.kernel.log)
        self.keeper.look(1)
        self.assertEqual(self.kernel.log[before][:2], ("guard", "guard"))

    def test_the_first_guard_comes_whatever_keeps_that_away(self) -> None:
        for call in ("dump", "add"):
            self.make(NullKernel)
            self.keeper.wanted = lane()
            self.kernel.fail_next = {call: EIO}
            self.keeper.look(0)
            self.assertTrue(self.keeper.error is not None, call)
            self.assertTrue(self.kernel.guard_get() is not None, call)
            self.keeper.look(RETRY_MS)
            self.assertEqual((self.keeper.error, len(self.kernel.dump("rule"))), (None, 2), call)

    def test_it_says_whether_the_guard_stands_as_wanted(self) -> None:
        self.make(NullKernel)
        self.assertFalse(self.keeper.guard_stands())
        self.keeper.look(0)
        self.assertTrue(self.keeper.guard_stands())
        self.keeper.wanted_guard = guard_text([Session("ist-x", 3, 4, REQID, 1420)])
        self.assertFalse(self.keeper.guard_stands())
        self.keeper.look(1)
        self.assertTrue(self.keeper.guard_stands())
        self.keeper.suspect({"guard"}, 2)
        self.assertFalse(self.keeper.guard_stands())

    def test_a_plan_that_cannot_be_is_an_error_like_others(self) -> None:
        self.make(NullKernel)
        self.keeper.wanted = [k.Session(1, 3, 4, b"", b"", "ist-a"), k.Session(1, 3, 4, b"", b"", "ist-b")]
        self.keeper.look(0)
        self.assertEqual(self.keeper.error.code, "conflicting-tunnels")
        self.assertTrue(self.keeper.due(RETRY_MS))

    def test_without_its_policies_there_is_no_l2tp(self) -> None:
        self.make(Picky)
        self.keeper.wanted = carrier(REMOTE)
        self.kernel.refuses = "policy"
        self.keeper.look(0)
        self.assertTrue(self.keeper.error is not None)
        self.assertEqual([len(self.kernel.dump(kind)) for kind in ("tunnel", "session", "link")], [0, 0, 0])
        self.kernel.refuses = ""
        self.keeper.look(RETRY_MS)
        self.assertEqual(len(self.kernel.dump("session")), 1)

    def test_a_list_that_fails_keeps_nobody_from_closing(self) -> None:
        """A kernel without L2TP: no tunnel will ever come up, and what should go into it must not go elsewhere."""
        for missing in ("tunnel", "sa", "neighbour"):
            self.make(NullKernel)
            dump = self.kernel.dump

            def without(kind: str, missing: str = missing, dump: object = dump) -> list[k.KernelObject]:
                if kind == missing:
                    raise KernelError(ENOENT, "find it", kind=kind)
                return dump(kind)

            self.kernel.dump = without
            self.keeper.wanted += carrier(REMOTE)
            for now in (0, RETRY_MS):
                self.keeper.look(now)
                self.assertEqual(self.keeper.error.code, "kernel-enoent")
                self.assertEqual([route.type for route in dump("route")], [k.UNREACHABLE], missing)
                self.assertEqual((len(dump("policy")), dump("session"), dump("address")), (2, [], []))

    def test_what_this_life_made_may_go_before_every_tunnel_is_known(self) -> None:
        self.make(NullKernel)
        self.kernel.add(k.Route(REMOTE, 2000, k.UNREACHABLE))  # a former life's, and nobody knows yet whether it stays
        self.keeper.wanted += carrier(REMOTE)
        self.keeper.settled = False
        self.keeper.look(0)
        self.keeper.wanted = []
        self.keeper.look(1)
        left = [item.metric for item in self.kernel.dump("route")]
        self.assertEqual(sorted(left), [1000, 2000])  # what only closes stays longest
        self.assertEqual(self.kernel.dump("session") + self.kernel.dump("tunnel"), [])
        self.assertEqual(len(self.kernel.dump("policy")), 2)
        self.keeper.released = {(item.kind, item.key()) for item in self.kernel.dump("policy")}
        self.keeper.look(2)
        self.assertEqual(self.kernel.dump("policy"), [])
        self.assertEqual(len(self.kernel.dump("route")), 2)

    def test_what_is_in_the_way_goes_before_every_tunnel_is_known(self) -> None:
        self.make(NullKernel)
        for item in carrier(REMOTE)[2:6]:
            self.kernel.add(item)
        self.keeper.wanted = carrier(REMOTE)
        self.keeper.wanted[5] = k.Session(1, 3, 4, b"e" * 8, b"f" * 8, "ist-x")
        self.keeper.settled = False
        self.keeper.look(0)
        self.assertEqual(self.keeper.error, None)
        self.assertEqual(self.kernel.dump("session"), [self.keeper.wanted[5]])

    def test_an_sa_that_its_tunnel_does_not_know_goes_at_once(self) -> None:
        self.make(NullKernel)
        far = b"\xc6\x33\x64\x01"
        for reqid in (REQID, REQID + 1):
            keys = k.SaKeys(bytearray(b"k" * 20), bytearray())
            pair = (Prefix(HERE, 128), Prefix(THERE, 128), 115)
            self.kernel.add(k.Sa(far, reqid, WAN, reqid, k.BEET, k.ENCR_AES_GCM_16, 0, keys, pair))
        self.keeper.wanted = carrier(REMOTE)
        self.keeper.settled = False
        self.keeper.look(0)
        self.assertEqual([sa.reqid for sa in self.kernel.dump("sa")], [REQID + 1])
