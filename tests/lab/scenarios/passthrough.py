"""VPN programs behind a router that has a tunnel of its own: strongSwan, xl2tpd and PPTP, allowed, blocked, helped.

All the while a stream runs through the routers' own tunnel, and none of it is lost.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any

from tests.edge.pptp import PPTP_PORT, Call
from tests.lab.behind import CLIENTS, CLIENTS6, GATE, GATE6, GATE_INNER, INNER, LANS, Behind, Charon, count_esp
from tests.lab.interop import tree
from tests.lab.namespace import LabError, wait_until
from tests.lab.natted import forget_flows
from tests.lab.ping import Stream
from tests.lab.report import check
from tests.lab.site import Site, three_lines
from tests.lab.topology import HOST_B, LAN_A, LAN_B, WAN_A, WAN_B

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.report import Report

ONLY = os.environ.get("ISTHMUS_PASSTHROUGH", "").split()  # steps to run, for who works on one of them
NO_ANSWER_S = 3.0
UP_S = 60.0
GLOBALS = "config globals\n" + "".join(f"\tlist lan '{name}'\n" for name in LANS)
TUNNEL = three_lines("b", WAN_B, LAN_B)
SECTION = "config passthrough '{}'\n\toption protocol '{}'\n\toption direction '{}'\n\toption action '{}'\n"
ALLOW = SECTION.format("vpn", "ipsec", "both", "allow")
BLOCK = SECTION.format("vpn", "ipsec", "both", "block")


class Story:
    """The topology, both sites, charon at both clients and the gate."""

    def __init__(self, lab: Behind, report: Report) -> None:
        self.lab = lab
        self.report = report
        self.a = Site(lab.router_a, GLOBALS + TUNNEL, True)
        self.b = Site(lab.router_b, three_lines("a", WAN_A, LAN_A), True)
        self.gate = Charon(lab.gate)
        self.charons = [Charon(client) for client in lab.clients]
        self.programs: list[subprocess.Popen[bytes]] = []
        report.on_failure = self.print_logs

    def print_logs(self) -> None:
        """Of router A and the gate."""
        self.a.print_log()
        for charon in (self.gate, *self.charons):
            if charon.tree.keeper is not None:
                print(charon.log()[-1500:], flush=True)

    def start(self) -> None:
        """Everything runs, and the gate knows both clients, by IPv4 and by IPv6."""
        self.a.start()
        self.b.start()
        for charon in (self.gate, *self.charons):
            charon.start()
        for number, charon in enumerate(self.charons):
            for family, ends in (("4", (CLIENTS[number], GATE)), ("6", (CLIENTS6[number], GATE6))):
                ids, inner = (f"client{number}-{family}", "gate-" + family), (INNER[number], GATE_INNER)
                charon.load("to" + family, ids, inner, ends)
                back = "%any" if family == "4" else ends[0]
                self.gate.load(f"c{number}-{family}", ids[::-1], inner[::-1], (ends[1], back))
        self.a.wait_state("up")
        self.b.wait_state("up")

    def remove(self) -> None:
        """End everything."""
        for program in self.programs:
            program.kill()
            program.wait()
        for charon in (self.gate, *self.charons):
            with contextlib.suppress(LabError):
                charon.remove()
        self.a.remove()
        self.b.remove()

    def apply(self, *sections: str) -> None:
        """Router A's configuration from now on, in force when this returns."""
        self.a.write(GLOBALS + TUNNEL + "".join(sections))
        self.a.ask("reload")
        wanted = {section.split("'")[1]: "'block'" in section for section in sections}
        wait_until("the sections are in the kernel", lambda: self.in_kernel() == wanted, 30, 0.1)

    def in_kernel(self) -> dict[str, bool]:
        """The sections that have a chain, and whether it drops."""
        found = {}
        for part in self.lab.router_a.run("nft", "list", "table", "inet", "isthmus").split("\tchain pass_to_")[1:]:
            name, _, rules = part.partition("}")[0].partition(" {")
            found[name] = "drop" in rules
        return found

    def rows(self) -> list[dict[str, Any]]:
        """What router A says of its passthrough sections."""
        rows: list[dict[str, Any]] = self.a.ask("policy")["passthrough"]
        return rows

    def connect(self, family: str) -> None:
        """Both clients have a tunnel to the gate, and pings pass."""
        for charon in self.charons:
            charon.begin("to" + family)
        for number, charon in enumerate(self.charons):
            wait_until(f"client {number} is up", charon.children, UP_S, 0.1)
        check(self.passing() == [True, True], "no answer through the clients' tunnels")

    def passing(self) -> list[bool]:
        """Whether each client's tunnel carries."""
        return [answers(client, GATE_INNER) for client in self.lab.clients]

    def disconnect(self) -> None:
        """No client has a tunnel."""
        everybody = (*self.charons, self.gate)
        for charon in everybody:
            for sa in charon.list_sas():
                charon.ask("terminate", {"ike-id": sa["uniqueid"], "timeout": "-1", "force": "yes"})
        wait_until("nothing stands", lambda: not any(charon.list_sas() for charon in everybody), 60, 0.2)


