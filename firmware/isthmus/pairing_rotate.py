"""Keys of paired tunnels, renewed on request and over the tunnel itself: the machines of proto/pairing/rotation.py
joined to engine, files and tunnels. What stands stays up: a new proof is made beside it, under the new keys.

Also what else talks IKE beside the tunnels: pairings.py, once somebody pairs.
"""

from __future__ import annotations

from isthmus import verbs
from isthmus.errors import IsthmusError
from isthmus.outlet import Beside
from isthmus.proto import actions as ike
from isthmus.proto.pairing import rotation
from isthmus.proto.pairing.rotation import Rotation
from isthmus.proto.pairing.rotation_keys import ROTATION_LABEL
from isthmus.proto.pairing.rotation_record import pull_record, push_record
from isthmus.renewal import FRESH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.edge.log import Log
    from isthmus.pairing_registry import Registry
    from isthmus.pairings import Pairings
    from isthmus.proto.actions import Action
    from isthmus.site import Site
    from isthmus.tunnel import Tunnel


def raw_name(ppk_id: bytes) -> bytes:
    """The name of a ppk as it was derived; IKE has it in hexadecimal digits, as the configuration has it."""
    try:
        return bytes([int(ppk_id[at : at + 2].decode(), 16) for at in range(0, len(ppk_id), 2)])
    except ValueError:
        return b""


class RotateError(IsthmusError):
    """Keys that cannot be renewed now."""

    code = "rotate"


