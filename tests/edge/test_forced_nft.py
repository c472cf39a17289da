"""Forced rules on a real kernel: nothing of a forced host leaves beside its tunnel. Each test sees it do so first."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
from pathlib import Path

from tests.core.forced_samples import exception, rule
from tests.counts import cases
from tests.edge.forced_case import DSTNAT, GRE, KINDS, MAC2, ROUTER, ROUTER_WAN, Case, everything, only4
from tests.edge.forced_router import FAR, FAR6, FREE, HOST, HOST6, MAC, OTHER, TCP, UDP, Packet, checksum, run


class HeldTest(Case):
    def test_nothing_of_a_forced_host_leaves_while_the_tunnel_is_down(self) -> None:
        for kind, source in KINDS.items():
            self.free(everything())
            for routed in (False, True):
                with self.subTest(kind, routed=routed):
                    self.router.on([rule("r", [source])], up=(), routed=routed)
                    self.assert_fates(everything())

    def test_everything_goes_through_the_tunnel_while_it_is_up(self) -> None:
        for kind, source in KINDS.items():
            self.free(everything())
            with self.subTest(kind):
                self.router.on([rule("r", [source])])
                self.assert_fates(everything() if kind in {"mac", "bound", "interface"} else only4(everything()), "x")
                self.assertGreater(self.router.counters()["forced_r_protected"], 10)

    def test_each_layer_alone_keeps_the_promise(self) -> None:
        for kind, source in KINDS.items():
            for gone in ("forced_arrive", "forced_across"):
                with self.subTest(kind, gone=gone):
                    self.free(everything())
                    self.router.on([rule("r", [source])], up=(), without=(gone,), routed=gone == "forced_across")
                    self.assert_fates(everything())
        # Both gone: the packets are seen again, so the test can tell.
        self.router.on([rule("r", ["br-lan"])], up=(), without=("forced_arrive", "forced_across"), routed=False)
        self.assert_fates([self.packet(HOST, FAR)], "wan")

    def test_without_the_guard_nothing_leaves_the_sites_networks(self) -> None:
        """`nft flush ruleset`, until the daemon has put it back."""
        for kind, source in KINDS.items():
            self.free(everything())
            self.router.on([rule("r", [source])])
            self.router.nft("flush ruleset\n")
            with self.subTest(kind):
                self.assert_fates(everything())
                self.assert_fates([self.packet(FREE, FAR, mac=MAC2), self.packet(HOST, FAR, place="guest")])
                self.assertIn("router", self.router.send([self.packet(FREE, ROUTER, TCP, 22, mac=MAC2)])[0])

    def test_marks_of_others_open_nothing(self) -> None:
        self.free(everything())
        for priority in (-300, -150, 0):
            for mark in ("0", "0x82000000", "0x1", "0xffffffff"):
                with self.subTest(priority=priority, mark=mark):
                    self.router.on([rule("r", ["br-lan"])], up=())
                    hook = "type filter hook prerouting priority %d" % priority
                    with self.router.firewall(hook, "meta mark set " + mark):
                        self.assert_fates(everything())

    def test_marks_restored_by_others_do_not_keep_it_from_the_tunnel(self) -> None:
        self.router.on([rule("r", ["br-lan"])])
        with self.router.firewall("type filter hook prerouting priority -150", "meta mark set ct mark"):
            self.assert_fates([self.packet(HOST, FAR), self.packet(HOST6, FAR6)], "x")

    def test_no_packet_slips_out_while_rules_change(self) -> None:
        """While a table is replaced, a packet may meet the new chain too early and the old one too late, and so neither
        (linux: a new chain stands before an old one of its priority). Then it has no mark, and the third layer ends it.
        """
        packets = everything()
        self.free(packets)
        self.router.on([rule("r", ["br-lan"], via=["x", "y"]), rule("s", ["br-guest"], via=["y"])])
        rng, stop, end = random.Random(4), threading.Event(), self.router.ends["lan"]

        def send() -> None:
            while not stop.is_set():
                for packet in packets:
                    with contextlib.suppress(BlockingIOError):
                        end.send(packet.frame)

        self.router.send([])  # what came before is no longer waiting
        traffic = threading.Thread(target=send, daemon=True)
        traffic.start()
        try:
            for _ in range(cases(20, 500)):
                names = rng.sample(sorted(KINDS), rng.randrange(1, 4))
                rules = [rule("r%d" % index, [KINDS[name]], via=rng.choice((["x"], ["y"], ["y", "x"])))
                         for index, name in enumerate(names)]  # fmt: skip
                self.router.on(rules, routed=None)
        finally:
            stop.set()
            traffic.join(10)
        found: dict[int, set[str]] = {}
        self.router.collect(found)
        self.assertTrue([places for places in found.values() if places & {"x", "y"}], "nothing was sent at all")
        self.assertEqual([packet for packet in packets if "wan" in found.get(packet.number, set())], [])

    def test_routes_of_the_main_table_lead_nowhere_else(self) -> None:
        """TunnelVision: option 121 and router advertisements install routes as specific as they like."""
        routes = ["0.0.0.0/1", "128.0.0.0/1", "198.51.100.7/32", "192.168.20.0/25"]
        for route in routes:
            run("ip", "route", "replace", route, "via", "203.0.113.253", "dev", "wan0")
        try:
            packets = [(HOST, FAR), (HOST, "192.168.20.7")]
            self.free([self.packet(*pair) for pair in packets])
            self.router.on([rule("r", ["br-lan"])])
            self.assert_fates([self.packet(*pair) for pair in packets], "x")
            self.router.on([rule("r", ["br-lan"])], routed=False)
            self.assert_fates([self.packet(*pair) for pair in packets])
        finally:
            for route in routes:
                run("ip", "route", "del", route)

    def test_flows_that_were_there_before_stop(self) -> None:
        self.free([self.packet(HOST, FAR, UDP, 9, sport=777), self.packet(HOST, FAR, GRE)])
        back = self.packet(FAR, HOST, UDP, 777, sport=9, place="wan")
        self.free([back], "lan")
        self.router.on([rule("r", ["br-lan"])], up=())
        self.assert_fates([self.packet(HOST, FAR, UDP, 9, sport=777), self.packet(HOST, FAR, GRE)])

    def test_who_calls_from_the_internet_is_not_heard(self) -> None:
        """A flow table would take over a call's second packet, and let the answers out past every chain."""
        call = {"protocol": UDP, "dport": 8080, "sport": 555, "place": "wan"}
        answer = {"protocol": UDP, "dport": 555, "sport": 8080}
        with self.router.firewall(DSTNAT, "udp dport 8080 dnat ip to " + HOST):
            self.free([self.packet(FAR, ROUTER_WAN, **call)], "lan")
            self.free([self.packet(HOST, FAR, **answer)])
            self.router.on([rule("r", ["br-lan"])], up=())
            for _ in range(2):
                self.assert_fates([self.packet(FAR, ROUTER_WAN, **call)])
                self.assert_fates([self.packet(HOST, FAR, **answer)])
            self.router.on([rule("r", ["br-lan"], exceptions=[exception("e", ["198.51.100.0/24"])])], up=())
            self.assert_fates([self.packet(FAR, ROUTER_WAN, **call)], "lan")
            self.assert_fates([self.packet(HOST, FAR, **answer)], "wan")

    def test_a_forwarded_port_is_reached_from_inside_too(self) -> None:
        with self.router.firewall(DSTNAT, "udp dport 8080 dnat ip to " + OTHER):
            for up in ((), ("x",)):
                self.router.on([rule("r", ["br-lan"])], up=up)
                self.assert_fates([self.packet(HOST, ROUTER_WAN, UDP, 8080)], "guest")


