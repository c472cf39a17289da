"""Agreeing on a CHILD SA: what IKE_AUTH and CREATE_CHILD_SA have in common. RFC 7296 sections 2.7, 2.9 and 2.17.

The initiator and the responder here are those of the exchange, whoever began the IKE SA around it.
"""
from __future__ import annotations

from isthmus.proto.actions import INBOUND, INITIATOR, OUTBOUND, SaSpec
from isthmus.proto.errors import DuplicateSpi, TsUnacceptable
from isthmus.proto.ike2 import nat, proposals, transport
from isthmus.proto.ike2.ike_sa import ChildSa
from isthmus.proto.ike2.keys import derive_child_keys, prf_of
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import SaPayload, TsPayload
from isthmus.wire.ike_ts import Selector, intersect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.suites import Suite
    from isthmus.proto.ike2.connection import Connection
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.ike_payloads import Payload
    from isthmus.wire.ike_sa import Proposal

SHOWN_SELECTORS = 4


class Terms:
    """What the two have agreed. role: ours in the exchange. proposal: the one to answer with, with the peer's SPI in
    it. ts_i, ts_r: the Selector of the initiator's and of the responder's side, in our terms. mode: BEET or TRANSPORT.
    said: the two selectors of a responder's answer, in the initiator's terms.
    """

    def __init__(
        self, role: str, suite: Suite, proposal: Proposal, ts_i: Selector, ts_r: Selector, mode: str,
        said: tuple[Selector, Selector] | None = None,
    ) -> None:
        self.role = role
        self.suite = suite
        self.proposal = proposal
        self.ts_i = ts_i
        self.ts_r = ts_r
        self.mode = mode
        self.said = (ts_i, ts_r) if said is None else said


def without_groups(suites: list[Suite]) -> list[Suite]:
    """For IKE_AUTH, whose CHILD SA has no key exchange of its own (RFC 7296 section 1.2): each cipher once."""
    plain: list[Suite] = []
    for suite in suites:
        bare = suite.without_group()
        if bare not in plain:
            plain.append(bare)
    return plain


def make_offer(sa: IkeSa, connection: Connection, suites: list[Suite], spi: bytes) -> list[Payload]:
    """Mode, SA, TSi and TSr of an initiator whose inbound SPI is `spi`."""
    offered: list[Payload] = transport.make_notify(connection.mode)
    offered.append(SaPayload(proposals.make_offer(suites, num.PROTO_ESP, spi)))
    return offered + _make_selectors(transport.get_ours(sa, connection), transport.offer_theirs(sa, connection))


def make_answer(terms: Terms, spi: bytes) -> list[Payload]:
    """Mode, SA, TSi and TSr of a responder whose inbound SPI is `spi`."""
    answered: list[Payload] = transport.make_notify(terms.mode)
    answered.append(SaPayload([proposals.with_spi(terms.proposal, spi)]))
    return answered + _make_selectors(terms.said[0], terms.said[1])


def _make_selectors(ts_i: Selector, ts_r: Selector) -> list[Payload]:
    return [TsPayload(num.TSI, [ts_i]), TsPayload(num.TSR, [ts_r])]


def choose(
    engine: Engine, sa: IkeSa, connection: Connection, suites: list[Suite], incoming: Incoming, role: str
) -> Terms:
    """A responder's choice of what it is offered. Raises NoProposalChosen, ModeRefused, TsUnacceptable or
    DuplicateSpi.
    """
    transport.check(connection, incoming)
    suite, proposal = proposals.choose(suites, incoming.get(num.SA, SaPayload).proposals, num.PROTO_ESP)
    theirs, ours = incoming.get(num.TSI, TsPayload).selectors, incoming.get(num.TSR, TsPayload).selectors
    ts_i, said_i = _narrow(transport.get_theirs(sa, connection), theirs, transport.see_theirs(sa, connection, theirs))
    ts_r, said_r = _narrow(transport.get_ours(sa, connection), ours, transport.see_ours(sa, connection, ours))
    _check_spi(engine, sa, connection, proposal.spi)
    return Terms(role, suite, proposal, ts_i, ts_r, connection.mode, (said_i, said_r))


