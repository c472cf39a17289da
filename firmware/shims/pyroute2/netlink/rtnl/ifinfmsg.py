"""Interfaces (linux/if_link.h)."""
from __future__ import annotations

from pyroute2.netlink import nlmsg


class ifinfmsg(nlmsg):
    """Struct ifinfomsg."""

    fields = (("family", "B"), ("__align", "x"), ("ifi_type", "H"), ("index", "i"), ("flags", "I"), ("change", "I"))
    nla_map = ((1, "IFLA_ADDRESS", "l2addr"), (3, "IFLA_IFNAME", "asciiz"), (4, "IFLA_MTU", "uint32"))
