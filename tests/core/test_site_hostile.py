"""Two sites in memory where something wants to go wrong: no guard, no kernel, old keys, one peer in another's place."""

from __future__ import annotations

from isthmus import verbs
from isthmus.config.model import Config, load
from isthmus.kernel import objects as k
from isthmus.kernel.contract import EIO, ENOENT, KernelError
from isthmus.lamps import BAD, OK, lamps
from isthmus.proto import actions
from isthmus.renewal import FRESH
from tests.core.pair import B, Host, PairTest, make_config

C = b"\xcb\x00\x71\x07"  # 203.0.113.7


def two_tunnels(first: str, second: str) -> Config:
    """Sections `branch` (to 192.168.20.0/24) and `other` (to 192.168.40.0/24), with these lines each."""
    text = (
        "config tunnel branch\n option psk 'correct horse battery staple'\n list remote_subnet 192.168.20.0/24\n%s\n"
        "config tunnel other\n option psk 'quite another long secret'\n list remote_subnet 192.168.40.0/24\n%s\n"
    )
    loaded = load("test", lambda path: (text % (first, second)).encode())
    if loaded.config is None:
        raise ValueError("; ".join([str(error) for error in loaded.errors]))
    return loaded.config


class HostileTest(PairTest):
    def turns(self, host: Host, milliseconds: int) -> int:
        """How often the site wants to be called within a time."""
        count = [0]
        inner = host.site.handle_timer

        def counted(now: int) -> None:
            count[0] += 1
            if count[0] > 5000:
                raise AssertionError("a busy loop")
            try:
                inner(now)
            except KernelError:
                pass

        host.site.handle_timer = counted
        self.pair.run(milliseconds)
        host.site.handle_timer = inner
        return count[0]


class GuardTest(HostileTest):
    def test_without_the_guard_no_sa_goes_in(self) -> None:
        refuse = self.a.kernel.guard_set

        def guard_set(text: str) -> None:
            raise KernelError(ENOENT, "set the guard", kind="guard")

        self.a.kernel.guard_set = guard_set
        self.pair.configure()
        self.pair.run(120_000)
        touched = [entry[1] for entry in self.a.kernel.log if entry[0] == "add"]
        self.assertEqual(touched, ["policy", "policy", "route"], "what closes, and nothing else")
        self.assertEqual([route.type for route in self.a.kernel.dump("route")], [k.UNREACHABLE])
        self.assertTrue(self.a.tunnel.error is not None)
        self.a.kernel.guard_set = refuse
        self.assertTrue(self.pair.run(180_000, self.pair.up))

    def test_the_guard_with_a_tunnels_ids_stands_before_its_sas(self) -> None:
        self.pair.configure()
        guards, seen = [], []
        keep, add = self.a.kernel.guard_set, self.a.kernel.add

        def guard_set(text: str) -> None:
            guards.append(text)
            keep(text)

        def note(item: k.KernelObject) -> None:
            if item.kind == "sa":
                seen.append(guards[-1].count("reqid != %d " % item.reqid))
            add(item)

        self.a.kernel.guard_set, self.a.kernel.add = guard_set, note
        self.assertTrue(self.pair.run(20_000, self.pair.up))
        self.assertTrue(len(seen) >= 2)
        self.assertEqual([count for count in seen if count != 2], [])

    def test_what_a_former_life_left_is_guarded_until_its_tunnel_is_known(self) -> None:
        self.bring_up()
        session = self.a.kernel.dump("session")[0]
        reqid = self.a.kernel.dump("policy")[0].reqid
        self.a.kill()
        self.a.start()
        self.a.site.apply(make_config("b.example.net", "192.168.20.0/24"), [], self.pair.now)
        self.pair.run(60_000)
        self.assertEqual(self.a.tunnel.derived, None)
        self.assertEqual(len(self.a.kernel.dump("session")), 1)
        for number in (session.session_id, session.peer_session_id):
            self.assertTrue("@th,0,32 %d ipsec" % number in self.a.guard_text)
        self.assertEqual(self.a.guard_text.count("reqid != %d " % reqid), 2)
        self.assertTrue("maxseg size set 1380" in self.a.guard_text)

    def test_a_guard_file_without_tunnels_is_emptied(self) -> None:
        self.a.guard_text = "of a former life"
        empty = make_config("198.51.100.1", "192.168.20.0/24")
        empty.tunnels = []
        self.a.site.apply(empty, [], self.pair.now)
        self.pair.run(1_000)
        self.assertEqual(self.a.guard_text, "")


    def test_the_lamp_goes_out_when_the_guard_cannot_be_put_back(self) -> None:
        self.bring_up()
        put_back = self.a.kernel.guard_set

        def guard_set(text: str) -> None:
            raise KernelError(ENOENT, "set the guard", kind="guard")

        self.a.kernel.guard_set = guard_set
        self.a.kernel.damage("guard")
        self.pair.run(5_000)
        lamp = lamps(self.a.tunnel, self.a.site.keeper, self.pair.now)[4]
        self.assertEqual((lamp.name, lamp.state), ("guard", BAD))
        self.assertTrue("set the guard" in lamp.evidence)
        self.a.kernel.guard_set = put_back
        self.pair.run(5_000)
        self.assertEqual(lamps(self.a.tunnel, self.a.site.keeper, self.pair.now)[4].state, OK)


