"""Opens a protected datagram in flight with the keys of its sender, changes what is inside, and seals it again."""

from __future__ import annotations

from isthmus.proto.ike2.sealing import open_sk, read_plaintext, seal, seal_chain, unpad
from isthmus.wire.buffer import Reader
from isthmus.wire.ike import pull_message


def opener(side, datagram):
    """A cipher that opens what `side` has sealed: its own outbound keys."""
    return sa_of(side, datagram).cipher_out


def sa_of(side, datagram):
    """The sender's SA of a datagram that is in flight."""
    header = pull_message(Reader(datagram)).header
    for sa in side.engine.table.list_all():
        if (sa.spi_i, sa.spi_r) == (header.spi_i, header.spi_r):
            return sa
    raise AssertionError("no SA of this side has sent that")


def open_up(side, datagram):
    """(header, type of the first payload, the chain of payloads as bytes)."""
    message = pull_message(Reader(datagram))
    sk = message.payloads[0]
    return message.header, sk.inner, unpad(open_sk(opener(side, datagram), datagram, sk))


def reseal(pair, side, change, index=0):
    """Replace the payloads of a datagram in flight that `side` has sent by change(payloads)."""
    action = pair.flight[index]
    message = pull_message(Reader(action.data))
    sk = message.payloads[0]
    payloads = read_plaintext(sk, open_sk(opener(side, action.data), action.data, sk))
    action.data = seal(opener(side, action.data), message.header, change(payloads))


def reseal_bytes(side, datagram, inner, chain):
    """The datagram with another chain of payloads inside: bytes, however wrong."""
    header = pull_message(Reader(datagram)).header
    return seal_chain(opener(side, datagram), header, inner, chain)
