"""Another program's SAs, policies, routes and tables on a router: planted, then compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.report import check

if TYPE_CHECKING:
    from tests.lab.namespace import Namespace

KEY = "0x" + "11" * 20
XFRM = f"""\
xfrm state add src 198.51.100.2 dst 203.0.113.99 proto esp spi 0x12345678 reqid 77 mode tunnel \
aead rfc4106(gcm(aes)) {KEY} 128
xfrm policy add src 10.9.0.0/16 dst 10.8.0.0/16 dir out priority 10 tmpl src 198.51.100.2 dst 203.0.113.99 proto esp \
reqid 77 mode tunnel
"""
ROUTES = """\
route add 10.77.0.0/16 via 198.51.100.1
route add unreachable 10.78.0.0/16 metric 500
"""
TABLE = """\
table inet somebody {
    chain forward { type filter hook forward priority 0; policy accept; tcp dport 9 counter drop; }
}
"""


class Foreign:
    """Things that are not ours on a router."""

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace
        self.before: dict[str, list[str]] = {}

    def plant(self) -> None:
        """Put them there and remember how they look."""
        self.namespace.ip(XFRM + ROUTES)
        self.namespace.nft(TABLE)
        self.before = self.look()

    def plant_again(self) -> None:
        """After a test has flushed everything: policies, SAs, tables."""
        self.namespace.ip(XFRM)
        self.namespace.nft(TABLE)

    def look(self) -> dict[str, list[str]]:
        """How they look now."""
        states = self.namespace.run(
            "ip", "xfrm", "state", "get", "dst", "203.0.113.99", "proto", "esp", "spi", "0x12345678"
        )
        policies = self.namespace.run("ip", "xfrm", "policy").split("src ")
        routes = self.namespace.run("ip", "route").splitlines()
        return {
            "SA": [states],
            "policy": [
                policy for policy in policies if policy.startswith(("10.9.0.0/16", "198.51.100.2 dst 203.0.113.99"))
            ],
            "routes": [
                route.strip() for route in routes if "10.77." in route or "10.78." in route or "default" in route
            ],
            "table": [self.namespace.run("nft", "list", "table", "inet", "somebody")],
        }

    def compare(self) -> None:
        """Raise AssertionError where one of them is not as it was."""
        now = self.look()
        for name, what in self.before.items():
            check(now[name] == what, f"the foreign {name} has changed: {what} is now {now[name]}")
