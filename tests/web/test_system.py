"""The router itself by browser: users, backup and restore, the log, the examination. A real daemon."""

from __future__ import annotations

import re
import unittest
import uuid

from tests.edge.accounts_world import OTHER, PASSWORD
from tests.edge.world import own_network
from tests.web.world import Answer, Browser, Webbed

PHRASE = "seven quiet harbours at noon"


def setUpModule() -> None:
    own_network()


class Users(Webbed):
    def change(self, browser: Browser, **fields: str) -> Answer:
        return browser.settle(browser.post("/system/user", "/system", proof=PASSWORD, **fields))

    def rows(self) -> dict[str, str]:
        return {row["user"]: row["role"] for row in self.ask("user-list")["users"]}

    def test_added_changed_and_removed(self) -> None:
        anna = self.logged_in("anna")
        answer = self.change(anna, what="add", user="otto", role="look", password=OTHER, again=OTHER)
        self.assertEqual((answer.status, answer.header("location")), (303, "/system?done=add"), answer.text)
        self.assertEqual(self.rows(), {"anna": "administer", "otto": "look"})
        otto = self.browser()
        self.assertEqual(otto.login("otto", OTHER).header("location"), "/")
        page = otto.get("/system").text
        for text in ("Add this user", "Make a backup", "/system/diag"):
            self.assertNotIn(text, page)
        self.assertEqual(otto.get("/system/diag").status, 403)
        self.assertEqual(otto.get("/system/log").status, 200)
        answer = self.change(anna, what="role", user="otto", role="operate")
        self.assertEqual(self.rows()["otto"], "operate")
        self.assertEqual(otto.get("/").header("location"), "/login")  # its sessions ended
        self.assertEqual(self.change(anna, what="passwd", user="otto", password="a", again="b").status, 400)
        new = "another fine evening 4"
        self.assertEqual(self.change(anna, what="passwd", user="otto", password=new, again=new).status, 303)
        self.assertEqual(otto.login("otto", new).header("location"), "/")
        self.assertEqual(self.change(anna, what="delete", user="otto").status, 303)
        self.assertEqual(self.rows(), {"anna": "administer"})

    def test_what_is_wrong_is_said(self) -> None:
        anna = self.logged_in("anna")
        for fields in ({"what": "add", "user": "x y", "role": "look", "password": OTHER, "again": OTHER},
                       {"what": "add", "user": "x", "role": "root", "password": OTHER, "again": OTHER},
                       {"what": "add", "user": "x", "role": "look", "password": "short", "again": "short"},
                       {"what": "nothing", "user": "x"}, {"what": "delete", "user": "nobody-here"}):  # fmt: skip
            answer = self.change(anna, **fields)
            self.assertEqual(answer.status, 400, fields)
            self.assertIn('role="alert"', answer.text)
        self.assertEqual(self.rows(), {"anna": "administer"})


class Backups(Webbed):
    def upload(self, browser: Browser, data: bytes, phrase: str) -> Answer:
        mark = uuid.uuid4().hex
        token = browser.token("/system")
        parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
                 for name, value in (("form_token", token), ("passphrase", phrase), ("proof", PASSWORD))]  # fmt: skip
        name = "../../etc/passwd"  # S14: no name that a browser gives is a path of ours
        parts.append(f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode())
        body = b"".join(parts) + data + f"\r\n--{mark}--\r\n".encode()
        headers = {**browser.own_headers(), "Content-Type": f"multipart/form-data; boundary={mark}"}
        return browser.settle(browser.send("POST", "/system/restore", body, headers))

    def test_made_looked_into_and_put_back_on_trial(self) -> None:
        browser = self.logged_in()
        answer = browser.settle(browser.post("/system/backup", "/system", passphrase=PHRASE, again=PHRASE,
                                             proof=PASSWORD))  # fmt: skip
        self.assertEqual((answer.status, answer.header("content-type")), (200, "application/octet-stream"))
        self.assertRegex(answer.header("content-disposition"), r'^attachment; filename="isthmus-[A-Za-z0-9._-]+"$')
        self.assertEqual(answer.header("cache-control"), "no-store")
        self.assertNotIn(b"correct horse", answer.body)
        backup = answer.body
        file = self.path / "config" / "isthmus"
        before = file.read_text()
        file.write_text(before.replace("'branch'", "'office'"))
        self.ask("reload")
        self.assertEqual(self.upload(browser, backup, "wrong wrong wrong wrong").status, 400)
        self.assertEqual(self.upload(browser, b"no backup at all", PHRASE).status, 400)
        page = self.upload(browser, backup, PHRASE)
        self.assertEqual(page.status, 200, page.text)
        self.assertIn("tunnels: branch", page.text)
        self.assertIn("office", file.read_text())  # nothing has happened yet
        mark = re.search(r'name="mark" value="([0-9a-f]+)"', page.text).group(1)
        answer = browser.settle(browser.post("/system/restore/apply", "/system", mark=mark, seconds="120",
                                             proof=PASSWORD))  # fmt: skip
        self.assertEqual((answer.status, answer.header("location")), (303, "/change"), answer.text)
        self.assertEqual([row["name"] for row in self.ask("status")["tunnels"]], ["branch"])
        kept = re.search(r'name="mark" value="([0-9a-f]{16})"', browser.get("/change").text).group(1)
        self.assertEqual(browser.settle(browser.post("/change/keep", "/change", mark=kept, anyway="")).status, 303)
        self.assertEqual(file.read_text(), before)

    def test_s23_a_file_that_is_too_large_is_no_matter(self) -> None:
        browser = self.logged_in()
        self.assertEqual(self.upload(browser, bytes(60_000), PHRASE).status, 400)
        self.assertEqual(self.upload(browser, bytes(100_000), PHRASE).status, 413)

    def test_the_log_and_the_examination(self) -> None:
        browser = self.logged_in()
        self.assertEqual(browser.get("/system/log").status, 200)
        page = browser.get("/system/doctor")
        self.assertEqual(page.status, 200)
        self.assertIn("What was looked at", page.text)
        answer = browser.get("/system/diag")
        self.assertIn("attachment", answer.header("content-disposition"))
        self.assertIn("===", answer.text)
        self.assertNotIn("correct horse", answer.text)


if __name__ == "__main__":
    unittest.main()
