"""Everything that /etc/config/isthmus may say: the one table behind validation, defaults, reference page and forms.

A section is a list of rows (`spec.py`). What forces, lets pass and translates traffic is in `schema_policy.py`.
"""

from __future__ import annotations

from isthmus.config import proposal, schema_policy, values
from isthmus.config.policy_values import Device
from isthmus.config.spec import LIST, OPTION, OptionSpec, SectionSpec

__all__ = (
    "GLOBALS",
    "LIST",
    "OPTION",
    "SECTIONS",
    "TUNNEL",
    "OptionSpec",
    "SectionSpec",
    "reference_rows",
    "section_spec",
)

LOG_LEVELS = ("error", "warning", "notice", "info", "debug")

GLOBALS = SectionSpec(
    "globals",
    "Settings of the daemon as a whole.",
    False,
    True,
    [
        OptionSpec("log_level", OPTION, values.Choice(LOG_LEVELS), "notice", "The least important line to log."),
        OptionSpec(
            "lan", LIST, Device(), ("br-lan",),
            "An interface of this site's own networks: forced traffic may go there without a tunnel.",
        ),
        OptionSpec(
            "name", OPTION, values.SiteName(), None, "What this site is called where it is paired.",
            automatic="the router's host name", see=("endpoint",),
        ),
        OptionSpec(
            "endpoint", LIST, values.OwnHost(), None,
            "Where this site is reached from the Internet: what `isthmus pair invite` writes into an invite.",
            automatic="the address that this router has on its way to the Internet", see=("name",), most=4,
        ),
        OptionSpec(
            "let_in", OPTION, values.Bool(), "1",
            "Off: the firewall's own rules alone say who reaches UDP 500, 4500 and ESP (OpenWrt; at the next start).",
        ),
    ],
)  # fmt: skip

