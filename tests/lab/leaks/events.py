"""The policy is on, and things happen: to the tunnel, to the daemons, to the firewall, to the uplinks."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from typing import TYPE_CHECKING

from isthmus.errors import IsthmusError
from tests.lab.capture import Capture
from tests.lab.leaks import fw4
from tests.lab.leaks import network as net
from tests.lab.leaks.oracle import LEAK
from tests.lab.leaks.story import FREE_RATE, TUNNEL_B
from tests.lab.namespace import wait_until
from tests.lab.report import check
from tests.lab.site import PSK

if TYPE_CHECKING:
    from tests.lab.leaks.story import Story

DROP_ESP = """\
table inet lossy {
    chain forward {
        type filter hook forward priority 0
        meta l4proto esp drop
    }
}
"""
HEAL_S = 3.0  # from a foreign `nft flush ruleset` until the last packet that leaks, on an emulated machine


# The tunnel


def established_before(story: Story) -> None:
    """L15, L03: flows in both directions from before the policy, known to connection tracking; then the daemon starts,
    alone: the tunnel never comes up.
    """
    story.secret.mirror(True)
    story.h1.wait(1500)
    story.secret.mirror(False)
    story.pause()
    story.a.write(story.text)
    story.a.start()
    story.guarded()
    with story.watch("L15_flows_from_before"):
        story.span(2)
    with story.watch("L03_never_up"):
        story.span(2)
        check(story.a.tunnel()["state"] != "up", "it is up without a peer")


def pause(story: Story) -> None:
    """L04: taken down by hand, disabled, and deleted, which is refused."""
    with story.watch("L04_down"):
        story.order("down")
        story.span(1.5)
    with story.watch("L04_up_again"):
        story.order("up")
        story.carries()
    with story.watch("L04_disabled"):
        story.apply(story.text.replace("option dpd_interval", "option enabled '0'\n\toption dpd_interval"))
        story.span(1.5)
    story.apply(story.text)
    story.carries()
    with story.watch("L04_deleted", carried=True):
        start = story.text.index("config globals")
        try:
            story.apply(story.text[start:])
            raise AssertionError("a rule without its tunnel was accepted")
        except IsthmusError as error:
            check("branch" in str(error), str(error))
        story.span()
    story.a.write(story.text)


def silent_peer(story: Story) -> None:
    """L06, L16: the peer falls silent; DPD notices; the flows that were in the tunnel do not go another way."""
    with story.watch("L06_silent_peer"):
        story.net.isp.ip("link set wan-b down\n")
        wait_until("DPD", lambda: story.a.tunnel().get("state") not in ("up", None), 90, 0.1)
    with story.watch("L16_no_fail_over"):
        story.span(1.5)
    story.net.isp.ip("link set wan-b up\naddress replace 2001:db8:b::1/64 dev wan-b nodad\n")
    with story.watch("L06_back"):
        story.carries(180)


def peer_deletes(story: Story) -> None:
    """L07: the peer says DELETE, stays away a while, and comes back."""
    with story.watch("L07_delete"):
        story.b.ask("down", tunnel="head")
        story.span(1.5)
        story.b.ask("up", tunnel="head")
        story.carries()


def renewals(story: Story) -> None:
    """L08: CHILD and IKE rekeyings at load."""
    with story.watch("L08_rekey", carried=True) as facts:
        rounds = story.report.amount(2, 40)
        for number in range(rounds):
            story.order("rekey", ike=number % 2 == 1)
            story.span(0.5)
        facts.note("rekeyings", rounds)


def recreated(story: Story) -> None:
    """L09: somebody deletes the tunnel's interface; it comes back under another number."""
    with story.watch("L09_interface_recreated"):
        before = story.net.a.run("ip", "-o", "link", "show", "ist-branch").split(":")[0]
        words = story.net.a.run("ip", "l2tp", "show", "session").replace("Session ID", "Session").split()
        session, tunnel = words[words.index("Session") + 1], words[words.index("tunnel") + 1]
        story.net.a.run("ip", "l2tp", "del", "session", "tunnel_id", tunnel, "session_id", session)
        story.carries()
        after = story.net.a.run("ip", "-o", "link", "show", "ist-branch").split(":")[0]
        check(before != after, f"the same interface: {before}")


def esp_is_lost(story: Story) -> None:
    """L36: the provider drops ESP: no L2TP is seen, from neither router."""
    story.h2.fly(0)  # two of its canaries are L2TP
    with Capture(story.net.isp) as capture, story.watch("L36_esp_dropped", free=False) as facts:
        story.net.isp.nft(DROP_ESP)
        story.pause()
        before = capture.count()["l2tp"]
        story.span(2)
        seen = capture.count()["l2tp"] - before
        facts.note("L2TP packets in the clear", seen)
        check(seen == 0, f"{seen} L2TP packets in the clear")
    story.h2.fly(FREE_RATE)
    story.net.isp.nft("delete table inet lossy\n")
    story.carries()


def flushed_xfrm(story: Story) -> None:
    """L37: somebody flushes the SAs, then the policies."""
    for what in ("state", "policy"):
        with story.watch(f"L37_{what}_flush"):
            story.net.a.run("ip", "xfrm", what, "flush")
            story.carries()


def wrong_secret(story: Story) -> None:
    """L38: the peer has another secret, then offers nothing that is allowed: no data."""
    with story.watch("L38_wrong_secret"):
        story.b.write(TUNNEL_B.replace(PSK, "another secret altogether"))
        story.b.ask("reload")
        story.order("down")
        story.order("up")
        wait_until("an error", lambda: story.a.tunnel().get("error"), 90, 0.1)
        story.span()
    with story.watch("L38_weak_proposal"):
        story.b.write(TUNNEL_B + "\tlist ike_proposal aes128-sha256-prfsha256-modp2048\n")
        story.b.ask("reload")
        story.span(1.5)
    story.b.write(story.text_b)
    story.b.ask("reload")
    story.order("down")
    story.order("up")
    story.carries()


