"""First password, login, sessions and account: the real program before a real daemon, browser by browser."""

from __future__ import annotations

import threading
import unittest

from tests.edge.accounts_world import OTHER, PASSWORD
from tests.edge.world import own_network
from tests.web.world import Answer, Browser, Webbed

SESSION, VISIT, MARK = "__Host-isthmus", "__Host-isthmus-visit", "__Host-isthmus-mark"


def setUpModule() -> None:
    own_network()


class First(Webbed):
    def claim(
        self, browser: Browser, code: str, user: str = "alice", password: str = PASSWORD, again: str = ""
    ) -> Answer:
        return browser.settle(browser.post("/first", code=code, user=user, password=password, again=again or password))

    def test_s01_until_there_is_a_password_nothing_works_but_setting_one(self) -> None:
        browser = self.browser()
        for path in ("/", "/login", "/account", "/wait/x", "/nowhere", "/static/style.css"):
            answer = browser.get(path)
            self.assertIn((answer.status, answer.header("location")),
                          [(303, "/first"), (404, ""), (200, "")], path)  # fmt: skip
        self.assertEqual(browser.get("/static/style.css").status, 200)
        browser.jar[SESSION] = "0" * 64
        self.assertEqual(browser.get("/").header("location"), "/login")  # isthmusd knows no such session
        browser.jar.pop(SESSION, None)
        for path in ("/account/password", "/account/session", "/login"):
            self.assertNotEqual(
                browser.settle(browser.post(path, "/first", user="a", password=PASSWORD)).status, 200, path
            )
        self.assertEqual(self.ask("user-list")["users"], [])
        code = self.ask("user-code")["code"]
        for wrong in ("", "x", "0" * 16, code[:-1], "x" * 500):
            answer = self.claim(browser, wrong)
            self.assertEqual(answer.status, 400)
            self.assertIn("code is wrong", answer.text)
        answer = self.claim(browser, " " + code.lower().replace("-", ""))
        self.assertEqual((answer.status, answer.header("location")), (303, "/"))
        self.assertEqual(browser.get("/").status, 200)
        self.assertEqual(
            self.claim(self.browser(), code, "mallory").status, 403
        )  # the form is no more: no visit, no token
        self.assertEqual([row["user"] for row in self.ask("user-list")["users"]], ["alice"])
        self.assertEqual(self.browser().get("/first").header("location"), "/login")

    def test_s01_two_browsers_race_for_it_and_one_wins(self) -> None:
        code = self.ask("user-code")["code"]
        statuses: dict[str, int] = {}

        def race(name: str) -> None:
            statuses[name] = self.claim(self.browser(), code, name).status

        threads = [threading.Thread(target=race, args=(name,)) for name in ("alice", "mallory")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = [row["user"] for row in self.ask("user-list")["users"]]
        self.assertEqual([name for name, status in statuses.items() if status == 303], winners)
        self.assertEqual(len(winners), 1)

    def test_s02_what_a_password_may_be(self) -> None:
        code = self.ask("user-code")["code"]
        browser = self.browser()
        rows = (("short1", "at least 8"), ("password", "tried first"), ("alice2026", "tried first"),
                ("x" * 129, "at most"), ("qwertzuiop", "tried first"), ("a\tbcdefghij", "control"))  # fmt: skip
        for password, text in rows:
            answer = self.claim(browser, code, password=password)
            self.assertEqual(answer.status, 400, password)
            self.assertIn(text, answer.text)
            self.assertNotIn(f'value="{password}"', answer.text)
        answer = self.claim(browser, code, password=PASSWORD, again="something else 5")
        self.assertIn("not the same", answer.text)
        page = browser.get("/first").text
        self.assertNotRegex(page, r"onpaste|maxlength|pattern=")
        self.assertIn('autocomplete="new-password"', page)
        good = "h\u00f6r mir zu, " + "x1" * 58
        self.assertEqual(self.claim(browser, code, password=good).status, 303)
        self.assertEqual(self.browser().login("alice", good).status, 303)


class Sessions(Webbed):
    def test_s05_a_session_planted_before_login_is_not_taken_over(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        browser = self.browser()
        planted, visit = "a" * 64, "b" * 32
        browser.jar.update({SESSION: planted, VISIT: visit})
        self.assertEqual(browser.login().status, 303)
        self.assertNotEqual(browser.jar[SESSION], planted)
        self.assertNotEqual(browser.jar[VISIT], visit)
        thief = self.browser()
        thief.jar.update({SESSION: planted, VISIT: visit})
        self.assertEqual(thief.get("/").header("location"), "/login")

    def test_s05_after_logout_nothing_is_left(self) -> None:
        browser = self.logged_in()
        thief = self.browser()
        thief.jar = dict(browser.jar)
        self.assertEqual(thief.get("/").status, 200)
        form = browser.token("/account")
        self.assertEqual(browser.post("/logout", "/account").header("location"), "/login")
        self.assertNotIn(SESSION, browser.jar)
        self.assertIn(MARK, browser.jar)
        self.assertEqual(thief.get("/").header("location"), "/login")
        self.assertNotEqual(browser.post("/account/session", form_token=form, session="x").status, 200)

    def test_s05_a_restart_of_isthmusd_ends_sessions_and_of_the_web_does_not(self) -> None:
        browser = self.logged_in()
        self.stop_web()
        self.start_web()
        self.assertEqual(browser.get("/").status, 200)
        self.restart()
        answer = browser.get("/")
        self.assertEqual((answer.status, answer.header("location")), (303, "/login"))

    def test_s05_s18_another_password_takes_the_old_one_and_ends_other_sessions(self) -> None:
        browser = self.logged_in()
        other = self.browser()
        self.assertEqual(other.login().status, 303)
        token = browser.jar[SESSION]
        wrong = browser.settle(browser.post("/account/password", "/account", old=OTHER, password="new song 4711",
                                            again="new song 4711"))  # fmt: skip
        self.assertEqual(wrong.status, 400)
        self.assertIn("wrong", wrong.text)
        self.assertEqual(other.get("/").status, 200)
        bad = browser.settle(
            browser.post("/account/password", "/account", old=PASSWORD, password="short", again="short")
        )
        self.assertIn("at least 8", bad.text)
        self.assertEqual(browser.get("/").status, 200)
        done = browser.settle(browser.post("/account/password", "/account", old=PASSWORD, password="new song 4711",
                                           again="new song 4711"))  # fmt: skip
        self.assertEqual(done.header("location"), "/account?changed=1", done.text)
        self.assertNotEqual(browser.jar[SESSION], token)
        self.assertEqual(browser.get("/").status, 200)
        self.assertEqual(other.get("/").header("location"), "/login")
        self.assertEqual(self.browser().login(password=PASSWORD).status, 403)
        self.assertEqual(self.browser().login(password="new song 4711").status, 303)

    def test_s05_sessions_are_listed_and_ended(self) -> None:
        browser = self.logged_in()
        other = self.browser()
        other.login()
        page = browser.get("/account").text
        self.assertEqual(page.count("End this session"), 1)
        handle = page.split('name="session" value="')[1].split('"')[0]
        self.assertEqual(browser.post("/account/session", "/account", session=handle).status, 303)
        self.assertEqual(other.get("/").header("location"), "/login")
        self.assertEqual(browser.get("/").status, 200)
        self.assertIn("no such session", browser.post("/account/session", "/account", session="nothing").text)

    def test_s17_the_role_is_isthmusds_to_look_at(self) -> None:
        browser = self.logged_in("bob", "look")
        self.ask("user-role", user="bob", role="operate")
        self.assertEqual(browser.get("/").header("location"), "/login")  # its sessions ended with the former role

    def test_s04_failed_logins_are_slowed_and_told_of(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        guesser = self.browser()
        first = guesser.login(password="wrong guess")
        self.assertEqual((first.status, "wrong" in first.text), (403, True))
        for name in ("alice", "nobody-here"):  # the address waits, not the name
            answers = [first]
            while answers[-1].status == 403 and len(answers) < 12:  # each failure doubles the wait, up to a minute
                answers.append(guesser.login(name, f"wrong guess {len(answers)}"))
            self.assertEqual(answers[-1].status, 503, name)
            self.assertIn("try again in", answers[-1].text)

    def test_s04_the_next_good_login_is_told_how_many_failed(self) -> None:
        known = self.logged_in()
        known.post("/logout", "/account")
        guesser = self.browser()
        for number in range(3):
            self.assertEqual(guesser.login(password=f"wrong guess {number}").status, 403)
        answer = known.login()
        self.assertEqual(answer.header("location"), "/?failed=3")
        self.assertIn("3 logins with your name have failed", known.get("/?failed=3").text)

    def test_s04_a_flood_of_logins_keeps_out_no_browser_that_was_here_before(self) -> None:
        known = self.logged_in()
        known.post("/logout", "/account")
        stop = threading.Event()

        def flood() -> None:
            browser = self.browser()
            while not stop.is_set():
                browser.post("/login", user="alice", password="wrong guess 5")

        threads = [threading.Thread(target=flood) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            self.assertEqual(known.login().status, 303)
            self.assertEqual(known.get("/").status, 200)
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def test_a_stranger_cannot_fetch_what_another_waits_for(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        browser = self.browser()
        answer = browser.post("/login", user="alice", password=PASSWORD)
        where = answer.header("location")
        thief = self.browser()
        thief.get("/login")
        for path in (where if where.startswith("/wait/") else "/wait/x", "/wait/" + "A" * 22):
            self.assertEqual(thief.get(path).status, 404)
        self.assertNotIn(SESSION, thief.jar)

    def test_s15_no_secret_is_said_anywhere(self) -> None:
        code = self.ask("user-code")["code"]
        browser = self.browser()
        self.assertEqual(
            browser.settle(browser.post("/first", code=code, user="alice", password=PASSWORD, again=PASSWORD)).status,
            303,
        )
        said = "".join(browser.get(path).text for path in ("/", "/account", "/login"))
        stranger = self.browser()
        said += stranger.login(password="wrong guess 55").text + stranger.login("wrong guess 55", OTHER).text
        said += browser.settle(browser.post("/account/password", "/account", old="wrong guess 55", password=OTHER,
                                            again=OTHER)).text  # fmt: skip
        secrets = [code, PASSWORD, OTHER, browser.jar[SESSION], browser.jar[MARK]]
        with (
            open(f"/proc/{self.web.pid}/cmdline", "rb") as words,
            open(f"/proc/{self.web.pid}/environ", "rb") as settings,
        ):
            around = words.read().decode() + settings.read().decode()
        around += self.said.read_text() + "\n".join(self.log.lines)
        for secret in secrets:
            self.assertNotIn(secret, around)
            self.assertNotIn(secret, said)
        self.assertNotIn("wrong guess 55", around)


class Away(Webbed):
    def test_s29_isthmusd_is_not_running(self) -> None:
        browser = self.logged_in()
        form = browser.token("/account")
        self.stop()
        for path in ("/", "/login", "/first", "/account"):
            answer = browser.get(path)
            self.assertEqual(answer.status, 503, path)
            self.assertIn("<code>service isthmus start</code>", answer.text)
            self.assertIn("stays protected", answer.text)
        for path in ("/login", "/logout", "/account/session", "/account/password"):
            answer = browser.settle(browser.post(path, form_token=form, user="a", password="b", old="c", again="b"))
            self.assertEqual(answer.status, 503, path)
        self.start()
        self.assertEqual(browser.get("/").header("location"), "/login")
        self.assertEqual(browser.login().status, 303)
        self.assertEqual(browser.get("/").status, 200)


if __name__ == "__main__":
    unittest.main()
