"""What stands in for a guard that nft does not take at boot: nothing leaves the site's own networks at all.

It asks as little of the kernel as can be, so that a missing module does not open what was promised.
"""

from __future__ import annotations

from isthmus.policy.chain import Chain
from isthmus.policy.forced import homes_of
from isthmus.policy.guard import REMOVE, TABLE
from isthmus.policy.match import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import ForcedConfig


def closed_text(rules: list[ForcedConfig], lans: list[str]) -> str:
    """One nft transaction; "" where no rule asks for it. Raises ValueError for an interface name that is none."""
    if not rules:
        return ""
    ends = (", ".join(quoted(homes_of(rules, lans))), ", ".join(quoted(lans)))
    drop = "iifname { %s } oifname != { %s } counter drop" % ends
    lines = REMOVE.split("\n")[:-1] + ["table inet %s {" % TABLE] + Chain("closed", [drop], "forward").lines() + ["}"]
    return "\n".join(lines) + "\n"
