"""Choosing among proposals: our suites against the peer's SA payload. RFC 7296 section 2.7.

A suite of ours fits a proposal of the peer's if the proposal offers, for each of its transform types, the suite's
algorithm, and has no type that the suite cannot fill.
"""
from __future__ import annotations

from isthmus.proto.errors import InvalidSyntax, NoProposalChosen
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike import NO_SPI, SPI
from isthmus.wire.ike_sa import Proposal, Transform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.suites import Suite

ESP_SPI = 4
FIRST_SPI = 256  # smaller ones are reserved, RFC 4303 section 2.1

SHOWN_PROPOSALS = 4
SHOWN_CHARACTERS = 300

ESN_CHOICES = {None: (num.WITH_ESN, num.NO_ESN), True: (num.WITH_ESN,), False: (num.NO_ESN,)}

# What it means not to want a transform type that the peer lists all the same.
NOTHING = {num.INTEG: num.INTEG_NONE, num.GROUP: num.NO_GROUP, num.ESN: num.NO_ESN}


def list_transforms(suite: Suite, protocol: int) -> list[Transform]:
    """The transforms that are this suite, in the order of their types: one of each type, but that ESP without a word
    about extended sequence numbers offers both (RFC 7296 section 3.3.3), with them first.
    """
    cipher = suite.cipher
    transforms = [Transform(num.ENCR, cipher.encr, cipher.key_bits)]
    if suite.prf is not None:
        transforms.append(Transform(num.PRF, suite.prf.id))
    if not cipher.is_aead:
        transforms.append(Transform(num.INTEG, cipher.integ))
    if suite.group is not None:
        transforms.append(Transform(num.GROUP, suite.group.id))
    if protocol == num.PROTO_ESP:
        transforms += [Transform(num.ESN, esn) for esn in ESN_CHOICES[suite.esn]]
    return transforms


def make_offer(suites: list[Suite], protocol: int, spi: bytes) -> list[Proposal]:
    """One proposal for each suite, the preferred first."""
    return [
        Proposal(index + 1, protocol, spi, list_transforms(suites[index], protocol)) for index in range(len(suites))
    ]


def with_spi(proposal: Proposal, spi: bytes) -> Proposal:
    """The same proposal with another SPI."""
    return Proposal(proposal.number, proposal.protocol, spi, proposal.transforms)


def choose(
    suites: list[Suite], offered: list[Proposal], protocol: int, rekeys: bool = False
) -> tuple[Suite, Proposal]:
    """Our most preferred suite that fits, and the proposal to answer with (spi: the peer's). rekeys: it is for an IKE
    SA that rekeys another, and brings an SPI.

    Raises NoProposalChosen with both sides' values.
    """
    for suite in suites:
        for proposal in offered:
            transforms = _fit(suite, proposal) if _is_usable(proposal, protocol, rekeys) else []
            if transforms:
                return suite, Proposal(proposal.number, protocol, proposal.spi, transforms)
    raise NoProposalChosen(
        "peer offers %s%s; this side allows %s"
        % (describe(offered), _describe_weak(offered), ", ".join([str(suite) for suite in suites]))
    )


def _is_usable(proposal: Proposal, protocol: int, rekeys: bool) -> bool:
    """True if it is for this protocol and its SPI is one that may be: for ESP four bytes from 256 up; for IKE none, or
    eight that are not all zero where it rekeys (RFC 7296 sections 1.3.2, 3.3.1).
    """
    if proposal.protocol != protocol:
        return False
    if rekeys:
        return len(proposal.spi) == SPI and proposal.spi != NO_SPI
    if protocol == num.PROTO_IKE:
        return not proposal.spi
    return len(proposal.spi) == ESP_SPI and int.from_bytes(proposal.spi, "big") >= FIRST_SPI


def _fit(suite: Suite, proposal: Proposal) -> list[Transform]:
    """One transform of each type in the proposal; empty if the suite does not fit it."""
    missing = list_transforms(suite, proposal.protocol)
    chosen: list[Transform] = []
    for transform_type in _types_of(proposal):
        wishes = [wanted for wanted in missing if wanted.type == transform_type]
        if not wishes and transform_type in NOTHING:
            wishes = [Transform(transform_type, NOTHING[transform_type])]
        on_offer = proposal.of_type(transform_type)
        wishes = [wanted for wanted in wishes if wanted in on_offer]
        if not wishes:
            return []
        chosen.append(wishes[0])
        missing = [other for other in missing if other.type != transform_type]
    return [] if missing else chosen