class OldKeysTest(HostileTest):
    def test_a_removed_tunnel_is_no_longer_spoken_for(self) -> None:
        self.bring_up()
        empty = make_config("198.51.100.1", "192.168.20.0/24")
        empty.tunnels = []
        self.a.site.apply(empty, [], self.pair.now)
        self.pair.run(120_000)
        self.assertEqual(self.b.tunnel.ike, None)
        self.assertEqual([len(self.a.kernel.dump(kind)) for kind in ("sa", "policy", "session")], [0, 0, 0])

    def test_a_disabled_tunnel_accepts_no_call_and_rests(self) -> None:
        self.bring_up()
        off = make_config("198.51.100.1", "192.168.20.0/24", extra=" option enabled 0\n")
        self.a.site.apply(off, [], self.pair.now)
        self.assertTrue(self.turns(self.a, 120_000) < 400)
        self.assertEqual(self.a.tunnel.ike, None)
        self.assertEqual(self.b.tunnel.ike, None)

    def test_the_old_key_is_void_at_once(self) -> None:
        """The new section's peer cannot be looked up yet: nobody may come in with the key of before."""
        self.bring_up()
        changed = make_config("b.example.net", "192.168.20.0/24", "another long enough secret")
        self.a.site.apply(changed, [], self.pair.now)
        self.pair.run(120_000)
        self.assertEqual(self.b.tunnel.ike, None)
        self.assertEqual(self.a.spis(), [])

    def test_a_changed_tunnel_stays_closed_while_its_peer_is_looked_up(self) -> None:
        self.bring_up()
        changed = make_config("b.example.net", "192.168.20.0/24", "another long enough secret")
        self.a.site.apply(changed, [], self.pair.now)
        self.pair.run(10_000)
        self.assertEqual(self.a.tunnel.derived, None)
        self.assertEqual(len(self.a.kernel.dump("policy")), 2)
        self.assertEqual([route.type for route in self.a.kernel.dump("route")], [k.UNREACHABLE])
        self.assertEqual(self.a.kernel.dump("session") + self.a.kernel.dump("sa"), [])

    def test_a_removed_tunnel_leaves_though_another_is_unknown(self) -> None:
        lost = " option remote lost.example.net\n"
        self.a.site.apply(two_tunnels(" option remote 198.51.100.1\n", lost), [], self.pair.now)
        self.b.site.apply(make_config("192.0.2.1", "192.168.10.0/24"), [], self.pair.now)
        self.assertTrue(self.pair.run(20_000, self.pair.up))
        left = two_tunnels(" option remote 198.51.100.1\n", lost)
        del left.tunnels[0]
        self.a.site.apply(left, [], self.pair.now)
        self.pair.run(10_000)
        self.assertEqual([len(self.a.kernel.dump(kind)) for kind in ("sa", "policy", "session")], [0, 0, 0])
        self.assertEqual([str(route.destination) for route in self.a.kernel.dump("route")], ["192.168.40.0/24"])

    def test_spent_keys_are_refused(self) -> None:
        specs = []
        take = self.a.site._install_inbound

        def keep(action: actions.InstallSa) -> None:
            specs.append(action.spec)
            take(action)

        self.a.site._actions[actions.InstallSa] = keep
        self.bring_up()
        log = len(self.a.kernel.log)
        self.a.kernel.damage("sa")
        self.a.site._install(self.a.tunnel, specs[0])
        self.assertEqual([entry for entry in self.a.kernel.log[log:] if entry[1] == "sa"], [])
        self.assertTrue(self.a.tunnel.error is not None)


