"""The overview in Debian's chromium: live, without JavaScript, by keyboard, and before another site that means harm."""

from __future__ import annotations

import unittest

from tests.edge.accounts_world import PASSWORD
from tests.edge.world import own_network
from tests.web.browsing import Browsed
from tests.web.world import GOOD, busy_report, report, tunnel, with_states


def setUpModule() -> None:
    own_network()


# Timers of a second and more never fire: no page asks by itself, so what it shows is what it was told
NO_POLLING = "const begin = window.setTimeout; window.setTimeout = (work, ms) => ms >= 1000 ? 0 : begin(work, ms);"
NO_STREAMS = "delete window.EventSource;"


class Overview(Browsed):
    def setUp(self) -> None:
        super().setUp()
        self.ask("user-add", user="anna", role="administer", password=PASSWORD)
        self.report = busy_report()

    def test_the_page_keeps_itself_up_to_date_and_what_is_open_stays_open(self) -> None:
        page = self.open()
        self.report = report([tunnel("office", "negotiating", with_states(GOOD, "wait", "wait", "wait", "wait", "ok"))])
        self.log_in(page, "anna", PASSWORD)
        page.get_by_text("How the router knows").click()
        self.report = report([tunnel("office", "up", GOOD)])
        page.get_by_role("heading", name="1 site is connected").wait_for()
        self.assertTrue(page.get_by_text("probe answered").is_visible())
        self.assertIn("1 site is connected", page.title())
        self.report = report([tunnel("office", "up", GOOD), tunnel("depot", "up", GOOD)])
        page.get_by_role("heading", name="All 2 sites are connected").wait_for()
        self.ask("user-role", user="anna", role="operate")  # ends the session
        page.wait_for_url(self.url + "/login")

    def test_the_page_is_told_of_changes_and_of_the_end_of_its_session(self) -> None:
        page = self.open()
        page.add_init_script(NO_POLLING)
        self.log_in(page, "anna", PASSWORD)
        self.report = report([tunnel("office", "up", GOOD)])
        page.get_by_role("heading", name="1 site is connected").wait_for()
        page.wait_for_timeout(6000)
        looks: list[str] = []
        page.on("request", lambda request: looks.append(request.url))
        page.wait_for_timeout(6000)
        self.assertEqual(looks, [])  # nothing changes, and nobody asks
        self.report = report([tunnel("office", "up", GOOD), tunnel("depot", "up", GOOD)])
        page.get_by_role("heading", name="All 2 sites are connected").wait_for()
        self.ask("user-role", user="anna", role="operate")  # ends the session
        page.wait_for_url(self.url + "/login")

    def test_a_token_that_another_window_has_renewed_ends_no_page(self) -> None:
        page = self.open()
        page.add_init_script(NO_POLLING)
        self.log_in(page, "anna", PASSWORD)
        other = page.context.new_page()
        other.goto(self.url + "/join")
        other.get_by_label("Your password, once more").first.fill(PASSWORD)
        with page.expect_request(lambda request: request.url.endswith("/events?page=overview"), timeout=90_000):
            other.get_by_role("button", name="Make an invite").click()
        self.report = report([tunnel("office", "up", GOOD)])
        page.get_by_role("heading", name="1 site is connected").wait_for()
        self.assertEqual(page.url, self.url + "/")

    def test_without_a_stream_the_page_asks_by_itself(self) -> None:
        for way in ("no EventSource", "refused", "cut off"):
            with self.subTest(way):
                page = self.open()
                if way == "no EventSource":
                    page.add_init_script(NO_STREAMS)
                elif way == "refused":
                    page.route("**/events?*", lambda route: route.fulfill(status=503))
                else:
                    page.route("**/events?*", lambda route: route.abort())
                self.report = busy_report()
                self.log_in(page, "anna", PASSWORD)
                self.report = report([tunnel("office", "up", GOOD)])
                page.get_by_role("heading", name="1 site is connected").wait_for()
                self.assertIn("1 site is connected", page.title())
                page.context.close()

    def test_without_javascript_everything_is_there(self) -> None:
        page = self.open(java_script_enabled=False)
        self.log_in(page, "anna", PASSWORD)
        self.assertIn("1 of 3 sites connected", page.locator("h1").inner_text())
        self.assertFalse(page.get_by_text("keeps itself up to date").is_visible())
        self.report = report([tunnel("office", "up", GOOD)])
        page.get_by_role("link", name="Look again").click()
        page.get_by_role("heading", name="1 site is connected").wait_for()
        page.get_by_role("button", name="Deutsch").click()
        page.get_by_role("link", name="Konto").click()
        page.get_by_role("button", name="Abmelden").click()
        page.wait_for_url(self.url + "/login")
        self.assertEqual(page.locator("h1").inner_text(), "Anmelden")

    def test_by_keyboard_alone(self) -> None:
        page = self.open()
        page.goto(self.url + "/login")
        page.keyboard.press("Tab")
        self.assertEqual(page.locator(":focus").inner_text(), "Skip to the content")
        self.assertTrue(page.locator(":focus").is_visible())
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type("anna")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(self.url + "/")
        seen: list[str] = []
        while "Deutsch" not in seen and len(seen) < 30:
            page.keyboard.press("Tab")
            focus = page.locator(":focus")
            box = focus.bounding_box()
            self.assertGreaterEqual(min(box["width"], box["height"]), 24, focus.inner_text())
            seen.append(focus.inner_text().strip())
        for text in ("Overview", "Account", "Log out", "How the router knows", "Look again", "English", "Deutsch"):
            self.assertIn(text, seen)

    def test_letters_of_twice_the_size_stay_in_the_window(self) -> None:
        page = self.open()
        self.log_in(page, "anna", PASSWORD)
        session = page.context.new_cdp_session(page)
        session.send("Page.setFontSizes", {"fontSizes": {"standard": 32, "fixed": 26}})
        page.set_viewport_size({"width": 640, "height": 900})
        self.assertEqual(page.evaluate("() => getComputedStyle(document.documentElement).fontSize"), "32px")
        wide = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        self.assertLessEqual(wide, 0)

    def test_s07_s25_another_site_can_neither_post_nor_frame_nor_read(self) -> None:
        page = self.open()
        self.log_in(page, "anna", PASSWORD)
        evil = page.context.new_page()
        form = f'<form method="post" action="{self.url}/logout"><button>x</button></form>'
        frame = f'<iframe src="{self.url}/"></iframe>'
        evil.route("https://evil.example/**", lambda route: route.fulfill(
            content_type="text/html", body=f"<!doctype html><title>evil</title>{form}{frame}"))  # fmt: skip
        evil.goto("https://evil.example/")
        evil.wait_for_timeout(500)
        self.assertNotIn("sites connected", "".join(part.content() for part in evil.frames[1:]))
        read = evil.evaluate(
            "url => fetch(url, {credentials: 'include'}).then(answer => answer.text(), () => 'refused')", self.url + "/"
        )
        self.assertEqual(read, "refused")
        evil.get_by_role("button").click()
        evil.get_by_text("out of date").wait_for()
        page.reload()
        self.assertIn("sites connected", page.locator("h1").inner_text())

    def test_s11_hostile_names_stay_text_in_a_browser(self) -> None:
        page = self.open()
        nasty = '"><img src=x onerror="document.title=1"><script>document.title=2</script>\u202e'
        lamps = [{**row, "evidence": nasty} for row in GOOD]
        error = {"code": "x", "message": nasty, "remedy": nasty, "ago_s": 1}
        self.report = report([tunnel(nasty, "waiting", lamps, remote=nasty, error=error)])
        self.log_in(page, "anna", PASSWORD)
        page.wait_for_timeout(500)
        self.assertIn("Isthmus", page.title())
        self.assertEqual(page.locator("img").count(), 0)
        self.assertEqual(page.locator("script").count(), 1)
        self.check(page, "hostile")


