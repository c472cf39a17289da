"""A lane: what forced traffic of one tunnel needs beside the main route table.

A mark in the highest byte (0x81-0xff: those below are the static sessions', given.py), an `ip rule` that leads marked
packets into a table of the lane's own, and that table, which ends in `unreachable`: no route of the main table, however
specific and whoever put it there, is ever asked.
"""

from __future__ import annotations

from isthmus import hashes
from isthmus.errors import IsthmusError
from isthmus.policy.given import MARK_SHIFT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import ForcedConfig

FORCED_BIT = 0x80  # of the mark's byte
LANES = 127
TABLE_FIRST = 0x69000000  # tables 0x69000001 to 0x6900007f
RULE_PRIORITY = 690  # ahead of main (32766) and of what pbr and mwan3 put there; behind local (0)

# The third layer, for the moment in which somebody has removed the guard (`nft flush ruleset`) and nobody has yet put
# it back: what comes from the site's own networks without the mark of having been seen finds a table leading nowhere.
SEEN_MARK = FORCED_BIT << MARK_SHIFT
SEEN_PRIORITY = 691
CLOSED_TABLE = TABLE_FIRST
LABEL = b"isthmus lane 1"


class NoLaneError(IsthmusError):
    """One more tunnel for forced traffic than there are marks."""

    code = "no-lane"
    remedy = "name fewer tunnels in list via"


class Lane:
    """One tunnel, as forced traffic sees it.

    name: the tunnel's; number: 1 to 127; ifname: its interface; next_hop: the peer's address on it (4 or 16 bytes), or
    None as long as it is unknown; usable: it carries; next_hop4: another one for IPv4, or None.
    """

    def __init__(
        self, name: str, number: int, ifname: str, next_hop: bytes | None, usable: bool, next_hop4: bytes | None = None
    ) -> None:
        self.name = name
        self.number = number
        self.ifname = ifname
        self.next_hop = next_hop
        self.usable = usable
        self.next_hop4 = next_hop4

    @property
    def mark(self) -> int:
        """What its packets carry under MARK_MASK."""
        return (FORCED_BIT | self.number) << MARK_SHIFT

    @property
    def table(self) -> int:
        """Id of its route table."""
        return TABLE_FIRST | self.number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lane) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return "Lane(%s, %d, %s)" % (self.name, self.number, "usable" if self.usable else "not usable")


def via_names(rules: list[ForcedConfig]) -> list[str]:
    """Every tunnel that some rule goes through, in file order."""
    names: list[str] = []
    for rule in rules:
        for name in rule.via:
            if name not in names:
                names.append(name)
    return names


def lane_numbers(names: list[str]) -> dict[str, int]:
    """A number for each name: the same after every restart, and another only where an earlier name has it.

    Raises NoLaneError.
    """
    numbers: dict[str, int] = {}
    taken: set[int] = set()
    for name in names:
        if name in numbers:
            continue
        if len(taken) >= LANES:
            raise NoLaneError("forced rules name %d tunnels, and there are %d marks" % (len(taken) + 1, LANES))
        wish = hashes.sha256(LABEL + name.encode()).digest()[0]
        while 1 + wish % LANES in taken:
            wish += 1
        numbers[name] = 1 + wish % LANES
        taken.add(numbers[name])
    return numbers


def choose(rules: list[ForcedConfig], lanes: list[Lane]) -> dict[str, str]:
    """Rule -> the tunnel it takes now: its first that carries; the first of all where none does, and there it ends."""
    usable = {lane.name for lane in lanes if lane.usable}
    chosen: dict[str, str] = {}
    for rule in rules:
        chosen[rule.name] = rule.via[0]
        for name in rule.via:
            if name in usable:
                chosen[rule.name] = name
                break
    return chosen
