"""What the two sites tell each other of themselves, and what comes of it."""

from __future__ import annotations

from isthmus.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.wire.addr import Prefix

INVITER, JOINER = 0, 1  # sides, as ALIAS has them
SIDES = ("inviter", "joiner")

CAN_DERIVE = 1  # L2TPv3 with derived ids in BEET mode
CAN_PPK = 2  # RFC 8784
CAN_MLKEM = 4  # RFC 9370 with ML-KEM
CAN_BRIDGE = 8  # LANs joined on layer 2
REQUIRED = CAN_DERIVE | CAN_PPK


class Lan(Value):
    """A network of a site, and as what it appears at its peers: itself, or an alias that it has already."""

    fields = ("network", "shown")

    def __init__(self, network: Prefix, shown: Prefix) -> None:
        self.network = network
        self.shown = shown


class Alias(Value):
    """A network of one side, and as what it will appear at the other."""

    fields = ("side", "network", "shown")

    def __init__(self, side: int, network: Prefix, shown: Prefix) -> None:
        self.side = side
        self.network = network
        self.shown = shown


class Info(Value):
    """One site as it describes itself.

    site: 16 random bytes it keeps; lans: [Lan]; used: [Prefix], networks in use there that are not its own;
    capabilities: bits CAN_*; clock: seconds since 1970; mtu: bytes, of its way to the Internet. aliases: [Alias], the
    inviter's offer for both sides.
    """

    fields = ("name", "site", "lans", "used", "capabilities", "clock", "mtu", "aliases")

    def __init__(
        self,
        name: str,
        site: bytes,
        lans: list[Lan],
        used: list[Prefix],
        capabilities: int,
        clock: int,
        mtu: int,
        aliases: list[Alias] | None = None,
    ) -> None:
        self.name = name
        self.site = site
        self.lans = lans
        self.used = used
        self.capabilities = capabilities
        self.clock = clock
        self.mtu = mtu
        self.aliases: list[Alias] = aliases or []


class Place(Value):
    """This site, now. As Info, and tunnels: the names that are taken; paired: {site id: name of the tunnel to it}."""

    fields = ("name", "site", "lans", "used", "capabilities", "mtu", "tunnels", "paired")

    def __init__(
        self,
        name: str,
        site: bytes,
        lans: list[Lan],
        used: list[Prefix],
        capabilities: int,
        mtu: int,
        tunnels: list[str],
        paired: dict[bytes, str],
    ) -> None:
        self.name = name
        self.site = site
        self.lans = lans
        self.used = used
        self.capabilities = capabilities
        self.mtu = mtu
        self.tunnels = tunnels
        self.paired = paired

    def describe(self, clock: int) -> Info:
        """What it tells a peer. clock: seconds since 1970."""
        return Info(self.name, self.site, self.lans, self.used, self.capabilities, clock, self.mtu)


class Terms(Value):
    """What both administrators approve. lans: [Lan] of the inviter and of the joiner, as they will appear; overlaps:
    what needs an alias and why, as text; mtu: of the narrower way; capabilities: what both can; clock_offset: seconds
    that the peer's clock is ahead.
    """

    fields = ("lans", "overlaps", "mtu", "capabilities", "clock_offset")

    def __init__(
        self, lans: tuple[list[Lan], list[Lan]], overlaps: list[str], mtu: int, capabilities: int, clock_offset: int
    ) -> None:
        self.lans = lans
        self.overlaps = overlaps
        self.mtu = mtu
        self.capabilities = capabilities
        self.clock_offset = clock_offset
