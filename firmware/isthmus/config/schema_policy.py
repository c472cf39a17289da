"""The sections about traffic: what is forced into a tunnel, what passes through, what appears under other addresses.

Rows as in `schema.py`, which holds those of the daemon and of tunnels.
"""

from __future__ import annotations

from isthmus.config import policy_values as kinds
from isthmus.config import values
from isthmus.config.spec import LIST, OPTION, OptionSpec, SectionSpec

MAX_SOURCES = 1024  # of one rule
MAX_DESTINATIONS = 256

ROUTER_PORTS = ("tcp:22", "tcp:80", "tcp:443", "udp:123")

NEVER_OFF = "a forced rule has no switch: it is a promise that holds whatever stops or fails, this daemon included"
ONLY_REMOVE = "remove the line; only removing the whole section ends the promise, and then its hosts are in the open"

FORCED = SectionSpec(
    "forced",
    "Hosts that reach the world through these tunnels or not at all, whatever happens.",
    True,
    False,
    [
        OptionSpec(
            "from", LIST, kinds.SourceType(), None,
            "Whom it holds: ADDRESS@MAC, a MAC, a network or an interface where hosts are.",
            required=True, see=("ipv6",), most=MAX_SOURCES,
        ),
        OptionSpec(
            "via", LIST, kinds.SectionName("tunnel"), None,
            "The tunnel; of several, the first that is up, in this order.", required=True,
            repeat="behind the last tunnel the order would begin again",
        ),
        OptionSpec(
            "to", LIST, kinds.NetworkType(), None, "Where to: only packets for these networks are held.",
            automatic="everything beyond the site's own networks", see=("port",), most=MAX_DESTINATIONS,
        ),
        OptionSpec(
            "port", LIST, kinds.PortsType(), None, "Only packets of these protocols and ports are held.",
            automatic="every protocol and port", see=("to",),
        ),
        OptionSpec(
            "dns", LIST, values.Address(), None,
            "The name server inside the tunnel that answers these hosts, one address of each family.",
            automatic="none: this router answers them no names",
        ),
        OptionSpec(
            "ipv6", OPTION, values.Choice(("block", "free")), "block",
            "For sources written as IPv4 addresses alone: whether IPv6 is kept in, or free and told as exposed.",
            see=("from",),
        ),
        OptionSpec(
            "router_port", LIST, kinds.PortsType(("tcp", "udp", "icmp")), ROUTER_PORTS,
            "What these hosts may ask of this router itself; a list replaces the default.",
        ),
    ],
    absent=(("enabled", NEVER_OFF, ONLY_REMOVE), ("disabled", NEVER_OFF, ONLY_REMOVE)),
)  # fmt: skip

EXCEPTION = SectionSpec(
    "exception",
    "What forced rules let past their tunnel, by name, and until when.",
    True,
    False,
    [
        OptionSpec(
            "rule", LIST, kinds.SectionName("forced"), None, "The forced rules that it belongs to.", required=True,
        ),
        OptionSpec(
            "to", LIST, kinds.NetworkType(), None, "Destinations that are reached without a tunnel.",
            automatic="every destination of its rule: then it needs a port", see=("port",), most=MAX_DESTINATIONS,
        ),
        OptionSpec(
            "port", LIST, kinds.PortsType(), None, "Protocols and ports that pass without a tunnel.",
            automatic="every protocol: then it needs a destination", see=("to",),
        ),
        OptionSpec(
            "until", OPTION, kinds.UtcTime(), None, "When it ends, in UTC, such as 2026-12-01 12:00.",
            automatic="it has no end",
        ),
    ],
)  # fmt: skip

PASSTHROUGH = SectionSpec(
    "passthrough",
    "VPN programs of hosts behind this router: what of them passes.",
    True,
    False,
    [
        OptionSpec(
            "protocol", OPTION, values.Choice(("ipsec", "l2tp", "pptp")), None,
            "ipsec: IKE, NAT-T and ESP; l2tp: UDP 1701; pptp: TCP 1723 and GRE.", required=True,
        ),
        OptionSpec(
            "direction", OPTION, values.Choice(("out", "in", "both")), "out",
            "out: clients behind this router; in: a server behind it.",
        ),
        OptionSpec(
            "from", LIST, kinds.SourceType(), None, "Which hosts behind this router.",
            automatic="everybody", most=MAX_SOURCES,
        ),
        OptionSpec(
            "action", OPTION, values.Choice(("allow", "block", "helper")), "allow",
            "helper: allow, with the kernel's PPTP helper, without which NAT brings no answer back.",
            see=("protocol",),
        ),
    ],
)  # fmt: skip

ALIAS = SectionSpec(
    "alias",
    "For two sites with the same addresses: one network appears as another beyond a tunnel.",
    True,
    False,
    [
        OptionSpec(
            "tunnel", OPTION, kinds.SectionName("tunnel"), None, "The tunnel to the other site.", required=True,
        ),
        OptionSpec(
            "subnet", OPTION, values.PrefixType(), None, "The network as its own site knows it.", required=True,
            see=("as", "side"),
        ),
        OptionSpec(
            "as", OPTION, values.PrefixType(), None, "The network of the same size as which the other site sees it.",
            required=True, see=("subnet",),
        ),
        OptionSpec(
            "side", OPTION, values.Choice(("local", "remote")), "local",
            "Whose network it is: ours (local), or the peer's, for a peer that cannot translate (remote).",
        ),
        OptionSpec(
            "name", LIST, kinds.NamedHost(), None, "A host of that network by name: NAME=ADDRESS, its own address.",
            automatic="none", see=("subnet",), most=MAX_DESTINATIONS,
        ),
    ],
)  # fmt: skip

SECTIONS = (FORCED, EXCEPTION, PASSTHROUGH, ALIAS)
