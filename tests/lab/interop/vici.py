"""strongSwan's control protocol, as its README.vici describes it: packets of a length, a type, a name and a tree.

A tree is a dict of str to str, list of str, or dict. Talking to the socket ourselves saves starting `swanctl`, which
under emulation takes seconds, and keeps secrets out of files and command lines.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

REQUEST, RESPONSE, UNKNOWN, REGISTER, UNREGISTER, CONFIRM, _EVENT_UNKNOWN, EVENT = range(8)
SECTION_START, SECTION_END, KEY_VALUE, LIST_START, LIST_ITEM, LIST_END = range(1, 7)

Tree = dict[str, Any]


class ViciError(Exception):
    """charon refused a command; the text is its own."""


def push_name(name: str) -> bytes:
    """A name: one byte of length."""
    data = name.encode()
    return bytes([len(data)]) + data


def push_tree(tree: Tree) -> bytes:
    """The elements of a tree."""
    out = bytearray()
    for name, value in tree.items():
        if isinstance(value, dict):
            out += bytes([SECTION_START]) + push_name(name) + push_tree(value) + bytes([SECTION_END])
        elif isinstance(value, list):
            out += bytes([LIST_START]) + push_name(name)
            for item in value:
                out += bytes([LIST_ITEM]) + struct.pack(">H", len(item.encode())) + item.encode()
            out += bytes([LIST_END])
        else:
            data = str(value).encode()
            out += bytes([KEY_VALUE]) + push_name(name) + struct.pack(">H", len(data)) + data
    return bytes(out)


def pull_tree(data: bytes) -> Tree:
    """The tree of these elements."""
    tree: Tree = {}
    stack: list[Any] = [tree]
    place = 0

    def take(width: int) -> str:
        nonlocal place
        size = int.from_bytes(data[place:place + width], "big")
        text = data[place + width:place + width + size].decode(errors="replace")
        place += width + size
        return text

    while place < len(data):
        kind = data[place]
        place += 1
        if kind in {SECTION_START, LIST_START}:
            name = take(1)
            stack[-1][name] = {} if kind == SECTION_START else []
            stack.append(stack[-1][name])
        elif kind == KEY_VALUE:
            name = take(1)
            stack[-1][name] = take(2)
        elif kind == LIST_ITEM:
            stack[-1].append(take(2))
        else:
            stack.pop()
    return tree


class Vici:
    """One connection to charon's socket."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30)
        self.socket.connect(str(path))

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def send(self, kind: int, name: str, tree: Tree | None = None) -> None:
        """One packet."""
        data = bytes([kind]) + push_name(name) + push_tree(tree or {})
        self.socket.sendall(struct.pack(">I", len(data)) + data)

    def receive(self) -> tuple[int, Tree]:
        """The next packet: its type and tree."""
        data = self.receive_bytes(int.from_bytes(self.receive_bytes(4), "big"))
        if data[0] == EVENT:
            return data[0], pull_tree(data[2 + data[1]:])
        return data[0], pull_tree(data[1:])

    def receive_bytes(self, count: int) -> bytes:
        """Exactly so many."""
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise ViciError("charon hung up")
            data += part
        return data

    def ask(self, command: str, tree: Tree | None = None) -> Tree:
        """One command; its answer. ViciError when charon says no."""
        self.send(REQUEST, command, tree)
        kind, answer = self.receive()
        if kind != RESPONSE:
            raise ViciError(f"{command}: charon does not know it")
        if answer.get("success", "yes") != "yes":
            raise ViciError(f"{command}: {answer.get('errmsg', 'no reason given')}")
        return answer

    def stream(self, command: str, event: str, tree: Tree | None = None) -> list[Tree]:
        """A command that answers in events, such as list-sas in list-sa; what they carried."""
        self.send(REGISTER, event)
        if self.receive()[0] != CONFIRM:
            raise ViciError(f"{event}: charon does not know this event")
        self.send(REQUEST, command, tree)
        events = []
        while True:
            kind, found = self.receive()
            if kind != EVENT:
                break
            events.append(found)
        self.send(UNREGISTER, event)
        self.receive()
        return events
