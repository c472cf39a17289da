"""Clashes: what cannot work side by side on this router, each computed from what is known, and what to do about it.

Nothing here changes anything. A Finding is a sentence for a person, a remedy, and a code for programs. Rows of checks,
as in config/checks.py: findings(ground) runs them all.
"""

from __future__ import annotations

from isthmus.config.alias import REMOTE
from isthmus.config.cover import Ranges
from isthmus.config.forced import MAC
from isthmus.config.free import free_networks
from isthmus.config.passthrough import BLOCK, HELPER, IPSEC, L2TP, PPTP
from isthmus.policy.clients import clients
from isthmus.policy.passthrough import BOTH, IN, OUT
from isthmus.wire.addr import IPV4_BYTES, format_ip
from isthmus.wire.ip_numbers import ESP, IKE_PORT, L2TP_PORT, NATT_PORT, PPTP_PORT, TCP, UDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.model import Config
    from isthmus.kernel.flows import Flow
    from isthmus.policy.clients import Client, Place
    from isthmus.policy.forwards import Firewall, Forward

ERROR, WARNING, NOTE = "error", "warning", "note"


class Finding:
    """code: for programs; level: ERROR (something of ours does not work), WARNING or NOTE; message, remedy: sentences;
    about: the section or address it is about, "" for none.
    """

    def __init__(self, code: str, level: str, message: str, remedy: str, about: str = "") -> None:
        self.code = code
        self.level = level
        self.message = message
        self.remedy = remedy
        self.about = about

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Finding) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((self.code, self.about))

    def __repr__(self) -> str:
        return "Finding(%s, %s)" % (self.code, self.about)


class Ground:
    """What the checks look at.

    config; place: whose addresses are whose; flows: the kernel's; peers: name of a tunnel -> its outer addresses known
    now, nothing where it may call from anywhere; firewall: what the router's own firewall file says, or None.
    """

    def __init__(
        self, config: Config, place: Place, flows: list[Flow] | None = None,
        peers: dict[str, list[bytes]] | None = None, firewall: Firewall | None = None,
    ) -> None:
        self.config = config
        self.place = place
        self.flows = flows or []
        self.peers = peers or {}
        self.firewall = firewall
        self.clients: list[Client] = clients(self.flows, place, config.passthrough)


def findings(ground: Ground) -> list[Finding]:
    """Everything there is to tell, errors first; none twice."""
    found: list[Finding] = []
    for check in CHECKS:
        for finding in check(ground):
            if finding not in found:
                found.append(finding)
    return [finding for level in (ERROR, WARNING, NOTE) for finding in found if finding.level == level]


# --- port forwards ----------------------------------------------------------------------------------------------------


def check_own_ports(ground: Ground) -> list[Finding]:
    """A port forward takes packets before they reach us: our own tunnels would hear nothing."""
    found: list[Finding] = []
    tunnels = [tunnel for tunnel in ground.config.tunnels if tunnel.enabled]
    for forward in _forwards(ground) if tunnels else []:
        services = [word for word, protocol, port in _OWN if forward.takes(protocol, port)]
        deaf = [tunnel.name for tunnel in tunnels if _may_come_from(forward, ground.peers.get(tunnel.name, []))]
        if not services or not deaf:
            continue
        answers = [tunnel for tunnel in tunnels if tunnel.name in deaf and tunnel.responds]
        message = "the port forward '%s' sends %s from outside on to %s: the peer of tunnel %s is no longer heard" % (
            forward.name, ", ".join(services), forward.to or "another port of this router", ", ".join(deaf))
        remedy = (
            "let it forward from named addresses alone that are none of our peers' (option src_ip), use another"
            " public address for it (option src_dip), or remove it"
        )
        found.append(Finding("forward-takes-ike", ERROR if answers else WARNING, message, remedy, forward.name))
    return found


_OWN = (("IKE (UDP 500)", UDP, IKE_PORT), ("NAT-T (UDP 4500)", UDP, NATT_PORT), ("ESP", ESP, 0))


def _forwards(ground: Ground) -> list[Forward]:
    """Those of the address that our tunnels use."""
    rows = ground.firewall.forwards if ground.firewall is not None else []
    return [row for row in rows if not row.outer or row.outer in ground.place.own]


def _may_come_from(forward: Forward, peers: list[bytes]) -> bool:
    """True where it also takes what our peer sends; of a peer without a known address everything may come."""
    if not peers:
        return not forward.sources or forward.excluded
    return bool([peer for peer in peers if forward.is_for(peer)])


