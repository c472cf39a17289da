"""Isthmus's IKE engine on router A, in the test's own process: real datagrams, no daemon, no SA in this kernel.

What the engine agrees on is compared with the SAs that the peer's kernel has: the same SPIs, algorithms and keys. So a
dozen suites cost a dozen handshakes, and not a dozen daemons.
"""

from __future__ import annotations

import os
import select
import socket
import time
from typing import TYPE_CHECKING

from isthmus.crypto.suites import GROUPS, Suite, parse_esp_suite, parse_ike_suite
from isthmus.proto import actions
from isthmus.proto.ike2.connection import Connection, Ppk, Retransmit
from isthmus.proto.ike2.engine import Engine
from isthmus.proto.ike2.states import ESTABLISHED
from isthmus.wire.addr import format_ip, parse_ip
from isthmus.wire.identity import Identity
from isthmus.wire.ike_ts import Selector
from tests.lab.interop.terms import L2TP_PROTOCOL, PSK, Terms
from tests.lab.namespace import LabError
from tests.lab.topology import WAN_A, WAN_B

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.lab.namespace import Namespace

NAME = "interop"
ID_FQDN = 2           # RFC 7296 3.5
MARKER = bytes(4)     # RFC 3948 2.2: IKE on port 4500
KEEPALIVE = b"\xff"
STEP_S = 0.05


class Bare:
    """The engine between two outer addresses; close() ends it. seen: every action but datagrams."""

    def __init__(self, namespace: Namespace, local: str = WAN_A, remote: str = WAN_B) -> None:
        self.namespace = namespace
        self.local, self.remote = parse_ip(local), parse_ip(remote)
        self.sockets: dict[int, socket.socket] = {}
        self.take_again()
        self.engine = Engine(os.urandom)
        self.seen: list[actions.Action] = []
        self.sent: list[int] = []  # sizes of datagrams
        self.received: list[int] = []

    def take_again(self) -> None:
        """Open the ports."""
        with self.namespace:
            for port in (500, 4500):
                self.sockets[port] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self.sockets[port].bind((format_ip(self.local), port))
                self.sockets[port].setblocking(False)

    def let_go(self) -> None:
        """Say goodbye to the peer, and let go of the ports."""
        self.delete()
        for item in self.sockets.values():
            item.close()
        self.sockets.clear()

    def close(self) -> None:
        """The same, for good."""
        if self.sockets:
            self.let_go()

    def agree(self, terms: Terms, psk: str = PSK) -> None:
        """Take these terms from now on; psk: what we have. SAs of earlier terms end."""
        self.delete()
        self.seen.clear()
        ppk = None if terms.ppk is None else Ppk(terms.ppk[0].encode(), terms.ppk[1].encode(), True)
        self.engine.set_connection(Connection(
            NAME, (self.local, 500), (self.remote, 500), Identity(ID_FQDN, terms.id_a.encode()),
            Identity(ID_FQDN, terms.id_b.encode()), psk.encode(), [parse_ike_suite(word) for word in terms.ike.split()],
            [make_esp(word) for word in terms.esp.split()],
            Selector(L2TP_PROTOCOL, 0, 65535, self.local, self.local),
            Selector(L2TP_PROTOCOL, 0, 65535, self.remote, self.remote), actions.TRANSPORT, b"",
            Retransmit(1000, 150, 4), force_encap=terms.encap, mobike=terms.mobike, fragment=terms.fragments or 1280,
            ppk=ppk))

    def initiate(self) -> None:
        """Begin."""
        self.engine.initiate(NAME, now())

    def delete(self) -> None:
        """Take everything down."""
        self.engine.delete(NAME, now())
        self.run(0.2)

    def rekey_child(self, inbound_spi: bytes) -> None:
        """Rekey the pair with this SPI."""
        self.engine.rekey_child(NAME, inbound_spi, now())

    def rekey_ike(self) -> None:
        """Rekey the IKE SA."""
        self.engine.rekey_ike(NAME, now())

    def check_peer(self) -> None:
        """Ask the peer for a sign of life."""
        self.engine.check_peer(NAME, now())

    def hurry(self, retransmit: Retransmit) -> None:
        """What stands repeats its requests at these intervals from now on."""
        for sa in self.engine.table.find_all(NAME):
            sa.requests.retransmit = retransmit

    def count_established(self) -> int:
        """IKE SAs that stand and are not on their way out."""
        return len([sa for sa in self.engine.table.find_all(NAME) if sa.state == ESTABLISHED])

    def run(self, seconds: float) -> None:
        """Live for so long."""
        end = time.monotonic() + seconds
        self.wait("the end", lambda: time.monotonic() >= end, seconds + 10)

    def wait(self, what: str, condition: Callable[[], Any], limit: float = 30.0) -> Any:
        """Live until condition() gives something true, and return that; LabError with `what` after `limit` seconds."""
        end = time.monotonic() + limit
        while True:
            self.obey()
            answer = condition()
            if answer:
                return answer
            if time.monotonic() > end:
                raise LabError(f"not within {limit:g} s: {what}\n" + "\n".join(map(describe, self.seen[-8:])))
            self.listen()
            self.engine.handle_timer(now())

    def obey(self) -> None:
        """Do what the engine wants done."""
        for action in self.engine.take_actions():
            if isinstance(action, actions.SendDatagram):
                address, port = action.destination
                data = action.data
                if action.source[1] == 4500 and data != KEEPALIVE:
                    data = MARKER + data
                self.sent.append(len(data))
                self.sockets[action.source[1]].sendto(data, (format_ip(address), port))
            else:
                self.seen.append(action)

    def listen(self) -> None:
        """Give the engine what has arrived, or wait for a moment."""
        ready, _, _ = select.select(list(self.sockets.values()), [], [], STEP_S)
        for port, item in self.sockets.items():
            if item not in ready:
                continue
            data, source = item.recvfrom(65535)
            if port == 4500:
                if data[:4] != MARKER:
                    continue  # ESP or a keepalive
                data = data[4:]
            self.received.append(len(data))
            self.engine.receive(data, (parse_ip(source[0]), source[1]), (self.local, port), now())

    def list_seen(self, kind: type) -> list[Any]:
        """The actions of one kind, oldest first."""
        return [action for action in self.seen if isinstance(action, kind)]

    def wait_seen(self, kind: type, count: int = 1, limit: float = 30.0) -> Any:
        """The latest of at least `count` actions of one kind."""
        return self.wait(f"{count} x {kind.__name__}", lambda: len(self.list_seen(kind)) >= count
                         and self.list_seen(kind)[-1], limit)


