"""Pairing where the network is in the way: translators on either side, the same LAN on both."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.lab.namespace import wait_until
from tests.lab.natted import HUB_LAN, OUTSIDE, Natted, inside, lan
from tests.lab.paired import Office, approve_both, meet, unpair_both
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.scenarios.overlap import HOST_A, HOST_B, SAME, Same

if TYPE_CHECKING:
    from typing import Any

    from tests.lab.namespace import Namespace
    from tests.lab.report import Report

FORWARD = """\
table ip forwards
delete table ip forwards
table ip forwards {{
    chain arrive {{
        type nat hook prerouting priority dstnat;
        iifname "wan0" udp dport {{ 500, 4500 }} dnat to {target}
    }}
}}
"""


def run(report: Report) -> None:
    """The stories, each with two daemons of its own."""
    same_network(report)
    with Natted("pn", 1) as topology:
        hub, spoke = Office(topology.hub, "hub"), Office(topology.spokes[1], "spoke")
        report.on_failure = lambda: [site.print_log() for site in (hub, spoke)] and None
        try:
            hub.start()
            spoke.start()
            hub.wait_answers()
            spoke.wait_answers()
            joiner_behind(report, topology, hub, spoke)
            inviter_behind(report, topology, hub, spoke)
        finally:
            hub.remove()
            spoke.remove()


def pings(report: Report, client: Namespace, address: str) -> None:
    """All of 50 are answered."""
    with Stream(client, address, 50) as stream:
        stream.wait_answer(60)
        first = stream.sent
        stream.wait_sent(report.amount(25, 200))
        stream.stop()
        check(not stream.list_lost(first), f"{client.name} to {address}: {len(stream.list_lost(first))} lost")


def same_network(report: Report) -> None:
    """Both have 192.168.1.0/24: an alias for each is offered, shown, written, and works."""
    with Same("ps") as lab:
        a, b = Office(lab.router_a, "head"), Office(lab.router_b, "branch")
        report.on_failure = lambda: [site.print_log() for site in (a, b)] and None
        try:
            a.start()
            b.start()
            a.wait_answers()
            b.wait_answers()
            with report.case("pairing.same_network") as facts:
                begin = time.monotonic()
                rows = meet(a, b)
                shown = [row["own"][0]["shown"] for row in rows]
                facts.note("overlap, as shown", rows[0]["overlaps"])
                facts.note("aliases", shown)
                check([row["own"][0]["network"] for row in rows] == [SAME, SAME], f"{rows[0]['own']}, {rows[1]['own']}")
                check(len({*shown, SAME}) == 3 and rows[0]["overlaps"], f"aliases: {shown}")
                check([row["theirs"][0]["shown"] for row in rows] == shown[::-1], "the two sides were shown otherwise")
                check(any(shown[1] in change for change in rows[0]["changes"]), str(rows[0]["changes"]))
                approve_both(a, b, rows)
                facts.note("seconds from invite to up", round(time.monotonic() - begin, 1))
                pings(report, lab.host_a, at(HOST_B, shown[1]))
                pings(report, lab.host_b, at(HOST_A, shown[0]))
        finally:
            a.remove()
            b.remove()


def at(host: str, network: str) -> str:
    """A host's address as the other side sees it."""
    return network.rpartition(".")[0] + "." + host.rpartition(".")[2]


def joiner_behind(report: Report, topology: Natted, hub: Office, spoke: Office) -> None:
    """The joiner is behind a translator: it calls, so nothing is to be done."""
    with report.case("pairing.joiner_behind_nat") as facts:
        begin = time.monotonic()
        rows = meet(hub, spoke)
        names = approve_both(hub, spoke, rows)
        facts.note("seconds from invite to up", round(time.monotonic() - begin, 1))
        check_told(facts, rows, ("the other router", "this router"))
        pings(report, topology.hub, lan(1))
        pings(report, topology.spokes[1], HUB_LAN)
        unpair_both(hub, spoke, names)


def check_told(facts: Any, rows: tuple[dict[str, Any], dict[str, Any]], who: tuple[str, str]) -> None:
    """Inviter and joiner are told who is behind a translator."""
    for row, words in zip(rows, who, strict=True):
        facts.note(row["role"], row["nat"])
        check(row["nat"].startswith(words), f"{row['role']} is told: {row['nat']}")


def inviter_behind(report: Report, topology: Natted, hub: Office, spoke: Office) -> None:
    """Both are, and nobody can be reached: which port forward is missing is told; once it is made, the invite works."""
    with report.case("pairing.port_forward") as facts:
        topology.hide_hub()
        topology.forget()
        number = hub.accept(spoke.invite(OUTSIDE))
        row = spoke.rows()[0]
        facts.note("the inviting side is told", row["notes"])

        def trouble() -> dict[str, str]:
            found = next(row for row in hub.rows() if row["number"] == number)
            told: dict[str, str] = found["trouble"] or {}
            return told

        told = wait_until("the joining side says what is wrong", trouble, 120, 0.2)
        facts.note("the joining side is told", told["message"])
        facts.note("what to do", told["remedy"])
        for word in (OUTSIDE, "UDP 500", "UDP 4500", "forward", "no public address"):
            check(word in told["remedy"], f"{word} is not in: {told['remedy']}")
        begin = time.monotonic()
        topology.nat.nft(FORWARD.format(target=inside(1)))
        topology.forget()
        rows = spoke.wait_asking(), hub.wait_asking(number)
        names = approve_both(spoke, hub, rows)
        facts.note("seconds from the forward to up", round(time.monotonic() - begin, 1))
        check_told(facts, rows, ("both routers", "both routers"))
        pings(report, topology.hub, lan(1))
        unpair_both(spoke, hub, names)
