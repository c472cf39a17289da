"""Where an attack can strike: an engine brought into each of its states, and what an attacker can send there.

An outsider sees every datagram and may send any, but has no key. An insider has the keys of the IKE SA: the peer
itself gone bad, or anybody at all before IKE_AUTH, since IKE_SA_INIT asks for no proof.
"""

from __future__ import annotations

import sys

from isthmus.proto import actions
from isthmus.proto.ike2.sealing import seal_chain
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike import FLAG_INITIATOR, FLAG_RESPONSE, NO_SPI, Header, push_message
from tests.core.ike_pair import IKE, INNER_A, INNER_B, NAME, A, B, Pair, make_connection
from tests.counts import cases

REKEY_SA = 16393

# What an attack must not cause: everything that an engine can say but a datagram.
NEWS = (
    actions.InstallSa,
    actions.ChildUp,
    actions.ChildGone,
    actions.IkeUp,
    actions.IkeGone,
    actions.PeerSeen,
    actions.Failed,
)


class Scene:
    """One moment of a pair. victim: the side that is attacked; sa: its SA, None where it has none; peer: the other."""

    def __init__(self, name, pair, victim, sa):
        self.name = name
        self.pair = pair
        self.victim = victim
        self.peer = pair.b if victim is pair.a else pair.a
        self.sa = sa

    @property
    def spis(self):
        """(initiator's, responder's SPI) of the victim's SA; made up where it has none."""
        return (self.sa.spi_i, self.sa.spi_r) if self.sa is not None else (b"nobody's", b"no one's")

    def hit(self, data, source=None):
        """One datagram for the victim, by default as from its peer; returns the datagrams that it sends at once."""
        there = source if source is not None else self.peer.endpoint
        self.victim.engine.receive(data, there, self.victim.endpoint, self.pair.now)
        return self.victim.collect()

    def flags(self, is_response=False):
        """The flags with which the victim's peer speaks."""
        initiator = self.sa is None or self.sa.role == actions.RESPONDER
        return (FLAG_INITIATOR if initiator else 0) | (FLAG_RESPONSE if is_response else 0)

    def header(self, exchange, is_response=False, message_id=None):
        """A header as the peer would send it next. message_id: by default the one that the victim waits for."""
        if message_id is None:
            message_id = 0
            if self.sa is not None:
                message_id = self.sa.requests.message_id if is_response else self.sa.responses.expected
        return Header(self.spis[0], self.spis[1], exchange, self.flags(is_response), message_id)

    def clear(self, exchange, payloads, is_response=False, message_id=None):
        """A datagram without any protection."""
        return push_message(self.header(exchange, is_response, message_id), payloads)

    def can_seal(self):
        """True if there are keys by now."""
        return self.sa is not None and self.sa.cipher_in is not None

    def sealed(self, exchange, inner, chain, is_response=False, message_id=None):
        """A datagram of an insider: the peer's keys, and inside whatever he likes."""
        return seal_chain(self.sa.cipher_in, self.header(exchange, is_response, message_id), inner, chain)

    def picture(self):
        """What must be the same after an attack as before."""
        news = tuple([len(self.victim.of(kind)) for kind in NEWS])
        waiting = tuple([len(sa.requests.queue) for sa in self.victim.engine.table.list_all()])
        return tuple(self.victim.states()), news, waiting


def _null():
    pair = Pair()
    return Scene("null", pair, pair.b, None)


def _begun(name, deliveries, victim):
    def make():
        pair = Pair()
        pair.initiate()
        for _ in range(deliveries):
            pair.deliver()
        side = pair.a if victim == "A" else pair.b
        return Scene(name, pair, side, side.engine.table.list_all()[-1])

    return make


def _established(name, victim):
    def make():
        pair = Pair().connect()
        side = pair.a if victim == "A" else pair.b
        return Scene(name, pair, side, side.engine.table.list_all()[-1])

    return make


def _asking():
    scene = _established("established, asking", "A")()
    scene.victim.engine.check_peer(NAME, scene.pair.now)
    scene.pair.collect()
    return scene


def _abandoned():
    scene = _begun("abandoned", 2, "A")()
    scene.victim.engine.delete(NAME, scene.pair.now)
    scene.pair.collect()
    return scene


def _replaced():
    pair = Pair().connect()
    pair.connect()
    return Scene("replaced", pair, pair.b, pair.b.engine.table.list_all()[0])


def _closing():
    scene = _established("closing", "A")()
    scene.victim.engine.delete(NAME, scene.pair.now)
    scene.pair.collect()
    return scene


def _done():
    pair = Pair().connect()
    pair.a.engine.delete(NAME, pair.now)
    pair.collect()
    pair.deliver()
    return Scene("done", pair, pair.b, pair.b.engine.table.list_all()[-1])