def check_forwarded_l2tp(ground: Ground) -> list[Finding]:
    """L2TP from the Internet without IPsec carries everything in the clear."""
    found = []
    for forward in _forwards(ground):
        if forward.takes(UDP, L2TP_PORT) and forward.to:
            message = "the port forward '%s' lets L2TP (UDP 1701) in without IPsec, to %s: all of it is in the clear"
            remedy = "forward UDP 500 and 4500 to that server from its clients' addresses instead; IPsec brings L2TP"
            found.append(Finding("forward-l2tp", WARNING, message % (forward.name, forward.to), remedy, forward.name))
    return found


def check_forward_and_block(ground: Ground) -> list[Finding]:
    """A port forward to a VPN server, and a passthrough section that drops what it lets in."""
    found = []
    services = {IPSEC: ((UDP, IKE_PORT), (UDP, NATT_PORT), (ESP, 0)), L2TP: ((UDP, L2TP_PORT),),
                PPTP: ((TCP, PPTP_PORT),)}  # fmt: skip
    for config in ground.config.passthrough:
        if config.action != BLOCK or config.direction not in (IN, BOTH) or config.sources:
            continue
        for forward in _forwards(ground):
            if forward.to and [1 for protocol, port in services[config.protocol] if forward.takes(protocol, port)]:
                message = "passthrough '%s' blocks %s from outside, and the port forward '%s' lets it in"
                remedy = "remove one of them, or add a passthrough section with action allow for %s" % forward.to
                message = message % (config.name, config.protocol, forward.name)
                found.append(Finding("block-and-forward", WARNING, message, remedy, config.name))
    return found


# --- clients ----------------------------------------------------------------------------------------------------------


def check_esp_clients(ground: Ground) -> list[Finding]:
    """Through NAT one raw-ESP client reaches a gateway: the tracking knows ESP by its two addresses alone.

    The second has no entry: its packets are dropped, and the answers to it go to the first. What shows is that it
    negotiates with the gateway and never turns to NAT-T.
    """
    found = []
    translated = [row for row in ground.clients if row.flow.reply_destination in ground.place.own]
    for holder in translated:
        if holder.flow.protocol != ESP or holder.direction != OUT:
            continue
        same = [row for row in translated if row.outside == holder.outside and row.inside != holder.inside]
        hosts = {row.inside for row in same if row.service == "IKE"}
        hosts -= {row.inside for row in same if row.service == "NAT-T"}
        for host in sorted(hosts):
            gateway = format_ip(holder.outside)
            message = "%s and %s both use IPsec without NAT-T to %s: only the first of them, %s, gets through" % (
                format_ip(holder.inside), format_ip(host), gateway, format_ip(holder.inside))
            remedy = "switch on NAT-T (UDP encapsulation) in both clients or at %s: then any number works" % gateway
            found.append(Finding("second-esp-client", WARNING, message, remedy, format_ip(host)))
    return found


def check_own_peer(ground: Ground) -> list[Finding]:
    """A client of ours talks to the very address where our own peer is."""
    found = []
    for name in sorted(ground.peers):
        tunnel = ground.config.get(name)
        addresses = ground.peers[name] if tunnel is not None else []
        for client in ground.clients:
            if client.direction != OUT or client.protocol != IPSEC or client.outside not in addresses:
                continue
            host, peer = format_ip(client.inside), format_ip(client.outside)
            if client.flow.protocol == UDP:
                message = "%s talks %s to %s, where the peer of tunnel %s is: from a port of its own, so that both work"
                message, level = message % (host, client.service, peer, name), NOTE
                remedy = "nothing needs to be done as long as NAT-T is on in that client"
            else:
                message = (
                    "%s sends ESP without UDP to %s, where the peer of tunnel %s is: the kernel cannot tell it from the"
                    " tunnel's own, so it is dropped" % (host, peer, name)
                )
                remedy = "switch on NAT-T in that client; option encap 'force' keeps tunnel %s apart for good" % name
                level = WARNING
            found.append(Finding("client-to-our-peer", level, message, remedy, host))
    return found


# --- the configuration ------------------------------------------------------------------------------------------------


def check_mac_inwards(ground: Ground) -> list[Finding]:
    """Whom a packet goes to is known by its MAC only when it has left."""
    found = []
    for config in ground.config.passthrough:
        macs = [str(source) for source in config.sources if source.kind == MAC]
        if macs and config.direction in (IN, BOTH):
            message = "passthrough '%s' means %s by MAC alone, which tells nothing of packets from outside to it"
            remedy = "write its address as well (192.168.1.20@%s), or direction out" % macs[0]
            found.append(Finding("mac-inwards", WARNING, message % (config.name, macs[0]), remedy, config.name))
    return found


