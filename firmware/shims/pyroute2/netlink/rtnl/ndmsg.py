"""Neighbours (linux/neighbour.h)."""
from __future__ import annotations

from pyroute2.netlink import nlmsg


class ndmsg(nlmsg):
    """Struct ndmsg."""

    fields = (("family", "B"), ("__pad", "3x"), ("ifindex", "i"), ("state", "H"), ("flags", "B"), ("ndm_type", "B"))
    nla_map = ((1, "NDA_DST", "ipaddr"), (2, "NDA_LLADDR", "lladdr"))
