"""S4, S23: what waits to be fetched by its browser, while others flood the login."""

from __future__ import annotations

import unittest
from typing import Any

from isthmus.errors import IsthmusError
from isthmus_web.jobs import MOST, GoneError, Job, Jobs
from isthmus_web.link import Link
from isthmus_web.pages.deeds import DeedError

REFUSED = IsthmusError("wrong", "type it again", "refused")


class Fetching(unittest.TestCase):
    def setUp(self) -> None:
        self.jobs = Jobs(Link("nowhere", lambda *_: {}))

    def done(self, owner: str, outcome: dict[str, Any] | IsthmusError) -> Job:
        def work() -> dict[str, Any]:
            if isinstance(outcome, IsthmusError):
                raise outcome
            return outcome

        job = self.jobs.start("login", owner, work, {})
        self.assertTrue(job.done.wait(10))
        return job

    def flood(self, times: int) -> list[Job]:
        return [self.done("mallory", REFUSED) for _ in range(times)]

    def test_s04_logins_that_fail_take_nobodys_away(self) -> None:
        mine = self.done("anna", {"token": "t"})
        renewed = self.done("otto", DeedError(REFUSED, "another token"))
        self.flood(3 * MOST)
        found = self.jobs.look(mine.number, "anna")
        self.assertEqual(found.result if found else None, {"token": "t"})
        self.assertIs(self.jobs.look(renewed.number, "otto"), renewed)

    def test_s23_there_are_never_more_than_so_many_whatever_they_are(self) -> None:
        first = self.flood(1)[0]
        for _ in range(2 * MOST):
            self.done("anna", {"token": "t"})
        self.assertLessEqual(len(self.jobs._jobs), MOST)
        with self.assertRaises(GoneError):
            self.jobs.look(first.number, "mallory")


if __name__ == "__main__":
    unittest.main()
