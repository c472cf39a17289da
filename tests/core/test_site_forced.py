"""Two sites in memory: forced rules at work. What is in the kernel when, and which tunnel is chosen."""

from __future__ import annotations

from isthmus.errors import IsthmusError
from isthmus.forcing import LEAVE_MS, RETURN_MS
from isthmus.kernel.contract import EINVAL, KernelError
from isthmus.kernel.ways import Way
from isthmus.policy.lane import NoLaneError
from isthmus.wire.addr import parse_ip
from tests.core.forced_pair import EXCEPTION, NOON, RULE, TUNNEL, UNTIL, ForcedTest, site_text
from tests.core.pair import PSK, Host


class RuleTest(ForcedTest):
    def test_what_closes_stands_before_the_first_guard_and_only_that(self) -> None:
        """Another guard may stand there, from boot: while ours takes its place the third layer holds."""
        self.apply(RULE % "")
        steps = self.steps()
        self.assertTrue("cameras" in self.a.guard_text)
        guard = steps.index(("guard", "guard"))
        closing = [step for step in steps[:guard] if step[0] == "add"]
        self.assertEqual(closing, [("add", "route")] * 4 + [("add", "rule")] * 4, "routes before the rules to them")
        self.assertFalse(("add", "rule") in steps[guard:])
        self.assertEqual(self.marks(), 2)
        self.assertEqual(len(self.tables()), 2, "both families end in unreachable while the tunnel is down")

    def test_the_table_leads_into_the_tunnel_while_it_carries(self) -> None:
        self.begin(RULE % "")
        through = [text for text in self.tables() if "on ist-branch" in text]
        self.assertEqual(len(through), 2)
        self.a.tunnel.pause(self.pair.now)
        self.a.site.obey(self.pair.now)
        self.pair.run(100)
        self.assertEqual([text for text in self.tables() if "on ist-branch" in text], [])
        self.assertEqual(len(self.tables()), 2)
        self.assertTrue("cameras" in self.a.guard_text, "a tunnel that is taken down opens nothing")

    def test_only_deleting_the_rule_opens_and_says_for_whom(self) -> None:
        self.begin(RULE % "")
        self.assertEqual(self.apply(RULE % "")["exposed"], [])
        report = self.apply("")
        said = "192.168.10.50 may now use the open Internet: rule cameras was removed"
        self.assertEqual(report["exposed"], [said])
        self.assertTrue("policy: " + said in self.a.log.lines)
        self.assertFalse("cameras" in self.a.guard_text)
        self.assertEqual((self.a.kernel.dump("rule"), self.tables()), ([], []))

    def test_a_tunnel_that_is_off_and_a_stop_open_nothing(self) -> None:
        self.begin(RULE % "")
        off = site_text("198.51.100.1", "192.168.20.0/24") + " option enabled 0\n" + RULE % ""
        report = self.a.site.apply(self.write(self.a, off), [], self.pair.now)
        self.assertEqual(report["exposed"], [])
        self.a.site.stop(self.pair.now)
        self.assertTrue("cameras" in self.a.guard_text)
        self.assertIsNotNone(self.a.kernel.guard_get())
        self.assertEqual(self.marks(), 2)

    def test_rules_that_nft_refuses_change_nothing(self) -> None:
        self.begin(RULE % "")
        before, guard, digest = self.a.site.forcing.config, self.a.guard_text, self.a.kernel.guard_get()
        self.a.kernel.fail_next["guard_set"] = EINVAL
        with self.assertRaises(IsthmusError):
            self.apply(RULE.replace(".50", ".51") % "" + TUNNEL % ("other", "203.0.113.1", PSK, 0, "10.9.0.0/16"))
        self.assertEqual(list(self.a.site.tunnels), ["branch"])
        self.assertTrue(self.a.site.forcing.config is before)
        self.assertEqual((self.a.guard_text, self.a.kernel.guard_get()), (guard, digest))
        self.pair.run(30_000)
        self.assertTrue(self.all_up())
        self.assertEqual(self.a.kernel.guard_get(), digest)

    def test_what_nft_has_not_taken_is_not_kept_for_the_next_boot(self) -> None:
        self.a.kernel.fail_next["guard_set"] = EINVAL
        self.apply(RULE % "")
        self.assertEqual(self.a.guard_text, "")
        self.pair.run(10_000)
        self.assertTrue("cameras" in self.a.guard_text)
        self.assertTrue("closed" in self.a.closed_text)


    def no_lane(self, *_: object) -> None:
        raise NoLaneError("one too many")

    def test_a_kernel_without_nat_has_the_rest_of_the_guard(self) -> None:
        set_guard = self.a.kernel.guard_set

        def without_nat(text: str) -> None:
            if "masquerade" in text:
                raise KernelError(EINVAL, "set the guard", kind="guard")
            set_guard(text)

        self.a.kernel.guard_set = without_nat
        self.begin(RULE % "")
        self.assertTrue("cameras" in self.a.guard_text)
        self.assertEqual(len([line for line in self.a.log.lines if "not translated" in line]), 1)
        self.assertEqual(self.apply(RULE % " list to '10.0.0.0/8'\n")["changed"], [])
        self.assertFalse("masquerade" in self.a.guard_text)
        forcing = self.a.site.forcing
        draft, forcing.draft = forcing.draft, self.no_lane
        with self.assertRaises(NoLaneError):
            self.apply(RULE % "")
        forcing.draft = draft
        self.assertTrue(forcing.plain, "what was refused for another reason does not ask for NAT from now on")
        self.a.kernel.guard_set = set_guard  # the modules are there now, and somebody says `isthmus reload`
        self.apply(RULE % "")
        self.pair.run(5_000)
        self.assertTrue("masquerade" in self.a.guard_text)


