"""Keys of a paired tunnel, renewed while it carries: two sites in one process, files and engine included."""

from __future__ import annotations

import gc
import unittest

from isthmus.config.model import load
from isthmus.errors import IsthmusError
from isthmus.pairing_status import renewals
from tests.core.paired_sites import PATH, SECRETS, Sites
from tests.counts import cases

MINUTE = 60_000
ENDS = ("", ".ppk", ".control")


class RotateTest(unittest.TestCase):
    def setUp(self):
        gc.collect()

    def up(self, seed=0, fate=None):
        sites = Sites(seed, fate)
        self.names = sites.pair_sites()
        self.assertTrue(self.names is not None)
        return sites

    def keys(self, sites):
        """The keys of both sides, which must be the same once nothing is under way."""
        here, there = self.names
        found = []
        for host, name in ((sites.a, here), (sites.b, there)):
            self.assertEqual(host.disk.get(SECRETS + "/" + name + ".next"), None)
            loaded = load(PATH, host.disk.read, SECRETS)
            tunnel = loaded.config.get(name)
            found.append((tunnel.psk, tunnel.ppk, tunnel.ppk_id, tunnel.control_key, tunnel.cookie_key))
            running = host.site.tunnels[name].config
            self.assertEqual(found[-1][:4], (running.psk, running.ppk, running.ppk_id, running.control_key))
            self.assertTrue(running.also is None and running == tunnel)
        self.assertEqual(found[0], found[1])
        return found[0]

    def is_up(self, sites):
        return sites.state(sites.a, self.names[0]) == sites.state(sites.b, self.names[1]) == "up"

    def is_done(self, sites):
        """Both have settled."""
        for host, name in ((sites.a, self.names[0]), (sites.b, self.names[1])):
            if host.disk.get(SECRETS + "/" + name + ".next") is not None:
                return False
        return True


class Works(RotateTest):
    def test_a_record_that_cannot_be_read_is_not_written_over(self):
        sites = self.up()
        name = self.names[0]
        path = SECRETS + "/" + name + ".next"
        sites.a.disk.put(path, b"keys that the peer may be using alone")
        read = sites.a.disk.read

        def fail(asked):
            if asked == path:
                raise OSError(5, "I/O error")
            return read(asked)

        sites.a.disk.read = fail
        with self.assertRaises(IsthmusError) as caught:
            sites.a.rotate(name)
        self.assertIn(path, str(caught.exception))
        sites.a.disk.read = read
        self.assertEqual(sites.a.disk.get(path), b"keys that the peer may be using alone")

    def test_a_peer_that_asks_without_end_fills_no_log(self):
        sites = self.up()
        noticed = []
        sites.b.log.notice = sites.b.log.warning = lambda subject, text: noticed.append(text)
        before = len(sites.b.log.lines)
        sites.a.rotate(self.names[0])
        self.assertTrue(sites.run(MINUTE, lambda: [x for x in sites.b.log.lines[before:] if "new keys of this" in x]))
        self.assertEqual([text for text in noticed if "keys of this pair" in text], [])

    def test_new_keys_while_it_carries(self):
        for asker in ("a", "b"):
            sites = self.up(asker)
            before = self.keys(sites)
            host = sites.a if asker == "a" else sites.b
            began = sites.now
            host.rotate(self.names[0] if asker == "a" else self.names[1])
            for _ in range(100):
                sites.run(100)
                self.assertTrue(self.is_up(sites), "it blinked")
            after = self.keys(sites)
            self.assertTrue(sites.a.site.tunnels[self.names[0]].ike_at > began, "nobody has proved the new ones")
            self.assertEqual(after[4], before[4], "cookies stay")
            self.assertEqual([one for one in range(4) if after[one] == before[one]], [])
            said = [line for line in host.log.lines if "new keys of this pair are in use" in line]
            self.assertEqual(len(said), 1, host.log.lines[-5:])
            for router in (sites.a, sites.b):
                router.reboot()
            self.assertTrue(sites.run(MINUTE, lambda s=sites: self.is_up(s)), "they do not fit after a restart")

    def test_again_and_again(self):
        sites = self.up()
        seen = [self.keys(sites)]
        for router in (sites.a, sites.b):  # what pairs has not been loaded since: the peer's word wakes it
            router.reboot()
        self.assertTrue(sites.run(MINUTE, lambda: self.is_up(sites)))
        for number in range(4):
            (sites.b if number % 2 else sites.a).rotate(self.names[number % 2])
            sites.run(20_000)
            self.assertTrue(self.is_up(sites))
            seen.append(self.keys(sites))
        self.assertEqual(len({keys[0] for keys in seen}), 5)

    def test_status_tells_which_keys_are_accepted(self):
        sites = self.up()
        self.assertEqual(renewals(sites.a.wake(), sites.now), [])
        sites.a.rotate(self.names[0])
        stale = SECRETS + "/" + self.names[0] + ".next"
        self.assertTrue(sites.run(MINUTE, lambda: b" taken " in (sites.a.disk.get(stale) or b"")))
        sites.b.alive = False  # and nobody knows what it has heard
        sites.run(10 * MINUTE)
        row = renewals(sites.a.wake(), sites.now)[0]
        self.assertEqual((row["tunnel"], row["state"], row["accepts_old"]), (self.names[0], "taken", True))
        self.assertTrue("the new keys are used, and the old ones still accepted" in row["story"])
        self.assertEqual(row["error"]["code"], "no-answer")
        sites.b.reboot()
        sites.run(10 * MINUTE)
        self.assertEqual(renewals(sites.a.wake(), sites.now), [])
        self.keys(sites)

    def test_both_at_once(self):
        sites = self.up()
        before = self.keys(sites)
        sites.a.rotate(self.names[0])
        sites.b.rotate(self.names[1])
        sites.run(2 * MINUTE)
        self.assertTrue(self.is_up(sites))
        self.assertTrue(self.keys(sites)[0] != before[0])

    def test_with_loss(self):
        for seed in range(cases(1, 10)):
            gc.collect()
            lost = [0]
            number = [seed * 7919 + 1]

            def fate(_data, _number, lost=lost, number=number):
                number[0] = (number[0] * 1103515245 + 12345) % (1 << 31)
                return [] if lost[0] and number[0] >> 8 & 0xFF < 51 else [5]

            sites = self.up(seed, fate)
            before = self.keys(sites)
            lost[0] = 1
            sites.a.rotate(self.names[0])
            sites.run(3 * MINUTE)
            lost[0] = 0
            sites.run(MINUTE)
            self.assertTrue(self.is_up(sites), seed)
            self.assertTrue(self.keys(sites)[0] != before[0], seed)


