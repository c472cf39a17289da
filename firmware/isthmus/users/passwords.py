"""New passwords: long enough, and none that everybody tries first. No rules of composition (NIST SP 800-63B 5.1.1.2).

What is tried first is mostly made by rule: a word of the list below, the user's own name, a walk over the keyboard, a
repetition, in any case, with letters written as digits, and with digits and signs around them. The 3000 most frequent
passwords that are not, common.py has.
"""

from __future__ import annotations

from isthmus.users.common import is_listed
from isthmus.users.errors import PasswordError

SHORTEST, LONGEST = 8, 128  # letters
LONGEST_BYTES = 512
LEAST_REST = 4  # letters that a password has beside words that everybody tries

# Words and names that lists of stolen passwords begin with, and those that lie near on a router.
_WORDS = (
    "password passwort passwd passw pass admin administrator administer root user guest default login logon welcome "
    "letmein changeme secret master manager test temp qwerty qwertz azerty iloveyou love loveyou lovely monkey "
    "dragon football baseball basketball hockey soccer sunshine princess shadow superman batman spiderman ironman "
    "starwars trustno whatever michael jordan jennifer jessica michelle charlie thomas robert daniel andrew joshua "
    "ashley nicole amanda matthew hannah samantha george harley ranger hunter buster tigger pepper ginger killer "
    "cookie cheese computer internet samsung google facebook linkedin yahoo pokemon mustang corvette ferrari "
    "mercedes porsche summer winter spring autumn january february march april june july august september october "
    "november december monday tuesday wednesday thursday friday saturday sunday london liverpool chelsea arsenal "
    "barcelona juventus merlin phoenix yankees cowboys steelers lakers eagles dallas freedom forever flower angel "
    "butterfly chocolate banana orange purple silver golden diamond access matrix hello helloworld lovers blink "
    "family friends maverick midnight knight william victoria elizabeth christian jesus christ blessed mypassword "
    "mypass myspace nopassword newpassword abcd abcdef alphabet nothing iamgod startrek gandalf hogwarts naruto "
    "minecraft fortnite playboy creative scorpion panther tiger lion eagle falcon dolphin snoopy garfield mickey "
    "minnie donald bigdog rocky joseph anthony patrick richard steven brandon alexander nicholas benjamin jonathan "
    "stephanie melissa danielle rebecca vanessa patricia heather router openwrt isthmus gateway modem network "
    "wireless wifi wlan vpn ipsec ltwotp firewall office company server system support service backup public "
    "private cisco mikrotik ubnt ubiquiti netgear linksys tplink asus zyxel draytek fritzbox telekom vodafone linux "
    "debian ubuntu raspberry "
)
COMMON = _WORDS.split()

ROWS = (  # walks over a keyboard and through what everybody can count, either way
    "1234567890", "01234567890", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm",
    "abcdefghijklmnopqrstuvwxyz", "1qaz2wsx3edc4rfv5tgb", "qazwsxedcrfvtgb", "1q2w3e4r5t6y7u8i9o0p", "q1w2e3r4t5y6",
    "147258369", "159357", "741852963", "zaqxswcde", "1a2b3c4d5e6f", "a1b2c3d4e5f6", "!@#$%^&*()", '!"#$%&/()=',
)  # fmt: skip
_LINES = ROWS + tuple(["".join([row[index] for index in range(len(row) - 1, -1, -1)]) for row in ROWS])
SHORTEST_WALK = 3
ORNAMENTS = "0123456789!?.,;:-_+*#$%&@ "
_AS_LETTERS = (
    ("0", "o"), ("1", "i"), ("3", "e"), ("4", "a"), ("5", "s"), ("7", "t"), ("@", "a"), ("$", "s"), ("!", "i"),
    ("8", "b"),
)  # fmt: skip


def check_password(password: str, name: str) -> None:
    """Whether it may be a password of that user. Raises PasswordError, which does not repeat it."""
    if len(password) < SHORTEST:
        text = "a password has at least %d letters; 15 are better, and a few words in a row are easy to keep"
        raise PasswordError(text % SHORTEST, "choose a longer one")
    if len(password) > LONGEST or len(password.encode()) > LONGEST_BYTES:
        raise PasswordError("a password has at most %d letters" % LONGEST, "choose a shorter one")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in password):
        raise PasswordError("a password has no line ends, tabs or control characters", "leave them out")
    if is_common(password, name):
        raise PasswordError("this password is one of those that are tried first", "choose a few words of your own")


def is_common(password: str, name: str) -> bool:
    """Whether so little of it is anything but common words, the user's name, walks, repetitions, digits and signs."""
    plain = password.lower()
    written = plain
    for sign, letter in _AS_LETTERS:
        written = written.replace(sign, letter)
    words = COMMON + [word for word in (name, "".join([c for c in name if c not in "._-"])) if len(word) > 2]
    if any(_rest(form, words) < LEAST_REST for form in (plain, written)):
        return True
    return any(is_listed(form) for form in (plain, written, plain.strip(ORNAMENTS)))


def _rest(text: str, words: list[str]) -> int:
    """How much is left of it: each letter counts once, digits and signs a third, unless they are always the same."""
    for word in sorted(words, key=lambda word: -len(word)):
        if word in text:
            text = text.replace(word, " ")
    letters: list[str] = []
    others: list[str] = []
    before = " "
    for letter in _without_walks(text):
        if "a" <= letter <= "z" or ord(letter) > 127:
            if letter not in letters:
                letters.append(letter)
        elif letter not in (" ", before):
            others.append(letter)
        before = letter
    varied = len(set(others)) >= LEAST_REST
    return len(letters) + (len(others) // 3 if varied else 0)


def _without_walks(text: str) -> str:
    """What is left when walks over the rows are taken out, the longest first from the left."""
    kept = ""
    at = 0
    while at < len(text):
        size = _walk(text, at)
        if size >= SHORTEST_WALK:
            at += size
            kept += " "
        else:
            kept += text[at]
            at += 1
    return kept


def _walk(text: str, at: int) -> int:
    best = 0
    for line in _LINES:
        while at + best < len(text) and text[at : at + best + 1] in line:
            best += 1
    return best