class OddPacketsTest(Case):
    def test_icmp_errors_of_a_forced_host_stay(self) -> None:
        self.router.off()
        error = self.router.icmp_error(HOST, FAR, self.packet(FAR, HOST))
        self.assertIn("wan error", self.router.send([error])[0])
        for up, place in (((), set()), (("x",), {"x error"})):
            self.router.on([rule("r", ["br-lan"])], up=up)
            found = self.router.send([self.router.icmp_error(HOST, FAR, self.packet(FAR, HOST))])[0]
            self.assertEqual(found, place)

    def test_a_source_route_leads_nowhere(self) -> None:
        """The destination in the header is the router's own until it is forwarded: `to` cannot know the real one."""
        for name in ("all", "br-lan"):
            self.router.sysctl("net.ipv4.conf.%s.accept_source_route" % name, "1")
        try:
            for kind in (131, 137):  # loose, strict: RFC 791 3.1
                hops = bytes([kind, 7, 4]) + socket.inet_aton(FAR if kind == 131 else "203.0.113.254") + b"\0"
                packets = [self.packet(HOST, ROUTER, UDP, 9, options=hops)]
                self.free(packets)
                for without in ((), ("forced_arrive",), ("forced_across",)):
                    rules = [rule("r", ["br-lan"], to=["198.51.100.0/24", "203.0.113.0/24"])]
                    self.router.on(rules, without=without, routed="forced_arrive" not in without)
                    self.assert_fates([self.packet(HOST, ROUTER, UDP, 9, options=hops)])
        finally:
            for name in ("all", "br-lan"):
                self.router.sysctl("net.ipv4.conf.%s.accept_source_route" % name, "0")

    def fragments(self, source: str, destination: str, dport: int) -> list[Packet]:
        """The two halves of one UDP datagram; the second has no ports, and the canary."""
        whole = self.packet(source, destination, UDP, dport, data=bytes(64))
        ip6 = ":" in source
        head, body = (whole.frame[14:54], whole.frame[54:]) if ip6 else (whole.frame[14:34], whole.frame[34:])
        out = []
        for offset, more, part in ((0, 1, body[:64]), (64, 0, body[64:])):
            if ip6:
                extra = struct.pack("!BBHI", UDP, 0, offset | more, 4711)
                new = head[:4] + struct.pack("!HB", len(part) + 8, 44) + head[7:] + extra + part
            else:
                new = head[:2] + struct.pack("!HHH", 20 + len(part), whole.number & 0xFFFF, more << 13 | offset // 8)
                new += head[8:10] + b"\0\0" + head[12:]
                new = new[:10] + struct.pack("!H", checksum(new)) + new[12:] + part
            frame = whole.frame[:14] + new
            out.append(Packet("lan", frame, whole.number, "fragment at %d of %r" % (offset, whole)))
        return out

    def test_a_fragment_without_ports_goes_where_its_whole_goes(self) -> None:
        for source, destination in ((HOST, FAR), (HOST6, FAR6)):
            self.free(self.fragments(source, destination, 443))
            self.router.on([rule("r", ["br-lan"], port=["udp:443"])], up=())
            self.assert_fates(self.fragments(source, destination, 443))
            self.assert_fates(self.fragments(source, destination, 444), "wan")
            let = exception("e", port=["udp:443"], to=["198.51.100.0/24", "2001:db8:bad::/48"])
            self.router.on([rule("r", ["br-lan"], exceptions=[let])], up=())
            self.assert_fates(self.fragments(source, destination, 443), "wan")
            self.assert_fates(self.fragments(source, destination, 444))

    def test_extension_headers_hide_no_port(self) -> None:
        options = b"\x06\x00\x01\x04\x00\x00\x00\x00"  # next header TCP, eight bytes, PadN
        two = b"\x3c\x00\x01\x04\x00\x00\x00\x00" + options
        routing = b"\x06\x00\x04\x00\x00\x00\x00\x00"  # type 4, no segment left
        ways = ((0, options), (60, options), (0, two), (43, routing))

        def packets(dport: int = 443) -> list[Packet]:
            return [self.packet(HOST6, FAR6, TCP, dport, next_header=first, prefix=text) for first, text in ways]

        self.free(packets())
        self.router.on([rule("r", ["br-lan"], port=["tcp:443"])], up=())
        self.assert_fates(packets())
        self.assert_fates(packets(444), "wan")

    def test_another_network_of_the_site_frees_nobody(self) -> None:
        """Another port, VLAN or Wi-Fi name is another interface; the MAC stays, and the address does not fit there."""
        for source in (OTHER, HOST):
            self.free([self.packet(source, FAR, place="guest")])
            for forced in (MAC, HOST + "@" + MAC):
                self.router.on([rule("r", [forced])], up=())
                self.assert_fates([self.packet(source, FAR, place="guest")])
        self.router.on([rule("r", ["br-lan"])], up=())  # an interface is that interface
        self.assert_fates([self.packet(OTHER, FAR, place="guest")], "wan")

    def test_who_calls_a_host_known_by_its_mac_is_heard_once(self) -> None:
        """Whose address that is tells the first answer, which does not leave; from then on the call is not heard."""
        other = "02:00:00:00:07:07"
        rows = [("ipv4", (FAR, HOST), MAC), ("ipv6", (FAR6, HOST6), MAC), ("ipv6", (FAR6, HOST6), HOST + "@" + MAC),
                ("nat", (FAR, ROUTER_WAN), MAC)]  # fmt: skip
        call, answer = {"dport": 8080, "sport": 555, "place": "wan"}, {"dport": 555, "sport": 8080}
        for number, (name, (caller, called), source) in enumerate(rows):
            call["sport"] = answer["dport"] = 600 + number
            host = HOST6 if ":" in called else HOST

            def ask(caller: str = caller, called: str = called) -> Packet:
                return self.packet(caller, called, UDP, **call)

            def tell(mac: str, host: str = host, caller: str = caller) -> Packet:
                return self.packet(host, caller, UDP, mac=mac, **answer)

            with self.subTest(name, source=source), self.router.firewall(DSTNAT, "udp dport 8080 dnat ip to " + HOST):
                for up in ((), ("x",)):
                    call["sport"] = answer["dport"] = call["sport"] + 20
                    self.router.off()
                    self.router.on([rule("r", [source])], up=up)
                    self.assert_fates([ask()], "lan")
                    self.assert_fates([tell(MAC)], *up)
                    for _ in range(2):
                        self.assert_fates([ask()])
                        self.router.on([rule("r", [source])], up=up)  # another table, the same connection
                        self.assert_fates([tell(MAC)], *up)
                call["sport"] = answer["dport"] = call["sport"] + 20
                for _ in range(2):  # who is free is called as ever
                    self.assert_fates([ask()], "lan")
                    self.assert_fates([tell(other)], *(("wan",) if "@" not in source or ":" in host else ()))

    def test_nor_is_who_calls_by_ipv6_where_that_is_held_back(self) -> None:
        """Its host is known by IPv4 alone: the answer is dropped, and a flow table would let the next ones out."""
        call = {"dport": 8080, "sport": 655, "place": "wan"}
        for extra, places in (({}, ()), ({"to": ["2001:db8:bad::/48", "10.0.0.0/8"]}, ()), ({"ipv6": "free"}, ("lan",)),
                              ({"to": ["10.0.0.0/8"]}, ("lan",)), ({"port": ["udp:1-999"]}, ())):  # fmt: skip
            self.free([self.packet(FAR6, HOST6, UDP, **call)], "lan")
            self.router.on([rule("r", [HOST + "/32"], **extra)], up=())
            self.assert_fates([self.packet(FAR6, HOST6, UDP, **call)], *places)

    def test_a_call_is_heard_where_its_answer_may_leave(self) -> None:
        call, answer = {"dport": 8080, "sport": 700, "place": "wan"}, {"dport": 700, "sport": 8080}
        open_to = exception("e", ["198.51.100.0/24"])
        for extra in ({"to": ["203.0.113.0/24"]}, {"port": ["udp:1-9"]}, {"exceptions": [open_to]}):
            call["sport"] = answer["dport"] = call["sport"] + 1
            self.router.on([rule("r", [MAC], **extra)], up=())
            for _ in range(2):
                self.assert_fates([self.packet(FAR, HOST, UDP, **call)], "lan")
                self.assert_fates([self.packet(HOST, FAR, UDP, **answer)], "wan")

    def test_an_answer_on_the_lan_or_to_the_router_is_not_noted(self) -> None:
        self.router.on([rule("r", [MAC])], up=())
        for _ in range(2):
            self.assert_fates([self.packet(OTHER, HOST, UDP, 8080, sport=577, place="guest")], "lan")
            self.assert_fates([self.packet(HOST, OTHER, UDP, 577, sport=8080)], "guest")
        known = Path("/proc/net/nf_conntrack").read_text().splitlines()
        marks = [line.split(" mark=")[1].split()[0] for line in known if "sport=577 dport=8080" in line]
        self.assertEqual(marks, ["0"])

    def test_what_is_sent_to_many_is_not_forwarded(self) -> None:
        """Through a multicast route, as igmpproxy makes them."""
        route = MulticastRoute(HOST, "239.1.2.3")
        try:
            self.router.off()
            self.assertIn("wan", self.router.send([self.packet(HOST, "239.1.2.3", UDP, 9)])[0])
            self.router.on([rule("r", ["br-lan"])], up=())
            self.assert_fates([self.packet(HOST, "239.1.2.3", UDP, 9)])
        finally:
            route.close()


class MulticastRoute:
    """br-lan to wan0 for one source and group (linux/mroute.h)."""

    MRT_INIT, MRT_DONE, MRT_ADD_VIF, MRT_ADD_MFC = 200, 201, 202, 204

    def __init__(self, source: str, group: str) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
        self.sock.setsockopt(socket.IPPROTO_IP, self.MRT_INIT, 1)
        for number, ifname in enumerate(("br-lan", "wan0")):
            # vifi, flags (VIFF_USE_IFINDEX), threshold, rate limit, ifindex, remote
            row = struct.pack("=HBBIi4s", number, 8, 1, 0, socket.if_nametoindex(ifname), bytes(4))
            self.sock.setsockopt(socket.IPPROTO_IP, self.MRT_ADD_VIF, row)
        entry = socket.inet_aton(source) + socket.inet_aton(group) + struct.pack("=H", 0) + bytes([0, 1]) + bytes(30)
        self.sock.setsockopt(socket.IPPROTO_IP, self.MRT_ADD_MFC, entry + bytes(2) + bytes(16))

    def close(self) -> None:
        self.sock.setsockopt(socket.IPPROTO_IP, self.MRT_DONE, 0)
        self.sock.close()