# Every state of proto/ike2/states.py that somebody can find an engine in.
SCENES = (
    ("null", _null),
    ("init-sent", _begun("init-sent", 0, "A")),
    ("init-answered", _begun("init-answered", 2, "B")),
    ("auth-sent", _begun("auth-sent", 2, "A")),
    ("established, initiator", _established("established, initiator", "A")),
    ("established, responder", _established("established, responder", "B")),
    ("established, asking", _asking),
    ("abandoned", _abandoned),
    ("replaced", _replaced),
    ("closing", _closing),
    ("done", _done),
)
KEYLESS = ("null", "init-sent")
SEALING = tuple([name for name, _ in SCENES if name not in KEYLESS])


def make_scene(name):
    """A fresh scene by its name."""
    for known, make in SCENES:
        if known == name:
            return make()
    raise KeyError(name)


def all_scenes():
    """One fresh scene for each state, one after the other."""
    for _, make in SCENES:
        yield make()


def sealing_scenes():
    """One fresh scene for each state in which there are keys, one after the other."""
    for name in SEALING:
        yield make_scene(name)


def thin(things, every=1):
    """One in `every` of them on CPython, one in 37 where a handshake takes a second; all of them in a full run."""
    step = cases(every if sys.implementation.name == "cpython" else 37, 1)
    for index, thing in enumerate(things):
        if index % step == 0:
            yield thing


def goes_on(scene):
    """True if the story ends as if there had been no attack: what was under way comes up, what was up still is."""
    pair = scene.pair
    if scene.name == "null":
        pair.connect()
    pair.transfer()
    pair.wait(60_000)
    up = {"established": 1}
    if scene.name in ("abandoned", "closing", "done"):
        up = {}
    for side in (pair.a, pair.b):
        counts = {}
        for state in side.states():
            counts[state] = counts.get(state, 0) + 1
        if counts != up:
            return False
    return not up or answers(pair)


def answers(pair):
    """True if each side still gets an answer of the other."""
    for side in (pair.a, pair.b):
        seen = len(side.of(actions.PeerSeen))
        side.engine.check_peer(NAME, pair.now)
        pair.transfer()
        if len(side.of(actions.PeerSeen)) == seen:
            return False
    return True


def good_peer_gets_in(pair):
    """True if after all that has happened a fresh handshake of the two ends in one SA."""
    pair.flight = []
    pair.wait(120_000)
    before = len(pair.b.of(actions.ChildUp))
    pair.connect()
    pair.wait(120_000)
    return len(pair.b.of(actions.ChildUp)) == before + 1 and len(pair.a.states()) == 1 and len(pair.b.states()) == 1


# Bytes as no program of ours would write them.


def raw_payload(following, body, length=None, critical=0):
    """A payload with its generic header. following: type of the next; length: what the field claims, if not true."""
    claimed = len(body) + 4 if length is None else length
    return bytes([following, critical]) + claimed.to_bytes(2, "big") + body


def raw_message(header, first, chain, length=None):
    """A datagram of a header and raw payloads."""
    claimed = 28 + len(chain) if length is None else length
    numbers = bytes([first, header.version, header.exchange, header.flags])
    spis = header.spi_i + header.spi_r
    return spis + numbers + header.message_id.to_bytes(4, "big") + claimed.to_bytes(4, "big") + chain


def raw_chain(bodies):
    """(type of the first, bytes) of a chain of (type, body)."""
    chain = b""
    following = 0
    for kind, body in reversed(bodies):
        chain = raw_payload(following, body) + chain
        following = kind
    return following, chain


def rekey_bodies(scene, protocol, spi, new_spi=b"\x00\x00\x77\x77"):
    """[(type, body)] of a CREATE_CHILD_SA request that says it rekeys the SA with this protocol and SPI."""
    notify = bytes([protocol, len(spi)]) + REKEY_SA.to_bytes(2, "big") + spi
    transform = bytes([3, 0, 0, 12, 1, 0, 0, 20, 0x80, 14, 0, 128]) + bytes([0, 0, 0, 8, 5, 0, 0, 0])
    inside = bytes([1, 3, 4, 2]) + new_spi + transform
    sa = bytes([0, 0]) + (4 + len(inside)).to_bytes(2, "big") + inside
    ours, theirs = (INNER_B, INNER_A) if scene.victim is scene.pair.a else (INNER_A, INNER_B)
    selector = bytes([1, 0, 0, 0, 8, 115]) + b"\x00\x28\x00\x00\xff\xff"
    return [
        (num.NOTIFY, notify),
        (num.SA, sa),
        (num.NONCE, bytes(range(32))),
        (num.TSI, selector + ours * 2),
        (num.TSR, selector + theirs * 2),
    ]


def fresh_request(seed=0, ike=IKE):
    """The bytes of an honest IKE_SA_INIT request of A."""
    pair = Pair(seed, make_connection("A", ike))
    pair.initiate()
    return pair.flight[0].data


def first_header(spi_i=b"attacker"):
    """The header of an IKE_SA_INIT request."""
    return Header(spi_i, NO_SPI, 34, FLAG_INITIATOR, 0)


SOURCE = A
VICTIM = B
