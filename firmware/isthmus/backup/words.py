"""What an administrator should know before a backup is restored: is this its router, do its keys still fit, who may
log in then?
"""

from __future__ import annotations

from isthmus.backup.archive import SITE_ID, day_of, key_names
from isthmus.users.book import pull_book
from isthmus.users.errors import UsersFileError
from isthmus.users.roles import ADMINISTER, role_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.backup.archive import Archive
    from isthmus.config.model import Config
    from isthmus.users.book import User

ELSEWHERE = (
    "it was made on another router, or this one has been reset since. Switch the former one off before you confirm: "
    "two routers with the same keys push each other out"
)
RENEWED = (
    "tunnel %s: its keys are others here now. If the peer has them renewed, it does not come up with those of the "
    "backup: then pair the two sites anew (isthmus unpair %s; isthmus pair invite)"
)
USERS = (
    "the users and passwords of the backup hold then (%s): whoever is logged in with another password is asked "
    "for the one of the backup, and confirms with it; if nobody does, the former users are back"
)


def notes(archive: Archive, new: Config, current: dict[str, bytes], users: bytes | None, here: list[str]) -> list[str]:
    """Sentences. current: key files that are here now; users: their file as it is, or None; here: interfaces."""
    said = ["the backup is of site %s, made on %s (UTC)" % (archive.site, day_of(archive.made_s))]
    ours, theirs = current.get(SITE_ID), archive.key(SITE_ID)
    keyed = [row.name for row in new.tunnels if archive.key(row.name) is not None]
    known = [name for name in keyed if name in current]
    if (theirs is not None and ours != theirs) or (keyed and not known):
        said.append(ELSEWHERE)
    for row in new.tunnels:
        if row.site is not None and row.name in known:
            names = key_names(row.name)
            if [name for name in names if current.get(name) != archive.key(name)]:
                said.append(RENEWED % (row.name, row.name))
    missing = [name for name in new.globals.lans if name not in here]
    if missing:
        text = "this router has no interface %s, which the backup calls a network of this site: make it, or change it "
        said.append((text + "afterwards (isthmus config, section globals, list lan)") % ", ".join(missing))
    if archive.users is not None and archive.users != users:
        then = pull_book(archive.users).users
        if then:
            said.append(USERS % ", ".join(sorted(then)))
            said += who(_now(users), then)
    return said


def _now(users: bytes | None) -> dict[str, User]:
    """Nobody, where there is no file, or none that can be read: then nobody can log in either."""
    try:
        return pull_book(users).users if users is not None else {}
    except UsersFileError:
        return {}


def who(now: dict[str, User], then: dict[str, User]) -> list[str]:
    """Who may do more or less then, as sentences; those who may administer this router first."""
    administers: list[str] = []
    new: list[str] = []
    gone: list[str] = []
    others: list[str] = []
    for name in sorted(set(now) | set(then)):
        before, after = now.get(name), then.get(name)
        if after is not None and after.role == ADMINISTER and (before is None or before.role != ADMINISTER):
            administers.append(name)
        if before is None and after is not None:
            new.append("%s (%s)" % (name, role_name(after.role)))
        elif before is not None and after is None:
            gone.append("%s (%s)" % (name, role_name(before.role)))
        elif before is not None and after is not None and before.role != after.role:
            others.append("%s (%s now, %s then)" % (name, role_name(before.role), role_name(after.role)))
    rows = (
        ("administers then, and does not now", administers), ("new", new), ("gone", gone),
        ("with another role", others),
    )  # fmt: skip
    return ["users: %s: %s" % (word, ", ".join(names)) for word, names in rows if names]
