"""Findings about the router itself: the daemon, the kernel, the guard, the ports, the clock.

Each check takes Facts and returns (findings, what it was judged by); "" for a text: nothing could be looked at.
"""

from __future__ import annotations

from isthmus.doctor.finding import find
from isthmus.wire.ip_numbers import IKE_PORT, L2TP_PORT, NATT_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.doctor.facts import Facts, Feature, PortUse
    from isthmus.doctor.finding import Finding

    Judged = tuple[list[Finding], str]

GUARD_MS = 60_000  # as lamps.py: verified longer ago than this counts no more
RELEASED_S = 1_704_067_200  # 2024-01-01: no Isthmus is older
FAR_S = 4_102_444_800  # 2100-01-01
START = "start it: /etc/init.d/isthmus start (elsewhere: systemctl start isthmus); if it does not stay, read: logread"


def seconds(milliseconds: int) -> str:
    """A time span as people say it."""
    count = milliseconds // 1000
    for limit, size, word in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if count < limit:
            return "%d %s" % (count // size, word)
    return "%d d" % (count // 86_400)


def check_daemon(facts: Facts) -> Judged:
    """Is it there, and the one that was installed?"""
    found = []
    if not facts.is_root:
        remedy = "run it as root: sudo isthmus doctor"
        found.append(find("not-root", "this was not run as root, so it could not look at everything", remedy))
        if facts.away:
            return found, "isthmusd was not asked: " + facts.away
    if facts.away:
        found.append(find("daemon-away", facts.away + ": it does not run, or hangs", START))
        return found, facts.away
    if facts.release and facts.own and facts.release != facts.own:
        text = "isthmusd is release %s, and this program is %s" % (facts.release, facts.own)
        found.append(find("release-differs", text, "restart it: /etc/init.d/isthmus restart; tunnels keep carrying"))
    if not facts.resident_kib:
        return found, "isthmusd %s runs" % facts.release if facts.release else ""
    words = (facts.release, seconds(facts.since_s * 1000), facts.resident_kib)
    return found, "isthmusd %s runs for %s, in %d KiB of memory" % words


def check_kernel(facts: Facts) -> Judged:
    """Has it what tunnels are made of?"""
    if facts.features is None:
        return [], ""
    found = []
    for named, features in _groups([feature for feature in facts.features if feature.is_there is False]):
        first = features[0]
        code = first.code
        if code == "no-cipher" and [feature for feature in facts.features if feature.code == code and feature.is_there]:
            code = "cipher-missing"
        text = "%s: missing" % named + (" (%s)" % first.why if first.why else "")
        found.append(find(code, text, first.remedy))
    there = [named for named, _ in _groups([feature for feature in facts.features if feature.is_there])]
    return found, "there are: " + "; ".join(there) if there or found else ""


def _groups(features: list[Feature]) -> list[tuple[str, list[Feature]]]:
    """(name, features), those of one group together, in their order."""
    found: list[tuple[str, list[Feature]]] = []
    for feature in features:
        if feature.group and found and found[-1][1][0].group == feature.group:
            found[-1] = ("%s, %s" % (found[-1][0], feature.text), found[-1][1] + [feature])
        else:
            named = "%s with %s" % (feature.group, feature.text) if feature.group else feature.text
            found.append((named, [feature]))
    return found


def check_guard(facts: Facts) -> Judged:
    """Does it stand?"""
    found = []
    if facts.guard_error is not None:
        found.append(find("guard-refused", facts.guard_error.message, facts.guard_error.remedy))
    if facts.guard_there is None:
        return found, facts.guard_error.message if facts.guard_error is not None else ""
    if not facts.guard_wanted:
        return found, "no tunnel is configured, so there is nothing to guard"
    if not facts.guard_there:
        text = "the nft table isthmus is not in the kernel: L2TP outside IPsec is not held back"
        remedy = START if facts.away else "isthmusd puts it back by itself; look again, and read: isthmus log"
        found.append(find("guard-missing", text, remedy))
        return found, text
    if facts.away:
        return found, "the nft table isthmus stands, though isthmusd is away"
    if facts.guard_age is None or facts.guard_age > GUARD_MS:
        ago = "never" if facts.guard_age is None else "%s ago" % seconds(facts.guard_age)
        text = "the nft table isthmus was verified %s last" % ago
        found.append(find("guard-stale", text, "see the log for what nft says: isthmus log"))
        return found, text
    return found, "the nft table isthmus was verified %s ago, repaired %d times" % (
        seconds(facts.guard_age), facts.guard_repairs)


def check_ports(facts: Facts) -> Judged:
    """Who has UDP 500, 4500 and 1701?"""
    if facts.ports is None:
        return [], ""
    found, said = [], []
    for port in (IKE_PORT, NATT_PORT):
        uses = [use for use in facts.ports if use.port == port]
        others = [use for use in uses if not use.is_ours]
        for use in others[:1]:
            text = "UDP port %d, which IKE needs, is used by %s" % (port, _who(use))
            remedy = "stop that program, also from starting (strongswan, libreswan, racoon ...), then restart isthmus"
            found.append(find("port-taken", text, remedy))
        if not uses and not facts.away:
            text = "isthmusd runs, and UDP port %d is not open" % port
            found.append(find("port-closed", text, "restart it: /etc/init.d/isthmus restart, and read: isthmus log"))
        said.append("%d: %s" % (port, _who(others[0]) if others else "isthmus" if uses else "nobody"))
    for use in [use for use in facts.ports if use.port == L2TP_PORT][:1]:
        text = "UDP port %d is used by %s: another L2TP on this router, beside Isthmus" % (L2TP_PORT, _who(use))
        remedy = "nothing, if it is wanted: it works beside Isthmus; else stop it"
        found.append(find("l2tp-program", text, remedy))
        said.append("%d: %s" % (L2TP_PORT, _who(use)))
    return found, "UDP " + ", ".join(said)


def _who(use: PortUse) -> str:
    if use.program:
        return "%s (process %d)" % (use.program, use.pid)
    return "a program that cannot be told"


def check_clock(facts: Facts) -> Judged:
    """Is it plausible, and does anybody keep it? Invites and exceptions with an end go by it; tunnels do not."""
    if not facts.wall_s:
        return [], ""
    found = []
    floor = max(facts.floor_s, RELEASED_S)
    remedy = "set it: check that a time server is configured (uci show system.ntp) and reached, or run: date -s"
    if facts.wall_s < floor or facts.wall_s > FAR_S:
        text = "the clock shows %s" % facts.wall_text
        if RELEASED_S < facts.floor_s > facts.wall_s:
            text += ", and the configuration was written on %s" % facts.floor_text
        text += ": exceptions that end and invites go by it, and log lines carry it"
        found.append(find("clock-wrong", text, remedy))
    said = facts.wall_text
    if facts.is_synchronised is False:
        found.append(find("clock-unsynchronised", "the clock has not been set by a time server yet", remedy))
    elif facts.is_synchronised:
        said += ", set by a time server"
    elif facts.keepers:
        said += ", kept by %s" % ", ".join(facts.keepers)
    elif facts.keepers is not None:
        text = "no program that keeps the clock is known to run"
        found.append(find("clock-unkept", text, "start one: on OpenWrt /etc/init.d/sysntpd enable, and start"))
    return found, said
