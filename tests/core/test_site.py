"""Two whole sites in memory: how tunnels come up, why they do not, and what they survive."""

from __future__ import annotations

from isthmus.kernel import objects as k
from isthmus.lamps import BAD, LAMPS, OFF, OK, lamps
from isthmus.policy.desired import BACKSTOP_METRIC
from tests.core.pair import LAN_A, B, Host, Pair, PairTest, make_config

INFORMATIONAL, RESPONSE = 37, 0x20  # RFC 7296 3.1


def colours(host: Host) -> dict[str, str]:
    return {lamp.name: lamp.state for lamp in lamps(host.tunnel, host.site.keeper, host.pair.now)}


def closed(host: Host) -> bool:
    """What must hold in every state: guard, policies, and a wall behind every remote subnet."""
    backstops = [r for r in host.kernel.dump("route") if r.type == k.UNREACHABLE and r.metric == BACKSTOP_METRIC]
    return host.kernel.guard_get() is not None and len(host.kernel.dump("policy")) == 2 and len(backstops) == 1


class SiteTest(PairTest):
    def said(self, host: Host, words: str) -> int:
        return len([line for line in host.log.lines if words in line])


class UpTest(SiteTest):
    def test_what_closes_stands_before_a_word_is_said(self) -> None:
        said = []
        send = self.a.send

        def note(data: bytes, source: object, destination: object, probe: bool = False) -> None:
            said.append(closed(self.a))
            send(data, source, destination)

        self.a.send = note
        self.bring_up()
        self.assertTrue(said[0], "IKE began before guard, policies and backstop routes")
        self.assertFalse(False in said)

    def test_both_begin_at_once_and_one_pair_of_sas_results(self) -> None:
        self.bring_up()
        self.assertEqual(len(self.a.spis()), 2)
        self.assertEqual(self.a.spis(), self.b.spis())
        self.assertEqual(self.said(self.a, "refused") + self.said(self.b, "refused"), 0)

    def test_one_side_may_wait(self) -> None:
        for extra in ((" option role respond\n", ""), ("", " option role respond\n")):
            self.pair = Pair(extra)
            self.a, self.b = self.pair.a, self.pair.b
            self.bring_up(extra[0], extra[1])
            self.assertEqual(self.a.spis(), self.b.spis(), extra)

    def test_five_lamps_with_evidence(self) -> None:
        self.bring_up()
        for host in (self.a, self.b):
            found = lamps(host.tunnel, host.site.keeper, self.pair.now)
            self.assertEqual([lamp.name for lamp in found], list(LAMPS))
            for lamp in found:
                self.assertEqual(lamp.state, OK, lamp.evidence)
                self.assertTrue(len(lamp.evidence) > 10)

    def test_the_kernel_holds_what_a_tunnel_needs(self) -> None:
        self.bring_up()
        link = self.a.kernel.dump("link")[0]
        self.assertEqual((link.ifname, link.mtu, link.up), ("ist-branch", 1420, True))
        routes = {(str(route.destination), route.type): route for route in self.a.kernel.dump("route")}
        through = routes["192.168.20.0/24", k.UNICAST]
        self.assertEqual((through.oif, through.prefsrc), ("ist-branch", LAN_A))
        self.assertTrue(("192.168.20.0/24", k.UNREACHABLE) in routes)
        self.assertTrue(closed(self.a))

    def test_a_standing_tunnel_is_left_alone(self) -> None:
        self.bring_up()
        before = len(self.a.kernel.log)
        sent = self.pair.sent
        self.pair.run(600_000)
        self.assertEqual(len(self.a.kernel.log), before)
        self.assertEqual(self.pair.sent, sent)
        self.assertTrue(self.pair.up())

    def test_a_name_is_looked_up(self) -> None:
        self.a.names["b.example.net"] = [B]
        self.pair.configure()
        self.a.site.apply(make_config("b.example.net", "192.168.20.0/24"), [], self.pair.now)
        self.assertTrue(self.pair.run(30_000, self.pair.up))


