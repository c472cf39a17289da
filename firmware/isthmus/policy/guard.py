"""The guard: nft text that makes clear-text L2TP impossible, and clamps what crosses a tunnel.

One table, `inet isthmus`, replaced in one transaction, so that there is no moment without it. Its base chains stand at
priority -300, ahead of every firewall's accept. It is removed only with the last tunnel's configuration.
"""

from __future__ import annotations

from isthmus.policy import mtu as mtu_of
from isthmus.policy.chain import INLINE, Chain
from isthmus.policy.derive import INNER_PREFIX, INNER_PREFIX_LENGTH
from isthmus.policy.gate import gate_chains, rules_into
from isthmus.policy.given import MARK_MASK
from isthmus.policy.ready import ready_chains
from isthmus.wire.addr import format_ip
from isthmus.wire.ip_numbers import L2TP, L2TP_PORT, UDP

TABLE = "isthmus"
INNER = "%s/%d" % (format_ip(INNER_PREFIX + bytes(10)), INNER_PREFIX_LENGTH)

REMOVE = "table inet %s\ndelete table inet %s\n" % (TABLE, TABLE)


class Session:
    """What the guard knows of one tunnel: the ids that may pass, only under its own reqid.

    ifname: of the L2TP device; local_id, remote_id: session ids; reqid: of the pair's SAs; mtu: of the device; mark:
    what its packets need where several peers share an outer address, else 0.
    """

    def __init__(self, ifname: str, local_id: int, remote_id: int, reqid: int, mtu: int, mark: int = 0) -> None:
        if not is_safe_name(ifname):
            raise ValueError("interface name %r does not belong into nft text" % ifname)
        self.ifname = ifname
        self.local_id = local_id
        self.remote_id = remote_id
        self.reqid = reqid
        self.mtu = mtu
        self.mark = mark


def is_safe_name(ifname: str) -> bool:
    """True for an interface name that stays one word inside nft's quotes."""
    raw = ifname.encode()
    for byte in raw:
        if not (0x30 <= byte <= 0x39 or 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A or byte in b"-_."):
            return False
    return 1 <= len(raw) <= 15


def _clamp(session: Session) -> list[str]:
    """A larger MSS than fits is lowered, whichever way the SYN goes; the kernel never raises one."""
    rules = []
    for family, ipv6 in (("ipv4", False), ("ipv6", True)):
        for side in ("iifname", "oifname"):
            rules.append(
                '%s "%s" meta nfproto %s tcp option maxseg size set %d'
                % (side, session.ifname, family, mtu_of.mss(session.mtu, ipv6))
            )
    return rules


def _chain(name: str, hook: str, rules: list[str], kind: str = "filter", priority: int = -300) -> list[str]:
    return Chain(name, rules, hook, kind, priority).lines()


def _sides(sessions: list[Session], more: list[str]) -> list[str]:
    """What leaves and what arrives: first by protocol, so that a packet meets only the rules that concern it.

    more: rules for what arrives and is no L2TP.
    """
    lines: list[str] = []
    for way, hook, clear, elsewhere in (
        ("out", "output", "rt ipsec missing", 'oifname != "lo"'),
        ("in", "input", "meta ipsec missing", 'iifname != "lo"'),
    ):
        l2tp = ["%s counter drop" % clear]
        for session in sessions:
            number = session.remote_id if way == "out" else session.local_id
            l2tp.append("@th,0,32 %d ipsec %s reqid != %d counter drop" % (number, way, session.reqid))
        udp = ["udp %s %d %s counter drop" % (end, L2TP_PORT, clear) for end in ("sport", "dport")]
        if way == "in":
            udp += rules_into()
        lines += _chain("l2tp_%s" % way, "", l2tp)
        lines += _chain("udp_%s" % way, "", udp)
        lines += _chain("clear_%s" % way, hook, [
            "meta l4proto %d goto l2tp_%s" % (L2TP, way),
            "meta l4proto %d jump udp_%s" % (UDP, way),
            "ip6 daddr %s %s %s counter drop" % (INNER, elsewhere, clear),
        ] + (more if way == "in" else []))  # fmt: skip
    return lines


def _marks(sessions: list[Session]) -> list[str]:
    """Several peers at one outer address: the session tells whose policy, and so whose SA, a packet is for.

    The kernel looks for the route and the policy again when a mark has changed, before the guard sees the packet.
    """
    rules = []
    for session in sessions:
        if session.mark:
            rules.append(
                "meta l4proto %d @th,0,32 %d meta mark set meta mark & 0x%08x | 0x%08x"
                % (L2TP, session.remote_id, MARK_MASK ^ 0xFFFFFFFF, session.mark)
            )
    return _chain("mark_out", "output", rules, "route", -310) if rules else []


def _inline(others: list[Chain], hook: str) -> list[str]:
    """The rules of other modules in our own chain at that hook: each base chain costs every packet a call."""
    return [rule for chain in others if chain.name == INLINE and chain.hook == hook for rule in chain.rules]


def guard_text(
    sessions: list[Session],
    peers: list[bytes] | None = None,
    policy_chains: list[Chain] | None = None,
    counters: list[str] | None = None,
) -> str:
    """The whole table as one nft transaction: made if missing, emptied, filled.

    peers: the outer addresses at which peers are known, 4 or 16 bytes each, for the gate; policy_chains: what other
    modules of policy/ add, those first that others lead to; counters: the names of the counters they use.

    Clear L2TP is dropped in both directions, IPv4 and IPv6: protocol 115, and UDP with 1701 at either end (a tunnel
    with source port 1701 and another destination port slips past a rule on one of them). A session's frames pass only
    through SAs of its own pair, since the kernel finds L2TPv3/IP sessions by id alone. Inner addresses exist inside
    ESP only.

    Every packet of the router passes here, so the common one meets few rules (measured: one flat list cost a tenth of
    the tunnel's throughput).
    """
    clamp: list[str] = []
    for session in sessions:
        clamp += _clamp(session)
    lines = ["table inet %s" % TABLE, "delete table inet %s" % TABLE, "table inet %s {" % TABLE]
    for name in counters or []:
        lines += ["\tcounter %s {" % name, "\t}"]
    lines += _marks(sessions)
    for name, rules in gate_chains(peers or []):
        lines += _chain(name, "", rules)
    others = policy_chains or []
    lines += _sides(sessions, _inline(others, "input"))
    lines += _chain("inner_forward", "", ["ip6 %s %s counter drop" % (end, INNER) for end in ("daddr", "saddr")])
    lines += _chain("fit", "", clamp)
    across = ["meta nfproto ipv6 jump inner_forward"] + _inline(others, "forward") + ["tcp flags syn jump fit"]
    lines += _chain("across", "forward", across)
    for chain in others + ready_chains(others):
        if chain.name != INLINE:
            lines += chain.lines()
    lines.append("}")
    return "\n".join(lines) + "\n"
