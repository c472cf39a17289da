"""Throttling: few guesses, however many try, and the administrator gets in all the same. A clock of the test's own."""

from __future__ import annotations

import unittest

from isthmus.users.errors import BusyError, RefusedError
from isthmus.users.queue import MOST_STRANGERS, PATIENCE_MS
from isthmus.users.throttle import (
    ALL_BURST,
    ALL_EVERY_MS,
    BUCKETS,
    FORGET_MS,
    FREE_FAILURES,
    LONGEST_WAIT_MS,
    MOST_FAILED,
    USER_BURST,
    USER_EVERY_MS,
    Bucket,
    Failures,
    source_key,
)
from tests.core.users_world import OTHER, PASSWORD, World
from tests.counts import cases

STEP_MS = 500
SCRYPT_MS = 500
HOUR_MS = 3_600_000
SIEGE_MS = cases(240_000, 6 * HOUR_MS)
SOON_MS = 30_000  # S4 of web.md: a legitimate login takes no longer, whatever goes on


class Siege:
    """A world in which attackers never stop: each of their addresses tries again as soon as it is answered."""

    def __init__(self, addresses, names=("alice",)):
        self.world = World()
        self.world.add()
        self.mark = self.world.login()["mark"]
        self.world.door.take_words()
        self.addresses = addresses
        self.names = names
        self.turn_of = 0
        self.guesses = 0
        self.answers = {}
        self.busy_until = None
        self.job = None

    def try_one(self):
        self.turn_of += 1
        address = self.addresses[self.turn_of % len(self.addresses)]
        name = self.names[self.turn_of % len(self.names)]
        try:
            self.world.door.login("attacker", name, "guess %d" % self.turn_of, address, "f" * 64, self.world.now)
        except BusyError:
            pass

    def step(self, tries=3):
        """Half a second, in which so many more try."""
        world = self.world
        world.now += STEP_MS
        for _ in range(tries):
            self.try_one()
        if self.job is not None and world.now >= self.busy_until:
            if self.job.ticket == "attacker":
                self.guesses += 1
            right = self.job.ticket == "admin" and self.job.password == PASSWORD.encode()
            user = world.door.book.users.get(self.job.name)
            world.door.hashed(self.job, user.digest if right else b"-" * 32, world.now)
            self.job = None
        if self.job is None:
            self.job = world.door.take_job(world.now)
            self.busy_until = world.now + SCRYPT_MS
        world.door.take_words()
        for ticket, result, error in world.door.take_answers():
            self.answers[ticket] = (result, error)

    def last(self, milliseconds, tries=3):
        end = self.world.now + milliseconds
        while self.world.now < end:
            self.step(tries)

    def admin(self, address, mark="", password=PASSWORD):
        """Milliseconds until the administrator is in: who tries again a second after each refusal for being busy."""
        begin = self.world.now
        self.answers.pop("admin", None)
        again = self.world.now
        waiting = False
        while self.world.now - begin < HOUR_MS:
            if not waiting and self.world.now >= again:
                try:
                    self.world.door.login("admin", "alice", password, address, mark, self.world.now)
                    waiting = True
                except BusyError:
                    again = self.world.now + 1000
            self.step()
            if "admin" in self.answers:
                result, error = self.answers.pop("admin")
                if result is not None or isinstance(error, RefusedError):
                    return self.world.now - begin
                waiting, again = False, self.world.now + 1000
        return self.world.now - begin


