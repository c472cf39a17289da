"""Static tunnels that come, go, move to one address and apart, lose their SAs: whatever happens in whatever order, the
kernel refuses nothing, ends as it should be, and no tunnel is ever without the policy that keeps it out of the clear.
"""

from __future__ import annotations

import unittest

from hypothesis import given as hypothesis_given
from hypothesis import settings
from hypothesis import strategies as st

from isthmus.config.static import StaticSession
from isthmus.kernel import objects as k
from isthmus.kernel.null import NullKernel
from isthmus.kernel.voucher import find_voucher
from isthmus.kernel.ways import Way
from isthmus.policy.desired import Facts, objects_of
from isthmus.policy.given import free_mark, given, given_reqid
from isthmus.policy.plan import plan
from isthmus.wire.addr import Prefix
from tests.counts import cases

HERE = (bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2]))
THERE = (bytes([198, 51, 100, 1]), bytes([198, 51, 100, 2]))
COUNT = 4

# of each tunnel: None where it is not configured, else (which of our addresses, which of the peer's, has it SAs)
STATE = st.lists(
    st.one_of(st.none(), st.tuples(st.integers(0, 1), st.integers(0, 1), st.booleans())), min_size=COUNT, max_size=COUNT
)


def static(number: int) -> StaticSession:
    return StaticSession({
        "tunnel_id": 10 + number, "peer_tunnel_id": 20, "session_id": 110 + number, "peer_session_id": 210 + number,
        "cookie": b"", "peer_cookie": b"", "sublayer": "none", "address": [(bytes([10, 9, number, 1]), 30)],
        "peer_address": [bytes([10, 9, number, 2])], "peer_inside": None,
    })  # fmt: skip


MARKS: list[int] = []
for index in range(COUNT):
    MARKS.append(free_mark(given_reqid(10 + index, 20), MARKS))


def wanted(state: list) -> list[k.KernelObject]:
    ends = [None if row is None else (row[0], row[1]) for row in state]
    items: list[k.KernelObject] = []
    for number, row in enumerate(state):
        if row is None:
            continue
        local, remote = HERE[row[0]], THERE[row[1]]
        derived = given(static(number), b"\x02a%d" % number, b"\x02b", local, remote)
        derived.mark = MARKS[number]
        items += objects_of(Facts(
            "ist-%d" % number, 1400, [Prefix(bytes([10, 100 + number, 0, 0]), 16)], [], local, remote, "wan0", derived,
            [], row[2], static(number).addresses, static(number).next_hops, ends.count(ends[number]) > 1,
        ))  # fmt: skip
    return items


class StaticProperties(unittest.TestCase):
    @settings(max_examples=cases(60, 3000), deadline=None)
    @hypothesis_given(st.lists(STATE, min_size=1, max_size=6))
    def test_every_change_goes_through(self, states: list) -> None:
        kernel = NullKernel(
            [("wan0", address, 24) for address in HERE], [(Prefix(bytes(4), 0), Way(HERE[0], "wan0", 1500))]
        )
        for state in [*states, [None] * COUNT]:
            desired = wanted(state)
            for verb, item in plan(desired, self.actual(kernel)):
                getattr(kernel, verb)(item)
                for tunnel in kernel.dump("tunnel"):
                    self.assertIsNotNone(find_voucher(tunnel, kernel.dump("policy")), tunnel)
            self.assertEqual(plan(desired, self.actual(kernel)), [])
            self.check_apart(kernel)

    @staticmethod
    def actual(kernel: NullKernel) -> list[k.KernelObject]:
        return [item for kind in k.KINDS for item in kernel.dump(kind)]

    def check_apart(self, kernel: NullKernel) -> None:
        """Of two policies that one packet may meet, no two of one mark; and none without a mark where marks are."""
        seen = {}
        for policy in kernel.dump("policy"):
            key = (policy.direction, policy.source, policy.destination, policy.mark)
            self.assertNotIn(key, seen)
            seen[key] = policy
        for (direction, source, destination, mark), policy in seen.items():
            if mark:
                open_one = seen[direction, source, destination, 0]
                self.assertNotIn(open_one.reqid, [given_reqid(10 + number, 20) for number in range(COUNT)])
                self.assertLess(policy.priority, open_one.priority)
