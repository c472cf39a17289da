"""The stack that Isthmus replaces, on both routers of a topology: strongSwan for IPsec, xl2tpd for L2TP, pppd for PPP.

    router A (LAC, dials)                                        router B (LNS, answers)
    charon   IKEv1 main mode with a PSK (or IKEv2), ESP in transport mode, selectors UDP port 1701
    xl2tpd   L2TPv2 inside that ESP; the kernel carries the data (pppol2tp)
    pppd     PPP inside L2TPv2; a script adds the route to the other LAN when it is up

Such set-ups run IKEv1: RFC 3193 asks for it, and so do the guides for L2TP over IPsec. What costs time and need not be
is left out, in the other stack's favour: few plugins, X25519, no PPP authentication, no compression, every interval at
its shortest, all daemons started at the same moment. The ESP algorithm is Isthmus's own default, AES-256-GCM.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.bench.figures import LEGACY
from tests.lab.interop.tree import Tree
from tests.lab.topology import LAN_A, LAN_B, WAN_A, WAN_B

if TYPE_CHECKING:
    from tests.lab.namespace import Namespace
    from tests.lab.topology import Topology

STACK = "strongswan"
MTU = 1420   # as Isthmus computes for this path: the same size of packet on both
PPP_A, PPP_B = "10.99.0.2", "10.99.0.1"
ID_A, ID_B = "branch.example", "head.example"
PSK = "correct horse battery staple"
CHARON, XL2TPD = "/usr/lib/ipsec/charon", "/usr/sbin/xl2tpd"
PROGRAMS = ("charon", "xl2tpd", "pppd")

STRONGSWAN = """\
charon {
  load = random nonce openssl kdf hmac vici kernel-netlink socket-default updown
  install_routes = no
  filelog {
    main {
      path = /run/charon.log
      default = 1
      flush_line = yes
    }
  }
}
"""
CONNECTIONS = """\
connections {
  road {
    version = %(version)d
    local_addrs = %(local)s
    remote_addrs = %(remote)s
    proposals = %(ike)s
    rekey_time = 0
    dpd_delay = 10
    mobike = yes
    local {
      auth = psk
      id = %(local_id)s
    }
    remote {
      auth = psk
      id = %(remote_id)s
    }
    children {
      l2tp {
        mode = transport
        local_ts = dynamic[udp/1701]
        remote_ts = dynamic[udp/1701]
        esp_proposals = aes256gcm16
        start_action = %(trap)s
        dpd_action = trap
        rekey_time = 0
      }
    }
  }
}
secrets {
  ike-road {
    secret = "%(psk)s"
  }
}
"""
GLOBAL = """\
[global]
port = 1701
access control = no
"""
DIAL = """\
[lac road]
lns = %(remote)s
autodial = yes
redial = yes
redial timeout = 1
max redials = 1000
length bit = no
pppoptfile = /run/options
"""
ANSWER = """\
[lns default]
ip range = %(ppp_a)s - %(ppp_a)s
local ip = %(ppp_b)s
length bit = no
assign ip = yes
pppoptfile = /run/options
"""
LOAD = "until swanctl --load-all 2>/dev/null; do sleep 0.05; done"
OPTIONS = """\
noauth
nobsdcomp
nodeflate
noccp
novj
nomultilink
mtu %(mtu)d
mru %(mtu)d
lcp-echo-interval 10
lcp-echo-failure 3
lcp-restart 1
ipcp-restart 1
nodetach
ip-up-script /run/ip-up
"""
UP = """\
#!/bin/sh
ip route replace %(lan)s dev "$1"
"""


class Side:
    """One router with the three daemons; dials: it is the LAC."""

    def __init__(self, namespace: Namespace, local: str, remote: str, lan: str, dials: bool, version: int) -> None:
        self.namespace = namespace
        ids = (ID_A, ID_B) if dials else (ID_B, ID_A)
        self.values = {"local": local, "remote": remote, "lan": lan, "version": version, "psk": PSK, "mtu": MTU,
                       "local_id": ids[0], "remote_id": ids[1],
                       "trap": "none" if remote == "%any" else "trap", "ppp_a": PPP_A, "ppp_b": PPP_B,
                       "ike": "aes256-sha256-x25519" if version == 1 else "aes256gcm16-prfsha256-x25519"}
        self.dials = dials
        self.tree = Tree(STACK, namespace)
        self.processes: list[subprocess.Popen[bytes]] = []

    def prepare(self) -> None:
        """Lay out the programs and their files; nothing runs."""
        self.tree.open()
        dial = DIAL if self.dials else ANSWER
        for name, text in (
            ("/etc/strongswan.conf", STRONGSWAN), ("/etc/swanctl/swanctl.conf", CONNECTIONS % self.values),
            ("/run/xl2tpd.conf", GLOBAL + dial % self.values), ("/run/options", OPTIONS % self.values),
            ("/run/ip-up", UP % self.values),
        ):
            self.tree.write(name, text)
        self.tree.path("/run/ip-up").chmod(0o755)
        self.tree.path("/run/xl2tpd").mkdir(exist_ok=True)

    def start(self) -> None:
        """All of them at once; returns at once. charon is told its configuration as soon as it listens."""
        for command in ([CHARON], ["sh", "-c", LOAD],
                        [XL2TPD, "-D", "-c", "/run/xl2tpd.conf", "-p", "/run/xl2tpd.pid", "-C", "/run/l2tp-control"]):
            with self.log_path(command[0]).open("ab") as log:
                self.processes.append(self.tree.start(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def log_path(self, program: str) -> Path:
        """Where a program's output goes."""
        return self.tree.path(f"/run/{Path(program).name}.out")

    def swanctl(self, *words: str) -> str:
        """Tell charon something; its answer."""
        return self.tree.run("swanctl", *words)

    def logs(self) -> str:
        """The end of everything that was said."""
        texts = []
        for name in ("charon.log", "charon.out", "sh.out", "xl2tpd.out"):
            path = self.tree.path("/run/" + name)
            if path.exists():
                texts.append(f"--- {self.namespace.name} {name}\n" + path.read_text(errors="replace")[-3000:])
        return "\n".join(texts)

    def pids(self) -> dict[int, str]:
        """Its daemons: process id and name."""
        found = {}
        for pid in self.namespace.find_processes():
            with contextlib.suppress(OSError):
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                if name in PROGRAMS:
                    found[pid] = name
        return found

    def kill(self) -> None:
        """SIGKILL for every daemon."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.processes:
            process.kill()
            process.wait(20)
        self.processes = []


class Pair:
    """Both routers; from `with` to its end. version: of IKE; roams: A's address may change."""

    name = LEGACY

    def __init__(self, topology: Topology, version: int = 1, roams: bool = False) -> None:
        self.topology = topology
        self.a = Side(topology.router_a, "%any" if roams else WAN_A, WAN_B, LAN_B, True, version)
        self.b = Side(topology.router_b, WAN_B, "%any" if roams else WAN_A, LAN_A, False, version)

    def __enter__(self) -> Pair:
        """Everything is laid out; nothing runs before start()."""
        for side in self.sides():
            side.prepare()
        return self

    def __exit__(self, *_error: object) -> None:
        """End everything."""
        for side in self.sides():
            side.kill()
            side.tree.close()

    def sides(self) -> tuple[Side, Side]:
        """Both."""
        return self.a, self.b

    def start(self) -> None:
        """All daemons of both sides at once."""
        for side in self.sides():
            side.start()

    def pids(self) -> list[dict[int, str]]:
        """The daemons of each side: process id and name."""
        return [side.pids() for side in self.sides()]

    def kill_side(self) -> None:
        """Every daemon of side A, by SIGKILL."""
        self.a.kill()

    def start_side(self) -> None:
        """Side A's daemons again."""
        self.a.start()

    def logs(self) -> str:
        """The end of what all of them have said."""
        return "\n".join(side.logs() for side in self.sides())
