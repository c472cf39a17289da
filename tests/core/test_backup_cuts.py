"""What a backup puts in the place of what is there; and the power goes, or the disk is full, at every call of it."""

from __future__ import annotations

import unittest

from isthmus.applying.files import Files, mark_of
from isthmus.applying.steps import IDLE, OPEN, Trial
from isthmus.backup.archive import Archive
from isthmus.backup.collect import collect
from isthmus.backup.errors import ContentError, StagedError
from isthmus.backup.exchange import Exchange
from isthmus.backup.words import ELSEWHERE, notes
from isthmus.config.lock import ChangedError, StoreError
from isthmus.config.store import Store
from isthmus.users.book import Book, Params, User, push_book
from tests.core import applying_world as world
from tests.core.applying_world import OLD, PATH, RECORD, SECRETS, TUNNEL
from tests.core.disk import Cut, Disk
from tests.counts import cases

USERS = "/etc/isthmus/users"
NEW = OLD.replace(b"branch", b"depot").replace(b"1.51", b"1.52") + b"# as it was\n"


def book(name: str) -> bytes:
    return push_book(Book(b"k" * 32, {name: User(name, 3, b"s" * 8, Params(1 << 14, 8, 5), b"s" * 16, b"d" * 32)}))


def empty_book() -> bytes:
    return push_book(Book(b"k" * 32, {}))


BEFORE = {PATH: OLD, SECRETS + "branch": b"a branch key 1\n", SECRETS + "branch.ppk": b"p" * 32, SECRETS + "depot.next":
          b"from another life", SECRETS + "site.id": b"0" * 32, USERS: book("alice")}  # fmt: skip
AFTER = {PATH: NEW, SECRETS + "depot": b"a depot key 22\n", SECRETS + "site.id": b"1" * 32, USERS: book("bob")}


def archive_of(files: dict) -> Archive:
    keys = [(path[len(SECRETS) :], files[path]) for path in sorted(files) if path[: len(SECRETS)] == SECRETS]
    return Archive("head", 1_795_392_000, "1", files[PATH], keys, files.get(USERS))