def check_pptp_helper(ground: Ground) -> list[Finding]:
    """The tracking tells GRE apart by the call ids of both ends, and only the helper learns them."""
    found = []
    for client in ground.clients:
        if client.service != "PPTP" or client.direction != OUT or client.action in (HELPER, BLOCK):
            continue
        if client.flow.reply_destination in ground.place.own:
            host, server = format_ip(client.inside), format_ip(client.outside)
            message = "%s uses PPTP to %s without the helper: what comes back in GRE finds no way through NAT"
            remedy = "add config passthrough with protocol pptp, action helper and from %s/32, or change the VPN" % host
            found.append(Finding("pptp-without-helper", WARNING, message % (host, server), remedy, host))
    return found


def check_overlap(ground: Ground) -> list[Finding]:
    """The peer's network is one of ours: packets for it never reach the tunnel."""
    found = []
    aliases = ground.config.aliases
    used = [subnet for tunnel in ground.config.tunnels for subnet in tunnel.remote_subnets + tunnel.local_subnets]
    used += [prefix for alias in aliases for prefix in (alias.subnet, alias.shown)] + ground.place.networks()
    taken = Ranges([(prefix, None) for prefix in used])
    for tunnel in ground.config.tunnels:
        for remote in tunnel.remote_subnets:
            ours = [prefix for prefix in ground.place.networks() if prefix.overlaps(remote)]
            if not ours:
                continue
            message = "tunnel %s leads to %s, which overlaps %s of this site" % (tunnel.name, remote, ours[0])
            free = free_networks(remote.length, taken, 1) if len(remote.address) == IPV4_BYTES else []
            remedy = "give one site other addresses"
            if free:
                remedy = (
                    "let the peer appear as %s: there config alias with subnet %s, as %s and side local, here"
                    " remote_subnet %s" % (free[0], remote, free[0], free[0])
                )
            found.append(Finding("overlap", ERROR, message, remedy, tunnel.name))
    return found


def check_forced_dns(ground: Ground) -> list[Finding]:
    """What is led to a name server already is not led on to that server's real address."""
    found = []
    for rule in ground.config.forced:
        for address in rule.dns:
            for alias in ground.config.aliases:
                if alias.side == REMOTE and alias.shown.contains(address):
                    message = "forced '%s' asks %s for names, in alias '%s' of the peer: no answer comes back"
                    remedy = "name a server beyond the tunnel that is no part of it, or let the peer itself translate"
                    message = message % (rule.name, format_ip(address), alias.name)
                    found.append(Finding("dns-in-alias", ERROR, message, remedy, rule.name))
    return found


def check_offload_stalls(ground: Ground) -> list[Finding]:
    """The flow table looks for an IPv4 host itself where its route has an IPv6 next hop (seen on 6.1).

    It asks for the host by ARP on the tunnel, where nobody answers, and what it has taken over goes nowhere.
    """
    if ground.firewall is None or not ground.firewall.offload:
        return []
    found = []
    for tunnel in ground.config.tunnels:
        hops = tunnel.static.next_hops if tunnel.static is not None else []
        ipv4 = [prefix for prefix in tunnel.remote_subnets if len(prefix.address) == IPV4_BYTES]
        if tunnel.enabled and ipv4 and hops and not [hop for hop in hops if len(hop) == IPV4_BYTES]:
            message = (
                "flow offloading is on, and the kernel's flow table does not find the way into tunnel %s: IPv4"
                " connections from the LAN through it stop after their first packets" % tunnel.name
            )
            remedy = "add the peer's IPv4 address on the tunnel (list peer_address), or switch flow_offloading off"
            found.append(Finding("offload-stalls", ERROR, message, remedy, tunnel.name))
    return found


def check_offload(ground: Ground) -> list[Finding]:
    """The firewall's flow table takes connections past every chain."""
    firewall, config = ground.firewall, ground.config
    if firewall is None or not firewall.offload or not (config.forced or config.passthrough):
        return []
    message = (
        "flow offloading is on: connections that it has taken over are no longer counted by Isthmus; when a rule or a"
        " tunnel changes, Isthmus ends those of the hosts concerned, so that none outlives its permission"
    )
    level, remedy = NOTE, "nothing needs to be done; switch it off where the counters must be complete"
    if firewall.hardware:
        message += "; with hardware offloading the network chip forwards them, which no test of ours can watch"
        level, remedy = WARNING, "where a forced rule matters, set option flow_offloading_hw '0' in the firewall"
    return [Finding("offload", level, message, remedy)]


CHECKS: tuple[Callable[[Ground], list[Finding]], ...] = (
    check_own_ports,
    check_forwarded_l2tp,
    check_forward_and_block,
    check_esp_clients,
    check_own_peer,
    check_mac_inwards,
    check_pptp_helper,
    check_overlap,
    check_forced_dns,
    check_offload_stalls,
    check_offload,
)
