"""A commit that is killed anywhere: the next one knows what is in already, and does nothing twice."""

import unittest

from isthmus.config.delta import ADD_LIST, DEL_LIST, DELETE
from isthmus.config.store import Store
from tests.core.disk import Cut, Disk
from tests.core.test_store import DELTAS, OTHER_KEY, PATH, SECRETS, TEXT, disk_of
from tests.counts import cases

BEGUN = "/tmp/.uci/isthmus.begun"


def copy_of(disk):
    """What the disk holds now, on another."""
    other = Disk()
    for path, number in disk.names.items():
        other.put(path, disk.inodes[number].data, disk.inodes[number].mode)
    return other


class CutTest(unittest.TestCase):
    def test_what_was_cut_off_is_not_done_twice(self):
        """The process is killed before each call; the next commit adds nothing to a list a second time."""
        once = TEXT + b"\tlist remote_subnet '192.168.21.0/24'\n"
        for more in (False, True):
            number = cut_late = 0
            ended = False
            while not ended:
                disk = disk_of(deltas=b"|isthmus.branch.remote_subnet='192.168.21.0/24'\n")
                ended = not self.kill(disk, number)
                cut_late += not ended and disk.get(PATH) == once
                wanted = once
                if more:
                    Store(disk).stage(ADD_LIST, "branch", "remote_subnet", b"192.168.22.0/24")
                    wanted += b"\tlist remote_subnet '192.168.22.0/24'\n"
                self.assertEqual(Store(disk).view().document.package.get("branch").get("remote_subnet").values[1:],
                                 [b"192.168.21.0/24", b"192.168.22.0/24"][: 1 + more])  # fmt: skip
                for again in range(cases(1, 60)):  # and the next commit as well, before each of its calls
                    twin = copy_of(disk)
                    if more or not ended:
                        self.kill(twin, again if cases(0, 1) else number)
                    Store(twin).commit()
                    self.assertEqual(twin.get(PATH), wanted, (more, number, again))
                    self.assertEqual((twin.get(DELTAS), twin.get(BEGUN)), (b"", None))
                number += 1
            self.assertTrue(cut_late >= 3, cut_late)

    def kill(self, disk, number):
        """A commit that ends before its call of this number. False: it had fewer."""
        disk.cut_at = len(disk.made) + number
        try:
            Store(disk).commit()
            killed = False
        except Cut:
            killed = True
        disk.cut_at = None
        for inode in disk.inodes:
            inode.locked_by = None
        return killed

    def test_a_key_that_was_to_go_goes_after_a_cut(self):
        number, left = 0, 0
        killed = True
        while killed:
            disk = disk_of(TEXT + b"\nconfig tunnel 'office'\n\toption remote 'o.example.net'\n")
            disk.put(SECRETS + "office", OTHER_KEY)
            store = Store(disk)
            store.stage(DELETE, "office", "", None)
            killed = self.kill(disk, number)
            left += killed and b"office" not in disk.get(PATH) and disk.get(SECRETS + "office") is not None
            Store(disk).commit()
            self.assertEqual((disk.get(SECRETS + "office"), disk.get(DELTAS), disk.get(BEGUN)), (None, b"", None))
            self.assertNotIn(b"office", disk.get(PATH))
            number += 1
        self.assertGreater(left, 0)

    def test_a_mark_of_what_is_over_speaks_for_nothing(self):
        """It was left behind; the same change is staged once more, and meant once more."""
        disk = disk_of(deltas=b"|isthmus.branch.remote_subnet='192.168.21.0/24'\n")
        remove = disk.remove
        disk.remove = lambda path: None if path == BEGUN else remove(path)
        Store(disk).commit()
        disk.remove = remove
        self.assertNotEqual(disk.get(BEGUN), None)
        Store(disk).stage(DEL_LIST, "branch", "remote_subnet", b"192.168.21.0/24")
        self.assertEqual(disk.get(BEGUN), None)
        for content in (b"", b"\xff\x00", b"x" * 500, b"00 1 00\n", b"%s -1 %s ../x\n" % (b"00" * 32, b"00" * 32)):
            disk.put(BEGUN, content)
            self.assertEqual(len(Store(disk).view().deltas), 1)


if __name__ == "__main__":
    unittest.main()
