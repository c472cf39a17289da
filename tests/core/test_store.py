"""The configuration changed as `uci` changes it: staged, honoured, checked, committed; nothing lost on the way."""

import unittest

from isthmus.config.delta import ADD_LIST, DEL_LIST, DELETE, RENAME, REORDER, SET
from isthmus.config.edit import EditError
from isthmus.config.lexer import UciError
from isthmus.config.lock import StoreError, sweep
from isthmus.config.model import load
from isthmus.config.store import Refused, Store
from isthmus.config.uci import anonymous_name
from tests.core.disk import Cut, Disk

PATH, DELTAS, KEYS = "/etc/config/isthmus", "/tmp/.uci/isthmus", "/tmp/.uci/isthmus.keys"
SECRETS = "/etc/isthmus/secrets/"
KEY, OTHER_KEY = b"geheim-geheim-geheim", b"anders-anders-anders"
ENOSPC, EROFS = 28, 30

TEXT = b"""# two sites
config globals
	option log_level notice # quiet

config tunnel 'branch'
	option remote 'branch.example.net'
	list remote_subnet "192.168.20.0/24"  # their LAN
"""


def disk_of(text=TEXT, deltas=None, key=KEY):
    disk = Disk([(PATH, text)])
    if deltas is not None:
        disk.put(DELTAS, deltas)
    if key is not None:
        disk.put(SECRETS + "branch", key + b"\n")
    return disk


def refusal(test, kind, call, *args):
    with test.assertRaises(kind) as caught:
        call(*args)
    test.assertTrue(caught.exception.remedy, str(caught.exception))
    return str(caught.exception)


class RenewedKeys(unittest.TestCase):
    """Keys of a paired tunnel that are being renewed are its keys like the others."""

    def after(self, deltas):
        disk = disk_of(deltas=deltas)
        disk.put(SECRETS + "branch.next", b"rotation-1 taken ...")
        Store(disk).commit()
        return {path[len(SECRETS) :]: disk.get(path) for path in disk.names if path.startswith(SECRETS)}

    def test_they_go_with_the_tunnel(self):
        self.assertEqual(self.after(b"-isthmus.branch\n"), {})

    def test_and_with_its_name(self):
        found = self.after(b"@isthmus.branch='office'\n")
        self.assertEqual(found, {"office": KEY + b"\n", "office.next": b"rotation-1 taken ..."})

    def test_each_is_moved_once(self):
        disk = disk_of(deltas=b"@isthmus.branch='office'\n")
        disk.put(SECRETS + "branch.next", b"rotation-1 taken ...")
        _, gone = Store(disk).key_changes(Store(disk).view())
        self.assertEqual(sorted(gone), [SECRETS + "branch", SECRETS + "branch.next"])


