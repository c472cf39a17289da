"""How large a packet fits through the tunnel without one outer fragment.

Outer IP, UDP where encapsulated, ESP (RFC 4303), L2TPv3 over IP (RFC 3931 4.1.1.1), Ethernet, then the inner packet.
The figures agree with the kernel's own automatic MTU (tests/core/test_mtu.py has the measured ones).
"""

from __future__ import annotations

IPV4_HEADER = 20
IPV6_HEADER = 40
UDP_HEADER = 8
ESP_HEADER = 8  # SPI and sequence number
ESP_TRAILER = 2  # pad length and next header, inside the encrypted part
L2TP_SESSION_ID = 4
L2TP_SUBLAYER = 4  # RFC 3931 4.6
ETHERNET_HEADER = 14
TCP_HEADER = 20

SMALLEST = 1280  # IPv6 asks this of every link (RFC 8200 5)


def inner_mtu(
    outer_mtu: int,
    outer_ipv6: bool,
    block: int,
    iv: int,
    icv: int,
    cookie: int,
    encapsulated: bool = False,
    sublayer: bool = False,
) -> int:
    """Largest inner IP packet, in bytes, over BEET or transport mode ESP.

    block: what the cipher pads to (1 for AEAD), iv and icv: bytes in each packet; cookie: 0, 4 or 8; encapsulated: ESP
    in UDP (RFC 3948); sublayer: frames carry the default L2-specific sublayer.
    """
    room = outer_mtu - (IPV6_HEADER if outer_ipv6 else IPV4_HEADER) - (UDP_HEADER if encapsulated else 0)
    room -= ESP_HEADER + iv + icv
    align = max(4, block)  # RFC 4303 2.4: the trailer ends on four bytes whatever the cipher needs
    room -= room % align
    l2tp = L2TP_SESSION_ID + cookie + (L2TP_SUBLAYER if sublayer else 0)
    return room - ESP_TRAILER - l2tp - ETHERNET_HEADER


def mss(mtu: int, ipv6: bool) -> int:
    """The TCP segment that fits into an inner packet of `mtu` bytes."""
    return mtu - (IPV6_HEADER if ipv6 else IPV4_HEADER) - TCP_HEADER
