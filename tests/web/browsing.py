"""Debian's chromium before the real program: what it refuses (CSP), what axe-core finds, and pictures for people."""

from __future__ import annotations

import shutil
import unittest
import zlib
from typing import Any

from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Browser, Page, sync_playwright

from isthmus import commands
from tests.counts import cases
from tests.web.world import SHOTS, Webbed

SIZES = {"phone": (320, 640), "desktop": (1280, 900)}
FORMS = (("phone", "dark"), ("desktop", "light"), ("phone", "light"), ("desktop", "dark"))
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = AXE_FILE_PATH.read_text("utf-8")


class Chromium(unittest.TestCase):
    """`self.open()` gives a page; every CSP violation and every mistake of a script fails the test. `self.port`."""

    browsing: Browser  # one for a class: its start takes seconds
    port: int

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        playwright = sync_playwright().start()
        cls.addClassCleanup(playwright.stop)
        cls.browsing = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        cls.addClassCleanup(cls.browsing.close)

    def setUp(self) -> None:
        super().setUp()
        self.troubles: list[str] = []
        self.addCleanup(lambda: self.assertEqual(self.troubles, []))

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def open(self, size: str = "desktop", scheme: str = "light", **options: Any) -> Page:
        width, height = SIZES[size]
        context = self.browsing.new_context(
            ignore_https_errors=True, viewport={"width": width, "height": height}, color_scheme=scheme,
            reduced_motion="reduce", locale=options.pop("locale", "en-GB"), **options,
        )  # fmt: skip
        context.set_default_timeout(60_000)
        self.addCleanup(context.close)
        page = context.new_page()
        page.on("console", self.hear)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        return page

    def hear(self, message: Any) -> None:
        """The console: refusals of the policy, errors, password fields of nobody; no answers that a test asks for."""
        is_heard = message.type in ("error", "warning") or "[DOM] Password forms" in message.text
        if is_heard and "Failed to load resource" not in message.text:
            self.troubles.append(message.text)

    def check(self, page: Page, name: str) -> None:
        """axe-core has nothing to say, nothing is wider than the window; and a picture is kept."""
        if not page.evaluate("() => 'axe' in window"):
            page.evaluate(AXE)
        found = page.evaluate("rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES)
        told = [(row["id"], [node["html"] for node in row["nodes"]][:3]) for row in found["violations"]]
        self.assertEqual(told, [], name)
        self.fits(page, name)
        SHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(SHOTS / f"{name}.png"), full_page=True)

    def fits(self, page: Page, name: str) -> None:
        """Nothing is wider than the window."""
        wide = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        self.assertLessEqual(wide, 0, f"{name} is wider than its window")

    def in_all_forms(self, page: Page, name: str) -> None:
        """At each size nothing is too wide; axe-core looks at one form of each page, in a full run at all."""
        first = zlib.crc32(name.encode()) % 2
        for number in range(cases(2, 4)):
            size, scheme = FORMS[(first + number) % len(FORMS)]
            width, height = SIZES[size]
            page.set_viewport_size({"width": width, "height": height})
            if number < cases(1, 4):
                page.emulate_media(color_scheme=scheme)
                self.check(page, f"{name}-{size}-{scheme}")
            else:
                self.fits(page, f"{name}-{size}")


class Browsed(Chromium, Webbed):
    """The same before the real program and a real daemon; `self.report`: what `status` answers, None: the truth."""

    report: dict[str, Any] | None = None

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(setattr, commands, "HANDLERS", commands.HANDLERS)
        commands.HANDLERS = {**commands.HANDLERS, "status": self.status}

    def status(self, daemon: Any, request: dict, now: int) -> dict:
        if self.report is not None:
            return self.report
        return commands._status(daemon, request, now)

    def log_in(self, page: Page, user: str, password: str) -> None:
        page.goto(self.url + "/login")
        page.get_by_label("Name", exact=True).fill(user)
        page.get_by_label("Password", exact=True).fill(password)
        page.locator("main button[type=submit]").click()
        page.wait_for_url(lambda url: url.partition("?")[0] == self.url + "/")
