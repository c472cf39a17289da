"""PPTP through NAT on a real kernel: two clients with the same call id, with the kernel's helper and without.

Control connections and GRE packets as in RFC 2637, byte by byte.
"""

from __future__ import annotations

import socket
import struct
import unittest
from collections.abc import Callable

from isthmus.policy.passthrough import passthrough_chains
from tests.core.passthrough_samples import section
from tests.edge.nets import Net, Watch, forget_connections
from tests.edge.passing import GRE, LANS, ONE, OUT, TWO, Passing, build

setUpModule = build

MAGIC = 0x1A2B3C4D  # RFC 2637 1.4
START_REQUEST, START_REPLY, CALL_REQUEST, CALL_REPLY = 1, 2, 7, 8
SAME_CALL = 77  # what both clients call their call: nothing keeps them from it
GRE_FRAME = "!BBHHHI"  # flags, version 1, protocol, length, call id, sequence number (RFC 2637 4.1)


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("!HHIHH", 12 + len(body), 1, MAGIC, kind, 0) + body


def start(kind: int) -> bytes:
    result = struct.pack("!BB", 1, 0) if kind == START_REPLY else bytes(2)
    return message(kind, struct.pack("!H", 0x0100) + result + struct.pack("!IIHH", 1, 1, 0, 1) + bytes(128))


def call_request(call: int) -> bytes:
    return message(CALL_REQUEST, struct.pack("!HHIIIIHHHH", call, 1, 300, 100000000, 1, 1, 64, 0, 0, 0) + bytes(128))


def call_reply(call: int, peer: int) -> bytes:
    return message(CALL_REPLY, struct.pack("!HHBBHIHHI", call, peer, 1, 0, 0, 100000000, 64, 0, 0))


def read(sock: socket.socket) -> tuple[int, bytes]:
    """(kind, body) of one control message."""
    head = b""
    while len(head) < 12:
        head += sock.recv(12 - len(head))
    length, _, magic, kind, _ = struct.unpack("!HHIHH", head)
    assert magic == MAGIC
    body = b""
    while len(body) < length - 12:
        body += sock.recv(length - 12 - len(body))
    return kind, body


class Call:
    """One client's control connection and its call, up to where GRE begins."""

    def __init__(self, test: unittest.TestCase, client: Net, server: Net, listener: socket.socket, own: int) -> None:
        self.client, self.server = client, server
        self.control = client.socket(socket.AF_INET, socket.SOCK_STREAM)
        test.addCleanup(self.control.close)
        self.control.settimeout(5)
        self.control.connect((OUT, 1723))
        answering, address = listener.accept()
        test.addCleanup(answering.close)
        answering.settimeout(5)
        self.control.sendall(start(START_REQUEST))
        assert read(answering)[0] == START_REQUEST
        answering.sendall(start(START_REPLY))
        assert read(self.control)[0] == START_REPLY
        self.control.sendall(call_request(SAME_CALL))
        self.seen_by_server = struct.unpack_from("!H", read(answering)[1])[0]
        self.server_call = own
        answering.sendall(call_reply(own, self.seen_by_server))
        body = read(self.control)[1]
        self.seen_by_client, self.own_in_reply = struct.unpack_from("!HH", body)
        self.address = address[0]

    def up(self, token: bytes) -> None:
        gre(self.client, OUT, self.seen_by_client, token)

    def down(self, token: bytes) -> None:
        gre(self.server, self.address, self.seen_by_server, token)


def gre(net: Net, to: str, call: int, payload: bytes) -> None:
    with net.socket(socket.AF_INET, socket.SOCK_RAW, GRE) as sock:
        sock.sendto(struct.pack(GRE_FRAME, 0x30, 0x01, 0x880B, len(payload), call, 1) + payload, (to, 0))


class PptpTest(Passing):
    def setUp(self) -> None:
        super().setUp()
        self.listener = self.out.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(self.listener.close)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((OUT, 1723))
        self.listener.listen()
        self.listener.settimeout(5)

    def call_both(self) -> list[str]:
        """What of two calls works: "up one", "down one", "up two", "down two"."""
        works = []
        calls = []
        for name, net, own in (("one", self.one, 501), ("two", self.two, 502)):
            calls.append((name, net, Call(self, net, self.out, self.listener, own)))
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
        call = Call(self, self.one, self.out, self.listener, 501)
        self.assertTrue(self.arrives(call.up, self.out))
        self.assertTrue(self.arrives(call.down, self.one))
        self.apply(section("old", "pptp", "out", "", "block"))
        forget_connections(self.router)
        self.assertFalse(self.arrives(call.up, self.out))
        self.assertFalse(self.arrives(call.down, self.one))


if __name__ == "__main__":
    unittest.main()