class StageTest(unittest.TestCase):
    def setUp(self):
        self.disk = disk_of()
        self.store = Store(self.disk)

    def staged(self):
        return self.disk.get(DELTAS)

    def test_lines_are_those_of_uci(self):
        store = self.store
        store.stage(SET, "office", "", b"tunnel")
        store.stage(SET, "office", "remote", b"o.example.net")
        store.stage(ADD_LIST, "branch", "remote_subnet", b"192.168.21.0/24")
        store.stage(DEL_LIST, "branch", "remote_subnet", b"192.168.20.0/24")
        store.stage(DELETE, "branch", "remote", None)
        store.stage(RENAME, "branch", "", b"shop")
        store.stage(REORDER, "shop", "", b"0")
        store.stage(SET, "@globals[-1]", "log_level", b"debug")
        lines = self.staged().split(b"\n")
        self.assertEqual(lines, [
            b"isthmus.office='tunnel'", b"isthmus.office.remote='o.example.net'",
            b"|isthmus.branch.remote_subnet='192.168.21.0/24'", b"~isthmus.branch.remote_subnet='192.168.20.0/24'",
            b"-isthmus.branch.remote", b"@isthmus.branch='shop'", b"^isthmus.shop='0'",
            b"isthmus.cfg013b09.log_level='debug'", b"",
        ])  # fmt: skip
        self.assertEqual(self.disk.get(PATH), TEXT)

    def test_what_is_the_same_already_is_not_staged(self):
        self.store.stage(SET, "branch", "remote", b"branch.example.net")
        self.store.stage(SET, "branch", "mtu", b"")
        self.assertEqual(self.staged(), b"")

    def test_a_section_without_a_name(self):
        self.assertEqual(self.store.add("exception")[0], anonymous_name(3, b"exception"))
        self.assertEqual(self.staged(), b"+isthmus.cfg039174='exception'\n")
        self.assertEqual(self.store.add("exception")[0][:5], "cfg04")
        self.assertEqual(self.store.view().document.package.sections[-1].anonymous, True)

    def test_wrong_values_are_refused_at_once(self):
        for reference, option, value, part in (
            ("branch", "mtu", b"12", "1280 to 9000"),
            ("branch", "mtuu", b"1400", "did you mean mtu?"),
            ("branch", "mtu", b"14\x0000", "control character"),
            ("branch", "psk", b"\x01", "control character"),
            ("branch", "remote", b"a b\xff", "UTF-8"),
            ("nowhere", "mtu", b"1400", "there is no section 'nowhere'"),
            ("@tunnel[7]", "mtu", b"1400", "there is no section"),
            ("@tunnel", "mtu", b"1400", "names no section"),
            ("new", "", b"tunel", "did you mean tunnel?"),
            ("a-b", "", b"tunnel", "there is no section 'a-b'"),
        ):
            try:
                self.store.stage(SET, reference, option, value)
                self.fail("%s is taken" % value)
            except EditError as error:
                self.assertIn(part, error.message + " " + error.remedy)
        self.assertEqual(self.staged(), b"")
        self.assertEqual(self.disk.get(KEYS), None)

    def test_a_second_value_of_an_option_that_takes_one(self):
        self.store.stage(SET, "branch", "mtu", b"1400")
        text = refusal(self, EditError, self.store.stage, ADD_LIST, "branch", "mtu", b"1300")
        self.assertIn("takes one", text)

    def test_names_that_are_taken_or_none(self):
        self.store.stage(SET, "office", "", b"tunnel")
        self.assertIn("already", refusal(self, EditError, self.store.stage, RENAME, "office", "", b"branch"))
        self.assertIn("that is no name", refusal(self, EditError, self.store.stage, RENAME, "office", "", b"a b"))
        words = refusal(self, EditError, self.store.stage, RENAME, "branch", "remote", b"remote_subnet")
        self.assertIn("already", words)
        self.assertIn("no option", refusal(self, EditError, self.store.stage, DELETE, "branch", "mtu", None))

    def test_what_uci_has_staged_is_there(self):
        self.disk.put(DELTAS, b"isthmus.branch.mtu='1400'\n")
        view = self.store.view()
        self.assertEqual(view.document.package.get("branch").get("mtu").values, [b"1400"])
        self.store.stage(DELETE, "branch", "mtu", None)
        self.assertEqual(self.staged(), b"isthmus.branch.mtu='1400'\n-isthmus.branch.mtu\n")

    def test_a_half_line_at_the_end_is_not_continued(self):
        self.disk.put(DELTAS, b"isthmus.branch.mtu='1400'")
        self.store.stage(SET, "branch", "role", b"both")
        self.assertEqual(self.staged(), b"isthmus.branch.mtu='1400'\nisthmus.branch.role='both'\n")

    def test_a_full_disk_stages_nothing_and_loses_nothing(self):
        before, refused = b"isthmus.branch.mtu='1400'\n", 0
        for number in range(30):
            disk = disk_of(deltas=before)
            disk.refuse = (number, ENOSPC)
            try:
                Store(disk).stage(SET, "branch", "role", b"both")
                self.assertTrue(number >= len(disk.made) or disk.made[number] == "close", number)
            except StoreError as error:
                self.assertIn("no space left", str(error))
                self.assertEqual(disk.get(DELTAS), before)
                refused += 1
            self.assertEqual(disk.get(DELTAS)[: len(before)], before)
        self.assertGreater(refused, 10)

    def test_revert(self):
        store = self.store
        store.stage(SET, "branch", "mtu", b"1400")
        store.stage(SET, "branch", "role", b"both")
        store.stage(SET, "office", "", b"tunnel")
        store.revert("branch", "mtu")
        self.assertEqual(self.staged(), b"isthmus.branch.role='both'\nisthmus.office='tunnel'\n")
        store.revert("@tunnel[0]", "")
        self.assertEqual(self.staged(), b"isthmus.office='tunnel'\n")
        store.revert("", "")
        self.assertEqual(self.staged(), b"")

    def test_no_file(self):
        store = Store(Disk())
        self.assertIn("touch " + PATH, refusal(self, StoreError, store.view) + " " + self.remedy(store.view))
        self.assertIn("there is no file", refusal(self, StoreError, store.stage, SET, "a", "", b"tunnel"))

    def remedy(self, call):
        try:
            call()
        except StoreError as error:
            return error.remedy
        return ""

    def test_a_broken_file_is_told_and_left(self):
        disk = disk_of(b"config tunnel 'branch\n")
        refusal(self, UciError, Store(disk).stage, SET, "branch", "mtu", b"1400")
        self.assertEqual((disk.get(PATH), disk.get(DELTAS)), (b"config tunnel 'branch\n", b""))


