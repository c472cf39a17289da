"""Two sites with session static, in memory: transport mode, one tunnel alone and several at one address."""

from __future__ import annotations

from isthmus.config.model import load
from isthmus.kernel import objects as k
from isthmus.policy.desired import NOBODY
from isthmus.proto import actions
from isthmus.wire.addr import parse_ip
from tests.core.pair import PSK, A, B, Host, PairTest, make_config

IDS_A = " option local_id a.example\n option remote_id b.example\n"
IDS_B = " option local_id b.example\n option remote_id a.example\n"
STATIC = """ option session static
 option tunnel_id %d
 option peer_tunnel_id %d
 option session_id %d
 option peer_session_id %d
 option sublayer none
"""
EXTRA_A = STATIC % (10, 20, 11, 21) + IDS_A + " list address 10.9.0.1/30\n list peer_address 10.9.0.2\n"
EXTRA_B = STATIC % (20, 10, 21, 11) + IDS_B + " list address 10.9.0.2/30\n list peer_address 10.9.0.1\n"
MOVED = parse_ip("192.0.2.77")


def ends(host: Host) -> list[tuple[bytes, bytes]]:
    return sorted([(tunnel.local, tunnel.remote) for tunnel in host.kernel.dump("tunnel")])


class StaticTest(PairTest):
    def test_up(self) -> None:
        self.bring_up(EXTRA_A, EXTRA_B)
        self.assertEqual((ends(self.a), ends(self.b)), ([(A, B)], [(B, A)]))
        policies = self.a.kernel.dump("policy")
        self.assertEqual({(item.mode, item.mark, item.protocol) for item in policies}, {(k.TRANSPORT, 0, 115)})
        for sa in self.a.kernel.dump("sa"):
            self.assertEqual((sa.mode, sa.reqid), (k.TRANSPORT, policies[0].reqid))
            self.assertEqual(sa.mark != 0, sa.destination == A)
        self.assertEqual(self.a.kernel.dump("link")[0].mtu, 1428)  # no cookie, no sublayer: measured
        hops = [route.via for route in self.a.kernel.dump("route") if route.type == k.UNICAST]
        self.assertEqual(hops, [parse_ip("10.9.0.2")])

    def test_what_closes_stands_before_a_word_is_said(self) -> None:
        said = []
        send = self.a.send

        def note(data: bytes, source: object, destination: object, probe: bool = False) -> None:
            said.append((self.a.kernel.guard_get() is not None, len(self.a.kernel.dump("policy"))))
            send(data, source, destination, probe)

        self.a.send = note
        self.bring_up(EXTRA_A, EXTRA_B)
        self.assertEqual(set(said), {(True, 2)})

    def test_a_peer_without_ipv6_is_asked_in_ipv4(self) -> None:
        self.pair.speaks_ipv6 = False
        self.bring_up(EXTRA_A, EXTRA_B)
        without = EXTRA_A.replace(" list address 10.9.0.1/30\n list peer_address 10.9.0.2\n", "")
        self.assertNotEqual(without, EXTRA_A)
        config = make_config("198.51.100.1", "192.168.20.0/24", PSK, without)
        self.a.site.apply(config, [], self.pair.now)
        self.assertTrue(self.pair.run(60_000, lambda: self.a.tunnel.state() == "carried"))
        self.pair.run(30_000)
        self.assertEqual(self.a.tunnel.state(), "carried")

    def test_a_standing_tunnel_is_left_alone(self) -> None:
        self.bring_up(EXTRA_A, EXTRA_B)
        before = len(self.a.kernel.log)
        self.pair.run(300_000)
        self.assertEqual(len(self.a.kernel.log), before)
        self.assertTrue(self.pair.up())

    def test_a_new_daemon_adopts_what_it_finds(self) -> None:
        self.bring_up(EXTRA_A, EXTRA_B)
        before, log = self.a.spis(), len(self.a.kernel.log)
        self.a.kill()
        self.pair.run(5_000)
        self.a.start()
        self.pair.configure(EXTRA_A, EXTRA_B)
        self.assertTrue(self.pair.run(60_000, self.pair.up))
        self.pair.run(60_000)
        self.assertTrue(self.pair.up())
        self.assertNotEqual(self.a.spis(), before)
        changed = {kind for verb, kind, _ in self.a.kernel.log[log:]}
        self.assertTrue(changed <= {"sa", "guard"}, changed)

    def test_policies_that_somebody_flushes_come_back(self) -> None:
        self.bring_up(EXTRA_A, EXTRA_B)
        self.a.kernel.damage("policy")
        log = len(self.a.kernel.log)
        self.pair.run(10_000)
        self.assertEqual(len(self.a.kernel.dump("policy")), 2)
        self.assertTrue(self.pair.up())
        self.assertEqual(self.a.site.keeper.error, None)
        self.assertEqual({(verb, kind) for verb, kind, _ in self.a.kernel.log[log:]}, {("add", "policy")})

    def test_another_address_moves_the_tunnel(self) -> None:
        self.bring_up(EXTRA_A, EXTRA_B)
        self.a.move(MOVED)
        self.assertTrue(self.pair.run(60_000, lambda: ends(self.b) == [(B, MOVED)] and self.pair.up()))
        self.pair.run(60_000)
        self.assertTrue(self.pair.up())
        self.assertEqual(ends(self.a), [(MOVED, B)])
        for host in (self.a, self.b):
            outer = {frozenset((p.source.address, p.destination.address)) for p in host.kernel.dump("policy")}
            self.assertEqual(outer, {frozenset((MOVED, B))})

    def test_a_peer_that_calls_from_anywhere(self) -> None:
        anywhere = make_config("%any", "192.168.10.0/24", PSK, EXTRA_B)
        self.b.site.apply(anywhere, [], self.pair.now)
        self.pair.run(2_000)
        self.assertEqual([self.b.kernel.dump(kind) for kind in ("policy", "tunnel")], [[], []])
        self.assertTrue(self.b.kernel.guard_get() is not None)
        config = make_config("198.51.100.1", "192.168.20.0/24", PSK, EXTRA_A)
        self.a.site.apply(config, [], self.pair.now)
        self.assertTrue(self.pair.run(30_000, self.pair.up))
        self.pair.run(10_000)
        self.assertTrue(self.pair.up())
        self.assertEqual(ends(self.b), [(B, A)])
        self.assertEqual(len(self.b.kernel.dump("policy")), 2)
        log = len(self.b.kernel.log)
        self.b.kill()
        self.pair.run(2_000)
        self.b.start()
        self.b.site.apply(anywhere, [], self.pair.now)
        self.assertTrue(self.pair.run(60_000, self.pair.up))
        self.pair.run(30_000)
        self.assertTrue(self.pair.up())
        changed = {kind for verb, kind, _ in self.b.kernel.log[log:]}
        self.assertTrue(changed <= {"sa", "guard"}, changed)

    def test_taken_down_the_policies_stay(self) -> None:
        self.bring_up(EXTRA_A, EXTRA_B)
        self.a.tunnel.pause(self.pair.now)
        self.pair.run(5_000)
        self.assertEqual([self.a.kernel.dump(kind) for kind in ("sa", "tunnel", "session")], [[], [], []])
        self.assertEqual(len(self.a.kernel.dump("policy")), 2)
        self.assertTrue(self.a.kernel.guard_get() is not None)

    def test_a_peer_in_tunnel_mode_is_told_of(self) -> None:
        make = actions.TRANSPORT
        self.pair.configure(EXTRA_A, EXTRA_B)
        connection = self.b.tunnel.connection
        self.b.tunnel.connection = lambda: self.changed(connection(), make)
        self.pair.run(20_000)
        self.assertFalse(self.pair.up())
        codes = [host.tunnel.error.code for host in (self.a, self.b) if host.tunnel.error is not None]
        codes += [host.tunnel.refusal.error.code for host in (self.a, self.b) if host.tunnel.refusal is not None]
        self.assertTrue("mode" in codes, codes)

    def changed(self, connection: object, mode: str) -> object:
        """A connection that calls itself something between the two: no link, and no transport mode either."""
        if connection is not None:
            self.assertEqual(connection.mode, mode)
            connection.mode = "tunnel"
        return connection


