"""A ruleset with the shape of OpenWrt's fw4, for router A: what a forced tunnel has to hold against.

Zones lan and wan; `flow add` in forward ahead of the verdict on established connections, as fw4 puts it; established
and related accepted; LAN to WAN accepted; masquerading; a port forward to h1; ESP and IKE from WAN to LAN accepted, as
fw4's default rules do; the helper for FTP assigned. Loading it again replaces it in one transaction (reload); stop
deletes it, which leaves a router that forwards everything, and that is what `fw4 restart` does for a moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.leaks.network import H1

if TYPE_CHECKING:
    from tests.lab.namespace import Namespace

FORWARDED_PORT = 8080
FTP_PORT = 21
OFFLOAD = "        meta l4proto { tcp, udp } flow add @ft\n"
FLOW_TABLE = """\
    flowtable ft {
        hook ingress priority 0
        devices = { lan1, lan2, lan3, wan0 }
    }
"""
RULES = """\
table inet fw4
delete table inet fw4
table inet fw4 {
FLOWTABLE    ct helper ftp {
        type "ftp" protocol tcp
    }
    chain input {
        type filter hook input priority filter; policy drop;
        iifname "lo" accept
        ct state established,related accept
        iifname "br-lan" jump input_lan
        iifname "br-guest" jump input_lan
        iifname "ist-*" jump input_lan
        iifname { "wan0", "wan1" } jump input_wan
    }
    chain input_lan {
        accept
    }
    chain input_wan {
        udp dport { 500, 4500, 68, 546 } accept
        meta l4proto esp accept
        meta l4proto icmp icmp type echo-request accept
        meta l4proto ipv6-icmp accept
        drop
    }
    chain forward {
        type filter hook forward priority filter; policy drop;
OFFLOADRULE        ct state established,related accept
        iifname "br-lan" accept
        iifname "br-guest" accept
        iifname "ist-*" accept
        iifname { "wan0", "wan1" } jump forward_wan
    }
    chain forward_wan {
        ct status dnat accept
        meta l4proto esp accept
        udp dport 500 accept
        icmpv6 type { echo-request, echo-reply, destination-unreachable, packet-too-big, time-exceeded } accept
        drop
    }
    chain output {
        type filter hook output priority filter; policy accept;
        ct state established,related accept
    }
    chain helpers {
        type filter hook prerouting priority filter; policy accept;
        HELPERRULE
    }
    chain dstnat {
        type nat hook prerouting priority dstnat; policy accept;
        iifname { "wan0", "wan1" } tcp dport FORWARDEDPORT dnat ip to TARGET:80
    }
    chain srcnat {
        type nat hook postrouting priority srcnat; policy accept;
        oifname { "wan0", "wan1" } meta nfproto ipv4 masquerade
    }
    chain mangle_forward {
        type filter hook forward priority mangle; policy accept;
        oifname { "wan0", "wan1" } tcp flags syn / syn,rst tcp option maxseg size set rt mtu
    }
}
"""


def ruleset(offload: bool = False, helper: bool = False) -> str:
    """The text; offload: software flow offload is on; helper: FTP's is assigned."""
    text = RULES.replace("FORWARDEDPORT", str(FORWARDED_PORT)).replace("TARGET", H1)
    text = text.replace("FLOWTABLE", FLOW_TABLE if offload else "").replace("OFFLOADRULE", OFFLOAD if offload else "")
    text = text.replace("HELPERRULE", f'iifname "br-lan" tcp dport {FTP_PORT} ct helper set "ftp"' if helper else "")
    return text if helper else text.replace('    ct helper ftp {\n        type "ftp" protocol tcp\n    }\n', "")


def load(router: Namespace, offload: bool = False, helper: bool = False) -> None:
    """Start it, or reload it: one transaction."""
    router.nft(ruleset(offload, helper))


def stop(router: Namespace) -> None:
    """Take it away, as the first half of a restart does."""
    router.nft("table inet fw4\ndelete table inet fw4\n")
