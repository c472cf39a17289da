"""Two sites in memory: forced rules at work. What is in the kernel when, which tunnel is chosen, what a change ends."""

from __future__ import annotations

from isthmus.config.model import load
from isthmus.errors import IsthmusError
from isthmus.forcing import LEAVE_MS, RETURN_MS
from isthmus.kernel import objects as k
from isthmus.kernel.contract import EINVAL, KernelError
from isthmus.kernel.flows import IPS_OFFLOAD, Flow
from isthmus.kernel.ways import Way
from isthmus.policy.guard import REMOVE
from isthmus.policy.lane import CLOSED_TABLE
from isthmus.wire.addr import parse_ip
from tests.core.pair import PSK, A, Host, PairTest

TUNNEL = "config tunnel '%s'\n option remote '%s'\n option psk '%s'\n option instance %d\n list remote_subnet '%s'\n"
RULE = "config forced 'cameras'\n list from '192.168.10.50'\n list via 'branch'\n option ipv6 free\n%s\n"
EXCEPTION = "config exception 'ntp'\n list rule 'cameras'\n list to '203.0.113.0/24'\n%s\n"
CAMERA, SERVER = parse_ip("192.168.10.50"), parse_ip("203.0.113.7")
NOON = 1_796_126_400  # 2026-12-01 12:00 UTC
UNTIL = " option until '2026-12-01 12:00'\n"


def site_text(remote: str, subnet: str, backup: bool = False) -> str:
    text = TUNNEL % ("branch", remote, PSK, 0, subnet)
    return text + TUNNEL % ("backup", remote, PSK, 1, "10.77.0.0/16") if backup else text


def flow(source: bytes, number: int = 1, status: int = 0, sport: int = 40000, destination: bytes = SERVER) -> Flow:
    return Flow(2, 17, source, sport, destination, 500, destination, 500, A, sport, status, number)


class ForcedTest(PairTest):
    """Host a has the rules."""

    def write(self, host: Host, text: str) -> object:
        loaded = load("test", lambda path: text.encode())
        self.assertEqual([str(error) for error in loaded.errors], [])
        return loaded.config

    def apply(self, rules: str, backup: bool = False) -> dict:
        config = self.write(self.a, site_text("198.51.100.1", "192.168.20.0/24", backup) + rules)
        report = self.a.site.apply(config, self.a.paused, self.pair.now)
        self.pair.run(0)
        self.a.site.handle_timer(self.pair.now)
        return report

    def begin(self, rules: str, backup: bool = False) -> None:
        """Both up, with these rules at a."""
        config = self.write(self.b, site_text("192.0.2.1", "192.168.10.0/24", backup))
        self.b.site.apply(config, [], self.pair.now)
        self.apply(rules, backup)
        self.assertTrue(self.pair.run(30_000, self.all_up))

    def all_up(self) -> bool:
        return all(t.state() == "up" for h in (self.a, self.b) for t in h.site.tunnels.values())

    def steps(self) -> list[tuple[str, str]]:
        return [(verb, kind) for verb, kind, _ in self.a.kernel.log]

    def tables(self) -> list[str]:
        """Routes of the tunnels' tables."""
        return sorted([r.words() for r in self.a.kernel.dump("route") if r.table not in (k.MAIN_TABLE, CLOSED_TABLE)])

    def marks(self) -> int:
        """Rules into them."""
        return len([rule for rule in self.a.kernel.dump("rule") if rule.mark])


class RuleTest(ForcedTest):
    def test_the_guard_stands_before_rules_and_routes(self) -> None:
        self.apply(RULE % "")
        steps = self.steps()
        self.assertTrue("cameras" in self.a.guard_text)
        self.assertTrue(steps.index(("guard", "guard")) < steps.index(("add", "rule")))
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


