"""The three messages of nfnetlink's nftables (linux/netfilter/nf_tables.h) that we send, in pyroute2's own style."""

from __future__ import annotations

from isthmus.kernel.lean import NFT_OBJECT_COUNTER
from isthmus.kernel.real_netlink import message, nlmsg

NFNL_SUBSYS_NFTABLES = 10  # linux/netfilter/nfnetlink.h
NFPROTO_INET = 1  # linux/netfilter.h
NFT_MSG_NEWTABLE = (NFNL_SUBSYS_NFTABLES << 8) | 0
NFT_MSG_GETTABLE = (NFNL_SUBSYS_NFTABLES << 8) | 1
NFT_MSG_GETOBJ = (NFNL_SUBSYS_NFTABLES << 8) | 19
NFT_MSG_NEWGEN = (NFNL_SUBSYS_NFTABLES << 8) | 15
NFT_MSG_GETGEN = (NFNL_SUBSYS_NFTABLES << 8) | 16


class genmsg(nlmsg):  # noqa: N801 - pyroute2's style
    """struct nfgenmsg, and enum nft_gen_attributes. The generation is compared only: its bytes will do."""

    fields = (("nfgen_family", "B"), ("version", "B"), ("res_id", "H"))

    nla_map = (
        ("NFTA_GEN_UNSPEC", "none"),
        ("NFTA_GEN_ID", "cdata"),
        ("NFTA_GEN_PROC_PID", "cdata"),
        ("NFTA_GEN_PROC_NAME", "cdata"),
    )


class tablemsg(nlmsg):  # noqa: N801 - pyroute2's style
    """struct nfgenmsg, and the first of enum nft_table_attributes."""

    fields = (("nfgen_family", "B"), ("version", "B"), ("res_id", "H"))

    nla_map = (("NFTA_TABLE_UNSPEC", "none"), ("NFTA_TABLE_NAME", "asciiz"))


class objmsg(nlmsg):  # noqa: N801 - pyroute2's style
    """struct nfgenmsg, and of enum nft_object_attributes which objects are asked for."""

    fields = (("nfgen_family", "B"), ("version", "B"), ("res_id", "H"))

    nla_map = ((1, "NFTA_OBJ_TABLE", "asciiz"), (3, "NFTA_OBJ_TYPE", "cdata"))


def push_counters(table: str) -> nlmsg:
    """The objmsg that asks for the named counters of a table of family inet."""
    kind = NFT_OBJECT_COUNTER.to_bytes(4, "big")
    asked: list[tuple[str, object]] = [("NFTA_OBJ_TABLE", table), ("NFTA_OBJ_TYPE", kind)]
    return message(objmsg, {"nfgen_family": NFPROTO_INET}, asked)
