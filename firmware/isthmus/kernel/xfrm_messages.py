"""xfrm messages of linux/xfrm.h in pyroute2's own style, as far as Isthmus uses them.

    XFRM_MSG_NEWSA, XFRM_MSG_UPDSA     usersa_info      ALG_AEAD | ALG_CRYPT + ALG_AUTH_TRUNC, REPLAY_ESN_VAL, ENCAP
    XFRM_MSG_DELSA     usersa_id
    XFRM_MSG_GETSA     usersa_id; a dump has no body
    XFRM_MSG_NEWPOLICY, XFRM_MSG_UPDPOLICY    userpolicy_info    TMPL
    XFRM_MSG_DELPOLICY, XFRM_MSG_GETPOLICY    userpolicy_id; a dump has no body

The C structures nest; here they are flat, the members of an inner structure under its name and an underscore. An
xfrm_address_t has 16 bytes, an IPv4 address stands in the first four.
"""
from __future__ import annotations

from isthmus.kernel.real_netlink import nla, nlmsg

XFRM_MSG_NEWSA = 0x10
XFRM_MSG_DELSA = 0x11
XFRM_MSG_GETSA = 0x12
XFRM_MSG_NEWPOLICY = 0x13
XFRM_MSG_DELPOLICY = 0x14
XFRM_MSG_GETPOLICY = 0x15
XFRM_MSG_UPDPOLICY = 0x19
XFRM_MSG_UPDSA = 0x1A
XFRM_MSG_FLUSHSA = 0x1C
XFRM_MSG_FLUSHPOLICY = 0x1D
XFRM_MSG_MAPPING = 0x26

XFRMNLGRP_SA = 3
XFRMNLGRP_POLICY = 4
XFRMNLGRP_MAPPING = 8

XFRM_INF = 0xFFFFFFFFFFFFFFFF  # no limit; 0 would be a limit reached at once
XFRM_STATE_ESN = 128
UDP_ENCAP_ESPINUDP = 2  # linux/udp.h; RFC 3948

# Packets, a multiple of 32; RFC 4303 3.4.3 wants 32 or more. On two processors a burst overtakes another by hundreds,
# and a packet from behind the window is lost: with ESN it is taken for one of the next 2^32, and its ICV is wrong.
REPLAY_WINDOW = 2048
_WINDOW_WORDS = REPLAY_WINDOW // 32


def _selector(name: str) -> tuple[tuple[str, str], ...]:
    """The fields of struct xfrm_selector, 56 bytes."""
    return (
        (name + "_daddr", "16s"),
        (name + "_saddr", "16s"),
        (name + "_dport", ">H"),
        (name + "_dport_mask", ">H"),
        (name + "_sport", ">H"),
        (name + "_sport_mask", ">H"),
        (name + "_family", "H"),
        (name + "_prefixlen_d", "B"),
        (name + "_prefixlen_s", "B"),
        (name + "_proto", "B"),
        ("__" + name, "3x"),
        (name + "_ifindex", "i"),
        (name + "_user", "I"),
    )


# struct xfrm_id, 24 bytes
_ID = (("id_daddr", "16s"), ("id_spi", ">I"), ("id_proto", "B"), ("__id", "3x"))

# struct xfrm_lifetime_cfg, 64 bytes
_LIMITS = (
    ("lft_soft_byte_limit", "Q"),
    ("lft_hard_byte_limit", "Q"),
    ("lft_soft_packet_limit", "Q"),
    ("lft_hard_packet_limit", "Q"),
    ("lft_soft_add_expires_seconds", "Q"),
    ("lft_hard_add_expires_seconds", "Q"),
    ("lft_soft_use_expires_seconds", "Q"),
    ("lft_hard_use_expires_seconds", "Q"),
)

# struct xfrm_lifetime_cur, 32 bytes
_LIFE = (("curlft_bytes", "Q"), ("curlft_packets", "Q"), ("curlft_add_time", "Q"), ("curlft_use_time", "Q"))

# struct xfrm_stats, 12 bytes
_STATS = (("stats_replay_window", "I"), ("stats_replay", "I"), ("stats_integrity_failed", "I"))


class algo(nla):  # noqa: N801 - pyroute2's style: the kernel's name
    """struct xfrm_algo: name, length of the key in bits, key."""

    fields = (("alg_name", "64s"), ("alg_key_len", "I"), ("alg_key", "s"))


class algo_auth(nla):  # noqa: N801
    """struct xfrm_algo_auth: with the length of the truncated check value in bits."""

    fields = (("alg_name", "64s"), ("alg_key_len", "I"), ("alg_trunc_len", "I"), ("alg_key", "s"))


class algo_aead(nla):  # noqa: N801
    """struct xfrm_algo_aead: with the length of the check value in bits."""

    fields = (("alg_name", "64s"), ("alg_key_len", "I"), ("alg_icv_len", "I"), ("alg_key", "s"))


