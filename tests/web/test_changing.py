"""What is staged, put in force on trial, kept or undone: in a browser without scripts, before a real daemon."""

from __future__ import annotations

import re
import unittest
from typing import Any
from unittest import mock

from tests.edge.accounts_world import PASSWORD
from tests.edge.world import own_network, wait_for
from tests.web.world import Answer, Browser, Webbed

RULE = [
    {"section": "tills", "type": "forced"},
    {"section": "tills", "option": "from", "values": ["02:00:00:00:00:51"]},
    {"section": "tills", "option": "via", "values": ["branch"]},
]


def setUpModule() -> None:
    own_network()


class Changing(Webbed):
    def stage(self, *rows: dict[str, Any]) -> None:
        self.ask("config-stage", mark=self.ask("config-get")["mark"], changes=list(rows))

    def mark(self, page: Answer) -> str:
        found = re.search(r'name="mark" value="([0-9a-f]{16})"', page.text)
        self.assertTrue(found, page.text)
        return str(found.group(1)) if found else ""

    def button(self, browser: Browser, path: str, mark: str | None = None, **fields: str) -> Answer:
        """Keep or undo, as the page has it by now; mark: as a page of before had it."""
        if mark is None:
            mark = self.mark(browser.get("/change"))
        return browser.settle(browser.post(path, "/change", mark=mark, **fields))

    def put_in_force(self, browser: Browser, proof: str = PASSWORD) -> Answer:
        mark = self.mark(browser.get("/change"))
        return browser.settle(browser.post("/change/apply", "/change", mark=mark, seconds="120", proof=proof))

    def rules(self) -> list[str]:
        return [row["name"] for row in self.ask("policy")["rules"]]

    def test_shown_in_words_tried_and_kept(self) -> None:
        browser = self.logged_in()
        self.stage(*RULE)
        page = browser.get("/change")
        self.assertIn("02:00:00:00:00:51", page.text)
        self.assertIn("Protects", page.text)
        wrong = self.put_in_force(browser, "wrong wrong wrong")
        self.assertEqual(wrong.status, 400)
        self.assertIn("password is wrong", wrong.text)
        self.assertEqual(self.rules(), [])
        before = browser.jar["__Host-isthmus"]
        answer = self.put_in_force(browser)
        self.assertEqual((answer.status, answer.header("location")), (303, "/change"))
        self.assertNotEqual(browser.jar["__Host-isthmus"], before)  # a step-up gives another token
        self.assertEqual(self.rules(), ["tills"])
        page = browser.get("/change")
        self.assertIn("unless you keep it", page.text)
        answer = self.button(browser, "/change/keep")
        self.assertEqual(answer.status, 303)
        self.assertIn("The last change was kept", browser.get("/change").text)
        self.assertEqual(self.ask("apply-status")["state"], "idle")
        self.assertIn("config forced 'tills'", (self.path / "config" / "isthmus").read_text())

    def test_what_somebody_else_leads_elsewhere_is_seen(self) -> None:
        """A session without a fresh password stages it; whoever puts it in force reads where it leads."""
        browser = self.logged_in()
        self.stage(*RULE)
        self.put_in_force(browser)
        self.ask("confirm", anyway=True)
        self.stage(
            {"section": "evil", "type": "tunnel"},
            {"section": "evil", "option": "remote", "values": ["203.0.113.66"]},
            {"section": "evil", "option": "psk", "values": ["seven green harbours"]},
            {"section": "tills", "option": "via", "values": ["evil"]},
        )
        page = self.logged_in("berta").get("/change")
        self.assertIn("Staged by root, last ", page.text)
        for words in ("Leads elsewhere", "tunnel evil is new: it leads to 203.0.113.66",
                      "02:00:00:00:00:51 goes through tunnel evil (203.0.113.66), not branch ("):  # fmt: skip
            self.assertIn(words, page.text)
        self.assertNotIn("harbours", page.text)

    def test_undone_by_hand_and_by_itself(self) -> None:
        browser = self.logged_in()
        self.stage(*RULE)
        self.put_in_force(browser)
        self.assertEqual(self.button(browser, "/change/undo").status, 303)
        self.assertEqual(self.rules(), [])
        page = browser.get("/change")
        self.assertIn("everything is as it was", page.text)
        self.assertNotIn("forced", (self.path / "config" / "isthmus").read_text())
        self.put_in_force(browser)
        self.assertEqual(self.rules(), ["tills"])
        mark = self.mark(browser.get("/change"))
        self.daemon.changing.trial.ends_at = 0  # nobody has come back
        self.ask("version")  # a turn of its loop
        self.assertTrue(wait_for(lambda: not self.rules()), self.ask("apply-status"))
        self.assertEqual(self.button(browser, "/change/keep", mark).status, 400)
        self.assertEqual(self.rules(), [])

    def test_a_page_of_one_change_neither_keeps_nor_undoes_the_next(self) -> None:
        anna, otto = self.logged_in("anna"), self.logged_in("otto")
        self.stage(*RULE)
        self.put_in_force(anna)
        old = self.mark(anna.get("/change"))
        self.assertEqual(self.button(otto, "/change/undo").status, 303)
        self.put_in_force(otto)
        for mark in (old, ""):  # "": of a page that knew no marks
            for path, fields in (("/change/keep", {}), ("/change/keep", {"anyway": "1", "proof": PASSWORD}),
                                 ("/change/undo", {}), ("/change/undo", {"over": "1", "proof": PASSWORD})):  # fmt: skip
                answer = self.button(anna, path, mark, **fields)
                self.assertEqual(answer.status, 400, (path, mark, fields))
                self.assertIn("Another change is on trial by now", answer.text)
                self.assertIn("02:00:00:00:00:51", answer.text)  # what it is, to be looked at
                self.assertEqual(self.ask("apply-status")["state"], "open", (path, mark, fields))
        self.assertNotEqual(self.mark(otto.get("/change")), old)
        self.assertEqual(self.button(otto, "/change/keep").status, 303)
        self.assertEqual(self.ask("apply-status")["last"]["kind"], "confirmed")

    def test_nor_while_it_waits_for_a_probe(self) -> None:
        browser = self.logged_in()
        self.stage(*RULE)
        self.put_in_force(browser)
        changing, looks = self.daemon.changing, []
        status = changing.status

        def looked(now: int) -> dict[str, Any]:
            looks.append(now)
            if len(looks) > 5:
                changing._mark = "f" * 16  # the next change is on trial, and its probes are well
            return status(now)

        def seen(_now: int) -> list[tuple[str, str, str]]:
            return [] if changing._mark == "f" * 16 else [("tunnel branch", "wait", "negotiating")]

        with mock.patch.object(changing, "status", looked), mock.patch.object(changing, "_seen", seen):
            answer = self.button(browser, "/change/keep")
        self.assertGreater(len(looks), 5)
        self.assertEqual(answer.status, 400)
        self.assertIn("Another change is on trial by now", answer.text)
        self.assertEqual(self.ask("apply-status")["state"], "open")

    def test_the_second_of_two_browsers_is_told(self) -> None:
        first, second = self.logged_in(), self.logged_in("berta")
        self.stage(*RULE)
        mark = self.mark(second.get("/change"))
        self.stage({"section": "tills", "option": "ipv6", "values": ["free"]})
        for path, fields in (("/change/apply", {"seconds": "120", "proof": PASSWORD}), ("/change/drop", {})):
            answer = second.settle(second.post(path, "/change", mark=mark, **fields))
            self.assertEqual(answer.status, 400, path)
            self.assertIn("changed what waits meanwhile", answer.text)
        self.assertEqual(self.rules(), [])
        self.assertGreater(self.ask("config-get")["staged"], 3)
        answer = first.post("/change/drop", "/change", mark=self.mark(first.get("/change")))
        self.assertEqual(answer.header("location"), "/change?dropped=1")
        self.assertEqual(self.ask("config-get")["staged"], 0)

    def test_who_may_not_administer_sees_and_cannot(self) -> None:
        browser = self.logged_in("otto", "operate")
        self.stage(*RULE)
        page = browser.get("/change")
        self.assertEqual(page.status, 200)
        self.assertNotIn("Put it in force", page.text)
        for path, fields in (("/change/apply", {"proof": PASSWORD, "mark": "0" * 16}), ("/change/keep", {}),
                             ("/change/undo", {}), ("/change/drop", {"mark": "0" * 16})):  # fmt: skip
            answer = browser.settle(browser.post(path, "/account", **fields))
            self.assertEqual(answer.status, 400, path)
            self.assertIn("administer", answer.text)
        self.assertEqual(self.rules(), [])


if __name__ == "__main__":
    unittest.main()
