"""What a router that is not Isthmus must be set to, as text to copy: one function a maker, the same terms for each.

The text goes into another router's command line. So whatever is not made of letters, digits and the few signs that
names and addresses have is left out, and a word in capitals stands there to be replaced; so do the shared key and what
only the other side knows.
"""

from __future__ import annotations

import ipaddress
import re

from isthmus_web.address import is_address

KEY, HERE, OWN, WAN, PORT, CHANGE = (
    "THE-SHARED-KEY", "ADDRESS-OF-ISTHMUS", "OWN-ADDRESS", "WAN-INTERFACE", "TUNNEL-PORT", "CHANGE-THIS",
)  # fmt: skip
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}|keyid:[0-9A-Fa-f:]{2,500}")
Part = tuple[str, str]  # where it goes, the text


def plain(text: str, instead: str = CHANGE) -> str:
    """It, if no command line could take it for more than a word."""
    return text if _PLAIN.fullmatch(text) else instead


class Terms:
    """What both sides have to agree on. here: this router's address on the Internet, or ""; there: the other one's,
    its name, or %any; networks: what lies behind this router; ids and addresses as the options of the schema, from
    this router's view.
    """

    def __init__(self, name: str, options: dict[str, str | list[str]], here: str) -> None:
        def text(key: str) -> str:
            value = options.get(key, "")
            return value if isinstance(value, str) else (value[0] if value else "")

        def texts(key: str) -> list[str]:
            value = options.get(key, [])
            return [value] if isinstance(value, str) else list(value)

        self.name = plain(name)
        self.here = here if is_address(here) else HERE
        there = text("remote")
        self.own = there if is_address(there) else OWN
        self.local_id, self.remote_id = plain(text("local_id") or here), plain(text("remote_id") or there)
        self.tunnel_id, self.peer_tunnel_id = plain(text("tunnel_id")), plain(text("peer_tunnel_id"))
        self.session_id, self.peer_session_id = plain(text("session_id")), plain(text("peer_session_id"))
        self.address, _, length = plain(text("address")).partition("/")
        self.length = length or "30"
        self.peer_address = plain(text("peer_address"))
        self.mtu = plain(text("mtu"))
        known = [plain(word) for word in texts("local_subnet")]
        self.networks = [word for word in known if ":" not in word] or ["NETWORK-BEHIND-ISTHMUS/24"]
        self.six = [word for word in known if ":" in word]
        self.sublayer = "" if text("sublayer") != "none" else " l2spec_type none"

    def left_out(self, sign: str) -> list[str]:
        """What the text does not do, as comments."""
        return [f"{sign} {word}: needs an IPv6 address on the tunnel, at both ends, and a route" for word in self.six]


def _id_kind(text: str) -> str:
    if is_address(text):
        return "address"
    if text.startswith(("keyid:", "@#")):
        return "key"
    return "mail" if "@" in text[1:] else "name"


def _swan_id(text: str) -> str:
    """As strongSwan and libreswan write it."""
    kind = _id_kind(text)
    if kind == "key":
        return "@#" + text.removeprefix("keyid:").removeprefix("@#").replace(":", "")
    return "@" + text.removeprefix("@") if kind == "name" else text


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def _kernel(terms: Terms) -> Part:
    """L2TPv3 of the Linux kernel."""
    device = "l2isthmus"
    return "As root, and in a script that runs at each start", _lines(
        f"ip l2tp add tunnel tunnel_id {terms.peer_tunnel_id} peer_tunnel_id {terms.tunnel_id} encap ip"
        f" local {terms.own} remote {terms.here}",
        f"ip l2tp add session tunnel_id {terms.peer_tunnel_id} session_id {terms.peer_session_id}"
        f" peer_session_id {terms.session_id} name {device}{terms.sublayer}",
        f"ip link set {device} mtu {terms.mtu} up",
        f"ip address add {terms.peer_address}/{terms.length} dev {device}",
        *[f"ip route add {net} via {terms.address}" for net in terms.networks],
        "sysctl -w net.ipv4.ip_forward=1", *terms.left_out("#"),
    )  # fmt: skip


