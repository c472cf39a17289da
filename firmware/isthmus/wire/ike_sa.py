"""Proposals and transforms, the content of a Security Association payload. RFC 7296 section 3.3."""
from __future__ import annotations

from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import COUNT, VALUE, Reader, WireError, Writer
from isthmus.wire.value import Value

LAST = 0
MORE_PROPOSALS = 2
MORE_TRANSFORMS = 3

TRANSFORM_HEADER = 8
MAX_PROPOSALS = 64
MAX_TRANSFORMS = 64  # of one proposal
MAX_OFFERED = 256  # of all proposals together: an offer is read before anybody has proved anything

ATTRIBUTE_FORMAT_TV = 0x8000  # set: the two bytes after the type are the value; clear: they are its length


class Transform(Value):
    """One algorithm on offer.

    key_bits: the Key Length attribute, 0 where there is none. understood: False if an attribute came with it that we
    do not know; such a transform must not be chosen, its neighbours may (RFC 7296 3.3.6).
    """

    fields = ("type", "id", "key_bits", "understood")

    def __init__(self, transform_type: int, transform_id: int, key_bits: int = 0, understood: bool = True) -> None:
        self.type = transform_type
        self.id = transform_id
        self.key_bits = key_bits
        self.understood = understood

    def __str__(self) -> str:
        registry = num.TRANSFORM_IDS.get(self.type)
        name = num.name_of(registry, self.id) if registry else "transform %d of type %d" % (self.id, self.type)
        return "%s_%d" % (name, self.key_bits) if self.key_bits else name


class Proposal(Value):
    """One protocol with, for each transform type, the algorithms to choose from. spi: 0, 4 or 8 bytes."""

    fields = ("number", "protocol", "spi", "transforms")

    def __init__(self, number: int, protocol: int, spi: bytes, transforms: list[Transform]) -> None:
        self.number = number
        self.protocol = protocol
        self.spi = spi
        self.transforms = transforms

    def of_type(self, transform_type: int) -> list[Transform]:
        """The transforms of one type, in the order in which they were offered."""
        return [transform for transform in self.transforms if transform.type == transform_type]


def pull_proposals(reader: Reader) -> list[Proposal]:
    """The body of an SA payload: at least one proposal, numbered from 1 without gaps (RFC 7296 3.3.1)."""
    proposals: list[Proposal] = []
    more = MORE_PROPOSALS
    offered = 0
    while more == MORE_PROPOSALS:
        if len(proposals) == MAX_PROPOSALS:
            raise WireError(COUNT, "more than %d proposals" % MAX_PROPOSALS)
        more = reader.pull_uint8()
        reader.pull_uint8()  # reserved
        proposals.append(_pull_proposal(reader.pull_block(reader.pull_uint16(), 4)))
        offered += len(proposals[-1].transforms)
        if offered > MAX_OFFERED:
            raise WireError(COUNT, "more than %d transforms in all proposals" % MAX_OFFERED)
    if more != LAST:
        raise WireError(VALUE, "a proposal followed by a substructure of type %d" % more)
    return proposals


def _pull_proposal(reader: Reader) -> Proposal:
    number = reader.pull_uint8()
    protocol = reader.pull_uint8()
    spi_size = reader.pull_uint8()
    count = reader.pull_uint8()
    spi = reader.pull_bytes(spi_size)
    if not 1 <= count <= MAX_TRANSFORMS:
        raise WireError(COUNT, "%d transforms in a proposal; 1 to %d are allowed" % (count, MAX_TRANSFORMS))
    transforms = []
    for index in range(count):
        more = reader.pull_uint8()
        if more != (LAST if index == count - 1 else MORE_TRANSFORMS):
            raise WireError(VALUE, "transform %d of %d says that %d follows" % (index + 1, count, more))
        reader.pull_uint8()  # reserved
        transforms.append(_pull_transform(reader.pull_block(reader.pull_uint16(), 4)))
    reader.finish()
    return Proposal(number, protocol, spi, transforms)


def _pull_transform(reader: Reader) -> Transform:
    transform_type = reader.pull_uint8()
    reader.pull_uint8()  # reserved
    transform_id = reader.pull_uint16()
    key_bits, understood = 0, True
    while reader.left:
        attribute = reader.pull_uint16()
        value = reader.pull_uint16()
        if attribute == ATTRIBUTE_FORMAT_TV | num.KEY_LENGTH:
            if key_bits or not value:
                raise WireError(VALUE, "a Key Length of %d after one of %d" % (value, key_bits))
            key_bits = value
            continue
        understood = False
        if not attribute & ATTRIBUTE_FORMAT_TV:
            reader.pull_bytes(value)
    return Transform(transform_type, transform_id, key_bits, understood)


def push_proposals(writer: Writer, proposals: list[Proposal]) -> None:
    """The mirror of pull_proposals."""
    for index in range(len(proposals)):
        start = len(writer)
        writer.push_uint8(LAST if index == len(proposals) - 1 else MORE_PROPOSALS)
        writer.push_uint8(0)
        writer.push_uint16(0)
        _push_proposal(writer, proposals[index])
        writer.set_uint16(start + 2, len(writer) - start)


def _push_proposal(writer: Writer, proposal: Proposal) -> None:
    writer.push_uint8(proposal.number)
    writer.push_uint8(proposal.protocol)
    writer.push_uint8(len(proposal.spi))
    writer.push_uint8(len(proposal.transforms))
    writer.push_bytes(proposal.spi)
    for index in range(len(proposal.transforms)):
        transform = proposal.transforms[index]
        writer.push_uint8(LAST if index == len(proposal.transforms) - 1 else MORE_TRANSFORMS)
        writer.push_uint8(0)
        writer.push_uint16(TRANSFORM_HEADER + (4 if transform.key_bits else 0))
        writer.push_uint8(transform.type)
        writer.push_uint8(0)
        writer.push_uint16(transform.id)
        if transform.key_bits:
            writer.push_uint16(ATTRIBUTE_FORMAT_TV | num.KEY_LENGTH)
            writer.push_uint16(transform.key_bits)
