"""Two engines that rekey and delete, and every order in which their datagrams can travel, be lost or arrive twice.

The orders are walked through like an odometer: each run takes the next choice at its last place of choice.
"""

from __future__ import annotations

from isthmus.children import Children, Limits, key_of
from isthmus.kernel.objects import BEET, Sa
from isthmus.proto import actions
from tests.core.ike_pair import NAME, Pair
from tests.core.ike_walk import Odometer

COMMANDS = {
    "rekey-child": lambda side, now: side.engine.rekey_child(NAME, newest_child(side), now),
    "rekey-ike": lambda side, now: side.engine.rekey_ike(NAME, now),
    "delete-child": lambda side, now: side.engine.delete_child(NAME, newest_child(side), now),
    "delete-ike": lambda side, now: side.engine.delete(NAME, now),
    "reauthenticate": lambda side, now: side.engine.initiate(NAME, now),
}


def newest_child(side):
    """The inbound SPI of the newest pair that is up and no spare one, b"" if there is none."""
    spis = [up.inbound.spi for up in side.of(actions.ChildUp) if up.inbound.spi in side.children() and not up.spare]
    return spis[-1] if spis else b""


def command(pair, side, word):
    """One of COMMANDS at a side of the pair; what it sends goes into flight."""
    COMMANDS[word](side, pair.now)
    pair.collect()


def make_up(seed=0, **changes):
    """A pair that is up."""
    pair = Pair(seed, **changes).connect()
    pair.flight = []
    return pair


def faults(pair):
    """What is wrong with a pair that has come to rest, in words; empty if nothing is."""
    found = compare(pair.a.children(), pair.b.children())
    spis = []
    for side in (pair.a, pair.b):
        sas = side.engine.table.list_all()
        spis.append([(sa.spi_i, sa.spi_r) for sa in sas])
        found += unrest(side, sas)
        if sas and side_ike_id(side) != sas[0].ike_id:
            found.append("the tunnel knows the IKE SA by another number")
        if side.of(actions.RekeyRefused) or [gone for gone in side.of(actions.IkeGone) if gone.error is not None]:
            found.append("something has failed")
    if spis[0] != spis[1]:
        found.append("the IKE SAs differ")
    return ", ".join(found)


def compare(a, b):
    """What is wrong between the pairs of the two sides (Side.children())."""
    found = []
    mirrored = sorted([(up.outbound.spi, up.inbound.spi) for up in b.values()])
    if sorted([(up.inbound.spi, up.outbound.spi) for up in a.values()]) != mirrored:
        found.append("the pairs differ")
    for up in a.values():
        other = b.get(up.outbound.spi)
        if other is not None and up.inbound.keys.encryption != other.outbound.keys.encryption:
            found.append("the keys differ")
    if len(a) > 1 or len(b) > 1:
        found.append("%d and %d pairs" % (len(a), len(b)))
    return found


def unrest(side, sas):
    """What one side has left over."""
    found = []
    if [sa.state for sa in sas] not in ([], ["established"]):
        found.append("states %s" % side.states())
    if side.engine.get_timer() is not None:
        found.append("something still waits")
    children = [child for sa in sas for child in sa.children]
    if sorted([child.inbound_spi for child in children]) != sorted(side.children().keys()):
        found.append("engine and actions differ")
    for sa in sas:
        if sa.task or sa.later or sa.heir or sa.requests.queue or sa.requests.is_waiting or sa.child_spi:
            found.append("%r has not come to rest" % sa)
    for child in children:
        if child.task or child.closing or child.successor:
            found.append("a CHILD SA has not come to rest")
    return found


def side_ike_id(side):
    """The number by which the actions of a side last named its IKE SA, None if it has none."""
    ike_id = None
    for action in side.done:
        if isinstance(action, actions.IkeUp):
            ike_id = action.ike_id
        elif isinstance(action, actions.IkeRekeyed) and action.ike_id == ike_id:
            ike_id = action.new_ike_id
        elif isinstance(action, actions.IkeGone) and action.ike_id == ike_id:
            ike_id = None
    return ike_id


class Frames:
    """What the tunnels of a pair do with its CHILD SAs. `cross`: a frame goes each way, if it can."""

    def __init__(self, pair):
        self.sides = (pair.a, pair.b)
        self.children = [Children(Limits(3_600_000), bytes), Children(Limits(3_600_000), bytes)]
        self.seen = [0, 0]
        self.lost = 0

    def follow(self, now):
        """Tell each tunnel what its engine has said since."""
        for index in (0, 1):
            side, children = self.sides[index], self.children[index]
            for action in side.done[self.seen[index] :]:
                if isinstance(action, actions.ChildUp):
                    children.child_up(action, now)
                elif isinstance(action, actions.ChildGone):
                    children.child_gone(action.inbound_spi, action.reason, now)
            self.seen[index] = len(side.done)
            children.handle_timer(now)

    def cross(self, now):
        """A frame from each side; counted as lost where the other side no longer, or not yet, has the SA."""
        self.follow(now)
        for sender, receiver in ((0, 1), (1, 0)):
            leaving = self.children[sender].current
            key = key_of(leaving.outbound) if leaving is not None else None
            if key not in self.children[receiver].wanted():
                self.lost += 1
                continue
            arrived = Sa(key[0], key[1], leaving.outbound.source, 1, BEET)
            arrived.packets = 1
            self.children[receiver].observed([arrived], now)


class RekeyWalk(Odometer):
    """Every order of the datagrams that two commands set in motion. Each Pair is at rest, and has `lost`, the
    number of frames that were.

    first, second: (side, word of COMMANDS). late: after how many deliveries the second begins. losses, doubles: how
    many datagrams may be lost and delivered twice.
    """

    def __init__(self, first, second=None, losses=0, doubles=0, late=0, seed=0):
        super().__init__()
        self.first = first
        self.second = second
        self.losses = losses
        self.doubles = doubles
        self.late = late
        self.seed = seed

    def _run(self):
        pair = make_up(self.seed)
        frames = Frames(pair)
        frames.cross(pair.now)
        widths = []
        losses, doubles, steps = self.losses, self.doubles, 0
        command(pair, getattr(pair, self.first[0]), self.first[1])
        begun = self.second is None
        while True:
            if not begun and (steps >= self.late or not pair.flight):
                command(pair, getattr(pair, self.second[0]), self.second[1])
                begun = True
            if not pair.flight:
                if not self._may_wait(pair):
                    frames.cross(pair.now)
                    pair.lost = frames.lost
                    return pair, widths
                pair.advance()
                continue
            count = len(pair.flight)
            width = count * (1 + (losses > 0) + (doubles > 0))
            choice = 0
            if width > 1:
                choice = self.choices[len(widths)] if len(widths) < len(self.choices) else 0
                widths.append(width)
            what, index = choice // count, choice % count
            if what == 0:
                pair.deliver(index)
            elif what == 1 and losses:
                pair.drop(index)
                losses -= 1
            else:
                pair.deliver(index, keep=True)
                doubles -= 1
            frames.cross(pair.now)
            steps += 1
            if steps > 200:
                raise AssertionError("the two never stop talking")

    @staticmethod
    def _may_wait(pair):
        return pair.a.engine.get_timer() is not None or pair.b.engine.get_timer() is not None
