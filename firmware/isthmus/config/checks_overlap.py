"""Networks that stand in two places: told with what to do, which is to let one of them appear under other addresses."""

from __future__ import annotations

from isthmus.config.cover import family_of
from isthmus.config.errors import quote
from isthmus.config.sections import WIDEST, host
from isthmus.wire.addr import IPV4_BYTES, is_ip, parse_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.reader import Draft
    from isthmus.config.sections import Sections
    from isthmus.wire.addr import Prefix

RENUMBER = "give one site other addresses: a router cannot tell the two networks apart"


def check_everything(sections: Sections) -> None:
    """All traffic goes into a tunnel by a rule, which knows whose traffic it is, and not by a route."""
    for draft in sections.of["tunnel"]:
        for remote, line in draft.items("remote_subnet"):
            if remote.length > WIDEST:
                continue
            message = "%s would send everything into the tunnel, the tunnel's own packets too" % remote
            remedy = (
                "name the peer's networks here; to send all traffic of hosts through this tunnel, add the lines: "
                "config forced 'all_%s'; list from '%s'; list via '%s'. On the peer, in its tunnel to here: "
                "option internet '1'" % (draft.name[:28], sections.lan, draft.name)
            )
            draft.complain("everything", "remote_subnet", message, remedy, quote(str(remote)), line=line)


def check_two_sites(sections: Sections) -> None:
    """The peer's networks are not ours."""
    for draft in sections.of["tunnel"]:
        for remote, line in draft.items("remote_subnet"):
            for local in draft.values.get("local_subnet") or [] if remote.length > WIDEST else []:
                if local.overlaps(remote):
                    message = "remote_subnet %s and local_subnet %s overlap" % (remote, local)
                    remedy = _both_shown(draft, local, remote, sections)
                    draft.complain("overlap", "remote_subnet", message, remedy, quote(str(remote)), line=line)


def _both_shown(draft: Draft, local: Prefix, remote: Prefix, sections: Sections) -> str:
    """How two sites with the same addresses are joined, in lines to write."""
    if family_of(local) != IPV4_BYTES or local.length != remote.length:
        return RENUMBER
    free = sections.free(local)
    if len(free) < 2:
        return RENUMBER
    return (
        "if both sites use them, let each appear to the other as another network. Here: config alias '%s_alias'; "
        "option tunnel '%s'; option subnet '%s'; option as '%s', and list remote_subnet '%s' in place of %s. "
        "On the other router the other way round: option as '%s', list remote_subnet '%s'"
        % (draft.name[:26], draft.name, local, free[0], free[1], remote, free[1], free[0])
    )


def check_remote_subnets(sections: Sections) -> None:
    """No address that two tunnels lead to.

    In order of (first address, length) every network that contains another comes before it, so a stack of the networks
    still open is enough: no comparison of each with each.
    """
    drafts = sections.of["tunnel"]
    rows: list[tuple[int, bytes, int, int, int, Prefix]] = []
    for index in range(len(drafts)):
        for prefix, line in drafts[index].items("remote_subnet"):
            if prefix.length > WIDEST:
                rows.append((family_of(prefix), prefix.address, prefix.length, index, line, prefix))
    rows.sort(key=lambda row: row[:5])
    open_rows: list[tuple[int, Prefix, int]] = []
    for _, address, _, index, line, prefix in rows:
        while open_rows and not open_rows[-1][1].contains(address):
            open_rows.pop()
        if open_rows:
            _overlap(sections, open_rows[-1], (index, prefix, line))
        open_rows.append((index, prefix, line))


def _overlap(sections: Sections, outer: tuple[int, Prefix, int], inner: tuple[int, Prefix, int]) -> None:
    drafts = sections.of["tunnel"]
    if outer[0] == inner[0]:
        message = "%s lies inside %s of the same tunnel" % (inner[1], outer[1])
        drafts[inner[0]].warn("redundant-subnet", "remote_subnet", message, "remove the smaller one", inner[2])
        return
    first, second = (outer, inner) if outer[0] < inner[0] else (inner, outer)
    other, draft = drafts[first[0]], drafts[second[0]]
    message = "%s overlaps %s of %s (line %d)" % (second[1], first[1], other.title, first[2])
    remedy = "name each network in one tunnel only"
    free = sections.free(second[1])
    if free:
        remedy += (
            "; if both sites use it, let this one appear as another: on its router config alias with option subnet "
        )
        remedy += "'%s' and option as '%s', and here list remote_subnet '%s'" % (second[1], free[0], free[0])
    draft.complain("overlapping-tunnels", "remote_subnet", message, remedy, quote(str(second[1])), line=second[2])


def check_circles(sections: Sections) -> None:
    """No tunnels that lead through one another: the packets of each would go into the next for ever.

    One tunnel inside another is fine. What is left when tunnels that lead through none, or that none leads through,
    are taken away again and again, goes round in a circle.
    """
    through: dict[str, set[str]] = {}
    for draft in sections.of["tunnel"]:
        held = [
            sections.remote.holding(host(parse_ip(text))) for text in draft.values.get("remote") or [] if is_ip(text)
        ]
        names = {str(getattr(found[1], "name", "")) for found in held if found is not None}
        through[draft.name] = {name for name in names if name != draft.name}
    before = -1
    while before != len(through):
        before = len(through)
        led_to = {name for names in through.values() for name in names}
        through = {name: names for name, names in through.items() if name in led_to and names}
        through = {name: {each for each in names if each in through} for name, names in through.items()}
    circle = [draft for draft in sections.of["tunnel"] if draft.name in through]
    if circle:
        message = "the peers of %s are reached through one another: no packet would ever leave"
        remedy = "take the peer's address out of the other tunnel's remote_subnet"
        last = circle[-1]
        titles = " and ".join([draft.title for draft in circle[:5]])
        last.complain("tunnels-in-circle", "remote", message % titles, remedy, quote(", ".join(last.values["remote"])))


OVERLAP_CHECKS: tuple[Callable[[Sections], None], ...] = (
    check_everything,
    check_two_sites,
    check_remote_subnets,
    check_circles,
)
