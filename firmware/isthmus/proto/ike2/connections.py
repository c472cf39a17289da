"""Connections: the peers that the engine knows, found by name or by the addresses that a datagram travels between."""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.connection import Connection
    from isthmus.wire.addr import Endpoint


class Connections:
    """By name, and by addresses: a hub with hundreds of peers looks here for every datagram of an unknown one."""

    def __init__(self) -> None:
        self._by_name: dict[str, Connection] = {}
        self._expected: dict[bytes, list[Connection]] | None = None  # by the peer's address; None: to be made anew
        self._roaming: list[Connection] = []

    def set(self, connection: Connection) -> None:
        """Add, or replace the one of the same name."""
        self._by_name[connection.name] = connection
        self._expected = None

    def remove(self, name: str) -> None:
        """Forget it; one that is not there is fine."""
        self._by_name.pop(name, None)
        self._expected = None

    def get(self, name: str) -> Connection:
        """Raises KeyError."""
        return self._by_name[name]

    def find(self, local: Endpoint, remote: Endpoint, pairing: bool = False) -> list[Connection]:
        """Those whose peer may call between these addresses (ports are not compared), pairings only or none: first the
        ones that expect their peer just there, then the ones whose peer may be anywhere, each in order of their names.
        """
        if self._expected is None:
            self._expected = self._index()
        expected = [row for row in self._expected.get(remote[0], []) if row.is_at(local[0])]
        anywhere = [row for row in self._roaming if row.is_at(local[0]) and not row.expects(remote[0])]
        return [row for row in expected + anywhere if row.pairing == pairing]

    def expects(self, local: Endpoint, remote: Endpoint) -> bool | None:
        """Whether some connection's peer is configured to be just there (True) or may be anywhere (False); None if
        nobody is to call between these addresses. No list is made: a flood asks for each of its datagrams.
        """
        if self._expected is None:
            self._expected = self._index()
        if any(row.is_at(local[0]) for row in self._expected.get(remote[0], ())):
            return True
        return False if any(row.is_at(local[0]) for row in self._roaming) else None

    def _index(self) -> dict[bytes, list[Connection]]:
        expected: dict[bytes, list[Connection]] = {}
        self._roaming = []
        for name in sorted(self._by_name.keys()):
            connection = self._by_name[name]
            if not connection.answers:
                continue
            if connection.remote is not None:
                expected.setdefault(connection.remote[0], []).append(connection)
            if connection.is_roaming:
                self._roaming.append(connection)
        return expected
