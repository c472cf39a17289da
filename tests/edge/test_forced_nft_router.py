"""Forced rules on a real kernel: what their hosts may ask of the router, and where their questions of names go."""

from __future__ import annotations

import socket

from tests.core.forced_samples import rule
from tests.edge.forced_case import DSTNAT, GRE, KINDS, MAC2, ROUTER, ROUTER6, ROUTER_WAN, SIXINFOUR, Case
from tests.edge.forced_router import FAR, FAR6, FREE, HOST, HOST6, ICMP, MAC, OTHER, TCP, UDP, Packet, run


class RouterTest(Case):
    """What forced hosts may ask of the router, and where their questions of names go."""

    def test_nothing_is_asked_that_it_would_fetch_for_them(self) -> None:
        asks = [(ROUTER, UDP, 53), (ROUTER, TCP, 53), (ROUTER, TCP, 853), (ROUTER, UDP, 5351), (ROUTER, TCP, 5000),
                (ROUTER, TCP, 3128), (ROUTER_WAN, UDP, 53), ("239.255.255.250", UDP, 1900), ("224.0.0.251", UDP, 5353),
                ("192.168.10.255", UDP, 53), ("255.255.255.255", UDP, 53), (ROUTER, GRE, 0),
                (ROUTER, SIXINFOUR, 0)]  # fmt: skip
        joined = []
        for group in ("239.255.255.250", "224.0.0.251"):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            request = socket.inet_aton(group) + socket.inet_aton(ROUTER)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, request)
            joined.append(sock)
        try:
            for kind, source in KINDS.items():
                self.free([self.packet(HOST, *ask) for ask in asks], "router")
                with self.subTest(kind):
                    self.router.on([rule("r", [source])])
                    self.assert_fates([self.packet(HOST, *ask) for ask in asks])
                    self.assertGreaterEqual(self.router.counters()["forced_r_blocked"], len(asks))
        finally:
            for sock in joined:
                sock.close()

    def test_a_group_that_they_join_is_not_asked_of_the_uplink(self) -> None:
        """By a multicast proxy: each join would carry an address of the host's choice to the outside."""
        joins = [(HOST6, "ff02::16", 58, 143), ("fe80::50", "ff02::1", 58, 131), ("fe80::50", "ff02::2", 58, 132)]

        def packets() -> list[Packet]:
            return [self.packet(source, to, protocol, kind=kind) for source, to, protocol, kind in joins]

        self.assertIn("router", self.seen_without(packets())[1])
        for source in (HOST + "/32", HOST + "@" + MAC, "br-lan"):
            self.router.on([rule("r", [source])])
            self.assert_fates(packets())
            self.assert_fates([self.packet("fe80::50", "ff02::1", ICMP)], "router", "lan")

    def test_everywhere_is_everywhere_however_it_is_written(self) -> None:
        rows = [(HOST, ROUTER, TCP, 3128), (HOST6, ROUTER6, TCP, 3128)]
        for to, held in ((["0.0.0.0/0"], (True, False)), (["0.0.0.0/1", "128.0.0.0/1", "::/0"], (True, True)),
                         (["10.0.0.0/8"], (False, False))):  # fmt: skip
            self.router.on([rule("r", ["br-lan"], to=to)])
            for row, is_held in zip(rows, held):
                self.assert_fates([self.packet(*row)], *(() if is_held else ("router",)))

    def test_what_they_need_they_get(self) -> None:
        for source in KINDS.values():
            self.router.on([rule("r", [source], router_port=["tcp:22", "tcp:80", "udp:123"])], up=())
            gets = [(TCP, 22), (TCP, 80), (UDP, 123), (UDP, 67)]
            self.assert_fates([self.packet(HOST, ROUTER, *get) for get in gets], "router")
            self.assert_fates([self.packet(HOST, ROUTER, ICMP)], "router", "lan")

    def test_no_list_of_ports_makes_a_resolver_of_it(self) -> None:
        asks = [(UDP, 53), (TCP, 53), (TCP, 853)]
        self.free([self.packet(HOST, ROUTER, *ask) for ask in asks], "router")
        for source in KINDS.values():
            self.router.on([rule("r", [source], router_port=["udp", "tcp:53", "tcp:800-900"])])
            self.assert_fates([self.packet(HOST, ROUTER, *ask) for ask in asks])
            self.assert_fates([self.packet(HOST, ROUTER, UDP, 54), self.packet(HOST, ROUTER, TCP, 800)], "router")

    def test_a_port_of_its_own_is_no_proxy_for_other_addresses(self) -> None:
        """A transparent proxy takes packets for other addresses as if they were its own."""
        run("ip", "rule", "add", "fwmark", "0x77/0xff", "table", "77", "priority", "77")
        run("ip", "route", "add", "local", "default", "dev", "lo", "table", "77")
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT
        listener.bind(("127.0.0.1", 3129))
        listener.listen()
        proxy = "iifname br-lan meta nfproto ipv4 tcp dport 80 tproxy ip to 127.0.0.1:3129 meta mark set 0x77 accept"
        try:
            with self.router.firewall("type filter hook prerouting priority -150", proxy):
                self.free([self.packet(HOST, FAR, TCP, 80)], "router")
                self.router.on([rule("r", ["br-lan"])], up=())
                self.assert_fates([self.packet(HOST, FAR, TCP, 80)])
        finally:
            listener.close()
            run("ip", "route", "del", "local", "default", "dev", "lo", "table", "77")
            run("ip", "rule", "del", "priority", "77")

    def test_answers_to_the_router_itself_arrive(self) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((ROUTER, 4000))
        try:
            self.router.on([rule("r", ["br-lan"])], up=())
            self.assert_fates([self.packet(HOST, ROUTER, UDP, 4000, sport=4001)])
            sock.sendto(b"hello", (HOST, 4001))
            self.assert_fates([self.packet(HOST, ROUTER, UDP, 4000, sport=4001)], "router")
        finally:
            sock.close()

    def test_a_peer_within_a_forced_network_may_call(self) -> None:
        """Where a peer is known by a name alone, nobody can refuse a rule that holds its address."""
        peer = "203.0.113.9"
        for protocol, port in ((UDP, 500), (UDP, 4500)):
            self.free([self.packet(peer, ROUTER_WAN, protocol, port, place="wan")], "router")
            self.router.on([rule("r", ["203.0.113.0/24"])])
            found = self.router.send([self.packet(peer, ROUTER_WAN, protocol, port, place="wan")])[0]
            self.assertIn("router", found)
            self.assert_fates([self.packet(peer, ROUTER_WAN, protocol, port + 1, place="wan")])

    def test_the_administrator_of_another_network_is_not_asked(self) -> None:
        self.router.on([rule("r", [HOST + "/32"])], up=())
        self.assert_fates([self.packet(FREE, ROUTER, TCP, 8443, mac=MAC2)], "router")

    def test_names_are_asked_inside_the_tunnel(self) -> None:
        rules = [rule("r", ["br-lan"], dns=["192.168.20.53", "2001:db8:20::53"])]
        asks = [(HOST, ROUTER), (HOST, FAR), (HOST, OTHER), (HOST, ROUTER_WAN), (HOST6, ROUTER6), (HOST6, FAR6)]

        def packets() -> list[Packet]:
            return [self.packet(*ask, protocol, 53) for ask in asks for protocol in (UDP, TCP)]

        for found in self.seen_without(packets()):
            self.assertTrue(found & {"router", "wan", "guest"})
        self.router.on(rules)
        frames = Wiretap("x")
        self.assert_fates(packets(), "x")
        for destination in frames.destinations():
            self.assertIn(destination, ("192.168.20.53", "2001:db8:20::53"))
        self.router.on(rules, up=())
        self.assert_fates(packets())
        self.router.on(rules, up=(), routed=False)  # the main table leads to the resolver through the same tunnel
        self.assert_fates(packets(), "x")

    def seen_without(self, packets: list[Packet]) -> list[set[str]]:
        self.router.off()
        return self.router.send(packets)

    def test_without_a_resolver_of_its_family_it_has_none_of_another_rules(self) -> None:
        rules = [rule("a", [MAC], dns=["192.168.20.53"]), rule("b", ["br-lan"], dns=["2001:db8:20::53"])]
        self.router.on(rules)
        self.assert_fates([self.packet(HOST6, ROUTER6, UDP, 53)])
        self.assert_fates([self.packet(HOST6, ROUTER6, UDP, 53, mac=MAC2), self.packet(HOST, ROUTER, UDP, 53)], "x")

    def test_a_split_rule_with_a_resolver_lets_no_question_past_it(self) -> None:
        rules = [rule("r", ["br-lan"], to=["192.168.20.0/25"], port=["tcp:80"], dns=["192.168.20.200"])]
        packets = [(HOST, FAR, UDP, 53), (HOST, ROUTER, TCP, 53)]
        self.router.on(rules)
        self.assert_fates([self.packet(*row) for row in packets], "x")
        self.router.on(rules, up=())
        self.assert_fates([self.packet(*row) for row in packets])
        self.assert_fates([self.packet(HOST6, ROUTER6, UDP, 53), self.packet(HOST6, FAR6, UDP, 53)])
        self.assert_fates([self.packet(HOST, FAR, TCP, 81)], "wan")

    def test_a_firewalls_own_redirection_of_names_does_not_go_first(self) -> None:
        with self.router.firewall(DSTNAT, "iifname br-lan udp dport 53 redirect to :53"):
            self.router.on([rule("r", ["br-lan"], dns=["192.168.20.53"])])
            self.assert_fates([self.packet(HOST, FAR, UDP, 53)], "x")
            self.router.on([rule("r", ["br-lan"])])
            self.assert_fates([self.packet(HOST, FAR, UDP, 53)])

    def test_names_of_others_are_left_alone(self) -> None:
        self.router.on([rule("r", [HOST + "/32"], dns=["192.168.20.53"])])
        self.assert_fates([self.packet(FREE, FAR, UDP, 53, mac=MAC2)], "wan")
        self.assert_fates([self.packet(FREE, ROUTER, UDP, 53, mac=MAC2)], "router")


class Wiretap:
    """What comes out of a place, whole."""

    def __init__(self, place: str) -> None:
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.bind(("p-" + place, 3))
        self.sock.setblocking(False)

    def destinations(self) -> list[str]:
        out = []
        while True:
            try:
                frame = self.sock.recv(65535)
            except BlockingIOError:
                break
            if frame[12:14] == b"\x08\x00":
                out.append(socket.inet_ntop(socket.AF_INET, frame[30:34]))
            elif frame[12:14] == b"\x86\xdd":
                out.append(socket.inet_ntop(socket.AF_INET6, frame[38:54]))
        self.sock.close()
        if not out:
            raise AssertionError("nothing came out")
        return out
