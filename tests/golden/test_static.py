"""From configuration to policies, L2TP, routes and nft text of tunnels with session static, one file a case.

tests/golden/static/NAME.txt. Regenerate with ISTHMUS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import os
import unittest
from pathlib import Path

from isthmus.config.model import load
from isthmus.policy.desired import Facts, guard_session, objects_of
from isthmus.policy.given import free_mark, given
from isthmus.policy.guard import guard_text
from isthmus.policy.plan import plan
from isthmus.wire.addr import parse_ip

FOLDER = Path(__file__).parent / "static"
CONFIG = Path(__file__).parent / "config" / "static.uci"
HERE, THERE, ELSEWHERE = parse_ip("203.0.113.2"), parse_ip("198.51.100.7"), parse_ip("198.51.100.8")
ADDRESSES = [("wan0", HERE, 24), ("lan0", parse_ip("192.168.10.1"), 24)]

# name -> (outer address of each tunnel's peer, the tunnels have SAs)
CASES = {"apart": ((THERE, ELSEWHERE), True), "behind_one_address": ((THERE, THERE), True),
         "without_sas": ((THERE, THERE), False)}  # fmt: skip


def describe(remotes: tuple[bytes, ...], live: bool) -> str:
    """Everything that the kernel is to hold, in the order in which it is made, and the guard."""
    config = load(str(CONFIG), lambda path: Path(path).read_bytes()).config
    assert config is not None
    taken: list[int] = []
    wanted, sessions = [], []
    for tunnel, remote in zip(config.tunnels, remotes):
        assert tunnel.static is not None
        derived = given(tunnel.static, b"\x01" + HERE, b"\x01" + remote, HERE, remote)
        derived.mark = free_mark(derived.reqid, taken)
        taken.append(derived.mark)
        facts = Facts(
            tunnel.ifname, 1400, tunnel.remote_subnets, tunnel.local_subnets, HERE, remote, "wan0", derived, ADDRESSES,
            live, tunnel.static.addresses, tunnel.static.next_hops, remotes.count(remote) > 1,
        )  # fmt: skip
        wanted += objects_of(facts)
        session = guard_session(facts)
        assert session is not None
        sessions.append(session)
    lines = ["%s %s: %s" % (verb, item.kind, item.words()) for verb, item in plan(wanted, [])]
    return "\n".join(lines) + "\n" + guard_text(sessions)


class StaticTest(unittest.TestCase):
    maxDiff = None

    def test_it_is_as_recorded(self) -> None:
        for name, (remotes, live) in CASES.items():
            path, text = FOLDER / (name + ".txt"), describe(remotes, live)
            if os.environ.get("ISTHMUS_GOLDEN") == "write":
                FOLDER.mkdir(exist_ok=True)
                path.write_text(text, encoding="ascii")
            with self.subTest(name):
                self.assertEqual(text, path.read_text(encoding="ascii"))
        self.assertEqual(sorted(CASES), sorted([path.stem for path in FOLDER.iterdir()]))

    def test_no_cookie_is_in_it(self) -> None:
        for path in FOLDER.iterdir():
            for cookie in ("1122334455667788", "aabbccdd"):
                self.assertNotIn(cookie, path.read_text(encoding="ascii").lower())
