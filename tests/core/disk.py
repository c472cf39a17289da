"""A file system in memory that can be cut off, or refuse, at each system call, and tells what a disk may then hold.

What is not synced may be lost in part: of names, everything behind some point in time; of a file's content, all of it,
half of it, or nothing.
"""

from isthmus.config.calls import Calls

ENOENT, EACCES, EEXIST = 2, 13, 17


class Cut(BaseException):
    """The power is gone: nobody catches that."""


class File:
    """Content and owner as they are, and as they are on the disk."""

    def __init__(self, data=b"", mode=0o600, owner=0, group=0):
        self.data = data
        self.durable = data
        self.mode = mode
        self.owner = owner
        self.group = group
        self.locked_by = None


class Disk(Calls):
    """files: path -> content; folders are there already. made: names of the calls made, in order.

    cut_at: number of the call before which the power goes; refuse: (number of a call, errno), from there on where
    `forever`, as a full disk does for calls that write.
    """

    WRITING = ("create", "write", "rename", "make_folder", "sync", "sync_folder")

    def __init__(self, files=()):
        self.inodes = []
        self.names = {}
        self.on_disk = {}
        self.pending = []
        self.handles = {}
        self.links = {}
        self.made = []
        self.cut_at = None
        self.refuse = None
        self.forever = False
        self.busy = []
        for path, data in files:
            self.put(path, data)

    def put(self, path, data, mode=0o600, owner=0, group=0):
        """A file that is there and durable."""
        self.inodes.append(File(data, mode, owner, group))
        self.names[path] = self.on_disk[path] = len(self.inodes) - 1

    def get(self, path):
        """Content of a file, or None."""
        return self.inodes[self.names[path]].data if path in self.names else None

    def _call(self, name):
        number = len(self.made)
        if self.cut_at is not None and number >= self.cut_at:
            raise Cut
        self.made.append(name)
        if self.refuse is not None:
            at, errno = self.refuse
            if number == at or (self.forever and number > at and name in self.WRITING):
                raise OSError(errno, name)

    def _inode(self, path):
        if path not in self.names:
            raise OSError(ENOENT, path)
        return self.names[path]

    def _open(self, number):
        handle = 3 + len(self.handles)
        self.handles[handle] = number
        return handle

    def file(self, handle):
        return self.inodes[self.handles[handle]]

    def read(self, path):
        self._call("read")
        return self.inodes[self._inode(self.links.get(path, path))].data

    def real_path(self, path):
        return self.links.get(path, path)

    def stat(self, path):
        self._call("stat")
        number = self._inode(path)
        found = self.inodes[number]
        return found.mode, found.owner, found.group, number

    def create(self, path):
        self._call("create")
        if path in self.names:
            raise OSError(EEXIST, path)
        return self._open(self._link(path))

    def _link(self, path):
        self.inodes.append(File())
        self.names[path] = len(self.inodes) - 1
        self.pending.append((path, len(self.inodes) - 1, None))
        return len(self.inodes) - 1

    def open_shared(self, path, create):
        self._call("open_shared")
        if path not in self.names and create:
            return self._open(self._link(path))
        return self._open(self._inode(path))

    def write(self, handle, data):
        self._call("write")
        count = max(1, len(data) // 2)  # as little as a system may take
        self.file(handle).data += data[:count]
        return count

    def truncate(self, handle, size):
        self._call("truncate")
        self.file(handle).data = self.file(handle).data[:size]

    def set_owner(self, handle, owner, group):
        self._call("set_owner")
        self.file(handle).owner, self.file(handle).group = owner, group

    def set_mode(self, handle, mode):
        self._call("set_mode")
        self.file(handle).mode = mode

    def sync(self, handle):
        self._call("sync")
        self.file(handle).durable = self.file(handle).data

    def close(self, handle):
        if self.file(handle).locked_by == handle:  # whatever it says: Linux closes it even where it tells of an error
            self.file(handle).locked_by = None
        self._call("close")

    def rename(self, old, new):
        self._call("rename")
        number = self._inode(old)
        del self.names[old]
        self.names[new] = number
        self.pending.append((new, number, old))

    def remove(self, path):
        self._call("remove")
        self._inode(path)
        del self.names[path]
        self.pending.append((path, None, None))

    def sync_folder(self, path):
        self._call("sync_folder")
        self.on_disk = self._names_after(len(self.pending))
        self.pending = []

    def list_folder(self, path):
        self._call("list_folder")
        return [name[len(path) + 1 :] for name in self.names if name.rpartition("/")[0] == path]

    def make_folder(self, path, mode):
        self._call("make_folder")

    def check_folder(self, path):
        self._call("check_folder")

    def lock(self, handle):
        self._call("lock")
        found = self.file(handle)
        if found.locked_by is not None or self.handles[handle] in [self.names.get(path) for path in self.busy]:
            return False
        found.locked_by = handle
        return True

    def inode(self, handle):
        return self.handles[handle]

    def _names_after(self, count):
        names = dict(self.on_disk)
        for path, number, old in self.pending[:count]:
            if old is not None:
                names.pop(old, None)
            if number is None:
                names.pop(path, None)
            else:
                names[path] = number
        return names

    def images(self):
        """What the disk may hold after a cut now: for each possibility path -> (content, mode)."""
        found = []
        for count in range(len(self.pending) + 1):
            names = self._names_after(count)
            for part in range(3):
                image = {}
                for path in names:
                    inode = self.inodes[names[path]]
                    lost = inode.data[: len(inode.data) // 2] if part == 1 else inode.durable
                    content = inode.data if part == 2 or inode.data == inode.durable else lost
                    image[path] = (content, inode.mode)
                found.append(image)
        return found