def answers(namespace: Any, address: str) -> bool:
    """Whether ten pings in a row get at least one answer."""
    with Stream(namespace, address, 10) as stream:
        end = time.monotonic() + NO_ANSWER_S
        while time.monotonic() < end:
            sent = stream.sent
            if len(stream.list_lost(0, sent)) < sent:
                return True
            time.sleep(0.05)
    return False


def run(report: Report) -> None:
    """One step after the other, beside the routers' own tunnel."""
    if tree.find("strongswan") is None:
        report.put("passthrough.strongswan", "skipped", "no apt-get", 0.0)
        return
    with Behind("pt") as lab:
        story = Story(lab, report)
        try:
            story.start()
            with Stream(lab.host_a, HOST_B, 100) as own:
                own.wait_answer()
                first = own.sent
                for step in (nat_t, blocked, raw_esp, called, l2tp, pptp):
                    if not ONLY or step.__name__ in ONLY:
                        step(story)
                with report.case("passthrough.own_tunnel_all_the_while") as facts:
                    end = own.sent
                    own.stop()
                    lost = own.list_lost(first, end)
                    facts.note("packets through the own tunnel", end - first)
                    check(not lost, f"{len(lost)} of {end - first} are lost, the first {lost[:3]}")
        finally:
            story.remove()


def nat_t(story: Story) -> None:
    """Two clients at once to one gate, behind one address: UDP keeps them apart."""
    with story.report.case("passthrough.two_clients_by_nat_t") as facts:
        story.apply(ALLOW)
        story.connect("4")
        in_udp, raw = count_esp(story.lab.gate)
        check((in_udp, raw) == (4, 0), f"the gate has {in_udp} SAs in UDP and {raw} without")
        row = story.rows()[0]
        seen = sorted({(client["inside"], client["service"]) for client in row["clients"]})
        facts.note("clients told", seen)
        check({(inside, "NAT-T") for inside in CLIENTS} <= set(seen), f"the router tells of {seen}")
        check(row["packets"] > 3, f"{row['packets']} packets counted")


def blocked(story: Story) -> None:
    """Both lose their tunnels at once, and get no new one; and have them back when the block goes."""
    with story.report.case("passthrough.block_ends_what_stands") as facts:
        begin = time.monotonic()
        story.apply(BLOCK)
        facts.note("seconds until the block was in force", round(time.monotonic() - begin, 1))
        check(story.passing() == [False, False], "a blocked client's tunnel carries")
        story.disconnect()
        for charon in story.charons:
            charon.begin("to4")
        time.sleep(NO_ANSWER_S)
        check(not story.gate.children(), "a blocked client has got through to the gate")
        check(story.rows()[0]["packets"] > 2, "nothing is counted")
        story.disconnect()
        story.apply(ALLOW)
        story.connect("4")
        story.disconnect()


def raw_esp(story: Story) -> None:
    """IPv6 is not translated, so charon uses ESP without UDP."""
    with story.report.case("passthrough.two_clients_by_raw_esp"):
        story.apply(ALLOW)
        story.connect("6")
        in_udp, raw = count_esp(story.lab.gate)
        check((in_udp, raw) == (0, 4), f"the gate has {in_udp} SAs in UDP and {raw} without")
        services = {(client["inside"], client["service"]) for client in story.rows()[0]["clients"]}
        check({(inside, "ESP") for inside in CLIENTS6} <= services, f"the router tells of {services}")
        story.apply(BLOCK)
        check(story.passing() == [False, False], "a blocked client's ESP passes")
        story.disconnect()


def called(story: Story) -> None:
    """From outside: OpenWrt's firewall lets IKE and ESP in, a block inwards does not, outwards goes on."""
    with story.report.case("passthrough.from_outside"):
        story.apply(ALLOW)
        forget_flows(story.lab.router_a)  # of the clients' own calls, whose answers the gate's ESP would be
        story.gate.begin("c0-6")
        wait_until("the gate has called client 0", story.charons[0].children, UP_S, 0.1)
        check(answers(story.lab.gate, INNER[0]), "or the block below would prove nothing")
        story.apply(SECTION.format("vpn", "ipsec", "in", "block"))
        check(not answers(story.lab.gate, INNER[0]), "ESP from outside passes")
        story.disconnect()
        forget_flows(story.lab.router_a)
        story.gate.begin("c0-6")
        time.sleep(NO_ANSWER_S)
        check(not story.charons[0].children(), "IKE from outside has got in")
        story.disconnect()
        story.connect("6")
        story.disconnect()
        story.apply()


