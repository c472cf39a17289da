"""Routes (linux/rtnetlink.h)."""
from __future__ import annotations

from isthmus.wire.addr import format_ip, parse_ip
from pyroute2.netlink import nla, nlmsg


class rtmsg(nlmsg):
    """Struct rtmsg."""

    fields = (
        ("family", "B"),
        ("dst_len", "B"),
        ("src_len", "B"),
        ("tos", "B"),
        ("table", "B"),
        ("proto", "B"),
        ("scope", "B"),
        ("type", "B"),
        ("flags", "I"),
    )
    nla_map = (
        (1, "RTA_DST", "target"),
        (4, "RTA_OIF", "uint32"),
        (5, "RTA_GATEWAY", "target"),
        (6, "RTA_PRIORITY", "uint32"),
        (7, "RTA_PREFSRC", "target"),
        (8, "RTA_METRICS", "metrics"),
        (15, "RTA_TABLE", "uint32"),
        (18, "RTA_VIA", "rtvia"),
    )

    class metrics(nla):
        """What is known of the way."""

        nla_map = ((2, "RTAX_MTU", "uint32"),)

    class rtvia(nla):
        """A next hop of another family: as text outside, as bytes inside."""

        fields = (("family", "H"), ("raw", "s"))

        def __getitem__(self, name):
            return format_ip(nla.__getitem__(self, "raw")) if name == "addr" else nla.__getitem__(self, name)

        def __setitem__(self, name, value):
            if name == "addr":
                nla.__setitem__(self, "raw", parse_ip(value))
            else:
                nla.__setitem__(self, name, value)