class Router:
    """A disk, and a trial that puts a backup on it."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.store = Store(disk)
        self.running: list = []
        self.files = Files(self.store)
        self.trial = Trial(self.files, self.run)

    def run(self, config: object) -> None:
        self.running.append(config)

    def exchange(self, files: dict = AFTER) -> Exchange:
        return Exchange(self.store, USERS, archive_of(files), ["branch"])

    def begin(self) -> None:
        exchange = self.exchange()
        view, plan = exchange.look()
        old = collect(self.store, USERS, "here", "1")[1]
        self.files.commits = exchange.commit
        self.trial.apply(old, plan.loaded.config, mark_of(view), 90, 0)

    def state(self) -> str:
        found = {path: self.disk.get(path) for path in self.disk.names if path[:5] != "/tmp/" and path[-4:] != "-new"}
        for word, files in (("old", BEFORE), ("new", AFTER)):
            if found == files:
                return word
        return "mixed"


def keep(router: Router) -> None:
    router.begin()
    router.trial.confirm()


def drop(router: Router) -> None:
    router.begin()
    router.trial.handle_timer(90_000)


class ModeTest(unittest.TestCase):
    def mode(self, config: bytes) -> int:
        """Of the configuration, restored where everybody might read it, as on a router that is new."""
        disk = Disk([(PATH, OLD)])
        disk.put(PATH, OLD, mode=0o644)
        files = dict(AFTER)
        files[PATH] = config
        Router(disk).exchange(files).commit(lambda view, plan: None)
        self.assertEqual(disk.get(PATH), config)
        return disk.inodes[disk.names[PATH]].mode

    def test_a_configuration_with_keys_in_it_is_nobody_elses_to_read(self) -> None:
        self.assertEqual(self.mode(NEW), 0o644)
        keyed = NEW.replace(b"config tunnel 'depot'", b"config tunnel 'depot'\n option psk 'a long key 22'")
        self.assertEqual(self.mode(keyed), 0o600)


class CollectTest(unittest.TestCase):
    def setUp(self) -> None:
        self.disk = Disk(sorted(BEFORE.items()))
        self.store = Store(self.disk)

    def test_what_is_in_it(self) -> None:
        for path, data in ((SECRETS + "other.ppk", b"nobody's"), (SECRETS + "undo.damaged", b"x")):
            self.disk.put(path, data)
        archive, config, said = collect(self.store, USERS, "here", "1.2")
        self.assertEqual([name for name, _ in archive.keys], ["site.id", "branch", "branch.ppk"])
        self.assertEqual((archive.config, archive.users), (OLD, book("alice")))
        self.assertEqual((archive.site, archive.version), ("here", "1.2"))
        self.assertEqual([row.name for row in config.tunnels], ["branch"])
        self.assertEqual(said, [])

    def test_what_is_not(self) -> None:
        self.disk.put(USERS, b"isthmus-users 1\nkey")
        self.disk.put(world.DELTAS, b"isthmus.branch.mtu='1400'\n")
        archive, _, said = collect(self.store, USERS, "here", "1")
        self.assertEqual(archive.users, None)
        self.assertEqual(len(said), 2)
        self.assertTrue("staged" in said[1])
        self.disk.put(PATH, OLD + b"config tunnel 'bad'\n")
        with self.assertRaises(ContentError):
            collect(self.store, USERS, "here", "1")


class ExchangeTest(unittest.TestCase):
    def setUp(self) -> None:
        self.router = Router(Disk(sorted(BEFORE.items())))

    def test_it_is_put_in_place_and_back(self) -> None:
        keep(self.router)
        self.assertEqual((self.router.state(), self.router.trial.state), ("new", IDLE))
        self.router = Router(Disk(sorted(BEFORE.items())))
        self.router.begin()
        self.assertEqual(self.router.trial.state, OPEN)
        self.assertTrue(self.router.trial.holds(USERS) and not self.router.trial.holds(PATH + "x"))
        self.router.trial.undo("asked for", 1)
        self.assertEqual((self.router.state(), self.router.trial.state), ("old", IDLE))
        self.assertFalse("again: isthmus config changes" in self.router.trial.last.notes[0])
        for path in self.router.disk.names:
            self.assertEqual(self.router.disk.inodes[self.router.disk.names[path]].mode, 0o600)

    def test_on_a_new_router(self) -> None:
        fresh = {PATH: b"config globals 'globals'\n"}
        self.router = Router(Disk(sorted(fresh.items())))
        keep(self.router)
        self.assertEqual(self.router.state(), "new")
        self.assertEqual([row.name for row in self.router.running[-1].tunnels], ["depot"])

    def test_users_stay_where_the_backup_has_none(self) -> None:
        for users in (None, empty_book()):
            router = Router(Disk(sorted(BEFORE.items())))
            files = dict(AFTER)
            files[USERS] = users
            _, plan = router.exchange(files).look()
            self.assertFalse(USERS in dict(plan.puts))
        with self.assertRaises(ContentError):
            self.router.exchange({PATH: NEW, USERS: b"isthmus-users 1\n"}).look()

    def test_nothing_differs(self) -> None:
        files = dict(BEFORE)
        del files[SECRETS + "depot.next"]
        view, plan = self.router.exchange(files).look()
        self.assertEqual((plan.puts, plan.gone, plan.text == view.data), ([], [], True))

    def test_a_broken_file_is_no_hindrance(self) -> None:
        self.router.disk.put(PATH, b"config 'unfinished\n")
        _, plan = self.router.exchange().look()
        self.assertEqual(plan.loaded.errors, [])
        self.assertTrue(SECRETS + "branch" in plan.gone)  # it runs

    def test_what_is_staged_is_in_the_way(self) -> None:
        self.router.disk.put(world.DELTAS, b"isthmus.branch.mtu='1400'\n")
        with self.assertRaises(StagedError):
            self.router.exchange().look()

    def test_a_configuration_that_would_be_refused(self) -> None:
        files = dict(AFTER)
        files[PATH] = TUNNEL.replace(b"branch'", b"lost'")  # its key is not there
        exchange = self.router.exchange(files)
        self.assertTrue(exchange.look()[1].loaded.errors)
        with self.assertRaises(ContentError):
            exchange.commit(lambda _view, _plan: None)
        self.assertEqual(self.router.state(), "old")

    def test_an_editor_is_not_written_over(self) -> None:
        """Who knows no lock writes between our look and our write."""
        exchange, disk = self.router.exchange(), self.router.disk
        view, plan = exchange.look()

        def edited(begin: object) -> None:
            exchange.commit(lambda *what: (begin(*what), disk.put(PATH, b"# mine\n")))

        self.router.files.commits = edited
        with self.assertRaises(ChangedError):
            self.router.trial.apply(plan.loaded.config, plan.loaded.config, mark_of(view), 90, 0)
        self.assertEqual((disk.get(PATH), disk.get(RECORD), self.router.trial.state), (b"# mine\n", None, IDLE))
        self.assertEqual(disk.get(SECRETS + "branch"), BEFORE[SECRETS + "branch"])

    def test_keys_of_no_tunnel_are_not_written(self) -> None:
        files = dict(AFTER)
        files[SECRETS + "stranger"] = b"key"
        _, plan = self.router.exchange(files).look()
        self.assertFalse(SECRETS + "stranger" in dict(plan.puts))

    def test_notes(self) -> None:
        _, plan = self.router.exchange().look()
        said = notes(archive_of(AFTER), plan.loaded.config, {"site.id": b"0" * 32}, BEFORE[USERS], ["lo"])
        self.assertTrue("made on 2026-11-23" in said[0])
        self.assertEqual(said[1], ELSEWHERE)
        self.assertTrue("br-lan" in said[2] and "(bob)" in said[3])
        current = dict(archive_of(AFTER).keys)
        self.assertEqual(len(notes(archive_of(AFTER), plan.loaded.config, current, book("bob"), ["br-lan"])), 1)


class CutTest(unittest.TestCase):
    def after(self, router: Router) -> list:
        """Every disk that may be there when it starts again."""
        disk = router.disk
        disk.cut_at = None
        found = [[(path, disk.get(path)) for path in sorted(disk.names)]]
        for image in disk.images():
            files = [(path, image[path][0]) for path in sorted(image) if path[:5] != "/tmp/"]
            if files not in found:
                found.append(files)
        return found

    def test_old_or_new_at_every_call(self) -> None:
        for story, allowed in ((keep, ["old", "new"]), (drop, ["old"])):
            number, ended, seen = 0, False, []
            while not ended:
                router = Router(Disk(sorted(BEFORE.items())))
                router.disk.cut_at = number
                try:
                    story(router)
                    ended = True
                except Cut:
                    pass
                for files in self.after(router):
                    again = Router(Disk(files))
                    again.trial.start(0)
                    self.assertEqual((again.trial.state, again.disk.get(RECORD)), (IDLE, None))
                    self.assertTrue(again.state() in allowed, (story.__name__, number, again.state()))
                    if again.state() not in seen:
                        seen.append(again.state())
                number += cases(11, 1)
            self.assertEqual(sorted(seen), sorted(allowed))
            self.assertTrue(number > 60)

    def test_a_full_disk_leaves_all_as_it_was(self) -> None:
        number, ended = 0, False
        while not ended:
            router = Router(Disk(sorted(BEFORE.items())))
            router.disk.refuse = (number, 28)
            try:
                router.begin()
                ended = True
            except (StoreError, ContentError) as error:
                self.assertTrue(str(error))
            if not ended:
                router.disk.refuse = None
                router.trial.handle_timer(10**9)
                self.assertEqual((router.trial.state, router.state()), (IDLE, "old"), number)
            number += cases(7, 1)
        self.assertTrue(number > 30)


if __name__ == "__main__":
    unittest.main()
