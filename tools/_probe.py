"""What this machine's lab can be: namespaces of its own kernel, or a virtual machine; and with which accelerator.

Probing costs seconds, so the answers are kept in the machine's cache and asked again when its kernel changes.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path

import _kernel
import _vm

KVM_LIMIT = 10  # seconds; a stock kernel boots in one or two where /dev/kvm works, and never where it only looks so

# Runs in a network namespace of its own, which takes everything with it. Each line is one thing that the lab needs.
NATIVE_PROBE = r"""
modprobe -qa l2tp_netlink l2tp_eth l2tp_ip l2tp_ip6 esp4 esp6 xfrm_user veth dummy nft_xfrm
set -e
ip link set lo up
ip address add fd00:1::1/128 dev lo nodad
ip route add fd00:1::2/128 dev lo
ip xfrm state add src 127.0.0.1 dst 127.0.0.2 proto esp spi 0x1001 reqid 1 mode beet \
    aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128 sel src fd00:1::1 dst fd00:1::2
ip l2tp add tunnel tunnel_id 1 peer_tunnel_id 2 encap ip local fd00:1::1 remote fd00:1::2
ip l2tp add session tunnel_id 1 session_id 1 peer_session_id 2 name l2probe
ip link add probe0 type veth peer name probe1
nft -f - <<X
table inet probe {
    chain out { type filter hook output priority -300; meta l4proto 115 rt ipsec missing drop; }
    chain in { type filter hook input priority -300; meta l4proto 115 meta ipsec missing drop; ipsec in reqid 1; }
    chain nat { type nat hook postrouting priority 100; masquerade; }
}
X
"""


def shared_cache() -> Path:
    """The machine's cache for what every checkout shares."""
    if os.geteuid() == 0:
        return Path("/var/cache/isthmus")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "isthmus"


def read_results(shared: Path) -> list[str]:
    """The files that must exist for the lab to run."""
    lab = Lab(shared)
    results = [str(lab.path)]
    if not lab.native or os.environ.get("ISTHMUS_LAB_MODE") == "vm":
        results.append(str(shared / "kernel" / "current" / "vmlinux"))
    return results


class Lab:
    """The answers: native (None = not asked yet), why it is not, accelerator (None = not asked yet)."""

    def __init__(self, shared: Path) -> None:
        self.shared = shared
        self.path = shared / "lab.json"
        self.native: bool | None = None
        self.why = ""
        self.accelerator: str | None = None
        try:
            kept = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return
        if kept.get("release") == platform.release():
            self.native = kept.get("native")
            self.why = kept.get("why", "")
            self.accelerator = kept.get("accelerator")

    def save(self) -> None:
        """Keep the answers."""
        part = self.path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps({"release": platform.release(), "native": self.native, "why": self.why,
                                    "accelerator": self.accelerator}, indent=1) + "\n")
        part.rename(self.path)

    def probe_native(self) -> None:
        """Ask the kernel that we run on for everything that the lab needs; nothing stays behind."""
        self.native = False
        if os.geteuid() != 0:
            self.why = "only root can make network namespaces"
            return
        environment = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        try:
            done = subprocess.run(["unshare", "--net", "sh", "-c", NATIVE_PROBE], env=environment, timeout=30,
                                  check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
        except subprocess.TimeoutExpired:
            self.why = "the kernel did not answer within 30 s"
            return
        self.native = done.returncode == 0
        lines = done.stdout.decode(errors="replace").strip().splitlines()
        self.why = "" if self.native else (lines or ["no reason given"])[-1]

    def probe_kvm(self, image: _kernel.Image) -> None:
        """Boot once with /dev/kvm under a time limit: it may exist, open and still not run a stock kernel."""
        self.accelerator = "tcg"
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            return
        machine = _vm.Machine(image, "kvm", ["true"], {}, Path("/"), limit=KVM_LIMIT)
        try:
            if machine.run(quiet=True) == 0:
                self.accelerator = "kvm"
        except _vm.MachineError:
            pass
