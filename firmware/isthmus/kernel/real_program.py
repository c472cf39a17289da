"""One program, run to its end: a text goes in, two come out.

What `subprocess` does, as far as it is wanted here: that module is large, and a start of isthmusd waits for it.
"""
from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]
import posix as os  # it loads nothing else
import select
import time

FOLDERS = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")
ENVIRONMENT = {"PATH": ":".join(FOLDERS), "LC_ALL": "C"}
_PIECE = 4096  # what a pipe takes whole once it is writable (pipe(7), PIPE_BUF)
_PAUSE_S = 0.001
_STDIN, _STDOUT, _STDERR = 0, 1, 2


def run(name: str, arguments: list[str], text: str, patience_ms: int) -> tuple[int, str, str]:
    """(exit status, standard output, standard error) of a program of FOLDERS; the status is negative for a signal.

    Raises FileNotFoundError where there is no such program, TimeoutError after patience_ms (it is killed then), and
    OSError where the system refuses.
    """
    end = time.monotonic() + patience_ms / 1000
    inner: list[int] = []  # the program's ends of three pipes, and ours
    outer: list[int] = []
    pid = 0
    try:
        for number in (_STDIN, _STDOUT, _STDERR):
            read, write = os.pipe()
            inner.append(read if number == _STDIN else write)
            outer.append(write if number == _STDIN else read)
        pid = _spawn(name, arguments, inner)
        while inner:
            os.close(inner.pop())
        said = _exchange(outer, text.encode(), end)
        status = _wait(pid, end)
    except BaseException:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        raise
    finally:
        for fd in inner + outer:
            os.close(fd)
    return status, said[0].decode(), said[1].decode()


def _spawn(name: str, arguments: list[str], ends: list[int]) -> int:
    """Start it with these descriptors as its first three; no other is inherited. Its process number."""
    actions = [(os.POSIX_SPAWN_DUP2, end, number) for number, end in enumerate(ends)]
    for folder in FOLDERS:
        path = folder + "/" + name
        try:
            return os.posix_spawn(
                path, [name] + arguments, ENVIRONMENT, file_actions=actions,
                setsigdef=[signal.SIGPIPE])  # Python ignores it, and that would be inherited
        except FileNotFoundError:
            continue
    raise FileNotFoundError(name)


def _exchange(ends: list[int], data: bytes, end: float) -> list[bytes]:
    """Write all of the data and read both outputs to their ends. Closes what is done, and takes it out of `ends`."""
    stdin, stdout, stderr = ends
    said: dict[int, list[bytes]] = {stdout: [], stderr: []}
    poll = select.poll()
    poll.register(stdin, select.POLLOUT)
    poll.register(stdout, select.POLLIN)
    poll.register(stderr, select.POLLIN)
    while ends:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        for fd, _ in poll.poll(left * 1000):
            if fd == stdin:
                data = _write(fd, data)
                more = bool(data)
            else:
                piece = os.read(fd, 65536)
                said[fd].append(piece)
                more = bool(piece)
            if not more:
                poll.unregister(fd)
                ends.remove(fd)
                os.close(fd)
    return [b"".join(said[stdout]), b"".join(said[stderr])]


def _write(fd: int, data: bytes) -> bytes:
    """What is still to be written; nothing for a program that reads no more."""
    try:
        return data[os.write(fd, data[:_PIECE]) :]
    except BrokenPipeError:
        return b""


def _wait(pid: int, end: float) -> int:
    """Its exit status. It has closed its outputs, so it ends at once, or does something else."""
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            raise TimeoutError
        time.sleep(_PAUSE_S)