LNS = """
[global]
[lns default]
ip range = 10.7.0.2-10.7.0.9
local ip = 10.7.0.1
require authentication = no
refuse chap = yes
refuse pap = yes
pppoptfile = /etc/ppp/options.lab
"""
LAC = f"""
[global]
[lac gate]
lns = {GATE}
autodial = yes
redial = yes
redial timeout = 2
require authentication = no
refuse chap = yes
refuse pap = yes
pppoptfile = /etc/ppp/options.lab
"""
PPP = "noauth\nnodefaultroute\nnoccp\nnovj\nmtu 1400\nmru 1400\nlcp-echo-interval 0\n"


def start_xl2tpd(story: Story, charon: Charon, text: str) -> None:
    """In the world of that charon's tree."""
    charon.tree.write("/etc/xl2tpd/lab.conf", text)
    charon.tree.write("/etc/ppp/options.lab", PPP)
    command = ["/usr/sbin/xl2tpd", "-D", "-c", "/etc/xl2tpd/lab.conf", "-p", "/run/xl2tpd.pid", "-C", "/run/control"]
    log = charon.tree.path("/run/xl2tpd.log").open("wb")
    with log:
        program = charon.tree.start(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    story.programs.append(program)


def l2tp(story: Story) -> None:
    """Two xl2tpd, both with source port 1701, to one server: each gets a port of its own. Then the block."""
    with story.report.case("passthrough.two_xl2tpd"):
        story.apply(SECTION.format("l2tp", "l2tp", "out", "allow"))
        start_xl2tpd(story, story.gate, LNS)
        for charon in story.charons:
            start_xl2tpd(story, charon, LAC)
        try:
            for client in story.lab.clients:
                wait_until("pppd is up", lambda c=client: "peer 10.7.0.1" in addresses(c), UP_S, 0.2)
                check(answers(client, "10.7.0.1"), "nothing passes through PPP")
            told = {client["inside"] for client in story.rows()[0]["clients"] if client["service"] == "L2TP"}
            check(told == set(CLIENTS), f"the router tells of {told}")
            story.apply(SECTION.format("l2tp", "l2tp", "out", "block"))
            check(not any(answers(client, "10.7.0.1") for client in story.lab.clients), "PPP passes the block")
        except LabError as error:
            logs = [charon.tree.path("/run/xl2tpd.log").read_text(errors="replace")[-1500:]
                    for charon in (story.gate, story.charons[0])]
            raise LabError(f"{error}\n" + "\n".join(logs)) from error
        finally:
            for program in story.programs:
                program.terminate()
                program.wait(30)
            story.programs.clear()
            story.apply()


def addresses(namespace: Any) -> str:
    """All of a namespace's."""
    return str(namespace.run("ip", "-4", "address"))


@contextlib.contextmanager
def two_calls(story: Story, listener: socket.socket) -> Iterator[list[Call]]:
    """One PPTP call of each client."""
    calls = []
    try:
        for number, client in enumerate(story.lab.clients):
            calls.append(Call(client, story.lab.gate, listener, 501 + number))
        yield calls
    finally:
        for call in calls:
            call.close()


def pptp(story: Story) -> None:
    """Two clients that both name their call 77: without the helper nothing comes back, with it both work."""
    listener = story.lab.gate.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((GATE, PPTP_PORT))
    listener.listen()
    listener.settimeout(20)
    with listener:
        with story.report.case("passthrough.pptp_without_the_helper"):
            story.apply()
            with two_calls(story, listener) as calls:
                got = [works(story, call) for call in calls]
                check(got == [(True, False), (True, False)], f"GRE up and down for each client: {got}")
                codes = [row["code"] for row in story.a.ask("policy")["warnings"]]
                check("pptp-without-helper" in codes, f"told: {codes}")
        with story.report.case("passthrough.pptp_with_the_helper"):
            # OpenWrt's kmod-nf-nathelper-extra brings it; elsewhere the kernel does not ask for it by itself.
            story.lab.router_a.run("modprobe", "nf_nat_pptp")
            story.apply(SECTION.format("old", "pptp", "out", "helper"))
            with two_calls(story, listener) as calls:
                got = [works(story, call) for call in calls]
                check(got == [(True, True), (True, True)], f"GRE up and down for each client: {got}")
                check(len({call.seen_by_server for call in calls}) == 2, "the helper has not kept the calls apart")


def works(story: Story, call: Call) -> tuple[bool, bool]:
    """Whether GRE arrives at the gate, and at the client."""
    return (arrives(call.up, story.lab.gate), arrives(call.down, call.client))


def arrives(send: Any, receiver: Any) -> bool:
    """A GRE packet with a word of its own, sent until it comes or does not."""
    token = b"word %d" % time.monotonic_ns()
    with receiver.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE) as sock:
        sock.settimeout(0.5)
        for _ in range(4):
            send(token)
            with contextlib.suppress(TimeoutError):
                if token in sock.recv(2048):
                    return True
    return False
