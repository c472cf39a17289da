"""Where mutated messages land: an engine stopped at one moment of one story, and the honest messages of all stories.

A story is told by two engines in memory; it is stopped after each of its datagrams, and each side is a victim there.
"""

from __future__ import annotations

import functools

from isthmus.proto import actions
from isthmus.proto.ike2.connection import Ppk
from isthmus.proto.ike2.sealing import open_sk, seal_chain, seal_fragment, unpad
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader, WireError
from isthmus.wire.ike import FLAG_INITIATOR, FLAG_RESPONSE, NO_SPI, Header, pull_header, pull_message
from isthmus.wire.ike_payloads import SkfPayload
from tests.core.attacks.scenes import raw_message
from tests.core.ike_pair import ESP, IKE, NAME, A, B, Side, make_connection
from tests.core.ike_pairing import make_pairing

CBC = "aes256-sha256-prfsha256-x25519"
ECP = "aes128gcm16-prfsha256-ecp256"
LONGEST = 14  # datagrams of one story


class Told:
    """Two sides and what is on its way between them; ports do not matter for who gets it."""

    def __init__(self, a, b, seed=0):
        self.now = 1000
        self.a = Side(A, a, seed)
        self.b = Side(B, b, seed)
        self.flight = []

    def collect(self):
        for side in (self.a, self.b):
            self.flight.extend(side.collect())

    def deliver(self):
        datagram = self.flight.pop(0)
        side = self.a if datagram.destination[0] == A[0] else self.b
        side.engine.receive(datagram.data, datagram.source, datagram.destination, self.now)
        self.collect()

    def settle(self):
        for _ in range(100):
            if not self.flight:
                return
            self.deliver()

    def connect(self):
        self.a.engine.initiate(NAME, self.now)
        self.collect()
        self.settle()
        return self


def _plain(**changes):
    return lambda: Told(make_connection("A", **changes), make_connection("B", **changes))


def _pairing():
    """Either side may begin, as in the other variants."""
    a, b = make_pairing("A"), make_pairing("B")
    a.answers, b.remote = True, A
    return Told(a, b)


VARIANTS = {
    "plain": _plain(),
    "cbc": _plain(ike=CBC, esp="aes256-sha256"),
    "encapsulated": _plain(force_encap=True),
    "uncut": _plain(fragment=0),
    "other group": lambda: Told(make_connection("A", IKE + " " + ECP), make_connection("B", ECP)),
    "transport": _plain(mode=actions.TRANSPORT, link=b""),
    "ppk": _plain(ppk=Ppk(b"shared ppk", bytes(range(32)), True)),
    "ppk if there is one": lambda: Told(
        make_connection("A", ppk=Ppk(b"shared ppk", bytes(range(32)), False)), make_connection("B")
    ),
    "in parts": _plain(fragment=576, link=b"l" * 1100),
    "no proposal": lambda: Told(make_connection("A", esp=ESP), make_connection("B", esp="aes256gcm16")),
    "pairing": _pairing,
    "other key": lambda: Told(make_connection("A"), make_connection("B", psk=b"another one")),
}


def _begin(told):
    told.a.engine.initiate(NAME, told.now)


def _cross(told):
    told.a.engine.initiate(NAME, told.now)
    told.b.engine.initiate(NAME, told.now)


def _ask(told):
    told.connect().b.engine.check_peer(NAME, told.now)


def _end(told):
    told.connect().a.engine.delete(NAME, told.now)


def _both_end(told):
    told.connect().a.engine.delete(NAME, told.now)
    told.b.engine.delete(NAME, told.now)


def _again(told):
    told.connect().b.engine.initiate(NAME, told.now)


def _newest(side):
    """The newest CHILD SA's SPI; one that is nobody's where there is none."""
    children = [child for sa in side.engine.table.find_all(NAME) for child in sa.children]
    return children[-1].inbound_spi if children else b"none"


def _rekey_child(told):
    told.connect().a.engine.rekey_child(NAME, _newest(told.a), told.now)


def _both_rekey_child(told):
    _rekey_child(told)
    told.b.engine.rekey_child(NAME, _newest(told.b), told.now)


def _rekey_ike(told):
    told.connect().a.engine.rekey_ike(NAME, told.now)


def _both_rekey_ike(told):
    _rekey_ike(told)
    told.b.engine.rekey_ike(NAME, told.now)


def _move(told):
    told.connect().a.engine.move(NAME, (bytes([192, 0, 2, 77]), 4500), B, told.now)


def _tell(told):
    told.connect().a.engine.tell_newest(NAME, b"a word", told.now)
    told.b.engine.tell_newest(NAME, bytes(1500), told.now)


def _close(told):
    _tell(told)
    for side in (told.a, told.b):
        for up in side.of(actions.IkeUp):
            side.engine.close(up.ike_id, told.now)


STORIES = {
    "begin": (_begin, ""),
    "cross": (_cross, ""),
    "ask": (_ask, ""),
    "end": (_end, ""),
    "both end": (_both_end, ""),
    "again": (_again, ""),
    "rekey child": (_rekey_child, "rekey_child"),
    "both rekey child": (_both_rekey_child, "rekey_child"),
    "rekey ike": (_rekey_ike, "rekey_ike"),
    "both rekey ike": (_both_rekey_ike, "rekey_ike"),
    "move": (_move, "move"),
    "tell": (_tell, "tell"),
    "close": (_close, "close"),
}