TUNNEL = SectionSpec(
    "tunnel",
    "A tunnel to one peer. Its name is yours to choose.",
    True,
    False,
    [
        OptionSpec(
            "enabled", OPTION, values.Bool(), "1",
            "Off: the tunnel stays down; its guard and its blocked routes stay.",
        ),
        OptionSpec(
            "remote", LIST, values.Host(), None,
            "The peer's name or address on the Internet; several are tried in order. %any: it calls, from anywhere.",
            required=True, see=("remote_id", "local", "role"),
        ),
        OptionSpec(
            "psk", OPTION, values.Secret(), None, "The key that both sides share; 16 random characters or more.",
            automatic="read from /etc/isthmus/secrets/NAME",
        ),
        OptionSpec(
            "ppk", OPTION, values.Secret(), None,
            "A second key that both sides share, against quantum computers (RFC 8784); 32 random characters or more.",
            automatic="none; with ppk_id, ppk_required or site, read from /etc/isthmus/secrets/NAME.ppk",
            see=("ppk_id", "ppk_required"),
        ),
        OptionSpec(
            "ppk_id", OPTION, values.KeyName(), "isthmus", "The name of that key, the same on both sides.",
            see=("ppk",),
        ),
        OptionSpec(
            "ppk_required", OPTION, values.Bool(), "1", "Off: a peer that does not have that key is accepted as well.",
            see=("ppk",),
        ),
        OptionSpec(
            "site", OPTION, values.SiteId(), None,
            "Written by pairing: the peer's site. Its keys are in files of their own, and the ppk is a must.",
            automatic="none: not paired", see=("psk", "ppk", "cookie_key", "control_key"),
        ),
        OptionSpec(
            "cookie_key", OPTION, values.Secret(), None, "Of a paired tunnel: what its L2TP cookies are made from.",
            automatic="the psk; with site, read from /etc/isthmus/secrets/NAME.cookie", see=("site",),
        ),
        OptionSpec(
            "control_key", OPTION, values.Secret(), None, "Of a paired tunnel: what keys are renewed under.",
            automatic="none; with site, read from /etc/isthmus/secrets/NAME.control", see=("site",),
        ),
        OptionSpec(
            "local", OPTION, values.Address(), None, "The address of this router to use towards the peer.",
            automatic="the one the route to the peer uses", see=("local_id",),
        ),
        OptionSpec(
            "local_id", OPTION, values.IdentityType(), None,
            "Who this router says it is; needed behind NAT. The peer's remote_id.",
            automatic="the address in use", see=("remote_id", "local"),
        ),
        OptionSpec(
            "remote_id", OPTION, values.IdentityType(), None,
            "Who the peer must say it is; needed if it is behind NAT. The peer's local_id.",
            automatic="the peer's address", see=("local_id", "remote"),
        ),
        OptionSpec(
            "local_subnet", LIST, values.PrefixType(), None, "A network behind this router that the peer may reach.",
            automatic="the networks of this router", see=("remote_subnet",),
        ),
        OptionSpec(
            "remote_subnet", LIST, values.PrefixType(), None,
            "A network behind the peer: routed into this tunnel only.",
            automatic="none: nothing is routed", see=("local_subnet",),
        ),
        OptionSpec(
            "internet", OPTION, values.Bool(), "0",
            "On: the peer's forced traffic may go on to the Internet from here, behind this router's address.",
            see=("remote_subnet",),
        ),
        OptionSpec(
            "carrier", OPTION, values.Choice(("l2tpv3",), ("l2tpv2", "ipsec")), "l2tpv3", "What runs inside ESP.",
            see=("session",),
        ),
        OptionSpec(
            "session", OPTION, values.Choice(("derived", "static"), ("signalled",)), "derived",
            "How both sides come to the same L2TP ids: derived between two Isthmus, static (written down) with others.",
            see=("instance", "carrier", "tunnel_id"),
        ),
        OptionSpec(
            "mode", OPTION, values.Choice(("auto", "beet", "transport")), "auto",
            "How ESP wraps L2TP: beet between two Isthmus, transport with other peers; auto follows option session.",
            see=("session",),
        ),
        OptionSpec(
            "instance", OPTION, values.Integer(0, 65535), "0",
            "Change it, on both sides alike, if two tunnels derive the same ids.", see=("session",),
        ),
        OptionSpec(
            "tunnel_id", OPTION, values.Integer(1, 0xFFFFFFFF), None,
            "This router's L2TP tunnel id; the peer's peer_tunnel_id. For session static.",
            automatic="none: needed for session static", see=("peer_tunnel_id", "session"),
        ),
        OptionSpec(
            "peer_tunnel_id", OPTION, values.Integer(1, 0xFFFFFFFF), None,
            "The peer's L2TP tunnel id. For session static.",
            automatic="none: needed for session static", see=("tunnel_id",),
        ),
        OptionSpec(
            "session_id", OPTION, values.Integer(1, 0xFFFFFFFF), None,
            "This router's L2TP session id; the peer's peer_session_id. For session static.",
            automatic="none: needed for session static", see=("peer_session_id", "session"),
        ),
        OptionSpec(
            "peer_session_id", OPTION, values.Integer(1, 0xFFFFFFFF), None,
            "The peer's L2TP session id. For session static.",
            automatic="none: needed for session static", see=("session_id",),
        ),
        OptionSpec(
            "cookie", OPTION, values.Cookie(), None,
            "What this router puts into its frames; the peer's peer_cookie, as in `ip l2tp`. For session static.",
            automatic="no cookie", see=("peer_cookie",),
        ),
        OptionSpec(
            "peer_cookie", OPTION, values.Cookie(), None,
            "What must be in the peer's frames; the peer's cookie. For session static.",
            automatic="no cookie", see=("cookie",),
        ),
        OptionSpec(
            "sublayer", OPTION, values.Choice(("default", "none")), "default",
            "The L2-specific sublayer of the frames, alike on both sides; default is what `ip l2tp` uses too."
            " For session static.",
            see=("session",),
        ),
        OptionSpec(
            "address", LIST, values.HostAddressType(), None,
            "This router's address on the tunnel's interface. For session static.",
            automatic="none", see=("peer_address",),
        ),
        OptionSpec(
            "peer_address", LIST, values.NextHop(), None,
            "The peer's address on the tunnel: the next hop to its networks, one of each family. For session static.",
            automatic="none: its networks are looked for on the tunnel itself", see=("address", "remote_subnet"),
        ),
        OptionSpec(
            "peer_inside", OPTION, values.Address(), None,
            "The peer's own address behind a translator, for a peer that wants it named, as libreswan does."
            " For session static.",
            automatic="the address where it is reached", see=("remote",),
        ),
        OptionSpec(
            "ifname", OPTION, values.InterfaceName(), None, "Name of the tunnel's network interface.",
            automatic="ist- and the section's name",
        ),
        OptionSpec(
            "mtu", OPTION, values.AutoInteger(1280, 9000), "auto",
            "Largest packet through the tunnel, in bytes; auto computes it from the path and the cipher.",
        ),
        OptionSpec(
            "role", OPTION, values.Choice(("both", "respond", "initiate")), "both",
            "Whether this router calls the peer and answers its call, only answers, or only calls.", see=("remote",),
        ),
        OptionSpec(
            "encap", OPTION, values.Choice(("auto", "force")), "auto",
            "Whether ESP travels in UDP: where a translator is on the way or nothing else gets through, or always.",
            see=("remote_id",),
        ),
        OptionSpec(
            "mobike", OPTION, values.Bool(), "1",
            "Off: a changed address means a new handshake, not a word to the peer (RFC 4555).", see=("remote_id",),
        ),
        OptionSpec(
            "fragment_size", OPTION, values.Integer(0, 9000), "1280",
            "Largest IKE packet in bytes before it is cut into several (RFC 7383); 0: never cut.",
        ),
        OptionSpec(
            "ike_proposal", LIST, values.IkeProposal(), proposal.DEFAULT_IKE,
            "Algorithms for IKE, the preferred first; a list replaces the default.", see=("esp_proposal",),
        ),
        OptionSpec(
            "esp_proposal", LIST, values.EspProposal(), proposal.DEFAULT_ESP,
            "Algorithms for the traffic, the preferred first; a list replaces the default.", see=("ike_proposal",),
        ),
        OptionSpec(
            "child_lifetime", OPTION, values.Duration("2m", "1d"), "1h",
            "How long one set of keys for the traffic is used before a new one replaces it.",
            see=("lifetime_bytes", "lifetime_packets", "ike_lifetime"),
        ),
        OptionSpec(
            "lifetime_bytes", OPTION, values.Count(1_000_000, 1 << 40), "0",
            "The same in bytes, in either direction; 0 for as many as are safe (1 TiB).", see=("child_lifetime",),
        ),
        OptionSpec(
            "lifetime_packets", OPTION, values.Count(10_000, 1 << 31), "0",
            "The same in packets; 0 for as many as are safe (half of what ESP can number).", see=("child_lifetime",),
        ),
        OptionSpec(
            "ike_lifetime", OPTION, values.Duration("5m", "7d"), "4h",
            "How long one set of keys for IKE itself is used.", see=("child_lifetime", "reauth_time"),
        ),
        OptionSpec(
            "reauth_time", OPTION, values.OrZero(values.Duration("5m", "30d")), "0",
            "After this time both sides prove anew who they are, beside what is up; 0 for never.",
            see=("ike_lifetime",),
        ),
        OptionSpec(
            "lifetime", OPTION, values.Duration("2m", "1d"), None, "The former name of child_lifetime.",
            automatic="child_lifetime", see=("child_lifetime",),
        ),
        OptionSpec(
            "dpd_interval", OPTION, values.Duration("1s", "1h"), "30s",
            "After this time without a packet from the peer, ask whether it is there.",
            see=("retransmit_timeout", "retransmit_tries"),
        ),
        OptionSpec(
            "retransmit_timeout", OPTION, values.Duration("100ms", "1m"), "1s",
            "How long to wait for the first answer before sending a message again; then longer each time.",
            see=("retransmit_tries",),
        ),
        OptionSpec(
            "retransmit_tries", OPTION, values.Integer(1, 12), "5",
            "How often to send a message again before the peer counts as gone.", see=("retransmit_timeout",),
        ),
    ],
)  # fmt: skip

SECTIONS = (GLOBALS, TUNNEL) + schema_policy.SECTIONS


def section_spec(section_type: str) -> SectionSpec | None:
    """The section type of that name, or None."""
    for row in SECTIONS:
        if row.type == section_type:
            return row
    return None


def reference_rows() -> list[dict[str, str]]:
    """The table as texts, one dict a row: what a reference page or a form needs and nothing else."""
    return [
        {
            "section": section.type,
            "name": row.name,
            "kind": row.kind,
            "type": row.type.name,
            "allowed": row.type.allowed,
            "default": row.default_text,
            "required": "yes" if row.required else "no",
            "secret": "yes" if row.type.secret else "no",
            "help": row.help,
            "see": ", ".join(row.see),
        }
        for section in SECTIONS
        for row in section.options
    ]
