"""What is in a backup: rows of (kind, name, bytes), each kind but keys once.

    kind 1 byte, length of the name 2 bytes, name, length 4 bytes, bytes

A name of a key file says a tunnel and what the key is for, and leads nowhere else.
"""

from __future__ import annotations

from isthmus.backup.errors import ContentError, NewerError
from isthmus.config import uci
from isthmus.config.model import KEY_FILES, MAX_SECTIONS, NEXT
from isthmus.config.policy_values import MAX_NAME
from isthmus.wire.buffer import Reader, WireError, Writer

SITE, MADE, VERSION, CONFIG, KEY, USERS = 1, 2, 3, 4, 5, 6
KINDS = (SITE, MADE, VERSION, CONFIG, KEY, USERS)
SITE_ID = "site.id"  # who this site is to those that it is paired with: pairing_registry.py's
LONGEST_KEY = 4096
MOST_KEYS = 5 * MAX_SECTIONS + 1  # of as many tunnels as there may be, and this site's id
BROKEN = "what is in the backup is not as Isthmus writes it"
TAKE_ANOTHER = "take another backup"
DAY_S = 86400


class Archive:
    """One site at one moment. site: its name; made_s: Unix seconds; version: of Isthmus; config: the file; keys: (name
    of the file, content), in order; users: their file, or None. repr shows no content.
    """

    def __init__(
        self, site: str, made_s: int, version: str, config: bytes, keys: list[tuple[str, bytes]], users: bytes | None
    ) -> None:
        self.site = site
        self.made_s = made_s
        self.version = version
        self.config = config
        self.keys = keys
        self.users = users

    def key(self, name: str) -> bytes | None:
        """Content of the key file of that name."""
        for one, content in self.keys:
            if one == name:
                return content
        return None

    def __repr__(self) -> str:
        return "Archive(%d keys)" % len(self.keys)


def key_names(tunnel: str) -> list[str]:
    """Names of all key files that a tunnel may have."""
    return [tunnel + ending for ending in sorted(KEY_FILES.values()) + [NEXT]]


def is_key_name(name: str) -> bool:
    """Whether it is this site's id, or a tunnel's key file."""
    tunnel = name.partition(".")[0]
    fits = 0 < len(tunnel) <= MAX_NAME and uci.is_name(tunnel.encode())
    return name == SITE_ID or (fits and name in key_names(tunnel))


def push_archive(archive: Archive) -> bytes:
    """The rows."""
    writer = Writer()
    rows = [
        (SITE, "", archive.site.encode()), (MADE, "", b"%d" % archive.made_s), (VERSION, "", archive.version.encode()),
        (CONFIG, "", archive.config),
    ]  # fmt: skip
    rows += [(KEY, name, content) for name, content in archive.keys]
    if archive.users is not None:
        rows.append((USERS, "", archive.users))
    for kind, name, content in rows:
        writer.push_uint8(kind)
        writer.push_uint16(len(name.encode()))
        writer.push_bytes(name.encode())
        writer.push_uint32(len(content))
        writer.push_bytes(content)
    return writer.get_bytes()


def pull_archive(data: bytes) -> Archive:
    """What the rows say. Raises ContentError, NewerError."""
    found: dict[int, bytes] = {}
    keys: list[tuple[str, bytes]] = []
    reader = Reader(data)
    try:
        while reader.left:
            kind = reader.pull_uint8()
            name = reader.pull_bytes(reader.pull_uint16()).decode()
            content = reader.pull_bytes(reader.pull_uint32())
            if kind not in KINDS:
                raise NewerError("the backup holds what this Isthmus does not know")
            if kind == KEY:
                keys.append((name, content))
            elif name or kind in found:
                raise ContentError(BROKEN, TAKE_ANOTHER)
            else:
                found[kind] = content
        _check_keys(keys)
        made = found[MADE].decode()
        if len(made) > 12 or made != str(int(made)) or made[0] == "-":  # as it was written, and no other way
            raise ValueError
        return Archive(
            found[SITE].decode(), int(made), found[VERSION].decode(), found[CONFIG], keys, found.get(USERS)
        )
    except (WireError, ValueError, KeyError):
        raise ContentError(BROKEN, TAKE_ANOTHER) from None


def _check_keys(keys: list[tuple[str, bytes]]) -> None:
    """Raises ValueError."""
    if len(keys) > MOST_KEYS or len({name for name, _ in keys}) != len(keys):
        raise ValueError
    for name, content in keys:
        if not is_key_name(name) or len(content) > LONGEST_KEY:
            raise ValueError


def day_of(seconds: int) -> str:
    """The day of a Unix time, as 2026-11-23, in UTC."""
    days = seconds // DAY_S + 719468  # from 0000-03-01, when a leap day ends a year
    era = days // 146097
    day = days - era * 146097
    year = (day - day // 1460 + day // 36524 - day // 146096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    month += 3 if month < 10 else -9
    return "%04d-%02d-%02d" % (year + era * 400 + (month <= 2), month, day + 1)