def strongswan(terms: Terms) -> list[Part]:
    """swanctl.conf, and the kernel."""
    return [("/etc/swanctl/conf.d/isthmus.conf; then: swanctl --load-all", _lines(
        "connections {", "  isthmus {", "    version = 2", f"    remote_addrs = {terms.here}",
        "    proposals = aes256gcm16-prfsha256-curve25519", "    dpd_delay = 30s",
        "    local {", "      auth = psk", f"      id = {_swan_id(terms.remote_id)}", "    }",
        "    remote {", "      auth = psk", f"      id = {_swan_id(terms.local_id)}", "    }",
        "    children {", "      l2tp {", "        mode = transport", "        local_ts = dynamic[115]",
        "        remote_ts = dynamic[115]", "        esp_proposals = aes256gcm16", "        rekey_time = 50m",
        "        start_action = trap|start", "        dpd_action = restart", "      }", "    }", "  }", "}",
        "secrets {", "  ike-isthmus {", f"    id = {_swan_id(terms.local_id)}", f'    secret = "{KEY}"', "  }", "}",
    )), _kernel(terms)]  # fmt: skip


def libreswan(terms: Terms) -> list[Part]:
    """ipsec.conf, ipsec.secrets, and the kernel."""
    own, other = _swan_id(terms.remote_id), _swan_id(terms.local_id)
    rows = {
        "ikev2": "insist", "authby": "secret", "type": "transport", "left": "%defaultroute", "leftid": own,
        "leftprotoport": "115/0", "right": terms.here, "rightid": other, "rightprotoport": "115/0",
        "ike": "aes_gcm256-sha2_256;dh31", "esp": "aes_gcm256", "pfs": "no", "salifetime": "40m", "dpddelay": "30",
        "dpdtimeout": "120", "auto": "start",
    }  # fmt: skip
    return [
        ("/etc/ipsec.d/isthmus.conf; then: ipsec restart",
         _lines("conn isthmus", *[f"    {key}={value}" for key, value in rows.items()])),
        ("/etc/ipsec.d/isthmus.secrets", _lines(f'{own} {other} : PSK "{KEY}"')),
        _kernel(terms),
    ]  # fmt: skip


def vyos(terms: Terms) -> list[Part]:
    """Its configuration mode."""
    own, other, name = _swan_id(terms.remote_id), _swan_id(terms.local_id), terms.name.replace("_", "-")
    peer, esp, ike = (f"set vpn ipsec {words}" for words in (
        f"site-to-site peer {name}", f"esp-group {name}", f"ike-group {name}"))  # fmt: skip
    wire = "set interfaces l2tpv3 l2tpeth0"
    return [("In configuration mode; then: commit, save", _lines(
        f"set vpn ipsec authentication psk {name} id '{own}'", f"set vpn ipsec authentication psk {name} id '{other}'",
        f"set vpn ipsec authentication psk {name} secret '{KEY}'", f"set vpn ipsec interface '{WAN}'",
        f"{esp} mode 'transport'", f"{esp} lifetime '2700'", f"{esp} pfs 'disable'",
        f"{esp} proposal 1 encryption 'aes256'", f"{esp} proposal 1 hash 'sha256'",
        f"{ike} key-exchange 'ikev2'", f"{ike} lifetime '10800'", f"{ike} dead-peer-detection action 'restart'",
        f"{ike} proposal 1 dh-group '19'", f"{ike} proposal 1 encryption 'aes256'", f"{ike} proposal 1 hash 'sha256'",
        f"{peer} authentication mode 'pre-shared-secret'", f"{peer} authentication local-id '{own}'",
        f"{peer} authentication remote-id '{other}'", f"{peer} connection-type 'initiate'",
        f"{peer} ike-group '{name}'", f"{peer} local-address '{terms.own}'", f"{peer} remote-address '{terms.here}'",
        f"{peer} tunnel 1 esp-group '{name}'", f"{peer} tunnel 1 protocol 'l2tp'",
        f"{wire} encapsulation 'ip'", f"{wire} source-address '{terms.own}'", f"{wire} remote '{terms.here}'",
        f"{wire} tunnel-id '{terms.peer_tunnel_id}'", f"{wire} peer-tunnel-id '{terms.tunnel_id}'",
        f"{wire} session-id '{terms.peer_session_id}'", f"{wire} peer-session-id '{terms.session_id}'",
        f"{wire} mtu '{terms.mtu}'", f"{wire} address '{terms.peer_address}/{terms.length}'",
        *[f"set protocols static route {net} next-hop {terms.address}" for net in terms.networks],
        *terms.left_out("#"),
    ))]  # fmt: skip


