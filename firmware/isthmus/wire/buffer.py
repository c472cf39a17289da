"""Reader and Writer: the only two ways between bytes and values. Network byte order throughout.

A Reader never reads past its end, whatever a length field claims; what a parser leaves unread is an error that
`finish` finds. So a parser says what it wants and has no length arithmetic of its own.
"""
from __future__ import annotations

from isthmus.errors import IsthmusError

SHORT = "short"  # a field, or what a length field promises, lies beyond the end
TRAILING = "trailing"  # bytes left over
LENGTH = "length"  # a length field smaller than its own header, or a fixed size not kept
VALUE = "value"  # a field whose value the protocol does not allow
COUNT = "count"  # more repetitions than we are willing to read

WIRE_REASONS = (SHORT, TRAILING, LENGTH, VALUE, COUNT)


class WireError(IsthmusError):
    """Bytes that are not what their protocol says. `reason` is one of WIRE_REASONS: drops are counted under it."""

    code = "malformed"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class Reader:
    """Reads numbers and bytes off the front of a datagram; every pull raises WireError(SHORT) at the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes have not been read yet."""
        return len(self._data) - self._at

    @property
    def offset(self) -> int:
        """How many bytes have been read."""
        return self._at

    def pull_bytes(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self._at + count
        if end > len(self._data):
            raise WireError(SHORT, "%d bytes wanted, %d left" % (count, self.left))
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def pull_rest(self) -> bytes:
        """Everything that is left, perhaps nothing."""
        return self.pull_bytes(self.left)

    def pull_uint8(self) -> int:
        """One byte as a number."""
        return self.pull_bytes(1)[0]

    def pull_uint16(self) -> int:
        """Two bytes as a number."""
        return int.from_bytes(self.pull_bytes(2), "big")

    def pull_uint32(self) -> int:
        """Four bytes as a number."""
        return int.from_bytes(self.pull_bytes(4), "big")

    def pull_block(self, length: int, header: int) -> Reader:
        """A Reader over the rest of a structure that says it is `length` bytes long and whose `header` bytes are read.

        Raises WireError(LENGTH) if the structure claims to be shorter than its own header.
        """
        if length < header:
            raise WireError(LENGTH, "a length of %d in a structure whose header has %d" % (length, header))
        return Reader(self.pull_bytes(length - header))

    def finish(self) -> None:
        """Raises WireError(TRAILING) unless everything has been read."""
        if self.left:
            raise WireError(TRAILING, "%d bytes left over" % self.left)


class Writer:
    """Appends numbers and bytes; the mirror of Reader. Values come from our own code, so they are not checked twice."""

    def __init__(self) -> None:
        self._data = bytearray()

    def __len__(self) -> int:
        return len(self._data)

    def push_bytes(self, data: bytes) -> None:
        """Append these bytes."""
        self._data.extend(data)

    def push_uint8(self, value: int) -> None:
        """Append one byte."""
        self._data.append(value)

    def push_uint16(self, value: int) -> None:
        """Append two bytes."""
        self._data.extend(value.to_bytes(2, "big"))

    def push_uint32(self, value: int) -> None:
        """Append four bytes."""
        self._data.extend(value.to_bytes(4, "big"))

    def set_uint8(self, at: int, value: int) -> None:
        """Overwrite the byte at offset `at`: a type that is known only once what follows is written."""
        self._data[at] = value

    def set_uint16(self, at: int, value: int) -> None:
        """Overwrite two bytes at offset `at`: a length that is known only at the end."""
        self._data[at : at + 2] = value.to_bytes(2, "big")

    def set_uint32(self, at: int, value: int) -> None:
        """Overwrite four bytes at offset `at`."""
        self._data[at : at + 4] = value.to_bytes(4, "big")

    def get_bytes(self) -> bytes:
        """Everything written so far."""
        return bytes(self._data)
