"""The API before a real daemon: what it answers is what its OpenAPI file says, and what it does is done."""

from __future__ import annotations

import unittest

from tests.edge.world import own_network
from tests.web.programs import Programmed


def setUpModule() -> None:
    own_network()


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
