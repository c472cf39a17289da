"""Rules of policy routing (linux/fib_rules.h)."""
from __future__ import annotations

from pyroute2.netlink import nlmsg


class fibmsg(nlmsg):
    """Struct fib_rule_hdr."""

    fields = (
        ("family", "B"),
        ("dst_len", "B"),
        ("src_len", "B"),
        ("tos", "B"),
        ("table", "B"),
        ("res1", "B"),
        ("res2", "B"),
        ("action", "B"),
        ("flags", "I"),
    )
    nla_map = (
        (3, "FRA_IIFNAME", "asciiz"),
        (6, "FRA_PRIORITY", "uint32"),
        (10, "FRA_FWMARK", "uint32"),
        (15, "FRA_TABLE", "uint32"),
        (16, "FRA_FWMASK", "uint32"),
        (17, "FRA_OIFNAME", "asciiz"),
        (21, "FRA_PROTOCOL", "uint8"),
    )
