"""Every page in Debian's chromium, made of answers that are played: axe-core has nothing to say, none is too wide."""

from __future__ import annotations

import unittest

from tests.edge.world import own_network
from tests.web.album import Album
from tests.web.answers import ASKING, PAIRING
from tests.web.world import SHOTS


def setUpModule() -> None:
    own_network()


class Gallery(Album):
    def test_every_page_at_every_size_in_both_schemes(self) -> None:
        page = self.enter()

        def look(name: str) -> None:
            self.in_all_forms(page, name)
            self.assertTrue(list(SHOTS.glob(f"{name}-*.png")))

        self.over_pages(page, 1, look)

    def test_pages_that_a_form_leads_to(self) -> None:
        self.answers["pair-invite"] = {
            "number": 3, "invite": "ISTHMUS-" + "-".join(["K7QM3XRT"] * 24), "site": "harbour", "left_s": 600,
            "endpoints": ["harbour.example.net"], "notes": ["10.0.0.1 is private: reached from inside alone"],
        }  # fmt: skip
        page = self.enter()
        page.goto(self.url + "/join")
        page.locator("#proof-invite").fill("fluffy kitten 9")
        self.answers["pair-status"] = {"pairings": [{**PAIRING, "state": "offered"}], "past": []}
        page.get_by_role("button", name="Make an invite").click()
        page.get_by_role("heading", name="Invite for another site").wait_for()
        self.assertEqual(page.locator(".qr svg").count(), 1)
        self.in_all_forms(page, "invite")
        self.answers["pair-status"] = {"pairings": [ASKING], "past": []}
        page.get_by_role("button", name="Yes, they are the same").wait_for()  # by itself
        page.goto(self.url + "/system")
        page.locator("#file").set_input_files({"name": "x.backup", "mimeType": "", "buffer": b"sealed"})
        page.locator("#restore-passphrase").fill("seven quiet harbours")
        page.locator("#proof-restore").fill("fluffy kitten 9")
        page.locator("main form[enctype] button").click()
        page.get_by_text("Backup of site harbour").wait_for()
        self.in_all_forms(page, "restore")

    def test_what_somebody_writes_is_not_lost_when_the_page_moves_on(self) -> None:
        self.answers["pair-status"] = {"pairings": [PAIRING], "past": []}
        page = self.enter()
        page.goto(self.url + "/join")
        page.get_by_text("Begin another one").click()
        page.get_by_label("Invite", exact=True).fill("ISTHMUS-HALF")
        self.answers["pair-status"] = {"pairings": [ASKING], "past": []}
        with page.expect_response("**/join"):
            pass
        with page.expect_response("**/join"):
            pass
        self.assertEqual(page.get_by_label("Invite", exact=True).input_value(), "ISTHMUS-HALF")
        self.assertEqual(page.get_by_role("button", name="Yes, they are the same").count(), 0)
        page.get_by_label("Invite", exact=True).fill("")
        page.locator("h1").click()
        page.get_by_role("button", name="Yes, they are the same").wait_for()

    def test_every_page_in_german(self) -> None:
        page = self.enter(locale="de-DE")
        page.set_viewport_size({"width": 320, "height": 640})

        def look(name: str) -> None:
            self.assertEqual(page.locator("html").get_attribute("lang"), "de")
            self.fits(page, name + "-de")

        self.over_pages(page, 1, look)


if __name__ == "__main__":
    unittest.main()
