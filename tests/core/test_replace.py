"""A file is replaced whole or not at all: the power cut before each system call, and each call refused."""

import unittest

from isthmus.config.replace import Prepared, replace
from tests.core.disk import Cut, Disk

PATH, NEW = "/etc/config/isthmus", "/etc/config/.isthmus.isthmus-new"
OLD, DATA = b"old " * 20, b"new " * 30
ENOSPC, EROFS, EIO = 28, 30, 5


def made(disk):
    """Number of calls of a whole replacement."""
    replace(disk, PATH, DATA)
    return len(disk.made)


class ReplaceTest(unittest.TestCase):
    def disk(self):
        disk = Disk()
        disk.put(PATH, OLD, 0o640, 7, 8)
        return disk

    def test_it_is_new_and_keeps_owner_and_mode(self):
        disk = self.disk()
        replace(disk, PATH, DATA)
        found = disk.inodes[disk.names[PATH]]
        self.assertEqual((found.data, found.mode, found.owner, found.group), (DATA, 0o640, 7, 8))
        self.assertEqual(list(disk.names), [PATH])
        self.assertEqual([image[PATH] for image in disk.images()], [(DATA, 0o640)] * 3)  # durable

    def test_the_order_of_calls(self):
        """Content is durable before the name is taken; the owner is right before there is content to read."""
        disk = self.disk()
        replace(disk, PATH, DATA)
        order = [name for name in disk.made if name in ("create", "set_owner", "set_mode", "sync", "rename")]
        self.assertEqual(order, ["create", "set_owner", "set_mode", "sync", "rename"])
        self.assertEqual(disk.made[-1], "sync_folder")

    def test_a_file_that_was_not_there(self):
        disk = Disk()
        replace(disk, PATH, DATA)
        self.assertEqual((disk.get(PATH), disk.inodes[disk.names[PATH]].mode), (DATA, 0o600))
        self.assertEqual("set_owner" in disk.made, False)

    def test_a_private_one_is_private_whatever_it_was(self):
        disk = self.disk()
        replace(disk, PATH, DATA, True)
        found = disk.inodes[disk.names[PATH]]
        self.assertEqual((found.mode, found.owner), (0o600, 7))

    def test_a_link_of_the_administrator_stays(self):
        disk = Disk([("/data/isthmus", OLD)])
        disk.links[PATH] = "/data/isthmus"
        replace(disk, PATH, DATA)
        self.assertEqual((disk.get("/data/isthmus"), disk.get(PATH)), (DATA, None))

    def test_cut_at_every_call(self):
        """Old or new, whole, whatever of the rest has reached the disk."""
        count = made(self.disk())
        self.assertGreater(count, 10)
        seen = []
        for cut_at in range(count + 1):
            disk = self.disk()
            disk.cut_at = cut_at
            try:
                replace(disk, PATH, DATA)
            except Cut:
                self.assertLess(cut_at, count)
            for image in disk.images():
                content, mode = image[PATH]
                self.assertIn(content, (OLD, DATA))
                self.assertEqual(mode, 0o640)
                if content not in seen:
                    seen.append(content)
        self.assertEqual(seen, [OLD, DATA])

    def test_without_the_sync_the_test_would_fail(self):
        """The enumeration can fail: a disk that does not sync files holds half ones."""
        halves = 0
        for cut_at in range(made(self.disk()) + 1):
            disk = self.disk()
            disk.sync = lambda handle: None
            disk.cut_at = cut_at
            try:
                replace(disk, PATH, DATA)
            except Cut:
                pass
            halves += len([image for image in disk.images() if image[PATH][0] not in (OLD, DATA)])
        self.assertGreater(halves, 0)

    def test_after_a_cut_it_can_be_done_again(self):
        """What a crash leaves beside the file is in nobody's way."""
        for cut_at in range(made(self.disk())):
            disk = self.disk()
            disk.cut_at = cut_at
            self.assertRaises(Cut, replace, disk, PATH, DATA)
            disk.cut_at = None
            replace(disk, PATH, DATA)
            self.assertEqual((disk.get(PATH), disk.get(NEW)), (DATA, None))

    def test_every_call_refused(self):
        """A full, read-only or broken disk: the error is told, the file whole, and nothing left behind."""
        count = made(self.disk())
        for errno in (ENOSPC, EROFS, EIO):
            for number in range(count):
                for forever in (False, True):
                    disk = self.disk()
                    disk.refuse = (number, errno)
                    disk.forever = forever
                    with self.assertRaises(OSError) as caught:
                        replace(disk, PATH, DATA)
                    self.assertEqual(caught.exception.errno, errno)
                    is_last = disk.made[number] == "sync_folder"
                    self.assertEqual(disk.get(PATH), DATA if is_last else OLD, number)
                    self.assertEqual(disk.get(NEW), None, number)

    def test_several_are_all_ready_before_the_first_takes_its_place(self):
        disk = self.disk()
        one, two = Prepared(disk, PATH, DATA), Prepared(disk, "/etc/other", DATA)
        self.assertEqual((disk.get(PATH), disk.get("/etc/other")), (OLD, None))
        one.finish()
        two.abandon()
        self.assertEqual((disk.get(PATH), list(disk.names)), (DATA, [PATH]))


if __name__ == "__main__":
    unittest.main()