class FlowTest(ForcedTest):
    def setUp(self) -> None:
        super().setUp()
        self.others = [flow(parse_ip("192.168.10.60"), 2), flow(A, 3, sport=500), flow(A, 4, sport=4500)]

    def left(self) -> list[int]:
        return sorted([one.id for one in self.a.kernel.known_flows])

    def test_connections_of_before_end_after_the_guard_stands(self) -> None:
        self.a.kernel.known_flows = self.others + [flow(CAMERA), flow(CAMERA, 5, IPS_OFFLOAD)]
        self.apply(RULE % "")
        self.assertEqual(self.left(), [2, 3, 4])
        steps = self.steps()
        self.assertTrue(steps.index(("guard", "guard")) < steps.index(("end", "flow")))
        ended = [words for verb, _, words in self.a.kernel.log if verb == "end"]
        self.assertTrue("offloaded" in ended[0], "what no chain sees ends first")

    def test_our_own_ike_that_had_to_give_way_to_a_client_begins_anew(self) -> None:
        pushed = flow(A, 7, sport=500)
        pushed.reply_dport = 49
        self.a.kernel.known_flows = [self.others[0], self.others[2], pushed]
        said: list[int] = []
        send = self.a.send

        def note(data: bytes, source: object, destination: object, probe: bool = False) -> None:
            said.append(len(self.left()))
            send(data, source, destination, probe)

        self.a.send = note
        self.apply(RULE % "")
        self.assertEqual(self.left(), [2, 4])
        self.assertEqual(said[0], 2, "before the first word to the peer")

    def test_without_the_guard_none_ends(self) -> None:
        self.a.kernel.known_flows = [flow(CAMERA)]
        self.a.kernel.fail_next["guard_set"] = EINVAL
        self.apply(RULE % "")
        self.assertEqual(self.left(), [1])
        self.pair.run(10_000)
        self.assertEqual(self.left(), [])

    def test_a_standing_rule_ends_none(self) -> None:
        self.begin(RULE % "")
        self.a.kernel.known_flows = [flow(CAMERA)]
        self.apply(RULE % "")
        self.pair.run(60_000)
        self.assertEqual(self.left(), [1])
        self.apply(RULE % " list to '10.0.0.0/8'\n")
        self.assertEqual(self.left(), [])

    def test_a_guard_that_was_away_ends_them(self) -> None:
        self.begin(RULE % "")
        self.a.kernel.known_flows = self.others + [flow(CAMERA)]
        self.a.kernel.damage("guard")
        self.pair.run(5_000)
        self.assertIsNotNone(self.a.kernel.guard_get())
        self.assertEqual(self.left(), [2, 3, 4])

    def test_a_mac_is_looked_for_among_the_neighbours(self) -> None:
        mac = b"\x02\x00\x00\x00\x00\x50"
        self.a.kernel.known_neighbours = [("lan0", CAMERA, mac), ("lan0", parse_ip("192.168.10.60"), b"\x02" * 6)]
        unknown = flow(parse_ip("192.168.10.77"), 6, IPS_OFFLOAD)
        self.a.kernel.known_flows = self.others + [flow(CAMERA), unknown]
        self.apply("config forced 'cameras'\n list from '02:00:00:00:00:50'\n list via branch\n")
        self.assertEqual(self.left(), [2, 3, 4], "an offloaded one that may be its own goes as well")

    def test_many_are_ended_in_several_turns(self) -> None:
        self.a.kernel.known_flows = [flow(CAMERA, number, sport=1024 + number) for number in range(250)]
        config = self.write(self.a, site_text("198.51.100.1", "192.168.20.0/24") + RULE % "")
        self.a.site.apply(config, [], self.pair.now)
        for left in (150, 50, 0):
            self.a.site.handle_timer(self.pair.now)
            self.assertEqual(len(self.left()), left)
        self.pair.run(1)
        self.assertEqual(self.left(), [])


