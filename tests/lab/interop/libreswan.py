"""libreswan's pluto as a peer: ipsec.conf, ipsec.secrets and whack."""

from __future__ import annotations

import re

from tests.lab.interop.peer import Peer
from tests.lab.interop.terms import L2TP_PROTOCOL, Terms
from tests.lab.namespace import LabError

FOLDER = "/usr/libexec/ipsec/"
NAME = "isthmus"
SETUP = """\
config setup
    nssdir=/run/nss
    logfile=/run/pluto.log
    logappend=yes
    dumpdir=/run/pluto
    uniqueids=yes
"""
# The groups and hashes that pluto calls otherwise.
WORDS = {"x25519": "dh31", "ecp256": "dh19", "ecp384": "dh20", "sha256": "sha2_256", "sha384": "sha2_384",
         "sha512": "sha2_512", "chacha20poly1305": "chacha20_poly1305"}
GCM = re.compile(r"^aes(128|192|256)gcm16$")


class Libreswan(Peer):
    """pluto."""

    stack = "libreswan"
    log_path = "/run/pluto.log"
    wants_inside = True
    moves_early = True

    def configure(self) -> None:
        """ipsec.conf without a connection, an empty key database."""
        self.tree.write("/etc/ipsec.conf", SETUP)
        self.tree.write("/etc/ipsec.secrets", "")
        self.tree.path(self.socket_path()).unlink(missing_ok=True)
        nss = self.tree.path("/run/nss")
        if not nss.exists():
            nss.mkdir(mode=0o700)
            self.tree.run("certutil", "-N", "-d", "sql:/run/nss", "--empty-password")

    def command(self) -> list[str]:
        """Pluto in the foreground."""
        return [FOLDER + "pluto", "--nofork", "--config", "/etc/ipsec.conf", "--rundir", "/run/pluto",
                "--secretsfile", "/etc/ipsec.secrets"]

    def socket_path(self) -> str:
        """Of whack."""
        return "/run/pluto/pluto.ctl"

    def is_ready(self) -> bool:
        """It takes orders, and has opened its ports."""
        return super().is_ready() and "listening for IKE messages" in self.whack("--status") + self.log()

    def whack(self, *words: str) -> str:
        """One order; what pluto says to it."""
        return self.tree.run(FOLDER + "whack", *words)

    def agree(self, terms: Terms) -> None:
        """Write the connection and the secrets, and have them read."""
        secrets = f'@{terms.id_b} @{terms.id_a} : PSK "{terms.psk}"\n'
        if terms.ppk is not None:
            secrets += f'@{terms.id_b} @{terms.id_a} : PPKS "{terms.ppk[0]}" "{terms.ppk[1]}"\n'
        self.tree.write("/etc/ipsec.secrets", secrets)
        self.tree.write("/etc/ipsec.conf", SETUP + self.describe(terms))
        self.whack("--rereadsecrets")
        try:
            said = self.tree.run(FOLDER + "addconn", "--config", "/etc/ipsec.conf", "--ctlsocket", self.socket_path(),
                                 NAME)
        except LabError as error:
            raise LabError(f"{error}\n{self.log()[-1000:]}") from error
        if "not load" in said or f'"{NAME}": added' not in self.log():
            raise LabError(f"pluto does not take the connection: {said}\n{self.log()[-1000:]}")

    def initiate(self) -> None:
        """Begin; pluto goes on by itself."""
        self.whack("--initiate", "--asynchronous", "--name", NAME)

    def rekey_child(self) -> None:
        """Rekey the CHILD SA."""
        self.whack("--rekey-ipsec", "--asynchronous", "--name", NAME)

    def rekey_ike(self) -> None:
        """Rekey the IKE SA."""
        self.whack("--rekey-ike", "--asynchronous", "--name", NAME)

    def terminate(self) -> None:
        """Take it down."""
        self.whack("--terminate", "--name", NAME)

    def count_established(self) -> int:
        """States of IKE SAs that it calls so."""
        return self.whack("--showstates").count("ESTABLISHED_IKE_SA")

    def is_up(self) -> bool:
        """A state of the CHILD SA that is established."""
        return "ESTABLISHED_CHILD_SA" in self.whack("--showstates")

    def describe(self, terms: Terms) -> str:
        """The connection as ipsec.conf has it."""
        rows = {
            "ikev2": "insist", "authby": "secret", "type": "transport",
            "left": self.local, "leftid": f"@{terms.id_b}", "leftprotoport": f"{L2TP_PROTOCOL}/0",
            "right": self.remote, "rightid": f"@{terms.id_a}", "rightprotoport": f"{L2TP_PROTOCOL}/0",
            "leftupdown": "%disabled",
            "ike": ",".join(spell_ike(word) for word in terms.ike.split()),
            "esp": ",".join(spell_esp(word) for word in terms.esp.split()),
            "pfs": "yes" if [word for word in terms.esp.split() if has_group(word)] else "no",
            "rekey": "no",
            "mobike": "yes" if terms.mobike else "no",
            "encapsulation": "yes" if terms.encap else "auto",
            "esn": "yes" if terms.esn else "no",
            "fragmentation": "force" if terms.fragments else "yes",
            "ppk": "insist" if terms.ppk is not None else "no",
            "replay-window": "128",
            "auto": "ignore",
        }
        if self.inside:
            # pluto expects selectors as they are written and substitutes no address (RFC 7296 2.23.1); what it puts
            # into its kernel for transport mode bears the translator's address all the same.
            rows["rightsubnet"] = f"{self.inside}/32"
        if terms.dpd:
            rows.update(dpddelay=str(terms.dpd), dpdtimeout=str(terms.dpd * 4), dpdaction="restart")
        return f"\nconn {NAME}\n" + "".join(f"    {name}={value}\n" for name, value in rows.items())


def spell_word(word: str) -> str:
    """One part of a suite."""
    found = GCM.match(word)
    return f"aes_gcm{found.group(1)}" if found else WORDS.get(word, word)


def has_group(suite: str) -> bool:
    """True for an ESP suite that ends in a Diffie-Hellman group."""
    return suite.rsplit("-", maxsplit=1)[-1].startswith(("x25519", "ecp", "modp"))


def spell_ike(suite: str) -> str:
    """An IKE suite: pluto takes the PRF from the integrity algorithm, or in its place."""
    words = suite.split("-")
    hashes = [word.removeprefix("prf") for word in words[1:-1]]
    return f"{spell_word(words[0])}-{spell_word(hashes[0])};{spell_word(words[-1])}"


def spell_esp(suite: str) -> str:
    """An ESP suite."""
    words = suite.split("-")
    group = ";" + spell_word(words.pop()) if has_group(suite) else ""
    return "-".join(map(spell_word, words)) + group