class CommitTest(unittest.TestCase):
    def test_the_file_keeps_what_was_not_touched(self):
        disk = disk_of()
        store = Store(disk)
        store.stage(SET, "branch", "remote", b"new.example.net")
        store.stage(ADD_LIST, "branch", "remote_subnet", b"192.168.21.0/24")
        self.assertEqual(store.commit()[0], True)
        self.assertEqual(disk.get(PATH), TEXT.replace(b"branch.example.net", b"new.example.net")
                         + b"\tlist remote_subnet '192.168.21.0/24'\n")  # fmt: skip
        self.assertEqual((disk.get(DELTAS), disk.get(KEYS)), (b"", None))
        self.assertEqual(load(PATH, disk.read).errors, [])

    def test_nothing_staged_touches_nothing(self):
        disk = disk_of(b"config nonsense\n")
        self.assertEqual(Store(disk).commit(), (False, []))
        self.assertEqual("rename" in disk.made, False)

    def test_what_the_daemon_would_refuse_is_not_committed(self):
        staged = b"-isthmus.branch.remote\nisthmus.branch.mtu='5'\n"
        disk = disk_of(deltas=staged)
        with self.assertRaises(Refused) as caught:
            Store(disk).commit()
        self.assertEqual(sorted([e.option for e in caught.exception.errors]), ["mtu", "remote"])
        self.assertEqual((disk.get(PATH), disk.get(DELTAS)), (TEXT, staged))

    def test_what_is_staged_and_impossible_is_not_passed_over(self):
        for line, part in (
            (b"isthmus.gone.mtu='1400'\n", "there is no section 'gone'"),
            (b"-isthmus.branch.mtu\n", "no option 'mtu'"),
            (b"@isthmus.branch='cfg013b09'\n", "already"),
            (b"network.lan.proto='static'\n", "no change of isthmus"),
            (b"isthmus.branch.mtu='1400\n", "no change of isthmus"),
            (b"isthmus.branch.mtu 1400\n", "no change of isthmus"),
        ):
            disk = disk_of(deltas=b"isthmus.branch.role='both'\n" + line)
            self.assertIn(part, refusal(self, StoreError, Store(disk).commit))
            self.assertEqual(disk.get(PATH), TEXT)
            self.assertTrue(disk.get(DELTAS).endswith(line))

    def test_cut_at_every_call(self):
        """The configuration is the old or the new one, whole; with the new one, its key is there."""
        new = TEXT + b"\nconfig tunnel 'office'\n\toption remote 'o.example.net'\n"
        seen, number = [], 0
        while True:
            disk = disk_of()
            store = Store(disk)
            store.stage(SET, "office", "", b"tunnel")
            store.stage(SET, "office", "remote", b"o.example.net")
            store.stage(SET, "office", "psk", OTHER_KEY)
            start = len(disk.made)
            disk.cut_at = start + number
            try:
                store.commit()
                ended = True
            except Cut:
                ended = False
            for image in disk.images():
                self.assertIn(image[PATH][0], (TEXT, new))
                self.assertIn(image.get(SECRETS + "office", (None,))[0], (None, OTHER_KEY + b"\n"))
                if image[PATH][0] == new:
                    self.assertEqual(image[SECRETS + "office"], (OTHER_KEY + b"\n", 0o600))
                if image[PATH][0] not in seen:
                    seen.append(image[PATH][0])
            if ended:
                break
            number += 1
        self.assertEqual(seen, [TEXT, new])
        self.assertGreater(number, 30)

    def test_every_call_refused(self):
        """A full or read-only disk: told, everything as it was or as it should be, and what is staged is not lost."""
        for errno in (ENOSPC, EROFS):
            number = 0
            while True:
                disk = disk_of(deltas=b"isthmus.branch.mtu='1400'\n")
                disk.refuse = (number, errno)
                disk.forever = True
                try:
                    Store(disk).commit()
                except StoreError as error:
                    self.assertTrue(error.remedy)
                    if disk.get(PATH) == TEXT:
                        self.assertEqual(disk.get(DELTAS), b"isthmus.branch.mtu='1400'\n")
                    else:
                        self.assertIn(disk.made[number], ("sync_folder", "set_mode", "truncate", "remove"))
                self.assertIn(disk.get(PATH), (TEXT, TEXT + b"\toption mtu '1400'\n"))
                self.assertEqual(disk.get("/etc/config/.isthmus.isthmus-new"), None)
                if number >= len(disk.made):
                    break
                number += 1
            self.assertGreater(number, 20)


