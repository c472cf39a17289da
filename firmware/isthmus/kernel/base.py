"""What every object in the kernel is: a kind, a key and a body. And what its fields must be."""
from __future__ import annotations

from isthmus.wire.addr import format_mac

_NAME_BYTES = 15  # IFNAMSIZ less the closing zero


def checked_address(address: bytes) -> bytes:
    """4 or 16 bytes. Raises ValueError."""
    if len(address) not in (4, 16):
        raise ValueError("an address has 4 or 16 bytes, not %d" % len(address))
    return bytes(address)


def checked_name(ifname: str) -> str:
    """The name of an interface as the kernel takes it, and nothing that could lead a path elsewhere.
    Raises ValueError.
    """
    raw = ifname.encode()
    if not 1 <= len(raw) <= _NAME_BYTES or ifname in {".", ".."}:
        raise ValueError("interface name %r: 1 to %d bytes are allowed" % (ifname, _NAME_BYTES))
    for byte in raw:
        if byte in b"/:" or not 0x21 <= byte <= 0x7E:
            raise ValueError("interface name %r: no blank, '/' or ':' is allowed" % ifname)
    return ifname


def checked_mac(mac: bytes) -> bytes:
    """Six bytes of one station. Raises ValueError."""
    if len(mac) != 6 or mac[0] & 1:
        raise ValueError("a MAC address has 6 bytes and names one station, not %s" % format_mac(mac))
    return bytes(mac)


class KernelObject:
    """One thing in the kernel. Subclasses say what it is found by and what must be equal."""

    kind = ""
    fields: tuple[str, ...] = ()  # the constructor's arguments in order, less what is given only once

    def key(self) -> tuple[object, ...]:
        """What the kernel finds it by."""
        raise NotImplementedError

    def body(self) -> tuple[object, ...]:
        """What must be equal for the object to be as desired."""
        return ()

    def words(self) -> str:
        """The object in words, for logs and errors; without secrets."""
        raise NotImplementedError

    def copy(self) -> KernelObject:
        """The same value again, without keys and counters."""
        return type(self)(*[getattr(self, name) for name in self.fields])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KernelObject):
            return False
        return self.kind == other.kind and self.key() == other.key() and self.body() == other.body()

    def __hash__(self) -> int:
        return hash((self.kind, self.key()))

    def __repr__(self) -> str:
        return "<%s %s>" % (self.kind, self.words())
