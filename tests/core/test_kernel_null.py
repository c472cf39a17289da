"""The null twin keeps the contract of the kernel seam, and lets a test play the rest of the world."""
from __future__ import annotations

from isthmus.kernel.contract import EEXIST, EINVAL, EPERM, KernelError
from isthmus.kernel.flows import IPS_OFFLOAD, Flow
from isthmus.kernel.null import NullKernel
from isthmus.kernel.ways import Mapping, Way
from isthmus.wire.addr import parse_prefix
from tests.core import kernel_contract as contract
from tests.core.kernel_contract_lane import COUNTED


class NullTest(contract.Contract):
    def make(self) -> NullKernel:
        # One kernel, however often it is opened: what a restarted daemon finds.
        if getattr(self, "world", None) is None:
            way4 = Way(contract.US4, contract.UPLINK, 1500)
            way6 = Way(contract.US6, contract.UPLINK, 1500)
            self.world = NullKernel(
                uplinks=[(contract.UPLINK, contract.US4, 24), (contract.UPLINK, contract.US6, 64)],
                ways=[(parse_prefix("0.0.0.0/0"), way4), (parse_prefix("2001:db8::/64"), way6)],
            )
        return self.world

    def setUp(self) -> None:
        self.world = None
        super().setUp()

    def damage(self, what: str) -> None:
        self.kernel.damage(what)

    def test_a_call_can_be_made_to_fail_once(self) -> None:
        self.kernel.fail_next["add"] = EPERM
        error = self.refused(EPERM, self.kernel.add, contract.policy())
        self.assertEqual(error.code, "kernel-eperm")
        self.assertTrue("CAP_NET_ADMIN" in error.remedy)
        self.kernel.add(contract.policy())
        self.assertEqual(self.kernel.log, [("add", "policy", contract.policy().words())])

    def test_what_is_given_and_what_is_listed_is_not_what_is_kept(self) -> None:
        self.kernel.add(contract.policy())
        self.kernel.dump("policy")[0].reqid = 1
        self.assertEqual(self.kernel.dump("policy"), [contract.policy()])

    def test_counters_come_with_the_list(self) -> None:
        self.carry()
        self.kernel.kept("session", contract.session().key()).rx_packets = 7
        self.assertEqual(self.kernel.dump("session")[0].rx_packets, 7)

    def test_connections_are_listed_and_ended_one_by_one(self) -> None:
        us, peer = contract.US4, contract.PEER4
        one, other = [Flow(2, 6, us, port, peer, 443, peer, 443, us, port, status)
                      for port, status in ((50000, 0), (50001, IPS_OFFLOAD))]
        self.kernel.known_flows = [one, other]
        self.assertEqual(self.kernel.flows(), [one, other])
        self.assertEqual(self.kernel.flows(lambda flow: flow.offloaded), [other])
        self.assertEqual(self.kernel.flows(source=us), [one, other])
        self.assertEqual(self.kernel.flows(source=peer), [])
        for _ in range(2):
            self.kernel.end_flow(one)
        self.assertEqual(self.kernel.flows(), [other])
        self.kernel.fail_next["flows"] = EINVAL
        error = self.refused(EINVAL, self.kernel.flows)
        self.assertTrue("nf_conntrack_netlink" in error.remedy)
        self.kernel.known_neighbours = [("br-lan", contract.US4, contract.MAC)]
        self.assertEqual(self.kernel.neighbours(), [("br-lan", contract.US4, contract.MAC)])
        self.kernel.known_flows, self.kernel.known_neighbours = [], []

    def test_what_the_guard_has_counted(self) -> None:
        self.kernel.guard_set(COUNTED)
        self.kernel.counts["exception_ntp"] = (3, 180)
        self.assertEqual(self.kernel.counters()["exception_ntp"], (3, 180))
        self.kernel.damage("guard")
        self.assertEqual(self.kernel.counters(), {})
        self.kernel.guard_set(COUNTED)
        self.assertEqual(self.kernel.counters()["exception_ntp"], (0, 0))

    def test_where_esp_comes_from_is_told_once_until_it_is_repaired(self) -> None:
        self.kernel.add(contract.sa(encap=(4500, 4500)))
        self.kernel.kept("sa", contract.sa().key()).packets = 7
        self.events()
        moved = (contract.US4, 61000)
        self.kernel.remap(contract.PEER4, 0x1000, moved)
        self.assertTrue("mapping" in self.events())
        self.assertEqual(self.kernel.take_mappings(), [Mapping(contract.PEER4, 0x1000, moved)])
        self.assertEqual(self.kernel.take_mappings(), [])
        self.kernel.replace(contract.sa(encap=(61000, 4500)))
        self.assertEqual(self.kernel.dump("sa")[0].packets, 7)
        self.kernel.remap(contract.PEER4, 0x1000, moved)
        self.assertEqual(self.kernel.take_mappings(), [])

    def test_no_secret_shows(self) -> None:
        item = contract.sa()
        key = bytes(item.keys.encryption)
        shown = repr(item) + repr(item.keys) + str(item.key()) + str(item.body())
        self.assertFalse(key.hex()[:8] in shown)
        self.assertFalse(repr(key)[2:12] in shown)
        session = contract.session()
        shown = repr(session) + str(session.key()) + str(session.body())
        self.assertFalse("cook" in shown)
        self.kernel.add(item)
        with self.assertRaises(KernelError) as caught:
            again = contract.sa()
            key = bytes(again.keys.encryption)
            self.kernel.add(again)
        self.assertEqual(caught.exception.number, EEXIST)
        self.assertFalse(repr(key)[2:12] in str(caught.exception))
        self.kernel.remove(item)
