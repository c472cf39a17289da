"""What stands in for a guard that nft does not take at boot: nothing leaves the site's own networks at all.

It asks as little of the kernel as can be, so that a missing module does not open what was promised.
"""

from __future__ import annotations

from isthmus.config.forced import INTERFACE
from isthmus.policy.chain import Chain
from isthmus.policy.guard import REMOVE, TABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import ForcedConfig


def closed_text(rules: list[ForcedConfig], lans: list[str]) -> str:
    """One nft transaction; "" where no rule asks for it."""
    if not rules:
        return ""
    inside = list(lans)
    for rule in rules:
        for source in rule.sources:
            if source.kind == INTERFACE and source.ifname not in inside:
                inside.append(source.ifname)
    drop = "iifname { %s } oifname != { %s } counter drop" % (_names(inside), _names(lans))
    lines = REMOVE.split("\n")[:-1] + ["table inet %s {" % TABLE] + Chain("closed", [drop], "forward").lines() + ["}"]
    return "\n".join(lines) + "\n"


def _names(interfaces: list[str]) -> str:
    return ", ".join(['"%s"' % ifname for ifname in interfaces])
