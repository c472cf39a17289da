"""The leak tests L01 to L47: what each does, where it is, or why this lab cannot show it. TABLE.md is made of it:

    PYTHONPATH=firmware:. .venv/bin/python -m tests.lab.leaks.table > tests/lab/leaks/TABLE.md
"""

from __future__ import annotations

FIRST, LAST = 1, 47
STATE = "state.EveryEvent"  # the stateful test over all events


class Row:
    """One leak test. places: "module.function" of tests/lab/leaks or other stories; reason: what is not shown."""

    def __init__(self, number: int, name: str, does: str, places: tuple[str, ...], reason: str = "") -> None:
        self.number = number
        self.name = name
        self.does = does
        self.places = places
        self.reason = reason

    @property
    def label(self) -> str:
        """Such as L07."""
        return f"L{self.number:02}"


ROWS = (
    Row(1, "positive control", "Without a rule every kind of canary is seen on the Internet side.",
        ("controls.every_kind", "rules.offloaded")),
    Row(2, "tunnel up", "With the rule and the tunnel up, the Internet side sees ESP and IKE alone.",
        ("packets.only_esp",)),
    Row(3, "never up", "The peer was never there since the daemon's start.", ("events.established_before",)),
    Row(4, "paused, disabled, deleted",
        "The tunnel is taken down, disabled; deleting it from under its rule is refused.", ("events.pause",)),
    Row(5, "killed", "Kill -9 of isthmusd, which is the IKE daemon, the L2TP daemon and the control daemon in one.",
        ("events.killed", STATE), "there is no pppd and no web process yet; neither would carry a packet"),
    Row(6, "silent peer", "The line to the peer is cut until the dead peer is noticed; then it comes back.",
        ("events.silent_peer",)),
    Row(7, "peer deletes", "The peer says DELETE, is away, and comes back.", ("events.peer_deletes",),
        "StopCCN and LCP belong to carriers that are not there yet"),
    Row(8, "rekeying at load", "CHILD and IKE SAs are renewed again and again.", ("events.renewals", STATE),
        "a derived L2TP session has no rekeying of its own"),
    Row(9, "interface recreated", "Somebody deletes the tunnel's interface; it comes back under another index.",
        ("events.recreated",)),
    Row(10, "firewall reloaded",
        "fw4's reload and restart; a foreign flush of the whole ruleset, repaired within a bound.",
        ("events.reloaded", "events.foreign_flush", STATE)),
    Row(11, "uplink", "The uplink flaps, changes its address, a second one takes over and gives back.",
        ("events.flapping", STATE), "PPPoE redialling is a flap with another address"),
    Row(12, "boot", "After the loss of all kernel state: persisted guard, then WAN and firewall, the daemon last.",
        ("events.booted",)),
    Row(13, "stopped", "A stop as an upgrade or a removal does it, a refused configuration, the old one again.",
        ("events.stopped",)),
    Row(14, "power cut", "Kill -9 at random moments of an apply, with something to apply each time.",
        ("events.power_cut",), "at moments, not at each system call: tests/edge kills the writer of files there"),
    Row(15, "flows from before", "TCP, UDP, ICMP, GRE and others, answered and tracked before the rule came.",
        ("events.established_before",)),
    Row(16, "no fail-over", "Flows that were in the tunnel when it died take no other way.", ("events.silent_peer",)),
    Row(17, "software offload", "Flows that the firewall has offloaded before the rule came.", ("rules.offloaded",)),
    Row(18, "hardware offload", "Flows that a switch chip forwards past the kernel.", (),
        "a virtual machine has no such chip: this needs the board itself; the deletion of the flow is the same call"),
    Row(19, "IPv6", "Global, unique local, link-local and temporary source addresses; RA after the rule.",
        ("packets.kinds", "packets.tricks")),
    Row(20, "IPv6 in disguise", "6in4, Teredo's port and a NAT64 prefix.", ("packets.kinds",)),
    Row(21, "IPv6 only", "A target that has an IPv6 address alone.", ("packets.kinds",)),
    Row(22, "names", "DNS to the router and to others, over UDP, TCP, TLS and QUIC; multicast names stay on the LAN.",
        ("packets.helpers", "packets.kinds", "packets.to_everybody")),
    Row(23, "the router's helpers", "DNS forwarder, proxy, UPnP and NAT-PMP on the router do nothing for h1.",
        ("packets.helpers",), "their ports are played by a relay of ours: whoever listens there, h1 is not heard"),
    Row(24, "port shadow", "A LAN host speaks to the peer from ports 500, 4500 and 1701 while the tunnel carries.",
        ("packets.shadow",)),
    Row(25, "DHCP routes", "0/1, 128/1, and single routes to the target, the peer, the resolver, as dhcp.script sets.",
        ("packets.tricks", STATE), "the routes are set as OpenWrt's client sets them, without its program"),
    Row(26, "RA and redirects", "An attacker's router advertisement with routes; an ICMP redirect.",
        ("packets.tricks", STATE)),
    Row(27, "rogue DHCP or RA on the LAN", "Another host is h1's gateway and forwards for it.",
        ("packets.pretending", "packets.rogue_router"),
        "IPv6: only of addresses that the rule names; one that translates to its own address is a free host: force the "
        "interface"),
    Row(28, "LocalNet", "The WAN's own network holds the target, or half of all addresses; somebody answers there.",
        ("packets.tricks",)),
    Row(29, "public LAN", "The LAN has got public addresses, h1 one of them.", ("packets.pretending",)),
    Row(30, "ServerIP", "The target has become the peer's address; h1 speaks to the peer itself.",
        ("packets.peer_is_the_target", "packets.kinds")),
    Row(31, "source games", "h1 under others' addresses, unknown ones and the router's; others under h1's.",
        ("packets.pretending",), "another SSID or VLAN is another interface: force it by name"),
    Row(32, "called from outside", "A port forward leads to h1; its answer does not leave.", ("packets.called",)),
    Row(33, "helper's way in", "FTP's helper expects a connection since before the rule; its answer does not leave.",
        ("packets.ftp_calls",)),
    Row(34, "other protocols", "SCTP, GRE, ESP, AH, IPIP, L2TP over IP and protocol 255.", ("packets.kinds",)),
    Row(35, "pieces and sizes", "Fragments, full packets, quoting ICMP errors (the router's own in tests/edge), "
        "multicast and broadcast.", ("packets.kinds", "packets.to_everybody")),
    Row(36, "ESP dropped", "The provider drops ESP: no L2TP in the clear from router A.", ("events.esp_is_lost",)),
    Row(37, "xfrm flushed", "Somebody flushes all SAs, then all policies.", ("events.flushed_xfrm",)),
    Row(38, "wrong secret", "The peer has another secret, then nothing but proposals that are not allowed.",
        ("events.wrong_secret",)),
    Row(39, "spoofed from outside", "A source beyond the tunnel arrives on the WAN, without a firewall but ours.",
        ("packets.strangers",)),
    Row(40, "tunnel address", "Ping, SYN, SYN-ACK and ARP for the tunnel's addresses on the WAN link.",
        ("packets.strangers",)),
    Row(41, "two tunnels", "h1 takes the tunnel that its rule names, and of a list the first that stands.",
        ("rules.two_tunnels",)),
    Row(42, "exceptions", "Exact in destination and port, over on time without a daemon, a clock set back included.",
        ("rules.exceptions",)),
    Row(43, "free hosts", "While h1 is blocked, h2 is free and h1 reaches the router's pages.",
        ("packets.free_and_reachable",)),
    Row(44, "overlap", "Both sites have the same addresses; each sees the other under its alias, h1 nothing else.",
        ("overlap.both_ways",)),
    Row(45, "random edits", "25 random edits of the rules under load, 500 in a full run.", ("state.edits",)),
    Row(46, "every event", "A stateful hypothesis test over all events, with the one invariant.", (STATE,)),
    Row(47, "self-test", "What `isthmus policy test` says is what the oracle sees.", ("rules.self_test",)),
)  # fmt: skip

HEAD = """\
# Leak tests

Made by `tests/lab/leaks/table.py`; the list is that of leak tests in `shared/reference/web.md`, section 3.6. Each test
that can leak has a control before it: the same stimulus without a rule, which the oracle must see. Run them with
`tools/lab -- .venv/bin/python tests/lab/run.py leaks`.

| | leak | what is done | where | not shown |
|---|---|---|---|---|
"""


def write_page() -> str:
    """The page."""
    text = HEAD
    for row in ROWS:
        places = ", ".join([f"`{place}`" for place in row.places])
        text += f"| {row.label} | {row.name} | {row.does} | {places} | {row.reason} |\n"
    return text


if __name__ == "__main__":
    print(write_page(), end="")