class TrackingTest(ForcedTest):
    def test_without_connection_tracking_nothing_is_put_in_the_way_of_packets(self) -> None:
        self.a.kernel.tracking = False
        self.begin("")
        self.assertFalse("shadow" in self.a.guard_text)
        self.a.kernel.tracking = True  # a firewall that translates has come
        self.pair.run(5_000)
        self.assertTrue("chain unshadow" in self.a.guard_text)


class UplinkTest(ForcedTest):
    def test_a_second_uplinks_address_is_not_taken_for_the_lans(self) -> None:
        self.a.kernel.uplinks.insert(0, ("wan1", parse_ip("203.0.113.50"), 24))
        self.begin("config globals\n list lan lan0\n")
        sources = {r.prefsrc for r in self.a.kernel.dump("route") if r.oif == "ist-branch"}
        self.assertEqual(sources, {parse_ip("192.168.10.1")})

    def test_a_move_to_another_uplink_waits_for_no_guard(self) -> None:
        self.begin(RULE % "")
        self.assertTrue('oifname { "wan0" }' in self.a.guard_text)
        self.a.kernel.ways[0] = (self.a.kernel.ways[0][0], Way(self.a.wan, "wan1", 1500))
        sets = self.steps().count(("guard", "guard"))
        self.a.kernel.tell("way")
        self.assertTrue(self.pair.run(1_000, lambda: self.a.tunnel.road.way.ifname == "wan1"))
        self.pair.run(3_000)
        self.assertEqual(self.steps().count(("guard", "guard")), sets)
        self.assertTrue(self.pair.run(60_000, lambda: 'oifname { "wan1" }' in self.a.guard_text))
        self.assertEqual(self.a.tunnel.state(), "up")