def uses_esn(proposal: Proposal) -> bool:
    """True if a chosen ESP proposal has extended sequence numbers."""
    return Transform(num.ESN, num.WITH_ESN) in proposal.transforms


def _types_of(proposal: Proposal) -> list[int]:
    types: list[int] = []
    for transform in proposal.transforms:
        if transform.type not in types:
            types.append(transform.type)
    return types


def check_choice(
    suites: list[Suite], answer: list[Proposal], protocol: int, rekeys: bool = False
) -> tuple[Suite, Proposal]:
    """What the responder chose of our offer (made by make_offer). Raises InvalidSyntax if it is not from it."""
    if len(answer) == 1:
        proposal = answer[0]
        if _is_usable(proposal, protocol, rekeys) and 1 <= proposal.number <= len(suites):
            suite = suites[proposal.number - 1]
            types = [transform.type for transform in list_transforms(suite, protocol)]
            # One of each type, and no other: NO_ESN beside ESN, say, is no choice.
            if len(proposal.transforms) == len(_types_of(proposal)) == len(set(types)) and _fit(suite, proposal):
                return suite, proposal
    raise InvalidSyntax("the peer chose %s, which this side did not offer" % describe(answer))


def describe(proposals: list[Proposal]) -> str:
    """Proposals in the words of the configuration where it has words for them, for a sentence of bounded length."""
    texts = [_describe_one(proposal) for proposal in proposals[:SHOWN_PROPOSALS]]
    text = ", ".join(texts)[:SHOWN_CHARACTERS]
    return text + (", ..." if len(proposals) > SHOWN_PROPOSALS else "")


def _describe_one(proposal: Proposal) -> str:
    # A group of the same words stands once, choices are separated by a slash: aes128/aes256-sha256-prfsha256-x25519.
    parts = []
    for transform_type in (num.ENCR, num.INTEG, num.PRF, num.GROUP):
        words: list[str] = []
        for transform in proposal.of_type(transform_type):
            word = WORDS.get((transform.type, transform.id), str(transform).lower())
            if transform.type == num.ENCR and "%d" in word:
                word = word % transform.key_bits
            if word and word not in words:
                words.append(word)
        if words:
            parts.append("/".join(words))
    return "-".join(parts) or "nothing that has a name"


def _describe_weak(proposals: list[Proposal]) -> str:
    """What is on offer that nobody here may allow, as a remark in brackets; empty if every proposal is fit to use."""
    found = []
    for transform_type, transform_id in WEAK:
        for proposal in proposals:
            if transform_id in [transform.id for transform in proposal.of_type(transform_type)]:
                found.append(WORDS[(transform_type, transform_id)])
                break
    return " (too weak to be allowed: %s)" % ", ".join(found) if found else ""


# RFC 8247: these MUST NOT or SHOULD NOT be used any more.
WEAK = (
    (num.ENCR, 2), (num.ENCR, 3), (num.ENCR, 11),
    (num.INTEG, 1), (num.INTEG, 2), (num.PRF, 1), (num.PRF, 2),
    (num.GROUP, 1), (num.GROUP, 2), (num.GROUP, 5),
)  # fmt: skip

WORDS = {
    (num.ENCR, 2): "des",
    (num.ENCR, 3): "3des",
    (num.ENCR, 11): "null",
    (num.ENCR, num.ENCR_AES_CBC): "aes%d",
    (num.ENCR, num.ENCR_AES_GCM_16): "aes%dgcm16",
    (num.ENCR, num.ENCR_CHACHA20_POLY1305): "chacha20poly1305",
    (num.PRF, 1): "prfmd5",
    (num.PRF, 2): "prfsha1",
    (num.PRF, num.PRF_HMAC_SHA2_256): "prfsha256",
    (num.PRF, num.PRF_HMAC_SHA2_384): "prfsha384",
    (num.PRF, num.PRF_HMAC_SHA2_512): "prfsha512",
    (num.INTEG, num.INTEG_NONE): "",
    (num.INTEG, 1): "md5",
    (num.INTEG, 2): "sha1",
    (num.INTEG, num.INTEG_HMAC_SHA2_256_128): "sha256",
    (num.INTEG, num.INTEG_HMAC_SHA2_384_192): "sha384",
    (num.INTEG, num.INTEG_HMAC_SHA2_512_256): "sha512",
    (num.GROUP, num.NO_GROUP): "",
    (num.GROUP, 1): "modp768",
    (num.GROUP, 2): "modp1024",
    (num.GROUP, 5): "modp1536",
}