class CalmTest(HostileTest):
    """Whatever fails for good: the processor rests, the other tunnels go on."""

    def test_a_kernel_without_l2tp(self) -> None:
        dump = self.a.kernel.dump

        def without(kind: str) -> list[k.KernelObject]:
            if kind in ("tunnel", "session"):
                raise KernelError(ENOENT, "find L2TP", kind="l2tp")
            return dump(kind)

        self.a.kernel.dump = without
        self.pair.carry_probe = lambda *_: None  # the path asks the same lists
        self.pair.configure()
        self.assertTrue(self.turns(self.a, 60_000) < 400)
        self.assertTrue(self.a.site.keeper.error is not None)

    def test_a_peer_that_is_away_for_long_is_not_told_of_each_minute(self) -> None:
        told, told_once = [], []
        self.a.log.notice = lambda subject, text: told.append(text)
        self.a.log.once = lambda level, subject, text: told_once.append(text)
        self.pair.fate = lambda data, number: []
        self.pair.configure()
        self.pair.run(3_600_000)
        self.assertTrue(len(told) < 5, told)
        self.assertTrue(len(told_once) > 20)
        self.pair.fate = lambda data, number: [5]
        self.assertTrue(self.pair.run(180_000, self.pair.up))
        self.assertTrue(told[-1][:3] == "up:", told[-1])

    def test_an_sa_list_that_fails(self) -> None:
        self.bring_up()
        dump = self.a.kernel.dump

        def without(kind: str) -> list[k.KernelObject]:
            if kind == "sa":
                raise KernelError(EIO, "list the SAs", kind="sa")
            return dump(kind)

        self.a.kernel.dump = without
        self.pair.carry_probe = lambda *_: None  # the path asks the same lists
        self.assertTrue(self.turns(self.a, 60_000) < 400)

    def test_a_site_whose_plans_fail_by_a_mistake_of_ours(self) -> None:
        self.bring_up()

        def broken() -> list[k.KernelObject]:
            raise KernelError(EIO, "anything")

        self.a.tunnel.desired = broken
        self.a.site.keeper.hurry(self.pair.now)
        self.assertTrue(self.turns(self.a, 60_000) < 400)

    def test_routes_that_change_without_end_cost_little(self) -> None:
        self.bring_up()
        looks = [0]
        look = self.a.site.look

        def counted(now: int) -> None:
            looks[0] += 1
            look(now)

        self.a.site.look = counted
        for _ in range(100):
            self.a.kernel._changed.add("way")
            self.pair.run(100)
        self.assertTrue(looks[0] < 10, looks[0])
        self.assertTrue(self.pair.up())

    def test_one_unknown_peer_keeps_nobody_else_from_leaving(self) -> None:
        self.a.site.apply(
            two_tunnels(" option remote 198.51.100.1\n", " option remote lost.example.net\n"), [], self.pair.now
        )
        self.b.site.apply(make_config("192.0.2.1", "192.168.10.0/24"), [], self.pair.now)
        self.assertTrue(self.pair.run(20_000, self.pair.up))
        self.a.tunnel.pause(self.pair.now)
        self.a.site.obey(self.pair.now)
        self.pair.run(10_000)
        self.assertEqual([len(self.a.kernel.dump(kind)) for kind in ("sa", "session", "tunnel")], [0, 0, 0])


