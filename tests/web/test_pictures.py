"""Every page at every size and in both schemes: axe-core has nothing to say, and the pictures are kept for people."""

from __future__ import annotations

import unittest

from tests.edge.accounts_world import PASSWORD
from tests.edge.world import own_network
from tests.web.browsing import Browsed
from tests.web.world import busy_report, report


def setUpModule() -> None:
    own_network()


class FirstHour(Browsed):
    def test_from_the_code_to_the_overview_and_out_again(self) -> None:
        page = self.open()
        page.goto(self.url)
        self.assertEqual(page.url, self.url + "/first")
        self.in_all_forms(page, "first")
        page.get_by_label("Code", exact=True).fill("AAAA-BBBB-CCCC-DDDD")
        page.get_by_label("Your name").fill("anna")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Password once more").fill(PASSWORD)
        page.locator("main button[type=submit]").click()
        page.get_by_role("alert").wait_for()
        self.assertIn("code is wrong", page.get_by_role("alert").inner_text())
        self.assertEqual(page.get_by_label("Your name").input_value(), "anna")
        self.in_all_forms(page, "first-wrong")
        page.get_by_label("Code", exact=True).fill(self.ask("user-code")["code"].lower())
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Password once more").fill(PASSWORD)
        self.report = report([])
        page.locator("main button[type=submit]").click()
        page.wait_for_url(self.url + "/")
        self.in_all_forms(page, "overview-empty")
        page.get_by_role("link", name="Account").click()
        page.get_by_role("heading", name="Where you are logged in").wait_for()
        self.in_all_forms(page, "account")
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(self.url + "/login")
        self.in_all_forms(page, "login")
        self.assertEqual(
            [cookie["name"] for cookie in page.context.cookies() if cookie["name"] == "__Host-isthmus"], []
        )


class Overview(Browsed):
    def setUp(self) -> None:
        super().setUp()
        self.ask("user-add", user="anna", role="administer", password=PASSWORD)
        self.report = busy_report()

    def test_isthmusd_goes_away_while_the_page_is_open(self) -> None:
        page = self.open()
        self.log_in(page, "anna", PASSWORD)
        self.stop()
        page.get_by_role("heading", name="Isthmus is not running").wait_for()
        self.assertIn("service isthmus start", page.locator("main").inner_text())
        self.in_all_forms(page, "away")


if __name__ == "__main__":
    unittest.main()
