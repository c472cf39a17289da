"""Where isthmus-web listens: on the LAN and nowhere else, unless somebody says so.

A socket of an interface is bound to it (SO_BINDTODEVICE): what arrives elsewhere does not reach it, whatever address it
is sent to, and addresses may change while it stands. Only root can make such a one; start.py does, and hands it on.
"""

from __future__ import annotations

import ipaddress
import socket

from isthmus.errors import IsthmusError

SO_BINDTODEVICE = 25  # asm-generic/socket.h
BACKLOG = 128


class ListenError(IsthmusError):
    """A place that cannot be listened on."""

    code = "listen"


def on_interface(name: str, port: int) -> socket.socket:
    """All addresses of one interface, IPv4 and IPv6. Raises ListenError."""
    try:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    except OSError:  # a kernel without IPv6
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, name.encode())
        sock.bind(("::" if sock.family == socket.AF_INET6 else "0.0.0.0", port))  # noqa: S104 - of this interface
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _refusal(f"interface {name}, port {port}", error) from None
    return sock


def on_address(text: str, port: int) -> socket.socket:
    """One address. Raises ListenError."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ListenError(f"{text} is no IP address", "write one, such as 192.168.1.1") from None
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((text, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _refusal(f"{text}, port {port}", error) from None
    return sock


def _refusal(where: str, error: OSError) -> ListenError:
    text = f"cannot listen on {where}: {error.strerror or error}"
    return ListenError(text, "look whether it is there, and whether another program uses the port; start this as root")
