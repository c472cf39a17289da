"""What tests of forced rules in a site share: two sites in memory, of which host a has the rules."""

from __future__ import annotations

from isthmus.config.model import load
from isthmus.kernel import objects as k
from isthmus.kernel.flows import Flow
from isthmus.policy.lane import CLOSED_TABLE
from isthmus.wire.addr import parse_ip
from tests.core.pair import PSK, A, Host, PairTest

TUNNEL = "config tunnel '%s'\n option remote '%s'\n option psk '%s'\n option instance %d\n list remote_subnet '%s'\n"
RULE = "config forced 'cameras'\n list from '192.168.10.50'\n list via 'branch'\n option ipv6 free\n%s\n"
EXCEPTION = "config exception 'ntp'\n list rule 'cameras'\n list to '203.0.113.0/24'\n%s\n"
CAMERA, SERVER = parse_ip("192.168.10.50"), parse_ip("203.0.113.7")
NOON = 1_796_126_400  # 2026-12-01 12:00 UTC
UNTIL = " option until '2026-12-01 12:00'\n"


def site_text(remote: str, subnet: str, backup: bool = False) -> str:
    text = TUNNEL % ("branch", remote, PSK, 0, subnet)
    return text + TUNNEL % ("backup", remote, PSK, 1, "10.77.0.0/16") if backup else text


def flow(source: bytes, number: int = 1, status: int = 0, sport: int = 40000, destination: bytes = SERVER) -> Flow:
    return Flow(2, 17, source, sport, destination, 500, destination, 500, A, sport, status, number)


class ForcedTest(PairTest):
    """Host a has the rules."""

    def write(self, host: Host, text: str) -> object:
        loaded = load("test", lambda path: text.encode())
        self.assertEqual([str(error) for error in loaded.errors], [])
        return loaded.config

    def apply(self, rules: str, backup: bool = False) -> dict:
        config = self.write(self.a, site_text("198.51.100.1", "192.168.20.0/24", backup) + rules)
        report = self.a.site.apply(config, self.a.paused, self.pair.now)
        self.pair.run(0)
        self.a.site.handle_timer(self.pair.now)
        return report

    def begin(self, rules: str, backup: bool = False) -> None:
        """Both up, with these rules at a."""
        config = self.write(self.b, site_text("192.0.2.1", "192.168.10.0/24", backup))
        self.b.site.apply(config, [], self.pair.now)
        self.apply(rules, backup)
        self.assertTrue(self.pair.run(30_000, self.all_up))

    def all_up(self) -> bool:
        return all(t.state() == "up" for h in (self.a, self.b) for t in h.site.tunnels.values())

    def steps(self) -> list[tuple[str, str]]:
        return [(verb, kind) for verb, kind, _ in self.a.kernel.log]

    def tables(self) -> list[str]:
        """Routes of the tunnels' tables."""
        return sorted([r.words() for r in self.a.kernel.dump("route") if r.table not in (k.MAIN_TABLE, CLOSED_TABLE)])

    def marks(self) -> int:
        """Rules into them."""
        return len([rule for rule in self.a.kernel.dump("rule") if rule.mark])
