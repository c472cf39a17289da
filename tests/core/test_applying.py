"""A change on trial: applied, confirmed, undone; what is told, and what is refused."""

import unittest

from isthmus.applying.files import DAMAGED, ForeignError
from isthmus.applying.steps import AGAIN_MS, IDLE, KEPT, OPEN, UNDOING, TrialError
from isthmus.config.delta import SET
from isthmus.config.lock import StoreError
from isthmus.errors import IsthmusError
from tests.core import applying_world as world
from tests.core.applying_world import DELTAS as WAITING
from tests.core.applying_world import PATH, RECORD, SECRETS, STAGED, STAGED_KEY, World, disk_of, holds, staged_of

ENOSPC, EROFS = 28, 30
LET_OUT = "192.168.1.51 may now use the open Internet: it was taken out of rule cameras"


class TrialTest(unittest.TestCase):
    def setUp(self):
        self.world = World(disk_of())
        self.world.start()
        self.trial, self.disk = self.world.trial, self.world.disk
        self.old = self.world.running

    def apply(self, now=0):
        self.world.apply(now)
        self.new = self.trial._new

    def undone(self):
        """Everything is as it was before apply()."""
        self.assertEqual((self.trial.state, self.world.files()), (IDLE, "old"))
        self.assertTrue(self.world.running is self.old or self.world.running.forced == self.old.forced)
        self.assertEqual(self.disk.get(RECORD), None)
        self.assertEqual(staged_of(self.disk), STAGED + STAGED_KEY)


class WindowTest(TrialTest):
    def test_while_it_is_open_both_hold(self):
        self.apply()
        self.assertEqual((self.trial.state, self.world.files()), (OPEN, "new"))
        for config in (self.old, self.new):
            self.assertTrue(holds(self.world.guard, config))
        self.assertFalse(holds(self.new, self.old))
        self.assertEqual(staged_of(self.disk), b"")
        self.assertEqual(self.disk.inodes[self.disk.names[RECORD]].mode, 0o600)

    def test_confirmed_it_stays(self):
        self.apply()
        self.trial.confirm()
        self.assertEqual((self.trial.state, self.world.files(), self.disk.get(RECORD)), (IDLE, "new", None))
        self.assertTrue(self.world.running is self.new)
        self.assertEqual((self.trial.last.kind, self.trial.last.exposed), ("confirmed", [LET_OUT]))

    def test_not_confirmed_it_is_undone_and_not_a_moment_early(self):
        self.apply(1000)
        self.assertEqual(self.trial.get_timer(), 91_000)
        self.trial.handle_timer(90_999)
        self.assertEqual(self.trial.state, OPEN)
        self.trial.handle_timer(91_000)
        self.undone()
        last = self.trial.last
        self.assertEqual((last.kind, last.why), ("undone", "nobody confirmed it within 90 s"))
        self.assertEqual(last.exposed, ["192.168.3.0/24 may now use the open Internet: rule guests was removed"])
        self.assertEqual(self.trial.get_timer(), None)

    def test_asked_for(self):
        self.apply()
        self.trial.undo("asked for", 5)
        self.undone()
        self.assertEqual(self.trial.last.why, "asked for")

    def test_a_restart_ends_it(self):
        self.apply()
        after = World(self.disk, self.world.guards)
        after.start()
        self.assertEqual((after.trial.state, after.files(), self.disk.get(RECORD)), (IDLE, "old", None))
        self.assertEqual(after.running.forced, self.old.forced)
        self.assertIn("began anew", after.trial.last.why)
        self.assertEqual(after.trial.last.exposed, self.trial._record.again)
        self.assertEqual(staged_of(self.disk), STAGED + STAGED_KEY)

    def test_what_is_asked_for_at_the_wrong_time(self):
        for call in (self.trial.confirm, self.trial.over):
            with self.assertRaises(TrialError) as caught:
                call()
            self.assertTrue(caught.exception.remedy)
        self.apply()
        self.disk.put(world.DELTAS, b"isthmus.branch.mtu='1400'\n")
        with self.assertRaises(TrialError):
            self.world.apply()
        self.assertEqual((self.trial.state, self.world.files()), (OPEN, "new"))
        self.assertEqual(staged_of(self.disk), b"isthmus.branch.mtu='1400'\n")