class LockTest(unittest.TestCase):
    def test_the_second_writer_is_told(self):
        for path in (PATH, DELTAS):
            disk = disk_of(deltas=b"isthmus.branch.mtu='1400'\n")
            disk.busy = [path]
            store = Store(disk)
            for call, args in ((store.stage, (SET, "branch", "role", b"both")), (store.commit, ()),
                               (store.revert, ("", "")), (store.add, ("exception",))):  # fmt: skip
                self.assertIn("another program is changing", refusal(self, StoreError, call, *args))
            self.assertEqual((disk.get(PATH), disk.get(DELTAS)), (TEXT, b"isthmus.branch.mtu='1400'\n"))
            self.assertEqual([inode.locked_by for inode in disk.inodes], [None] * len(disk.inodes))  # let go again

    def test_a_file_replaced_while_waiting_is_locked_anew(self):
        disk = disk_of(deltas=b"isthmus.branch.mtu='1400'\n")
        waited = []
        plain = disk.lock

        def lock(handle):
            if not waited:
                waited.append(handle)
                disk.put(PATH, TEXT + b"# another writer's\n")
            return plain(handle)

        rename, held = disk.rename, []

        def watched(old, new):
            if new == PATH:
                held.append(disk.inodes[disk.names[new]].locked_by is not None)
            rename(old, new)

        disk.lock, disk.rename = lock, watched
        Store(disk).commit()
        self.assertEqual(held, [True])
        self.assertIn(b"# another writer's", disk.get(PATH))
        self.assertIn(b"1400", disk.get(PATH))

    def test_locks_are_let_go(self):
        disk = disk_of()
        store = Store(disk)
        store.stage(SET, "branch", "role", b"both")
        self.assertRaises(EditError, store.stage, SET, "branch", "mtu", b"1")
        store.commit()
        self.assertEqual([inode.locked_by for inode in disk.inodes], [None] * len(disk.inodes))


