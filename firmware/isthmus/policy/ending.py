"""Which connections end when forced rules change: those of the sources concerned, which the tracker would let go on.

A flow that began under other rules keeps its translation, and one that is offloaded passes by every chain. Forgotten
by the kernel, it is judged as if it were new. The router's own IKE and ESP are not among them, as long as they are
where they belong.
"""

from __future__ import annotations

from isthmus.config.forced import BOUND, INTERFACE, MAC
from isthmus.policy.clients import Place, clients, shadowing
from isthmus.policy.spans import FAMILIES, find_piece, pieces
from isthmus.wire.addr import IPV4_BYTES, network_of
from isthmus.wire.ip_numbers import ESP, IKE_PORT, L2TP, NATT_PORT, UDP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.alias import AliasConfig
    from isthmus.config.forced import ForcedConfig
    from isthmus.config.passthrough import PassthroughConfig
    from isthmus.kernel.flows import Flow
    from isthmus.wire.addr import Prefix

    LocalAddress = tuple[str, bytes, int]  # interface name, address, prefix length
    Neighbour = tuple[str, bytes, bytes]  # interface name, address, MAC

TUNNEL_PORTS = (IKE_PORT, NATT_PORT)


class Concern:
    """One thing that decides over connections; where it differs from before, those that it concerns end.

    rule: a forced rule, with its `state`; alias: with the `subnets` beyond its tunnel; passthrough: all its sections,
    in order; peers: outer addresses, whose packets no client's connection may own.
    """

    def __init__(
        self,
        rule: ForcedConfig | None = None,
        state: object = None,
        alias: AliasConfig | None = None,
        subnets: list[Prefix] | None = None,
        passthrough: list[PassthroughConfig] | None = None,
        peers: list[bytes] | None = None,
    ) -> None:
        self.rule = rule
        self.state = state
        self.alias = alias
        self.subnets = subnets or []
        self.passthrough = passthrough or []
        self.peers = peers or []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Concern) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(self.rule)


class Ending:
    """What to end. concerns: those that have changed, as they were and as they are."""

    def __init__(
        self, concerns: list[Concern], addresses: list[LocalAddress], neighbours: list[Neighbour], lans: list[str]
    ) -> None:
        self._own = {address for _, address, _ in addresses}
        self._place = Place(addresses, lans, neighbours)
        self._concerns = [concern for concern in concerns if concern.rule is None]
        self._hosts: set[bytes] = set()
        self._prefixes: set[Prefix] = set()
        self._unsure = False  # a source is told by its MAC, and who knows under which addresses it has been seen
        self._all_ipv6 = False
        for concern in concerns:
            if concern.rule is not None:
                self._add_rule(concern.rule, addresses, neighbours)
        self._others = {address for _, address, _ in neighbours if address not in self._hosts}
        covers = [(prefix, 0) for prefix in self._prefixes]
        self._pieces = {size: pieces(covers, size) for _, size in FAMILIES}  # a router has many flows: one look-up each

    def _add_rule(self, rule: ForcedConfig, addresses: list[LocalAddress], neighbours: list[Neighbour]) -> None:
        for source in rule.sources:
            self._all_ipv6 = self._all_ipv6 or (source.is_ipv4_alone and rule.ipv6 != "free")
            if source.kind in (MAC, BOUND):
                self._unsure = True
                self._hosts |= {address for _, address, mac in neighbours if mac == source.mac}
            if source.kind == INTERFACE:
                self._add_interface(source.ifname, addresses, neighbours)
            elif source.prefix is not None:
                self._add(source.prefix)

    def _add(self, prefix: Prefix) -> None:
        if prefix.length == 8 * len(prefix.address):
            self._hosts.add(prefix.address)
        else:
            self._prefixes.add(prefix)

    def _add_interface(self, ifname: str, addresses: list[LocalAddress], neighbours: list[Neighbour]) -> None:
        for name, address, length in addresses:
            if name == ifname:
                self._add(network_of(address, length))
        self._hosts |= {address for name, address, _ in neighbours if name == ifname}

    def fits(self, flow: Flow) -> bool:
        """True where this flow has to end."""
        # What a port forward sends on has our address as well, and answers from another.
        here = flow.source in self._own or (flow.destination in self._own and flow.reply_source in self._own)
        if here and (flow.protocol in (ESP, L2TP) or self._is_ike(flow)):
            # Ours, which goes on; but not as a neighbour of an entry that is gone, under whose port it had to give way.
            return flow.source in self._own and _is_translated(flow)
        for address in (flow.source, flow.reply_source):
            if address in self._hosts or find_piece(self._pieces[len(address)], address):
                return True
        if any(self._is_of(concern, flow) for concern in self._concerns):
            return True
        if flow.source in self._own:
            return False
        if self._all_ipv6 and len(flow.source) != IPV4_BYTES:
            return True
        # Whoever has a MAC may have used addresses that nobody remembers: what passes by the chains must not go on.
        return self._unsure and flow.offloaded and flow.source not in self._others

    def _is_of(self, concern: Concern, flow: Flow) -> bool:
        if concern.alias is not None:
            from isthmus.policy.alias import is_concerned  # waiting.py

            ends = [flow.source, flow.destination, flow.reply_source, flow.reply_destination]
            return is_concerned(concern.alias, concern.subnets, ends)
        if concern.passthrough:
            return any(client.is_blocked for client in clients([flow], self._place, concern.passthrough))
        return bool(shadowing([flow], self._place, concern.peers))

    def _is_ike(self, flow: Flow) -> bool:
        if flow.protocol != UDP:
            return False
        if flow.source in self._own:
            return flow.sport in TUNNEL_PORTS
        return flow.destination in self._own and flow.dport in TUNNEL_PORTS


def _is_translated(flow: Flow) -> bool:
    return (flow.source, flow.sport) != (flow.reply_destination, flow.reply_dport)
