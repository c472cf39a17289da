"""Every page for everyone (WCAG 2.2 AA): by keyboard alone, in large letters, on a narrow screen, in both languages.

An ordinary run takes some of the pages, a full one all of them in all forms.
"""

from __future__ import annotations

import unittest
from typing import TYPE_CHECKING, Any

from tests.counts import cases
from tests.edge.world import own_network
from tests.web.album import Album
from tests.web.answers import GOOD_ANSWERS
from tests.web.browsing import SIZES

if TYPE_CHECKING:
    from playwright.sync_api import Page

LEAST = 24  # CSS pixels of a target (WCAG 2.5.8)
MOST_TABS = 400
WITHOUT = (("login", "/login"), ("nowhere", "/nowhere"))  # a session

# Whoever can be reached by Tab and is shown; of a group of radio buttons one. Numbered beside the document, since
# what is written into it would make its live parts differ from the router's.
NUMBER = """() => {
  const groups = new Set();
  const sign = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  return Array.from(document.querySelectorAll(sign)).filter(item => {
    if (item.disabled || !item.checkVisibility({visibilityProperty: true})) return false;
    if (item.type === "radio") {
      const key = item.form && Array.from(document.forms).indexOf(item.form) + item.name;
      if (groups.has(key)) return false;
      groups.add(key);
    }
    return true;
  }).map((item, number) => {
    window.walked = number ? window.walked : new Map();
    const all = item.type === "radio" ? item.form.querySelectorAll(`[name="${item.name}"]`) : [item];
    all.forEach(one => window.walked.set(one, number));
    return [number, item.outerHTML.slice(0, 160)];
  });
}"""
# What has the focus: its number, whether it is seen to have it, where it is, and whether it is on the screen
FOCUS = """() => {
  const item = document.activeElement;
  if (!item || item === document.body || item === document.documentElement) return null;
  const style = getComputedStyle(item), box = item.getBoundingClientRect();
  return {
    number: window.walked.get(item) ?? -1, what: item.outerHTML.slice(0, 160),
    outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""
# Targets that are too small; links in the middle of a sentence are free (2.5.8, exception inline)
SMALL = """least => Array.from(document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary")).filter(item => {
  if (!item.checkVisibility({visibilityProperty: true})) return false;
  const box = item.closest("label.check") ? item.closest("label.check").getBoundingClientRect()
                                          : item.getBoundingClientRect();
  if (item.classList.contains("skip")) return false;
  const own = item.tagName === "A" && getComputedStyle(item).display === "inline"
    && item.parentElement.textContent.trim() !== item.textContent.trim();
  return !own && (box.width < least - 0.01 || box.height < least - 0.01);
}).map(item => item.outerHTML.slice(0, 160))"""
# A form in which Enter does what cannot be taken back, or nothing
ENTER = """() => Array.from(document.forms).filter(form => {
  const typed = form.querySelector("input:not([type=hidden]):not([type=checkbox]):not([type=radio]):not([hidden])");
  if (!typed) return false;
  const button = form.querySelector("button[type=submit], input[type=submit]");
  return !button || (button.classList.contains("danger") && form.querySelectorAll("button[type=submit]").length > 1);
}).map(form => form.outerHTML.slice(0, 200))"""
MOVING = """() => Array.from(document.querySelectorAll("*")).filter(item => {
  const style = getComputedStyle(item);
  return parseFloat(style.transitionDuration) > 0 || style.animationName !== "none";
}).map(item => item.outerHTML.slice(0, 80))"""
# Rows of buttons: those that stand beside each other are of one height
UNEVEN = """() => Array.from(document.querySelectorAll(".actions")).map(row => {
  const boxes = Array.from(row.querySelectorAll("button, .button")).filter(item => item.checkVisibility())
    .map(item => item.getBoundingClientRect());
  return boxes.some(box => boxes.some(other => Math.abs(box.top - other.top) < 4
    && Math.abs(box.height - other.height) > 1)) ? row.outerHTML.slice(0, 300) : "";
}).filter(text => text)"""


def setUpModule() -> None:
    own_network()


class Everyone(Album):
    def walk(self, page: Page) -> list[int]:
        """Tab from the top to the end: what was reached, in this order; each is seen to have the focus."""
        wanted = dict(page.evaluate(NUMBER))
        reached: list[int] = []
        for _ in range(MOST_TABS):
            page.keyboard.press("Tab")
            focus: dict[str, Any] | None = page.evaluate(FOCUS)
            if focus is None or focus["number"] in reached:
                break
            reached.append(focus["number"])
            self.assertGreaterEqual(focus["outline"], 2, focus["what"])
            self.assertTrue(focus["inside"], focus["what"])
        self.assertEqual([text for number, text in wanted.items() if number not in reached], [])
        return reached

    def test_tab_reaches_everything_in_its_order_and_gets_out_again(self) -> None:
        for size in ("desktop", "phone")[: cases(1, 2)]:
            page = self.enter(size=size)

            def look(_name: str, page: Page = page) -> None:
                reached = self.walk(page)
                self.assertGreater(len(reached), 8)
                self.assertEqual(reached, sorted(reached))  # as it is read

            self.over_pages(page, 4, look)

    def test_with_every_part_opened(self) -> None:
        page = self.enter()

        def look(_name: str) -> None:
            page.evaluate("() => document.querySelectorAll('details').forEach(item => { item.open = true; })")
            self.walk(page)
            self.assertEqual(page.evaluate(SMALL, LEAST), [])

        self.over_pages(page, 5, look)

    def test_the_skip_link_comes_first_and_leads_to_the_content(self) -> None:
        page = self.enter()

        def look(_name: str) -> None:
            page.keyboard.press("Tab")
            self.assertEqual(page.locator(":focus").get_attribute("class"), "skip")
            page.keyboard.press("Enter")
            self.assertEqual(page.evaluate("() => document.activeElement.id"), "main")
            page.keyboard.press("Tab")
            self.assertTrue(page.evaluate("() => document.activeElement.closest('main, footer') !== null"))

        self.over_pages(page, 6, look)

    def test_enter_sends_a_form_and_never_by_a_button_that_destroys(self) -> None:
        page = self.enter()
        self.over_pages(page, 1, lambda _name: self.assertEqual(page.evaluate(ENTER), []))
        self.answers = dict(GOOD_ANSWERS)
        page.goto(self.url + "/join")
        page.get_by_label("Invite", exact=True).fill("ISTHMUS-X")
        page.locator("#proof-accept").fill("fluffy kitten 9")
        with page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/join/accept")):
            page.keyboard.press("Enter")

    def test_targets_are_large_enough_and_buttons_in_a_row_alike(self) -> None:
        for size in SIZES:
            page = self.enter(size=size)

            def look(_name: str, page: Page = page) -> None:
                self.assertEqual(page.evaluate(SMALL, LEAST), [])
                self.assertEqual(page.evaluate(UNEVEN), [])

            self.over_pages(page, 1, look)

    def test_letters_of_twice_the_size_and_no_motion(self) -> None:
        page = self.enter()
        page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})

        def look(name: str) -> None:
            self.assertEqual(page.evaluate("() => getComputedStyle(document.documentElement).fontSize"), "32px")
            self.assertEqual(page.evaluate(MOVING), [])
            for width in (1280, 640):
                page.set_viewport_size({"width": width, "height": 900})
                self.fits(page, f"{name} at {width} in large letters")

        self.over_pages(page, 2, look)

    def test_axe_in_german(self) -> None:
        page = self.enter(locale="de-DE")

        def look(name: str) -> None:
            self.assertEqual(page.locator("html").get_attribute("lang"), "de")
            self.in_all_forms(page, name + "-de")

        self.over_pages(page, 4, look)

    def test_pages_without_a_session(self) -> None:
        page = self.open()
        for name, path in WITHOUT:
            with self.subTest(name):
                page.goto(self.url + path)
                self.walk(page)
                self.assertEqual(page.evaluate(SMALL, LEAST), [])
                self.in_all_forms(page, name)


if __name__ == "__main__":
    unittest.main()
