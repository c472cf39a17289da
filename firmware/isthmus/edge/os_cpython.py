"""What the edge needs of CPython: the one place where its standard library may be used freely.

An `os_micropython.py` beside this file would offer the same names. Addresses are bytes of 4 or 16, endpoints
`(address, port)`, times milliseconds.

Sockets, signals and threads come from the C modules below the library's: those load enum, selectors, re and more, an
eighth of what the interpreter does until isthmusd runs, and add nothing that is used here.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]
import _socket as socket
import _thread
import errno
import posix as os  # `os` loads the abstract classes of all collections first
import resource
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ICMP6_FILTER = 1  # linux/icmpv6.h
ICMPV6_ECHO_REPLY = 129  # RFC 4443 4.2
SOL_RAW, ICMP_FILTER = 255, 1  # linux/socket.h, linux/icmp.h
ICMP_ECHO_REPLY = 0  # RFC 792
IP_PKTINFO = 8  # linux/in.h
SO_PEERCRED = 17
PASSWD = "/etc/passwd"  # noqa: S105 - passwd(5)
DATAGRAMS_A_TURN = 64  # a flood may not keep timers and other sockets waiting


def now() -> int:
    """Milliseconds on a clock that never steps."""
    return time.monotonic_ns() // 1_000_000


def wall_seconds() -> int:
    """Unix seconds: what administrators and nft mean by a time; it may step."""
    return int(time.time())


def interface_names() -> list[str]:
    """Names of all interfaces of this network namespace."""
    return [name for _, name in socket.if_nameindex()]


def host_name() -> str:
    """This router's."""
    return os.uname().nodename


def random_bytes(count: int) -> bytes:
    """Randomness fit for keys."""
    return os.urandom(count)


def local_time_text() -> str:
    """The time of day for a log line."""
    return time.strftime("%Y-%m-%d %H:%M:%S")


# --- files ------------------------------------------------------------------------------------------------------------


def read_file(path: str) -> bytes:
    """The whole file. Raises OSError."""
    with open(path, "rb") as file:
        return file.read()


def is_there(path: str) -> bool:
    """Whether there is a file of that name, readable or not."""
    try:
        os.lstat(path)
    except OSError as error:
        return not is_missing(error)
    return True


