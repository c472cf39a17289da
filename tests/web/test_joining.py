"""Joining a site by browser: the invite as text and picture, what is wrong with one that is pasted, approval."""

from __future__ import annotations

import re
import unittest

from isthmus.errors import IsthmusError
from isthmus.kernel.ways import Way
from isthmus.wire.addr import Prefix
from tests.edge.accounts_world import PASSWORD
from tests.edge.world import own_network
from tests.web.answers import ASKING
from tests.web.test_gate import Played
from tests.web.world import Answer, Browser, Webbed

OUTSIDE = bytes((203, 0, 113, 1))
INVITE = re.compile(r"ISTHMUS-[A-Z0-9-]{40,}")


def setUpModule() -> None:
    own_network()


class Inviting(Webbed):
    def setUp(self) -> None:
        super().setUp()
        with (self.path / "config" / "isthmus").open("a") as file:
            file.write("config globals\n list lan 'br-lan'\n option name 'harbour'\n")
        kernel = self.daemon.site.kernel
        kernel.uplinks += [("br-lan", bytes((192, 168, 10, 1)), 24), ("wan", OUTSIDE, 24)]
        kernel.ways[:] = [(Prefix(bytes(4), 0), Way(OUTSIDE, "wan", 1500))]
        self.ask("reload")

    def invite(self, browser: Browser) -> Answer:
        at = "harbour.example.net"
        answer = browser.settle(browser.post("/join/invite", "/join", at=at, proof=PASSWORD))
        self.assertEqual(answer.status, 303, answer.text)
        return browser.get(answer.header("location"))

    def enter(self, browser: Browser, text: str) -> Answer:
        return browser.settle(browser.post("/join/accept", "/join", invite=text, proof=PASSWORD))

    def test_the_invite_is_this_browsers_alone_and_may_be_looked_at_again(self) -> None:
        browser = self.logged_in()
        page = self.invite(browser)
        found = INVITE.search(page.text)
        self.assertTrue(found, page.text)
        self.assertIn("harbour.example.net", page.text)
        self.assertRegex(page.text, r'<svg [^>]*shape-rendering="crispEdges"')
        self.assertIn("10 minutes left", page.text)
        path = re.search(r"/join/invite/[0-9]+", browser.get("/join").text).group(0)
        self.assertIn(found.group(0), browser.get(path).text)
        other = self.logged_in("berta")
        self.assertEqual(other.get(path).header("location"), "/join")
        self.assertNotIn(found.group(0), other.get("/join").text)
        self.assertIn(found.group(0), browser.get(path).text)  # who may not see it takes it from nobody either
        self.assertNotIn(found.group(0), self.said.read_text())
        self.assertNotIn(found.group(0), "\n".join(self.log.lines))
        number = path.rpartition("/")[2]
        self.assertEqual(browser.post("/join/cancel", "/join", pairing=number).status, 303)
        self.assertEqual(browser.get(path).header("location"), "/join")
        self.assertEqual(self.ask("pair-status")["pairings"], [])

    def test_what_is_wrong_with_an_invite_is_said_and_what_was_pasted_stays(self) -> None:
        browser = self.logged_in()
        text = INVITE.search(self.invite(browser).text).group(0)
        wrong = text[:30] + ("A" if text[30] != "A" else "B") + text[31:]
        rows = ((text, "own"), (wrong, "mistake in it"), (text[:-9], "cut off"), ("hello", "This is no invite"),
                ("", "This is no invite"))  # fmt: skip
        for pasted, words in rows:
            with self.subTest(words):
                answer = self.enter(browser, pasted)
                self.assertEqual(answer.status, 400)
                self.assertIn(words, answer.text)
                self.assertIn(pasted, answer.text)
        self.assertEqual(len(self.ask("pair-status")["pairings"]), 1)


class Approving(Played):
    def setUp(self) -> None:
        super().setUp()
        self.answers["pair-status"] = {"pairings": [ASKING], "past": []}
        self.answers["step-up"] = {"token": "6" * 64}
        self.answers["pair-approve"] = {"number": 3, "tunnel": "warehouse"}
        self.log_in()

    def approve(self) -> int:
        data = {"form_token": self.form("/join"), "pairing": "3", "words": "harvest lantern pebble",
                "name": "lager", "proof": PASSWORD}  # fmt: skip
        return self.send("POST", "/join/approve", headers={"Sec-Fetch-Site": "same-origin"}, data=data).status_code

    def test_the_words_that_were_shown_are_sent_under_a_fresh_password(self) -> None:
        page = self.send("GET", "/join").text
        for text in ("harvest", "lantern", "pebble", "10.66.2.0/24", "192.168.10.0/24 is there on both sides"):
            self.assertIn(text, page)
        self.assertEqual(self.approve(), 303)
        sent = self.asked[-1]
        self.assertEqual(
            (sent["command"], sent["pairing"], sent["words"], sent["name"], sent["token"]),
            ("pair-approve", 3, "harvest lantern pebble", "lager", "6" * 64),
        )
        self.assertEqual(self.asked[-2]["command"], "step-up")

    def test_a_name_that_is_taken_is_told(self) -> None:
        self.answers["pair-approve"] = IsthmusError("there is a tunnel of that name: lager", "choose", "name-taken")
        self.assertEqual(self.approve(), 400)

    def test_who_may_only_look_is_shown_no_button(self) -> None:
        self.answers["session"] = {**self.answers["session"], "role": "look"}
        page = self.send("GET", "/join").text
        self.assertIn("harvest", page)
        self.assertNotIn("/join/approve", page)


if __name__ == "__main__":
    unittest.main()
