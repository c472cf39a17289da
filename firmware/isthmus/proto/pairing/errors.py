"""Every way in which pairing can fail, as one error with a code. Sentences and remedies stand here once.

A code below REASONS has a number: it crosses the wire in ABORT. The sentence for `told` is what the other router's
administrator reads; no text ever crosses the wire.
"""

from __future__ import annotations

from isthmus.errors import IsthmusError


class PairingError(IsthmusError):
    """Pairing that does not go on. code: below; by_peer: the other router has said so."""

    code = "pairing"
    by_peer = False


class InviteError(PairingError):
    """Text that is no usable invite. code: one of the invite-... codes below."""

    code = "invite"


# Codes of InviteError.
NOT_AN_INVITE = "invite-none"
MISTYPED = "invite-mistyped"
TRUNCATED = "invite-truncated"
TOO_LONG = "invite-too-long"
OTHER_VERSION = "invite-version"
MALFORMED = "invite-malformed"

# Codes of PairingError, with the number that ABORT carries (0: never sent), the sentence here, the sentence for who is
# told it by the other router, and the remedy.
CANCELLED = "cancelled"
EXPIRED = "expired"
SPENT = "spent"
CLOSED = "closed"
WRONG_KEY = "wrong-key"
BETWEEN = "between"
OUT_OF_TURN = "out-of-turn"
BAD_MESSAGE = "bad-message"
NEWER = "newer"
SELF = "self"
PAIRED = "paired"
CROSSED = "crossed"
OVERLAP = "overlap"
UNFIT = "unfit"
CHANGED = "changed"
LATE = "late"
VANISHED = "vanished"
UNREACHED = "unreached"
UNKNOWN_INVITE = "unknown-invite"
NAME_TAKEN = "name-taken"
TOO_MANY = "too-many"
NOT_NOW = "not-now"
OTHER_WORDS = "other-words"
NO_ANSWER = "no-answer"
REFUSED = "refused"
UNKEPT = "unkept"
TOO_OFTEN = "too-often"
PESTERED = "pestered"

FORWARD = (
    "forward UDP 500 and UDP 4500 of the inviting site's Internet router to the inviting router; or make the invite at"
    " the site that can be reached"
)
ANEW = "make a new invite and pair again"
LEAKED = "find out who else could read the invite; then make a new one and send it another way"

ROWS = (
    (CANCELLED, 1, "pairing was cancelled here", "the other side cancelled the pairing", ANEW),
    (EXPIRED, 2, "nobody used the invite within its 10 minutes", "the invite has expired", ANEW),
    (SPENT, 3, "the invite was used already", "somebody has used this invite before you", LEAKED),
    (CLOSED, 4, "five attempts with this invite failed: it is closed",
     "the invite is closed: five attempts with it had failed", LEAKED),
    (WRONG_KEY, 5, "the router that answered is not the one that made the invite",
     "the joining router did not find this router's key in its invite",
     "somebody is between the two routers, or the invite was altered on its way; " + LEAKED),
    (BETWEEN, 6, "somebody is between the two routers and knows the invite",
     "somebody is between the two routers and knows the invite", LEAKED),
    (OUT_OF_TURN, 7, "the other router sent a message out of turn", "the other router found a message out of turn",
     "update both routers to the same release; " + ANEW),
    (BAD_MESSAGE, 8, "the other router sent a message that is malformed", "the other router found a message malformed",
     "update both routers to the same release; " + ANEW),
    (NEWER, 9, "the other router needs something that this release does not know",
     "this router needs something that the other router's release does not know",
     "update both routers to the same release; " + ANEW),
    (SELF, 10, "this invite is this site's own", "this invite is this site's own",
     "enter it at the other site; if it was, one site runs a copy of the other's configuration: reset one of them"),
    (PAIRED, 11, "these two sites are paired already", "these two sites are paired already",
     "use the tunnel there is, or unpair it on both sides first"),
    (CROSSED, 12, "two pairings of the same two sites ran at once, and the other one goes on",
     "two pairings of the same two sites ran at once, and the other one goes on", "finish the other pairing"),
    (OVERLAP, 13, "networks of the two sites overlap, and no alias is free",
     "networks of the two sites overlap, and the other router accepts no alias",
     "give one site other addresses, then " + ANEW),
    (UNFIT, 14, "the other router asks for what cannot be", "the other router refuses what this site announces",
     "correct the networks of that site, then " + ANEW),
    (CHANGED, 15, "this site's networks have changed since they were shown",
     "the other site's networks have changed since they were shown", ANEW),
    (LATE, 16, "not both sides approved within 10 minutes", "not both sides approved within 10 minutes", ANEW),
    (VANISHED, 0, "the other router vanished in the middle of the pairing", "", ANEW),
    (UNREACHED, 0, "the inviting router could not be reached", "",
     FORWARD),
    (UNKNOWN_INVITE, 0, "who answers there does not know this invite", "",
     "it has expired, was cancelled, or the other router was restarted since; " + ANEW),
    (NAME_TAKEN, 0, "there is a tunnel of that name", "", "choose another name for it on this side"),
    (TOO_MANY, 0, "too many pairings are under way", "", "cancel one of them first"),
    (NOT_NOW, 0, "that is not possible at this point of the pairing", "", "look at its state first"),
    (OTHER_WORDS, 0, "these are not the words of this pairing", "",
     "compare the three words on both screens; if they differ, cancel: somebody is in between"),
    (NO_ANSWER, 0, "the other router did not answer, or not to the end", "",
     "see that the tunnel is up and both routers run the same release, then rotate again; the keys in use go on"),
    (UNKEPT, 0, "this router could not keep the new keys", "",
     "make room on this router's disk, then rotate again; the keys in use go on"),
    (REFUSED, 0, "the other router could not keep the new keys", "",
     "make room on the other router's disk, then rotate again; the keys in use go on"),
    (TOO_OFTEN, 0, "the other router has renewed these keys too often lately: 24 times, and then once an hour", "",
     "rotate again in an hour; the keys in use go on"),
    (PESTERED, 0, "the other router asks for new keys too often: 24 times, and then once an hour", "",
     "ask its administrator who rotates there; isthmus unpair ends it; the keys in use go on"),
)  # fmt: skip

REASONS = tuple([(number, code) for code, number, _, _, _ in ROWS if number])


def make(code: str, found: str = "") -> PairingError:
    """The error of this code, as it is said where it was found. found: values for the sentence, behind a colon."""
    for row in ROWS:
        if row[0] == code:
            return PairingError(row[2] + (": " + found if found else ""), row[4], code)
    raise AssertionError("no pairing error '%s'" % code)


def make_told(number: int) -> PairingError:
    """The error that an ABORT with this number tells us."""
    for code, known, _, told, remedy in ROWS:
        if known == number and number:
            error = PairingError(told, remedy, code)
            error.by_peer = True
            return error
    error = PairingError("the other router ended the pairing for a reason numbered %d" % number, ANEW, "unknown")
    error.by_peer = True
    return error


def number_of(code: str) -> int:
    """The number that ABORT carries for this code; 0 if it is never sent."""
    for number, known in REASONS:
        if known == code:
            return number
    return 0
