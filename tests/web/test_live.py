"""A page that keeps itself up to date, in Debian's chromium: what is there only between two looks of the router's."""

from __future__ import annotations

import threading
import unittest
from typing import Any

from tests.edge.world import own_network
from tests.web.album import Album
from tests.web.answers import POLICY


def setUpModule() -> None:
    own_network()


def policy(state: str) -> dict[str, Any]:
    """What isthmusd says of one rule."""
    rule = POLICY["rules"][0]
    hosts = [{**host, "state": state} for host in rule["hosts"]]
    return {**POLICY, "rules": [{**rule, "state": state, "otherwise": state, "hosts": hosts}]}


class Live(Album):
    glimpses = 0

    def answer(self, run: str, request: dict, timeout: int) -> dict:
        if request["command"] == "policy" and threading.current_thread().name != "watcher":
            self.glimpses += 1
            if self.glimpses == 2:  # the first is the page as it is opened
                return policy("blocked")
        return super().answer(run, request, timeout)

    def test_a_moment_that_the_router_has_not_seen_does_not_stay_on_the_page(self) -> None:
        self.answers["policy"] = policy("protected")
        page = self.enter()
        page.goto(self.url + "/forced")
        state = page.locator("#live-rule-1 .title .state")
        state.get_by_text("Blocked").wait_for()
        state.get_by_text("Protected").wait_for()
        looks = self.glimpses
        page.wait_for_timeout(16_000)  # a beat, which says that the page is right
        self.assertEqual(self.glimpses, looks)


if __name__ == "__main__":
    unittest.main()
