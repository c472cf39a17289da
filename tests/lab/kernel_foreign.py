"""What other programs might have put into a router's kernel, much of it like ours, and how to list all of it."""

from __future__ import annotations

FOREIGN = """
    ip xfrm policy add src fd69:7374:686d::1/128 dst 2001:db8::77/128 proto 115 dir out \
        tmpl src 192.0.2.1 dst 192.0.2.9 proto esp mode beet reqid 7
    ip xfrm policy add src 10.9.0.0/16 dst 10.8.0.0/16 dir in \
        tmpl src 192.0.2.9 dst 192.0.2.1 proto esp mode tunnel reqid 0x68ffffff
    ip addr add fd69:7374:686d::99/128 dev wan0 nodad
    ip addr add 2001:db8:5::1/128 dev lo nodad
    ip route add 10.9.0.0/16 via 192.0.2.254 proto static
    ip route add 198.51.100.0/24 via 192.0.2.254 metric 50 proto static
    ip route add unreachable 198.51.100.0/24 metric 60
    ip route add 10.7.0.0/16 via 192.0.2.254 table 99 proto 115
    ip -6 route add 2001:db8:100::/48 via 2001:db8::fe metric 50
    ip route add 10.6.0.0/16 via 192.0.2.254 table 0x69000001 proto static
    ip rule add fwmark 0x81000000/0xff000000 lookup 0x69000001 pref 690
    ip -6 rule add fwmark 0x81000000/0xff000000 lookup 0x69000001 pref 690 protocol static
    ip rule add fwmark 0x81000000/0xff000000 lookup 99 pref 690 protocol 115
    ip rule add from 10.5.0.0/16 fwmark 0x81000000/0xff000000 lookup 0x69000001 pref 689 protocol 115
    ip neigh add 192.0.2.200 lladdr 02:00:00:00:00:99 dev wan0 nud permanent
    ip -6 neigh add fe80::2 lladdr 02:00:00:00:00:99 dev wan0 nud permanent
    nft add table inet fw4
    nft add chain inet fw4 c '{ type filter hook input priority 0; policy accept; }'
    nft add rule inet fw4 c meta l4proto 115 counter accept
    nft add table ip isthmus
"""
FOREIGN_SA = """
    ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x77 reqid 7 mode tunnel \
        aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128
"""
FOREIGN_TUNNEL = """
    ip l2tp add tunnel tunnel_id 77 peer_tunnel_id 78 encap ip local 192.0.2.1 remote 192.0.2.2
    ip l2tp add session name foreign0 tunnel_id 77 session_id 771 peer_session_id 772
    ip link set foreign0 up
    ip addr add fe80::77/64 dev foreign0 nodad
    ip addr add 10.77.0.1/24 dev foreign0
    ip neigh add fe80::78 lladdr 02:00:00:00:00:78 dev foreign0 nud permanent
"""
LISTS = (
    "ip rule", "ip -6 rule",
    "ip -d xfrm policy", "ip -d xfrm state", "ip addr", "ip route show table all", "ip -6 route show table all",
    "ip neigh show nud permanent", "ip -6 neigh show nud permanent", "ip l2tp show tunnel", "ip l2tp show session",
    "nft list ruleset",
)
