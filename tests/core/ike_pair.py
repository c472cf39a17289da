"""Two IKE engines in memory, a virtual clock, and a network that loses, doubles and reorders as the test wants.

Everything random comes from a seed, so that a failure can be repeated by its number.
"""

from __future__ import annotations

import hashlib

from isthmus.crypto.suites import parse_esp_suite, parse_ike_suite
from isthmus.proto import actions
from isthmus.proto.ike2.connection import Connection, Retransmit
from isthmus.proto.ike2.engine import Engine
from isthmus.wire.addr import parse_ip
from isthmus.wire.identity import Identity
from isthmus.wire.ike_ts import Selector

A, B = (parse_ip("192.0.2.1"), 500), (parse_ip("198.51.100.1"), 500)
ID_A, ID_B = Identity(2, b"a.example"), Identity(2, b"b.example")
INNER_A, INNER_B = parse_ip("fd69:7374:686d::a"), parse_ip("fd69:7374:686d::b")
PSK = b"correct horse battery staple"

IKE = "aes128gcm16-prfsha256-x25519"
ESP = "aes128gcm16"
NAME = "branch"


class Random:
    """rng(n): bytes that look random and repeat for a seed."""

    def __init__(self, seed):
        self._seed = ("%s" % (seed,)).encode()
        self._count = 0
        self._left = b""

    def __call__(self, count):
        while len(self._left) < count:
            self._count += 1
            self._left += hashlib.sha256(self._seed + b":%d" % self._count).digest()
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def below(self, limit):
        """A number from 0 to limit - 1."""
        return int.from_bytes(self(4), "big") % limit


def make_connection(here="A", ike=IKE, esp=ESP, **changes):
    """The connection as one side sees it. changes: attributes to be different from a pair that fits."""
    local, remote = (A, B) if here == "A" else (B, A)
    local_id, remote_id = (ID_A, ID_B) if here == "A" else (ID_B, ID_A)
    inner, outer = (INNER_A, INNER_B) if here == "A" else (INNER_B, INNER_A)
    connection = Connection(
        NAME,
        local,
        remote,
        local_id,
        remote_id,
        PSK,
        [parse_ike_suite(text) for text in ike.split()],
        [parse_esp_suite(text) for text in esp.split()],
        Selector(115, 0, 65535, inner, inner),
        Selector(115, 0, 65535, outer, outer),
        actions.BEET,
        b"l2tpv3 derived 0",
        Retransmit(500, 180, 7),
    )
    for name, value in changes.items():
        if not hasattr(connection, name):
            raise KeyError(name)
        setattr(connection, name, value)
    return connection


class Side:
    """One engine and everything it has ever asked for."""

    def __init__(self, endpoint, connection, seed):
        self.endpoint = endpoint
        self.engine = Engine(Random("%s %s" % (seed, endpoint[0].hex())))
        self.done = []
        if connection is not None:
            self.engine.set_connection(connection)

    def collect(self):
        """Take the actions; returns the datagrams among them."""
        for sa in self.engine.table.get_all():
            if sa.state != "established" and sa.get_timer() is None:
                raise AssertionError("%r never ends" % sa)
        taken = self.engine.take_actions()
        self.done.extend(taken)
        return [action for action in taken if isinstance(action, actions.SendDatagram)]

    def collect_and_forget(self):
        """The same for thousands of datagrams: kept ones would lie all over MicroPython's heap, which moves nothing."""
        before = len(self.done)
        sent = self.collect()
        self.done = self.done[:before] + [action for action in self.done[before:] if action not in sent]
        return sent

    def of(self, kind):
        """Every action of one class so far."""
        return [action for action in self.done if isinstance(action, kind)]

    def states(self):
        """States of all IKE SAs, the oldest first."""
        return [sa.state for sa in self.engine.table.list_all()]

    def children(self):
        """The CHILD SAs that are up, by inbound SPI: ChildUp actions without their ChildGone."""
        up = {}
        for action in self.done:
            if isinstance(action, actions.ChildUp):
                up[action.inbound.spi] = action
            elif isinstance(action, actions.ChildGone):
                up.pop(action.inbound_spi)
        return up

    def error(self):
        """The code of the newest Failed, None if nothing has failed."""
        failed = self.of(actions.Failed)
        return failed[-1].error.code if failed else None


class Pair:
    """Two sides and the network between them.

    flight: datagrams on their way, in order. In the simplest use `transfer` delivers until nothing moves.
    """

    def __init__(self, seed=0, a=None, b=None):
        self.now = 1000
        self.a = Side(A, a if a is not None else make_connection("A"), seed)
        self.b = Side(B, b if b is not None else make_connection("B"), seed)
        self.flight = []

    def side_at(self, endpoint):
        """The side that has this endpoint, None if nobody has."""
        for side in (self.a, self.b):
            if side.endpoint[0] == endpoint[0] and endpoint[1] in (side.endpoint[1], 4500):
                return side
        return None

    def collect(self):
        """Everything that the two want sent goes into flight."""
        for side in (self.a, self.b):
            self.flight.extend(side.collect())

    def deliver(self, index=0, keep=False):
        """Deliver one datagram in flight; keep: leave it there, to be delivered again."""
        datagram = self.flight[index] if keep else self.flight.pop(index)
        side = self.side_at(datagram.destination)
        if side is not None:
            side.engine.receive(datagram.data, datagram.source, datagram.destination, self.now)
        self.collect()
        return datagram

    def drop(self, index=0):
        """Lose one datagram in flight."""
        return self.flight.pop(index)

    def transfer(self):
        """Deliver everything in order until nothing moves."""
        self.collect()
        steps = 0
        while self.flight:
            self.deliver()
            steps += 1
            if steps > 1000:
                raise AssertionError("the two never stop talking")

    def advance(self):
        """Let time pass to the next timer. False if there is none."""
        timers = [timer for timer in (self.a.engine.get_timer(), self.b.engine.get_timer()) if timer is not None]
        if not timers:
            return False
        self.now = max(self.now, min(timers))
        for side in (self.a, self.b):
            side.engine.handle_timer(self.now)
        self.collect()
        return True

    def wait(self, milliseconds):
        """Let time pass, timers included, delivering everything that is sent."""
        end = self.now + milliseconds
        while True:
            timers = [timer for timer in (self.a.engine.get_timer(), self.b.engine.get_timer()) if timer is not None]
            if not timers or min(timers) > end:
                break
            self.advance()
            self.transfer()
        self.now = end

    def initiate(self, side=None):
        """Start at a side (A if not said), without delivering."""
        (side or self.a).engine.initiate(NAME, self.now)
        self.collect()

    def connect(self, side=None):
        """A whole handshake."""
        self.initiate(side)
        self.transfer()
        return self


def agreed(pair):
    """True if both have the same one CHILD SA up and nothing else."""
    ours, theirs = list(pair.a.children().values()), list(pair.b.children().values())
    if len(ours) != 1 or len(theirs) != 1:
        return False
    a, b = ours[0], theirs[0]
    return (
        a.inbound.spi == b.outbound.spi
        and a.outbound.spi == b.inbound.spi
        and a.inbound.keys.encryption == b.outbound.keys.encryption
        and a.outbound.keys.encryption == b.inbound.keys.encryption
    )
