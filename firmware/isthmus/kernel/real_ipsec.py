"""Policies and SAs in the kernel: objects <-> xfrm messages."""
from __future__ import annotations

from isthmus.kernel import xfrm_messages as xfrm
from isthmus.kernel.contract import EINVAL, ENOENT, ENOSYS, ESRCH, KernelError, is_reencapsulation
from isthmus.kernel.objects import (
    AUTH_HMAC_SHA2_256_128,
    AUTH_HMAC_SHA2_384_192,
    AUTH_HMAC_SHA2_512_256,
    ENCR_AES_CBC,
    ENCR_AES_GCM_16,
    ENCR_CHACHA20_POLY1305,
    FORWARD,
    IN,
    OUT,
    Policy,
    Sa,
    SaKeys,
    is_our_reqid,
)
from isthmus.kernel.real_netlink import (
    AF_INET,
    AF_INET6,
    DO,
    GET,
    LIST,
    NETLINK_XFRM,
    Transport,
    family_of,
    message,
)
from isthmus.policy.given import MARK_MASK
from isthmus.wire.addr import Prefix
from isthmus.wire.ip_numbers import ESP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.kernel.objects import KernelObject
    from isthmus.kernel.real_netlink import nlmsg

# Transform id (RFC 7296 3.3.2): the kernel's name and the length of the check value in bits.
AEAD_NAMES = {
    ENCR_AES_GCM_16: (b"rfc4106(gcm(aes))", 128),
    ENCR_CHACHA20_POLY1305: (b"rfc7539esp(chacha20,poly1305)", 128),
}
CIPHER_NAMES = {ENCR_AES_CBC: b"cbc(aes)"}
INTEGRITY_NAMES = {
    AUTH_HMAC_SHA2_256_128: (b"hmac(sha256)", 128),
    AUTH_HMAC_SHA2_384_192: (b"hmac(sha384)", 192),
    AUTH_HMAC_SHA2_512_256: (b"hmac(sha512)", 256),
}

_ANY_ALGORITHM = 0xFFFFFFFF
_DIRECTIONS = (IN, OUT, FORWARD)
_NO_LIMITS = {
    "lft_soft_byte_limit": xfrm.XFRM_INF,
    "lft_hard_byte_limit": xfrm.XFRM_INF,
    "lft_soft_packet_limit": xfrm.XFRM_INF,
    "lft_hard_packet_limit": xfrm.XFRM_INF,
}


def _long(address: bytes) -> bytes:
    """xfrm_address_t: 16 bytes."""
    return address + bytes(16 - len(address))


def _short(address: bytes, family: int) -> bytes:
    return bytes(address[:4] if family == AF_INET else address)


def _push_selector(source: Prefix, destination: Prefix, protocol: int) -> dict[str, object]:
    return {
        "sel_daddr": _long(destination.address),
        "sel_saddr": _long(source.address),
        "sel_family": family_of(source.address),
        "sel_prefixlen_d": destination.length,
        "sel_prefixlen_s": source.length,
        "sel_proto": protocol,
    }


def _pull_selector(msg: nlmsg) -> tuple[Prefix, Prefix, int]:
    family = msg["sel_family"]
    source = Prefix(_short(msg["sel_saddr"], family), msg["sel_prefixlen_s"])
    destination = Prefix(_short(msg["sel_daddr"], family), msg["sel_prefixlen_d"])
    return source, destination, msg["sel_proto"]


def push_policy(policy: Policy) -> nlmsg:
    """userpolicy_info of a policy with its one template."""
    fields = _push_selector(policy.source, policy.destination, policy.protocol)
    fields.update(_NO_LIMITS)
    fields.update({"priority": policy.priority, "dir": policy.direction, "action": policy.action})
    template = {
        "id_daddr": _long(policy.outer_destination),
        "id_proto": ESP,
        "family": family_of(policy.outer_source),
        "saddr": _long(policy.outer_source),
        "reqid": policy.reqid,
        "mode": policy.mode,
        "aalgos": _ANY_ALGORITHM,
        "ealgos": _ANY_ALGORITHM,
        "calgos": _ANY_ALGORITHM,
    }
    attributes: list[tuple[str, object]] = [("XFRMA_TMPL", template)]
    return message(xfrm.userpolicy_info, fields, attributes + _push_mark(policy))


def push_policy_id(policy: Policy) -> nlmsg:
    """userpolicy_id: what a policy is found by."""
    fields = _push_selector(policy.source, policy.destination, policy.protocol)
    fields["dir"] = policy.direction
    return message(xfrm.userpolicy_id, fields, _push_mark(policy))


def _push_mark(policy: Policy) -> list[tuple[str, object]]:
    """The mark of the packets that a policy is for: a part of what it is found by."""
    return [("XFRMA_MARK", {"v": policy.mark, "m": MARK_MASK})] if policy.mark else []


