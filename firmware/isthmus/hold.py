"""isthmus-hold: keeps the sockets of UDP 4500 open while isthmusd is away, so that the kernel goes on taking ESP out of
UDP (the moment the last descriptor closes, every such packet is lost). Nothing else: it reads no datagram, knows no
secret, changes nothing.

    hold.py PATH CHANNEL SOCKET...      numbers of inherited descriptors; isthmusd starts it so

CHANNEL is a Unix socket (SOCK_SEQPACKET) to the isthmusd that started it. The next isthmusd connects to PATH, which
lies in a directory that only its owner may enter, and is sent GREETING with duplicates of the sockets. Either may then
say KEEP, with other sockets to hold instead, or STOP.

Memory is all that it costs, so it runs without `site` and imports C modules alone: 2.4 MB of its own, beside the
interpreter's code, which it shares (CPython 3.11).
"""

from __future__ import annotations

import _socket
import posix
import select
import sys

GREETING = b"isthmus-hold 1"
KEEP = b"keep"
STOP = b"stop"
MOST_SOCKETS = 8
CHECK_MS = 30_000  # how often it looks whether anybody can still find it

SO_PEERCRED = 17  # linux/socket.h
INT_BYTES = 4


def pack_descriptors(numbers: list[int]) -> list[tuple[int, int, bytes]]:
    """As the ancillary data of sendmsg()."""
    return [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, b"".join([n.to_bytes(INT_BYTES, sys.byteorder) for n in numbers]))]


def unpack_descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    """From the ancillary data of recvmsg(); they are ours to close."""
    found = []
    for level, kind, data in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
            for offset in range(0, len(data) // INT_BYTES * INT_BYTES, INT_BYTES):
                found.append(int.from_bytes(data[offset : offset + INT_BYTES], sys.byteorder))
    return found


def listen(path: str) -> _socket.socket:
    """The socket at PATH. Raises OSError."""
    try:
        posix.unlink(path)
    except FileNotFoundError:
        pass
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    mask = posix.umask(0o177)
    try:
        listener.bind(path)
    finally:
        posix.umask(mask)
    listener.listen(4)
    listener.setblocking(False)
    return listener


class Hold:
    """The process. channel: to isthmusd; kept: descriptors."""

    def __init__(self, path: str, channel: int, kept: list[int]) -> None:
        """Raises OSError where PATH cannot be made."""
        self.path = path
        self.kept = kept
        self.listener = listen(path)
        self.made = posix.stat(path).st_ino
        self.channels = {channel: _socket.socket(fileno=channel)}
        self.poll = select.poll()
        for fd in (self.listener.fileno(), channel):
            self.poll.register(fd, select.POLLIN)

    def run(self) -> None:
        """Until it is told to stop, or nobody can find it any more."""
        while True:
            ready = self.poll.poll(CHECK_MS)
            for fd, _ in ready:
                if fd == self.listener.fileno():
                    self.accept()
                elif not self.obey(fd):
                    return
            if not ready and not self.channels and not self.is_found():
                return

    def close(self) -> None:
        """Give everything back, the channels last: who waits for their end finds the ports free."""
        for number in self.kept:
            posix.close(number)
        if self.is_found():
            try:
                posix.unlink(self.path)
            except OSError:
                pass
        self.listener.close()
        for channel in self.channels.values():
            channel.close()

    def is_found(self) -> bool:
        """Whether PATH is still there, and ours: another hold may have taken it."""
        try:
            return posix.stat(self.path).st_ino == self.made
        except OSError:
            return False

    def accept(self) -> None:
        """Hand duplicates to a new isthmusd."""
        try:
            fd, _ = self.listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - what socket.accept() calls
        except OSError:
            return
        channel = _socket.socket(fileno=fd)
        uid = int.from_bytes(channel.getsockopt(_socket.SOL_SOCKET, SO_PEERCRED, 12)[4:8], sys.byteorder)
        if uid not in (0, posix.geteuid()):
            channel.close()
            return
        try:
            channel.sendmsg([GREETING], pack_descriptors(self.kept))
        except OSError:
            channel.close()
            return
        self.channels[fd] = channel
        self.poll.register(fd, select.POLLIN)

    def obey(self, fd: int) -> bool:
        """One message of isthmusd, or its end; False for STOP."""
        try:
            word, ancillary, _, _ = self.channels[fd].recvmsg(64, 256)
        except OSError:
            word, ancillary = b"", []
        given = unpack_descriptors(ancillary)
        if word == KEEP and given:
            for number in self.kept:
                posix.close(number)
            self.kept = given
        elif not word:
            self.poll.unregister(fd)
            self.channels.pop(fd).close()
        return word != STOP


def main() -> int:
    """The program."""
    try:
        path, channel, kept = sys.argv[1], int(sys.argv[2]), [int(word) for word in sys.argv[3:]]
    except (IndexError, ValueError):
        sys.stderr.write("isthmus-hold: isthmusd starts it by itself; there is nothing to do by hand\n")
        return 2
    hold = Hold(path, channel, kept)
    hold.run()
    hold.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
