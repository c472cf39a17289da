"""What a request can fail with."""
from __future__ import annotations


class NetlinkError(Exception):
    """The kernel refused: `code` is the errno; the second argument what it said beside it, or ""."""

    def __init__(self, code, message=""):
        super().__init__(code, message)
        self.code = code


class NetlinkDumpInterrupted(Exception):
    """A list changed while it was read."""