class Rotations(Beside):
    """See the module. rng(n) -> bytes. pairings: None until somebody pairs."""

    def __init__(self, site: Site, registry: Registry, log: Log, rng: Callable[[int], bytes]) -> None:
        self.pairings: Pairings | None = None
        self.machines: dict[str, Rotation] = {}
        self.results: dict[str, tuple[int, IsthmusError | None]] = {}  # of the last one of each tunnel: when, why not
        self._site = site
        self.registry = registry
        self._log = log
        self._rng = rng
        self._now = 0

    # --- what others ask ----------------------------------------------------------------------------------------------

    def want(self, tunnel: Tunnel, now: int) -> None:
        """Renew the keys of this tunnel. Raises IsthmusError: it cannot be, or not now."""
        self._now = now
        if tunnel.config.site is None:
            remedy = "new keys by hand: isthmus config set isthmus.%s.psk on both sides" % tunnel.name
            raise RotateError("tunnel %s was not paired" % tunnel.name, remedy, "not-paired")
        if tunnel.ike is None:
            message = "tunnel %s is not up, and its keys are renewed over it" % tunnel.name
            raise RotateError(message, "see: isthmus status %s" % tunnel.name, "not-up")
        self._machine(tunnel).want(now)
        self._obey(tunnel.name)

    def wake(self, now: int) -> None:
        """Go on with what a former life, or another hand, has begun."""
        self._now = now
        for tunnel in self._site.tunnels.values():
            if tunnel.config.renewal and tunnel.name not in self.machines:
                try:
                    self._machine(tunnel)
                except IsthmusError as error:
                    self._log.once("error", tunnel.name, "%s; %s" % (error, error.remedy))
                    continue
                self._obey(tunnel.name)

    def _machine(self, tunnel: Tunnel) -> Rotation:
        machine = self.machines.get(tunnel.name)
        if machine is None:
            keys = self.registry.own_keys(tunnel.name)
            data = self.registry.read_record(tunnel.name)
            ids = tunnel.config.local_id, tunnel.config.remote_id
            if ids[0] is None or ids[1] is None:
                raise RotateError("tunnel %s has no identities" % tunnel.name, "unpair the two sites, and pair again")
            is_lower = bytes([ids[0].kind]) + ids[0].data < bytes([ids[1].kind]) + ids[1].data
            try:
                record = pull_record(data) if data is not None else None
            except ValueError as error:
                remedy = "remove its file %s.next" % tunnel.name
                raise RotateError("tunnel %s: %s" % (tunnel.name, error), remedy) from None
            export = self._exporter_of(tunnel.name)
            machine = self.machines[tunnel.name] = Rotation(self._rng, export, is_lower, keys, record)
        return machine

    def _exporter_of(self, name: str) -> Callable[[], bytes | None]:
        """Of the newest IKE SA of this tunnel, whenever it is asked for."""

        def export() -> bytes | None:
            tunnel = self._site.tunnels.get(name)
            if tunnel is None or tunnel.ike is None:
                return None
            try:
                return self._site.engine.export(tunnel.ike.ike_id, ROTATION_LABEL)
            except KeyError:
                return None

        return export

    # --- the engine ---------------------------------------------------------------------------------------------------

    def take(self, action: Action, now: int) -> bool:
        """See Beside."""
        if self.pairings is not None and self.pairings.take(action, now):
            return True
        tunnel = self._site.tunnels.get(getattr(action, "name", None) or "")
        if tunnel is None or tunnel.config.site is None:
            return False
        self._now = now
        if isinstance(action, ike.Told):
            try:
                self._machine(tunnel).receive(action.data, now)
            except IsthmusError as error:
                self._log.once("warning", tunnel.name, "what the peer says of new keys is not understood: %s" % error)
                return True
            self._obey(tunnel.name)
            return True
        if isinstance(action, ike.IkeUp) and tunnel.name in self.machines:
            tunnel.ike_up(action, now)  # first, so that it knows which one is the newest
            self.machines[tunnel.name].up(action.role, raw_name(action.ppk_id or b""), now)
            self._obey(tunnel.name)
            return True
        return False

    def resolved(self, name: str, addresses: list[bytes], failure: str, now: int) -> None:
        """See Beside."""
        if self.pairings is not None:
            self.pairings.resolved(name, addresses, failure, now)

    # --- time ---------------------------------------------------------------------------------------------------------

    def get_timer(self) -> int | None:
        """See Beside."""
        timers = [machine.get_timer() for machine in self.machines.values()]
        timers.append(self.pairings.get_timer() if self.pairings is not None else None)
        known = [timer for timer in timers if timer is not None]
        return min(known) if known else None

    def handle_timer(self, now: int) -> None:
        """See Beside."""
        self._now = now
        if self.pairings is not None:
            self.pairings.handle_timer(now)
        for name in list(self.machines):
            if name not in self._site.tunnels:
                del self.machines[name]
                continue
            timer = self.machines[name].get_timer()
            if timer is not None and now >= timer:
                self.machines[name].handle_timer(now)
            self._obey(name)

    # --- what a machine wants -----------------------------------------------------------------------------------------

    def _obey(self, name: str) -> None:
        machine = self.machines.get(name)
        if machine is None:
            return
        todo = machine.take_actions()
        while todo:
            for action in todo:
                self._do(name, machine, action)
            todo = machine.take_actions()

    def _do(self, name: str, machine: Rotation, action: Any) -> None:  # noqa: ANN401 - each has its own type
        tunnel = self._site.tunnels[name]
        if isinstance(action, rotation.Tell):
            self._site.engine.tell_newest(name, action.data, self._now)
        elif isinstance(action, rotation.Renew):
            tunnel.renew(FRESH, None, self._now)
        elif isinstance(action, rotation.Ended):
            self._ended(name, action.error)
        else:
            try:
                if isinstance(action, rotation.Write):
                    self.registry.write_record(name, push_record(action.record))
                elif isinstance(action, rotation.Copy):
                    self.registry.settle(name)  # the record goes when all is in its place, and no sooner
                else:
                    self.registry.drop_record(name)
                self._use(tunnel)
            except IsthmusError as error:
                what = "are in use, not yet in their place" if isinstance(action, rotation.Copy) else "cannot be kept"
                self._log.once("error", name, "new keys %s: %s; %s" % (what, error, error.remedy))
                machine.unwritten(self._now)
                return
            machine.written(self._now)

    def _use(self, tunnel: Tunnel) -> None:
        """What the files say now holds for the next IKE_AUTH; what is up stays."""
        self.registry.use_keys(tunnel.config)
        tunnel.renew(verbs.CONNECT, None, self._now)

    def _ended(self, name: str, error: IsthmusError | None) -> None:
        self.results[name] = (self._now, error)
        if error is None:
            self._log.once("notice", name, "new keys of this pair are in use")  # a peer may ask for them without end
        else:
            text = "the keys of this pair stay as they were: %s; %s" % (error, error.remedy)
            self._log.once("warning", name, text)
