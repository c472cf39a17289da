"""The API from scripts in Debian's chromium: of a page of ours, which may, and of another site's, which may not."""

from __future__ import annotations

import json
import unittest
from typing import Any

from tests.edge.accounts_world import PASSWORD
from tests.edge.world import own_network
from tests.web.browsing import Browsed

# Sends one request: "STATUS BODY", or "refused" by the browser.
SEND = """([url, method, kind, headers, body]) => fetch(url, {
    method: method, credentials: 'include', headers: {...(kind ? {'Content-Type': kind} : {}), ...headers},
    body: method == 'GET' ? undefined : body, mode: 'cors',
}).then(answer => answer.text().then(text => answer.status + ' ' + text), () => 'refused')"""
BLIND = """([url, kind, body]) => fetch(url, {
    method: 'POST', credentials: 'include', headers: {'Content-Type': kind}, body: body, mode: 'no-cors',
}).then(() => 'sent', () => 'refused')"""


def setUpModule() -> None:
    own_network()


class Scripts(Browsed):
    def setUp(self) -> None:
        super().setUp()
        self.ask("user-add", user="anna", role="administer", password=PASSWORD)

    def state(self) -> str:
        return str(self.ask("show", tunnel="branch")["state"])

    def send(self, page: Any, path: str, method: str = "GET", kind: str = "", headers: dict | None = None) -> str:
        url = f"{self.url}/api/v1{path}"
        return str(page.evaluate(SEND, [url, method, kind, headers or {}, "{}"]))

    def test_s07_s30_a_page_of_ours_may_and_another_site_may_not(self) -> None:
        page = self.open()
        self.log_in(page, "anna", PASSWORD)
        status, _, text = self.send(page, "/session").partition(" ")
        self.assertEqual(status, "200", text)
        form = {"X-Isthmus-Form": json.loads(text)["form_token"]}
        kind = "application/json"
        down, up = "/tunnels/branch/down", "/tunnels/branch/up"
        self.assertTrue(self.send(page, down, "POST", kind).startswith("403"))
        self.assertTrue(self.send(page, down, "POST", kind, form).startswith("200"))
        self.assertEqual(self.state(), "disabled")
        self.assertTrue(self.send(page, up, "POST", kind, form).startswith("200"))

        evil = page.context.new_page()
        evil.route("https://evil.example/**", lambda route: route.fulfill(content_type="text/html", body="<title>x"))
        evil.goto("https://evil.example/")
        bearer = {"Authorization": "Bearer " + "5" * 64}
        for headers in ({}, form, bearer):
            for method, sent in (("GET", ""), ("POST", kind), ("POST", "text/plain")):
                self.assertEqual(self.send(evil, down, method, sent, headers), "refused", (headers, method, sent))
        self.assertEqual(self.send(evil, "/session"), "refused")
        for sent in ("text/plain", "application/x-www-form-urlencoded"):  # without a preflight it goes out, for nothing
            evil.evaluate(BLIND, [f"{self.url}/api/v1{down}", sent, "{}"])
        self.assertNotEqual(self.state(), "disabled")
        self.assertTrue(self.send(page, "/session").startswith("200"))


if __name__ == "__main__":
    unittest.main()
