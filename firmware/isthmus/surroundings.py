"""What this router finds on itself when an administrator changes its configuration: interfaces, addresses, ways out."""

from __future__ import annotations

from isthmus.config.here import Here
from isthmus.kernel.contract import KernelError
from isthmus.wire.addr import is_ip, parse_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.model import Config
    from isthmus.kernel.contract import Kernel

# Addresses that only a default route leads to: an anycast address that RFC 7526 has retired, and a corner of 2000::/3
# from which nobody has been given anything. Nothing is ever sent there.
FAR_AWAY = (parse_ip("192.88.99.1"), parse_ip("3ffe::1"))


def look_around(kernel: Kernel, config: Config, ifnames: list[str]) -> Here:
    """ifnames: of all interfaces. Raises KernelError."""
    targets = list(FAR_AWAY)
    for tunnel in config.tunnels:
        targets += [parse_ip(remote) for remote in tunnel.remotes if is_ip(remote)]
    ours = ["lo"] + [tunnel.ifname for tunnel in config.tunnels]
    uplinks: list[str] = []
    for target in targets:
        try:
            ifname = kernel.way_to(target).ifname
        except KernelError:
            continue  # no way there at the moment
        if ifname not in ours and ifname not in uplinks:
            uplinks.append(ifname)
    return Here(ifnames, kernel.local_addresses(), uplinks)