class Arena:
    """One moment: `told` after `deliveries` datagrams of a story; victim: "a" or "b"."""

    def __init__(self, variant, story, deliveries, who):
        self.name = f"{variant}, {story}, {deliveries}, {who}"
        self.told = VARIANTS[variant]()
        self.ended = False
        begin, needed = STORIES[story]
        if needed and not hasattr(self.told.a.engine, needed):
            self.ended = True
            return
        begin(self.told)
        self.told.collect()
        for _ in range(deliveries):
            if not self.told.flight:
                self.ended = True
                return
            self.told.deliver()
        self.victim = self.told.a if who == "a" else self.told.b
        self.peer = self.told.b if who == "a" else self.told.a
        self.ended = not self.victim.engine.table.list_all()

    def signature(self):
        """What tells two arenas apart for a fuzzer."""
        return tuple(
            (sa.role, sa.state, sa.requests.exchange if sa.requests.is_waiting else 0, len(sa.children))
            for sa in self.victim.engine.table.list_all()
        )

    def harvest(self):
        """(exchange, is_response, first, chain) of every datagram in flight that can be opened."""
        for datagram in self.told.flight:
            found = open_any(self.told, datagram.data)
            if found is not None:
                yield found

    def wrap(self, chance, exchange, is_response, first, chain):
        """(datagram, sealed) that brings this chain to the victim."""
        sas = self.victim.engine.table.list_all()
        sa = chance.choice(sas) if sas else None
        if exchange == num.IKE_SA_INIT and not is_response:
            header = Header(chance.randbytes(8), NO_SPI, exchange, FLAG_INITIATOR, 0)
            return raw_message(header, first, chain), False
        if sa is None:
            header = Header(chance.randbytes(8), chance.randbytes(8), exchange, FLAG_INITIATOR, 0)
            return raw_message(header, first, chain), False
        flags = (FLAG_INITIATOR if sa.role == actions.RESPONDER else 0) | (FLAG_RESPONSE if is_response else 0)
        message_id = sa.requests.message_id if is_response else sa.responses.expected
        if chance.randrange(12) == 0:
            message_id = chance.choice((0, 1, 2, message_id + 1, message_id - 1 & 0xFFFFFFFF, 0xFFFFFFFF))
        spi_r = sa.spi_r if sa.spi_r != NO_SPI or exchange != num.IKE_SA_INIT else chance.randbytes(8)
        header = Header(sa.spi_i, spi_r, exchange, flags, message_id)
        if exchange == num.IKE_SA_INIT:
            header.message_id = 0 if chance.randrange(8) else message_id
            return raw_message(header, first, chain), False
        if sa.cipher_in is None or chance.randrange(10) == 0:
            return raw_message(header, first, chain), False
        if sa.fragments.agreed and chance.randrange(4) == 0:
            return self._wrap_part(chance, sa, header, first, chain), True
        return seal_chain(sa.cipher_in, header, first & 255, chain), True


    @staticmethod
    def _wrap_part(chance, sa, header, first, chain):
        """A part of a message cut in two, as a peer would make it or nearly so. The other may be there already."""
        total = chance.choice((1, 2, 2, 2, 2, 3, 64, 65, 65535))
        number = chance.choice((0, 1, 1, 1, 2, 2, 2, 3, 64, 65535))
        half = len(chain) // 2
        part = chain[:half] if number == 1 else chain[half:]
        inner = first & 255 if number == 1 or chance.randrange(8) == 0 else 0
        return seal_fragment(sa.cipher_in, header, inner, number, total, part)


def open_any(told, data):
    """(exchange, is_response, first, chain) of a datagram of one of the two, None if it cannot be opened."""
    try:
        header, first = pull_header(Reader(data))
        if header.exchange == num.IKE_SA_INIT:
            return header.exchange, header.is_response, first, data[28:]
        message = pull_message(Reader(data))
    except WireError:
        return None
    if isinstance(message.payloads[0], SkfPayload):
        return None  # a part is no chain of its own
    for side in (told.a, told.b):
        for sa in side.engine.table.list_all():
            ours = (sa.spi_i, sa.spi_r) == (header.spi_i, header.spi_r) and sa.cipher_out is not None
            if ours and (sa.role == actions.INITIATOR) == header.from_initiator:
                sk = message.payloads[0]
                return header.exchange, header.is_response, sk.inner, unpad(open_sk(sa.cipher_out, data, sk))
    return None


@functools.cache
def list_arenas():
    """(variant, story, deliveries, who) of every arena that is unlike all before it, and the harvest of all stories."""
    keys, seeds, seen = [], [], set()
    for variant in VARIANTS:
        for story in STORIES:
            for deliveries in range(LONGEST):
                ended = 0
                for who in "ab":
                    arena = Arena(variant, story, deliveries, who)
                    if arena.ended:
                        ended += 1
                        continue
                    for seed in arena.harvest():
                        if seed not in seeds:
                            seeds.append(seed)
                    signature = (variant, arena.signature())
                    if signature not in seen:
                        seen.add(signature)
                        keys.append((variant, story, deliveries, who))
                if ended == 2 and deliveries > 4:
                    break
    return keys, seeds