class MistakeTest(HostileTest):
    """An exception in our own code ends one event: what was asked beside it still happens."""

    def mend_after(self, owner: object, name: str, times: int) -> list[int]:
        """Make a method raise so many times; the list holds what is left."""
        left = [times]
        inner = getattr(owner, name)

        def broken(*arguments: object) -> object:
            if left[0]:
                left[0] -= 1
                raise ZeroDivisionError
            return inner(*arguments)

        setattr(owner, name, broken)
        return left

    def live(self, milliseconds: int) -> bool:
        """Let time pass as the daemon does, which survives each mistake."""
        end = self.pair.now + milliseconds
        while self.pair.now < end:
            try:
                if self.pair.run(end - self.pair.now, self.pair.up):
                    return True
            except ZeroDivisionError:
                pass
        return False

    def test_an_sa_that_could_not_be_installed(self) -> None:
        add, seen = self.a.kernel.add, []

        def broken(item: k.KernelObject) -> None:
            if item.kind == "sa":
                seen.append(item)
                if len(seen) in (1, 4):  # inbound, then in another attempt outbound
                    raise ZeroDivisionError
            add(item)

        self.a.kernel.add = broken
        self.pair.configure()
        self.assertTrue(self.live(60_000))
        self.assertTrue(len(seen) > 4)
        self.pair.run(30_000)
        self.assertEqual((len(self.a.spis()), self.a.spis()), (2, self.b.spis()))

    def test_a_datagram_that_could_not_be_sent(self) -> None:
        for times in (1, 3):
            self.setUp()
            left = self.mend_after(self.a.site._outlet, "send", times)
            self.pair.configure()
            self.assertTrue(self.live(60_000))
            self.assertEqual(left, [0])

    def test_a_request_of_a_tunnel_that_fails(self) -> None:
        for verb in ("_find_way", "_connect", "_initiate", "_probe"):
            self.setUp()
            left = self.mend_after(self.a.site, verb, 1)
            self.a.site._verbs = self.a.site._make_verbs()
            self.pair.configure()
            self.assertTrue(self.live(120_000), verb)
            self.assertEqual(left, [0], verb)


class BreakTest(HostileTest):
    """Make before break, where datagrams are lost."""

    def renew(self, verb: str, exchange: int) -> None:
        """The first three answers of this exchange are lost; frames cross all the time, and none of them is."""
        self.setUp()
        self.bring_up()
        before = self.a.spis()
        lost = [0]

        def fate(data: bytes, _number: int) -> list[int]:
            answer = data[18] == exchange and data[19] & 0x20
            if answer and lost[0] < 3:
                lost[0] += 1
                return []
            return [5]

        self.pair.fate = fate
        self.a.tunnel.renew(verb, self.a.tunnel.children.newest.inbound.spi, self.pair.now)
        self.a.site.obey(self.pair.now)
        failed = 0
        for _ in range(1000):
            self.pair.run(20)
            for sender, receiver in ((self.a, self.b), (self.b, self.a)):
                failed += not self.pair._cross(sender, receiver)
        self.assertEqual((lost[0], failed), (3, 0), verb)
        self.pair.run(130_000)
        self.assertEqual((len(self.a.spis()), self.a.spis()), (2, self.b.spis()), verb)
        self.assertEqual(self.a.spis() == before, verb == verbs.REKEY_IKE, verb)

    def test_a_lost_answer_loses_no_frame(self) -> None:
        """The responder of a renewal must not move before the initiator knows what to move to."""
        self.renew(FRESH, 35)  # IKE_AUTH
        self.renew(verbs.REKEY, 36)  # CREATE_CHILD_SA
        self.renew(verbs.REKEY_IKE, 36)


