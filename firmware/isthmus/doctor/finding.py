"""A finding, and the table of all that the doctor itself can find."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ERROR, WARNING, NOTE = "error", "warning", "note"
LEVELS = (ERROR, WARNING, NOTE)
OK, UNKNOWN = "ok", "unknown"  # of an area without findings

AREAS = ("daemon", "kernel", "guard", "ports", "clock", "config", "secrets", "names", "peers", "path")

# code: (level, area, when). Programs rely on the code; what the configuration and the policies find has codes of its
# own, in the area config, and what went wrong with a tunnel last stands in the message of "not-up".
CODES = {
    "daemon-away": (ERROR, "daemon", "isthmusd does not answer"),
    "not-root": (WARNING, "daemon", "the command was not run as root, and could not look at everything"),
    "release-differs": (WARNING, "daemon", "isthmusd is of another release than this program: not restarted since"),
    "no-ipsec": (ERROR, "kernel", "the kernel has no IPsec"),
    "no-cipher": (ERROR, "kernel", "the kernel has no ESP, or not with any cipher of the configuration"),
    "cipher-missing": (NOTE, "kernel", "the kernel lacks some of the ciphers, and others remain"),
    "no-l2tp": (ERROR, "kernel", "the kernel has no L2TP"),
    "no-l2tp-module": (ERROR, "kernel", "a module of L2TP is not installed"),
    "no-nft": (ERROR, "kernel", "nftables cannot be read"),
    "no-nft-program": (ERROR, "kernel", "the program nft is not installed"),
    "guard-refused": (ERROR, "guard", "the kernel does not take what Isthmus wants of it"),
    "guard-missing": (ERROR, "guard", "tunnels are configured, and the nft table isthmus is not there"),
    "guard-stale": (WARNING, "guard", "the guard was not verified for long"),
    "port-taken": (ERROR, "ports", "another program has UDP 500 or 4500"),
    "port-closed": (ERROR, "ports", "isthmusd runs, and nobody has UDP 500 or 4500"),
    "l2tp-program": (NOTE, "ports", "another program has UDP 1701: another L2TP"),
    "clock-wrong": (ERROR, "clock", "the clock shows a time before this release was made, or one far off"),
    "clock-unkept": (NOTE, "clock", "no program that keeps the clock is known to run"),
    "clock-unsynchronised": (WARNING, "clock", "the program that keeps the clock has not reached a time server"),
    "config-missing": (ERROR, "config", "there is no configuration"),
    "config-not-applied": (WARNING, "config", "the file was changed, and what runs was not"),
    "config-staged": (NOTE, "config", "changes are staged"),
    "no-tunnel": (NOTE, "config", "no tunnel is configured"),
    "secret-readable": (ERROR, "secrets", "other users of this router can read a key"),
    "secret-writable": (ERROR, "secrets", "other users of this router can change a key, or its folder"),
    "secret-owner": (ERROR, "secrets", "a key belongs to another user"),
    "name-unresolved": (ERROR, "names", "a peer's name has no address"),
    "name-silent": (ERROR, "names", "the name server does not answer"),
    "peer-silent": (ERROR, "peers", "no answer from the peer on UDP 500"),
    "peer-half-silent": (ERROR, "peers", "the peer's first answer came, and its proof on UDP 4500 did not"),
    "peer-gone": (ERROR, "peers", "the peer answered before, and does not now"),
    "nothing-passes": (ERROR, "peers", "IKE works, and nothing comes through the tunnel"),
    "not-up": (ERROR, "peers", "the tunnel does not come up, for another reason"),
    "peer-refused": (WARNING, "peers", "a call from the peer was refused lately"),
    "never-called": (WARNING, "peers", "this router waits for the peer's call, and none has come"),
    "roaming-away": (NOTE, "peers", "a peer that calls from wherever it is has not called"),
    "rules-wait": (WARNING, "peers", "a tunnel was taken down by hand, and forced rules hold their hosts back for it"),
    "esp-blocked": (NOTE, "peers", "plain ESP does not get through, ESP in UDP does"),
    "taken-down": (NOTE, "peers", "the tunnel was taken down by hand, or is not enabled"),
    "loss": (WARNING, "path", "many probes are lost"),
    "mtu-too-large": (WARNING, "path", "the configured MTU is larger than what passes"),
    "path-narrow": (NOTE, "path", "a link on the way is narrower than the uplink"),
    "path-least": (WARNING, "path", "not even packets of 1280 bytes pass for sure"),
}  # fmt: skip


class Finding:
    """code; level: ERROR, WARNING or NOTE; area: one of AREAS; about: a tunnel, rule or path, "" for the router;
    message and remedy: a sentence each.
    """

    def __init__(self, code: str, level: str, area: str, about: str, message: str, remedy: str) -> None:
        self.code = code
        self.level = level
        self.area = area
        self.about = about
        self.message = message
        self.remedy = remedy

    def __repr__(self) -> str:
        return "Finding(%s, %s)" % (self.code, self.about)

    def answer(self) -> dict[str, Any]:
        """As the control socket carries it."""
        return {
            "code": self.code, "level": self.level, "area": self.area, "about": self.about, "message": self.message,
            "remedy": self.remedy,
        }  # fmt: skip


def find(code: str, message: str, remedy: str, about: str = "") -> Finding:
    """One of CODES."""
    level, area, _ = CODES[code]
    return Finding(code, level, area, about, message, remedy)
