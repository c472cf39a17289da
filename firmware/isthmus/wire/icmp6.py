"""ICMPv6 echo, RFC 4443 section 4: the probe that crosses a tunnel both ways."""
from __future__ import annotations

ECHO_REQUEST = 128  # RFC 4443 4.1
ECHO_REPLY = 129  # RFC 4443 4.2
HEADER = 8


def push_echo_request(identifier: int, sequence: int, payload: bytes) -> bytes:
    """An echo request; its checksum stays zero, the kernel fills it in on a raw ICMPv6 socket (RFC 3542 3.1)."""
    return (
        bytes([ECHO_REQUEST, 0, 0, 0])
        + (identifier & 0xFFFF).to_bytes(2, "big")
        + (sequence & 0xFFFF).to_bytes(2, "big")
        + payload
    )


def pull_echo_reply(message: bytes) -> tuple[int, int, bytes] | None:
    """(identifier, sequence, payload) of an echo reply, None for anything else."""
    if len(message) < HEADER or message[0] != ECHO_REPLY or message[1] != 0:
        return None
    return int.from_bytes(message[4:6], "big"), int.from_bytes(message[6:8], "big"), bytes(message[HEADER:])
