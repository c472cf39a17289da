"""PPTP's control connection and GRE packets (RFC 2637), byte by byte, for the tests of passthrough and the lab."""

from __future__ import annotations

import socket
import struct
from typing import Protocol

GRE = 47
PPTP_PORT = 1723
PATIENCE_S = 20.0
MAGIC = 0x1A2B3C4D  # RFC 2637 1.4
START_REQUEST, START_REPLY, CALL_REQUEST, CALL_REPLY = 1, 2, 7, 8
SAME_CALL = 77  # what both clients call their call: nothing keeps them from it
GRE_FRAME = "!BBHHHI"  # flags, version 1, protocol, length, call id, sequence number (RFC 2637 4.1)


def message(kind: int, body: bytes) -> bytes:
    """A control message."""
    return struct.pack("!HHIHH", 12 + len(body), 1, MAGIC, kind, 0) + body


def start(kind: int) -> bytes:
    """Start-Control-Connection-Request or -Reply (RFC 2637 2.1, 2.2)."""
    result = struct.pack("!BB", 1, 0) if kind == START_REPLY else bytes(2)
    return message(kind, struct.pack("!H", 0x0100) + result + struct.pack("!IIHH", 1, 1, 0, 1) + bytes(128))


def call_request(call: int) -> bytes:
    """Outgoing-Call-Request (RFC 2637 2.7)."""
    return message(CALL_REQUEST, struct.pack("!HHIIIIHHHH", call, 1, 300, 100000000, 1, 1, 64, 0, 0, 0) + bytes(128))


def call_reply(call: int, peer: int) -> bytes:
    """Outgoing-Call-Reply (RFC 2637 2.8)."""
    return message(CALL_REPLY, struct.pack("!HHBBHIHHI", call, peer, 1, 0, 0, 100000000, 64, 0, 0))


def read(sock: socket.socket) -> tuple[int, bytes]:
    """(kind, body) of one control message."""
    head = b""
    while len(head) < 12:
        head += sock.recv(12 - len(head))
    length, _, magic, kind, _ = struct.unpack("!HHIHH", head)
    assert magic == MAGIC, hex(magic)
    body = b""
    while len(body) < length - 12:
        body += sock.recv(length - 12 - len(body))
    return kind, body


class Place(Protocol):
    """A namespace: Net here, a Namespace with a socket() of its own in the lab."""

    def socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket that stays in it."""


class Call:
    """One client's control connection to a server, and its call, up to where GRE begins. own: the server's call id.

    seen_by_server, seen_by_client: what each end takes for the other's call id.
    """

    def __init__(self, client: Place, server: Place, listener: socket.socket, own: int) -> None:
        self.client, self.server = client, server
        self.to = listener.getsockname()[0]
        self.control = client.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.control.settimeout(PATIENCE_S)
        self.control.connect((self.to, PPTP_PORT))
        answering, address = listener.accept()
        self.answering = answering
        answering.settimeout(PATIENCE_S)
        self.control.sendall(start(START_REQUEST))
        assert read(answering)[0] == START_REQUEST
        answering.sendall(start(START_REPLY))
        assert read(self.control)[0] == START_REPLY
        self.control.sendall(call_request(SAME_CALL))
        self.seen_by_server = struct.unpack_from("!H", read(answering)[1])[0]
        self.server_call = own
        answering.sendall(call_reply(own, self.seen_by_server))
        body = read(self.control)[1]
        self.seen_by_client, self.own_in_reply = struct.unpack_from("!HH", body)
        self.address = address[0]

    def up(self, token: bytes) -> None:
        """A GRE packet from the client."""
        gre(self.client, self.to, self.seen_by_client, token)

    def down(self, token: bytes) -> None:
        """One from the server, to where it has seen the client."""
        gre(self.server, self.address, self.seen_by_server, token)

    def close(self) -> None:
        """Both ends of the control connection."""
        self.control.close()
        self.answering.close()


def gre(net: Place, to: str, call: int, payload: bytes) -> None:
    """One packet of PPP's GRE."""
    with net.socket(socket.AF_INET, socket.SOCK_RAW, GRE) as sock:
        sock.sendto(struct.pack(GRE_FRAME, 0x30, 0x01, 0x880B, len(payload), call, 1) + payload, (to, 0))
