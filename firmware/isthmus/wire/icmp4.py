"""ICMP echo, RFC 792: the probe toward a peer whose address on the tunnel is an IPv4 one."""
from __future__ import annotations

ECHO_REQUEST = 8  # RFC 792, "Echo or Echo Reply Message"
ECHO_REPLY = 0
HEADER = 8


def checksum(message: bytes) -> int:
    """The Internet checksum (RFC 1071) of a message whose own field is zero."""
    padded = message + b"\0" * (len(message) % 2)
    total = 0
    for at in range(0, len(padded), 2):
        total += padded[at] << 8 | padded[at + 1]
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def push_echo_request(identifier: int, sequence: int, payload: bytes) -> bytes:
    """An echo request with its checksum: on a raw IPv4 socket the kernel does not fill it in."""
    rest = (identifier & 0xFFFF).to_bytes(2, "big") + (sequence & 0xFFFF).to_bytes(2, "big") + payload
    head = bytes([ECHO_REQUEST, 0])
    return head + checksum(head + b"\0\0" + rest).to_bytes(2, "big") + rest


def pull_echo_reply(message: bytes) -> tuple[int, int, bytes] | None:
    """(identifier, sequence, payload) of an echo reply, None for anything else; the kernel has checked its checksum."""
    if len(message) < HEADER or message[0] != ECHO_REPLY or message[1] != 0:
        return None
    return int.from_bytes(message[4:6], "big"), int.from_bytes(message[6:8], "big"), bytes(message[HEADER:])
