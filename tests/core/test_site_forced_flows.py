"""Two sites in memory: which connections a change of forced rules ends, and what a new life finds."""

from __future__ import annotations

from isthmus.errors import IsthmusError
from isthmus.kernel.contract import EINVAL
from isthmus.kernel.flows import IPS_OFFLOAD
from isthmus.policy.guard import REMOVE
from isthmus.wire.addr import parse_ip
from tests.core.forced_pair import CAMERA, RULE, ForcedTest, flow, site_text
from tests.core.pair import A


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

    def test_a_second_change_forgets_none_of_the_first(self) -> None:
        self.a.kernel.known_flows = [flow(CAMERA, number, sport=1024 + number) for number in range(250)]
        for more in ("", " list to '10.0.0.0/8'\n"):
            rules = RULE % "" + RULE.replace("cameras", "printer").replace(".50", ".60") % more
            config = self.write(self.a, site_text("198.51.100.1", "192.168.20.0/24") + rules)
            self.a.site.apply(config, [], self.pair.now)
            self.a.site.handle_timer(self.pair.now)
        self.pair.run(1_000)
        self.assertEqual(self.left(), [])

    def test_what_passes_by_the_chains_ends_at_once_however_many_it_is(self) -> None:
        made = [flow(CAMERA, number, sport=1024 + number) for number in range(250)]
        for one in made[100:]:
            one.status = IPS_OFFLOAD
        self.a.kernel.known_flows = made
        config = self.write(self.a, site_text("198.51.100.1", "192.168.20.0/24") + RULE % "")
        self.a.site.apply(config, [], self.pair.now)
        self.a.site.handle_timer(self.pair.now)
        self.assertEqual([one for one in self.a.kernel.known_flows if one.offloaded], [])


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