class RestartTest(ForcedTest):
    def restart(self, guarded: bool = True) -> None:
        """As the daemon does: the guard's text of the last run comes first."""
        self.a.kill()
        text = self.a.guard_text
        self.a.start()
        self.a.site.forcing.inherited = text
        self.a.site.guarded = guarded

    def test_a_restart_adopts_and_ends_no_connection(self) -> None:
        self.begin(RULE % "")
        self.a.kernel.known_flows = [flow(CAMERA)]
        digest = self.a.kernel.guard_get()
        self.restart()
        log = len(self.a.kernel.log)
        self.apply(RULE % "")
        self.assertTrue(self.pair.run(30_000, self.all_up))
        self.assertEqual([one.id for one in self.a.kernel.known_flows], [1])
        removed = [step for step in self.a.kernel.log[log:] if step[0] == "remove" and step[1] in ("rule", "route")]
        self.assertEqual([step for step in removed if "rule" in step[1] or "unreachable" in step[2]], [])
        self.assertFalse(("guard", "guard", "removed") in self.a.kernel.log)
        self.assertIsNotNone(digest)

    def test_connections_that_may_have_begun_without_a_guard_end(self) -> None:
        """A plain Linux without the boot script, or a guard that somebody removed while nobody ran."""
        self.begin(RULE % "")
        self.a.kernel.known_flows = [flow(CAMERA)]
        self.restart()
        self.a.site.forcing.gap = True
        self.apply(RULE % "")
        self.assertEqual(self.a.kernel.known_flows, [])

    def test_a_full_disk_is_tried_again(self) -> None:
        self.begin("")
        self.a.disk_is_full = True
        self.apply(RULE % "")
        self.assertFalse("forced_cameras" in self.a.guard_text)
        self.pair.run(25_000)
        self.a.disk_is_full = False
        self.pair.run(25_000)
        self.assertTrue("forced_cameras" in self.a.guard_text, "the next boot would open what was promised")

    def test_what_stands_in_for_a_refused_guard_is_a_promise_too(self) -> None:
        self.begin(RULE % "")
        self.restart()
        self.a.site.forcing.inherited = self.a.closed_text
        self.assertTrue(self.a.site.forcing.holds())

    def test_rules_that_were_changed_meanwhile_end_theirs(self) -> None:
        self.begin(RULE % "")
        self.a.kernel.known_flows = [flow(CAMERA)]
        self.restart()
        self.apply(RULE % " list to '203.0.113.0/24'\n")
        self.assertEqual(self.a.kernel.known_flows, [])

    def test_a_rule_that_went_while_nobody_ran_cuts_nobody_off(self) -> None:
        self.begin(RULE % "")
        self.restart()
        text = site_text("nowhere.example.net", "192.168.20.0/24")
        self.a.site.apply(self.write(self.a, text), [], self.pair.now)
        self.pair.run(1_000)
        self.assertEqual(self.a.tunnel.derived, None, "its name leads nowhere: this site never settles")
        self.assertEqual((self.a.kernel.dump("rule"), self.tables()), ([], []))

    def test_a_file_that_cannot_be_read_leaves_the_guard_of_the_last_run(self) -> None:
        self.begin(RULE % "")
        text, digest = self.a.guard_text, self.a.kernel.guard_get()
        self.restart()
        self.pair.run(60_000)
        self.assertEqual((self.a.guard_text, self.a.kernel.guard_get()), (text, digest))
        self.assertEqual(self.marks(), 2)
        self.a.kernel.damage("guard")
        self.pair.run(5_000)
        self.assertEqual(self.a.kernel.guard_get(), digest, "and puts it in place again")

    def test_counters_go_on_over_replacements(self) -> None:
        self.begin(RULE % "")
        tally = self.a.site.forcing.tally
        self.a.kernel.counts["forced_cameras_blocked"] = (7, 700)
        self.assertEqual(tally.read()["forced_cameras_blocked"], (7, 700))
        self.apply(RULE % " list to '10.0.0.0/8'\n")
        self.a.kernel.counts["forced_cameras_blocked"] = (2, 200)
        self.assertEqual(tally.read()["forced_cameras_blocked"], (9, 900))
        self.a.kernel.fail_next["guard_set"] = EINVAL
        with self.assertRaises(IsthmusError):
            self.apply(RULE % "")
        self.assertEqual(tally.read()["forced_cameras_blocked"], (9, 900), "a table that stays is counted once")

    def test_the_last_rule_takes_its_stand_in_along(self) -> None:
        self.begin(RULE % "")
        self.assertTrue('"br-lan"' in self.a.closed_text)
        self.apply("")
        self.assertEqual(self.a.closed_text, "")
        self.assertNotEqual(self.a.guard_text, REMOVE)
