"""The table of peer x role x feature: every cell, and why one does not run.

A cell's name is that of its test: `interop.PEER.ROLE.FEATURE`. Roles are Isthmus's own: it initiates, or it responds.
"""

from __future__ import annotations

PEERS = ("strongswan", "libreswan")
PEER_NAMES = {"strongswan": "strongSwan 5.9.8", "libreswan": "libreswan 4.10", "isthmus": "Isthmus"}
ROLES = ("initiator", "responder")

# Feature: what the cell shows, in a line of the page.
FEATURES = {
    "psk": "IKEv2 with a pre-shared key",
    "transport": "ESP in transport mode carries L2TPv3 frames, LAN to LAN",
    "aes_gcm": "AES-GCM, 128 and 256 bits, for IKE and ESP",
    "aes_cbc": "AES-CBC with HMAC-SHA2-256, for IKE and ESP",
    "sha2_384": "SHA2-384: PRF, and AES-CBC with it",
    "sha2_512": "SHA2-512: PRF, and AES-CBC with it",
    "chacha20": "ChaCha20-Poly1305, for IKE and ESP",
    "x25519": "X25519",
    "modp2048": "MODP 2048",
    "modp3072": "MODP 3072",
    "ecp256": "ECP 256",
    "ecp384": "ECP 384",
    "esn": "Extended sequence numbers",
    "ppk": "Post-quantum pre-shared key (RFC 8784)",
    "fragments": "IKE fragments, in both directions (RFC 7383)",
    "child_rekey_ours": "CHILD SA rekeyed by Isthmus",
    "child_rekey_theirs": "CHILD SA rekeyed by the peer",
    "ike_rekey_ours": "IKE SA rekeyed by Isthmus",
    "ike_rekey_theirs": "IKE SA rekeyed by the peer",
    "pfs": "CHILD SA rekeyed with a new Diffie-Hellman exchange, by either side",
    "rekey_loss": "Rekeys of either SA by either side under up to 1,000 packets/s: none lost",
    "dpd": "The peer dies, this is noticed, it comes back and the tunnel with it",
    "closed": "Either side takes the tunnel down, the other knows",
    "encap": "ESP in UDP where Isthmus asks for it",
    "nat_ours": "Isthmus behind a NAT",
    "nat_theirs": "The peer behind a NAT",
    "mobike": "MOBIKE offered and agreed",
    "both_start": "Both start at once: one IKE SA remains",
    "wrong_psk": "A wrong pre-shared key is told as such",
    "no_proposal": "No common suite is told as such",
}

# (peer, role, feature) -> why it does not run; "*" stands for each.
REASONS = {
    ("libreswan", "*", "mobike"): "pluto's MOBIKE is for clients that get their address from it (ipsec.conf(5)); "
                                  "it is not offered in transport mode",
}
# What a cell that runs and passes does not say by itself; keys as above.
NOTES = {
    ("libreswan", "*", "rekey_loss"): "where Isthmus begins to rekey the CHILD SA, pluto sends on the new SA before "
                                      "Isthmus can hear there, part of it even before its answer (RFC 7296 section "
                                      "2.8: it should go on with the old one); the first packets, 48 of 59,175 in a "
                                      "full run, are lost. The test counts on the wire what comes too early; it passes "
                                      "if nothing else is lost in either direction, and nothing at all where pluto "
                                      "begins",
}


def list_cells() -> list[tuple[str, str, str]]:
    """Every cell: (peer, role, feature), in the page's order."""
    return [(peer, role, feature) for feature in FEATURES for peer in PEERS for role in ROLES]


def find_reason(peer: str, role: str, feature: str) -> str | None:
    """Why a cell does not run; None if it does."""
    return find(REASONS, peer, role, feature)


def find(table: dict[tuple[str, str, str], str], peer: str, role: str, feature: str) -> str | None:
    """The row of a table for a cell."""
    for first in (peer, "*"):
        for second in (role, "*"):
            text = table.get((first, second, feature))
            if text is not None:
                return text
    return None


def name_test(peer: str, role: str, feature: str) -> str:
    """The name of a cell's test."""
    return f"interop.{peer}.{role}.{feature}"
