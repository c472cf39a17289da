"""Many IKEv2 initiators at once, from one process: the load for a responder, whoever it is.

Each initiator is an engine of ours (proto/ike2) with an address and an identity of its own; all share one UDP socket.
What can be done before the clock runs is: its key pair and its first datagram lie ready. So a handshake costs this
process one Diffie-Hellman, the keys, and two proofs; how much that is in CPU time is told with each result, and with
it how many handshakes a second this process could have driven at all (its ceiling).
"""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING

from isthmus.crypto.suites import parse_esp_suite, parse_ike_suite
from isthmus.edge.os_cpython_udp import UdpPort
from isthmus.proto.actions import ChildUp, Failed, IkeGone, SendDatagram
from isthmus.proto.ike2.connection import Connection, Retransmit
from isthmus.proto.ike2.engine import Engine
from isthmus.wire.addr import format_ip
from isthmus.wire.identity import ID_FQDN, Identity
from isthmus.wire.ike_numbers import INFORMATIONAL
from isthmus.wire.ike_ts import Selector

if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.wire.addr import Endpoint

PORT = 500
SUITE, ESP_SUITE = "aes256gcm16-prfsha256-x25519", "aes256gcm16"
PSK = b"correct horse battery staple"
HUB_NAME = b"hub.example"
NAME = "hub"
PREFIX = bytes([10, 77])      # initiators are 10.77.x.y
HUB_INNER = bytes([10, 78, 0, 1])
MODE = "tunnel"               # plain RFC 7296: neither transport mode nor Isthmus's own BEET is asked for
RETRANSMIT = Retransmit(1000, 180, 6)
LIMIT_S = 120.0
EXCHANGE = 18  # where the header says it, RFC 7296 section 3.1
BARE = ("no-proposal", "selectors")  # what an authenticated refusal of the CHILD SA becomes


def address_of(number: int) -> bytes:
    """The address of an initiator."""
    return PREFIX + (number + 256).to_bytes(2, "big")


def inner_of(number: int) -> bytes:
    """What it has behind it."""
    return bytes([10, 79]) + (number + 256).to_bytes(2, "big")


def identity_of(number: int) -> Identity:
    """Who it says it is."""
    return Identity(ID_FQDN, b"peer%d.example" % number)


def make_connection(name: str, number: int, hub: bytes, at_hub: bool) -> Connection:
    """The connection between an initiator and the hub, as one of them sees it."""
    here, there = (address_of(number), PORT), (hub, PORT)
    ids = identity_of(number), Identity(ID_FQDN, HUB_NAME)
    inner = [Selector(0, 0, 65535, address, address) for address in (inner_of(number), HUB_INNER)]
    if at_hub:
        here, there, ids = there, here, ids[::-1]
        inner.reverse()
    return Connection(name, here, there, ids[0], ids[1], PSK, [parse_ike_suite(SUITE)], [parse_esp_suite(ESP_SUITE)],
                      inner[0], inner[1], MODE, b"", RETRANSMIT)


