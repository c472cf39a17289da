"""The API before a real daemon: what it answers is what its OpenAPI file says, and what it does is done."""

from __future__ import annotations

import unittest

from tests.edge.accounts_world import PASSWORD
from tests.edge.world import own_network
from tests.web.programs import Program
from tests.web.world import Webbed


def setUpModule() -> None:
    own_network()


class Programmed(Webbed):
    def program(self, name: str = "alice", role: str = "administer") -> Program:
        """Logged in, as a user of its own."""
        self.ask("user-add", user=name, role=role, password=PASSWORD)
        program = Program(self.browser())
        program.log_in(name, PASSWORD)
        self.addCleanup(lambda: self.assertEqual(program.wrong, []))
        return program


class Answers(Programmed):
    def test_every_look_answers_as_the_openapi_file_says(self) -> None:
        program = self.program()
        rows = (
            ("hello", {}), ("session", {}), ("sessions", {}), ("users", {}), ("status", {}), ("tunnels", {}),
            ("tunnel", {"tunnel": "branch"}), ("history", {"tunnel": "branch"}),
            ("history", {"tunnel": "branch", "span": "day"}), ("policy", {}), ("forced", {}), ("passthrough", {}),
            ("explain", {"source": "127.0.0.1", "destination": "192.0.2.1"}), ("test_seen", {}), ("hosts", {}),
            ("config", {}), ("sections", {"type": "tunnel"}), ("section_type", {"type": "forced"}), ("look", {}),
            ("trial", {}), ("pairings", {}), ("doctor", {}), ("doctor", {"tunnel": "branch"}), ("log", {}),
            ("log", {"count": 5, "after": 1}), ("diag", {}),
        )  # fmt: skip
        for name, fields in rows:
            status, value = program.do(name, **fields)
            self.assertEqual(status, 200, (name, value))


if __name__ == "__main__":
    unittest.main()
