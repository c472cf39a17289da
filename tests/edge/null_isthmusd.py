"""isthmusd with real sockets, files and loop, over a kernel in memory.

python -m tests.edge.null_isthmusd DIRECTORY WAN LAN: both addresses on networks of 24 bits.
Probes are answered as soon as the kernel in memory holds a session, as a peer would that has its own.
"""

from __future__ import annotations

import sys

from isthmus.daemon import Daemon
from isthmus.edge import os_cpython as host
from isthmus.edge.log import Log
from isthmus.kernel.null import NullKernel
from isthmus.kernel.ways import Way
from isthmus.wire.addr import Prefix, parse_ip
from isthmus.wire.icmp6 import ECHO_REPLY


def main() -> None:
    folder, wan, lan = sys.argv[1], parse_ip(sys.argv[2]), parse_ip(sys.argv[3])
    kernel = NullKernel(
        [("wan0", wan, 24), ("lan0", lan, 24)], [(Prefix(bytes(4), 0), Way(wan, "wan0", 1500))]
    )
    daemon = Daemon(kernel, Log("debug"), *[f"{folder}/{name}" for name in ("config", "state", "run")])
    answers: list[tuple[bytes, bytes, str]] = []
    daemon.edge.probe = lambda message, address, ifname: answers.append((message, address, ifname))
    daemon.start()
    while not daemon._stopping:
        daemon.turn()
        while answers:
            message, address, ifname = answers.pop(0)
            if kernel.dump("session"):
                daemon.site.echo(bytes([ECHO_REPLY]) + message[1:], address, ifname, host.now())
    daemon._control.close()
    daemon.edge.close()


if __name__ == "__main__":
    main()