class KeysTest(TrialTest):
    """Tunnels that come and go, with their key files."""

    def test_a_new_tunnels_key_goes_with_it(self):
        self.disk.put(world.DELTAS, b"isthmus.office='tunnel'\nisthmus.office.remote='o.example.net'\n")
        self.disk.put(world.STAGED_KEYS, b"isthmus.office.psk='yet another lamp'\n")
        self.apply()
        self.assertEqual(self.disk.get(SECRETS + "office"), b"yet another lamp\n")
        self.trial.handle_timer(90_000)
        self.assertEqual((self.disk.get(SECRETS + "office"), self.world.files()), (None, "old"))
        self.assertEqual([image.get(SECRETS + "office") for image in self.disk.images()], [None] * 3)

    def test_a_tunnel_that_goes_has_its_key_back(self):
        self.disk.put(world.DELTAS, b"-isthmus.cameras\n-isthmus.branch\n")
        self.disk.remove(world.STAGED_KEYS)
        self.apply()
        self.assertEqual(self.disk.get(SECRETS + "branch"), None)
        after = World(self.disk, self.world.guards)
        after.start()
        self.assertEqual((self.disk.get(SECRETS + "branch"), after.files()), (world.KEY + b"\n", "old"))
        self.assertEqual(self.disk.inodes[self.disk.names[SECRETS + "branch"]].mode, 0o600)


