"""The kernel's twin in memory: the same contract, the same refusals, no privileges.

Besides the contract it lets a test play the rest of the world: `uplinks` are the router's other interfaces, `ways`
its routes, `known_flows` and `known_neighbours` who talks and who is on its wires, `counts` what the guard has counted;
`damage()` is another program's hand, `fail_next` makes the next call of that name fail. `log` is what was asked, in
order.
"""
from __future__ import annotations

from isthmus import hashes
from isthmus.kernel import objects
from isthmus.kernel.contract import (
    EADDRNOTAVAIL,
    EEXIST,
    EINVAL,
    ENETDOWN,
    ENETUNREACH,
    ENODEV,
    ENOENT,
    ENOSYS,
    REPLACEABLE,
    Kernel,
    KernelError,
    is_reencapsulation,
    refuse_foreign,
    refuse_foreign_guard,
)
from isthmus.kernel.flows import is_same_flow, is_with
from isthmus.kernel.objects import Link, Route, Sa, Session, Tunnel, is_kept_when_down, must_go_down
from isthmus.kernel.voucher import is_our_tunnel
from isthmus.kernel.ways import Mapping
from isthmus.policy.guard import REMOVE
from isthmus.wire.addr import format_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.kernel.flows import Flow
    from isthmus.kernel.objects import Address, KernelObject, Neighbour
    from isthmus.kernel.ways import Way
    from isthmus.wire.addr import Prefix

_NEW_LINK_MTU = 1500
_NEW_LINK_MAC = b"\x02\x00\x00\x00\x00\x00"  # the kernel's is random; ours says "not yet set"

# Lengths of the key material that the kernel takes: (encryption, integrity) transform ids -> (encryption, integrity)
# bytes.
KEY_LENGTHS = {
    (objects.ENCR_AES_GCM_16, 0): ((20, 28, 36), (0,)),  # RFC 4106 8.1: key and 4 bytes of salt
    (objects.ENCR_CHACHA20_POLY1305, 0): ((36,), (0,)),  # RFC 7634 2: key and 4 bytes of salt
    (objects.ENCR_AES_CBC, objects.AUTH_HMAC_SHA2_256_128): ((16, 24, 32), (32,)),  # RFC 3602 2.4, RFC 4868 2.1.1
    (objects.ENCR_AES_CBC, objects.AUTH_HMAC_SHA2_384_192): ((16, 24, 32), (48,)),
    (objects.ENCR_AES_CBC, objects.AUTH_HMAC_SHA2_512_256): ((16, 24, 32), (64,)),
}


