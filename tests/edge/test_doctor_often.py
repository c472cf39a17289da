"""`doctor` looks at the kernel by doing, and asks name servers: whoever may only look cannot have it done at will."""

from __future__ import annotations

import unittest
from unittest import mock

from isthmus import examining
from tests.edge.accounts_world import PASSWORD, Accounted
from tests.edge.world import own_network


def setUpModule() -> None:
    own_network()


class Often(Accounted):
    def setUp(self) -> None:
        super().setUp()
        for role in ("look", "operate", "administer"):
            self.ask("user-add", user=role, role=role, password=PASSWORD)

    def doctor(self, user: str, **fields: str) -> dict:
        if user not in self.tokens:
            self.tokens[user] = self.login(user)["token"]
        answer = self.call("doctor", token=self.tokens[user], **fields)
        self.assertIn("findings", answer)
        return answer

    def test_who_may_only_look_gets_what_was_found(self) -> None:
        self.tokens: dict[str, str] = {}
        kernel = self.daemon.site.kernel
        with mock.patch.object(kernel, "add", wraps=kernel.add) as add:
            first = self.doctor("look")
            cost = add.call_count
            self.assertGreater(cost, 0)
            for user in ("look", "operate", "look"):
                self.assertEqual(self.doctor(user), first)
            self.doctor("look", tunnel="branch")
            self.assertEqual(add.call_count, cost, "one minute, one set of SAs")
            self.doctor("administer")
            self.ask("doctor")
            self.assertEqual(add.call_count, 3 * cost, "whoever mends something sees at once whether it is mended")
            with mock.patch.object(examining, "KEPT_MS", 0):
                self.doctor("operate")
            self.assertEqual(add.call_count, 4 * cost)


if __name__ == "__main__":
    unittest.main()
