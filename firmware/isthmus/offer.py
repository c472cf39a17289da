"""What a tunnel offers its peer in IKE: identities, key, algorithms, the inner endpoints as traffic selectors; and what
fits through what is agreed.
"""

from __future__ import annotations

from isthmus.crypto.suites import SuiteError, parse_esp_suite, parse_ike_suite
from isthmus.policy.derive import COOKIE_BYTES
from isthmus.policy.mtu import SMALLEST, inner_mtu
from isthmus.proto.ike2.connection import Connection, KeySet, Ppk, Retransmit
from isthmus.road import UNKNOWN
from isthmus.wire.ike_ts import Selector
from isthmus.wire.ip_numbers import IKE_PORT, L2TP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.crypto.suites import Suite
    from isthmus.policy.derive import Derived
    from isthmus.tunnel import Tunnel

HURRIED_TRIES = 4
RETRANSMIT_FACTOR = 180  # percent: the wait grows as strongSwan's does


def connection_of(tunnel: Tunnel) -> Connection | None:
    """What the engine needs to know of this tunnel; None as long as an address or an identity is unknown.

    Raises SuiteError where this interpreter has no algorithm of those that are allowed.
    """
    road, config = tunnel.road, tunnel.config
    if tunnel.derived is None or road.local_id is None or road.remote_id is None:
        return None
    if not road.is_anywhere and (road.local is None or road.remote is None):
        return None
    tries = config.retransmit_tries + 1
    if road.has_choice:  # who can try another address need not wait long for this one
        tries = min(tries, HURRIED_TRIES)
    here, there = tunnel.derived.local.inner, tunnel.derived.remote.inner
    return Connection(
        name=tunnel.name,
        local=(road.local or UNKNOWN, IKE_PORT),
        remote=None if road.is_anywhere or road.remote is None else (road.remote, IKE_PORT),
        local_id=road.local_id,
        remote_id=road.remote_id,
        psk=config.psk,
        ike_proposals=_offered(config.ike_proposals, parse_ike_suite),
        esp_proposals=_offered(config.esp_proposals, parse_esp_suite),
        ts_local=Selector(L2TP, 0, 65535, here, here),
        ts_remote=Selector(L2TP, 0, 65535, there, there),
        mode=tunnel.derived.mode,
        link=tunnel.derived.link,
        retransmit=Retransmit(config.retransmit_ms, RETRANSMIT_FACTOR, tries),
        roams=config.remote_id is not None,
        force_encap=config.force_encap or tunnel.detour.is_on,
        mobike=config.mobike,
        fragment=config.fragment,
        ppk=None if config.ppk is None else Ppk(config.ppk_id, config.ppk, config.ppk_required),
        also=None if config.also is None else KeySet(config.also[0], Ppk(config.also[2], config.also[1], True)),
        answers=config.responds,
        inside=config.static.peer_inside if config.static is not None else None,
    )


def mtu_of(tunnel: Tunnel) -> int:
    """Of the interface: configured, or computed from the way out and the cipher; never less than IPv6 needs."""
    return tunnel.config.mtu if tunnel.config.mtu is not None else fitting_mtu(tunnel)


def fitting_mtu(tunnel: Tunnel) -> int:
    """The same, whatever is configured."""
    cipher = tunnel.children.cipher()
    if tunnel.road.way is None:
        return SMALLEST
    if cipher is None and tunnel.adopted_mtu is not None:
        return tunnel.adopted_mtu
    if cipher is None:  # the one we prefer is the one that will most likely be agreed: nothing changes then
        try:
            cipher = _offered(tunnel.config.esp_proposals, parse_esp_suite)[0].cipher
        except SuiteError:  # nothing can be agreed at all
            return SMALLEST
    limit = tunnel.path.limit
    mtu = inner_mtu(
        tunnel.road.way.mtu if limit is None else min(limit, tunnel.road.way.mtu),
        len(tunnel.road.way.source) == 16,
        cipher.block,
        cipher.iv_bytes,
        cipher.icv_bits // 8,
        _cookie_bytes(tunnel.derived),
        tunnel.children.is_encapsulated(),
        tunnel.derived is not None and tunnel.derived.sublayer,
    )
    return max(SMALLEST, mtu)


def _cookie_bytes(derived: Derived | None) -> int:
    """Of the longer cookie: both ends have the same MTU then."""
    if derived is None:
        return COOKIE_BYTES
    return max(len(derived.local.cookie), len(derived.remote.cookie))


def offered_ike(texts: list[str]) -> list[Suite]:
    """Of these IKE suites those that this interpreter has the algorithms for. Raises SuiteError where it has none."""
    return _offered(texts, parse_ike_suite)


def _offered(texts: list[str], parse: Callable[[str], Suite]) -> list[Suite]:
    """The suites that this interpreter has the algorithms for. Raises SuiteError where it has none of them."""
    suites = []
    for text in texts:
        try:
            suites.append(parse(text))
        except SuiteError:
            continue
    return suites or [parse(texts[0])]