class WritersTest(TrialTest):
    def test_a_second_writer_is_told_and_loses_nothing(self):
        self.apply()
        self.world.store.stage(SET, "branch", "mtu", b"1400")
        for write in (self.world.store.commit, lambda: self.world.store.change([], [], [])):  # the latter: a pairing
            with self.assertRaises(StoreError) as caught:
                write()
            self.assertEqual(caught.exception.code, "on-trial")
        self.assertIn("mtu", self.disk.get(world.DELTAS).decode())
        self.trial.handle_timer(90_000)
        self.assertEqual(self.world.files(), "old")
        # what was staged meanwhile stays staged, and what was undone is kept beside
        self.assertEqual(self.disk.get(world.DELTAS), b"isthmus.branch.mtu='1400'\n")
        self.assertEqual(self.disk.get(SECRETS + "undone.changes"), STAGED + STAGED_KEY)
        self.assertIn("undone.changes", self.trial.last.notes[0])
        self.assertTrue(self.world.store.commit()[0])

    def test_what_was_staged_after_it_was_shown_is_not_applied(self):
        view = self.world.store.view()
        plan = self.world.store.plan(view)
        mark = world.mark_of(view)
        self.world.store.stage(SET, "branch", "mtu", b"1400")
        with self.assertRaises(IsthmusError) as caught:
            self.trial.apply(self.old, plan.loaded.config, mark, 90, 0)
        self.assertEqual(caught.exception.code, "staged-meanwhile")
        self.assertEqual((self.trial.state, self.world.files()), (IDLE, "old"))
        self.assertEqual((self.world.running, self.disk.get(RECORD)), (self.old, None))

    def edit_when_written(self, edit):
        """An editor, which knows no lock, writes the configuration when the new files are ready beside the old."""
        create = self.disk.create

        def create_then_edit(path):
            if path == "/etc/config/.isthmus.isthmus-new":
                self.disk.create = create
                self.disk.put(PATH, edit)
            return create(path)

        self.disk.create = create_then_edit

    def test_an_edit_in_the_midst_of_it_is_not_overwritten(self):
        mine = world.OLD + b"# mine\n"
        self.edit_when_written(mine)
        with self.assertRaises(IsthmusError) as caught:
            self.apply()
        self.assertEqual((caught.exception.code, self.disk.get(PATH)), ("changed-meanwhile", mine))
        self.assertEqual((self.trial.state, self.disk.get(RECORD)), (IDLE, None))
        self.assertEqual(world.staged_of(self.disk), STAGED + STAGED_KEY)
        self.assertEqual([path for path in self.disk.names if "new" in path], [])

    def test_nor_in_the_midst_of_its_undoing(self):
        self.apply()
        mine = self.disk.get(PATH) + b"# mine\n"
        self.edit_when_written(mine)
        self.trial.handle_timer(90_000)
        self.assertEqual((self.trial.state, self.disk.get(PATH)), (KEPT, mine))
        self.assertEqual([path for path in self.disk.names if "new" in path], [])

    def test_a_foreign_edit_is_not_overwritten(self):
        self.apply()
        foreign = self.disk.get(PATH) + b"# mine\n"
        self.disk.put(PATH, foreign)
        self.trial.handle_timer(90_000)
        self.assertEqual((self.trial.state, self.disk.get(PATH)), (KEPT, foreign))
        self.assertIsInstance(self.trial.trouble, ForeignError)
        self.assertEqual(self.world.running.forced, self.old.forced, "nobody is locked out by it")
        self.assertIn("isthmus reload", self.trial.last.notes[0])
        self.assertEqual(self.trial.get_timer(), None)

    def test_nor_by_the_next_start_which_runs_what_was_there(self):
        self.apply()
        self.disk.put(PATH, b"config nonsense\n")
        self.trial.handle_timer(90_000)
        for _ in range(2):
            after = World(self.disk, self.world.guards)
            after.start()
            self.assertEqual((after.trial.state, after.running.forced), (KEPT, self.old.forced))
            self.assertEqual(self.disk.get(PATH), b"config nonsense\n")
            self.assertEqual(after.running.get("branch").psk, world.KEY)
        after.trial.over()
        self.assertEqual((after.trial.state, after.files()), (IDLE, "old"))
        self.assertEqual(self.disk.get(SECRETS + "undone.changed.isthmus"), b"config nonsense\n")
        self.assertEqual((self.disk.get(RECORD), self.disk.get(world.KEPT)), (None, None))

    def test_or_the_foreign_files_are_taken(self):
        self.apply()
        self.disk.put(PATH, world.TUNNEL)
        self.trial.handle_timer(90_000)
        self.trial.take()
        self.assertEqual((self.trial.state, self.disk.get(PATH), self.disk.get(world.KEPT)), (IDLE, world.TUNNEL, None))
        World(self.disk).start()

    def test_a_file_that_somebody_has_removed(self):
        self.apply()
        self.disk.remove(PATH)
        self.trial.handle_timer(90_000)
        self.assertEqual((self.trial.state, self.disk.get(PATH)), (KEPT, None))
        self.trial.over()
        self.assertEqual((self.trial.state, self.world.files()), (IDLE, "old"))

    def test_a_key_that_somebody_has_changed(self):
        self.apply()
        self.disk.put(SECRETS + "branch", b"a third one\n")
        self.trial.handle_timer(90_000)
        self.assertEqual((self.trial.state, self.disk.get(SECRETS + "branch")), (KEPT, b"a third one\n"))
        self.trial.over()
        self.assertEqual(self.world.files(), "old")
        self.assertEqual(self.disk.get(SECRETS + "undone.changed.branch"), b"a third one\n")

    def test_nor_is_one_that_comes_just_before_the_lock(self):
        self.apply()
        kept = self.disk.lock

        def lock(handle):
            self.disk.lock = kept
            self.disk.inodes[self.disk.names[PATH]].data += b"# mine\n"
            return kept(handle)

        self.disk.lock = lock
        self.trial.handle_timer(90_000)
        self.assertEqual(self.trial.state, KEPT)
        self.assertTrue(self.disk.get(PATH).endswith(b"# mine\n"))

    def test_confirmed_over_a_foreign_edit_what_was_tried_runs(self):
        self.apply()
        self.disk.put(PATH, self.disk.get(PATH) + b"# mine\n")
        self.trial.confirm()
        self.assertTrue(self.world.running is self.new)
        self.assertTrue(self.disk.get(PATH).endswith(b"# mine\n"))
        self.assertIn("isthmus reload", self.trial.last.notes[0])


