"""Several IKE engines in memory, some of them behind address translators that forget what they have mapped."""

from __future__ import annotations

from isthmus.proto import actions
from tests.core.ike_pair import Side

FIRST_PORT = 40_000


class Translator:
    """Shows the endpoints behind it as ports of its own address. forwards: {port: endpoint inside}, for good."""

    def __init__(self, public, inside, forwards=None):
        self.public = public
        self.inside = inside
        self.forwards = forwards or {}
        self.mapped = {}  # endpoint inside: port
        self._next_port = FIRST_PORT

    def forget(self):
        """Every mapping is lost, as by a reboot: the next datagram out gets a new port."""
        self.mapped = {}

    def go_out(self, source):
        """The endpoint that the outside sees."""
        for port, endpoint in self.forwards.items():
            if endpoint == source:
                return self.public, port
        if source not in self.mapped:
            self.mapped[source] = self._next_port
            self._next_port += 1
        return self.public, self.mapped[source]

    def come_in(self, port):
        """The endpoint inside, None if nobody is there."""
        for endpoint, mapped in self.mapped.items():
            if mapped == port:
                return endpoint
        return self.forwards.get(port)


class Network:
    """Sides and translators; delivers everything in order, through them."""

    def __init__(self):
        self.now = 1000
        self.sides = []
        self.translators = []
        self.flight = []
        self.arrived = []  # what was delivered, as its receiver saw it

    def add(self, connection, seed=0):
        """One more side, at its connection's own address."""
        side = Side(connection.local, connection, seed)
        self.sides.append(side)
        return side

    def put_before(self, public, inside, forwards=None):
        """One more translator."""
        self.translators.append(Translator(public, inside, forwards))
        return self.translators[-1]

    def collect(self):
        """Everything that the sides want sent goes into flight."""
        for side in self.sides:
            self.flight.extend(side.collect())

    def deliver(self, datagram):
        """Through the translators to whom it is for; nowhere if nobody is there."""
        source, destination = datagram.source, datagram.destination
        for translator in self.translators:
            if source[0] in translator.inside:
                source = translator.go_out(source)
        for translator in self.translators:
            if destination[0] == translator.public:
                destination = translator.come_in(destination[1])
                if destination is None:
                    return
        self.hand_over(actions.SendDatagram(datagram.data, source, destination))

    def hand_over(self, seen):
        """A datagram as its receiver sees it. The kernel swallows keepalives (RFC 3948 section 2.3)."""
        if len(seen.data) == 1:
            return
        self.arrived.append(seen)
        for side in self.sides:
            if side.endpoint[0] == seen.destination[0]:
                side.engine.receive(seen.data, seen.source, seen.destination, self.now)

    def transfer(self):
        """Deliver until nothing moves."""
        self.collect()
        steps = 0
        while self.flight:
            self.deliver(self.flight.pop(0))
            self.collect()
            steps += 1
            if steps > 2000:
                raise AssertionError("they never stop talking")

    def wait(self, milliseconds):
        """Let time pass, timers included."""
        end = self.now + milliseconds
        while True:
            timers = [side.engine.get_timer() for side in self.sides]
            timers = [timer for timer in timers if timer is not None]
            if not timers or min(timers) > end:
                break
            self.now = max(self.now, min(timers))
            for side in self.sides:
                side.engine.handle_timer(self.now)
            self.transfer()
        self.now = end
