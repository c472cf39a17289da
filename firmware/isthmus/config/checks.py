"""What must fit together: inside one tunnel, and between the tunnels of a file. Rows of checks, each one complaint."""

from __future__ import annotations

from isthmus.config.errors import quote
from isthmus.config.sections import WIDEST
from isthmus.config.values import ANYWHERE
from isthmus.wire.addr import format_ip, is_ip, parse_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.config.reader import Draft

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
    """There is something to route, and the way to the peer does not lead into the tunnel."""
    if "remote_subnet" not in draft.given:
        message = "no remote_subnet: the tunnel comes up, and nothing is routed into it"
        draft.warn("no-subnet", "remote_subnet", message, "add a line: list remote_subnet '192.168.20.0/24'")
    peers = [parse_ip(peer) for peer in draft.values.get("remote") or [] if is_ip(peer)]
    for remote, line in draft.items("remote_subnet"):
        for peer in peers if remote.length > WIDEST else []:
            if remote.contains(peer):
                message = "%s holds the peer's own address %s: the tunnel's packets would go into the tunnel"
                message = message % (remote, format_ip(peer))
                remedy = "name only networks behind the peer"
                draft.complain("peer-inside", "remote_subnet", message, remedy, quote(str(remote)), line=line)


def check_lifetime(draft: Draft) -> None:
    """The former name still means the same, as long as the new one is not there."""
    if draft.values.get("lifetime") is None:
        return
    draft.warn("renamed-option", "lifetime", "option lifetime is called child_lifetime now", "rename it")
    if "child_lifetime" not in draft.given:
        draft.values["child_lifetime"] = draft.values["lifetime"]


def check_paired(draft: Draft) -> None:
    """A paired tunnel knows its peer by the identities that were agreed, and is never without its ppk."""
    if draft.values.get("site") is None:
        for name in ("cookie_key", "control_key"):
            if name in draft.given:
                message = "option %s means something for a paired tunnel only" % name
                draft.complain("only-paired", name, message, "remove the line")
        return
    if draft.values.get("ppk_required") is False:
        message = "a paired tunnel is never without its ppk"
        draft.complain("ppk-required", "ppk_required", message, "remove the line", quote("0"))
    if draft.values.get("session") != "derived":
        message = "between paired sites the session is derived"
        draft.complain("only-derived", "session", message, "remove the line")
    for name in ("local_id", "remote_id"):
        if name not in draft.given:
            message = "a paired tunnel needs option %s, as pairing has written it" % name
            draft.complain("missing-option", name, message, "unpair the two sites, and pair them again")


TUNNEL_CHECKS: tuple[Callable[[Draft], None], ...] = (
    check_psk,
    check_ppk,
    check_addresses,
    check_anywhere,
    check_fragment_size,
    check_identities,
    check_subnets,
    check_lifetime,
    check_paired,
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


def check_sites(drafts: list[Draft]) -> None:
    """One tunnel for each site that is paired."""
    seen: dict[bytes, Draft] = {}
    for draft in drafts:
        site = draft.values.get("site")
        if site is None:
            continue
        first = seen.setdefault(site, draft)
        if first is not draft:
            message = "%s is paired with the same site (line %d)" % (first.title, first.section.line)
            draft.complain("duplicate-site", "site", message, "remove one of the two: isthmus unpair NAME")


FILE_CHECKS: tuple[Callable[[list[Draft]], None], ...] = (
    check_interfaces,
    check_peers,
    check_sites,
)
