"""IKE identities: text as an administrator writes it <-> (kind, data) as it stands in an ID payload.

Source: RFC 7296 section 3.5. The `@`, `@@` and `@#` spellings are those of the strongSwan and libreswan files that
administrators already have.
"""

from __future__ import annotations

from isthmus.wire.addr import IPV4_BYTES, format_ip, is_ip, parse_ip

# IKEv2 Identification Payload ID Types, in registry order; 9 and 10 (names in certificates) are not spoken here yet.
ID_IPV4_ADDR = 1
ID_FQDN = 2
ID_RFC822_ADDR = 3
ID_IPV6_ADDR = 5
ID_KEY_ID = 11

MAX_ID_BYTES = 255
ALLOWED = "an address, a name (branch.example.net), a mail address (user@example.net), or keyid: and hex digits"


class Identity:
    """Who an IKE peer says it is. `kind`: one of ID_*; `data`: the bytes of the ID payload after its header."""

    def __init__(self, kind: int, data: bytes) -> None:
        self.kind = kind
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and self.kind == other.kind and self.data == other.data

    def __hash__(self) -> int:
        return hash((self.kind, self.data))

    def __str__(self) -> str:
        return format_identity(self)

    def __repr__(self) -> str:
        return "Identity(%s)" % format_identity(self)


def identity_of_address(address: bytes) -> Identity:
    """The identity that is an address of 4 or 16 bytes: the default where none is configured."""
    return Identity(ID_IPV4_ADDR if len(address) == IPV4_BYTES else ID_IPV6_ADDR, address)


def is_host_name(text: str) -> bool:
    """True for a DNS name as people write it: labels of letters, digits, `-` and `_`, 253 characters at most.

    A name whose last label is a number is none: it is a mistyped address (RFC 3696 section 2).
    """
    raw = text.encode()
    if not 1 <= len(raw) <= 253:
        return False
    labels = raw.split(b".")
    for label in labels:
        if not 1 <= len(label) <= 63 or label[:1] == b"-" or label[-1:] == b"-":
            return False
        for byte in label:
            if not (0x30 <= byte <= 0x39 or 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A or byte in b"-_"):
                return False
    return not _is_number(labels[-1])


def _is_number(raw: bytes) -> bool:
    return all(0x30 <= byte <= 0x39 for byte in raw)


def _parse_hex(text: str) -> bytes:
    digits = text.encode().replace(b":", b"")
    if not digits or len(digits) % 2 or len(digits) > MAX_ID_BYTES * 2:
        raise ValueError("a key id is 1 to %d bytes in hex digits, two for each" % MAX_ID_BYTES)
    for byte in digits:
        if byte not in b"0123456789abcdefABCDEF":
            raise ValueError("a key id is written in hex digits")
    return bytes([int(digits[i : i + 2], 16) for i in range(0, len(digits), 2)])


def _parse_mail(text: str) -> Identity:
    at = text.find("@")
    user, domain = text[:at], text[at + 1 :]
    if at < 1 or not is_host_name(domain) or len(text.encode()) > MAX_ID_BYTES:
        raise ValueError("'%s' is not a mail address" % text[:64])
    for byte in user.encode():
        if not 33 <= byte <= 126:
            raise ValueError("'%s' has a character that no mail address has before its @" % text[:64])
    return Identity(ID_RFC822_ADDR, text.encode())


def parse_identity(text: str) -> Identity:
    """The identity behind a text. Raises ValueError with the reason.

    192.0.2.1, 2001:db8::1 -> address; user@example.net or @@user@example.net -> mail address; @branch or
    branch.example.net -> name; keyid:00c0ffee or @#00c0ffee -> key id.
    """
    if text[:6] == "keyid:":
        return Identity(ID_KEY_ID, _parse_hex(text[6:]))
    if text[:2] == "@#":
        return Identity(ID_KEY_ID, _parse_hex(text[2:]))
    if text[:2] == "@@":
        return _parse_mail(text[2:])
    if is_ip(text):
        return identity_of_address(parse_ip(text))
    name = text[1:] if text[:1] == "@" else text
    if "@" in name:
        return _parse_mail(name)
    if "=" in name:
        raise ValueError("'%s' looks like a name from a certificate, and tunnels use a shared key" % text[:64])
    if not is_host_name(name):
        raise ValueError("'%s' is not an identity" % text[:64])
    return Identity(ID_FQDN, name.encode())


def format_identity(identity: Identity) -> str:
    """Text that parse_identity reads back to the same identity, safe to print whatever a peer has sent."""
    kind, data = identity.kind, identity.data
    if (kind == ID_IPV4_ADDR and len(data) == 4) or (kind == ID_IPV6_ADDR and len(data) == 16):
        return format_ip(data)
    text = _printable(data)
    if kind == ID_FQDN and is_host_name(text):
        return text
    if kind == ID_RFC822_ADDR and "@" in text:
        return text
    digits = "".join(["%02x" % byte for byte in data[:64]]) + ("..." if len(data) > 64 else "")
    return "keyid:" + digits if kind == ID_KEY_ID else "kind %d:%s" % (kind, digits)


def _printable(data: bytes) -> str:
    for byte in data:
        if not 33 <= byte <= 126:
            return ""
    return data.decode()
