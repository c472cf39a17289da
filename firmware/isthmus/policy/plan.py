"""What to do so that the kernel holds what it should: the difference of two lists of objects, in a safe order.

    plan(desired, actual) -> [(verb, object), ...]      the verbs are calls of the kernel seam: add, replace, remove

Rows of ORDER are worked through from the top for what is to come, and from the bottom for what is to go, after
everything new is in place (make before break). Applying a plan and planning again gives an empty plan. The guard is
no object: it is set before any plan is applied, and no plan takes it away.

Five things the order is made of beside DESIGN.md's:

- A policy that is new comes before the SAs, so that nothing passes in the clear. One that moves to other outer
  addresses comes after the new SAs, so that nothing is dropped; the inbound ones first, since the peer may have moved
  already.
- The kernel opens an L2TP tunnel only between an address it has and one it has a route to: addresses and routes that
  do not lie on an L2TP interface come before the tunnels. The unreachable routes are among them.
- A tunnel between outer addresses goes before the policy that vouches for it becomes another tunnel's: nothing of it
  ever meets that one's SA, and without its policy nobody would know it for ours.
- A rule comes after every route of the table that it leads to, and goes before them: no packet is sent into a table
  that does not end in "unreachable".
- What cannot change in place (an SA, a tunnel, a session) is removed just before it is added again, and what hung on
  it is gone and added again as well.
"""
from __future__ import annotations

from isthmus.errors import IsthmusError
from isthmus.kernel.objects import (
    IN,
    Link,
    Policy,
    Route,
    Sa,
    Session,
    Tunnel,
    is_kept_when_down,
    must_go_down,
)
from isthmus.kernel.voucher import find_voucher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.kernel.objects import KernelObject

    Names = set[str]
    Found = dict[tuple[str, tuple[object, ...]], KernelObject]
    Steps = list[tuple[str, KernelObject]]
    Row = tuple[str, str, bool | None]

_IN_PLACE = ("policy", "link", "neighbour", "route")

# (kind, verb or "" for both, on an L2TP interface or not or None for "no matter")
ORDER = (
    ("policy", "add", None),
    ("sa", "", None),
    ("policy", "replace", None),
    ("address", "", False),
    ("route", "", False),
    ("tunnel", "", None),
    ("session", "", None),
    ("link", "", None),
    ("address", "", True),
    ("neighbour", "", None),
    ("route", "", True),
    ("rule", "", None),
)


class PlanError(IsthmusError):
    """Two different things are wanted under one key."""

    code = "conflicting-tunnels"
    remedy = "two tunnels ask for the same thing: change one of them (option instance, remote_subnet)"


def plan(desired: list[KernelObject], actual: list[KernelObject]) -> Steps:
    """The calls that turn `actual` (every kind dumped) into `desired`, in order. Raises PlanError.

    SAs that are wanted but not there are added only while they hold keys. One added twice would count from zero again
    under the same key, which AES-GCM does not survive (RFC 4106 2): it needs a new handshake (children.py).
    """
    wanted = _by_key(desired)
    found: Found = {}
    for item in actual:
        found[item.kind, item.key()] = item
    l2tp = {item.ifname for item in desired + actual if isinstance(item, Session)}
    doomed = _find_unvouched(wanted, found)
    for item in doomed:
        _forget(item, found)
    in_the_way = _find_in_the_way(wanted, found)
    for item in in_the_way:
        _forget(item, found)
    for item in wanted.values():
        before = found.get((item.kind, item.key()))
        if isinstance(item, Link) and isinstance(before, Link) and must_go_down(before, item):
            _forget_on(item.ifname, found, down=True)
    steps: Steps = []
    for row in ORDER:
        if row[:2] == ("policy", "replace"):
            steps += [("remove", item) for item in doomed]
        steps += _coming(row, desired, wanted, found, in_the_way, l2tp)
    for row in reversed(ORDER):
        steps += _going(row, actual, wanted, found, l2tp)
    return steps


