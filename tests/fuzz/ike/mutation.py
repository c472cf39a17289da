"""Changes to a message that know what a message is: a chain of payloads with lengths, and structures inside them.

A message is a list of [type, flags, body, length or None]: length None is the truth, anything else a lie.
"""

from __future__ import annotations

NUMBERS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 32, 64, 127, 128, 254, 255)
WIDE = (0, 1, 3, 4, 8, 255, 256, 1024, 1025, 16384, 16390, 16393, 32767, 32768, 40969, 65534, 65535)
TYPES = tuple(range(33, 49)) + (53, 0, 1, 128, 200, 255)
MOST = 9000  # bytes of one chain


def split(first, chain):
    """The payloads of a chain as far as it is one; what is left over stands as the body of a last one of type -1."""
    payloads = []
    while first and len(chain) >= 4:
        length = int.from_bytes(chain[2:4], "big")
        if not 4 <= length <= len(chain):
            break
        payloads.append([first, chain[1], chain[4:length], None])
        first, chain = chain[0], chain[length:]
    if chain:
        payloads.append([-1, 0, chain, None])
    return payloads


def join(payloads):
    """(type of the first, bytes)."""
    chain, following = b"", 0
    for kind, flags, body, length in reversed(payloads):
        if kind == -1:
            chain = body + chain
            continue
        claimed = len(body) + 4 if length is None else length
        chain = bytes([following & 255, flags & 255]) + (claimed & 0xFFFF).to_bytes(2, "big") + body + chain
        following = kind
    return following, chain[:MOST]


def mutate(chance, first, chain, others):
    """(type of the first, bytes) of a changed chain. others: (first, chain) to take pieces from."""
    payloads = split(first, chain)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 4, 8))):
        chance.choice(CHANGES)(chance, payloads, others)
    first, chain = join(payloads)
    if chance.randrange(12) == 0:
        chain = blind(chance, chain)
    if chance.randrange(40) == 0:
        first = chance.choice(TYPES)
    return first, chain


def blind(chance, data):
    """One change that knows nothing of structure."""
    data = bytearray(data)
    at = chance.randrange(len(data) + 1)
    kind = chance.randrange(7)
    if kind == 0 and at < len(data):
        data[at] ^= 1 << chance.randrange(8)
    elif kind == 1 and at < len(data):
        data[at] = chance.choice(NUMBERS)
    elif kind == 2 and at + 2 <= len(data):
        data[at : at + 2] = chance.choice(WIDE).to_bytes(2, "big")
    elif kind == 3:
        data[at:] = b""
    elif kind == 4:
        data[at:at] = chance.randbytes(chance.randrange(1, 24))
    elif kind == 5:
        data[at : at + chance.randrange(1, 12)] = b""
    else:
        data[at:at] = data[at : at + chance.randrange(1, 24)]
    return bytes(data)


def _one(chance, payloads):
    return chance.choice(payloads) if payloads else None


def _body(chance, payloads, _others):
    found = _one(chance, payloads)
    if found:
        found[2] = blind(chance, found[2])


def _fields(chance, payloads, _others):
    """A number somewhere in the first bytes of a body, where counts, lengths, types and protocols stand."""
    found = _one(chance, payloads)
    if found and found[2]:
        body = bytearray(found[2])
        at = chance.randrange(min(len(body), 16))
        if chance.randrange(2) or at + 2 > len(body):
            body[at] = chance.choice(NUMBERS)
        else:
            body[at : at + 2] = chance.choice(WIDE).to_bytes(2, "big")
        found[2] = bytes(body)


def _inner_length(chance, payloads, _others):
    """Two bytes that look like the length of what follows them say something near it."""
    found = _one(chance, payloads)
    if not found:
        return
    body = bytearray(found[2])
    places = [
        at for at in range(len(body) - 1) if 4 <= int.from_bytes(body[at : at + 2], "big") <= len(body) - at + 2
    ]
    if places:
        at = chance.choice(places)
        value = int.from_bytes(body[at : at + 2], "big") + chance.choice((-8, -4, -1, 1, 4, 8, 256))
        body[at : at + 2] = (value & 0xFFFF).to_bytes(2, "big")
        found[2] = bytes(body)


def _length(chance, payloads, _others):
    found = _one(chance, payloads)
    if found:
        found[3] = chance.choice((0, 1, 3, 4, 5, len(found[2]), len(found[2]) + 5, 0xFFFF))


def _drop(chance, payloads, _others):
    if payloads:
        payloads.pop(chance.randrange(len(payloads)))


def _double(chance, payloads, _others):
    found = _one(chance, payloads)
    if found:
        for _ in range(chance.choice((1, 1, 2, 60))):
            payloads.insert(chance.randrange(len(payloads) + 1), list(found))


def _swap(chance, payloads, _others):
    if len(payloads) > 1:
        here, there = chance.randrange(len(payloads)), chance.randrange(len(payloads))
        payloads[here], payloads[there] = payloads[there], payloads[here]


def _kind(chance, payloads, _others):
    found = _one(chance, payloads)
    if found:
        found[0] = chance.choice(TYPES)


def _critical(chance, payloads, _others):
    found = _one(chance, payloads)
    if found:
        found[1] ^= chance.choice((0x80, 1, 0x40))


def _foreign(chance, payloads, others):
    """A payload of another message."""
    first, chain = chance.choice(others)
    theirs = split(first, chain)
    if theirs:
        payloads.insert(chance.randrange(len(payloads) + 1), list(chance.choice(theirs)))


def _foreign_body(chance, payloads, others):
    """The body of a payload of the same type in another message."""
    found = _one(chance, payloads)
    first, chain = chance.choice(others)
    fitting = [theirs for theirs in split(first, chain) if found and theirs[0] == found[0]]
    if fitting:
        found[2] = chance.choice(fitting)[2]


def _notify(chance, payloads, _others):
    spi = chance.randbytes(chance.choice((0, 0, 4, 8)))
    body = bytes([chance.choice((0, 1, 2, 3)), len(spi)]) + chance.choice(NOTIFIES).to_bytes(2, "big") + spi
    payloads.insert(
        chance.randrange(len(payloads) + 1), [41, 0, body + chance.randbytes(chance.choice((0, 1, 2, 4, 20, 64))), None]
    )


def _delete(chance, payloads, _others):
    count = chance.choice((0, 1, 2, 64, 65))
    protocol = chance.choice((0, 1, 2, 3))
    size = 4 if protocol in (2, 3) else chance.choice((0, 8))
    body = bytes([protocol, size]) + count.to_bytes(2, "big") + chance.randbytes(count * size)
    payloads.insert(chance.randrange(len(payloads) + 1), [42, 0, body, None])


def _reserved(chance, payloads, _others):
    found = _one(chance, payloads)
    if found and len(found[2]) > 3:
        body = bytearray(found[2])
        body[chance.randrange(1, 4)] = chance.choice(NUMBERS)
        found[2] = bytes(body)


NOTIFIES = (
    1, 4, 5, 7, 9, 11, 14, 17, 24, 34, 35, 36, 37, 38, 39, 43, 44, 16384, 16387, 16388, 16389, 16390, 16391, 16393,
    16394, 16396, 16397, 16398, 16399, 16400, 16401, 16402, 16403, 16417, 16430, 16431, 16435, 16436, 16437,
    40969, 40970, 40971,
)  # fmt: skip

CHANGES = (
    _body, _body, _fields, _fields, _inner_length, _inner_length, _length, _drop, _double, _swap, _kind, _critical,
    _foreign, _foreign_body, _foreign_body, _notify, _notify, _delete, _reserved,
)  # fmt: skip
