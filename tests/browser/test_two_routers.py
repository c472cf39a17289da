"""Two real routers by browser alone: joined, a device forced, VPN programs blocked, a bad edit that undoes itself.

The tests are one story, in the order of their numbers. Wherever a page says that something is blocked, packets are sent
that would show otherwise; and the same packets are seen first while nothing is blocked.
"""

from __future__ import annotations

import json
import re
import sys
import time
from typing import Any, ClassVar

from playwright.sync_api import Page, expect

from tests.browser.routers import Routers
from tests.counts import cases
from tests.web.browsing import FORMS, SIZES, Chromium
from tests.web.world import SHOTS

USER = "anna"
PASSWORDS = {"a": "seven herons over harbour", "b": "a lamp on the long pier"}
PAUSE_MS = 120_000  # an emulated router on a busy machine
HOST_A = "192.168.10.2"
WORD = re.compile(r"^[A-Za-z]{3,12}$")


class TwoRouters(Chromium):
    """`self.pages`: a browser before each router, which its administrator has opened."""

    routers: ClassVar[Routers]
    joined: ClassVar[bool] = False

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.routers = Routers()
        cls.addClassCleanup(cls.routers.close)
        cls.routers.start()
        expect.set_options(timeout=PAUSE_MS)

    def setUp(self) -> None:
        super().setUp()
        self.typed = {"a": 0, "b": 0}
        self.asked: list[str] = []
        if "test_1" not in self.id():
            self.assertTrue(type(self).joined, "the first test joins the two sites; look there")
        self.addCleanup(self.tell)

    def tell(self) -> None:
        """What browsers and routers know, once a test has failed."""
        result = self._outcome.result  # type: ignore[attr-defined]
        if [True for test, _ in result.failures + result.errors if test is self]:
            sys.stderr.write("\n".join(self.asked[-60:]) + "\n")
            for site in "ab":
                sys.stderr.write(f"--- {site}: {json.dumps(self.routers.order('status', site=site))}\n")
                sys.stderr.write(self.routers.order("log", site=site))

    # --- what people do -----------------------------------------------------------------------------------------------

    def browser(self, site: str) -> Page:
        """A browser of its own, at the first page of a router."""
        page = self.open("desktop")
        page.set_default_timeout(PAUSE_MS)
        page.on("response", lambda one: self.keep(one.status, one.url))
        page.on("requestfailed", lambda one: self.keep(one.failure, one.url))
        page.goto(self.routers.url(site))
        last = SHOTS / f"routers-last-{self.id().split('.')[-1][:6]}-{site}.png"
        self.addCleanup(lambda: page.screenshot(path=str(last), full_page=True))
        return page

    def keep(self, result: object, url: str) -> None:
        """For tell()."""
        self.asked.append(f"{time.strftime('%H:%M:%S')} {result} {url}")

    def type(self, site: str, page: Page, label: str, text: str) -> None:
        """One value, typed or pasted."""
        page.get_by_label(label, exact=True).fill(text)
        self.typed[site] += 1

    def press(self, page: Page, name: str) -> None:
        page.get_by_role("button", name=name, exact=True).click()

    def go(self, page: Page, name: str) -> None:
        page.get_by_role("navigation").get_by_role("link", name=name, exact=True).first.click()

    def log_in(self, site: str) -> Page:
        page = self.browser(site)
        self.type(site, page, "Name", USER)
        self.type(site, page, "Password", PASSWORDS[site])
        page.locator("main button[type=submit]").click()
        expect(page.get_by_role("link", name="Log out").or_(page.get_by_role("button", name="Log out"))).to_be_visible()
        return page

    def prove(self, page: Page, site: str) -> None:
        """The password once more, where the page asks for it."""
        field = page.get_by_label("Your password, once more").locator("visible=true")
        if field.count():
            field.first.fill(PASSWORDS[site])

    def put_in_force(self, page: Page, name: str, keep: bool = True) -> str:
        """What waits is tried, and kept; what it meant."""
        expect(page.get_by_role("heading", name="Put it in force, on trial")).to_be_visible()
        meant = page.locator("main").inner_text()
        self.picture(page, name + "-meaning")
        self.prove(page, "a")
        self.press(page, "Put it in force")
        expect(page.get_by_role("heading", name="A change is on trial")).to_be_visible()
        if keep:
            self.press(page, "Keep this change")
            trouble = page.get_by_role("heading", name="Keep it although something fails?")
            kept = page.get_by_text("The last change was kept")
            expect(kept.or_(trouble)).to_be_visible()
            self.assertEqual(trouble.count(), 0, page.locator("main").inner_text())
        return meant

    def picture(self, page: Page, name: str) -> None:
        """The page at both sizes, light and dark; axe-core looks at it once."""
        page.wait_for_load_state("load")  # with its style sheet
        before = page.viewport_size
        for number, (size, scheme) in enumerate(FORMS):
            width, height = SIZES[size]
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            if number:
                self.shoot(page, f"routers-{name}-{size}-{scheme}")
            else:
                self.check(page, f"routers-{name}-{size}-{scheme}")
        assert before is not None
        page.set_viewport_size(before)
        page.emulate_media(color_scheme="light")

    def canary(self, kind: str) -> float:
        """The share of host A's packets that the Internet sees in the clear."""
        count = cases(50, 500)
        seen = self.routers.order("canary", kind=kind, count=count)
        return float(seen) / count

    def note(self, text: str) -> None:
        """A figure for people."""
        sys.stderr.write(f"figure: {text}\n")

    # --- the story ----------------------------------------------------------------------------------------------------

    def test_1_two_fresh_routers_are_joined_by_one_paste(self) -> None:
        pages: dict[str, Page] = {}
        for site, words in PASSWORDS.items():
            pages[site] = page = self.browser(site)
            expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
            if site == "a":
                self.picture(page, "1-welcome")
            told = self.routers.order("command", site=site, words=["user", "code"])
            code = re.search(r"[A-Z0-9]{4}(-[A-Z0-9]{4}){3}", told["out"])
            assert code, told
            page.get_by_label("Code").fill(code.group(0))
            page.get_by_label("Your name").fill(USER)
            page.get_by_label("Password", exact=True).fill(words)
            page.get_by_label("Password once more").fill(words)
            self.press(page, "Set the password and log in")
            expect(page.get_by_role("navigation").get_by_role("link", name="Add a site").first).to_be_visible()
        self.picture(pages["a"], "2-nothing-yet")
        a, b = pages["a"], pages["b"]

        begin = time.monotonic()
        self.go(a, "Add a site")
        self.press(a, "Make an invite")
        shown = a.get_by_role("textbox", name="Invite")
        expect(shown).to_be_visible()
        invite = shown.inner_text()
        self.go(b, "Add a site")
        self.type("b", b, "Invite", invite)
        self.press(b, "Begin")
        words = [self.words(page) for page in (a, b)]
        self.assertEqual(words[0], words[1])
        self.assertEqual([bool(WORD.match(word)) for word in words[0]], [True] * 3, words)
        paused = time.monotonic()
        self.picture(b, "3-words")
        paused = time.monotonic() - paused
        for page in (a, b):
            self.press(page, "Yes, they are the same: join the two sites")
        ping = self.routers.order("ping", count=cases(50, 500))
        took = time.monotonic() - begin - paused
        self.assertEqual(ping["lost"], 0)
        self.note(f"two fresh routers, from the first click to LAN-to-LAN ping by browser: {took:.1f} s; values typed "
                  f"or pasted: {self.typed['a']} at the inviter, {self.typed['b']} at the other; secrets typed: 0")
        self.assertLessEqual(max(self.typed.values()), 2)
        for site in "ab":
            self.assertNotIn(invite, self.routers.order("log", site=site))
        type(self).joined = True
        for site, page in pages.items():
            self.go(page, "Overview")
            expect(page.get_by_role("heading", name="1 site is connected")).to_be_visible()
            self.picture(page, f"4-joined-{site}")

    def words(self, page: Page) -> list[str]:
        """The three words, once they are there."""
        shown = page.locator(".words span")
        expect(shown).to_have_count(3)
        return [text.strip().lower() for text in shown.all_inner_texts()]

    def test_2_a_forced_device_is_held_back_when_the_tunnel_dies(self) -> None:
        self.assertGreater(self.canary("udp"), 0.9, "nothing is forced: canaries that are not seen prove nothing")
        page = self.log_in("a")
        self.go(page, "Forced")
        page.locator(f"label.check:has-text('{HOST_A}') input").check()
        self.type("a", page, "Name of the rule", "cameras")
        self.press(page, "See what that means")
        self.put_in_force(page, "5-forced")
        self.go(page, "Forced")
        card = page.locator("section", has=page.get_by_role("heading", name="cameras", exact=True))
        expect(card.locator(".state")).to_have_text("Protected")
        self.assertEqual(self.canary("udp"), 0)
        self.picture(page, "6-protected")

        self.routers.order("link", up=False)
        begin = time.monotonic()
        expect(card.locator(".state")).to_have_text("Blocked")  # by itself, in a page that nobody touches
        self.note(f"from the cut of the line to Blocked on an open page: {time.monotonic() - begin:.1f} s")
        self.assertEqual(self.canary("udp"), 0)
        self.picture(page, "7-blocked")
        self.go(page, "Overview")
        self.picture(page, "8-cut")

        self.routers.order("link", up=True)
        self.go(page, "Forced")
        expect(card.locator(".state")).to_have_text("Protected")
        self.assertEqual(self.canary("udp"), 0)
        card.get_by_role("button", name="Remove cameras").click()
        self.assertIn(HOST_A, self.put_in_force(page, "9-removed"))
        self.assertGreater(self.canary("udp"), 0.9)

    def test_3_vpn_programs_are_blocked_and_let_through(self) -> None:
        kinds = ("ike", "nat-t", "esp")
        for kind in kinds:
            self.assertGreater(self.canary(kind), 0.9, kind)
        page = self.log_in("a")
        self.go(page, "Passthrough")
        self.choose(page, "Block")
        self.put_in_force(page, "10-passthrough")
        self.assertEqual([self.canary(kind) for kind in kinds], [0, 0, 0])
        self.assertGreater(self.canary("udp"), 0.9, "only VPN programs are blocked")
        self.assertEqual(self.routers.order("ping", count=50)["lost"], 0)
        self.go(page, "Passthrough")
        self.picture(page, "11-blocked-programs")
        self.choose(page, "Nothing set")
        self.put_in_force(page, "12-passthrough-again")
        for kind in kinds:
            self.assertGreater(self.canary(kind), 0.9, kind)

    def choose(self, page: Page, action: str) -> None:
        """For IPsec, going out."""
        card = page.locator("section.card", has=page.locator("#p-ipsec"))
        card.get_by_label("For all devices, going out").select_option(label=action)
        card.get_by_role("button").click()

    def test_4_a_bad_edit_undoes_itself(self) -> None:
        before = self.routers.order("config", site="a")
        page = self.log_in("a")
        self.go(page, "Settings")
        page.get_by_role("link", name="branch", exact=True).click()
        remote = page.locator("#o-remote")
        remote.fill("203.0.113.77")  # a mistyped address: nobody is there
        self.press(page, "See what that means")
        expect(page.locator("#seconds")).to_be_visible()
        window = cases(40, 120)
        page.evaluate("seconds => { document.querySelector('#seconds option').value = seconds }", str(window))
        self.put_in_force(page, "13-edit", keep=False)
        self.picture(page, "14-trial")
        self.assertNotEqual(self.routers.order("config", site="a"), before)
        begin = time.monotonic()
        over = page.get_by_role("heading", name="A change is on trial")
        expect(over).to_have_count(0, timeout=1000 * window + PAUSE_MS)
        self.note(f"a bad edit was undone {time.monotonic() - begin:.0f} s after it was seen on trial, of {window}")
        self.picture(page, "15-undone")
        self.assertEqual(self.routers.order("config", site="a"), before)
        self.assertEqual(self.routers.order("ping", count=50)["lost"], 0)

    def test_5_without_its_daemon_the_page_says_how_to_start_it(self) -> None:
        page = self.log_in("a")
        self.routers.order("stop", site="a")
        page.reload()
        expect(page.locator("main")).to_contain_text("service isthmus start")
        self.picture(page, "16-away")
        self.routers.order("start", site="a")
        self.assertEqual(self.routers.order("ping", count=50)["lost"], 0)

    def test_6_names_that_carry_script_are_shown_and_nothing_more(self) -> None:
        hostile = "<script>document.title='taken'</script><img/src=x/onerror=document.title='taken'>"
        self.routers.order("hostname", name=hostile)
        self.routers.order("identity", name=hostile.replace("'", "`") + "@x")
        page = self.log_in("a")
        self.go(page, "Forced")
        expect(page.locator("label.check").first).to_contain_text("<script>")
        self.picture(page, "17-hostname")
        end = time.monotonic() + PAUSE_MS / 1000
        while "<script>" not in self.routers.order("log", site="a"):  # until router B has called under its new name
            self.assertLess(time.monotonic(), end, "router A has not been called")
            time.sleep(0.5)
        page.goto(self.routers.url("a") + "/system/log")
        expect(page.locator("main")).to_contain_text("<script>")
        self.picture(page, "18-identity")
        self.go(page, "Overview")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        self.assertNotIn("taken", page.title())
        self.assertEqual(page.locator("main script, main img").count(), 0)

    def shoot(self, page: Page, name: str) -> None:
        """A picture."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.fits(page, name)
        page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=True)


del Chromium  # its tests are those of the class above


def dump(routers: Any) -> None:
    """Both logs, for whoever looks for a reason."""
    for site in "ab":
        sys.stderr.write(routers.order("log", site=site))
