"""Routers that are not Isthmus and can be joined to it: how each is to be spoken to, and what that rests on.

Isthmus asks two things of them: IKEv2 with ESP in transport mode for IP protocol 115, and L2TPv3 whose ids are written
down at both ends (firmware/STRANGERS.md). A row holds options of the schema; `recipes.py` has the other side's words.
"""

from __future__ import annotations

from isthmus_web import recipes
from isthmus_web.words import later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MTU = 1380  # with AES-CBC, ESP in UDP and no cookie on a path of 1500 bytes; alike on both sides
# What all of them have in common
COMMON = {"session": "static", "mtu": str(MTU), "child_lifetime": "1h", "ike_lifetime": "4h"}
MODERN = ("aes256gcm16-prfsha256-x25519", "aes256gcm16")
WIDESPREAD = ("aes256-sha256-prfsha256-ecp256", "aes256-sha256")


class Preset:
    """key: of its page; title: as its maker calls it; is_tested: against the real program, in this project's lab;
    basis: what is known; suites: of IKE and of ESP; sublayer: see the schema; notes: what to know before.
    """

    def __init__(
        self, key: str, title: str, basis: str, suites: tuple[str, str], sublayer: str,
        write: Callable[[recipes.Terms], list[recipes.Part]], notes: tuple[str, ...] = (), is_tested: bool = False,
    ) -> None:  # fmt: skip
        self.key = key
        self.title = title
        self.basis = basis
        self.suites = suites
        self.sublayer = sublayer
        self.write = write
        self.notes = notes
        self.is_tested = is_tested

    def options(self) -> dict[str, str]:
        """What it fills in, by option of the schema."""
        ike, esp = self.suites
        return {**COMMON, "ike_proposal": ike, "esp_proposal": esp, "sublayer": self.sublayer}


LINUX = later("The Linux kernel of that router must have L2TP: modules l2tp_ip and l2tp_eth.")
MANUAL = later("Written after its maker's manual. Nobody has tried it with Isthmus so far: expect to adjust it.")

PRESETS = (
    Preset(
        "strongswan", "strongSwan",
        later("strongSwan 5.9.8 with the kernel's own L2TPv3 runs against Isthmus in this project's tests: either side"
              " begins, behind address translators, with new keys under load. The text puts the same settings into its"
              " own files."),
        MODERN, "default", recipes.strongswan, (LINUX,), is_tested=True,
    ),
    Preset(
        "libreswan", "libreswan",
        later("libreswan 4.10 with the kernel's own L2TPv3 runs against Isthmus in this project's tests: either side"
              " begins, behind address translators, with new keys under load. The text puts the same settings into its"
              " own files."),
        MODERN, "default", recipes.libreswan,
        (LINUX, later("libreswan should renew the keys: where Isthmus does, libreswan sends too early and a few packets"
                      " are lost. The text below gives it the shorter lifetime."),
         later("Where this router is behind an address translator, libreswan also wants rightsubnet= with this router's"
               " own address and /32.")), is_tested=True,
    ),
    Preset(
        "vyos", "VyOS 1.4",
        later("VyOS is strongSwan and the Linux kernel inside, which are tested; its own commands were taken from its"
              " manual, and nobody has tried them with Isthmus so far."),
        WIDESPREAD, "default", recipes.vyos,
    ),
    Preset(
        "routeros", "MikroTik RouterOS 7", MANUAL, WIDESPREAD, "none", recipes.routeros,
        (later("It takes RouterOS 7.1 or newer: older ones have no L2TPv3."),
         later("FastTrack has to leave the traffic of the tunnel out.")),
    ),
    Preset(
        "cisco", "Cisco IOS XE", MANUAL, WIDESPREAD, "none", recipes.cisco,
        (later("A Cisco router hands the tunnel to one of its Ethernet ports, not to its own routing: that port has to"
               " be connected to a port that routes."),
         later("Some models want the outer address on a loopback interface.")),
    ),
)  # fmt: skip

# What people have, why it cannot be joined so
IMPOSSIBLE = (
    ("pfSense, OPNsense",
     later("They have IPsec, but no L2TPv3 that carries Ethernet; their L2TP is for single computers.")),
    ("Windows, macOS, iOS, Android",
     later("Their L2TP is L2TPv2 with PPP, under IKEv1: Isthmus speaks neither.")),
    ("FortiGate, UniFi, DrayTek, FRITZ!Box, Juniper SRX",
     later("They offer IPsec tunnels or L2TPv2 with PPP, and no L2TPv3 whose ids can be written down.")),
    ("SoftEther, Yamaha RTX",
     later("They agree L2TPv3 by its own signalling and under IKEv1; Isthmus needs ids that are written down.")),
)  # fmt: skip


def find(key: str) -> Preset | None:
    """That row."""
    return next((row for row in PRESETS if row.key == key), None)
