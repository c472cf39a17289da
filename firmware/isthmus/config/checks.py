"""What must fit together: inside one tunnel, and between the tunnels of a file. Rows of checks, each one complaint."""

from __future__ import annotations

from isthmus.config.errors import quote
from isthmus.config.values import ANYWHERE
from isthmus.wire.addr import format_ip, is_ip, parse_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.reader import Draft
    from isthmus.wire.addr import Prefix

SAFE_PSK_BYTES = 16
SAFE_PPK_BYTES = 32
LEAST_FRAGMENT = 576  # what every IPv4 host takes in one piece (RFC 791 3.1)


# --- one tunnel -------------------------------------------------------------------------------------------------------


def check_required(draft: Draft) -> None:
    """Every required option stands there, right or wrong."""
    for row in draft.spec.options:
        if row.required and row.name not in draft.given:
            message = "option %s is missing" % row.name
            remedy = "add a line: option %s '...'" % row.name
            draft.complain("missing-option", row.name, message, remedy, allowed=row.type.allowed)


def check_psk(draft: Draft) -> None:
    """A key that somebody can guess is told about."""
    psk = draft.values.get("psk")
    if psk is not None and len(psk) < SAFE_PSK_BYTES:
        draft.warn(
            "short-psk",
            "psk",
            "the key has %d characters; whoever once answers in the peer's place can take what this router sends "
            "away and try keys on it at leisure, and keys under %d characters are found" % (len(psk), SAFE_PSK_BYTES),
            "use %d random characters or more, such as: head -c 24 /dev/urandom | base64" % SAFE_PSK_BYTES,
        )


def check_ppk(draft: Draft) -> None:
    """Against quantum computers only a key helps that has twice the bits (RFC 8784 section 6)."""
    ppk = draft.values.get("ppk")
    if ppk is not None and len(ppk) < SAFE_PPK_BYTES:
        draft.warn(
            "short-ppk",
            "ppk",
            "the ppk has %d characters; it resists quantum computers only with %d random ones or more"
            % (len(ppk), SAFE_PPK_BYTES),
            "write another one on both sides, such as: head -c 32 /dev/urandom | base64",
        )


def check_addresses(draft: Draft) -> None:
    """Two ends, two addresses of one family."""
    local = draft.values.get("local")
    for remote in draft.values.get("remote") or []:
        if local is None or not is_ip(remote):
            continue
        if parse_ip(remote) == local:
            draft.complain("same-address", "local", "local and remote are the same address",
                           "write the peer's as remote", format_ip(local))  # fmt: skip
        elif len(parse_ip(remote)) != len(local):
            message = "local is %s and remote is %s: one is IPv4, the other IPv6" % (format_ip(local), remote)
            draft.complain("address-family", "local", message, "write both of one family, or leave local out")


def check_anywhere(draft: Draft) -> None:
    """A peer at any address is known by its identity alone, and nobody can call it."""
    remotes = draft.values.get("remote") or []
    if ANYWHERE not in remotes:
        return
    if len(remotes) > 1:
        message = "%any stands beside other endpoints"
        draft.complain("anywhere", "remote", message, "write %any alone, or only names and addresses")
    for name, whose in (("remote_id", "the peer's local_id"), ("local_id", "the peer's remote_id")):
        if name not in draft.given:
            message = "remote is %any, where the identity alone tells who calls, and " + name + " is missing"
            remedy = "add a line: option %s '...', with what is %s" % (name, whose)
            draft.complain("anywhere", name, message, remedy)
    if draft.values.get("role") == "initiate":
        message = "remote is %any, and role initiate asks this router to call"
        draft.complain("anywhere", "role", message, "write the peer's name or address, or leave role out")


def check_fragment_size(draft: Draft) -> None:
    """A fragment has room for something."""
    size = draft.values.get("fragment_size")
    if size is not None and 0 < size < LEAST_FRAGMENT:
        draft.complain(
            "out-of-range", "fragment_size", "%d bytes are too few for an IKE packet" % size,
            "write 1280, or leave it out", quote(str(size)), "0, or %d to 9000" % LEAST_FRAGMENT,
        )  # fmt: skip


def check_identities(draft: Draft) -> None:
    """Two ends, two identities."""
    local, remote = draft.values.get("local_id"), draft.values.get("remote_id")
    if local is not None and local == remote:
        message = "local_id and remote_id are the same"
        draft.complain(
            "same-identity", "remote_id", message, "write what the peer has as its local_id", quote(str(local))
        )