class PlaceTest(HostileTest):
    """A peer, or whoever answers for its name, tries to stand where another peer stands."""

    def test_a_name_that_leads_to_another_tunnels_peer(self) -> None:
        self.a.names["other.example.net"] = [B]
        self.b.site.apply(make_config("192.0.2.1", "192.168.10.0/24"), [], self.pair.now)
        self.a.site.apply(
            two_tunnels(" option remote 198.51.100.1\n", " option remote other.example.net\n"), [], self.pair.now
        )
        self.assertTrue(self.pair.run(60_000, self.pair.up))
        self.pair.run(10_000)
        self.assertTrue(self.pair.up())
        other = self.a.site.tunnels["other"]
        self.assertEqual(other.error.code, "same-peer")
        self.assertTrue("branch" in str(other.error))
        self.assertEqual(other.desired()[0].type, k.UNREACHABLE)
        self.assertEqual(len(other.desired()), 1)
        self.assertEqual(self.a.site.keeper.error, None)

    def test_a_name_that_leads_into_the_tunnel(self) -> None:
        self.a.names["b.example.net"] = [b"\xc0\xa8\x14\x09"]
        self.a.site.apply(make_config("b.example.net", "192.168.20.0/24"), [], self.pair.now)
        sent = self.pair.sent
        self.pair.run(10_000)
        self.assertEqual(self.a.tunnel.error.code, "peer-inside")
        self.assertEqual(self.pair.sent, sent)

    def test_a_name_with_many_addresses_does_not_move_a_standing_tunnel(self) -> None:
        self.a.names["b.example.net"] = [B, C]
        self.a.site.apply(
            make_config("b.example.net", "192.168.20.0/24", extra=" option lifetime 10m\n"), [], self.pair.now
        )
        self.b.site.apply(make_config("192.0.2.1", "192.168.10.0/24"), [], self.pair.now)
        self.assertTrue(self.pair.run(20_000, self.pair.up))
        self.a.names["b.example.net"] = [C, B]
        self.assertFalse(self.pair.run(900_000, lambda: self.a.tunnel.state() != "up"))

    def test_a_waiting_side_follows_its_peers_name(self) -> None:
        self.a.names["b.example.net"] = [C]
        role = " option role respond\n option remote_id @b\n"
        self.a.site.apply(make_config("b.example.net", "192.168.20.0/24", extra=role), [], self.pair.now)
        self.b.site.apply(
            make_config("192.0.2.1", "192.168.10.0/24", extra=" option local_id @b\n"), [], self.pair.now
        )
        self.pair.run(30_000)
        self.a.names["b.example.net"] = [B]
        self.assertTrue(self.pair.run(300_000, self.pair.up))

    def test_a_handshake_of_another_identity_is_given_up(self) -> None:
        """The name changes its address while a handshake with the old one runs: the ids derived are others."""
        self.a.names["b.example.net"] = [B]
        self.a.site.apply(make_config("b.example.net", "192.168.20.0/24"), [], self.pair.now)
        self.b.site.apply(
            make_config("192.0.2.1", "192.168.10.0/24", extra=" option role respond\n"), [], self.pair.now
        )
        self.pair.run(1, lambda: self.pair.sent > 0)
        before = self.a.tunnel.derived.reqid
        self.a.tunnel._seeking = True
        self.a.site.resolved("b.example.net", [C], "", self.pair.now)
        self.assertTrue(self.a.tunnel.derived.reqid != before)
        self.pair.run(5_000)
        self.assertEqual(self.a.spis(), [])
        self.assertEqual(self.a.tunnel.ike, None)