def write_file(path: str, data: bytes, mode: int = 0o600) -> None:
    """Replace a file so that a power cut leaves the old or the new one, whole. Raises OSError."""
    temporary = path + ".new"
    _unlink(temporary)  # whatever a crash, or somebody else, has left there
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        os.fchmod(descriptor, mode)
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except OSError:
        _unlink(temporary)
        raise
    finally:
        os.close(descriptor)
    os.replace(temporary, path)
    directory = os.open(path[: path.rfind("/") + 1] or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def leftovers(folders: tuple[str, ...], ending: str) -> list[str]:
    """Files in these folders whose names begin with a dot and end so; a folder that cannot be read has none."""
    found = []
    for folder in folders:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        found += [folder + "/" + name for name in names if name.startswith(".") and name.endswith(ending)]
    return found


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _make_directories(path: str, mode: int) -> None:
    """This one and those above it, where they are missing. Raises OSError."""
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        pass
    except FileNotFoundError:
        above = path.rstrip("/").rpartition("/")[0]
        if not above:
            raise
        _make_directories(above, 0o777)
        _make_directories(path, mode)


def private_directory(path: str) -> None:
    """Make a directory that only its owner may enter; an existing one of ours is closed to others. Raises OSError."""
    _make_directories(path, 0o700)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if os.fstat(descriptor).st_uid != os.geteuid():  # its owner could put other files in the place of ours
            raise OSError(errno.EPERM, "it belongs to another user", path)
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def only_instance(path: str) -> object | None:
    """Hold the lock file as long as the returned object lives; None where another process holds it. Raises OSError."""
    import fcntl

    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = open(os.open(path, flags, 0o600), "r+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return None
        raise
    return file


# --- probes -----------------------------------------------------------------------------------------------------------


class EchoSocket:
    """ICMPv6 echo to link-local neighbours: any kernel answers, whether or not a daemon runs beside it."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._socket = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        blocked = bytearray(b"\xff" * 32)
        blocked[ICMPV6_ECHO_REPLY // 8] &= ~(1 << (ICMPV6_ECHO_REPLY % 8)) & 0xFF
        self._socket.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, bytes(blocked))
        self._socket.setblocking(False)

    def fd(self) -> int:
        """What to poll for reading."""
        return self._socket.fileno()

    def send(self, message: bytes, address: bytes, ifname: str) -> None:
        """Send an ICMPv6 message (the kernel fills in its checksum) on one interface. Raises OSError."""
        text = socket.inet_ntop(socket.AF_INET6, address)
        self._socket.sendto(message, socket.MSG_DONTWAIT, (text, 0, 0, socket.if_nametoindex(ifname)))

    def receive(self) -> list[tuple[bytes, bytes, str]]:
        """What has arrived: (message, source address, ifname)."""
        arrived: list[tuple[bytes, bytes, str]] = []
        for _ in range(DATAGRAMS_A_TURN):
            try:
                message, sender = self._socket.recvfrom(2048)
                address = socket.inet_pton(socket.AF_INET6, sender[0].split("%")[0])
                arrived.append((message, address, socket.if_indextoname(sender[3])))
            except BlockingIOError:
                break
            except OSError:
                continue  # the interface went while its answer was in the queue
        return arrived

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Echo4Socket:
    """ICMP echo to IPv4 neighbours on a tunnel's interface."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._socket.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("=I", ~(1 << ICMP_ECHO_REPLY) & 0xFFFFFFFF))
        self._socket.setsockopt(socket.SOL_IP, IP_PKTINFO, 1)
        self._socket.setblocking(False)

    def fd(self) -> int:
        """What to poll for reading."""
        return self._socket.fileno()

    def send(self, message: bytes, address: bytes, ifname: str) -> None:
        """Send a whole ICMP message on one interface. Raises OSError."""
        way = struct.pack("=i4s4s", socket.if_nametoindex(ifname), bytes(4), bytes(4))
        to = (socket.inet_ntop(socket.AF_INET, address), 0)
        self._socket.sendmsg([message], [(socket.SOL_IP, IP_PKTINFO, way)], socket.MSG_DONTWAIT, to)

    def receive(self) -> list[tuple[bytes, bytes, str]]:
        """What has arrived: (message without its IP header, source address, ifname)."""
        arrived: list[tuple[bytes, bytes, str]] = []
        for _ in range(DATAGRAMS_A_TURN):
            try:
                packet, beside, _, sender = self._socket.recvmsg(2048, 256)
                for level, kind, data in beside:
                    if (level, kind) == (socket.SOL_IP, IP_PKTINFO) and packet:
                        ifname = socket.if_indextoname(struct.unpack_from("=i", data)[0])
                        message = packet[4 * (packet[0] & 15) :]
                        arrived.append((message, socket.inet_pton(socket.AF_INET, sender[0]), ifname))
            except BlockingIOError:
                break
            except OSError:
                continue  # the interface went while its answer was in the queue
        return arrived

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


# --- the control socket -----------------------------------------------------------------------------------------------


def listen_control(path: str) -> socket.socket:
    """A Unix stream socket that only its owner may reach. Raises OSError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(mask)
    listener.listen(8)
    listener.setblocking(False)
    return listener


def share_control(path: str, group: int | None) -> None:
    """Let the processes of a group reach the socket, or nobody but its owner. Raises OSError.

    Its directory may be entered then, not read.
    """
    directory = path.rpartition("/")[0] or "."
    if group is None:
        os.chmod(path, 0o600)
        os.chmod(directory, 0o700)
        return
    os.chown(path, -1, group)
    os.chmod(path, 0o660)
    os.chown(directory, -1, group)
    os.chmod(directory, 0o710)


def user_and_group(name: str) -> tuple[int, int] | None:
    """Their numbers, for a user of this system; None where there is none."""
    try:
        lines = read_file(PASSWD).split(b"\n")
    except OSError:
        return None
    for line in lines:
        words = line.split(b":")
        if len(words) > 3 and words[0] == name.encode() and words[2].isdigit() and words[3].isdigit():
            return int(words[2]), int(words[3])
    return None


def is_owner(uid: int) -> bool:
    """Whether this is root, or our own user, who could do to us whatever it likes anyway."""
    return uid in (0, os.geteuid())


def accept_control(listener: socket.socket) -> tuple[socket.socket | None, int]:
    """The next caller and its user, as the kernel says (SO_PEERCRED: who it was when it called); None: nobody is."""
    try:
        caller = socket.socket(fileno=listener._accept()[0])  # type: ignore[attr-defined]  # noqa: SLF001
    except OSError:
        return None, -1
    credentials = caller.getsockopt(socket.SOL_SOCKET, SO_PEERCRED, 12)
    caller.setblocking(False)
    return caller, struct.unpack("3i", credentials)[1]


def connect_control(path: str, timeout_ms: int) -> socket.socket:
    """A blocking connection to the daemon. Raises OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout_ms / 1000)
    end = now() + timeout_ms
    try:
        while True:
            try:
                sock.connect(path)
                return sock
            except BlockingIOError:  # many callers at once: they queue here, not in the kernel
                if now() >= end:
                    raise
                time.sleep(0.02)
    except OSError:
        sock.close()
        raise


# --- names, signals, output -------------------------------------------------------------------------------------------


class Resolver:
    """Looks names up beside the loop, which never waits for a name server."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lock = _thread.allocate_lock()
        self._answers: list[tuple[str, list[bytes], str]] = []
        self._asked: set[str] = set()

    def fd(self) -> int:
        """Readable when answers() has something."""
        return self._read

    def ask(self, name: str) -> None:
        """Start looking a name up; a question already under way is not asked twice."""
        with self._lock:
            if name in self._asked:
                return
            self._asked.add(name)
        try:
            _thread.start_new_thread(self._look_up, (name,))
        except RuntimeError:
            self._answer(name, [], "there is no memory for a question")

    def _look_up(self, name: str) -> None:
        found: list[bytes] = []
        failure = "it could not be looked up"  # should anything end the thread
        try:
            failure = self._find(name, found)
        finally:
            self._answer(name, found, failure)

    def _find(self, name: str, found: list[bytes]) -> str:
        """Append to `found`; the reason where nothing can be found."""
        try:
            for family, _, _, _, address in socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM):
                packed = socket.inet_pton(family, str(address[0]).split("%")[0])
                if packed not in found:
                    found.append(packed)
        except OSError as error:
            return error.strerror or "the name server does not know it"
        except ValueError:
            return "it is not a name"
        except MemoryError:
            return "there is no memory for a question"
        return ""

    def _answer(self, name: str, found: list[bytes], failure: str) -> None:
        with self._lock:
            self._asked.discard(name)
            self._answers.append((name, found, failure))
        os.write(self._write, b"!")

    def answers(self) -> list[tuple[str, list[bytes], str]]:
        """(name, addresses in order of preference, why there are none) for each answer since the last call."""
        try:
            os.read(self._read, 4096)
        except BlockingIOError:
            pass
        with self._lock:
            answers, self._answers = self._answers, []
        return answers


def on_signals(handler: Callable[[str], None]) -> int:
    """Call handler("stop") for SIGTERM and SIGINT, handler("reload") for SIGHUP; returns the fd that wakes the loop."""
    read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number, word in ((signal.SIGTERM, "stop"), (signal.SIGINT, "stop"), (signal.SIGHUP, "reload")):
        signal.signal(number, _calls(handler, word))
    return read


def _calls(handler: Callable[[str], None], word: str) -> Callable[[int, object], None]:
    def handle(_number: int, _frame: object) -> None:
        handler(word)

    return handle


def drain(fd: int) -> None:
    """Empty a wake-up pipe."""
    try:
        os.read(fd, 4096)
    except BlockingIOError:
        pass


def write_error_line(line: str) -> None:
    """One line to standard error, whole: procd and systemd take it from there."""
    try:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
    except OSError:
        pass  # whoever read our log has gone; the tunnels stay


def describe_exception(error: Exception) -> str:
    """Type and place of a mistake in our own code; not its text, which may hold what it choked on."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append("%s:%d" % (trace.tb_frame.f_code.co_filename.rpartition("/")[2], trace.tb_lineno))
        trace = trace.tb_next
    return "%s at %s" % (type(error).__name__, " < ".join(reversed(places[-4:])))


def leave_no_core() -> None:
    """A crash writes no image of this process, which has keys in it, anywhere."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def rest(milliseconds: int) -> None:
    """Do nothing for a moment."""
    time.sleep(milliseconds / 1000)


def is_taken(error: OSError) -> bool:
    """Another program has the port."""
    return error.errno == errno.EADDRINUSE


def is_missing(error: OSError) -> bool:
    """There is no such file."""
    return error.errno == errno.ENOENT


def describe_os_error(error: OSError) -> str:
    """What the system refused, and what to do about it."""
    what = "%s (%s)" % (error.strerror or "refused", error.filename or "socket")
    if error.errno == errno.EADDRINUSE:
        return "another IKE program has UDP port 500 or 4500: stop it (strongswan, libreswan), also from starting"
    if error.errno in (errno.EACCES, errno.EPERM):
        return what + ": run it as root"
    return what


def process_id() -> int:
    """Our process number."""
    return os.getpid()


def resident_kib() -> int:
    """Resident memory in KiB, 0 where the system does not tell."""
    try:
        for line in read_file("/proc/self/status").splitlines():
            if line.startswith(b"VmRSS:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
