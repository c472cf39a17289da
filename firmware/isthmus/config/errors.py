"""What can be wrong with a configuration, told so that an administrator can put it right."""

from __future__ import annotations

from isthmus.errors import IsthmusError

SHOWN = 60  # characters of a value in a message

# What may be a key that somebody has pasted into the wrong option: addresses, names, times and the words of a proposal,
# which is what options take, have short words between their signs.
PARTS = " \t.:,@"
BREAKS = PARTS + "-_"
PHRASE = 12  # characters of a passphrase, or of a mixture that no name is
HEX = 16  # hexadecimal digits in a row
MIXED = 17  # of letters and digits, or capitals, in a row: one more than chacha20poly1305
LONGEST_WORD = 23


class BadValue(ValueError):
    """A text that an option's type refuses. `remedy` "": there is nothing better to say than what is allowed."""

    def __init__(self, code: str, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.remedy = remedy


class ConfigError(IsthmusError):
    """One thing that is wrong, or, in a list of warnings, unwise.

    file and line (from 1; 0 if no line can be blamed); section ("tunnel 'branch'") and option, "" where they do not
    apply; found: the value as far as it may be shown, "" for a secret; allowed: in words; message: one sentence.
    """

    def __init__(
        self,
        code: str,
        message: str,
        remedy: str,
        file: str = "",
        line: int = 0,
        section: str = "",
        option: str = "",
        found: str = "",
        allowed: str = "",
    ) -> None:
        super().__init__(message, remedy, code)
        self.file = file
        self.line = line
        self.section = section
        self.option = option
        self.found = found
        self.allowed = allowed

    def __str__(self) -> str:
        """One line: place, what is wrong, what is allowed, what to do."""
        place = "%s:%d" % (self.file, self.line) if self.line else self.file
        subject = ", ".join([part for part in (self.section, self.option and "option " + self.option) if part])
        text = ": ".join([part for part in (place, subject, self.message) if part])
        if self.allowed:
            text += "; allowed: " + self.allowed
        if self.remedy:
            text += "; to do: " + self.remedy
        return text


def quote(text: str) -> str:
    """A value for a message: quoted, printable, cut.

    Only its first line: where a closing quote is missing, the following lines, and with them perhaps a key, have become
    part of the value. Of what looks like a key only the length: messages are for everybody who may look.
    """
    if looks_like_key(text):
        return length_of(text)
    end = text.find("\n")
    shown = text if end < 0 else text[:end]
    cut = end >= 0 or len(shown) > SHOWN
    plain = "".join([c if " " <= c <= "~" or c >= "\xa0" else "?" for c in shown[:SHOWN]])
    return "'%s%s'" % (plain, "..." if cut else "")


def length_of(text: str) -> str:
    """What is told of a value that is not shown."""
    return "(%d characters, not shown: it may be a key)" % len(text)


def looks_like_key(text: str) -> bool:
    """Whether it may be a secret. A short one that is a plain word nobody can tell from a name."""
    line = text.partition("\n")[0]
    if len(line) >= PHRASE and len(line.split()) > 1 and "," not in line and len([c for c in line if c.isalpha()]) > 5:
        return True
    return bool([run for run in _runs(line, BREAKS) if _is_long(run)] + [
        run for run in _runs(line.replace("-", "").replace("_", ""), PARTS) if _is_mixed(run)
    ])  # fmt: skip


def unseen(words: str, text: str) -> str:
    """Words that others have made of a refused text (wire/ quotes by itself), without it if it may be a key."""
    if looks_like_key(text):
        for form in ("'%s'" % text, "'%s'" % text[:64], text):
            words = words.replace(form, length_of(text))
    return words


def _runs(text: str, signs: str) -> list[str]:
    for sign in signs:
        text = text.replace(sign, " ")
    return text.split()


def _is_long(run: str) -> bool:
    kinds = {_kind(c) for c in run}
    if len(run) >= HEX and len(kinds) > 1 and not [c for c in run.lower() if c not in "0123456789abcdef"]:
        return True
    return len(run) > LONGEST_WORD or (len(run) >= MIXED and len(kinds) > 1)


def _is_mixed(run: str) -> bool:
    """Whether it changes between kinds of characters as only chance does."""
    changes = len([i for i in range(1, len(run)) if _kind(run[i]) != _kind(run[i - 1])])
    return len(run) >= PHRASE and changes * 5 >= len(run) * 2


def _kind(char: str) -> int:
    if "a" <= char <= "z":
        return 0
    if "A" <= char <= "Z":
        return 1
    return 2 if "0" <= char <= "9" else 3


def nearest(found: str, names: list[str]) -> str:
    """The name that `found` was probably meant to be, or ""."""
    best, best_distance = "", 1 + max(1, len(found) // 3)
    if len(found) > 40:
        return ""
    for name in names:
        distance = _edits(found.lower(), name.lower(), best_distance)
        if distance < best_distance:
            best, best_distance = name, distance
    return best


def _edits(one: str, two: str, limit: int) -> int:
    """Insertions, deletions, replacements and swaps of neighbours that turn one into two; at most `limit`."""
    if abs(len(one) - len(two)) >= limit:
        return limit
    a, b = one.encode(), two.encode()
    before: list[int] = []
    previous = list(range(len(b) + 1))
    for i in range(1, len(a) + 1):
        row = [i]
        for j in range(1, len(b) + 1):
            cost = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, previous = previous, row
    return min(previous[-1], limit)
