"""What this router itself says in the affairs of forced hosts: ICMP errors about what a tunnel brought them, and TCP
resets in their name, from a firewall's `reject`.

The kernel sends them to where the packet came from by the main table, which knows of no tunnel: a host that is switched
off, and the far end of its connection is told so in the clear, with the head of its packet quoted (seen in the lab).
Nobody is lost without them: a dead host does not answer either.

Which error is about what, connection tracking knows, by the mark that forced_across has left there. Where it knows
nothing (a packet that was never let through is no connection yet) the error stays as well: a traceroute from outside
shows this router no more. Known addresses are compared beside that.
"""

from __future__ import annotations

from isthmus.policy.chain import Chain
from isthmus.policy.match import on, one_of
from isthmus.policy.ready import RANGES
from isthmus.policy.spans import FAMILIES, format_all, format_numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.wire.addr import Prefix

OUT_AT = -199  # just behind the connection tracking (-200)
ERRORS = {"ip": "icmp type { 3, 4, 5, 11, 12 }", "ip6": "icmpv6 type { 1, 2, 3, 4 }"}  # RFC 792, RFC 4443 2.1
HEAD_BITS = 64  # of an ICMP error; the quoted packet follows
DESTINATION_BITS = {"ip": 128, "ip6": 192}  # ahead of its destination: RFC 791 3.1, RFC 8200 3
NFPROTO = {"ip": "ipv4", "ip6": "ipv6"}


def reject_chains(
    named: list[Prefix], marked: str, homes: list[str], tunnels: list[str], tracks: bool
) -> list[Chain]:
    """The chains. named: prefixes of forced hosts; marked: a match for connections that go through a tunnel; homes:
    interfaces of the site's own networks; tunnels: those of tunnels; tracks: False for a kernel that tracks nothing.

    Where no home is known, an error may be on its way to the forced host itself: addresses alone tell then.
    """
    drop = "counter drop"
    reset, quoting = [RANGES], [RANGES]
    if homes and tracks:
        reset.append("%s %s" % (marked, drop))
        unknown = ["ct state { invalid, untracked } " + drop, "ct status & confirmed == 0 " + drop]
        quoting += unknown + ["%s %s" % (marked, drop)]
    elif homes:
        quoting = [drop]
    for word, size in FAMILIES:
        spans = format_all(named, size)
        if spans:
            reset.append("%s saddr %s %s" % (word, one_of(spans), drop))
            at = "@th,%d,%d" % (HEAD_BITS + DESTINATION_BITS[word], 8 * size)
            numbers = one_of(format_numbers(named, size))
            quoting.append("meta nfproto %s %s %s %s" % (NFPROTO[word], at, numbers, drop))
    lines = on("oifname", ["lo"] + homes + tunnels, "accept")
    lines += [ERRORS[word] + " jump forced_quoting" for word, _ in FAMILIES]
    lines.append("tcp flags & rst != 0 jump forced_reset")
    return [
        Chain("forced_quoting", quoting),
        Chain("forced_reset", reset),
        Chain("forced_said", lines, "output", "filter", OUT_AT),
    ]
