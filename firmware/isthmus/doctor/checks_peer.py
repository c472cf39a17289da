"""Findings about the peers: whether they answer, by which ports and protocols, and how large a packet gets there."""

from __future__ import annotations

from isthmus.doctor.checks_router import seconds
from isthmus.doctor.finding import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.doctor.facts import Facts, Peer
    from isthmus.doctor.finding import Finding

    Judged = tuple[list[Finding], str]

CALL_MS = 120_000  # who waits for a call without one for so long is worth a word
SETTLED_MS = 10_000  # a path that has just been made may still be silent
REFUSED_MS = 600_000  # a refused call counts no more after this
LOSS_PERCENT = 20
LEAST = 1280  # bytes; as path.py
MOST_NAMED = 10
NO_NAME = "unresolvable-name"  # of troubles.py
# Peer.nat in words
NAT = {
    "none": "no address translator on the way",
    "here": "this router is behind an address translator",
    "there": "the peer is behind an address translator",
    "both": "both routers are behind address translators",
}
SILENT = (
    "ask the other site whether its router runs and has this address; let UDP 500 and 4500 and ESP (IP protocol 50) "
    "pass in the firewalls and boxes between, and forward both ports to a router behind one"
)
HALF = "let UDP port 4500 pass, both ways, in the firewalls and boxes between the two routers"
NOTHING = (
    "let ESP (IP protocol 50) and UDP port 4500 pass in the firewalls between; if they do, take the tunnel down and up "
    "at both sites: isthmus down, isthmus up"
)


def check_peers(facts: Facts) -> Judged:
    """Does each answer, and does what is sent arrive?"""
    if facts.peers is None:
        return [], ""
    found: list[Finding] = []
    nameless = [name.tunnel for name in facts.names if not name.addresses]  # told in the area names
    for peer in facts.peers:
        for row in ROWS:
            finding = row(peer)
            if finding is not None and not (peer.tunnel in nameless and peer.error and peer.error[0] == NO_NAME):
                found.append(finding)
                break
        for more in BESIDE:
            finding = more(peer)
            if finding is not None:
                found.append(finding)
    return found, "; ".join([_said(peer) for peer in facts.peers[:MOST_NAMED]]) or "no tunnel is configured"


def _where(peer: Peer) -> str:
    return "%s (%s)" % (peer.remote, peer.address) if peer.address and peer.address != peer.remote else peer.remote


def _said(peer: Peer) -> str:
    if not peer.is_wanted or peer.state == "disabled":
        return "%s is taken down" % peer.tunnel
    words = []
    if peer.seen is not None:
        words.append("answered IKE %s ago" % seconds(peer.seen))
    if peer.nat:
        words.append(NAT[peer.nat])
    if peer.has_ike:
        words.append("ESP in UDP from port %d to port %d" % peer.ports if peer.ports is not None else "plain ESP")
    return "%s: %s" % (peer.tunnel, ", ".join([peer.state] + words))


def _taken_down(peer: Peer) -> Finding | None:
    if peer.is_wanted:
        return None
    if not peer.is_enabled:
        text = "tunnel %s is switched off (option enabled '0')" % peer.tunnel
        remedy = "nothing, if that is meant; else: isthmus config set isthmus.%s.enabled=1, then isthmus apply"
        return find("taken-down", text, remedy % peer.tunnel, peer.tunnel)
    code = "rules-wait" if peer.has_rules else "taken-down"
    text = "tunnel %s was taken down by hand" % peer.tunnel
    if peer.has_rules:
        text += ", and hosts that are forced through it reach nothing"
    return find(code, text, "if it is wanted: isthmus up %s" % peer.tunnel, peer.tunnel)


def _silent(peer: Peer) -> Finding | None:
    """IKE itself does not get an answer."""
    if peer.error is None or peer.error[0] not in ("unreachable", "peer-dead"):
        return None
    ago = seconds(peer.error[3])
    if peer.is_half:
        text = "%s answers on UDP port 500, and not on 4500 (%s ago), for tunnel %s"
        return find("peer-half-silent", text % (_where(peer), ago, peer.tunnel), HALF, peer.tunnel)
    if peer.seen is not None or peer.error[0] == "peer-dead":
        last = "" if peer.seen is None else ", and was heard %s ago last" % seconds(peer.seen)
        text = "%s does not answer any more%s, for tunnel %s" % (_where(peer), last, peer.tunnel)
        return find("peer-gone", text, SILENT, peer.tunnel)
    text = "%s does not answer at all (tried %s ago), for tunnel %s" % (_where(peer), ago, peer.tunnel)
    return find("peer-silent", text, SILENT, peer.tunnel)


def _not_up(peer: Peer) -> Finding | None:
    """Every other reason is the tunnel's own."""
    if peer.error is None or peer.state == "up":
        return None
    text = "tunnel %s: %s (%s ago)" % (peer.tunnel, peer.error[1], seconds(peer.error[3]))
    return find("not-up", text, peer.error[2] or "see: isthmus status %s" % peer.tunnel, peer.tunnel)


