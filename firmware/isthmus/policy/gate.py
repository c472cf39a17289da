"""The gate: how much IKE the kernel lets through to isthmusd, so that a flood of it starves nobody.

A flood is read datagram by datagram, at what a small processor manages; all that comes faster overflows the socket, and
what good peers say is lost with it. So each sort of sender has a lane of its own, ahead of the socket: every address at
which a peer is known, two each, for IKE_SA_INIT and for the rest, so that who borrows the address to begin disturbs no
IKE SA that is there (RFC 7296 leaves a flood to cookies, section 2.6, but they too must be read); and for all others
one lane each for who begins, for who comes back with a cookie, which a borrowed address cannot, and for the rest.
Numbers are datagrams; ESP in UDP is not counted.
"""

from __future__ import annotations

from isthmus.wire import ike_numbers as num
from isthmus.wire.addr import format_ip
from isthmus.wire.ip_numbers import IKE_PORT, NATT_PORT

MARKER_BITS = 32  # RFC 3948 2.2: four zero bytes before IKE on port 4500
UDP_BITS = 64
FIRST_PAYLOAD_AT, EXCHANGE_AT = 8 * 16, 8 * 18  # bits into the IKE header, RFC 7296 3.1

# Lane: datagrams a second, and how many at once. A hub of 500 sites that all come back fits into the burst.
PEER = (200, 1000)
BEGIN = (200, 500)
PAID = (200, 500)
TALK = (200, 500)


def gate_chains(peers: list[bytes]) -> list[tuple[str, list[str]]]:
    """The chains, each with its rules, those first that others lead to. `rules_into()` leads to them.

    peers: the addresses (4 or 16 bytes) at which peers are known now.
    """
    chains = [("ike_begin", _limit(BEGIN)), ("ike_paid", _limit(PAID)), ("ike_talk", _limit(TALK))]
    families = []
    for family, size in (("ip", 4), ("ip6", 16)):
        known = sorted({address for address in peers if len(address) == size})
        for address in known:
            chains += [("ike_%s_%s" % (lane, address.hex()), _limit(PEER)) for lane in ("init", "from")]
        if known:
            families.append((family, known))
    for port, start in ((IKE_PORT, UDP_BITS), (NATT_PORT, UDP_BITS + MARKER_BITS)):
        rest = "@th,%d,8 != %d" % (start + EXCHANGE_AT, num.IKE_SA_INIT)
        rules = []
        for family, known in families:
            rules.append("%s %s" % (rest, _map(family, "from", known)))
            rules.append(_map(family, "init", known))
        rules += [
            "%s goto ike_talk" % rest,
            # the cookie is the first payload where there is one, RFC 7296 2.6
            "@th,%d,8 %d goto ike_paid" % (start + FIRST_PAYLOAD_AT, num.NOTIFY),
            "goto ike_begin",
        ]
        chains.append(("ike_%d" % port, rules))
    chains.append(("ike_or_esp", ["@th,%d,%d 0 goto ike_%d" % (UDP_BITS, MARKER_BITS, NATT_PORT)]))
    return chains


def _map(family: str, lane: str, known: list[bytes]) -> str:
    rows = ["%s : goto ike_%s_%s" % (format_ip(address), lane, address.hex()) for address in known]
    return "%s saddr vmap { %s }" % (family, ", ".join(rows))


def rules_into() -> list[str]:
    """The rule for a UDP datagram that arrives: one lookup, and ESP in UDP goes on after one comparison."""
    return ["udp dport vmap { %d : goto ike_%d, %d : goto ike_or_esp }" % (IKE_PORT, IKE_PORT, NATT_PORT)]


def _limit(lane: tuple[int, int]) -> list[str]:
    return ["limit rate over %d/second burst %d packets counter drop" % lane]
