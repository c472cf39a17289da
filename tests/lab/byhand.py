"""The tunnel as an administrator would make it by hand, with `ip` and `nft`: the oracle of what Isthmus configures,
and the other side of the benchmark. Run it to see it work: tools/lab -- .venv/bin/python -m tests.lab.byhand [SECONDS]

    LAN packet -> route -> l2 (L2TPv3 session, mtu 1420) -> IPv6 fdaa:1::1 to fdaa:1::2, protocol 115
               -> xfrm policy -> ESP, BEET, AES-GCM-16 -> IPv4 198.51.100.2 to 203.0.113.2

The inner endpoints are unique local IPv6 addresses that exist on `lo` only; L2TP never sees an outer address.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from tests.lab import topology as net
from tests.lab.capture import Capture
from tests.lab.flow import Flow, megabits
from tests.lab.ping import Stream

if TYPE_CHECKING:
    from tests.lab.namespace import Namespace

INNER_A, INNER_B = "fdaa:1::1", "fdaa:1::2"
REQID = 77
MTU = 1420
KEY_BITS = 256
REPLAY_WINDOW = 2048  # packets
SALT_BYTES = 4  # RFC 4106


class Side:
    """What differs between the two routers."""

    def __init__(self, inner: str, outer: str, spi: int, key: int, session: int, cookie: str, mac: str, link: str,
                 lan: str) -> None:
        self.inner = inner
        self.outer = outer
        self.spi = spi          # of the SA toward this side, and so its key
        self.key = key          # its first byte; the others count up
        self.session = session
        self.cookie = cookie    # that this side sends
        self.mac = mac
        self.link = link        # link-local address on the tunnel
        self.lan = lan


SIDE_A = Side(INNER_A, net.WAN_A, 0x1001, 0x00, 11, "0011223344556677", "02:00:00:00:00:01", "fe80::1", net.LAN_A)
SIDE_B = Side(INNER_B, net.WAN_B, 0x1002, 0x80, 12, "8899aabbccddeeff", "02:00:00:00:00:02", "fe80::2", net.LAN_B)

GUARD = """\
table inet byhand {
    counter clear-out { }
    counter clear-in { }
    counter foreign { }
    counter own { }
    chain output {
        type filter hook output priority -300;
        meta l4proto 115 rt ipsec missing counter name clear-out drop
        meta l4proto udp th sport 1701 rt ipsec missing counter name clear-out drop
        meta l4proto udp th dport 1701 rt ipsec missing counter name clear-out drop
    }
    chain input {
        type filter hook input priority -300;
        meta l4proto 115 meta ipsec missing counter name clear-in drop
        meta l4proto udp th sport 1701 meta ipsec missing counter name clear-in drop
        meta l4proto udp th dport 1701 meta ipsec missing counter name clear-in drop
        meta l4proto 115 @th,0,32 SESSION ipsec in reqid != REQID counter name foreign drop
        meta l4proto 115 @th,0,32 SESSION ipsec in reqid REQID counter name own
    }
}
"""


def make_key(side: Side, bits: int) -> str:
    """The key and the salt of the SA toward this side, as `ip xfrm` wants them."""
    return "0x" + bytes(range(side.key, side.key + bits // 8 + SALT_BYTES)).hex()


def describe_ipsec(me: Side, peer: Side, bits: int) -> str:
    """Policies and SAs of one router, for `ip -batch`: policies first, so that nothing ever leaves in the clear."""
    sa = (f"proto esp spi {{spi:#x}} reqid {REQID} mode beet replay-window {REPLAY_WINDOW}"
          " aead rfc4106(gcm(aes)) {key} 128")
    return (
        f"xfrm policy add src {me.inner}/128 dst {peer.inner}/128 proto 115 dir out"
        f" tmpl src {me.outer} dst {peer.outer} proto esp mode beet reqid {REQID}\n"
        f"xfrm policy add src {peer.inner}/128 dst {me.inner}/128 proto 115 dir in"
        f" tmpl src {peer.outer} dst {me.outer} proto esp mode beet reqid {REQID}\n"
        f"xfrm state add src {peer.outer} dst {me.outer} {sa.format(spi=me.spi, key=make_key(me, bits))}"
        f" sel src {peer.inner}/128 dst {me.inner}/128 proto 115\n"
        f"xfrm state add src {me.outer} dst {peer.outer} {sa.format(spi=peer.spi, key=make_key(peer, bits))}"
        f" sel src {me.inner}/128 dst {peer.inner}/128 proto 115\n")


def describe_inner(me: Side, peer: Side, way: str) -> str:
    """The inner endpoints; way: the rest of the route to the peer's, such as "dev wan0"."""
    return f"address add {me.inner}/128 dev lo nodad\nroute add {peer.inner}/128 {way}\n"


def describe_link(me: Side, peer: Side, mtu: int) -> str:
    """The pseudowire's interface and the route into it."""
    return (f"link set l2 address {me.mac} mtu {mtu} addrgenmode none\nlink set l2 up\n"
            f"address add {me.link}/64 dev l2 nodad\n"
            f"neigh replace {peer.link} lladdr {peer.mac} dev l2 nud permanent\n"
            f"route add {peer.lan} via inet6 {peer.link} dev l2\n")


def configure(router: Namespace, me: Side, peer: Side, way: str, bits: int = KEY_BITS, mtu: int = MTU,
              rules: str = GUARD) -> None:
    """Set up one router; the guard comes first. bits: of the AES key; rules: nft text, may be empty."""
    if rules:
        router.nft(rules.replace("SESSION", str(me.session)).replace("REQID", str(REQID)))
    router.ip(describe_ipsec(me, peer, bits) + describe_inner(me, peer, way))
    # `ip l2tp` cannot be read from a batch file.
    router.run("ip", "l2tp", "add", "tunnel", "tunnel_id", "7", "peer_tunnel_id", "7", "encap", "ip",
               "local", me.inner, "remote", peer.inner)
    router.run("ip", "l2tp", "add", "session", "tunnel_id", "7", "session_id", str(me.session),
               "peer_session_id", str(peer.session), "cookie", me.cookie, "peer_cookie", peer.cookie,
               "l2spec_type", "none", "name", "l2")
    router.ip(describe_link(me, peer, mtu))


def configure_both(lab: net.Topology, way: str = "dev lo", bits: int = KEY_BITS, mtu: int = MTU,
                   rules: str = GUARD) -> None:
    """Set up both routers of a topology."""
    configure(lab.router_a, SIDE_A, SIDE_B, way, bits, mtu, rules)
    configure(lab.router_b, SIDE_B, SIDE_A, way, bits, mtu, rules)


def main(seconds: float) -> None:
    """Show it: time, loss, throughput, what the Internet saw."""
    start = time.monotonic()
    with net.Topology("byhand") as lab, Capture(lab.internet) as capture:
        built = time.monotonic()
        configure_both(lab)
        done = time.monotonic()
        with Stream(lab.host_a, net.HOST_B) as stream:
            stream.wait_answer()
            first = stream.wait_sent(0)
            stream.wait_sent(400)
        with Flow(lab.host_a, lab.host_b, net.HOST_B) as flow:
            amount = flow.fit(seconds)
            rate = megabits(amount, flow.carry(amount))
        print(f"topology {built - start:.1f} s, configuration {done - built:.1f} s")
        print(f"ping: {stream.sent - first} sent, {len(stream.list_lost(first))} lost")
        print(f"throughput: {rate:.1f} Mbit/s over {seconds:g} s")
        print("the Internet saw:", capture.count())
        print(lab.router_a.run("nft", "list", "counters"))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