def _nothing_passes(peer: Peer) -> Finding | None:
    if peer.state != "carried" or peer.age < SETTLED_MS or peer.loss is None or peer.loss < 100:
        return None
    text = "IKE with %s works, and nothing comes through the tunnel %s, neither with plain ESP nor with ESP in UDP"
    if not peer.is_detour:
        text = "IKE with %s works, and nothing comes through the tunnel %s" + (
            "" if peer.ports is None else ", with ESP in UDP")
    remedy = NOTHING
    if peer.is_static:
        remedy += "; with option session static also compare ids, cookies and sublayer with the peer's"
    return find("nothing-passes", text % (_where(peer), peer.tunnel), remedy, peer.tunnel)


def _never_called(peer: Peer) -> Finding | None:
    if not peer.waits or peer.has_ike or peer.state == "up" or peer.age < CALL_MS:
        return None
    text = "tunnel %s waits for the peer to call, and it has not in %s" % (peer.tunnel, seconds(peer.age))
    if peer.is_anywhere:
        return find("roaming-away", text, "nothing, if it is switched off or away just now", peer.tunnel)
    remedy = (
        "see that the other site calls this router's public address, and that UDP 500 and 4500 come in here "
        "(behind another box: forward both ports to this router)"
    )
    return find("never-called", text, remedy, peer.tunnel)


def _esp_blocked(peer: Peer) -> Finding | None:
    if not peer.is_detour or peer.state != "up":
        return None
    text = "plain ESP (IP protocol 50) does not get through to %s, ESP in UDP does: tunnel %s works, a little slower"
    remedy = "nothing has to be done; to win that back, let IP protocol 50 pass in the firewalls between"
    return find("esp-blocked", text % (_where(peer), peer.tunnel), remedy, peer.tunnel)


def _refused(peer: Peer) -> Finding | None:
    if peer.refusal is None or peer.refusal[3] > REFUSED_MS:
        return None
    text = "tunnel %s: a call was refused %s ago: %s"
    text %= (peer.tunnel, seconds(peer.refusal[3]), peer.refusal[1])
    return find("peer-refused", text, peer.refusal[2] or "see: isthmus log --tunnel %s" % peer.tunnel, peer.tunnel)


# Why a tunnel is not up: the first that holds; and what may be said beside it.
ROWS = (_taken_down, _silent, _not_up, _nothing_passes, _never_called)
BESIDE = (_refused, _esp_blocked)


def check_path(facts: Facts) -> Judged:
    """How large a packet passes, and how many are lost?"""
    if facts.peers is None:
        return [], ""
    found: list[Finding] = []
    said = []
    for peer in facts.peers:
        if peer.state != "up":
            continue
        limit = "not searched for yet" if peer.limit is None else "%d bytes" % peer.limit
        if peer.round_trip is not None:
            limit += ", %d ms, %d %% lost" % (peer.round_trip, peer.loss or 0)
        said.append("%s: MTU %d, the way takes %s" % (peer.tunnel, peer.mtu, limit))
        for check in PATHS:
            finding = check(peer)
            if finding is not None:
                found.append(finding)
    return found, "; ".join(said[:MOST_NAMED]) or "no tunnel is up"


def _loss(peer: Peer) -> Finding | None:
    if peer.loss is None or peer.loss < LOSS_PERCENT:
        return None
    text = "%d %% of the probes through tunnel %s are lost" % (peer.loss, peer.tunnel)
    remedy = "look for a busy or bad uplink at either site: ping %s shows whether it is lost outside the tunnel as well"
    return find("loss", text, remedy % (peer.address or peer.remote), peer.tunnel)


def _too_large(peer: Peer) -> Finding | None:
    if not peer.fitting or peer.mtu <= peer.fitting:
        return None
    text = "tunnel %s has MTU %d by its configuration, and only %d pass whole: large packets are cut or lost"
    remedy = "set option mtu 'auto', or %d: isthmus config set isthmus.%s.mtu=auto, then isthmus apply"
    words = (peer.tunnel, peer.mtu, peer.fitting)
    return find("mtu-too-large", text % words, remedy % (peer.fitting, peer.tunnel), peer.tunnel)


def _narrow(peer: Peer) -> Finding | None:
    if peer.limit is None or peer.uplink_mtu is None or peer.limit >= peer.uplink_mtu:
        return None
    if peer.limit <= LEAST < peer.uplink_mtu:
        text = "not even packets of %d bytes are sure to get to %s whole: tunnel %s has the least MTU there is"
        remedy = "find what drops large UDP packets on the way, mostly a firewall that drops fragments or ICMP"
        return find("path-least", text % (LEAST, _where(peer), peer.tunnel), remedy, peer.tunnel)
    text = "a link on the way to %s takes %d bytes, the uplink %d: tunnel %s is set to fit"
    words = (_where(peer), peer.limit, peer.uplink_mtu, peer.tunnel)
    return find("path-narrow", text % words, "nothing has to be done", peer.tunnel)


PATHS = (_loss, _too_large, _narrow)