def lan(count, first=10):
    return ["192.168.%d.%d" % (number // 200, first + number % 200) for number in range(count)]


class Guesses(unittest.TestCase):
    def test_one_address(self):
        siege = Siege(lan(1))
        siege.last(SIEGE_MS)
        most = FREE_FAILURES + 6 + SIEGE_MS // LONGEST_WAIT_MS
        self.assertTrue(FREE_FAILURES + 4 <= siege.guesses <= most + 1, (siege.guesses, most))

    def test_many_addresses_and_one_name(self):
        siege = Siege(lan(100))
        siege.last(SIEGE_MS)
        most = USER_BURST + SIEGE_MS // USER_EVERY_MS
        self.assertTrue(most // 2 < siege.guesses <= most + 1, (siege.guesses, most))

    def test_many_addresses_and_many_names(self):
        siege = Siege(lan(400), ["name%d" % number for number in range(300)])
        siege.last(SIEGE_MS)
        most = ALL_BURST + SIEGE_MS // ALL_EVERY_MS
        self.assertTrue(most // 2 < siege.guesses <= most + 1, (siege.guesses, most))

    def test_a_whole_ipv6_network_is_one_address(self):
        siege = Siege(["2001:db8:1:2::%x" % number for number in range(1, 3000)])
        siege.last(SIEGE_MS)
        self.assertTrue(siege.guesses <= FREE_FAILURES + 7 + SIEGE_MS // LONGEST_WAIT_MS, siege.guesses)

    def test_whoever_has_a_password_cannot_wash_guesses_away_with_it(self):
        """Between guesses at another's password an insider logs in, from the same address."""
        world = World()
        world.add()
        world.add("insider", "look", OTHER)
        for number in range(SIEGE_MS // USER_EVERY_MS):
            name, password = ("insider", OTHER) if number % 4 == 3 else ("alice", "guess")
            try:
                world.door.login("t", name, password, "192.168.1.66", "", world.now)
            except BusyError:
                pass
            for _ in range(USER_EVERY_MS // STEP_MS):
                world.run()
                world.now += STEP_MS
        guesses = len([text for text in world.words if "alice failed" in text])
        self.assertTrue(FREE_FAILURES <= guesses <= FREE_FAILURES + 7 + SIEGE_MS // LONGEST_WAIT_MS, guesses)

    def test_memory_stays_bounded(self):
        siege = Siege(["2001:db8:%x:%x::1" % (number // 50, number % 50) for number in range(2500)])
        siege.last(SIEGE_MS)
        door = siege.world.door
        self.assertTrue(len(door._throttle.sources._rows) <= MOST_FAILED)
        self.assertTrue(len(door._queue._strangers) <= MOST_STRANGERS)
        self.assertEqual(len(door._throttle._users), BUCKETS)
        self.assertTrue(len(door._failed) <= 1)
        self.assertEqual(door._answers, [])

    def test_a_guess_that_was_never_looked_at_tells_nothing(self):
        """The right password, sent by an address that has to wait, is told from a wrong one by nothing."""
        siege = Siege(lan(1))
        siege.last(60_000)
        texts = set()
        for password in (PASSWORD, "wrong"):
            try:
                siege.world.door.login("x", "alice", password, lan(1)[0], "", siege.world.now)
            except BusyError as error:
                texts.add(str(error) + error.remedy)
        self.assertEqual(len(texts), 1)


class Administrator(unittest.TestCase):
    def test_from_a_browser_that_was_here_before(self):
        for addresses, names in ((lan(1), ("alice",)), (lan(250), ("alice", "bob", "carol"))):
            siege = Siege(addresses, names)
            siege.last(120_000)
            for address in ("192.168.9.9", addresses[0]):  # also from an attacker's own address
                self.assertTrue(siege.admin(address, siege.mark) <= 3 * SCRYPT_MS)

    def test_from_a_new_browser(self):
        for count in (1, 4, 50):
            siege = Siege(lan(count))
            siege.last(300_000)  # each of the attacker's addresses has failed by then
            took = siege.admin("192.168.9.9")
            self.assertTrue(took <= SOON_MS, (count, took))

    def test_after_a_mistake_of_ones_own(self):
        siege = Siege(lan(20))
        siege.last(300_000)  # each of the attacker's addresses has failed by then
        siege.admin("192.168.9.9", "", "a slip")
        self.assertTrue(siege.admin("192.168.9.9") <= SOON_MS)

    def test_nothing_is_left_when_the_attack_is_over(self):
        siege = Siege(lan(50))
        siege.last(120_000)
        siege.last(LONGEST_WAIT_MS, 0)
        siege.addresses = ["203.0.113.5"]
        self.assertTrue(siege.admin(lan(50)[0]) <= LONGEST_WAIT_MS)

    def test_a_stolen_mark_is_worth_few_guesses_and_then_none(self):
        world = World()
        world.add()
        mark = world.login()["mark"]
        for _ in range(FREE_FAILURES):
            with self.assertRaises(RefusedError):
                world.login("alice", "guess", "192.168.1.66", mark)
        world.door.login("t", "alice", "guess", "192.168.1.66", mark, world.now)
        self.assertEqual((world.door._queue._direct, len(world.door._queue._strangers)), ([], 1))
        world.run()
        world.now += FORGET_MS
        self.assertEqual(world.login("alice", PASSWORD, "192.168.1.66", mark)["mark"], mark)

    def test_strangers_are_not_starved_by_the_direct_line(self):
        world = World()
        world.add()
        for number in range(10):
            world.door.add(number, "u%d" % number, "look", PASSWORD)
        world.door.login("new", "alice", PASSWORD, "b", "", world.now)
        order = []
        while world.turn():
            order += [ticket for ticket, _, _ in world.door.take_answers()]
        self.assertTrue(order.index("new") <= 2, order)


class Waiting(unittest.TestCase):
    def test_nobody_waits_for_ever(self):
        world = World()
        world.add()
        for number in range(USER_BURST):
            world.door.login(number, "alice", "wrong", "10.0.0.%d" % number, "", world.now)
            world.run()
        for number in range(MOST_STRANGERS):
            world.door.login(number, "alice", "wrong", "10.1.0.%d" % number, "", world.now)
        self.assertEqual(world.run(), {})
        timer = world.door.get_timer(world.now)
        self.assertTrue(world.now < timer <= world.now + USER_EVERY_MS)
        world.now = timer
        self.assertTrue(world.turn())
        world.now += PATIENCE_MS
        world.turn()
        errors = [error for _, _, error in world.door.take_answers()]
        self.assertEqual(len(errors), MOST_STRANGERS)
        self.assertEqual(len([error for error in errors if isinstance(error, BusyError)]), MOST_STRANGERS - 1)
        self.assertEqual(world.door.get_timer(world.now), None)

    def test_the_timer_is_never_in_the_past_of_work(self):
        """While a password is being hashed there is nothing to wake up for."""
        world = World()
        world.add()
        world.door.login("t", "alice", PASSWORD, "", "", world.now)
        self.assertEqual(world.door.get_timer(world.now), world.now)
        job = world.door.take_job(world.now)
        self.assertEqual(world.door.get_timer(world.now), None)
        self.assertEqual(world.door.take_job(world.now), None)
        world.door.hashed(job, None, world.now)
        self.assertEqual(world.door.get_timer(world.now), None)


class Parts(unittest.TestCase):
    def test_a_bucket(self):
        bucket = Bucket(3, 1000)
        for _ in range(3):
            self.assertEqual(bucket.wait(5000), 0)
            bucket.take(5000)
        self.assertEqual(bucket.wait(5000), 1000)
        self.assertEqual(bucket.wait(5999), 1)
        bucket.take(6000)
        self.assertEqual(bucket.wait(6000), 1000)
        bucket.give_back()
        self.assertEqual(bucket.wait(6000), 0)
        self.assertEqual([bucket.wait(10**9), bucket.take(10**9), bucket.wait(10**9)], [0, None, 0])

    def test_failures_wait_longer_each_time_and_are_forgotten(self):
        failures = Failures()
        waits = []
        for _ in range(30):
            failures.failed(b"a", 0)
            waits.append(failures.wait(b"a", 0))
        self.assertEqual(waits[: FREE_FAILURES - 1], [0] * (FREE_FAILURES - 1))
        self.assertEqual(waits[FREE_FAILURES - 1 : FREE_FAILURES + 3], [1000, 2000, 4000, 8000])
        self.assertEqual(waits[-1], LONGEST_WAIT_MS)
        self.assertEqual(failures.count(b"a", 29 * FORGET_MS), 1)
        self.assertEqual(failures.count(b"a", 99 * FORGET_MS), 0)
        self.assertEqual(failures.count(b"b", 0), 0)
        failures.succeeded(b"a")
        self.assertEqual(failures.count(b"a", 0), 0)

    def test_a_full_table_keeps_those_who_failed_most(self):
        failures = Failures()
        for _ in range(9):
            failures.failed(b"worst", 0)
        for number in range(3 * MOST_FAILED):
            failures.failed(b"%d" % number, number)
        self.assertEqual(failures.count(b"worst", 0), 9)

    def test_what_counts_as_one_address(self):
        for same in (
            ("192.168.1.7", "::ffff:192.168.1.7"),
            ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:0:8000::"),
            ("fe80::1%br-lan", "fe80::2%eth0", "fe80::3"),
            ("x" * 64, "x" * 99),
        ):
            self.assertEqual(len({source_key(text) for text in same}), 1, same)
        others = ("192.168.1.7", "192.168.1.8", "2001:db8::1", "2001:db8:0:1::1", "", "branch", "999.1.1.1")
        self.assertEqual(len({source_key(text) for text in others}), len(others))


if __name__ == "__main__":
    unittest.main()