class Trial(Browsed):
    def test_a_change_counts_down_before_ones_eyes_and_is_kept(self) -> None:
        self.ask("user-add", user="anna", role="administer", password=PASSWORD)
        rows = [{"section": "tills", "type": "forced"},
                {"section": "tills", "option": "from", "values": ["02:00:00:00:00:51"]},
                {"section": "tills", "option": "via", "values": ["branch"]}]  # fmt: skip
        self.ask("config-stage", mark=self.ask("config-get")["mark"], changes=rows)
        page = self.open()
        self.log_in(page, "anna", PASSWORD)
        page.get_by_role("link", name="Changes").click()
        page.get_by_label("Your password, once more").fill(PASSWORD)
        page.get_by_role("button", name="Put it in force").click()
        page.get_by_role("heading", name="A change is on trial").wait_for()
        left = page.locator("#live-left .strong")
        before = left.inner_text()
        page.wait_for_function("text => document.querySelector('#live-left .strong').innerText !== text", arg=before)
        self.assertEqual([row["name"] for row in self.ask("policy")["rules"]], ["tills"])
        page.get_by_role("button", name="Keep this change").click()
        page.get_by_text("The last change was kept").wait_for()
        self.assertEqual(self.ask("apply-status")["state"], "idle")


if __name__ == "__main__":
    unittest.main()