class KeyTest(unittest.TestCase):
    def setUp(self):
        self.disk = disk_of()
        self.store = Store(self.disk)

    def test_a_key_goes_into_its_own_file(self):
        said = self.store.stage(SET, "branch", "psk", OTHER_KEY)
        self.assertEqual(said, ["commit will put it into /etc/isthmus/secrets/branch, not into the configuration"])
        self.assertEqual(self.disk.get(SECRETS + "branch"), KEY + b"\n")
        self.assertEqual(self.disk.inodes[self.disk.names[KEYS]].mode, 0o600)
        self.store.commit()
        self.assertEqual(self.disk.get(SECRETS + "branch"), OTHER_KEY + b"\n")
        self.assertEqual((self.disk.get(PATH), self.disk.get(KEYS)), (TEXT, None))
        self.assertEqual(load(PATH, self.disk.read).config.tunnels[0].psk, OTHER_KEY)

    def test_one_that_the_administrator_keeps_in_uci_stays_there(self):
        disk = disk_of(TEXT + b"\toption psk 'mine-mine-mine-mine'\n", key=None)
        store = Store(disk)
        store.stage(SET, "branch", "psk", OTHER_KEY)
        self.assertEqual(disk.get(DELTAS), b"isthmus.branch.psk='" + OTHER_KEY + b"'\n")
        self.assertEqual(disk.inodes[disk.names[DELTAS]].mode, 0o600)
        store.commit()
        self.assertIn(b"\toption psk '" + OTHER_KEY + b"'\n", disk.get(PATH))
        self.assertEqual(disk.get(SECRETS + "branch"), None)

    def test_so_does_one_staged_by_uci(self):
        disk = disk_of(deltas=b"isthmus.branch.psk='" + KEY + b"'\n", key=None)
        Store(disk).commit()
        self.assertIn(KEY, disk.get(PATH))

    def test_a_ppk_is_looked_for_from_then_on(self):
        said = self.store.stage(SET, "branch", "ppk", KEY + OTHER_KEY)
        self.assertIn("ppk_required is set too", said[0])
        self.store.commit()
        found = load(PATH, self.disk.read).config.tunnels[0]
        self.assertEqual((found.ppk, found.ppk_required), (KEY + OTHER_KEY, True))

    def test_revert_drops_a_key(self):
        self.store.stage(SET, "branch", "psk", OTHER_KEY)
        self.store.revert("branch", "psk")
        self.assertEqual(self.disk.get(KEYS), None)
        self.assertEqual(self.store.commit()[0], False)
        self.assertEqual(self.disk.get(SECRETS + "branch"), KEY + b"\n")

    def test_a_key_is_deleted(self):
        self.store.stage(DELETE, "branch", "psk", None)
        self.assertRaises(Refused, self.store.commit)  # a tunnel without a key
        self.assertEqual(self.disk.get(SECRETS + "branch"), KEY + b"\n")
        self.store.revert("", "")
        self.assertIn("no option 'ppk'", refusal(self, EditError, self.store.stage, DELETE, "branch", "ppk", None))

    def test_keys_follow_their_tunnel(self):
        self.disk.put(SECRETS + "branch.ppk", KEY)
        self.store.stage(RENAME, "branch", "", b"shop")
        self.store.commit()
        names = sorted([path for path in self.disk.names if path.startswith(SECRETS)])
        self.assertEqual(names, [SECRETS + "shop", SECRETS + "shop.ppk"])
        self.assertEqual(load(PATH, self.disk.read).config.tunnels[0].psk, KEY)

    def test_so_do_keys_that_are_on_their_way_in(self):
        """What pair rotate has begun belongs to its tunnel, and is a secret as well."""
        self.disk.put(SECRETS + "branch.next", b"held")
        self.store.stage(RENAME, "branch", "", b"shop")
        self.store.commit()
        self.assertEqual(self.disk.get(SECRETS + "shop.next"), b"held")
        self.assertEqual(self.disk.get(SECRETS + "branch.next"), None)
        self.store.stage(DELETE, "shop", "", None)
        self.store.commit()
        self.assertEqual([path for path in self.disk.names if path.startswith(SECRETS)], [])

    def test_staged_ones_too(self):
        self.store.stage(SET, "branch", "psk", OTHER_KEY)
        self.store.stage(RENAME, "branch", "", b"shop")
        self.store.commit()
        self.assertEqual(self.disk.get(SECRETS + "shop"), OTHER_KEY + b"\n")
        self.assertEqual(self.disk.get(SECRETS + "branch"), None)

    def test_and_go_with_it(self):
        self.store.stage(SET, "branch", "psk", OTHER_KEY)
        self.store.stage(DELETE, "branch", "", None)
        self.store.commit()
        self.assertEqual((self.disk.get(SECRETS + "branch"), self.disk.get(KEYS)), (None, None))
        self.assertEqual(self.disk.get(PATH), TEXT[: TEXT.find(b"config tunnel")])

    def test_what_a_power_cut_left_of_one_goes_with_it(self):
        left = SECRETS + ".branch.isthmus-new"
        self.disk.put(left, OTHER_KEY)
        self.store.stage(DELETE, "branch", "", None)
        self.store.commit()
        self.assertEqual((self.disk.get(SECRETS + "branch"), self.disk.get(left)), (None, None))
        self.disk.put(left, OTHER_KEY)
        self.store.change([], [], [SECRETS + "branch"])
        self.assertEqual(self.disk.get(left), None)

    def test_what_a_power_cut_left_is_swept_while_nobody_writes(self):
        left = SECRETS + ".branch.isthmus-new"
        self.disk.put(left, OTHER_KEY)
        self.disk.busy = [PATH]
        self.assertRaises(StoreError, sweep, self.disk, PATH, [left])
        self.assertEqual(self.disk.get(left), OTHER_KEY)
        self.disk.busy = []
        sweep(self.disk, PATH, [left, SECRETS + ".gone.isthmus-new"])
        self.assertEqual((self.disk.get(left), self.disk.get(SECRETS + "branch")), (None, KEY + b"\n"))

    def test_no_message_and_no_repr_shows_a_key(self):
        shown = repr(self.store.stage(SET, "branch", "psk", OTHER_KEY)) + repr(self.store.view().keys)
        for value in (b"x" * 300, OTHER_KEY + b"\x01", OTHER_KEY + b"\xff"):
            with self.assertRaises(EditError) as caught:
                self.store.stage(SET, "branch", "psk", value)
            shown += str(caught.exception) + caught.exception.remedy
        self.assertEqual("anders" in shown or "xxx" in shown, False)


if __name__ == "__main__":
    unittest.main()
