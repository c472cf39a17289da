"""What both ends of an interop tunnel are configured with, in Isthmus's words; each peer translates."""

from __future__ import annotations

PSK = "correct horse battery staple"
ID_A, ID_B = "a.example", "b.example"
LABEL = "a-label-of-a-domain-name."
L2TP_PROTOCOL = 115


class Terms:
    """One tunnel between router A (Isthmus) and router B (the peer).

    ike, esp: suites as in an Isthmus configuration, several separated by blanks; psk: what the peer has.
    encap: force UDP encapsulation; mobike, esn: offer it; dpd: seconds, 0 = none; fragments: largest IKE datagram,
    0 = the program's own; ppk: (id, secret) or None; labels: longer identities, by so many
    labels of 25 bytes.
    """

    def __init__(self, ike: str = "aes256gcm16-prfsha256-x25519", esp: str = "aes256gcm16", psk: str = PSK, *,
                 encap: bool = False, mobike: bool = False, esn: bool = False, dpd: int = 0, fragments: int = 0,
                 ppk: tuple[str, str] | None = None, labels: int = 0) -> None:
        self.ike = ike
        self.esp = esp
        self.psk = psk
        self.encap = encap
        self.mobike = mobike
        self.esn = esn
        self.dpd = dpd
        self.fragments = fragments
        self.ppk = ppk
        self.id_a = LABEL * labels + ID_A
        self.id_b = LABEL * labels + ID_B
