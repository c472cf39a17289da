"""The guard: nft text that makes clear-text L2TP impossible, and clamps what crosses a tunnel.

One table, `inet isthmus`, replaced in one transaction, so that there is no moment without it. Its base chains stand at
priority -300, ahead of every firewall's accept. It is removed only with the last tunnel's configuration.
"""

from __future__ import annotations

from isthmus.policy import mtu as mtu_of
from isthmus.policy.derive import INNER_PREFIX, INNER_PREFIX_LENGTH
from isthmus.wire.addr import format_ip

TABLE = "isthmus"
L2TP_PORT = 1701  # RFC 2661 8.1, RFC 3931 4.1.2
INNER = "%s/%d" % (format_ip(INNER_PREFIX + bytes(10)), INNER_PREFIX_LENGTH)

REMOVE = "table inet %s\ndelete table inet %s\n" % (TABLE, TABLE)


class Session:
    """What the guard knows of one tunnel: the ids that may pass, only under its own reqid.

    ifname: of the L2TP device; local_id, remote_id: session ids; reqid: of the pair's SAs; mtu: of the device.
    """

    def __init__(self, ifname: str, local_id: int, remote_id: int, reqid: int, mtu: int) -> None:
        if not is_safe_name(ifname):
            raise ValueError("interface name %r does not belong into nft text" % ifname)
        self.ifname = ifname
        self.local_id = local_id
        self.remote_id = remote_id
        self.reqid = reqid
        self.mtu = mtu


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
                '%s "%s" meta nfproto %s tcp flags syn tcp option maxseg size set %d'
                % (side, session.ifname, family, mtu_of.mss(session.mtu, ipv6))
            )
    return rules


def _chain(name: str, hook: str, priority: int, rules: list[str]) -> list[str]:
    lines = ["\tchain %s {" % name]
    lines.append("\t\ttype filter hook %s priority %d; policy accept;" % (hook, priority))
    lines += ["\t\t" + rule for rule in rules]
    lines.append("\t}")
    return lines


def guard_text(sessions: list[Session]) -> str:
    """The whole table as one nft transaction: made if missing, emptied, filled.

    Clear L2TP is dropped in both directions, IPv4 and IPv6: protocol 115, and UDP with 1701 at either end (a tunnel
    with source port 1701 and another destination port slips past a rule on one of them). A session's frames pass only
    through SAs of its own pair, since the kernel finds L2TPv3/IP sessions by id alone. Inner addresses exist inside
    ESP only.
    """
    out = ["meta l4proto 115 rt ipsec missing counter drop"]
    arriving = ["meta l4proto 115 meta ipsec missing counter drop"]
    for end in ("sport", "dport"):
        out.append("udp %s %d rt ipsec missing counter drop" % (end, L2TP_PORT))
        arriving.append("udp %s %d meta ipsec missing counter drop" % (end, L2TP_PORT))
    out.append('oifname != "lo" ip6 daddr %s rt ipsec missing counter drop' % INNER)
    arriving.append('iifname != "lo" ip6 daddr %s meta ipsec missing counter drop' % INNER)
    forward = ["ip6 daddr %s counter drop" % INNER, "ip6 saddr %s counter drop" % INNER]
    clamp: list[str] = []
    for session in sessions:
        out.append(
            "meta l4proto 115 @th,0,32 %d ipsec out reqid != %d counter drop" % (session.remote_id, session.reqid)
        )
        arriving.append(
            "meta l4proto 115 @th,0,32 %d ipsec in reqid != %d counter drop" % (session.local_id, session.reqid)
        )
        clamp += _clamp(session)
    lines = ["table inet %s" % TABLE, "delete table inet %s" % TABLE, "table inet %s {" % TABLE]
    lines += _chain("clear_out", "output", -300, out)
    lines += _chain("clear_in", "input", -300, arriving)
    lines += _chain("inner_forward", "forward", -300, forward)
    lines += _chain("fit", "forward", -150, clamp)
    lines.append("}")
    return "\n".join(lines) + "\n"