class encap_tmpl(nla):  # noqa: N801
    """struct xfrm_encap_tmpl, 24 bytes."""

    fields = (
        ("encap_type", "H"),
        ("encap_sport", ">H"),
        ("encap_dport", ">H"),
        ("__encap", "2x"),
        ("encap_oa", "16s"),
    )


class user_tmpl(nla):  # noqa: N801
    """struct xfrm_user_tmpl, 64 bytes. The attribute may hold several; only the first is read, only one is written."""

    fields = _ID + (
        ("family", "H"),
        ("__family", "2x"),
        ("saddr", "16s"),
        ("reqid", "I"),
        ("mode", "B"),
        ("share", "B"),
        ("optional", "B"),
        ("__optional", "x"),
        ("aalgos", "I"),
        ("ealgos", "I"),
        ("calgos", "I"),
    )


class replay_state_esn(nla):  # noqa: N801
    """struct xfrm_replay_state_esn with room for our window."""

    fields = (
        ("bmp_len", "I"),
        ("oseq", "I"),
        ("seq", "I"),
        ("oseq_hi", "I"),
        ("seq_hi", "I"),
        ("replay_window", "I"),
        ("bmp", "%ds" % (4 * _WINDOW_WORDS)),
    )


class xfrm_mark(nla):  # noqa: N801
    """struct xfrm_mark: value and mask."""

    fields = (("v", "I"), ("m", "I"))


class xfrmmsg(nlmsg):  # noqa: N801
    """What the messages share: attributes of enum xfrm_attr_type_t. "hex" stands for those that are not used here."""

    nla_map = (
        ("XFRMA_UNSPEC", "none"),
        ("XFRMA_ALG_AUTH", "hex"),
        ("XFRMA_ALG_CRYPT", "algo"),
        ("XFRMA_ALG_COMP", "hex"),
        ("XFRMA_ENCAP", "encap_tmpl"),
        ("XFRMA_TMPL", "user_tmpl"),
        ("XFRMA_SA", "hex"),
        ("XFRMA_POLICY", "hex"),
        ("XFRMA_SEC_CTX", "hex"),
        ("XFRMA_LTIME_VAL", "hex"),
        ("XFRMA_REPLAY_VAL", "hex"),
        ("XFRMA_REPLAY_THRESH", "uint32"),
        ("XFRMA_ETIMER_THRESH", "uint32"),
        ("XFRMA_SRCADDR", "hex"),
        ("XFRMA_COADDR", "hex"),
        ("XFRMA_LASTUSED", "uint64"),
        ("XFRMA_POLICY_TYPE", "hex"),
        ("XFRMA_MIGRATE", "hex"),
        ("XFRMA_ALG_AEAD", "algo_aead"),
        ("XFRMA_KMADDRESS", "hex"),
        ("XFRMA_ALG_AUTH_TRUNC", "algo_auth"),
        ("XFRMA_MARK", "xfrm_mark"),
        ("XFRMA_TFCPAD", "uint32"),
        ("XFRMA_REPLAY_ESN_VAL", "replay_state_esn"),
        ("XFRMA_SA_EXTRA_FLAGS", "uint32"),
        ("XFRMA_PROTO", "uint8"),
        ("XFRMA_ADDRESS_FILTER", "hex"),
        ("XFRMA_PAD", "hex"),
        ("XFRMA_OFFLOAD_DEV", "hex"),
        ("XFRMA_SET_MARK", "uint32"),
        ("XFRMA_SET_MARK_MASK", "uint32"),
    )

    algo = algo
    algo_auth = algo_auth
    algo_aead = algo_aead
    encap_tmpl = encap_tmpl
    user_tmpl = user_tmpl
    xfrm_mark = xfrm_mark
    replay_state_esn = replay_state_esn


class usersa_info(xfrmmsg):  # noqa: N801
    """struct xfrm_usersa_info, 224 bytes."""

    fields = _selector("sel") + _ID + (("saddr", "16s"),) + _LIMITS + _LIFE + _STATS + (
        ("seq", "I"),
        ("reqid", "I"),
        ("family", "H"),
        ("mode", "B"),
        ("replay_window", "B"),
        ("flags", "B"),
        ("__flags", "7x"),
    )


class usersa_id(xfrmmsg):  # noqa: N801
    """struct xfrm_usersa_id, 24 bytes."""

    fields = (("daddr", "16s"), ("spi", ">I"), ("family", "H"), ("proto", "B"), ("__proto", "x"))


class userpolicy_info(xfrmmsg):  # noqa: N801
    """struct xfrm_userpolicy_info, 168 bytes."""

    fields = _selector("sel") + _LIMITS + _LIFE + (
        ("priority", "I"),
        ("index", "I"),
        ("dir", "B"),
        ("action", "B"),
        ("flags", "B"),
        ("share", "B"),
        ("__share", "4x"),
    )


class userpolicy_id(xfrmmsg):  # noqa: N801
    """struct xfrm_userpolicy_id, 64 bytes."""

    fields = _selector("sel") + (("index", "I"), ("dir", "B"), ("__dir", "3x"))


class no_body(nlmsg):  # noqa: N801
    """A request for a list: no body at all (the kernel reads a body as attributes)."""
