"""The file of users: a line each, with the hash of the password and how it was made. Written by isthmusd alone.

    isthmus-users 1
    key 5f...                                        32 bytes: of device marks and of what hides names
    user alice administer 01ab... 16384 8 5 9c... d0...     name, role, stamp, scrypt's N r p, salt, hash
    end 1                                            how many users; without it the file was cut

Bytes are in hexadecimal. The stamp is new with each new password: what was proven with the former is not any more.
"""

from __future__ import annotations

from isthmus.users.errors import UserError, UsersFileError
from isthmus.users.roles import role_name, role_number
from isthmus.wire.value import Value

HEAD = "isthmus-users 1"
KEY_BYTES = 32
STAMP_BYTES = 8
SALT_BYTES = 16
DIGEST_BYTES = 32
MOST_USERS = 32
LONGEST_FILE = 32768
LONGEST_NAME = 32
_NAME_FIRST = "abcdefghijklmnopqrstuvwxyz"
_NAME_REST = _NAME_FIRST + "0123456789._-"

# What a file may ask of scrypt: no more than a router has.
LEAST_N, MOST_N = 1 << 10, 1 << 17
MOST_R, MOST_P = 16, 16
MOST_MEMORY = 64 << 20


class Params(Value):
    """scrypt's (RFC 7914): n is its cost, a power of two; 128 * n * r bytes of memory; p times over."""

    fields = ("n", "r", "p")

    def __init__(self, n: int, r: int, p: int) -> None:
        self.n = n
        self.r = r
        self.p = p

    def is_allowed(self) -> bool:
        """Whether a router can be asked for it."""
        fits = LEAST_N <= self.n <= MOST_N and self.n & (self.n - 1) == 0 and 128 * self.n * self.r <= MOST_MEMORY
        return fits and 1 <= self.r <= MOST_R and 1 <= self.p <= MOST_P


CURRENT = Params(1 << 14, 8, 5)  # 16 MiB; OWASP's recommendation for that much memory


class User:
    """One of them. Never changed: a change is another User. repr shows neither salt nor hash."""

    def __init__(self, name: str, role: int, stamp: bytes, params: Params, salt: bytes, digest: bytes) -> None:
        self.name = name
        self.role = role
        self.stamp = stamp
        self.params = params
        self.salt = salt
        self.digest = digest

    def with_role(self, role: int) -> User:
        """The same with another role."""
        return User(self.name, role, self.stamp, self.params, self.salt, self.digest)

    def __repr__(self) -> str:
        return "User(%s, %s)" % (self.name, role_name(self.role))


class Book:
    """All users, by name, and the key. Never changed either."""

    def __init__(self, key: bytes, users: dict[str, User]) -> None:
        self.key = key
        self.users = users

    def with_user(self, user: User) -> Book:
        """The same with this one, new or in place of the one of that name. Raises UserError for too many."""
        if user.name not in self.users and len(self.users) >= MOST_USERS:
            raise UserError("there are %d users, and no more are allowed" % MOST_USERS, "delete one: isthmus user list")
        users = dict(self.users)
        users[user.name] = user
        return Book(self.key, users)

    def without(self, name: str) -> Book:
        """The same without the user of that name."""
        return Book(self.key, {other: user for other, user in self.users.items() if other != name})

    def names(self) -> list[str]:
        """In order."""
        return sorted(self.users)

    def __repr__(self) -> str:
        return "Book(%d users)" % len(self.users)


def is_name(name: str) -> bool:
    """Whether a user may be called so: lower-case letters, digits, . _ - and a letter first."""
    if not 1 <= len(name) <= LONGEST_NAME or name[0] not in _NAME_FIRST:
        return False
    return all(letter in _NAME_REST for letter in name)


def check_name(name: str) -> None:
    """Raises UserError."""
    if not is_name(name):
        text = "a user's name has 1 to %d lower-case letters, digits, dots, dashes, and a letter first"
        raise UserError(text % LONGEST_NAME, "choose another name")


def push_book(book: Book) -> bytes:
    """The file."""
    lines = [HEAD, "key " + book.key.hex()]
    for name in book.names():
        user = book.users[name]
        numbers = "%d %d %d" % (user.params.n, user.params.r, user.params.p)
        row = (user.name, role_name(user.role), user.stamp.hex(), numbers, user.salt.hex(), user.digest.hex())
        lines.append("user " + " ".join(row))
    lines.append("end %d\n" % len(book.users))
    return "\n".join(lines).encode()


def pull_book(data: bytes) -> Book:
    """What the file says. Raises UsersFileError, which names the line and nothing of what is in it."""
    if len(data) > LONGEST_FILE:
        raise UsersFileError("the file of users is longer than %d bytes" % LONGEST_FILE)
    if any(byte > 126 for byte in data):
        raise _wrong(1, "what is no ASCII text")
    lines = data.decode().split("\n")
    if len(lines) < 4 or lines[-1] or lines[0] != HEAD:
        raise _wrong(1, "what this version of Isthmus does not read, or only a part of a file")
    words = lines[1].split(" ")
    if len(words) != 2 or words[0] != "key":
        raise _wrong(2, "no key")
    key = _pull_hex(words[1], KEY_BYTES, 2)
    users: dict[str, User] = {}
    for index in range(2, len(lines) - 2):
        user = _pull_user(lines[index].split(" "), index + 1)
        if user.name in users:
            raise _wrong(index + 1, "a user who has a line already")
        users[user.name] = user
    if len(users) > MOST_USERS:
        raise _wrong(len(lines), "more than %d users" % MOST_USERS)
    if lines[-2] != "end %d" % len(users):
        raise _wrong(len(lines) - 1, "no end with the number of users")
    return Book(key, users)


def _wrong(line: int, what: str) -> UsersFileError:
    return UsersFileError("the file of users has, in line %d, %s" % (line, what))


def _pull_user(words: list[str], line: int) -> User:
    if len(words) != 9 or words[0] != "user":
        raise _wrong(line, "something else than a user's nine words")
    role = role_number(words[2])
    if not is_name(words[1]) or role is None:
        raise _wrong(line, "a name or a role that is none")
    params = Params(*[_pull_number(word, line) for word in words[4:7]])
    if not params.is_allowed():
        raise _wrong(line, "parameters of scrypt that are not allowed")
    salt = _pull_hex(words[7], SALT_BYTES, line)
    return User(words[1], role, _pull_hex(words[3], STAMP_BYTES, line), params, salt,
                _pull_hex(words[8], DIGEST_BYTES, line))  # fmt: skip


def _pull_number(word: str, line: int) -> int:
    if not 1 <= len(word) <= 7 or any(letter not in "0123456789" for letter in word):
        raise _wrong(line, "something else than a number")
    return int(word)


def _pull_hex(word: str, size: int, line: int) -> bytes:
    if len(word) != 2 * size or any(letter not in "0123456789abcdef" for letter in word):
        raise _wrong(line, "something else than %d bytes in hexadecimal" % size)
    return bytes.fromhex(word)