def pull_policy(msg: nlmsg) -> Policy | None:
    """The policy of a userpolicy_info; None if it is not ours."""
    template = msg.get_attr("XFRMA_TMPL")
    if template is None or not is_our_reqid(template["reqid"]) or msg["dir"] not in _DIRECTIONS:
        return None
    family = template["family"]
    try:
        source, destination, protocol = _pull_selector(msg)
    except ValueError:  # host bits set: not made by us, whatever its reqid
        return None
    mark = msg.get_attr("XFRMA_MARK")
    if mark is not None and (mark["m"] != MARK_MASK or mark["v"] & ~MARK_MASK or not mark["v"]):
        return None  # nor is this
    return Policy(
        msg["dir"],
        source,
        destination,
        protocol,
        _short(template["saddr"], family),
        _short(template["id_daddr"], family),
        template["mode"],
        template["reqid"],
        msg["action"],
        msg["priority"],
        mark["v"] if mark is not None else 0,
    )


def _push_key(name: bytes, key: bytearray) -> dict[str, object]:
    return {"alg_name": name, "alg_key_len": 8 * len(key), "alg_key": key}


def _push_algorithms(sa: Sa) -> list[tuple[str, object]]:
    """The attributes that carry the keys. Raises KernelError for a transform without a name here."""
    keys = sa.keys
    if keys is None:
        raise KernelError(EINVAL, "add sa %s" % sa.words(), kind="sa", detail="its keys are spent")
    if sa.encryption in AEAD_NAMES and sa.integrity == 0:
        name, check_bits = AEAD_NAMES[sa.encryption]
        aead = _push_key(name, keys.encryption)
        aead["alg_icv_len"] = check_bits
        return [("XFRMA_ALG_AEAD", aead)]
    if sa.encryption in CIPHER_NAMES and sa.integrity in INTEGRITY_NAMES:
        cipher = _push_key(CIPHER_NAMES[sa.encryption], keys.encryption)
        name, check_bits = INTEGRITY_NAMES[sa.integrity]
        check = _push_key(name, keys.integrity)
        check["alg_trunc_len"] = check_bits
        return [("XFRMA_ALG_AUTH_TRUNC", check), ("XFRMA_ALG_CRYPT", cipher)]
    detail = "encryption transform %d with integrity transform %d is not known here" % (sa.encryption, sa.integrity)
    raise KernelError(ENOSYS, "add sa %s" % sa.words(), kind="sa", detail=detail)