class FailoverTest(ForcedTest):
    """Two tunnels to the same peer."""

    RULES = RULE.replace("via 'branch'", "via 'branch'\n list via 'backup'") % ""

    def cut(self, name: str, cut: bool) -> None:
        """Probes of one tunnel are lost, or come again."""
        if not hasattr(self, "whole"):
            self.whole = self.pair.carry_probe
            self.lost: list[str] = []
            self.pair.carry_probe = self.carry
        self.lost = [one for one in self.lost if one != name] + ([name] if cut else [])

    def carry(self, sender: Host, message: bytes, address: bytes, ifname: str) -> None:
        if ifname not in ["ist-" + name for name in self.lost]:
            self.whole(sender, message, address, ifname)

    def test_the_next_takes_over_and_the_preferred_one_comes_back(self) -> None:
        self.begin(self.RULES, True)
        forcing = self.a.site.forcing
        self.assertEqual(forcing.chosen, {"cameras": "branch"})
        self.cut("branch", True)
        self.assertTrue(self.pair.run(60_000, lambda: forcing.chosen["cameras"] == "backup"))
        self.pair.run(100)
        self.assertTrue('"ist-backup"' in self.a.guard_text)
        self.cut("branch", False)
        self.assertTrue(self.pair.run(60_000, lambda: self.a.tunnel.state() == "up"))
        back_at = self.pair.now
        self.assertTrue(self.pair.run(60_000, lambda: forcing.chosen["cameras"] == "branch"))
        self.assertTrue(self.pair.now - back_at >= RETURN_MS, "not before it has proved itself")

    def test_a_flapping_tunnel_does_not_rewrite_the_guard(self) -> None:
        self.begin(self.RULES, True)
        self.cut("branch", True)
        forcing = self.a.site.forcing
        self.assertTrue(self.pair.run(60_000, lambda: forcing.chosen["cameras"] == "backup"))
        sets = self.steps().count(("guard", "guard"))
        seen = []
        for _ in range(10):
            self.cut("branch", False)
            self.assertTrue(self.pair.run(20_000, lambda: self.a.tunnel.state() == "up"))
            self.cut("branch", True)
            self.pair.run(RETURN_MS - 1)
            seen.append(self.a.tunnel.state())
        self.assertEqual(set(seen), {"carried"})
        self.assertTrue(self.steps().count(("guard", "guard")) - sets <= 1)

    def test_none_up_is_the_first_and_nothing_passes(self) -> None:
        self.apply(self.RULES, True)
        self.pair.run(LEAVE_MS)
        self.assertEqual(self.a.site.forcing.chosen, {"cameras": "branch"})
        self.assertEqual(len(self.tables()), 4, "two tables that end in unreachable, and no way out")


class ExceptionTest(ForcedTest):
    def test_its_end_is_remembered_whatever_the_clock_says_later(self) -> None:
        self.apply(RULE % "" + EXCEPTION % UNTIL)
        site = self.a.site
        site.handle_timer(self.pair.now, NOON - 100)
        self.assertTrue("exception_ntp" in self.a.guard_text)
        self.pair.now += 100_000
        self.assertTrue(site.get_timer() <= self.pair.now, "it waits for the end")
        site.handle_timer(self.pair.now, NOON)
        self.assertFalse("exception_ntp" in self.a.guard_text)
        self.assertEqual(self.a.spent, ["ntp@%d" % NOON])
        self.a.kill()
        self.a.start()
        self.apply(RULE % "" + EXCEPTION % UNTIL)
        self.a.site.handle_timer(self.pair.now, NOON - 50_000)
        self.assertFalse("exception_ntp" in self.a.guard_text)
        later = EXCEPTION % " option until '2026-12-02 12:00'\n"
        report = self.apply(RULE % "" + later)
        self.assertEqual(len(report["exposed"]), 1)
        self.assertTrue("exception_ntp" in self.a.guard_text)
        self.assertEqual(self.a.spent, [])

    def test_without_an_end_there_is_no_timer(self) -> None:
        self.apply(RULE % "" + EXCEPTION % "")
        self.assertIsNone(self.a.site.forcing.get_timer())
