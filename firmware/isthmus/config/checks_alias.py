"""Aliases: networks of one size that are in nobody's way, and names that lie in them."""

from __future__ import annotations

from isthmus.config.alias import LOCAL, REMOTE
from isthmus.config.checks_forced import title_of, unknown
from isthmus.config.cover import Ranges, family_of
from isthmus.config.errors import quote
from isthmus.config.sections import WIDEST, rule_networks
from isthmus.wire.addr import format_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.reader import Draft
    from isthmus.config.sections import Sections
    from isthmus.wire.addr import Prefix


def check_tunnel(draft: Draft, sections: Sections) -> None:
    """Its tunnel is there."""
    name = draft.values.get("tunnel")
    if name is not None and name not in sections.tunnels:
        unknown(draft, "tunnel", "tunnel", name, sections.names("tunnel"), draft.line_of("tunnel"))


def check_sizes(draft: Draft, sections: Sections) -> None:
    """Host by host means that both have room for as many."""
    subnet, shown = draft.values.get("subnet"), draft.values.get("as")
    if subnet is None or shown is None:
        return
    found = quote(str(shown))
    if family_of(subnet) != family_of(shown):
        message = "%s and %s are not of one family" % (subnet, shown)
        draft.complain("mixed-families", "as", message, "write both as IPv4, or both as IPv6", found)
    elif subnet.length != shown.length:
        message = "%s and %s differ in size, and each host needs one address in both" % (subnet, shown)
        allowed = "a network of /%d" % subnet.length
        draft.complain("alias-size", "as", message, _propose(subnet, sections), found, allowed)
    elif subnet.length <= WIDEST:
        message = "%s is no one site's network" % subnet
        draft.complain("alias-size", "subnet", message, "name the network of one site", quote(str(subnet)))
    elif subnet == shown:
        message = "%s would appear as itself" % subnet
        draft.complain("alias-overlap", "as", message, _propose(subnet, sections), found)


def _propose(subnet: Prefix, sections: Sections) -> str:
    """What to write instead: a network of this size that nothing here uses."""
    free = sections.free(subnet)
    return "write one that is free, such as option as '%s'" % free[0] if free else "write a network that nobody uses"


def check_names(draft: Draft, sections: Sections) -> None:
    """Named hosts lie in the network, and no name stands for two."""
    del sections
    subnet = draft.values.get("subnet")
    seen: dict[str, bytes] = {}
    for (name, address), line in draft.items("name"):
        if subnet is not None and not subnet.contains(address):
            message = "%s is not in %s" % (format_ip(address), subnet)
            remedy = "write the address that the host has at its own site"
            draft.complain("name-outside", "name", message, remedy, quote(format_ip(address)), line=line)
        if seen.setdefault(name, address) != address:
            message = "%s stands for two addresses" % quote(name)
            draft.complain("duplicate-name", "name", message, "remove one of them", quote(name), line=line)


ALIAS_CHECKS: tuple[Callable[[Draft, Sections], None], ...] = (check_tunnel, check_sizes, check_names)


# --- among everything else --------------------------------------------------------------------------------------------


def check_aliases(sections: Sections) -> None:
    """No alias in the way of anything, and each where routes lead."""
    drafts = [draft for draft in sections.of["alias"] if draft.ok]
    if not drafts:
        return
    others = Ranges(rule_networks(sections.of) + sections.end_rows)
    for draft in drafts:
        _check_place(draft, others, sections)
    _check_pairs(drafts, sections)


def _check_place(draft: Draft, others: Ranges, sections: Sections) -> None:
    """Where the alias appears: here, within the tunnel's remote_subnet, or at the peer, apart from all we have."""
    shown, tunnel = draft.values["as"], sections.tunnels[draft.values["tunnel"]]
    hit = others.touching(shown)
    words = str(hit[1]) if hit is not None else ""
    near, far = sections.local.touching(shown), sections.remote.touching(shown)
    if near is not None:
        words = "local_subnet %s of %s" % (near[0], title_of(near[1]))
    if draft.values["side"] == LOCAL and far is not None:
        words = "remote_subnet %s of %s" % (far[0], title_of(far[1]))
    if draft.values["side"] == REMOTE:
        home = sections.remote.holding(shown)
        if home is None or home[1] is not tunnel:
            message = "%s is not in remote_subnet of %s: nothing would be routed to it" % (shown, tunnel.title)
            remedy = "write it there: list remote_subnet '%s' in %s (line %d), in place of the peer's real network" % (
                shown, tunnel.title, tunnel.section.line)  # fmt: skip
            draft.complain("alias-unrouted", "as", message, remedy, quote(str(shown)))
    elif sections.local.touching(draft.values["subnet"]) is None and tunnel.values.get("local_subnet"):
        message = "%s is not in local_subnet of %s: the peer may not reach it" % (draft.values["subnet"], tunnel.title)
        draft.warn("no-effect", "subnet", message, "add it there: list local_subnet '%s'" % draft.values["subnet"])
    if words:
        message = "%s overlaps %s: nobody could tell the two apart" % (shown, words)
        draft.complain("alias-overlap", "as", message, _propose(draft.values["subnet"], sections), quote(str(shown)))


def _check_pairs(drafts: list[Draft], sections: Sections) -> None:
    """What aliases show is apart; only one network of ours may be shown to several tunnels, and as the same."""
    shown_as: dict[object, Draft] = {}
    for draft in drafts:
        values = draft.values
        key = (values["tunnel"], values["side"], str(values["subnet"]))
        first = shown_as.setdefault(key, draft)
        if first is not draft:
            message = "%s shows %s to the same tunnel already (line %d)"
            message = message % (first.title, values["subnet"], first.section.line)
            draft.complain("duplicate-alias", "subnet", message, "remove one of the two", quote(str(values["subnet"])))
    rows = []
    for index in range(len(drafts)):
        values = drafts[index].values
        rows.append((values["as"].address, values["as"].length, index, "as"))
        if values["side"] == LOCAL:
            rows.append((values["subnet"].address, values["subnet"].length, index, "subnet"))
    rows.sort()
    stack: list[tuple[int, str]] = []
    for address, _, index, option in rows:
        while stack and not drafts[stack[-1][0]].values[stack[-1][1]].contains(address):
            stack.pop()
        if stack and stack[-1][0] != index:
            _compare(drafts, stack[-1], (index, option), sections)
        stack.append((index, option))


def _compare(drafts: list[Draft], one: tuple[int, str], two: tuple[int, str], sections: Sections) -> None:
    first, second = drafts[one[0]], drafts[two[0]]
    if one[1] == "subnet" and two[1] == "subnet":
        return  # one network of ours, shown to several tunnels
    ours = first.values["side"] == LOCAL and second.values["side"] == LOCAL
    if one[1] == two[1] and ours and first.values["subnet"] == second.values["subnet"]:
        return
    blamed, other, option = (second, first, one[1]) if two[1] == "as" else (first, second, two[1])
    shown = blamed.values["as"]
    message = "%s overlaps option %s %s of %s (line %d)"
    message = message % (shown, option, other.values[option], other.title, other.line_of(option))
    blamed.complain("alias-overlap", "as", message, _propose(blamed.values["subnet"], sections), quote(str(shown)))
