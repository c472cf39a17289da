"""AES on single blocks: the interpreter's own (cryptolib) where it has one, else FIPS 197 in Python."""

try:
    from cryptolib import aes as _aes
except ImportError:
    _aes = None

BLOCK = 16
_MODE_ECB = 1  # cryptolib has the modes' names only in some builds, their numbers in all


def make_ecb(key):
    """An object with encrypt(data) and decrypt(data) over whole blocks."""
    return PythonEcb(key) if _aes is None else _LibraryEcb(key)


class _LibraryEcb:
    """cryptolib ties an object to the direction of its first use, so there are two."""

    def __init__(self, key):
        self._encryptor = _aes(key, _MODE_ECB)
        self._decryptor = _aes(key, _MODE_ECB)

    def encrypt(self, data):
        return self._encryptor.encrypt(data)

    def decrypt(self, data):
        return self._decryptor.decrypt(data)


def _double(byte):
    """Times x in GF(2^8), FIPS 197 section 4.2.1."""
    byte <<= 1
    return byte ^ 0x11B if byte & 0x100 else byte


def _make_sbox():
    """The S-box by its definition: inverse in GF(2^8), then the affine map (FIPS 197 section 5.1.1).

    Inverses come from walking the powers of the generator 3 and of its inverse at the same time.
    """
    sbox = bytearray(256)
    p = q = 1
    while True:
        p = p ^ _double(p)
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        if q & 0x80:
            q ^= 0x09
        x = q ^ _rotate(q, 1) ^ _rotate(q, 2) ^ _rotate(q, 3) ^ _rotate(q, 4)
        sbox[p] = x ^ 0x63
        if p == 1:
            break
    sbox[0] = 0x63
    return bytes(sbox)


def _rotate(byte, bits):
    return (byte << bits | byte >> (8 - bits)) & 0xFF


def _invert(sbox):
    inverse = bytearray(256)
    for index in range(256):
        inverse[sbox[index]] = index
    return bytes(inverse)


def _multiples(factor):
    """Every byte times `factor` in GF(2^8)."""
    out = bytearray(256)
    for byte in range(256):
        total, power, rest = 0, byte, factor
        while rest:
            if rest & 1:
                total ^= power
            power = _double(power)
            rest >>= 1
        out[byte] = total
    return bytes(out)


_SBOX = _make_sbox()
_INVERSE = _invert(_SBOX)
_BY_2, _BY_3 = _multiples(2), _multiples(3)
_BY_9, _BY_11, _BY_13, _BY_14 = _multiples(9), _multiples(11), _multiples(13), _multiples(14)

# ShiftRows on the 16 bytes as they lie in a block, column by column, and the way back.
_SHIFT = (0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11)
_UNSHIFT = (0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3)


class PythonEcb:
    """AES with a key of 16 or 32 bytes, one block after the other."""

    def __init__(self, key):
        self._round_keys = _expand(key)

    def encrypt(self, data):
        """Every block of data encrypted."""
        return b"".join([self._encrypt_block(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK)])

    def decrypt(self, data):
        """Every block of data decrypted."""
        return b"".join([self._decrypt_block(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK)])

    def _encrypt_block(self, block):
        keys = self._round_keys
        state = [block[i] ^ keys[0][i] for i in range(BLOCK)]
        for number in range(1, len(keys)):
            state = [_SBOX[state[_SHIFT[i]]] for i in range(BLOCK)]
            if number < len(keys) - 1:
                state = _mix(state)
            key = keys[number]
            state = [state[i] ^ key[i] for i in range(BLOCK)]
        return bytes(state)

    def _decrypt_block(self, block):
        keys = self._round_keys
        state = [block[i] ^ keys[-1][i] for i in range(BLOCK)]
        for number in range(len(keys) - 2, -1, -1):
            state = [_INVERSE[state[_UNSHIFT[i]]] for i in range(BLOCK)]
            key = keys[number]
            state = [state[i] ^ key[i] for i in range(BLOCK)]
            if number:
                state = _unmix(state)
        return bytes(state)


def _mix(s):
    out = []
    for c in (0, 4, 8, 12):
        a, b, d, e = s[c], s[c + 1], s[c + 2], s[c + 3]
        out.append(_BY_2[a] ^ _BY_3[b] ^ d ^ e)
        out.append(a ^ _BY_2[b] ^ _BY_3[d] ^ e)
        out.append(a ^ b ^ _BY_2[d] ^ _BY_3[e])
        out.append(_BY_3[a] ^ b ^ d ^ _BY_2[e])
    return out


def _unmix(s):
    out = []
    for c in (0, 4, 8, 12):
        a, b, d, e = s[c], s[c + 1], s[c + 2], s[c + 3]
        out.append(_BY_14[a] ^ _BY_11[b] ^ _BY_13[d] ^ _BY_9[e])
        out.append(_BY_9[a] ^ _BY_14[b] ^ _BY_11[d] ^ _BY_13[e])
        out.append(_BY_13[a] ^ _BY_9[b] ^ _BY_14[d] ^ _BY_11[e])
        out.append(_BY_11[a] ^ _BY_13[b] ^ _BY_9[d] ^ _BY_14[e])
    return out


def _expand(key):
    """The round keys, 16 bytes each (FIPS 197 section 5.2)."""
    words = len(key) // 4
    rounds = words + 6
    schedule = [bytes(key[4 * i : 4 * i + 4]) for i in range(words)]
    constant = 1
    while len(schedule) < 4 * (rounds + 1):
        word = schedule[-1]
        index = len(schedule)
        if index % words == 0:
            word = bytes([_SBOX[word[1]] ^ constant, _SBOX[word[2]], _SBOX[word[3]], _SBOX[word[0]]])
            constant = _double(constant)
        elif words > 6 and index % words == 4:
            word = bytes([_SBOX[byte] for byte in word])
        before = schedule[index - words]
        schedule.append(bytes([word[i] ^ before[i] for i in range(4)]))
    return [b"".join(schedule[at : at + 4]) for at in range(0, len(schedule), 4)]