class RefusedTest(SiteTest):
    """Each fault: nothing passes, both sides name it, they calm down, and it heals by itself."""

    def fails(self, code: str, host: Host | None = None) -> None:
        host = host or self.a
        self.pair.run(180_000)
        self.assertTrue(self.pair.run(120_000, lambda: host.tunnel.state() == "waiting"))
        self.assertEqual(host.tunnel.error.code, code, str(host.tunnel.error))
        self.assertTrue(len(host.tunnel.error.remedy) > 10)
        for each in (self.a, self.b):
            self.assertEqual(each.kernel.dump("session"), [])
            self.assertTrue(each.kernel.guard_get() is not None or not each.alive)
        sent = self.pair.sent
        self.pair.run(60_000)
        self.assertTrue(self.pair.sent - sent < 60, "it does not calm down")
        self.assertEqual(colours(host)["ipsec"], BAD)

    def test_wrong_psk(self) -> None:
        self.pair.configure(psk_b="something quite different")
        self.fails("psk")
        self.assertEqual(self.b.tunnel.refusal.error.code, "psk")
        for host in (self.a, self.b):
            self.assertEqual(self.said(host, "something quite") + self.said(host, "correct horse"), 0)
        self.b.site.apply(make_config("192.0.2.1", "192.168.10.0/24"), [], self.pair.now)
        self.assertTrue(self.pair.run(120_000, self.pair.up))

    def test_unknown_identity(self) -> None:
        self.pair.configure(extra_a=" option local_id '@stranger'\n", extra_b=" option role respond\n")
        self.fails("psk")  # all that the refused side can know: AUTHENTICATION_FAILED
        self.assertTrue("stranger" in str(self.a.tunnel.error))
        self.assertTrue(self.said(self.b, "stranger") > 0)

    def test_no_common_proposal(self) -> None:
        self.pair.configure(
            " list ike_proposal aes256-sha256-prfsha256-modp2048\n", " list ike_proposal aes128gcm16-prfsha256-x25519\n"
        )
        self.fails("no-proposal")

    def test_no_common_esp_proposal(self) -> None:
        self.pair.configure(" list esp_proposal aes256-sha256\n", " list esp_proposal aes128gcm16\n")
        self.fails("no-proposal")

    def test_unreachable_peer(self) -> None:
        self.pair.fate = lambda data, number: []
        self.pair.configure()
        self.fails("unreachable")
        self.pair.fate = lambda data, number: [5]
        self.assertTrue(self.pair.run(180_000, self.pair.up))

    def test_unresolvable_name(self) -> None:
        self.pair.configure()
        self.b.kill()
        self.a.site.apply(make_config("b.example.net", "192.168.20.0/24"), [], self.pair.now)
        self.fails("unresolvable-name")
        self.a.names["b.example.net"] = [B]
        self.b.start()
        self.b.site.apply(make_config("192.0.2.1", "192.168.10.0/24"), [], self.pair.now)
        self.assertTrue(self.pair.run(180_000, self.pair.up))

    def test_another_instance(self) -> None:
        self.pair.configure(" option instance 1\n")
        self.fails("link")
        self.assertTrue("option instance is 0 at the peer and 1 here" in str(self.a.tunnel.error), self.a.tunnel.error)