class AsideTest(TrialTest):
    """What is set aside holds keys: it goes when the next change is confirmed, and of each kind there is one."""

    def aside(self):
        names = [path[len(SECRETS) :] for path in self.disk.names if path.startswith(SECRETS)]
        return sorted([name for name in names if name.startswith("und")])

    def foreign_twice(self):
        for text in (b"a third one\n", b"a fourth one\n"):
            self.apply()
            self.disk.put(SECRETS + "branch", text)
            self.trial.handle_timer(90_000)
            self.trial.over()
            self.disk.put(world.DELTAS, STAGED)
            self.disk.put(world.STAGED_KEYS, STAGED_KEY)

    def test_it_goes_with_the_next_confirmation(self):
        self.foreign_twice()
        self.assertEqual(self.aside(), ["undone.changed.branch"])
        self.assertEqual(self.disk.get(SECRETS + "undone.changed.branch"), b"a fourth one\n")
        self.assertIn(SECRETS + "undone.changed.branch until a change is confirmed", self.trial.last.notes[0])
        self.disk.put(SECRETS + "undo.damaged", b"half a record")
        self.disk.put(SECRETS + "undone.changes", STAGED_KEY)
        self.apply()
        self.trial.undo("asked for", 0)
        self.assertEqual(self.aside(), ["undo.damaged", "undone.changed.branch", "undone.changes"])
        self.apply()
        self.trial.confirm()
        self.assertEqual(self.aside(), [])
        self.assertEqual(self.world.files(), "new")

    def test_keys_of_a_tunnel_of_such_a_name_stay(self):
        others = [SECRETS + name for name in ("undone", "undone.ppk", "undone.control", "changed.ppk", "undo.next")]
        for path in others:
            self.disk.put(path, b"0123456789abcdef\n")
        self.apply()
        self.trial.confirm()
        self.assertEqual([path for path in others if self.disk.get(path) is None], [])

    def test_what_cannot_be_removed_is_no_reason_to_refuse(self):
        self.disk.put(SECRETS + "undo.damaged", b"half a record")
        self.apply()
        self.disk.list_folder = self.read_only
        self.trial.confirm()
        self.assertEqual((self.trial.state, self.aside()), (IDLE, ["undo.damaged"]))

    def read_only(self, path):
        raise OSError(EROFS, path)

    def test_a_confirmation_that_may_not_last_says_so(self):
        self.apply()
        self.disk.sync_folder = self.read_only
        with self.assertRaises(StoreError) as caught:
            self.trial.confirm()
        self.assertIn("undo.open is removed, but a power cut may bring it back", str(caught.exception))
        self.assertNotIn("nothing is changed", str(caught.exception))
        self.assertEqual(self.trial.state, OPEN)
        del self.disk.sync_folder
        self.trial.confirm()
        self.assertEqual((self.trial.state, self.world.files()), (IDLE, "new"))


