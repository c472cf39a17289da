"""Passthrough: what section `passthrough` says about VPN clients behind the router, as a value."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from isthmus.config.forced import Source

IPSEC, L2TP, PPTP = "ipsec", "l2tp", "pptp"
ALLOW, BLOCK, HELPER = "allow", "block", "helper"


class PassthroughConfig:
    """VPN programs of hosts behind this router.

    protocol: IPSEC (IKE, NAT-T, ESP), L2TP or PPTP (with GRE); direction: "out", "in" or "both", as seen from the LAN;
    sources: [] for everybody; action: ALLOW, BLOCK or HELPER (pptp alone); line: where the section begins.
    """

    def __init__(self, name: str, values: dict[str, Any], line: int = 0) -> None:
        self.name = name
        self.protocol: str = values["protocol"]
        self.direction: str = values["direction"]
        self.sources: list[Source] = values["from"]
        self.action: str = values["action"]
        self.line = line

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PassthroughConfig):
            return False
        return not [name for name in self.__dict__ if name != "line" and getattr(self, name) != getattr(other, name)]

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return "PassthroughConfig(%s, %s %s %s)" % (self.name, self.action, self.protocol, self.direction)
