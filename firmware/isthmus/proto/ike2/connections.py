"""Connections: the peers that the engine knows, found by name or by the addresses that a datagram travels between."""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.connection import Connection
    from isthmus.wire.addr import Endpoint


class Connections:
    """By name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Connection] = {}

    def set(self, connection: Connection) -> None:
        """Add, or replace the one of the same name."""
        self._by_name[connection.name] = connection

    def remove(self, name: str) -> None:
        """Forget it; one that is not there is fine."""
        self._by_name.pop(name, None)

    def get(self, name: str) -> Connection:
        """Raises KeyError."""
        return self._by_name[name]

    def find(self, local: Endpoint, remote: Endpoint) -> list[Connection]:
        """Those whose datagrams may travel between these addresses (ports are not compared): first the ones that expect
        their peer just there, then the ones whose peer may be anywhere, each in order of their names.
        """
        expected: list[Connection] = []
        anywhere: list[Connection] = []
        for name in sorted(self._by_name.keys()):
            connection = self._by_name[name]
            if not connection.is_at(local[0]):
                continue
            if connection.expects(remote[0]):
                expected.append(connection)
            elif connection.is_roaming:
                anywhere.append(connection)
        return expected + anywhere
