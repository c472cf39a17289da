"""The demo's picture of the network, with each router's five lamps in it."""

from __future__ import annotations

LAMPS = ("peer", "ipsec", "l2tp", "path", "guard")
SIGNS = {"ok": "*", "wait": "~", "bad": "!", "off": "-"}  # as `isthmus status` prints them
DARK = " "

PICTURE = """
  LAN A 192.168.10.0/24                   the Internet                  LAN B 192.168.20.0/24

 +--------+     +--------------+     +--------------------+     +--------------+     +--------+
 | host A |-----|   router A   |=====|     everything     |=====|   router B   |-----| host B |
 +--------+     | {a0} |     |    is captured     |     | {b0} |     +--------+
    .10.2       | {a1} |     |        here        |     | {b1} |        .20.2
                | {a2} |     +--------------------+     | {b2} |
                | {a3} |   === ESP [ L2TPv3 [ LAN ] ]   | {b3} |
                | {a4} |   nothing passes without it    | {b4} |
                +--------------+                                +--------------+
                  198.51.100.2                                     203.0.113.2
"""


def draw(lamps_a: dict[str, str], lamps_b: dict[str, str]) -> str:
    """The picture; lamps: state by name, dark where unknown."""
    fields = {}
    for side, states in (("a", lamps_a), ("b", lamps_b)):
        for number, name in enumerate(LAMPS):
            sign = SIGNS.get(states.get(name, ""), DARK)
            fields[f"{side}{number}"] = f"  [{sign}] {name:<6}"
    return PICTURE.format(**fields)


def explain_signs() -> str:
    """What the lamps say."""
    return "lamps: [*] works   [~] not yet   [!] does not work   [-] taken down   [ ] nothing known"
