"""The peer's end of an L2TPv3 session, made with `ip l2tp`: strangers do not speak L2TPv3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.interop.terms import ID_A, ID_B
from tests.lab.topology import LAN_A, LAN_B

if TYPE_CHECKING:
    from tests.lab.interop.terms import Terms
    from tests.lab.namespace import Namespace

ADDRESS_A, ADDRESS_B = "10.9.0.1", "10.9.0.2"
TUNNEL_A, TUNNEL_B, SESSION_A, SESSION_B = 10, 20, 11, 21
COOKIE_A, COOKIE_B = "0011223344556677", "8899aabbccddeeff"  # what each side sends
NOTHING = "config globals\n\toption log_level debug\n"  # a daemon that says much
LINK = "l2peer"
MTU = 1400  # below what any suite of the story leaves


def lay(namespace: Namespace, local: str, remote: str) -> None:
    """Tunnel, session, interface, address and route on the peer's router, between these outer addresses."""
    namespace.run("ip", "l2tp", "add", "tunnel", "tunnel_id", str(TUNNEL_B), "peer_tunnel_id", str(TUNNEL_A),
                  "encap", "ip", "local", local, "remote", remote)
    namespace.run("ip", "l2tp", "add", "session", "tunnel_id", str(TUNNEL_B), "session_id", str(SESSION_B),
                  "peer_session_id", str(SESSION_A), "cookie", COOKIE_B, "peer_cookie", COOKIE_A, "name", LINK)
    namespace.ip(f"link set {LINK} mtu {MTU} up\naddress add {ADDRESS_B}/30 dev {LINK}\n"
                 f"route add {LAN_A} via {ADDRESS_A} dev {LINK}\n")


def take_up(namespace: Namespace) -> None:
    """Take it away again."""
    namespace.run("ip", "l2tp", "del", "tunnel", "tunnel_id", str(TUNNEL_B))


def configure_isthmus(remote: str, psk: str, *extra: str) -> str:
    """The other end of it, as Isthmus's configuration on router A; extra: further lines."""
    return write_section("stranger", (
        f"option remote '{remote}'", f"option psk '{psk}'",
        f"option local_id '{ID_A}'", f"option remote_id '{ID_B}'", f"list remote_subnet '{LAN_B}'",
        f"option tunnel_id '{TUNNEL_A}'", f"option peer_tunnel_id '{TUNNEL_B}'",
        f"option session_id '{SESSION_A}'", f"option peer_session_id '{SESSION_B}'",
        f"option cookie '{COOKIE_A}'", f"option peer_cookie '{COOKIE_B}'",
        f"list address '{ADDRESS_A}/30'", f"list peer_address '{ADDRESS_B}'", *extra))


def configure_peer(terms: Terms, remote: str, *extra: str) -> str:
    """Where the peer is an Isthmus: its whole configuration on router B."""
    more = [f"list ike_proposal '{word}'" for word in terms.ike.split()]
    more += [f"list esp_proposal '{word}{'-esn' if terms.esn else ''}'" for word in terms.esp.split()]
    more += ["option encap 'force'"] if terms.encap else []
    more += [f"option fragment_size '{terms.fragments}'"] if terms.fragments else []
    if terms.ppk is not None:
        more += [f"option ppk_id '{terms.ppk[0]}'", f"option ppk '{terms.ppk[1]}'"]
    return write_section("isthmus", (
        f"option remote '{remote}'", f"option psk '{terms.psk}'",
        f"option local_id '{terms.id_b}'", f"option remote_id '{terms.id_a}'", f"list remote_subnet '{LAN_A}'",
        f"option tunnel_id '{TUNNEL_B}'", f"option peer_tunnel_id '{TUNNEL_A}'",
        f"option session_id '{SESSION_B}'", f"option peer_session_id '{SESSION_A}'",
        f"option cookie '{COOKIE_B}'", f"option peer_cookie '{COOKIE_A}'",
        f"list address '{ADDRESS_B}/30'", f"list peer_address '{ADDRESS_A}'", *more, *extra))


def write_section(name: str, lines: tuple[str, ...]) -> str:
    """A section of a static session, and NOTHING else."""
    return "\n\t".join((f"config tunnel '{name}'", "option session 'static'", *lines)) + "\n" + NOTHING
