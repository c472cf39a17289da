"""Numbers of what IP carries (IANA, Assigned Internet Protocol Numbers), and of the ports that tunnels are known by."""

from __future__ import annotations

ICMP = 1  # RFC 792
TCP = 6  # RFC 9293
UDP = 17  # RFC 768
DCCP = 33  # RFC 4340
GRE = 47  # RFC 2784
ESP = 50  # RFC 4303
AH = 51  # RFC 4302
ICMPV6 = 58  # RFC 4443
L2TP = 115  # RFC 3931 4.1.1
SCTP = 132  # RFC 9260
UDPLITE = 136  # RFC 3828

IKE_PORT = 500  # UDP, RFC 7296 2
L2TP_PORT = 1701  # UDP, RFC 2661 8.1, RFC 3931 4.1.2
PPTP_PORT = 1723  # TCP, RFC 2637 2
NATT_PORT = 4500  # UDP, RFC 3948 2.1
