"""Addresses (linux/if_addr.h)."""
from __future__ import annotations

from pyroute2.netlink import nla, nlmsg


class ifaddrmsg(nlmsg):
    """Struct ifaddrmsg."""

    fields = (("family", "B"), ("prefixlen", "B"), ("flags", "B"), ("scope", "B"), ("index", "I"))
    nla_map = (
        (1, "IFA_ADDRESS", "ipaddr"),
        (2, "IFA_LOCAL", "ipaddr"),
        (6, "IFA_CACHEINFO", "cacheinfo"),
        (9, "IFA_RT_PRIORITY", "uint32"),
    )

    class cacheinfo(nla):
        """Lifetimes in seconds."""

        fields = (("ifa_preferred", "I"), ("ifa_valid", "I"), ("cstamp", "I"), ("tstamp", "I"))