class SurviveTest(SiteTest):
    def test_a_killed_daemon_leaves_the_kernel_working(self) -> None:
        self.bring_up()
        before = self.a.spis()
        self.a.kill()
        self.pair.run(600_000)
        self.assertEqual(self.a.spis(), before)
        self.assertEqual(self.b.tunnel.state(), "up")

    def test_a_restarted_daemon_adopts_then_replaces(self) -> None:
        self.bring_up()
        before = self.a.spis()
        self.a.kill()
        self.pair.run(60_000)
        self.a.start()
        log = len(self.a.kernel.log)
        self.a.site.apply(make_config("198.51.100.1", "192.168.20.0/24"), [], self.pair.now)
        self.assertTrue(self.pair.run(20_000, self.pair.up))
        self.pair.run(30_000)
        self.assertEqual([spi for spi in self.a.spis() if spi in before], [])
        self.assertEqual(len(self.a.spis()), 2)
        self.assertEqual(self.a.spis(), self.b.spis())
        touched = [entry for entry in self.a.kernel.log[log:] if entry[1] in ("tunnel", "session", "link", "route")]
        self.assertEqual(touched, [])

    def test_sas_of_another_key_are_not_adopted(self) -> None:
        self.bring_up()
        before = self.a.spis()
        self.a.kill()
        self.a.start()
        self.a.site.apply(make_config("198.51.100.1", "192.168.20.0/24", "quite another secret"), [], self.pair.now)
        self.pair.run(5_000)
        self.assertEqual([spi for spi in self.a.spis() if spi in before], [])

    def test_a_changed_key_ends_what_was_agreed_under_the_old(self) -> None:
        self.bring_up()
        before = self.a.spis()
        self.a.site.apply(make_config("198.51.100.1", "192.168.20.0/24", "quite another secret"), [], self.pair.now)
        self.pair.run(5_000)
        self.assertEqual([spi for spi in self.a.spis() if spi in before], [])

    def test_flushed_sas_are_agreed_anew(self) -> None:
        self.bring_up()
        before = self.a.spis()
        self.a.kernel.damage("sa")
        self.assertTrue(self.pair.run(3_000, lambda: self.pair.up() and len(self.a.spis()) == 2))
        self.pair.run(10_000)
        self.assertEqual([spi for spi in self.a.spis() if spi in before], [])
        self.assertTrue(self.pair.up())

    def test_flushed_policies_and_guard_are_put_back(self) -> None:
        self.bring_up()
        self.a.kernel.damage("policy")
        self.a.kernel.damage("guard")
        self.pair.run(2_000)
        self.assertTrue(closed(self.a))
        self.assertTrue(self.pair.up())

    def test_a_lost_session_is_made_again(self) -> None:
        self.bring_up()
        self.a.kernel.damage("tunnel")
        self.assertEqual(self.a.kernel.dump("session"), [])
        self.assertTrue(self.pair.run(10_000, lambda: bool(self.a.kernel.dump("session"))))
        self.assertTrue(self.pair.run(10_000, self.pair.up))

    def test_a_dead_peer_is_noticed_and_comes_back(self) -> None:
        self.bring_up(" option dpd_interval 10s\n")
        self.b.kill()
        for kind in ("sa", "tunnel"):
            self.b.kernel.damage(kind)
        self.assertTrue(self.pair.run(120_000, lambda: self.a.tunnel.error is not None))
        self.b.start()
        self.b.site.apply(make_config("192.0.2.1", "192.168.10.0/24"), [], self.pair.now)
        self.assertTrue(self.pair.run(120_000, self.pair.up))

    def test_keys_are_renewed_without_a_gap(self) -> None:
        self.bring_up(" option lifetime 10m\n", " option lifetime 10m\n")
        before = self.a.spis()
        self.pair.run(700_000, lambda: self.a.tunnel.state() != "up" or self.b.tunnel.state() != "up")
        self.assertTrue(self.pair.up())
        self.assertEqual([spi for spi in self.a.spis() if spi in before], [])
        self.assertEqual(self.a.tunnel.probe.loss_percent(), 0)

    def test_the_old_pair_is_given_up_when_traffic_has_left_it(self) -> None:
        # Some peers close their end when they read the DELETE: what still comes on the old SA then is lost.
        for renew in ("child", "whole"):
            self.setUp()
            self.bring_up()
            host, left = self.a, []
            old, send = host.newest_outbound().spi, host.send

            def look(data: bytes, source: object, destination: object, probe: bool = False,
                     old: int = old, send: object = send, left: list = left) -> None:
                if data[18] == INFORMATIONAL and not data[19] & RESPONSE:
                    left.append(old not in self.a.spis())  # gone, for the kernel may prefer it
                send(data, source, destination, probe)

            host.send = look
            if renew == "child":
                host.site.engine.rekey_child("branch", host.tunnel.children.newest.inbound.spi, self.pair.now)
            else:
                host.site.engine.initiate("branch", self.pair.now)
            host.site.handle_timer(self.pair.now)
            self.pair.run(2_000)
            self.assertEqual(left, [True], renew)

    def test_who_is_told_that_the_old_pair_goes_leaves_it_before_the_answer(self) -> None:
        # The peer's first packet on the new pair may not have been noticed yet, or not have come.
        self.bring_up()
        host, left = self.b, []
        old, send = host.newest_outbound().spi, host.send

        def look(data: bytes, source: object, destination: object, probe: bool = False) -> None:
            if data[18] == INFORMATIONAL and data[19] & RESPONSE:
                left.append(old not in host.spis())
            send(data, source, destination, probe)

        host.send = look
        self.a.probe = lambda message, address, ifname: None
        self.a.site.engine.rekey_child("branch", self.a.tunnel.children.newest.inbound.spi, self.pair.now)
        self.a.site.handle_timer(self.pair.now)
        self.pair.run(1_000)
        self.assertEqual(left, [True])

    def test_loss_does_not_keep_it_down(self) -> None:
        for seed in range(20):
            pair = Pair(seed)
            rng = pair.a.site._rng
            pair.fate = lambda data, number, rng=rng: [] if rng(1)[0] < 77 else [5]
            pair.configure()
            self.assertTrue(pair.run(600_000, pair.up), seed)


