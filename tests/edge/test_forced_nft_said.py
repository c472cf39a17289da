"""What the router itself says about what a tunnel brought a forced host: it would leave in the clear."""

from __future__ import annotations

import socket

from tests.core.forced_samples import rule
from tests.edge.forced_case import KINDS, Case
from tests.edge.forced_router import ETH_ALL, FAR, FAR6, FREE, HOST, HOST6, TCP, UDP, Packet, checksum

FORWARD = "type filter hook forward priority 0"
RST = 4  # RFC 9293 3.1


class SaidTest(Case):
    def short_lived(self, packet: Packet) -> Packet:
        """The same with one hop to live: this router has to say that it was the last."""
        frame = bytearray(packet.frame)
        if frame[12:14] == b"\x08\x00":
            frame[14 + 8] = 1
            frame[24:26] = b"\0\0"
            frame[24:26] = checksum(bytes(frame[14:34])).to_bytes(2, "big")
        else:
            frame[14 + 7] = 1
        packet.frame = bytes(frame)
        return packet

    def brought(self, far: str = FAR, host: str = HOST, protocol: int = UDP, sport: int = 443) -> Packet:
        return self.packet(far, host, protocol, 50_000, sport=sport, place="x")

    def talk(self, far: str = FAR, host: str = HOST) -> None:
        """The host has called, and the tunnel brings an answer: a connection like any other."""
        self.assert_fates([self.packet(host, far, UDP, 443, sport=50_000)], "x")
        self.assert_fates([self.brought(far, host)], "lan")

    def errors(self, *packets: Packet) -> set[str]:
        return {place for found in self.router.send(list(packets)) for place in found}

    def resets(self, *packets: Packet) -> int:
        """How many TCP resets leave by the uplink."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_ALL)) as uplink:
            uplink.bind(("p-wan", ETH_ALL))
            uplink.setblocking(False)
            self.router.send(list(packets))
            count = 0
            while True:
                try:
                    frame, address = uplink.recvfrom(65535)
                except BlockingIOError:
                    return count
                at = {b"\x08\x00": (23, 34), b"\x86\xdd": (20, 54)}.get(frame[12:14])
                if address[2] != socket.PACKET_OUTGOING and at is not None and frame[at[0]] == TCP:
                    count += bool(frame[at[1] + 13] & RST)

    def test_errors_about_what_the_tunnel_brought(self) -> None:
        for kind, source in KINDS.items():
            self.router.on([rule("r", [source])])
            for far, host in ((FAR, HOST), (FAR6, HOST6)):
                if host == HOST6 and kind in {"prefix", "network"}:
                    continue  # its IPv6 is held back
                with self.subTest(kind, host=host):
                    self.talk(far, host)
                    self.assertEqual(self.errors(self.short_lived(self.brought(far, host))), set())
                    uncalled = self.short_lived(self.brought(far, host, sport=7))
                    self.assertEqual(self.errors(uncalled), set())

    def test_they_would_be_seen(self) -> None:
        for far, host in ((FAR, HOST), (FAR6, HOST6)):
            self.router.on([rule("r", ["br-lan"])], without=("forced_said",))
            self.talk(far, host)
            self.assertEqual(self.errors(self.short_lived(self.brought(far, host))), {"wan error"})

    def test_a_firewall_that_rejects(self) -> None:
        for kind, source in KINDS.items():
            for without, seen in (((), 0), (("forced_said",), 1)):
                self.router.on([rule("r", [source])], without=without)
                with self.subTest(kind, without=without):
                    with self.router.firewall(FORWARD, 'oifname "br-lan" reject with tcp reset'):
                        self.assertEqual(self.resets(self.brought(protocol=TCP, sport=2000 + seen)), seen)
                    with self.router.firewall(FORWARD, 'iifname "ist-x" oifname "br-lan" reject'):
                        found = self.errors(self.brought(sport=3000 + seen))
                        self.assertEqual(found, {"wan error"} if seen else set())

    def test_those_about_other_hosts_are_heard(self) -> None:
        self.router.on([rule("r", [HOST + "/32"])])
        call = self.packet(FREE, FAR, UDP, 443, sport=50_001, mac="02:00:00:00:01:02")
        self.assert_fates([call], "wan")
        answer = self.short_lived(self.packet(FAR, FREE, UDP, 50_001, sport=443, place="wan"))
        self.assertEqual(self.errors(answer), {"wan error"})

    def test_the_forced_host_hears_that_its_tunnel_is_down(self) -> None:
        for lans in (("br-lan", "br-guest"), ()):
            self.router.on([rule("r", [HOST + "/32"])], up=(), lans=lans)
            self.assertEqual(self.errors(self.packet(HOST, FAR, UDP, 443)), {"lan error"})
