"""What the doctor reads of the system: /proc, modes of files, names. As os_cpython.py, for the doctor alone.

Nothing here raises for what cannot be read: it is told as "nothing", and the doctor says that it is not known.
"""

from __future__ import annotations

import _socket as socket
import _thread
import posix as os
import stat
import sys
import time

from isthmus.edge import os_cpython as host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

NICE = 10
LOOK_S = 0.02
PATIENCE_MS = 5_000  # with name servers
MODULES = "/lib/modules/"
LISTS = ("modules.builtin", "modules.dep")
PROGRAMS = ("/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/")
SYNCHRONISED = "/run/systemd/timesync/synchronized"


def read_text(path: str) -> str:
    """A file, "" where it cannot be read."""
    try:
        return host.read_file(path).decode("utf-8", "replace")
    except OSError:
        return ""


def byte_order() -> str:
    """"little" or "big"."""
    return sys.byteorder


def is_root() -> bool:
    """Whether everything can be looked at."""
    return os.geteuid() == 0


def utc_text(seconds: int) -> str:
    """Unix seconds for people."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def stamp() -> str:
    """The time of day for the name of a file."""
    return time.strftime("%Y%m%d-%H%M")


def changed_at(path: str) -> int:
    """When a file was last written, Unix seconds; 0 where it is not there."""
    try:
        return int(os.stat(path).st_mtime)
    except OSError:
        return 0


def system_words() -> str:
    """Kernel, machine and interpreter."""
    name = os.uname()
    return "%s %s %s %s, Python %s" % (name.sysname, name.release, name.version, name.machine, sys.version.split()[0])


# --- programs and sockets ---------------------------------------------------------------------------------------------


def programs() -> list[tuple[int, str, str]]:
    """(process number, name as the kernel has it, command line) of every process that can be seen."""
    found = []
    for word in _names("/proc"):
        if word.isdigit():
            name = read_text("/proc/%s/comm" % word).rstrip("\n")
            if name:
                found.append((int(word), name, read_text("/proc/%s/cmdline" % word).replace("\0", " ").strip()))
    return found


def sockets_of(pid: int) -> set[int]:
    """Inodes of the sockets that a process holds open."""
    found = set()
    folder = "/proc/%d/fd" % pid
    for word in _names(folder):
        try:
            target = os.readlink(folder + "/" + word)
        except OSError:
            continue
        if target[:8] == "socket:[":
            found.add(int(target[8:-1]))
    return found


def has_program(name: str) -> bool:
    """Whether it is where such programs are."""
    return any(host.is_there(folder + name) for folder in PROGRAMS)


def is_synchronised() -> bool | None:
    """Whether a time server has set the clock, where systemd says so; None where nobody does."""
    if host.is_there(SYNCHRONISED):
        return True
    return False if "systemd-timesyn" in [name for _, name, _ in programs()] else None


def modules() -> tuple[str, list[str]] | None:
    """Of the kernel's modules: those that are loaded, and the lists of what is there; None for those where this
    kernel's folder of modules is not to be seen, as in a container.
    """
    folder = MODULES + os.uname().release
    loaded = "\n".join(_names("/sys/module"))
    names = _names(folder)
    if not names:
        return None
    return loaded, ["\n".join(names)] + [read_text(folder + "/" + name) for name in LISTS]


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


# --- files ------------------------------------------------------------------------------------------------------------


def modes(paths: list[str]) -> list[tuple[str, bool, int, bool]]:
    """(path, is a folder, permission bits, is root's or our own) of those that are there, and of all in a folder."""
    found = []
    for path in paths:
        try:
            row = os.lstat(path)
        except OSError:
            continue
        is_folder = stat.S_ISDIR(row.st_mode)
        found.append((path, is_folder, stat.S_IMODE(row.st_mode), host.is_owner(row.st_uid)))
        if is_folder:
            found += modes([path + "/" + name for name in sorted(_names(path))])
    return found


def contents(folders: list[str]) -> list[bytes]:
    """What the files in these folders hold, or these files."""
    found = []
    for path, is_folder, _, _ in modes(folders):
        if not is_folder:
            try:
                found.append(host.read_file(path))
            except OSError:
                continue
    return found


def write_new(path: str, text: str) -> None:
    """A file that was not there, for our own user alone. Raises OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(handle, "wb") as file:
        file.write(text.encode("utf-8", "replace"))


# --- beside the loop --------------------------------------------------------------------------------------------------


class LookUp:
    """Names looked up, each in a thread of its own: a name server that does not answer keeps the others waiting no
    longer than PATIENCE_MS.
    """

    def __init__(self, names: list[str]) -> None:
        self.found: dict[str, tuple[list[bytes], str]] = {}  # of those that were answered: addresses, or why none
        end = host.now() + PATIENCE_MS
        for name in names:
            try:
                _thread.start_new_thread(self._ask, (name,))
            except (RuntimeError, MemoryError):
                self.found[name] = ([], "there is no memory for a question")
        while len(self.found) < len(names) and host.now() < end:
            time.sleep(LOOK_S)

    def _ask(self, name: str) -> None:
        addresses: list[bytes] = []
        failure = ""
        try:
            for family, _, _, _, address in socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM):
                packed = socket.inet_pton(family, str(address[0]).split("%")[0])
                if packed not in addresses:
                    addresses.append(packed)
        except (OSError, ValueError, MemoryError) as error:
            failure = getattr(error, "strerror", "") or "it is not a name"
        self.found[name] = (addresses, failure)


class Errand:
    """Something that takes long, done in a thread behind everything else; its descriptor is readable when it is done.
    result: what it returned, None where it failed; error: how.
    """

    def __init__(self, task: Callable[[], object]) -> None:
        """Raises OSError."""
        self._task = task
        self.result: object = None
        self.error: Exception | None = None
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _thread.start_new_thread(self._run, (NICE,))
        except (RuntimeError, MemoryError):
            self._run(0)

    def fd(self) -> int:
        """What to poll for reading."""
        return self._read

    def _run(self, nice: int) -> None:
        try:
            os.nice(nice)  # of this thread alone, on Linux
            self.result = self._task()
        except Exception as error:  # noqa: BLE001 - told to whoever asked
            self.error = error
        finally:
            os.write(self._write, b"!")

    def close(self) -> None:
        """Give the pipe back, once it is readable."""
        os.close(self._read)
        os.close(self._write)
