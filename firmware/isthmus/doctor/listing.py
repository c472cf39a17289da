"""What the system prints about itself, read: sockets of /proc/net, kernel modules, programs that keep the clock."""

from __future__ import annotations

from isthmus.wire.addr import format_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    Socket = tuple[int, bytes, int]

LITTLE = "little"
# Programs that keep the clock, as the kernel calls them (15 characters); busybox's is ntpd too.
KEEPERS = ("ntpd", "chronyd", "systemd-timesyn", "openntpd", "ntpclient", "timemaster", "ptp4l", "phc2sys")


def pull_sockets(text: str, order: str) -> list[Socket]:
    """(port, address, inode) of each row of /proc/net/udp or udp6; what is no row is left out. order: of bytes in the
    kernel's words, "little" or "big".
    """
    found = []
    for line in text.split("\n")[1:]:
        words = line.split()
        if len(words) < 10 or ":" not in words[1]:
            continue
        digits, _, port = words[1].partition(":")
        try:
            found.append((int(port, 16), _address(digits, order), int(words[9])))
        except ValueError:
            continue
    return found


def _address(digits: str, order: str) -> bytes:
    """Words of 32 bits in the kernel's byte order, each printed as a number."""
    raw = bytes.fromhex(digits)
    if len(raw) not in (4, 16):
        raise ValueError("an address of %d bytes" % len(raw))
    if order != LITTLE:
        return raw
    out = b""
    for start in range(0, len(raw), 4):
        for index in (3, 2, 1, 0):
            out += raw[start + index : start + index + 1]
    return out


def show_address(address: bytes) -> str:
    """For people."""
    return format_ip(address) if any(address) else "any address"


def has_module(name: str, texts: list[str]) -> bool:
    """Whether a module stands in one of these lists of modules or of files, whichever way its name is written."""
    wanted = name.replace("-", "_")
    for text in texts:
        for line in text.split("\n"):
            word = line.split()[0] if line.split() else ""
            base = word.rstrip(":").split("/")[-1].partition(".")[0].replace("-", "_")
            if base == wanted:
                return True
    return False


def keepers(programs: list[str]) -> list[str]:
    """Those that keep the clock, each once."""
    return sorted({name for name in programs if name in KEEPERS})
