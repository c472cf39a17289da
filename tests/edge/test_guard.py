"""The guard in a real kernel: the contract's part of it, in a network namespace of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest

from isthmus.kernel.contract import KernelError
from isthmus.kernel.nft_messages import NFT_MSG_GETGEN, NFT_MSG_NEWGEN
from isthmus.kernel.real_nft import Guard
from isthmus.policy.guard import REMOVE, guard_text
from tests.core import kernel_contract_guard as contract
from tests.edge.world import own_network

OTHER = "table inet other {\n}\n"
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from isthmus.kernel.real_nft import Guard
from isthmus.policy.guard import guard_text
import pyroute2.netlink
guard = Guard()
guard.set(guard_text([]))
first = guard.get()
assert first and guard.get() == first and guard.programs == 1, guard.programs
guard._known = None
assert guard.get() not in (None, first) and guard.programs == 2, guard.programs
print(pyroute2.netlink.__file__)
"""


def setUpModule() -> None:
    own_network()


def nft(text: str) -> None:
    subprocess.run(["nft", "-f", "-"], input=text.encode(), check=True, timeout=60)


class Only(Guard):
    """The guard, where a whole kernel is expected."""

    guard_set = Guard.set
    guard_get = Guard.get

    def dump(self, _kind: str) -> list:
        return []


class GuardTest(contract.GuardContract):
    def make(self) -> Only:
        return Only()

    def damage(self, what: str) -> None:
        nft({"guard": "flush ruleset\n", "edit": "add rule inet isthmus clear_out accept\n"}[what])

    def set_and_list(self) -> bytes:
        """Our table as it was set, and as it was listed after somebody else's commit. Its digest."""
        self.kernel.guard_set(guard_text([]))
        first = self.kernel.guard_get()
        nft(OTHER)
        self.assertEqual(self.kernel.guard_get(), first)
        nft("delete table inet other\n")
        self.assertEqual(self.kernel.guard_get(), first)
        return first

    def test_what_was_set_last_need_not_be_listed(self) -> None:
        self.kernel.guard_set(guard_text([]))
        self.assertIsNotNone(self.kernel.guard_get())
        self.assertEqual(self.kernel.programs, 1)

    def test_a_commit_of_somebody_else_beside_ours_makes_it_be_listed(self) -> None:
        put = self.kernel._put

        def beside(text: str) -> None:
            put(text)
            self.damage("edit")

        self.kernel._put = beside
        self.kernel.guard_set(guard_text([]))
        self.kernel._put = put
        spoiled = self.kernel.guard_get()
        self.kernel.guard_set(guard_text([]))
        self.assertNotEqual(spoiled, self.kernel.guard_get())
        self.assertNotEqual(spoiled, self.set_and_list())

    def test_a_rule_added_before_it_was_ever_listed_is_seen(self) -> None:
        self.kernel.guard_set(guard_text([]))
        first = self.kernel.guard_get()
        self.damage("edit")
        self.assertNotIn(self.kernel.guard_get(), (None, first))

    def test_a_rule_added_after_it_was_listed_is_seen(self) -> None:
        first = self.set_and_list()
        self.damage("edit")
        for _ in range(2):
            self.assertNotIn(self.kernel.guard_get(), (None, first))
        self.kernel.guard_set(guard_text([]))
        self.assertEqual(self.kernel.guard_get(), first)

    def test_what_was_removed_is_not_put_back_by_looking(self) -> None:
        """A question changes nothing for good: whoever asks decides what to do about another's table of our name."""
        self.kernel.guard_set(guard_text([]))
        first = self.kernel.guard_get()
        self.damage("guard")
        self.assertIsNone(self.kernel.guard_get())
        nft("table inet isthmus {\n\tchain clear_out {\n\t}\n}\n")
        theirs = self.kernel.guard_get()
        for text in (OTHER, "delete table inet other\n"):
            nft(text)
            self.assertEqual(self.kernel.guard_get(), theirs)
        self.assertNotIn(theirs, (None, first))

    def test_other_tables_change_nothing(self) -> None:
        first = self.set_and_list()
        nft(OTHER)
        before = self.kernel.programs
        self.assertEqual(self.kernel.guard_get(), first)
        self.assertEqual(self.kernel.programs, before + 1)
        self.assertEqual(self.kernel.guard_get(), first)
        self.assertEqual(self.kernel.programs, before + 1)
        nft("delete table inet other\n")

    def test_a_change_while_it_is_listed_is_not_missed(self) -> None:
        self.set_and_list()
        nft(OTHER)
        listing = self.kernel._list

        def meanwhile() -> bytes | None:
            found = listing()
            self.damage("guard")
            return found

        self.kernel._list = meanwhile
        self.assertIsNotNone(self.kernel.guard_get())
        self.kernel._list = listing
        self.assertIsNone(self.kernel.guard_get())

    def test_a_kernel_that_does_not_tell(self) -> None:
        ask = self.kernel._transport.request

        def silent(message: object, number: int, *rest: object) -> list:
            if number == NFT_MSG_GETGEN:
                raise KernelError(22, "ask for the generation of nftables")
            return ask(message, number, *rest)

        self.kernel._transport.request = silent
        self.kernel.guard_set(guard_text([]))
        first = self.kernel.guard_get()
        self.assertIsNotNone(first)
        self.damage("guard")
        self.assertIsNone(self.kernel.guard_get())

    def test_the_answer_has_the_number_that_is_expected(self) -> None:
        self.assertEqual(NFT_MSG_NEWGEN, 0x0A0F)
        self.assertIsNotNone(self.kernel._generation())
        before = self.kernel._generation()
        self.kernel.guard_set(REMOVE)
        self.assertNotEqual(self.kernel._generation(), before)

    def test_with_the_shim(self) -> None:
        shims = os.path.join(os.path.dirname(__file__), "..", "..", "firmware", "shims")
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([p for p in sys.path if p])}
        only = os.path.join(self.folder(shims), "")
        argv = [sys.executable, "-c", PROGRAM, only]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environment, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("shims", os.path.realpath(done.stdout.strip()))

    def folder(self, shims: str) -> str:
        """A folder with the pyroute2 shim alone: the others stand in for what CPython has."""
        import tempfile

        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.symlink(os.path.realpath(os.path.join(shims, "pyroute2")), os.path.join(folder.name, "pyroute2"))
        return folder.name


if __name__ == "__main__":
    unittest.main()