def make_esp(words: str) -> Suite:
    """An ESP suite; a group at its end is for a key exchange of the CHILD SA's own."""
    cipher, _, last = words.rpartition("-")
    for group in GROUPS:
        if group.name == last:
            return Suite(parse_esp_suite(cipher).cipher, None, group)
    return parse_esp_suite(words)


def now() -> int:
    """Monotonic milliseconds."""
    return time.monotonic_ns() // 1_000_000


def describe(action: actions.Action) -> str:
    """One action and its error, for a test that failed."""
    error = getattr(action, "error", None)
    return f"{action}" + (f": {error.code}: {error.message}" if error is not None else "")


def find_differences(child: actions.ChildUp, namespace: Namespace, *, is_lazy: bool = False) -> list[str]:
    """Where the kernel SAs of the peer's namespace differ from what we have agreed; [] is the proof of equal keys.

    is_lazy: the peer's outbound SA may not be there yet.
    """
    states = [state.split() for state in namespace.run("ip", "xfrm", "state").split("\nsrc ")]
    differences = []
    for spec in (child.outbound,) if is_lazy else (child.inbound, child.outbound):
        spi = "0x" + spec.spi.hex()
        found = [words for words in states if spi in words]
        if not found:
            differences.append(f"no SA {spi} in the peer's kernel")
            continue
        words = found[0]
        keys = [spec.keys.encryption, spec.keys.integrity]
        wanted = ["0x" + key.hex() for key in keys if key]
        cipher = spec.encryption
        names = [cipher.kernel_aead] if cipher.is_aead else [cipher.kernel_crypt, cipher.kernel_auth]
        wanted += [name for name in names if name != "rfc7539esp(chacha20,poly1305)"] + ["transport"]
        wanted += ["esn"] if spec.esn else []
        # Not which: a failed test prints this, and keys are secret.
        differences += [f"{spi}: {shorten(word)} is missing" for word in wanted if word not in words]
        icv = str(cipher.icv_bits)
        if icv not in words:
            differences.append(f"{spi}: no ICV of {icv} bits")
    return differences


def shorten(word: str) -> str:
    """A key is not shown."""
    return "its key" if word.startswith("0x") else word