def routeros(terms: Terms) -> list[Part]:
    """Its terminal."""
    kinds = {"address": "address:", "mail": "user-fqdn:", "key": "key-id:", "name": "fqdn:"}
    own, other = (kinds[_id_kind(text)] + text.removeprefix("keyid:").removeprefix("@")
                  for text in (terms.remote_id, terms.local_id))  # fmt: skip
    bits, name = ("128" if ":" in terms.here else "32"), "isthmus-" + terms.name
    return [("In a terminal", _lines(
        "/ip ipsec profile",
        f"add name={name} dh-group=ecp256 enc-algorithm=aes-256 hash-algorithm=sha256 lifetime=3h dpd-interval=30s",
        "/ip ipsec peer", f"add name={name} address={terms.here} exchange-mode=ike2 profile={name}",
        "/ip ipsec proposal",
        f"add name={name} auth-algorithms=sha256 enc-algorithms=aes-256-cbc pfs-group=none lifetime=45m",
        "/ip ipsec identity",
        f'add peer={name} auth-method=pre-shared-key secret="{KEY}" my-id={own} remote-id={other}',
        "/ip ipsec policy",
        f"add peer={name} tunnel=no protocol=115 src-address={terms.own}/{bits} dst-address={terms.here}/{bits}"
        f" proposal={name}",
        "/interface l2tp-ether",
        f"add name={name} unmanaged-mode=yes l2tp-proto-version=l2tpv3-ip local-address={terms.own}"
        f" connect-to={terms.here} local-tunnel-id={terms.peer_tunnel_id} remote-tunnel-id={terms.tunnel_id}"
        f" local-session-id={terms.peer_session_id} remote-session-id={terms.session_id} cookie-length=0"
        f" use-l2-specific-sublayer={'no' if terms.sublayer else 'yes'} mtu={terms.mtu} disabled=no",
        "/ip address", f"add address={terms.peer_address}/{terms.length} interface={name}",
        "/ip route", *[f"add dst-address={net} gateway={terms.address}" for net in terms.networks],
        *terms.left_out("#"),
    ))]  # fmt: skip


def cisco(terms: Terms) -> list[Part]:
    """Its configuration mode."""
    kinds = {"address": "address", "mail": "email", "key": "key-id", "name": "fqdn"}
    own, other = (f"{kinds[_id_kind(text)]} {text.removeprefix('keyid:').removeprefix('@')}"
                  for text in (terms.remote_id, terms.local_id))  # fmt: skip
    masks = {net: _mask(net) for net in terms.networks}
    return [("In configuration mode", _lines(
        "crypto ikev2 proposal ISTHMUS", " encryption aes-cbc-256", " integrity sha256", " group 19",
        "crypto ikev2 policy ISTHMUS", " proposal ISTHMUS",
        "crypto ikev2 keyring ISTHMUS", f" peer {terms.name}", f"  address {terms.here}", f"  pre-shared-key {KEY}",
        "crypto ikev2 profile ISTHMUS", f" match identity remote {other}", f" identity local {own}",
        " authentication remote pre-share", " authentication local pre-share", " keyring local ISTHMUS",
        " dpd 30 5 periodic",
        "crypto ipsec transform-set ISTHMUS esp-aes 256 esp-sha256-hmac", " mode transport",
        "ip access-list extended ISTHMUS", f" permit 115 host {terms.own} host {terms.here}",
        "crypto map ISTHMUS 10 ipsec-isakmp", f" set peer {terms.here}", " set transform-set ISTHMUS",
        " set ikev2-profile ISTHMUS", " set security-association lifetime seconds 2700", " match address ISTHMUS",
        f"interface {WAN}", " crypto map ISTHMUS",
        "pseudowire-class ISTHMUS", " encapsulation l2tpv3", " protocol none", f" ip local interface {WAN}",
        f"interface {PORT}", " no ip address",
        f" xconnect {terms.here} {terms.peer_session_id} encapsulation l2tpv3 manual pw-class ISTHMUS",
        f"  l2tp id {terms.peer_session_id} {terms.session_id}",
        f"! {PORT} is connected to a port that routes, which has:",
        f"!  ip address {terms.peer_address} {_mask('0.0.0.0/' + terms.length)[1]}", f"!  ip mtu {terms.mtu}",
        *[f"! ip route {first} {mask} {terms.address}" for first, mask in masks.values()],
        *terms.left_out("!"),
    ))]  # fmt: skip


def _mask(network: str) -> tuple[str, str]:
    """(address, mask) as routers of the old school want it."""
    try:
        found = ipaddress.ip_network(network, strict=False)
    except ValueError:
        return network.partition("/")[0], "255.255.255.0"
    return str(found.network_address), str(found.netmask)