class NullKernel(Kernel):
    """Keeps what it is given, refuses what the kernel refuses.

    uplinks: [(ifname, address, length)] of the router itself, `lo` excepted. ways: [(Prefix, Way)], first match wins.
    """

    def __init__(
        self, uplinks: list[tuple[str, bytes, int]] | None = None, ways: list[tuple[Prefix, Way]] | None = None
    ) -> None:
        self.uplinks = uplinks or []
        self.ways = ways or []
        self.known_flows: list[Flow] = []
        self.tracking = True
        self.known_neighbours: list[tuple[str, bytes, bytes]] = []
        self.counts: dict[str, tuple[int, int]] = {}  # those that guard_set()'s text declares start at 0
        self.log: list[tuple[str, str, str]] = []
        self.fail_next: dict[str, int] = {}
        self._kept: dict[str, dict[tuple[object, ...], KernelObject]] = {}
        for kind in objects.KINDS:
            self._kept[kind] = {}
        self._guard: bytes | None = None
        self._changed: set[str] = set()
        self._mappings: dict[tuple[bytes, int], Mapping] = {}

    # ----- the contract

    def dump(self, kind: str) -> list[KernelObject]:
        """Copies, with the counters that were set on what is kept."""
        self._maybe_fail("dump", "list", kind)
        out = []
        for item in self._kept[kind].values():
            if not self._is_ours(item):
                continue
            twin = item.copy()
            for name in ("packets", "bytes", "replayed", "forged", "rx_packets", "rx_bytes", "tx_packets", "tx_bytes",
                         "rx_wrong_cookie", "rx_errors"):
                if hasattr(item, name):
                    setattr(twin, name, getattr(item, name))
            out.append(twin)
        return out

    def add(self, item: KernelObject) -> None:
        """Keep it, if the kernel would."""
        try:
            self._maybe_fail("add", item.words(), item.kind)
            refuse_foreign(item, "add", self._session_links(), list(self._kept["policy"].values()))
            kept = self._kept[item.kind]
            # A session's link is there as soon as the session is; adding it means making it what it should be.
            if item.key() in kept and item.kind != "link":
                raise _refusal(EEXIST, "add", item)
            self._check(item)
            self._keep(item)
        finally:
            if isinstance(item, Sa):
                item.clear_keys()
        self._note("add", item)

    def replace(self, item: KernelObject) -> None:
        """Keep it instead."""
        self._maybe_fail("replace", item.words(), item.kind)
        if item.kind not in REPLACEABLE:
            raise _refusal(EINVAL, "replace", item)
        refuse_foreign(item, "replace", self._session_links())
        if item.key() not in self._kept[item.kind]:
            raise _refusal(ENODEV if item.kind == "link" else ENOENT, "replace", item)
        if isinstance(item, Sa):
            self._reencapsulate(item)
        else:
            self._check(item)
            self._keep(item)
        self._note("replace", item)

    def _reencapsulate(self, item: Sa) -> None:
        """The UDP ports alone; counters go on."""
        kept = self._kept["sa"][item.key()]
        if not isinstance(kept, Sa) or not is_reencapsulation(kept, item):
            raise _refusal(EINVAL, "replace", item)
        kept.encap = item.encap

    def remove(self, item: KernelObject) -> None:
        """Forget it and what hangs on it."""
        self._maybe_fail("remove", item.words(), item.kind)
        kept = self._kept[item.kind].get(item.key())
        if kept is None or self._is_ours(kept):
            self._drop(item.kind, item.key())
        self._note("remove", item)

    def _is_ours(self, item: KernelObject) -> bool:
        """False for a tunnel that no policy vouches for any more, and for what hangs on it."""
        if isinstance(item, Tunnel):
            return is_our_tunnel(item, list(self._kept["policy"].values()))
        if isinstance(item, Session):
            return self._is_ours(self._kept["tunnel"][(item.tunnel_id,)])
        if item.kind in {"link", "address", "neighbour"}:
            for session in self._kept["session"].values():
                if session.ifname == item.ifname:  # type: ignore[attr-defined]
                    return self._is_ours(session)
        return True

    def guard_set(self, text: str) -> None:
        """Remember a digest of the text."""
        self._maybe_fail("guard_set", "set the guard", "guard")
        refuse_foreign_guard(text)
        self._guard = None if text == REMOVE else hashes.sha256(text.encode()).digest()
        self.counts = dict.fromkeys(declared_counters(text), (0, 0))
        self.log.append(("guard", "guard", "removed" if self._guard is None else "set"))
        self._changed.add("guard")

    def guard_get(self) -> bytes | None:
        """The digest, or None."""
        self._maybe_fail("guard_get", "read the guard", "guard")
        return self._guard

    def counters(self) -> dict[str, tuple[int, int]]:
        """`counts`, as long as the guard stands."""
        self._maybe_fail("counters", "read the counters", "guard")
        return dict(self.counts) if self._guard is not None else {}

    def flows(
        self, fits: Callable[[Flow], bool] | None = None, source: bytes | None = None,
        server: tuple[int, int] | None = None,
    ) -> list[Flow]:
        """Those of `known_flows` that fit."""
        self._maybe_fail("flows", "list the connections", "flow")
        found = [flow for flow in self.known_flows if source in {None, flow.source} and is_with(flow, server)]
        return [flow for flow in found if fits is None or fits(flow)]

    def end_flow(self, flow: Flow) -> None:
        """Take it out of `known_flows`; whether it is offloaded meanwhile does not matter."""
        self._maybe_fail("end_flow", "end the connection", "flow")
        self.known_flows = [other for other in self.known_flows if not is_same_flow(other, flow)]
        self.log.append(("end", "flow", flow.words()))

    def is_tracking(self) -> bool:
        """`tracking`."""
        return self.tracking

    def neighbours(self) -> list[tuple[str, bytes, bytes]]:
        """`known_neighbours`."""
        self._maybe_fail("neighbours", "list the neighbours", "neighbour")
        return list(self.known_neighbours)

    def way_to(self, address: bytes) -> Way:
        """The first of `ways` that contains the address."""
        for prefix, way in self.ways:
            if prefix.contains(address):
                return way
        raise KernelError(ENETUNREACH, "find the way to %s" % format_ip(address))

    def local_addresses(self) -> list[tuple[str, bytes, int]]:
        """The uplinks' and ours."""
        out = list(self.uplinks)
        for item in self._kept["address"].values():
            address: Address = item  # type: ignore[assignment]
            out.append((address.ifname, address.address, address.length))
        return out

    def event_fds(self) -> list[int]:
        """None: a test calls read_events() when it pleases."""
        return []

    def read_events(self, fd: int = -1) -> set[str]:  # noqa: ARG002 - the contract's argument; there is only one here
        """What changed since the last call."""
        changed = self._changed
        self._changed = set()
        return changed

    def take_mappings(self) -> list[Mapping]:
        """What remap() has told."""
        mappings, self._mappings = list(self._mappings.values()), {}
        return mappings

    def close(self) -> None:
        """Nothing to give back."""

    # ----- the rest of the world

    def damage(self, kind: str, key: tuple[object, ...] | None = None) -> None:
        """Another program deletes one object, all of a kind (key None), or the guard, or adds a rule to it ("edit")."""
        if kind == "guard":
            self._guard = None
        elif kind == "edit":
            self._guard = hashes.sha256(self._guard or b"").digest()
            kind = "guard"
        else:
            for one in list(self._kept[kind]) if key is None else [key]:
                if kind == "link":  # `ip link set down`
                    self._take_down(one)
                else:
                    self._drop(kind, one)
        self._changed.add(kind)

    def tell(self, kind: str) -> None:
        """A change of this kind is told, such as of the "way" when a test has changed uplinks and ways."""
        self._changed.add(kind)

    def remap(self, destination: bytes, spi: int, source: tuple[bytes, int]) -> None:
        """A packet of this inbound SA comes from another address or port than the SA says."""
        sa = self._kept["sa"].get((destination, spi))
        if isinstance(sa, Sa) and sa.encap is not None and source != (sa.source, sa.encap[0]):
            self._mappings[destination, spi] = Mapping(destination, spi, source)
            self._changed.add("mapping")

    def kept(self, kind: str, key: tuple[object, ...]) -> KernelObject:
        """The object itself, so that a test can set its counters. Raises KeyError."""
        return self._kept[kind][key]

    # ----- how the kernel behaves

    def _maybe_fail(self, call: str, doing: str, kind: str) -> None:
        number = self.fail_next.pop(call, 0)
        if number:
            raise KernelError(number, "%s %s %s" % (call, kind, doing), kind=kind)

    def _note(self, verb: str, item: KernelObject) -> None:
        self.log.append((verb, item.kind, item.words()))
        self._changed.add(item.kind)
        if item.kind in {"link", "address", "route", "rule"}:
            self._changed.add("way")

    def _session_links(self) -> list[str]:
        return [key[0] for key in self._kept["link"]]  # type: ignore[misc]

    def _check(self, item: KernelObject) -> None:
        number = 0
        if isinstance(item, Sa):
            number = self._check_sa(item)
        elif isinstance(item, Tunnel):
            number = self._check_tunnel(item)
        elif isinstance(item, Session):
            number = self._check_session(item)
        elif isinstance(item, Route):
            number = self._check_route(item)
        elif item.kind in {"link", "address", "neighbour"}:
            number = self._check_on_link(item)
        if number:
            raise _refusal(number, "add", item)

    @staticmethod
    def _check_sa(sa: Sa) -> int:
        if sa.keys is None or not 0 < sa.spi <= 0xFFFFFFFF or (sa.mode == objects.BEET and sa.selector is None):
            return EINVAL
        lengths = KEY_LENGTHS.get((sa.encryption, sa.integrity))
        if lengths is None:
            return ENOSYS
        return 0 if len(sa.keys.encryption) in lengths[0] and len(sa.keys.integrity) in lengths[1] else EINVAL

    def _check_tunnel(self, tunnel: Tunnel) -> int:
        if not self._is_local(tunnel.local):
            return EADDRNOTAVAIL
        return 0 if self._is_reachable(tunnel.remote) else ENETUNREACH

    def _check_session(self, session: Session) -> int:
        if (session.tunnel_id,) not in self._kept["tunnel"]:
            return ENODEV
        # L2TPv3 over IP finds a session by its id alone, whatever tunnel it belongs to.
        for key in self._kept["session"]:
            if key[1] == session.session_id:
                return EEXIST
        return EEXIST if self._link_exists(session.ifname) else 0

    def _check_on_link(self, item: KernelObject) -> int:
        if isinstance(item, Link):
            if (item.ifname,) not in self._kept["link"]:
                return ENODEV
            return 0 if 68 <= item.mtu <= 65535 else EINVAL
        placed: Address | Neighbour = item  # type: ignore[assignment]
        if not self._link_exists(placed.ifname):
            return ENODEV
        return 0

    def _check_route(self, route: Route) -> int:
        if route.prefsrc is not None and not self._is_local(route.prefsrc):
            return EINVAL
        if route.type != objects.UNICAST:
            return 0
        if not self._link_exists(route.oif):
            return ENODEV
        link = self._kept["link"].get((route.oif,))
        return ENETDOWN if isinstance(link, Link) and not link.up else 0

    def _is_local(self, address: bytes) -> bool:
        return address in [row[1] for row in self.local_addresses()]

    def _is_reachable(self, address: bytes) -> bool:
        for item in self._kept["route"].values():
            leads = isinstance(item, Route) and (item.table, item.type) == (objects.MAIN_TABLE, objects.UNICAST)
            if leads and item.destination.contains(address):  # type: ignore[attr-defined]
                return True
        return any(prefix.contains(address) for prefix, _ in self.ways)

    def _link_exists(self, ifname: str) -> bool:
        names = [row[0] for row in self.uplinks]
        return ifname == objects.LOOPBACK or ifname in names or (ifname,) in self._kept["link"]

    def _keep(self, item: KernelObject) -> None:
        before = self._kept[item.kind].get(item.key())
        if isinstance(item, Link) and isinstance(before, Link) and must_go_down(before, item):
            self._take_down(item.key())
        self._kept[item.kind][item.key()] = item.copy()
        if isinstance(item, Session):
            link = Link(item.ifname, _NEW_LINK_MTU, _NEW_LINK_MAC, False)
            self._kept["link"][link.key()] = link
            self._changed.add("link")

    def _take_down(self, key: tuple[object, ...]) -> None:
        """What a link loses when it goes down: IPv6 addresses, neighbours, routes."""
        link = self._kept["link"].get(key)
        if not isinstance(link, Link):
            return
        self._kept["link"][key] = Link(link.ifname, link.mtu, link.mac, False)
        self._drop_on(link.ifname, down=True)

    def _drop_on(self, ifname: str, down: bool = False) -> None:
        """What is on a link goes; down: the link stays."""
        for kind in ("address", "neighbour", "route"):
            for key, item in list(self._kept[kind].items()):
                on = item.oif if isinstance(item, Route) else item.ifname  # type: ignore[attr-defined]
                if on == ifname and not (down and is_kept_when_down(item)):
                    del self._kept[kind][key]

    def _drop(self, kind: str, key: tuple[object, ...]) -> None:
        item = self._kept[kind].get(key)
        if item is None:
            return
        if kind == "link":
            self._take_down(key)
            return
        del self._kept[kind][key]
        if kind == "tunnel":
            for session_key in list(self._kept["session"]):
                if session_key[0] == key[0]:
                    self._drop("session", session_key)
        if isinstance(item, Session):
            self._drop_on(item.ifname)
            self._kept["link"].pop((item.ifname,), None)
            self._changed.add("link")
            self._changed.add("session")


def declared_counters(text: str) -> list[str]:
    """Names of the counters that nft text declares: `counter NAME {`, alone on a line of its table."""
    names = []
    for line in text.split("\n"):
        words = line.split()
        if len(words) >= 3 and words[0] == "counter" and words[2] in {"{", "{}"}:
            names.append(words[1])
    return names


def _refusal(number: int, verb: str, item: KernelObject) -> KernelError:
    return KernelError(number, "%s %s %s" % (verb, item.kind, item.words()), kind=item.kind)
