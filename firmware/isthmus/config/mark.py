"""What a commit leaves beside the staged changes before it begins: should it be broken off, the next one knows by it
whether they are in the configuration already, and then only clears them. A list that is added to twice is another one.
"""

from __future__ import annotations

from isthmus.config.lock import cannot
from isthmus.config.replace import remove, replace
from isthmus.hashes import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.calls import Calls

SIZE = 32  # of a digest, bytes
MOST = 4  # commits in a row that were broken off


class Mark:
    """rows: of each commit that was begun, newest first, (digest of the configuration it makes, how many bytes of the
    staged changes go into it, their digest, names of key files that go with it).
    """

    def __init__(self, rows: list[tuple[bytes, int, bytes, list[str]]]) -> None:
        self.rows = rows

    def find(self, config: bytes, staged: bytes) -> tuple[int, list[str]]:
        """How many bytes of what is staged are in the configuration already, and the key files that were to go."""
        for text, size, digest, gone in self.rows:
            if text == _digest(config) and digest == _digest(staged[:size]):
                return size, gone
        return 0, []

    def begin(self, config: bytes, staged: bytes, gone: list[str]) -> Mark:
        """With one more: what is staged will make this configuration."""
        return Mark([(_digest(config), len(staged), _digest(staged), gone)] + self.rows[: MOST - 1])


def _digest(data: bytes) -> bytes:
    found: bytes = sha256(data).digest()
    return found


def push_mark(mark: Mark) -> bytes:
    """The file's content."""
    lines = []
    for text, size, digest, gone in mark.rows:
        lines.append(" ".join([text.hex(), "%d" % size, digest.hex()] + gone))
    return "\n".join(lines).encode() + b"\n"


def pull_mark(data: bytes) -> Mark:
    """What the file says; a file that says something else says nothing."""
    rows = []
    for line in data.split(b"\n")[:MOST]:
        words = line.decode().split(" ") if is_ascii(line) else []
        try:
            text, size, digest = bytes.fromhex(words[0]), int(words[1]), bytes.fromhex(words[2])
        except (IndexError, ValueError):
            continue
        gone = [name for name in words[3:] if name and "/" not in name]
        if len(text) == len(digest) == SIZE and size > 0:
            rows.append((text, size, digest, gone))
    return Mark(rows)


def leave_mark(calls: Calls, path: str, mark: Mark) -> None:
    """Before anything is changed. Raises StoreError."""
    try:
        replace(calls, path, push_mark(mark), True)
    except OSError as error:
        raise cannot("write", path, error) from None


def forget_mark(calls: Calls, path: str) -> None:
    """Raises StoreError."""
    try:
        remove(calls, path)
    except OSError as error:
        raise cannot("remove", path, error) from None


def is_ascii(data: bytes) -> bool:
    """Whether it can be read as text whatever it is."""
    return not data or max(data) < 128