class Round:
    """What one round has shown. seconds: from the first datagram to the last initiator that is up; cpu: CPU seconds
    that this process took for it; bare: who came up without a CHILD SA (its kernel has no ESP); failed: texts.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.up = 0
        self.seconds = 0.0
        self.cpu = 0.0
        self.sent = 0
        self.bare = 0
        self.failed: list[str] = []

    @property
    def rate(self) -> float:
        """Handshakes a second."""
        return self.up / self.seconds

    @property
    def ceiling(self) -> float:
        """Handshakes a second that this process could drive if the responder took no time."""
        return self.up / self.cpu


class Initiator:
    """One of the crowd."""

    def __init__(self, number: int, hub: bytes) -> None:
        self.endpoint = (address_of(number), PORT)
        self.engine = Engine(os.urandom)
        self.engine.set_connection(make_connection(NAME, number, hub, at_hub=False))
        self.is_up = False
        self.is_over = False


class Crowd:
    """`count` initiators toward the hub's address, whose socket is open in the namespace that this was made in.

    bare: a responder that proves itself and then refuses the CHILD SA counts as up: charon on a kernel without ESP is
    one. What an initiator then has to say to that (a DELETE) waits for take_down().
    """

    def __init__(self, hub: bytes, count: int, bare: bool = False) -> None:
        self.bare = bare
        self.hub: Endpoint = (hub, PORT)
        self.count = count
        self.port = UdpPort(PORT)
        self.poll = select.poll()
        for fd in self.port.fds():
            self.poll.register(fd, select.POLLIN)
        self.members: dict[bytes, Initiator] = {}
        self.held: list[SendDatagram] | None = None

    def close(self) -> None:
        """Give the port back."""
        self.port.close()

    def prepare(self) -> list[SendDatagram]:
        """Fresh initiators; their first datagrams, not sent yet."""
        self.members = {}
        ready: list[SendDatagram] = []
        for number in range(self.count):
            member = Initiator(number, self.hub[0])
            self.members[member.endpoint[0]] = member
            member.engine.initiate(NAME, now())
            ready += [action for action in member.engine.take_actions() if isinstance(action, SendDatagram)]
        return ready

    def connect(self, ready: list[SendDatagram]) -> Round:
        """Everybody at once, until each is up or has failed. Raises TimeoutError."""
        result = Round(self.count)
        self.held = []
        cpu, start = time.process_time(), time.monotonic()
        for action in ready:
            self.send(action, result)
        self.turn(result, lambda member: member.is_up or member.is_over, start + LIMIT_S)
        result.seconds, result.cpu = time.monotonic() - start, time.process_time() - cpu
        return result

    def take_down(self) -> None:
        """DELETE for everyone, and wait until each is answered. Raises TimeoutError."""
        result = Round(self.count)
        held, self.held = self.held or [], None
        for action in held:
            self.send(action, result)
        for member in self.members.values():
            if member.is_up:
                member.engine.delete(NAME, now())
                self.obey(member, result)
        self.turn(result, lambda member: not len(member.engine.table), time.monotonic() + LIMIT_S)

    def turn(self, result: Round, is_done: Callable[[Initiator], bool], end: float) -> None:
        """Serve sockets and timers until everyone is done."""
        waiting = {address for address, member in self.members.items() if not is_done(member)}
        timers_at = time.monotonic() + 0.1
        while waiting:
            for fd, _ in self.poll.poll(100):
                for data, source, destination in self.port.receive(fd):
                    member = self.members.get(destination[0])
                    if member is None:
                        continue
                    member.engine.receive(data, source, destination, now())
                    self.obey(member, result)
                    if is_done(member):
                        waiting.discard(destination[0])
            if time.monotonic() > timers_at:
                timers_at = time.monotonic() + 0.1
                for address in list(waiting):
                    member = self.members[address]
                    member.engine.handle_timer(now())
                    self.obey(member, result)
                    if is_done(member):
                        waiting.discard(address)
            if time.monotonic() > end:
                first = format_ip(next(iter(waiting)))
                raise TimeoutError(f"{len(waiting)} of {self.count} initiators are not done, such as {first}")

    def obey(self, member: Initiator, result: Round) -> None:
        """Do what an engine asks."""
        for action in member.engine.take_actions():
            if isinstance(action, SendDatagram):
                if self.held is not None and action.data[EXCHANGE] == INFORMATIONAL:
                    self.held.append(action)
                else:
                    self.send(action, result)
            elif isinstance(action, ChildUp):
                member.is_up = True
                result.up += 1
            elif isinstance(action, Failed):
                member.is_over = True
                if self.bare and action.error.code in BARE:
                    result.up += 1
                    result.bare += 1
                else:
                    result.failed.append(str(action.error))
            elif isinstance(action, IkeGone):
                member.is_over = True

    def send(self, action: SendDatagram, result: Round) -> None:
        """A datagram may be lost: the engine sends it again."""
        result.sent += 1
        try:
            self.port.send(action.data, action.source, action.destination)
        except OSError:
            return


def now() -> int:
    """Monotonic milliseconds."""
    return time.monotonic_ns() // 1_000_000