# The daemons


def killed(story: Story) -> None:
    """L05: kill -9, a while without, and a start. The kernel carries on."""
    with story.watch("L05_killed", carried=True):
        story.a.kill()
        story.span(2)
    with story.watch("L05_started_again", carried=True):
        story.a.start()
        story.guarded()
        story.carries()


def stopped(story: Story) -> None:
    """L13: a stop, as an upgrade and a removal do it; a configuration that is refused; the old one again."""
    with story.watch("L13_stopped"):
        check(story.a.stop() == 0, "the daemon did not end well")
        story.span(2)
    with story.watch("L13_started_again"):
        story.a.start()
        story.guarded()
        story.carries()
    with story.watch("L13_bad_configuration", carried=True), contextlib.suppress(IsthmusError):
        story.apply(story.text.replace("list via 'branch'", "list via 'brunch'"))
        story.span()
    with story.watch("L13_rolled_back", carried=True):
        story.apply(story.text)
        story.span()


def power_cut(story: Story) -> None:
    """L14: kill -9 at some moment of an apply, again and again, with something to apply each time."""
    chance = random.Random(14)
    with story.watch("L14_killed_while_applying") as facts:
        rounds = story.report.amount(2, 40)
        for number in range(rounds):
            extra = f"list remote_subnet '10.99.{number}.0/24'\n"
            story.a.write(story.text.replace("option dpd_interval", extra + "\toption dpd_interval"))
            asking = threading.Thread(target=ask_quietly, args=(story,), daemon=True)
            asking.start()
            time.sleep(chance.uniform(0, 0.4))
            story.a.kill()
            asking.join(70)
            story.a.start()
            story.guarded()
        facts.note("times", rounds)
    story.apply(story.text)
    story.carries()


def ask_quietly(story: Story) -> None:
    """A reload of which nobody expects an answer."""
    with contextlib.suppress(IsthmusError, OSError):
        story.a.ask("reload")


def booted(story: Story) -> None:
    """L12: what a reboot loses is gone; the persisted guard comes first, then WAN and firewall, the daemon much later.

    The order is that of the init script; the text is what the daemon has left in its state directory.
    """
    story.a.kill()
    text = story.persisted_guard()
    with story.watch("L12_boot", free=False) as facts:
        story.net.a.ip("link set wan0 down\nlink set br-lan down\n")
        story.forget_everything()
        story.net.a.nft(text)
        story.net.a.ip("link set br-lan up\nlink set wan0 up\n" + net.LAN_A_UP + net.UPLINK_A)
        fw4.load(story.net.a)
        story.span(2)
        facts.note("lines of the persisted guard", text.count("\n"))
    with story.watch("L12_daemon_starts"):
        story.a.start()
        story.guarded()
        story.carries()


# The firewall


def reloaded(story: Story) -> None:
    """L10: fw4 reload, fw4 restart with its moment without a firewall."""
    with story.watch("L10_fw4_reload", carried=True):
        fw4.load(story.net.a)
        story.span()
        fw4.load(story.net.a, offload=True)
        story.span()
    with story.watch("L10_fw4_restart", carried=True):
        fw4.stop(story.net.a)
        story.span()
        fw4.load(story.net.a)
        story.span()


def foreign_flush(story: Story) -> None:
    """L10: `nft flush ruleset` by somebody else: noticed and repaired, and the time bound is kept."""
    with story.report.case("leak.L10_flush_ruleset") as facts:
        story.pause()
        story.oracle.forget()
        first = before = story.oracle.counts[LEAK]
        begin, last = time.monotonic(), 0.0
        story.net.a.nft("flush ruleset\n")
        while time.monotonic() - begin < HEAL_S * 2:
            seen = story.oracle.look()[LEAK]
            if seen > before:
                before, last = seen, time.monotonic() - begin
            time.sleep(0.01)
        facts.note("packets that leaked until it was repaired", before - first)
        facts.note("seconds until the last of them", round(last, 2))
        check("isthmus" in story.net.a.run("nft", "list", "tables"), "the guard is not back")
        check(last < HEAL_S, f"packets leaked for {last:.2f} s: {'; '.join(story.oracle.leaks[:6])}")
    fw4.load(story.net.a)
    with story.watch("L10_after_flush_ruleset"):
        story.carries()


# The uplinks


def flapping(story: Story) -> None:
    """L11: the uplink goes and comes, its address changes, the second uplink takes over."""
    with story.watch("L11_flap", free=False):
        story.net.a.ip("link set wan0 down\n")
        story.span()
        story.net.a.ip("link set wan0 up\n" + net.UPLINK_A)
        story.carries(180)
    story.net.second_uplink()
    with story.watch("L11_second_uplink", free=False):
        story.net.a.ip("link set wan0 down\n")
        story.span()
        story.carries(180)
    with story.watch("L11_back", free=False):
        story.net.a.ip("link set wan0 up\n" + net.UPLINK_A)
        story.carries(180)
        story.net.a.ip("link set wan1 down\n")
    with story.watch("L11_another_address", free=False):
        for gone, new in ((net.WAN_A, net.THIRD_A), (net.THIRD_A, net.WAN_A)):
            # The old one first: the kernel takes a second one of the same network along.
            story.net.a.ip(f"address del {gone}/24 dev wan0\naddress add {new}/24 dev wan0\n"
                           f"route replace default via {net.ISP_A}\n")  # fmt: skip
            story.carries(180)
