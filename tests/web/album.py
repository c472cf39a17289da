"""Pages in Debian's chromium that are made of answers that are played: no daemon, each answer as a test wants it."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus_web.app import create_app
from isthmus_web.certificate import make
from isthmus_web.link import Link
from isthmus_web.web import Bunch
from tests.counts import cases
from tests.web.answers import GOOD_ANSWERS, PAGES
from tests.web.browsing import Chromium

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

TOKEN = "5" * 64


class Album(Chromium):
    """`self.answers`: command -> what is answered."""

    def setUp(self) -> None:
        super().setUp()
        self.answers: dict[str, Any] = dict(GOOD_ANSWERS)
        folder = tempfile.TemporaryDirectory(prefix="isthmus-web-")
        self.addCleanup(folder.cleanup)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pem = Path(folder.name) / "device.pem"
        make(str(pem), ["127.0.0.1", "localhost"])
        context.load_cert_chain(pem)
        sock = socket.create_server(("127.0.0.1", 0))
        self.port = sock.getsockname()[1]
        bunch = Bunch(create_app(Link("/nowhere", self.answer), frozenset(("localhost",))), [sock], context)
        self.goes_on = True
        thread = threading.Thread(target=bunch.run, args=(lambda: self.goes_on,), daemon=True)
        thread.start()

        def end() -> None:
            self.goes_on = False
            thread.join(30)
            bunch.close()

        self.addCleanup(end)

    def answer(self, _run: str, request: dict, _timeout: int) -> dict:
        found = self.answers[request["command"]]
        if isinstance(found, Exception):
            raise found
        return found

    def enter(self, **options: Any) -> Any:
        page = self.open(**options)
        page.context.add_cookies([{"name": "__Host-isthmus", "value": TOKEN, "url": self.url, "secure": True,
                                   "httpOnly": True, "sameSite": "Strict"}])  # fmt: skip
        return page

    def over_pages(self, page: Page, every: int, look: Callable[[str], object]) -> None:
        """look(name) at each page, open in this window: at every so manieth, in a full run at all."""
        for name, path, answers in PAGES[:: cases(every, 1)]:
            with self.subTest(name):
                page.goto("about:blank")  # or the last page, live as it is, would be shown what is not its own
                self.answers = {**GOOD_ANSWERS, **answers}
                page.goto(self.url + path)
                look(name)
