"""Messages of the generic netlink family `l2tp` (linux/l2tp.h) in pyroute2's own style.

pyroute2 has an L2tp class, which cannot pass a cookie of raw bytes and cannot list tunnels.
"""
from __future__ import annotations

from isthmus.kernel.real_netlink import nla, nlmsg

L2TP_GENL_NAME = "l2tp"
L2TP_GENL_VERSION = 1
L2TP_GENL_MCGROUP = "l2tp"

L2TP_CMD_TUNNEL_CREATE = 1
L2TP_CMD_TUNNEL_DELETE = 2
L2TP_CMD_TUNNEL_GET = 4
L2TP_CMD_SESSION_CREATE = 5
L2TP_CMD_SESSION_DELETE = 6
L2TP_CMD_SESSION_GET = 8

L2TP_ENCAPTYPE_IP = 1
L2TP_PWTYPE_ETH = 5  # RFC 4719
L2TP_L2SPECTYPE_NONE = 0
L2TP_L2SPECTYPE_DEFAULT = 1  # RFC 3931 4.6
L2TP_VERSION = 3  # RFC 3931


class stats(nla):  # noqa: N801 - pyroute2's style
    """enum l2tp_session_stats."""

    nla_map = (
        ("L2TP_ATTR_STATS_NONE", "none"),
        ("L2TP_ATTR_TX_PACKETS", "uint64"),
        ("L2TP_ATTR_TX_BYTES", "uint64"),
        ("L2TP_ATTR_TX_ERRORS", "uint64"),
        ("L2TP_ATTR_RX_PACKETS", "uint64"),
        ("L2TP_ATTR_RX_BYTES", "uint64"),
        ("L2TP_ATTR_RX_SEQ_DISCARDS", "uint64"),
        ("L2TP_ATTR_RX_OOS_PACKETS", "uint64"),
        ("L2TP_ATTR_RX_ERRORS", "uint64"),
        ("L2TP_ATTR_STATS_PAD", "hex"),
        ("L2TP_ATTR_RX_COOKIE_DISCARDS", "uint64"),
        ("L2TP_ATTR_RX_INVALID", "uint64"),
    )


class l2tpmsg(nlmsg):  # noqa: N801
    """struct genlmsghdr, and enum l2tp_attr."""

    fields = (("cmd", "B"), ("version", "B"), ("reserved", "H"))

    nla_map = (
        ("L2TP_ATTR_NONE", "none"),
        ("L2TP_ATTR_PW_TYPE", "uint16"),
        ("L2TP_ATTR_ENCAP_TYPE", "uint16"),
        ("L2TP_ATTR_OFFSET", "uint16"),
        ("L2TP_ATTR_DATA_SEQ", "uint8"),
        ("L2TP_ATTR_L2SPEC_TYPE", "uint8"),
        ("L2TP_ATTR_L2SPEC_LEN", "uint8"),
        ("L2TP_ATTR_PROTO_VERSION", "uint8"),
        ("L2TP_ATTR_IFNAME", "asciiz"),
        ("L2TP_ATTR_CONN_ID", "uint32"),
        ("L2TP_ATTR_PEER_CONN_ID", "uint32"),
        ("L2TP_ATTR_SESSION_ID", "uint32"),
        ("L2TP_ATTR_PEER_SESSION_ID", "uint32"),
        ("L2TP_ATTR_UDP_CSUM", "uint8"),
        ("L2TP_ATTR_VLAN_ID", "uint16"),
        ("L2TP_ATTR_COOKIE", "cdata"),
        ("L2TP_ATTR_PEER_COOKIE", "cdata"),
        ("L2TP_ATTR_DEBUG", "uint32"),
        ("L2TP_ATTR_RECV_SEQ", "uint8"),
        ("L2TP_ATTR_SEND_SEQ", "uint8"),
        ("L2TP_ATTR_LNS_MODE", "uint8"),
        ("L2TP_ATTR_USING_IPSEC", "uint8"),
        ("L2TP_ATTR_RECV_TIMEOUT", "uint64"),
        ("L2TP_ATTR_FD", "uint32"),
        ("L2TP_ATTR_IP_SADDR", "cdata"),
        ("L2TP_ATTR_IP_DADDR", "cdata"),
        ("L2TP_ATTR_UDP_SPORT", "uint16"),
        ("L2TP_ATTR_UDP_DPORT", "uint16"),
        ("L2TP_ATTR_MTU", "uint16"),
        ("L2TP_ATTR_MRU", "uint16"),
        ("L2TP_ATTR_STATS", "stats"),
        ("L2TP_ATTR_IP6_SADDR", "cdata"),
        ("L2TP_ATTR_IP6_DADDR", "cdata"),
    )

    stats = stats