class CommandTest(SiteTest):
    def test_down_opens_nothing_and_up_comes_back(self) -> None:
        self.bring_up()
        self.a.tunnel.pause(self.pair.now)
        self.a.site.obey(self.pair.now)
        self.pair.run(10_000)
        self.assertEqual(self.a.tunnel.state(), "disabled")
        self.assertEqual(self.a.spis() + self.b.spis(), [])
        self.assertEqual(self.a.kernel.dump("session") + self.b.kernel.dump("session"), [])
        self.assertTrue(closed(self.a))
        self.assertTrue(closed(self.b))
        self.assertEqual(self.b.tunnel.error.code, "peer-closed")
        self.assertEqual([colours(self.a)[name] for name in LAMPS], [OFF] * 4 + [OK])
        self.pair.run(60_000)
        self.assertEqual(self.a.spis(), [])
        self.a.tunnel.resume(self.pair.now)
        self.a.site.obey(self.pair.now)
        self.assertTrue(self.pair.run(10_000, self.pair.up))

    def test_stop_keeps_guard_policies_and_backstop(self) -> None:
        self.bring_up()
        self.a.site.stop(self.pair.now)
        self.a.kill()
        self.pair.run(1_000)
        self.assertEqual(self.a.spis(), [])
        self.assertEqual(self.a.kernel.dump("session"), [])
        self.assertTrue(closed(self.a))

    def test_a_reload_without_a_difference_does_nothing(self) -> None:
        self.bring_up()
        log, sent = len(self.a.kernel.log), self.pair.sent
        report = self.a.site.apply(make_config("198.51.100.1", "192.168.20.0/24"), [], self.pair.now)
        self.pair.run(5_000)
        self.assertEqual(report["unchanged"], ["branch"])
        self.assertEqual((len(self.a.kernel.log), self.pair.sent), (log, sent))

    def test_a_new_subnet_asks_nothing_of_the_peer(self) -> None:
        self.bring_up()
        spis, sent = self.a.spis(), self.pair.sent
        extra = " list remote_subnet 192.168.30.0/24\n"
        report = self.a.site.apply(make_config("198.51.100.1", "192.168.20.0/24", extra=extra), [], self.pair.now)
        self.pair.run(1_000)
        self.assertEqual(report["changed"], ["branch"])
        self.assertEqual((self.a.spis(), self.pair.sent), (spis, sent))
        subnets = [str(r.destination) for r in self.a.kernel.dump("route") if r.type == k.UNICAST]
        self.assertTrue("192.168.30.0/24" in subnets)

    def test_letting_the_peer_on_to_the_internet_asks_nothing_of_it(self) -> None:
        self.bring_up()
        spis, sent, guard = self.a.spis(), self.pair.sent, self.a.kernel.guard_get()
        extra = " option internet 1\n"
        self.a.site.apply(make_config("198.51.100.1", "192.168.20.0/24", extra=extra), [], self.pair.now)
        self.pair.run(1_000)
        self.assertEqual((self.a.spis(), self.pair.sent), (spis, sent))
        self.assertNotEqual(self.a.kernel.guard_get(), guard)

    def test_a_removed_tunnel_leaves_nothing(self) -> None:
        self.bring_up()
        empty = make_config("198.51.100.1", "192.168.20.0/24")
        empty.tunnels = []
        report = self.a.site.apply(empty, [], self.pair.now)
        self.pair.run(1_000)
        self.assertEqual(report["removed"], ["branch"])
        for kind in k.KINDS:
            self.assertEqual(self.a.kernel.dump(kind), [], kind)
        self.assertEqual(self.a.kernel.guard_get(), None)
        self.assertEqual(self.a.guard_text, "")
