"""What a site needs of the world, for real: UDP ports, ICMP, the resolver, and the files that outlive a run."""

from __future__ import annotations

from isthmus.edge import os_cpython as host
from isthmus.edge.control import pack_line, unpack_line
from isthmus.edge.os_cpython_udp import Holder, UdpPort
from isthmus.outlet import Outlet
from isthmus.wire.addr import IPV6_BYTES
from isthmus.wire.ip_numbers import IKE_PORT, NATT_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.edge.log import Log
    from isthmus.wire.addr import Endpoint

HOSTS_NAME = "hosts"
HOLD_NAME = "hold.sock"
HOLD_READY_MS = 2_000
BRAKE_MS = 100
GUARD_FILE = "guard.nft"
CLOSED_FILE = "closed.nft"
SPENT_FILE = "spent.json"


def read_names(path: str) -> list[str]:
    """The texts in a list that a former life has written, none where that is not one."""
    try:
        names = unpack_line(host.read_file(path))
    except (OSError, ValueError, RuntimeError):  # the last for lists in lists without end
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def read_text(path: str) -> str:
    """The whole file, "" where there is none."""
    try:
        return host.read_file(path).decode()
    except (OSError, ValueError):
        return ""


class RealOutlet(Outlet):
    """The real world: UDP ports 500 and 4500, ICMPv6, the resolver, the state directory."""

    def __init__(self, log: Log, state_dir: str, run_dir: str, hosts_path: str) -> None:
        """Raises OSError where UDP 500 or 4500 cannot be had."""
        self._log = log
        self._guard_path = state_dir + "/" + GUARD_FILE
        self._hosts_path = hosts_path or run_dir + "/" + HOSTS_NAME
        self._closed_path = state_dir + "/" + CLOSED_FILE
        self._spent_path = state_dir + "/" + SPENT_FILE
        self.udp = UdpPort(IKE_PORT)
        self.holder = Holder(run_dir + "/" + HOLD_NAME)
        self.nat = self._open_nat()
        self.ports = {IKE_PORT: self.udp, NATT_PORT: self.nat}
        self.icmp = host.EchoSocket()
        self.icmp4 = host.Echo4Socket()
        self.resolver = host.Resolver()

    def _open_nat(self) -> UdpPort:
        """UDP 4500, from the hold that a former isthmusd has left, or new."""
        end = host.now() + HOLD_READY_MS
        while True:
            try:
                return UdpPort(NATT_PORT, True, self.holder.take())
            except OSError as error:
                if not host.is_taken(error) or host.now() >= end:
                    raise
                host.rest(BRAKE_MS)  # a hold that has just been started is not to be found yet

    def send(self, data: bytes, source: Endpoint, destination: Endpoint, probe: bool = False) -> None:
        """Lost where the system refuses: the engine sends again."""
        try:
            self.ports[source[1]].send(data, source, destination, probe)
        except OSError as error:
            if not probe:  # one that is too large for the interface is refused here
                self._log.once("info", "ike", "cannot send to the peer: %s" % (error.strerror or "refused"))

    def hold(self) -> None:
        """See that UDP 4500 outlives us; without that the tunnels work all the same, as long as we do."""
        try:
            self.holder.keep(self.nat)
        except OSError as error:
            self._log.once("warning", "hold", "isthmus-hold cannot be started: %s" % (error.strerror or "refused"))

    def close(self) -> None:
        """Give everything back."""
        self.holder.stop()
        for part in (self.udp, self.nat, self.icmp, self.icmp4):
            part.close()

    def resolve(self, name: str) -> None:
        """Beside the loop."""
        self.resolver.ask(name)

    def probe(self, message: bytes, address: bytes, ifname: str) -> None:
        """Lost where the interface is not there or not up yet."""
        try:
            (self.icmp if len(address) == IPV6_BYTES else self.icmp4).send(message, address, ifname)
        except OSError:
            return

    def remember_guard(self, text: str, closed: str) -> bool:
        """For the next boot, by isthmus-guard or by us."""
        try:
            host.write_file(self._closed_path, closed.encode())
            host.write_file(self._guard_path, text.encode())
        except OSError as error:
            self._log.once("warning", "guard", "cannot be kept for the next boot: %s" % (error.strerror or "no disk"))
            return False
        return True

    def publish_hosts(self, text: str) -> None:
        """For whoever answers names on this router; it has to be told to read it again."""
        if text == read_text(self._hosts_path):
            return
        try:
            host.write_file(self._hosts_path, text.encode(), 0o644)
        except OSError as error:
            self._log.once("warning", "alias", "the hosts file cannot be written: %s" % host.describe_os_error(error))

    def remember_spent(self, marks: list[str]) -> None:
        """Until the configuration has no such exception any more."""
        try:
            host.write_file(self._spent_path, pack_line(marks))
        except OSError as error:
            text = "which exceptions are over cannot be kept for the next start: %s"
            self._log.once("warning", "policy", text % host.describe_os_error(error))

    def spent_exceptions(self) -> list[str]:
        """What remember_spent() was given last."""
        return read_names(self._spent_path)

    def remembered_guard(self) -> list[str]:
        """What remember_guard() was given last: the guard and what stands in for it; empty for nothing."""
        return [read_text(path) for path in (self._guard_path, self._closed_path)]