def push_sa(sa: Sa) -> nlmsg:
    """usersa_info of an SA. Raises KernelError if its keys are spent or its transforms unknown."""
    fields: dict[str, object] = {"sel_daddr": bytes(16), "sel_saddr": bytes(16)}
    if sa.selector is not None:
        fields = _push_selector(sa.selector[0], sa.selector[1], sa.selector[2])
    fields.update(_NO_LIMITS)
    fields.update({
        "id_daddr": _long(sa.destination),
        "id_spi": sa.spi,
        "id_proto": ESP,
        "saddr": _long(sa.source),
        "reqid": sa.reqid,
        "family": family_of(sa.destination),
        "mode": sa.mode,
        "flags": xfrm.XFRM_STATE_ESN if sa.esn else 0,
    })
    # The window travels in the attribute alone: the byte in the fixed part reaches no further than 32.
    window = {
        "bmp_len": xfrm.REPLAY_WINDOW // 32,
        "replay_window": xfrm.REPLAY_WINDOW,
        "bmp": bytes(xfrm.REPLAY_WINDOW // 8),
    }
    attributes = _push_algorithms(sa) + [("XFRMA_REPLAY_ESN_VAL", window)]
    if sa.encap is not None:
        ports = {"encap_type": xfrm.UDP_ENCAP_ESPINUDP, "encap_sport": sa.encap[0], "encap_dport": sa.encap[1]}
        attributes.append(("XFRMA_ENCAP", dict(ports, encap_oa=bytes(16))))
    if sa.mark:
        attributes += [("XFRMA_SET_MARK", sa.mark), ("XFRMA_SET_MARK_MASK", MARK_MASK)]
    return message(xfrm.usersa_info, fields, attributes)


def push_sa_update(sa: Sa) -> nlmsg:
    """usersa_info for XFRM_MSG_UPDSA of a standing SA: the kernel takes its UDP ports from it and no key.

    The message must name an algorithm and hold a key all the same, which the kernel sets up and throws away: zeros.
    """
    keys = SaKeys(bytearray(20), bytearray())
    return push_sa(Sa(sa.destination, sa.spi, sa.source, sa.reqid, sa.mode, ENCR_AES_GCM_16, 0, keys, None, sa.encap))


def push_sa_id(sa: Sa) -> nlmsg:
    """usersa_id: what an SA is found by."""
    fields: dict[str, object] = {
        "daddr": _long(sa.destination),
        "spi": sa.spi,
        "family": family_of(sa.destination),
        "proto": ESP,
    }
    return message(xfrm.usersa_id, fields, [])


def pull_sa(msg: nlmsg) -> Sa | None:
    """The SA of a usersa_info, with its counters and without its keys; None if it is not ours."""
    family = msg["family"]
    if not is_our_reqid(msg["reqid"]) or msg["id_proto"] != ESP or family not in {AF_INET, AF_INET6}:
        return None
    ports = msg.get_attr("XFRMA_ENCAP")
    encap = None if ports is None else (ports["encap_sport"], ports["encap_dport"])
    ends = (_short(msg["id_daddr"], family), msg["id_spi"], _short(msg["saddr"], family))
    mark = msg.get_attr("XFRMA_SET_MARK") or 0
    sa = Sa(*ends, msg["reqid"], msg["mode"], encap=encap, mark=mark)
    sa.packets = msg["curlft_packets"]
    sa.bytes = msg["curlft_bytes"]
    sa.replayed = msg["stats_replay"]
    sa.forged = msg["stats_integrity_failed"]
    return sa


class Ipsec:
    """Policies and SAs over one xfrm socket."""

    def __init__(self) -> None:
        answers: dict[int, type[nlmsg]] = {
            xfrm.XFRM_MSG_NEWSA: xfrm.usersa_info,
            xfrm.XFRM_MSG_NEWPOLICY: xfrm.userpolicy_info,
        }
        self._policies = Transport(NETLINK_XFRM, "policy", answers)
        self._sas = Transport(NETLINK_XFRM, "sa", answers)

    def close(self) -> None:
        """Give the sockets back."""
        self._policies.close()
        self._sas.close()

    def dump(self, kind: str) -> list[KernelObject]:
        """Our policies, or our SAs."""
        out: list[KernelObject] = []
        if kind == "policy":
            for answer in self._policies.request(xfrm.no_body(), xfrm.XFRM_MSG_GETPOLICY, LIST, "list the policies"):
                policy = pull_policy(answer)
                if policy is not None:
                    out.append(policy)
            return out
        for answer in self._sas.request(xfrm.no_body(), xfrm.XFRM_MSG_GETSA, LIST, "list the SAs"):
            sa = pull_sa(answer)
            if sa is not None:
                out.append(sa)
        return out

    def add(self, item: KernelObject) -> None:
        """EEXIST if the selector, or destination and SPI, are taken."""
        doing = "add %s %s" % (item.kind, item.words())
        if isinstance(item, Policy):
            self._policies.request(push_policy(item), xfrm.XFRM_MSG_NEWPOLICY, DO, doing)
        elif isinstance(item, Sa):
            request = push_sa(item)
            try:
                self._sas.request(request, xfrm.XFRM_MSG_NEWSA, DO, doing)
            finally:
                for index in range(len(request.data)):  # the encoded message holds the keys too
                    request.data[index] = 0

    def replace(self, item: KernelObject) -> None:
        """A policy of ours, or an SA's UDP ports, in place: no packet sees a moment without it."""
        doing = "replace %s %s" % (item.kind, item.words())
        if isinstance(item, Sa):
            self._reencapsulate(item, doing)
            return
        if not isinstance(item, Policy):
            raise KernelError(EINVAL, doing, kind=item.kind)
        if self._find_policy(item) is None:
            raise KernelError(ENOENT, doing, kind="policy", detail="there is none of ours")
        self._policies.request(push_policy(item), xfrm.XFRM_MSG_UPDPOLICY, DO, doing)

    def _reencapsulate(self, sa: Sa, doing: str) -> None:
        before = self._find_sa(sa)
        if before is None:
            raise KernelError(ENOENT, doing, kind="", detail="there is none of ours")
        if not is_reencapsulation(before, sa):
            raise KernelError(EINVAL, doing, kind="sa", detail="only the UDP ports of %s can change" % before.words())
        self._sas.request(push_sa_update(sa), xfrm.XFRM_MSG_UPDSA, DO, doing)

    def remove(self, item: KernelObject) -> None:
        """Only if it is ours; the kernel itself looks at the selector, or destination and SPI, alone."""
        doing = "remove %s %s" % (item.kind, item.words())
        try:
            if isinstance(item, Policy) and self._find_policy(item) is not None:
                self._policies.request(push_policy_id(item), xfrm.XFRM_MSG_DELPOLICY, DO, doing)
            elif isinstance(item, Sa) and self._find_sa(item) is not None:
                self._sas.request(push_sa_id(item), xfrm.XFRM_MSG_DELSA, DO, doing)
        except KernelError as error:
            if error.number not in {ENOENT, ESRCH}:
                raise

    def _find_policy(self, policy: Policy) -> Policy | None:
        """Ours with this key, as the kernel has it."""
        try:
            answers = self._policies.request(push_policy_id(policy), xfrm.XFRM_MSG_GETPOLICY, GET, "look up a policy")
        except KernelError as error:
            if error.number == ENOENT:
                return None
            raise
        return pull_policy(answers[0]) if answers else None

    def _find_sa(self, sa: Sa) -> Sa | None:
        try:
            answers = self._sas.request(push_sa_id(sa), xfrm.XFRM_MSG_GETSA, GET, "look up an SA")
        except KernelError as error:
            if error.number in {ESRCH, ENOENT}:
                return None
            raise
        return pull_sa(answers[0]) if answers else None