class TroubleTest(TrialTest):
    def test_rules_that_nft_refuses_leave_everything(self):
        self.world.refuses = True
        with self.assertRaises(OSError):
            self.world.apply()
        self.assertEqual(self.trial.state, UNDOING, "what runs is not known to be the old one")
        self.world.refuses = False
        self.trial.handle_timer(AGAIN_MS)
        self.undone()

    def test_every_call_of_apply_refused(self):
        """A full or read-only disk: told; all is as it was, or as soon as there is room again."""
        for errno in (ENOSPC, EROFS):
            number = 0
            while True:
                one = World(disk_of())
                one.start()
                old, start = one.running, len(one.disk.made)
                one.disk.refuse = (start + number, errno)
                one.disk.forever = True
                try:
                    one.apply()
                except (IsthmusError, OSError):
                    self.assertTrue(one.trial.state in (IDLE, UNDOING))
                one.disk.refuse = None
                self.assertTrue(holds(one.guard, old))
                if one.trial.state == UNDOING:
                    one.trial.handle_timer(AGAIN_MS)
                if one.trial.state == IDLE:
                    self.assertEqual(one.files(), "old")
                    self.assertEqual(one.running.forced, old.forced)
                    self.assertEqual(one.disk.get(RECORD), None)
                    kept = one.disk.get(SECRETS + "undone.changes")
                    self.assertTrue(staged_of(one.disk) == STAGED + STAGED_KEY or kept == STAGED + STAGED_KEY)
                self.assertTrue(one.trial.state in (IDLE, OPEN))
                if start + number >= len(one.disk.made):
                    break
                number += 1
            self.assertGreater(number, 40)

    def test_every_call_of_the_undoing_refused(self):
        """Nobody is locked out by a disk: what runs is taken back at once, and the files when that can be done."""
        for errno in (ENOSPC, EROFS):
            number = 0
            while True:
                one = World(disk_of())
                one.start()
                old = one.running
                one.apply()
                start = len(one.disk.made)
                one.disk.refuse = (start + number, errno)
                one.disk.forever = True
                one.trial.handle_timer(90_000)
                if one.disk.made[start + number : start + number + 1] != ["guard"]:
                    self.assertEqual(one.running.forced, old.forced)
                if one.trial.state == UNDOING:
                    self.assertTrue(one.disk.get(RECORD) or one.files() == "old", "a restart goes on with it")
                    one.disk.refuse = None
                    one.trial.handle_timer(90_000 + AGAIN_MS)
                self.assertEqual((one.trial.state, one.files(), one.running.forced), (IDLE, "old", old.forced))
                if start + number >= len(one.disk.made):
                    break
                number += 1
            self.assertGreater(number, 30)

    def test_a_start_that_cannot_write_runs_what_was_there(self):
        self.apply()
        after = World(self.disk, self.world.guards)
        self.disk.create = self.read_only
        after.start()
        self.assertEqual((after.trial.state, after.running.forced), (UNDOING, self.old.forced))
        del self.disk.create
        after.trial.handle_timer(AGAIN_MS)
        self.assertEqual((after.trial.state, after.files()), (IDLE, "old"))

    def read_only(self, path):
        raise OSError(EROFS, path)

    def test_a_locked_configuration_delays_the_files_alone(self):
        self.apply()
        self.disk.busy = [PATH]
        self.trial.handle_timer(90_000)
        self.assertEqual((self.trial.state, self.world.files()), (UNDOING, "new"))
        self.assertEqual(self.world.running.forced, self.old.forced)
        with self.assertRaises(TrialError):
            self.trial.confirm()
        self.disk.busy = []
        self.trial.handle_timer(90_000 + AGAIN_MS)
        self.undone()

    def test_somebody_elses_folder_in_the_place_of_what_is_staged_delays_nothing(self):
        self.apply()
        kept = self.disk.make_folder

        def make_folder(path, mode):
            if path[:5] == "/tmp/":
                raise OSError(1, "others may write into it")
            kept(path, mode)

        self.disk.make_folder = make_folder
        self.trial.handle_timer(90_000)
        self.assertEqual((self.trial.state, self.world.files(), self.disk.get(RECORD)), (IDLE, "old", None))
        self.assertEqual(self.disk.get(SECRETS + "undone.changes"), STAGED + STAGED_KEY)
        self.assertTrue("undone.changes" in self.trial.last.notes[0])

    def test_a_confirmation_that_cannot_be_remembered_is_none(self):
        self.apply()
        kept, self.disk.remove = self.disk.remove, self.read_only
        with self.assertRaises(StoreError):
            self.trial.confirm()
        self.assertEqual(self.trial.state, OPEN)
        self.assertTrue(holds(self.world.guard, self.old))
        self.disk.remove = kept
        self.trial.confirm()
        self.assertEqual(self.world.files(), "new")

    def test_a_damaged_record_is_told(self):
        self.apply()
        data = self.disk.get(RECORD)
        for bad in (b"", data[:-1], data.replace(b"window", b"widow", 1), b"\xff" * 40, data + b"x"):
            self.disk.put(RECORD, bad)
            after = World(self.disk, self.world.guards)
            after.start()
            self.assertIn("damaged", after.trial.last.why)
            self.assertEqual(after.files(), "new", "nothing is guessed")
            self.assertEqual(self.disk.get(SECRETS + DAMAGED), bad)
            self.disk.put(WAITING, b"isthmus.cameras.ipv6='block'\n")
            self.assertTrue(after.store.commit()[0], "and it stands in nobody's way")

    def test_nothing_shows_a_key(self):
        self.apply()
        self.assertEqual([text for text in (repr(self.trial._record), repr(self.trial._record.files))
                          if "harbour" in text], [])  # fmt: skip


if __name__ == "__main__":
    unittest.main()
