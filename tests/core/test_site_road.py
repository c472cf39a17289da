"""Two sites in memory: where the peer is found. Several endpoints in order, a peer anywhere, names that change."""

from __future__ import annotations

from isthmus.kernel.objects import IN, OUT
from isthmus.wire.addr import parse_ip
from tests.core.pair import A, B, PairTest, make_config

NOWHERE = parse_ip("203.0.113.9")
ELSEWHERE = parse_ip("203.0.113.77")
IDS_A = " option local_id 'a'\n option remote_id 'b'\n"
IDS_B = " option local_id 'b'\n option remote_id 'a'\n"


class RoadTest(PairTest):
    def configure(self, remote_a: str, remote_b: str, extra_a: str = "", extra_b: str = "") -> None:
        for host, remote, subnet, extra in (
            (self.a, remote_a, "192.168.20.0/24", IDS_A + extra_a),
            (self.b, remote_b, "192.168.10.0/24", IDS_B + extra_b),
        ):
            host.site.apply(make_config(remote, subnet, extra=extra), [], self.pair.now)

    def templates(self, host: object) -> dict:
        return {p.direction: (p.outer_source, p.outer_destination) for p in host.kernel.dump("policy")}

    def test_a_peer_anywhere_is_known_by_its_identity(self) -> None:
        self.configure("198.51.100.1", "%any")
        self.pair.run(0)
        self.b.site.handle_timer(self.pair.now)
        self.assertEqual(self.b.tunnel.state(), "negotiating")
        self.assertEqual(self.templates(self.b)[OUT], (bytes(4), bytes(4)), "closed before anybody calls")
        self.assertTrue(self.pair.run(20_000, self.pair.up))
        self.assertEqual(self.templates(self.b)[OUT], (B, A))
        self.assertEqual(self.b.kernel.dump("link")[0].mtu, 1420)
        self.pair.run(60_000)
        self.assertTrue(self.pair.up())
        self.assertEqual(self.a.spis(), self.b.spis())

    def test_a_stranger_from_anywhere_is_refused(self) -> None:
        self.configure("198.51.100.1", "%any", extra_a=" option instance 3\n")
        wrong = make_config("198.51.100.1", "192.168.20.0/24", psk="something quite different", extra=IDS_A)
        self.a.site.apply(wrong, [], self.pair.now)
        self.pair.run(60_000)
        self.assertEqual(self.b.tunnel.state(), "negotiating")
        self.assertEqual(self.b.kernel.dump("sa"), [])

    def test_endpoints_are_tried_in_order(self) -> None:
        self.a.names["b.example.net"] = [ELSEWHERE, B]
        self.configure("203.0.113.9 b.example.net", "%any")
        tried = []
        send = self.a.send

        def note(data: bytes, source: object, destination: object, probe: bool = False) -> None:
            if destination[0] not in tried:
                tried.append(destination[0])
            send(data, source, destination, probe)

        self.a.send = note
        self.assertTrue(self.pair.run(30_000, self.pair.up))
        self.assertEqual(tried, [NOWHERE, ELSEWHERE, B])
        self.pair.run(100_000)
        self.assertEqual(tried, [NOWHERE, ELSEWHERE, B], "what stands is left alone")

    def test_the_next_endpoint_takes_over_when_one_fails(self) -> None:
        self.configure("198.51.100.1 203.0.113.77", "%any")
        self.assertTrue(self.pair.run(20_000, self.pair.up))
        self.b.move(ELSEWHERE)
        self.assertTrue(self.pair.run(90_000, lambda: self.templates(self.a)[OUT] == (A, ELSEWHERE)))
        self.pair.run(10_000)
        self.assertTrue(self.pair.up())

    def test_a_peer_that_has_lost_everything_is_called_at_once(self) -> None:
        self.configure("198.51.100.1", "%any")
        self.assertTrue(self.pair.run(20_000, self.pair.up))
        self.b.kill()
        self.b.reboot()
        self.configure("198.51.100.1", "%any")
        self.assertTrue(self.pair.run(20_000, lambda: self.b.tunnel.state() == "up"))
        self.pair.run(10_000)
        self.assertTrue(self.pair.up())

    def test_the_waiting_side_looks_its_peers_name_up_again(self) -> None:
        """Known by its address, and that changes: the name server is the only one who can tell."""
        self.b.names["a.example.net"] = [A]
        only = make_config("198.51.100.1", "192.168.20.0/24", extra=" option role initiate\n")
        self.a.site.apply(only, [], self.pair.now)
        waits = make_config("a.example.net", "192.168.10.0/24", extra=" option role respond\n")
        self.b.site.apply(waits, [], self.pair.now)
        self.assertTrue(self.pair.run(20_000, self.pair.up))
        self.a.move(ELSEWHERE)
        self.pair.run(200_000)  # its entry in the DNS is late
        self.b.names["a.example.net"] = [ELSEWHERE]
        self.assertTrue(self.pair.run(240_000, lambda: self.templates(self.b)[OUT] == (B, ELSEWHERE)))
        self.assertTrue(self.pair.run(60_000, self.pair.up))

    def test_a_peer_that_has_moved_is_called_where_it_is(self) -> None:
        """B knows A by an address that no longer holds; when B calls, it calls where A has shown itself."""
        self.configure("198.51.100.1", "192.0.2.1", " option mobike 0\n", " option mobike 0\n")
        self.assertTrue(self.pair.run(20_000, self.pair.up))
        self.a.move(ELSEWHERE)
        self.assertTrue(self.pair.run(3_000, lambda: self.templates(self.b)[OUT] == (B, ELSEWHERE)))
        self.pair.run(5_000)
        before = self.b.tunnel.ike.ike_id
        self.b.site.engine.initiate("branch", self.pair.now)
        self.b.site.obey(self.pair.now)
        self.pair.run(5_000)
        self.assertTrue(self.b.tunnel.ike.ike_id > before, "its call has not arrived")
        self.assertTrue(self.pair.up())

    def test_role_initiate_calls_and_answers_nobody(self) -> None:
        calls = " option role initiate\n"
        self.configure("198.51.100.1", "192.0.2.1", calls, calls)
        self.pair.run(60_000)
        self.assertFalse(self.pair.up())
        self.configure("198.51.100.1", "192.0.2.1", extra_a=" option role initiate\n")
        self.assertTrue(self.pair.run(60_000, self.pair.up))

    def test_the_inbound_policy_fits_wherever_the_peer_is(self) -> None:
        self.bring_up()
        self.assertEqual(self.templates(self.a)[IN], (bytes(4), bytes(4)))

    def test_a_restarted_daemon_finds_its_peer_by_the_sas(self) -> None:
        self.configure("198.51.100.1", "%any")
        self.assertTrue(self.pair.run(20_000, self.pair.up))
        self.b.kill()
        self.b.start()
        self.configure("198.51.100.1", "%any")
        self.pair.run(3_000)
        self.assertEqual(self.templates(self.b)[OUT], (B, A))
        self.assertTrue(self.pair.run(10_000, self.pair.up))

    def test_every_address_of_a_peer_has_a_lane_of_its_own(self) -> None:
        def lanes(host: object) -> list[bytes]:
            return [a for a in (A, B, NOWHERE, ELSEWHERE) if "ike_from_%s {" % a.hex() in host.guard_text]

        self.a.names["b.example.net"] = [ELSEWHERE, B]
        self.configure("203.0.113.9 b.example.net", "%any")
        self.pair.run(1_000)
        self.assertEqual(lanes(self.a), [B, NOWHERE, ELSEWHERE])
        self.assertEqual(lanes(self.b), [], "nobody is expected anywhere")
        self.assertTrue(self.pair.run(30_000, self.pair.up))
        self.pair.run(1_000)
        self.assertEqual(lanes(self.b), [A], "it has proved itself")
        self.a.names["b.example.net"] = []
        self.pair.run(120_000)
        self.assertTrue(B in lanes(self.a), "a name server that has gone silent takes nothing away")