def check_choice(
    engine: Engine, sa: IkeSa, connection: Connection, suites: list[Suite], incoming: Incoming
) -> Terms:
    """An initiator's look at what came back for make_offer. Raises InvalidSyntax, ModeRefused, TsUnacceptable or
    DuplicateSpi.
    """
    transport.check(connection, incoming)
    suite, proposal = proposals.check_choice(suites, incoming.get(num.SA, SaPayload).proposals, num.PROTO_ESP)
    ours, theirs = incoming.get(num.TSI, TsPayload).selectors, incoming.get(num.TSR, TsPayload).selectors
    ts_i = _unchanged(transport.get_ours(sa, connection), transport.see_ours(sa, connection, ours))
    ts_r = _unchanged(transport.get_theirs(sa, connection), transport.see_theirs(sa, connection, theirs))
    _check_spi(engine, sa, connection, proposal.spi)
    return Terms(INITIATOR, suite, proposal, ts_i, ts_r, connection.mode)


def add(
    sa: IkeSa, connection: Connection, terms: Terms, inbound_spi: bytes, nonce_i: bytes, nonce_r: bytes,
    secret: bytearray | None = None,
) -> tuple[SaSpec, SaSpec]:
    """The CHILD SA becomes one of `sa`: (inbound, outbound), with keys. secret: of a key exchange of its own (PFS),
    overwritten.
    """
    if sa.keys is None:
        raise AssertionError("%r has no keys" % sa)
    child = ChildSa(inbound_spi, terms.proposal.spi)
    sa.children.append(child)
    cipher = terms.suite.cipher
    from_i, from_r = derive_child_keys(prf_of(sa.suite), cipher, sa.keys.d, nonce_i, nonce_r, secret)
    if terms.role == INITIATOR:
        keys_in, keys_out, ts_ours, ts_theirs = from_r, from_i, terms.ts_i, terms.ts_r
    else:
        keys_in, keys_out, ts_ours, ts_theirs = from_i, from_r, terms.ts_r, terms.ts_i
    here, there, mode = sa.local[0], sa.remote[0], connection.mode
    esn = proposals.uses_esn(terms.proposal)
    ports = nat.get_encap(sa)
    mirrored = (ports[1], ports[0]) if ports is not None else None
    return (
        SaSpec(INBOUND, child.inbound_spi, there, here, cipher, keys_in, ts_theirs, ts_ours, mode, mirrored, esn),
        SaSpec(OUTBOUND, child.outbound_spi, here, there, cipher, keys_out, ts_ours, ts_theirs, mode, ports, esn),
    )


def _narrow(ours: Selector, offered: list[Selector], seen: list[Selector]) -> tuple[Selector, Selector]:
    """Ours, if the peer offers as much (RFC 7296 section 2.9): a part of what one L2TP session needs is of no use.

    seen: `offered` in our terms, one for one. Returns ours in our terms and in the peer's.
    """
    for theirs, selector in zip(offered, seen):
        if intersect(ours, selector) == ours:
            return ours, transport.say(ours, theirs, selector)
    raise TsUnacceptable("the peer offers selector %s; this side allows %s" % (_list(seen[:SHOWN_SELECTORS]), ours))


def _unchanged(ours: Selector, answered: list[Selector]) -> Selector:
    """Our selector, if the responder has left it whole. Raises TsUnacceptable."""
    if len(answered) == 1 and answered[0] == ours:
        return ours
    raise TsUnacceptable(
        "the peer narrows our selector %s to %s, which L2TP cannot use" % (ours, _list(answered[:SHOWN_SELECTORS]))
    )


def _list(selectors: list[Selector]) -> str:
    return ", ".join([str(selector) for selector in selectors]) or "none"


def _check_spi(engine: Engine, sa: IkeSa, connection: Connection, spi: bytes) -> None:
    """Raises DuplicateSpi if an SA to the same address has this SPI: to the kernel the two would be one."""
    if not engine.table.may_have_peer_spi(spi):
        return
    for other in engine.table.get_all():
        if other.remote[0] == sa.remote[0] and other.find_outbound(spi) is not None:
            raise DuplicateSpi(
                "tunnel '%s': the peer names SPI %s, which it uses for tunnel '%s' already"
                % (connection.name, spi.hex(), other.name)
            )