def check_subnets(draft: Draft) -> None:
    """Networks of the two sides are apart, and the way to the peer does not lead into the tunnel."""
    locals_, remotes = draft.values.get("local_subnet") or [], draft.values.get("remote_subnet") or []
    if "remote_subnet" not in draft.given:
        message = "no remote_subnet: the tunnel comes up, and nothing is routed into it"
        draft.warn("no-subnet", "remote_subnet", message, "add a line: list remote_subnet '192.168.20.0/24'")
    peers = [peer for peer in draft.values.get("remote") or [] if is_ip(peer)]
    for remote in remotes:
        if remote.length == 0:
            message = "%s would send everything into the tunnel, the tunnel's own packets too" % remote
            draft.complain("not-yet", "remote_subnet", message, "name the peer's networks", quote(str(remote)))
        for peer in peers if remote.length else []:
            if remote.contains(parse_ip(peer)):
                message = "%s holds the peer's own address %s: the tunnel's packets would go into the tunnel"
                remedy = "name only networks behind the peer"
                draft.complain("peer-inside", "remote_subnet", message % (remote, peer), remedy, quote(str(remote)))
        for local in locals_:
            if remote.length and local.overlaps(remote):
                message = "remote_subnet %s and local_subnet %s overlap" % (remote, local)
                remedy = "give one site other addresses: a router cannot tell the two networks apart"
                draft.complain("overlap", "remote_subnet", message, remedy, quote(str(remote)))


def check_lifetime(draft: Draft) -> None:
    """The former name still means the same, as long as the new one is not there."""
    if draft.values.get("lifetime") is None:
        return
    draft.warn("renamed-option", "lifetime", "option lifetime is called child_lifetime now", "rename it")
    if "child_lifetime" not in draft.given:
        draft.values["child_lifetime"] = draft.values["lifetime"]


TUNNEL_CHECKS: tuple[Callable[[Draft], None], ...] = (
    check_psk,
    check_ppk,
    check_addresses,
    check_anywhere,
    check_fragment_size,
    check_identities,
    check_subnets,
    check_lifetime,
)


# --- between tunnels --------------------------------------------------------------------------------------------------
# Tunnels that are off take part: their routes stay blocked and their guard stays, so they are in each other's way.


def check_interfaces(drafts: list[Draft]) -> None:
    """No two tunnels with one interface name."""
    seen: dict[str, Draft] = {}
    for draft in drafts:
        ifname = draft.values.get("ifname")
        if ifname is None:
            continue
        first = seen.get(ifname)
        if first is None:
            seen[ifname] = draft
        else:
            message = "%s has the interface %s already (line %d)" % (first.title, ifname, first.line_of("ifname"))
            draft.complain("duplicate-ifname", "ifname", message, "set option ifname to another name", quote(ifname))


def check_peers(drafts: list[Draft]) -> None:
    """No two tunnels that IKE or the derived L2TP ids could not tell apart."""
    seen: dict[object, Draft] = {}
    for draft in drafts:
        values = draft.values
        if not values.get("remote") or "instance" not in values:
            continue
        ids: tuple[object, ...] = (values.get("local_id"), values.get("remote_id"), values["instance"])
        # A configured remote identity is the peer, wherever it is; without one the peer is its address.
        key = ids
        if values.get("remote_id") is None:
            key = tuple([_peer_key(remote) for remote in values["remote"]]) + ids
        first = seen.get(key)
        if first is None:
            seen[key] = draft
        else:
            message = "%s goes to the same peer already (line %d)" % (first.title, first.section.line)
            remedy = "remove one of the two, or give them different remote_id, or a different instance on both sides"
            draft.complain("duplicate-peer", "remote", message, remedy, quote(", ".join(values["remote"])))


def _peer_key(remote: str) -> str:
    return format_ip(parse_ip(remote)) if is_ip(remote) else remote.lower()


def check_remote_subnets(drafts: list[Draft]) -> None:
    """No address that two tunnels lead to.

    In order of (first address, length) every network that contains another comes before it, so a stack of the networks
    still open is enough: no comparison of each with each.
    """
    rows: list[tuple[int, bytes, int, int, Prefix]] = []
    for index in range(len(drafts)):
        for prefix in drafts[index].values.get("remote_subnet") or []:
            rows.append((len(prefix.address), prefix.address, prefix.length, index, prefix))
    rows.sort(key=lambda row: row[:4])
    open_rows: list[tuple[int, Prefix]] = []
    for _, address, _, index, prefix in rows:
        while open_rows and not open_rows[-1][1].contains(address):
            open_rows.pop()
        if open_rows:
            _overlap(drafts, open_rows[-1], (index, prefix))
        open_rows.append((index, prefix))


def _overlap(drafts: list[Draft], outer: tuple[int, Prefix], inner: tuple[int, Prefix]) -> None:
    if outer[0] == inner[0]:
        message = "%s lies inside %s of the same tunnel" % (inner[1], outer[1])
        drafts[inner[0]].warn("redundant-subnet", "remote_subnet", message, "remove the smaller one")
        return
    first, second = (outer, inner) if outer[0] < inner[0] else (inner, outer)
    other = drafts[first[0]]
    message = "%s overlaps %s of %s (line %d)" % (second[1], first[1], other.title, other.line_of("remote_subnet"))
    remedy = "name each network in one tunnel only"
    drafts[second[0]].complain("overlapping-tunnels", "remote_subnet", message, remedy, quote(str(second[1])))


FILE_CHECKS: tuple[Callable[[list[Draft]], None], ...] = (
    check_interfaces,
    check_peers,
    check_remote_subnets,
)