class SharedTest(PairTest):
    """Two tunnels between the same two addresses, as of two peers behind one translator."""

    def text(self, here: str, count: int) -> str:
        out = ""
        for number in range(count):
            ours, theirs = (100, 200) if here == "a" else (200, 100)
            other = "b" if here == "a" else "a"
            remote, third = ("198.51.100.1", 20) if here == "a" else ("192.0.2.1", 10)
            out += "config tunnel t%d\n option remote %s\n option psk '%s'\n" % (number, remote, PSK)
            out += " option local_id %s%d.example\n option remote_id %s%d.example\n" % (here, number, other, number)
            out += " list remote_subnet 192.168.%d.0/24\n list peer_address fe80::1\n" % (third + number)
            out += STATIC % (ours + number, theirs + number, ours + 10 + number, theirs + 10 + number)
        return out

    def configure(self, count: int) -> None:
        for host in (self.a, self.b):
            loaded = load("test", lambda path, host=host: self.text(host.name, count).encode())
            self.assertEqual([str(error) for error in loaded.errors], [])
            host.site.apply(loaded.config, [], self.pair.now)

    def keyed(self, count: int) -> bool:
        """Every tunnel has ESP and L2TP on both sides. The pair's probes know of one session only."""
        for host in (self.a, self.b):
            found = [tunnel.state() for tunnel in host.site.tunnels.values()]
            if len(found) != count or len([state for state in found if state in ("up", "carried")]) != count:
                return False
        return True

    def marks(self, host: Host) -> list[int]:
        return sorted([policy.mark for policy in host.kernel.dump("policy") if policy.direction == k.OUT])

    def test_two_at_one_address(self) -> None:
        self.configure(2)
        self.assertTrue(self.pair.run(60_000, lambda: self.keyed(2)))
        for host in (self.a, self.b):
            marks = self.marks(host)
            self.assertEqual(len(marks), 3)
            self.assertEqual((marks[0], len(set(marks))), (0, 3))
            by_reqid = {policy.reqid: policy.mark for policy in host.kernel.dump("policy")}
            self.assertEqual(by_reqid[NOBODY], 0)
            for sa in host.kernel.dump("sa"):
                expected = by_reqid[sa.reqid] if sa.destination == host.wan else 0
                self.assertEqual(sa.mark, expected)
            self.assertEqual(len(ends(host)), 2)

    def test_one_alone_then_two_then_one(self) -> None:
        self.configure(1)
        self.assertTrue(self.pair.run(60_000, lambda: self.keyed(1)))
        self.assertEqual(self.marks(self.a), [0])
        first = self.a.spis()
        self.configure(2)
        self.assertTrue(self.pair.run(60_000, lambda: self.keyed(2)))
        self.pair.run(5_000)
        self.assertTrue(set(first) <= set(self.a.spis()), "the first tunnel's SAs stay")
        self.assertEqual(len(self.marks(self.a)), 3)
        self.assertEqual([host.site.keeper.error for host in (self.a, self.b)], [None, None])
        self.configure(1)
        self.assertTrue(self.pair.run(60_000, lambda: self.keyed(1)))
        self.pair.run(20_000)
        self.assertEqual(self.marks(self.a), [0])
        self.assertEqual(self.a.spis(), first)
        self.assertEqual([host.site.keeper.error for host in (self.a, self.b)], [None, None])

    def test_a_new_daemon_finds_both(self) -> None:
        self.configure(2)
        self.assertTrue(self.pair.run(60_000, lambda: self.keyed(2)))
        policies, log = self.a.kernel.dump("policy"), len(self.a.kernel.log)
        self.a.kill()
        self.a.start()
        loaded = load("test", lambda path: self.text("a", 2).encode())
        self.a.site.apply(loaded.config, [], self.pair.now)
        self.assertTrue(self.pair.run(60_000, lambda: self.keyed(2)))
        self.pair.run(30_000)
        found = self.a.kernel.dump("policy")
        self.assertEqual(sorted([policy.words() for policy in found]), sorted([policy.words() for policy in policies]))
        changed = {kind for verb, kind, _ in self.a.kernel.log[log:]}
        self.assertTrue(changed <= {"sa", "guard"}, changed)
