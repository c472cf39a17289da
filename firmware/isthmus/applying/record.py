"""What has to be known to undo a change, as one file: it is there, whole, before the change touches anything.

    isthmus-undo 1
    window 90
    file 2f6574... 0x636f... 0x9a8b...   path, content before, SHA-256 of the one after; -: no such file
    staged 0x6973...                     the lines that were staged, as uci keeps them
    keys -                               the staged keys
    folder 2f766172...                   where they were staged; without it: where uci does
    again 3139...                        a sentence: who is exposed again when it is undone
    end 5c1f...                          SHA-256 of all lines above; without it the file was cut

Bytes are in hexadecimal. It holds keys, so it lies among them, and its mode is theirs.
"""

from __future__ import annotations

from binascii import hexlify, unhexlify

from isthmus import hashes
from isthmus.errors import IsthmusError

HEAD = b"isthmus-undo 1"
NONE = b"-"


class RecordError(IsthmusError):
    """The file is damaged: it cannot say what was there before."""

    code = "undo-damaged"


class Saved:
    """One file of a change: path; before: content or None; after: digest_of() the new content, or None."""

    def __init__(self, path: str, before: bytes | None, after: bytes | None) -> None:
        self.path = path
        self.before = before
        self.after = after

    def __repr__(self) -> str:
        return "Saved(%s)" % self.path


class Record:
    """window: seconds; files: Saved; staged, keys: bytes; again: sentences; folder: of what was staged, "": uci's. repr
    shows no content.
    """

    def __init__(
        self, window: int, files: list[Saved], staged: bytes, keys: bytes, again: list[str], folder: str = ""
    ) -> None:
        self.window = window
        self.files = files
        self.staged = staged
        self.keys = keys
        self.again = again
        self.folder = folder

    def __repr__(self) -> str:
        return "Record(%s)" % ", ".join([saved.path for saved in self.files])


def digest_of(content: bytes) -> bytes:
    """What stands for a content."""
    digest: bytes = hashes.sha256(content).digest()
    return digest


def push_record(record: Record) -> bytes:
    """The file."""
    lines = [HEAD, ("window %d" % record.window).encode()]
    for saved in record.files:
        words = [b"file", hexlify(saved.path.encode()), _hex(saved.before), _hex(saved.after)]
        lines.append(b" ".join(words))
    lines += [b"staged " + _hex(record.staged or None), b"keys " + _hex(record.keys or None)]
    if record.folder:
        lines.append(b"folder " + hexlify(record.folder.encode()))
    lines += [b"again " + hexlify(sentence.encode()) for sentence in record.again]
    text = b"\n".join(lines) + b"\n"
    return text + b"end " + hexlify(digest_of(text)) + b"\n"


def pull_record(data: bytes) -> Record:
    """What the file says. Raises RecordError."""
    text, _, end = data.rpartition(b"end ")
    if text[: len(HEAD) + 1] != HEAD + b"\n" or end != hexlify(digest_of(text)) + b"\n":
        raise RecordError("the record of the change that was on trial is damaged")
    try:
        record = Record(0, [], b"", b"", [])
        for line in text.split(b"\n")[1:-1]:
            _pull_line(record, line.split(b" "))
    except (ValueError, IndexError, KeyError):
        raise RecordError("the record of the change that was on trial is of another version") from None
    return record


def _pull_line(record: Record, words: list[bytes]) -> None:
    """Raises ValueError, IndexError, KeyError."""
    word = words[0]
    if word == b"window":
        record.window = int(words[1])
    elif word == b"file":
        record.files.append(Saved(unhexlify(words[1]).decode(), _bytes(words[2]), _bytes(words[3])))
    elif word == b"staged":
        record.staged = _bytes(words[1]) or b""
    elif word == b"keys":
        record.keys = _bytes(words[1]) or b""
    elif word == b"folder":
        record.folder = unhexlify(words[1]).decode()
    elif word == b"again":
        record.again.append(unhexlify(words[1]).decode())
    else:
        raise KeyError(word)


def _hex(content: bytes | None) -> bytes:
    return NONE if content is None else b"0x" + hexlify(content)


def _bytes(word: bytes) -> bytes | None:
    if word == NONE:
        return None
    if word[:2] != b"0x":
        raise ValueError(word)
    return unhexlify(word[2:])
