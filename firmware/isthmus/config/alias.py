"""Aliases: what section `alias` says about two sites with the same addresses, as a value."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from isthmus.wire.addr import Prefix

LOCAL, REMOTE = "local", "remote"
LONGEST_LABEL, LONGEST_NAME = 63, 253  # bytes, characters in all; RFC 1035 2.3.4


class AliasConfig:
    """A network that appears as another one of the same size beyond one tunnel, host by host.

    side LOCAL: our `subnet` appears at the peer as `shown`, which the peer has among its remote_subnet; side REMOTE:
    the peer's `subnet` appears here as `shown`, which lies in this tunnel's remote_subnet. names: (name in lower
    case, its address inside `subnet`); line: where the section begins.
    """

    def __init__(self, name: str, values: dict[str, Any], line: int = 0) -> None:
        self.name = name
        self.tunnel: str = values["tunnel"]
        self.subnet: Prefix = values["subnet"]
        self.shown: Prefix = values["as"]
        self.side: str = values["side"]
        self.names: list[tuple[str, bytes]] = values["name"]
        self.line = line

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AliasConfig):
            return False
        return not [name for name in self.__dict__ if name != "line" and getattr(self, name) != getattr(other, name)]

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return "AliasConfig(%s, %s %s as %s)" % (self.name, self.side, self.subnet, self.shown)


def is_host_name(name: str) -> bool:
    """True for labels of letters, digits and inner hyphens, in lower case (RFC 1123 2.1): one word in a file."""
    if not 1 <= len(name) <= LONGEST_NAME:
        return False
    for label in name.encode().split(b"."):
        if not 1 <= len(label) <= LONGEST_LABEL or label[:1] == b"-" or label[-1:] == b"-":
            return False
        for byte in label:
            if not (0x30 <= byte <= 0x39 or 0x61 <= byte <= 0x7A or byte == 0x2D):
                return False
    return True
