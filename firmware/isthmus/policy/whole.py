"""All of a site's policies as chains of the guard's table, from the configuration and the state of its tunnels."""

from __future__ import annotations

from isthmus.config.alias import REMOTE
from isthmus.policy.far import Far, far_chains
from isthmus.policy.lane import via_names
from isthmus.policy.passthrough import passthrough_chains, shadow_chains

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.model import Config
    from isthmus.policy.chain import Chain
    from isthmus.policy.lane import Lane


class State:
    """What chains depend on beside the configuration.

    lanes, chosen, spent: as forced_chains() wants them; uplinks, peers: as shadow_chains() does; plain: the kernel has
    not all that NAT asks for, and what closes must stand all the same.
    """

    def __init__(
        self,
        lanes: list[Lane],
        chosen: dict[str, str],
        spent: set[str],
        uplinks: list[str],
        peers: list[bytes],
        plain: bool = False,
    ) -> None:
        self.lanes = lanes
        self.chosen = chosen
        self.spent = spent
        self.uplinks = uplinks
        self.peers = peers
        self.plain = plain

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(self.plain)


def policy_chains(config: Config, state: State, for_boot: bool = False) -> tuple[list[Chain], list[str]]:
    """(chains, names of counters). for_boot: nobody will be there to mend a text that is refused."""
    lans = config.globals.lans
    tunnels = [tunnel.ifname for tunnel in config.tunnels]
    nat = not state.plain
    chains: list[Chain] = []
    counters: list[str] = []
    if config.forced:
        from isthmus.policy.forced import forced_chains  # waiting.py, as below

        chains, counters = forced_chains(config.forced, state.lanes, state.chosen, lans, state.spent, tunnels, nat)
    passing, more = passthrough_chains(config.passthrough, lans, not (for_boot or state.plain))
    own = [[address for address, _ in tunnel.static.addresses] if tunnel.static else [] for tunnel in config.tunnels]
    far = [Far(tunnel.ifname, tunnel.remote_subnets, mine) for tunnel, mine in zip(config.tunnels, own)]
    ahead = bool(config.forced) or state.plain
    chains, counters = chains + passing + far_chains(far, lans, ahead), counters + more
    if nat:
        if config.aliases:
            from isthmus.policy.alias import AliasTunnel, alias_chains

            marks = {lane.name: lane.mark for lane in state.lanes}
            ends = {tunnel.name: AliasTunnel(tunnel.ifname, marks.get(tunnel.name, 0)) for tunnel in config.tunnels}
            chains = chains + alias_chains(config.aliases, ends)
        chains = chains + shadow_chains(state.uplinks, state.peers)
        outward = [tunnel.ifname for tunnel in config.tunnels if tunnel.internet]
        if outward:
            from isthmus.policy.outward import outward_chains

            chains += outward_chains(outward, tunnels, lans)
    return chains, counters


def lane_names(config: Config) -> list[str]:
    """The tunnels that need a route table of their own: those of forced rules, and of networks that we translate."""
    names = via_names(config.forced)
    for alias in config.aliases:
        if alias.side == REMOTE and alias.tunnel not in names:
            names.append(alias.tunnel)
    return names
