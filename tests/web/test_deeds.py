"""S18: what opens something takes a fresh password, which isthmusd holds the page to; a real daemon."""

from __future__ import annotations

import unittest

from tests.edge.accounts_world import PASSWORD
from tests.edge.world import own_network
from tests.web.world import Webbed

DEEDS = (
    ("/change/apply", {"mark": "0" * 16, "seconds": "120"}),
    ("/change/keep", {"anyway": "1"}),
    ("/change/undo", {"over": "1"}),
    ("/join/invite", {"at": "harbour.example.net"}),
    ("/join/accept", {"invite": "ISTHMUS-X"}),
    ("/join/approve", {"pairing": "1", "words": "a b c", "name": "x"}),
    ("/tunnel/branch/rotate", {}),
    ("/tunnel/branch/unpair", {"force": "1"}),
    ("/system/backup", {"passphrase": "seven quiet harbours", "again": "seven quiet harbours"}),
    ("/system/restore/apply", {"mark": "0" * 16}),
    ("/system/user", {"what": "delete", "user": "otto"}),
    ("/system/user", {"what": "role", "user": "otto", "role": "administer"}),
    ("/system/user", {"what": "add", "user": "x", "role": "look", "password": PASSWORD + "x", "again": PASSWORD + "x"}),
)


def setUpModule() -> None:
    own_network()


class FreshPassword(Webbed):
    def setUp(self) -> None:
        super().setUp()
        self.ask("user-add", user="otto", role="look", password=PASSWORD)
        self.anna = self.logged_in("anna")

    def test_s18_without_one_nothing_that_opens_is_done(self) -> None:
        before = (self.ask("user-list"), self.ask("config-get"), self.ask("pair-status"))
        for path, fields in DEEDS:
            answer = self.anna.settle(self.anna.post(path, "/account", **fields))
            self.assertEqual(answer.status, 400, path)
            self.assertIn("takes your password once more", answer.text, path)
        after = (self.ask("user-list"), self.ask("config-get"), self.ask("pair-status"))
        self.assertEqual(after, before)

    def test_s18_a_wrong_one_does_nothing_and_ends_the_session_in_the_end(self) -> None:
        for number in range(12):
            answer = self.anna.settle(self.anna.post("/system/user", "/account", what="delete", user="otto",
                                                     proof=f"wrong guess {number}"))  # fmt: skip
            if answer.status == 303:
                break
            self.assertIn(answer.status, (400, 403, 503))
        self.assertEqual(self.anna.get("/").header("location"), "/login")
        self.assertEqual(sorted(row["user"] for row in self.ask("user-list")["users"]), ["anna", "otto"])

    def test_s18_one_that_is_fresh_is_good_for_a_while_and_its_session_has_another_token(self) -> None:
        old = self.anna.jar["__Host-isthmus"]
        answer = self.anna.settle(self.anna.post("/system/user", "/account", what="role", user="otto", role="operate",
                                                 proof=PASSWORD))  # fmt: skip
        self.assertEqual(answer.status, 303, answer.text)
        self.assertNotEqual(self.anna.jar["__Host-isthmus"], old)
        self.assertIn("You have proved your password", self.anna.get("/system").text)
        answer = self.anna.settle(self.anna.post("/system/user", "/account", what="delete", user="otto"))
        self.assertEqual(answer.status, 303, answer.text)
        stolen = self.browser()
        stolen.jar["__Host-isthmus"] = old
        self.assertEqual(stolen.get("/system").header("location"), "/login")


if __name__ == "__main__":
    unittest.main()
