"""All drafts of a file, and what checks look up among them."""

from __future__ import annotations

from isthmus.config.cover import Ranges
from isthmus.wire.addr import IPV4_BYTES, Prefix, format_ip, is_ip, parse_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.reader import Draft

WIDEST = 1  # bits: a half of all addresses is as little one peer's network as all of them


class Sections:
    """of: section type -> drafts in file order; now_s: Unix seconds, 0 where nobody knows what time it is.

    tunnels, rules: name -> draft; ifnames: interface -> the tunnel's draft; lans: the site's own interfaces.
    remote, local: networks with their tunnels' drafts; site: the latter alone.
    ends, end_rows: addresses that tunnels run between, with words.
    """

    def __init__(self, of: dict[str, list[Draft]], now_s: int = 0) -> None:
        self.of = of
        self.now_s = now_s
        self.tunnels = {draft.name: draft for draft in of["tunnel"]}
        self.rules = {draft.name: draft for draft in of["forced"]}
        self.ifnames = {draft.values["ifname"]: draft for draft in of["tunnel"] if "ifname" in draft.values}
        self.lans: list[str] = of["globals"][0].values.get("lan") or [] if of["globals"] else ["br-lan"]
        self.remote = Ranges(_networks(of["tunnel"], "remote_subnet"))
        self.local = Ranges(_networks(of["tunnel"], "local_subnet"))
        self.site = [prefix for draft in of["tunnel"] for prefix in draft.values.get("local_subnet") or []]
        self.end_rows = _ends(of["tunnel"])
        self.ends = Ranges(self.end_rows)

        self._taken: Ranges | None = None
        self._free: dict[int, list[Prefix]] = {}

    @property
    def lan(self) -> str:
        """An interface of the site's own, for examples."""
        return self.lans[0] if self.lans else "br-lan"

    def free(self, like: Prefix) -> list[Prefix]:
        """Up to two networks of the size of `like` that nothing in the file touches; [] for IPv6 and large ones."""
        if len(like.address) != IPV4_BYTES:
            return []
        if self._taken is None:
            rows = _tunnel_networks(self.of) + rule_networks(self.of) + _alias_networks(self.of)
            self._taken = Ranges([row for row in rows + self.end_rows if row[0].length > WIDEST])
        if like.length not in self._free:
            from isthmus.config.free import free_networks  # waiting.py

            self._free[like.length] = free_networks(like.length, self._taken, 2)
        return self._free[like.length]

    def names(self, section_type: str) -> list[str]:
        """Names of all sections of a type, in file order."""
        return [draft.name for draft in self.of[section_type] if not draft.section.anonymous]


def _networks(drafts: list[Draft], option: str) -> list[tuple[Prefix, object]]:
    """What is wider than any site's network is refused elsewhere, and would only hide the rest."""
    return [(row[0], draft) for draft in drafts for row in draft.items(option) if row[0].length > WIDEST]


def _ends(drafts: list[Draft]) -> list[tuple[Prefix, object]]:
    rows: list[tuple[Prefix, object]] = []
    for draft in drafts:
        local = draft.values.get("local")
        if local is not None:
            rows.append((host(local), "this router's own address %s of %s" % (format_ip(local), draft.title)))
        for text in draft.values.get("remote") or []:
            if is_ip(text):
                peer = parse_ip(text)
                rows.append((host(peer), "the address %s of the peer of %s" % (format_ip(peer), draft.title)))
    return rows


def host(address: bytes) -> Prefix:
    """One address as a prefix."""
    return Prefix(address, 8 * len(address))


def _tunnel_networks(of: dict[str, list[Draft]]) -> list[tuple[Prefix, object]]:
    rows: list[tuple[Prefix, object]] = []
    for draft in of["tunnel"]:
        for option in ("remote_subnet", "local_subnet"):
            for prefix, line in draft.items(option):
                rows.append((prefix, "%s %s of %s (line %d)" % (option, prefix, draft.title, line)))
    return rows


def rule_networks(of: dict[str, list[Draft]]) -> list[tuple[Prefix, object]]:
    """Networks that rules and passthrough name as sources, with words."""
    rows: list[tuple[Prefix, object]] = []
    for section_type in ("forced", "passthrough"):
        for draft in of[section_type]:
            for source, line in draft.items("from"):
                if source.prefix is not None:
                    rows.append((source.prefix, "source %s of %s (line %d)" % (source, draft.title, line)))
    return rows


def _alias_networks(of: dict[str, list[Draft]]) -> list[tuple[Prefix, object]]:
    rows: list[tuple[Prefix, object]] = []
    for draft in of["alias"]:
        for option in ("as", "subnet"):
            prefix = draft.values.get(option)
            if prefix is not None:
                words = "option %s %s of %s (line %d)" % (option, prefix, draft.title, draft.line_of(option))
                rows.append((prefix, words))
    return rows