def _coming(
    row: Row, desired: list[KernelObject], wanted: Found, found: Found, in_the_way: list[KernelObject], l2tp: Names
) -> Steps:
    """What a row of ORDER adds and replaces, and first removes because it stands in the way."""
    kind, verb, on_l2tp = row
    steps: Steps = []
    for item in desired:
        if item.kind == kind and _fits(item, on_l2tp, l2tp) and wanted[kind, item.key()] is item:
            needed = _verb(item, found.get((kind, item.key())))
            if needed and verb in {"", needed}:
                steps.append((needed, item))
    if verb == "replace":
        steps.sort(key=_inbound_first)
        return steps
    first: Steps = [("remove", item) for item in in_the_way if item.kind == kind]
    return first + steps


def _going(row: Row, actual: list[KernelObject], wanted: Found, found: Found, l2tp: Names) -> Steps:
    """What a row of ORDER removes."""
    kind, verb, on_l2tp = row
    if verb == "replace" or kind == "link":  # a link goes with its session
        return []
    steps: Steps = []
    for item in actual:
        unwanted = (kind, item.key()) not in wanted and (kind, item.key()) in found
        if item.kind == kind and unwanted and _fits(item, on_l2tp, l2tp):
            steps.append(("remove", item))
    return steps


def _by_key(desired: list[KernelObject]) -> Found:
    wanted: Found = {}
    for item in desired:
        other = wanted.get((item.kind, item.key()))
        if other is not None and other != item:
            raise PlanError("%s is wanted twice: %s, and %s" % (item.kind, other.words(), item.words()))
        if other is None:
            wanted[item.kind, item.key()] = item
    return wanted


def _verb(item: KernelObject, before: KernelObject | None) -> str:
    if before is None:
        return "" if isinstance(item, Sa) and item.keys is None else "add"
    return "" if before == item else "replace"


def _fits(item: KernelObject, on_l2tp: bool | None, l2tp: Names) -> bool:
    if on_l2tp is None:
        return True
    ifname = item.oif if isinstance(item, Route) else item.ifname  # type: ignore[attr-defined]
    return (ifname in l2tp) == on_l2tp


def _inbound_first(step: tuple[str, KernelObject]) -> int:
    return 0 if isinstance(step[1], Policy) and step[1].direction == IN else 1


def _find_in_the_way(wanted: Found, found: Found) -> list[KernelObject]:
    """What must go before something else can come: changed where no change in place exists, or holding its name or
    id.
    """
    out = []
    names = set()
    ids = set()
    for item in wanted.values():
        if isinstance(item, Session) and found.get(("session", item.key())) != item:
            names.add(item.ifname)
            ids.add(item.session_id)
    for (kind, key), item in found.items():
        other = wanted.get((kind, key))
        changed = other is not None and other != item and kind not in _IN_PLACE
        taken = isinstance(item, Session) and other is None and (item.ifname in names or item.session_id in ids)
        if changed or taken:
            out.append(item)
    return out


def _find_unvouched(wanted: Found, found: Found) -> list[KernelObject]:
    """Tunnels that are not wanted as they are, and whose policy is to be another's."""
    policies = [item for item in found.values() if isinstance(item, Policy)]
    out: list[KernelObject] = []
    for (kind, key), item in found.items():
        if not isinstance(item, Tunnel) or wanted.get((kind, key)) == item:
            continue
        voucher = find_voucher(item, policies)
        other = wanted.get((voucher.kind, voucher.key())) if voucher is not None else None
        if other is not None and other != voucher:
            out.append(item)
    return out


def _forget(root: KernelObject, found: Found) -> None:
    """Take out of `found` what is gone once `root` is removed."""
    found.pop((root.kind, root.key()), None)
    if root.kind == "tunnel":
        for item in list(found.values()):
            if isinstance(item, Session) and item.key()[0] == root.key()[0]:
                _forget(item, found)
    if isinstance(root, Session):
        found.pop(("link", (root.ifname,)), None)
        _forget_on(root.ifname, found)


def _forget_on(ifname: str, found: Found, down: bool = False) -> None:
    """Take out of `found` what an interface loses when it goes, or goes down."""
    for item in list(found.values()):
        on = item.oif if isinstance(item, Route) else getattr(item, "ifname", "")
        if on == ifname and item.kind in {"address", "neighbour", "route"} and not (down and is_kept_when_down(item)):
            found.pop((item.kind, item.key()))
