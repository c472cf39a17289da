"""strongSwan's charon as a peer: no file but strongswan.conf, the rest over its control socket."""

from __future__ import annotations

from typing import Any

from tests.lab.interop.peer import Peer
from tests.lab.interop.terms import L2TP_PROTOCOL, Terms
from tests.lab.interop.vici import Vici
from tests.lab.namespace import LabError

PLUGINS = ("aes sha1 sha2 hmac kdf gcm chapoly ctr curve25519 gmp random nonce openssl pem pkcs1 x509 pubkey "
           "revocation constraints vici kernel-netlink socket-default updown counters")
# One setting a line, or charon does not read it. It lays no routes: the lab's are right.
CONF = """\
charon {{
  load = {plugins}
  install_routes = no
  fragment_size = {fragments}
  retransmit_timeout = {retransmit}
  filelog {{
    log {{
      path = /run/charon.log
      append = yes
      flush_line = yes
      default = 1
      ike = 2
      cfg = 2
      knl = 1
      net = 1
      enc = 1
      chd = 2
    }}
  }}
  plugins {{
    vici {{
      socket = unix:///run/charon.vici
    }}
  }}
}}
"""
NAME, CHILD = "isthmus", "l2tp"
FRAGMENTS = 1280      # charon's own default
RETRANSMIT_S = 2.0    # first repetition


class StrongSwan(Peer):
    """charon."""

    stack = "strongswan"
    log_path = "/run/charon.log"
    fragments = FRAGMENTS
    retransmit = RETRANSMIT_S

    def configure(self) -> None:
        """strongswan.conf."""
        self.tree.write("/etc/strongswan.conf", CONF.format(plugins=PLUGINS, fragments=self.fragments,
                                                           retransmit=self.retransmit))
        self.tree.path(self.socket_path()).unlink(missing_ok=True)

    def command(self) -> list[str]:
        """Charon in the foreground."""
        return ["/usr/lib/ipsec/charon"]

    def socket_path(self) -> str:
        """Of the plugin vici."""
        return "/run/charon.vici"

    def is_ready(self) -> bool:
        """The socket is there before charon listens."""
        if not super().is_ready():
            return False
        try:
            self.ask("stats")
        except OSError:
            return False
        return True

    def restart(self, terms: Terms) -> None:
        """The size of fragments is a setting of the program."""
        self.stop()
        self.fragments = terms.fragments or FRAGMENTS
        self.start()

    def ask(self, command: str, tree: dict[str, Any] | None = None) -> dict[str, Any]:
        """One command."""
        vici = Vici(self.tree.path(self.socket_path()))
        try:
            return vici.ask(command, tree)
        finally:
            vici.close()

    def stream(self, command: str, event: str, tree: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """One command that answers in events."""
        vici = Vici(self.tree.path(self.socket_path()))
        try:
            return vici.stream(command, event, tree)
        finally:
            vici.close()

    def agree(self, terms: Terms) -> None:
        """Load the connection and its secrets."""
        if NAME in self.ask("get-conns").get("conns", []):
            self.ask("unload-conn", {"name": NAME})
        self.ask("clear-creds")
        self.ask("load-shared", {"id": "psk", "type": "IKE", "data": terms.psk, "owners": [terms.id_b, terms.id_a]})
        connection = self.describe(terms)
        if terms.ppk is not None:
            ppk_id, ppk = terms.ppk
            self.ask("load-shared", {"id": "ppk", "type": "ppk", "data": ppk, "owners": [ppk_id]})
            connection.update(ppk_id=ppk_id, ppk_required="yes")
        self.ask("load-conn", {NAME: connection})

    def initiate(self) -> None:
        """Begin; charon goes on by itself."""
        self.ask("initiate", {"child": CHILD, "ike": NAME, "timeout": "-1"})

    def rekey_child(self) -> None:
        """Rekey the CHILD SA: the newest, for charon keeps a replaced one for 5 s."""
        children = [child for sa in self.list_sas() for child in sa.get("child-sas", {}).values()
                    if child.get("state") == "INSTALLED"]
        if not children:
            raise LabError(f"charon has no CHILD SA: {self.list_sas()}")
        self.expect("rekey", {"child-id": max(children, key=lambda child: int(child["uniqueid"]))["uniqueid"]})

    def rekey_ike(self) -> None:
        """Rekey the IKE SA."""
        self.expect("rekey", {"ike": NAME})

    def terminate(self) -> None:
        """Take it down, whatever there is; charon goes on by itself."""
        if self.list_sas():
            self.ask("terminate", {"ike": NAME, "timeout": "-1", "force": "yes"})

    def expect(self, command: str, tree: dict[str, Any]) -> None:
        """A command that must match exactly one SA."""
        matches = self.ask(command, tree).get("matches")
        if matches != "1":
            raise LabError(f"charon {command}: {matches} SAs match\n{self.list_sas()}")

    def list_sas(self) -> list[dict[str, Any]]:
        """Its IKE SAs, each with "child-sas"."""
        return [sa for event in self.stream("list-sas", "list-sa") for sa in event.values()]

    def count_established(self) -> int:
        """IKE SAs that it calls so."""
        return len([sa for sa in self.list_sas() if sa.get("state") == "ESTABLISHED"])

    def is_up(self) -> bool:
        """An IKE SA that is established, with a CHILD SA that is installed."""
        return any(sa.get("state") == "ESTABLISHED"
                   and any(child.get("state") == "INSTALLED" for child in sa.get("child-sas", {}).values())
                   for sa in self.list_sas())

    def describe(self, terms: Terms) -> dict[str, Any]:
        """The connection as swanctl.conf would have it."""
        child = {
            "mode": "transport",
            "local_ts": [f"dynamic[{L2TP_PROTOCOL}]"],
            "remote_ts": [f"dynamic[{L2TP_PROTOCOL}]"],
            "esp_proposals": [spell_esp(word, esn=terms.esn) for word in terms.esp.split()],
            "rekey_time": "0",
            "dpd_action": "restart" if terms.dpd else "clear",
            "replay_window": "128",
        }
        return {
            "version": "2",
            "local_addrs": [self.local],
            "remote_addrs": [self.remote],
            "proposals": [spell(word) for word in terms.ike.split()],
            "rekey_time": "0",
            "mobike": "yes" if terms.mobike else "no",
            "encap": "yes" if terms.encap else "no",
            "dpd_delay": str(terms.dpd),
            "fragmentation": "yes",
            "local": {"auth": "psk", "id": terms.id_b},
            "remote": {"auth": "psk", "id": terms.id_a},
            "children": {CHILD: child},
        }


def spell(suite: str) -> str:
    """A suite in charon's words: they differ in one."""
    return suite.replace("x25519", "curve25519")


def spell_esp(suite: str, *, esn: bool) -> str:
    """An ESP suite; with ESN it is required."""
    return spell(suite) + ("-esn" if esn else "")
