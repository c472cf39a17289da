"""PPTP through NAT on a real kernel: two clients with the same call id, with the kernel's helper and without."""

from __future__ import annotations

import socket
import unittest
from collections.abc import Callable

from isthmus.policy.passthrough import passthrough_chains
from tests.core.passthrough_samples import section
from tests.edge.nets import Net, Watch, forget_connections
from tests.edge.passing import LANS, ONE, OUT, TWO, Passing, build
from tests.edge.pptp import SAME_CALL, Call

setUpModule = build


class PptpTest(Passing):
    def setUp(self) -> None:
        super().setUp()
        self.listener = self.out.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(self.listener.close)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((OUT, 1723))
        self.listener.listen()
        self.listener.settimeout(5)

    def call(self, client: Net, own: int) -> Call:
        found = Call(client, self.out, self.listener, own)
        self.addCleanup(found.close)
        return found

    def call_both(self) -> list[str]:
        """What of two calls works: "up one", "down one", "up two", "down two"."""
        works = []
        calls = []
        for name, net, own in (("one", self.one, 501), ("two", self.two, 502)):
            calls.append((name, net, self.call(net, own)))
        for name, net, call in calls:
            if self.arrives(call.up, self.out):
                works.append("up " + name)
            if self.arrives(call.down, net):
                works.append("down " + name)
        self.calls = [call for _, _, call in calls]
        return works

    def arrives(self, send: Callable[[bytes], None], receiver: Net) -> bool:
        """Whether what is sent with a token comes; the last word is a datagram that the firewall lets through."""
        token, last = self.token(), self.token()
        sender = self.one if receiver is self.out else self.router
        target = {self.out: OUT, self.one: ONE, self.two: TWO}[receiver]
        watch = Watch(receiver, "eth0")
        try:
            send(token)
            with sender.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.sendto(last, (target, 7))
            return bool([packet for packet in watch.until(last) if token in packet])
        finally:
            watch.close()

    def test_without_the_helper_no_answer_comes_back(self) -> None:
        """The tracking keeps GRE apart by call ids, and those of the two ends differ: only the helper knows both."""
        self.assertEqual(self.call_both(), ["up one", "up two"])
        self.assertEqual({call.seen_by_server for call in self.calls}, {SAME_CALL}, "nobody has changed it")

    def test_with_the_helper_both_work(self) -> None:
        self.apply(section("old", "pptp", "out", "192.168.10.0/24", "helper"))
        self.assertEqual(self.call_both(), ["up one", "down one", "up two", "down two"])
        self.assertEqual(len({call.seen_by_server for call in self.calls}), 2, "the helper keeps the calls apart")
        self.assertEqual({call.own_in_reply for call in self.calls}, {SAME_CALL}, "and no client notices")

    def test_the_helper_is_for_the_chosen_hosts_alone(self) -> None:
        self.apply(section("old", "pptp", "out", ONE + "/32", "helper"))
        works = self.call_both()
        self.assertEqual(works, ["up one", "down one", "up two"])

    def test_at_boot_there_is_no_helper_to_refuse(self) -> None:
        chains, _ = passthrough_chains([section("old", "pptp", "out", "", "helper")], LANS, False)
        text = "\n".join(line for chain in chains for line in chain.lines())
        self.assertFalse("helper" in text)

    def test_blocked_neither_calls_nor_gre_pass(self) -> None:
        self.apply(section("none", "pptp", "out", "", "block"))
        self.assertFalse(self.passes(self.one, self.out, "pptp", ONE, OUT))
        self.assertFalse(self.passes(self.one, self.out, "gre", ONE, OUT))

    def test_an_end_after_the_block_ends_a_call(self) -> None:
        """What stood before is ended by the daemon: its first packet then is one like any other."""
        self.apply(section("old", "pptp", "out", "", "helper"))
        call = self.call(self.one, 501)
        self.assertTrue(self.arrives(call.up, self.out))
        self.assertTrue(self.arrives(call.down, self.one))
        self.apply(section("old", "pptp", "out", "", "block"))
        forget_connections(self.router)
        self.assertFalse(self.arrives(call.up, self.out))
        self.assertFalse(self.arrives(call.down, self.one))


if __name__ == "__main__":
    unittest.main()
