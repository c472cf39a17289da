"""Moves what stands to other outer addresses and ports: in the engine, and in the kernel before the keeper looks."""

from __future__ import annotations

from isthmus.children import kernel_update
from isthmus.facts import outer_of
from isthmus.kernel.contract import KernelError
from isthmus.kernel.objects import OUT, Policy
from isthmus.policy.derive import TRANSPORT
from isthmus.wire.ip_numbers import IKE_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.edge.log import Log
    from isthmus.kernel.contract import Kernel
    from isthmus.proto.actions import SaSpec
    from isthmus.proto.ike2.engine import Engine
    from isthmus.tunnel import Tunnel


class Mover:
    """One for a site."""

    def __init__(self, engine: Engine, kernel: Kernel, log: Log) -> None:
        self._engine = engine
        self._kernel = kernel
        self._log = log
        self._pointed: dict[str, tuple[bytes, bytes] | None] = {}  # where each tunnel's outbound policies lead

    def move(self, tunnel: Tunnel, ends: tuple[bytes, bytes], now: int) -> None:
        """By MOBIKE, and new SAs right behind it: XFRM_MIGRATE, which could move the old ones, OpenWrt has not."""
        if self._engine.move(tunnel.name, (ends[0], IKE_PORT), (ends[1], IKE_PORT), now):
            if tunnel.children.newest is not None:
                self._engine.rekey_child(tunnel.name, tunnel.children.newest.inbound.spi, now)
        else:
            tunnel.cannot_move(now)

    def follow(self, tunnels: list[Tunnel], now: int) -> None:
        """ESP comes from elsewhere, as the kernel says: the engine asks the peer about it."""
        for mapping in self._kernel.take_mappings():
            for tunnel in tunnels:
                if tunnel.children.holds(mapping.destination, mapping.spi):
                    self._engine.mapped(tunnel.name, mapping.spi.to_bytes(4, "big"), mapping.source, now)

    def update(self, tunnel: Tunnel, spec: SaSpec) -> None:
        """The UDP ports of an SA that is in the kernel."""
        if tunnel.derived is None:
            return
        try:
            self._kernel.replace(kernel_update(spec, tunnel.derived))
        except KernelError as error:  # it has gone meanwhile, or the next sign of the peer brings it here again
            self._log.once("warning", tunnel.name, "%s; %s" % (error, error.remedy))

    def take_over(self, tunnel: Tunnel) -> None:
        """A new outbound SA is in: traffic leaves through it, and through it alone.

        Of two that were added in the same second the kernel goes on with the older one, and a peer that has been told
        that this is over may hear it no more.
        """
        self.point(tunnel)
        for spec in tunnel.children.take_left():
            if tunnel.derived is not None:
                try:
                    self._kernel.remove(kernel_update(spec, tunnel.derived))
                except KernelError:  # the keeper sees to it
                    continue

    def point(self, tunnel: Tunnel) -> None:
        """Outbound policies follow a new SA at once where its addresses are others: the keeper looks at everything
        first, and until then nothing would leave. Not in transport mode: L2TP itself moves, as plan.py says.
        """
        if tunnel.config.mode == TRANSPORT:
            return
        ends = outer_of(tunnel)
        if tunnel.name not in self._pointed or self._pointed[tunnel.name] != ends:
            self._pointed[tunnel.name] = ends
            for item in tunnel.desired():
                if isinstance(item, Policy) and item.direction == OUT:
                    try:
                        self._kernel.replace(item)
                    except KernelError:  # not there yet, or another's: the keeper sees to it
                        break