class Broken(RotateTest):
    def refused(self, call, *arguments):
        try:
            call(*arguments)
        except IsthmusError as error:
            self.assertTrue(error.remedy, str(error))
            return error.code
        return ""

    def test_what_cannot_be_renewed(self):
        sites = self.up()
        sites.a.rotate(self.names[0])
        self.assertEqual(self.refused(sites.a.rotate, self.names[0]), "not-now")
        sites.run(20_000)
        sites.a.site.tunnels[self.names[0]].pause(sites.now)
        sites.a.site.obey(sites.now)
        self.assertEqual(self.refused(sites.a.rotate, self.names[0]), "not-up")

    def test_a_daemon_that_dies_at_any_moment(self):
        """Killed at each step of either disk: started again, both go on with keys that fit."""
        for which in ("a", "b"):
            for at in range(0, 90, cases(23, 1)):
                gc.collect()
                sites = self.up((which, at))
                host = sites.a if which == "a" else sites.b
                sites.a.rotate(self.names[0])
                limit = len(host.disk.made) + at
                reached = sites.run(5_000, lambda h=host, n=limit: len(h.disk.made) >= n)
                if not reached and self.is_done(sites):
                    break
                host.start()
                up = sites.run(10 * MINUTE, lambda s=sites: self.is_up(s) and self.is_done(s))
                self.assertTrue(up, (which, at, host.log.lines[-4:]))
                self.keys(sites)

    def test_a_disk_that_is_full_and_mended(self):
        for which in ("a", "b"):
            sites = self.up(which)
            before = self.keys(sites)
            host = sites.a if which == "a" else sites.b
            real = host.disk._call

            def call(name, real=real, disk=host.disk):
                real(name)
                if name in disk.WRITING:
                    raise OSError(28, name)

            host.disk._call = call
            sites.a.rotate(self.names[0])
            sites.run(2 * MINUTE)
            self.assertTrue(self.is_up(sites))
            host.disk._call = real
            sites.run(5 * MINUTE)
            self.assertTrue(self.is_up(sites))
            if self.keys(sites)[0] == before[0]:
                sites.a.rotate(self.names[0])
                sites.run(20_000)
            self.assertTrue(self.keys(sites)[0] != before[0], which)

    def test_settled_keys_that_cannot_be_copied_yet(self):
        """A held lock, a full disk: the record is all there is of them, and stays."""

        def busy(*_):
            raise IsthmusError("the file is locked")

        for which in ("a", "b"):
            for dies in (False, True)[: cases(1, 2)] if which == "a" else (True,):
                sites = self.up(which)
                before = self.keys(sites)
                host = sites.a if which == "a" else sites.b
                name = self.names[0] if which == "a" else self.names[1]
                host.registry.settle = busy
                sites.a.rotate(self.names[0])
                sites.run(2 * MINUTE)
                self.assertTrue(host.disk.get(SECRETS + "/" + name + ".next").startswith(b"rotation-1 settled "))
                self.assertTrue(self.is_up(sites))
                if dies:
                    host.reboot()
                elif "settle" in host.registry.__dict__:
                    del host.registry.settle
                sites.run(5 * MINUTE)
                self.assertTrue(self.is_up(sites), (which, dies))
                self.assertTrue(self.keys(sites)[0] != before[0], (which, dies))
                sites.b.rotate(self.names[1])
                sites.run(MINUTE)
                self.assertTrue(self.is_done(sites) and self.is_up(sites))

    def test_while_a_change_is_on_trial_no_key_moves(self):
        """Both sides of the change have the keys that there were when it began."""

        def busy(*_):
            raise IsthmusError("a change is on trial")

        for which in ("a", "b"):
            for after in range(cases(8, 0), 40, cases(40, 4)):
                sites = self.up((which, after))
                host = sites.a if which == "a" else sites.b
                name = self.names[0] if which == "a" else self.names[1]
                sites.a.rotate(self.names[0])
                sites.run(after)
                record, config = host.disk.get(SECRETS + "/" + name + ".next"), host.site.forcing.config
                began = load(PATH, host.disk.read, SECRETS).config.get(name)
                host.registry._check_free = busy
                sites.run(2 * MINUTE)
                self.assertEqual(host.disk.get(SECRETS + "/" + name + ".next"), record)
                self.assertTrue(config.get(name) == began and began.also == host.site.tunnels[name].config.also)
                host.registry._check_free = bool
                sites.run(5 * MINUTE)
                self.assertTrue(self.is_up(sites) and self.is_done(sites))
                self.keys(sites)

    def test_a_tunnel_that_was_removed_by_hand_leaves_no_keys_to_the_next_of_its_name(self):
        sites = self.up()
        host, name = sites.a, self.names[0]
        stale = SECRETS + "/" + name + ".next"
        host.disk.put(PATH, b"config globals\n\tlist lan 'lan0'\n")  # as an editor or uci does it
        host.reload()
        line = b" ".join([b"rotation-1 settled"] + [digits * b"0" for digits in (32, 64, 64, 32, 64)]) + b"\n"
        host.disk.put(stale, line)
        sites.b.registry.drop(self.names[1], False)
        sites.run(MINUTE)
        self.names = sites.pair_sites()
        self.assertEqual(self.names[0], name)
        sites.run(MINUTE)
        self.assertTrue(self.is_up(sites))
        self.keys(sites)

    def test_unpaired_in_the_middle_and_paired_anew_under_the_same_names(self):
        """Nothing of the renewal is left for the new pair, on the disk or in memory."""
        for after in (8, 40, 2000):
            sites = self.up()
            sites.a.rotate(self.names[0])
            sites.run(after)
            for router, name in ((sites.a, self.names[0]), (sites.b, self.names[1])):
                router.registry.drop(name, False)
                self.assertEqual([path for path in router.files() if name in path], [])
            names, self.names = self.names, sites.pair_sites()
            self.assertEqual(names, self.names)
            sites.run(MINUTE)
            self.assertTrue(self.is_up(sites), after)
            before = self.keys(sites)
            for router in (sites.a, sites.b):
                self.assertEqual(renewals(router.wake(), sites.now), [])
            sites.b.rotate(self.names[1])
            sites.run(MINUTE)
            self.assertTrue(self.is_done(sites) and self.is_up(sites))
            self.assertTrue(self.keys(sites)[0] != before[0])

    def test_unpaired_in_the_middle(self):
        sites = self.up()
        sites.a.rotate(self.names[0])
        sites.run(8)
        sites.b.registry.drop(self.names[1], False)
        sites.run(MINUTE)
        self.assertEqual([path for path in sites.b.files() if "router" in path], [])


if __name__ == "__main__":
    unittest.main()
