"""What is refused ahead of every page, and the headers behind every answer: the application alone, isthmusd played.

S1-S31 are the rows of the checklist in the project's reference (router web interfaces): a test names the row it holds.
"""

from __future__ import annotations

import re
import unittest
from typing import Any

from isthmus.errors import IsthmusError
from isthmus_web.api.routes import ROUTES
from isthmus_web.app import create_app
from isthmus_web.gate import CSP, comes_from_us, host_fits
from isthmus_web.link import Link
from tests.web.answers import GOOD_ANSWERS, PAGES, SESSION
from tests.web.world import GOOD, report, tunnel

NAMES = frozenset(("router", "router.lan"))
OPEN_TO_ALL = {"login.page", "login.enter", "login.leave", "login.choose_language", "first.page", "first.claim",
               "wait.page", "static", "api.hello", "api.first_password", "api.login"}  # fmt: skip
LOOKS = {"hello", "session", "sessions", "status", "apply-status", "apply-look", "config-get",
         "pair-status", "show", "history", "policy", "hosts", "config-rows",
         "user-list", "doctor", "log", "diag", "policy-explain"}  # fmt: skip
ACTS = {
    "overview.page", "account.page", "account.change_password", "account.end_session",
    "change.page", "change.begin_trial", "change.keep", "change.undo", "change.drop",
    "join.page", "join.invite", "join.show_invite", "join.accept", "join.approve", "join.cancel",
    "peer.index", "peer.page", "peer.add", "peer.text",
    "tunnel.page", "tunnel.doctor", "tunnel.act", "tunnel.rotate", "tunnel.unpair", "tunnel.remove",
    "forced.page", "forced.add", "forced.move", "forced.remove", "forced.test",
    "settings.index", "settings.page", "settings.keep", "settings.remove",
    "passthrough.page", "passthrough.choose",
    "system.page", "system.doctor", "system.log", "system.diag", "system.backup", "system.restore", "system.put_back",
    "system.change_user", "events.stream",
} | {"api." + route.name for route in ROUTES if not route.is_open}  # fmt: skip
TOKEN = "5" * 64


def filled(rule: str) -> str:
    """A path of this rule."""
    signs = {"<path:filename>": "style.css", "<number>": "x", "<int:key>": "7", "<name>": "office", "<kind>": "tunnel",
             "<tunnel>": "office", "<user>": "otto", "<session>": "a1", "<type>": "tunnel", "<pairing>": "3",
             }  # fmt: skip
    for sign, text in signs.items():
        rule = rule.replace(sign, text)
    return rule


WORDS = ("state", "role", "kind", "level", "area", "nat", "protocol", "action", "direction", "mark", "type")


def hostile(answer: Any, text: str) -> Any:
    """The same with this in place of every text but isthmusd's own words and numbers."""
    if isinstance(answer, dict):
        return {key: value if key in WORDS and isinstance(value, str) else hostile(value, text)
                for key, value in answer.items()}  # fmt: skip
    if isinstance(answer, list):
        return [hostile(value, text) for value in answer]
    if isinstance(answer, IsthmusError):
        return IsthmusError(text, text, answer.code)
    return text if isinstance(answer, str) else answer


class Played(unittest.TestCase):
    """`self.answers`: command -> result or error; `self.asked`: the requests."""

    def setUp(self) -> None:
        self.asked: list[dict] = []
        self.answers: dict[str, Any] = dict(GOOD_ANSWERS)
        self.app = create_app(Link("/nowhere", self.answer), NAMES)
        self.client = self.app.test_client()

    def answer(self, _run: str, request: dict, _timeout: int) -> dict:
        self.asked.append(request)
        found = self.answers[request["command"]]
        if isinstance(found, Exception):
            raise found
        return found

    def send(
        self, method: str, path: str, host: str = "192.168.1.1:8443", headers: dict | None = None, **more: Any
    ) -> Any:
        environ = {"isthmus.local": "192.168.1.1", "HTTP_HOST": host}
        return self.client.open(path, method=method, base_url="https://192.168.1.1:8443", environ_overrides=environ,
                                headers=headers or {}, **more)  # fmt: skip

    def log_in(self) -> None:
        self.client.set_cookie("__Host-isthmus", TOKEN, domain="192.168.1.1", secure=True)
        self.send("GET", "/login")  # a visit as well

    def form(self, path: str = "/account") -> str:
        found = re.search(r'name="form_token" value="([0-9a-f]{64})"', self.send("GET", path).text)
        self.assertTrue(found, path)
        return found.group(1)


class Hosts(Played):
    def test_s08_only_the_address_reached_and_names_of_this_device(self) -> None:
        good = [
            "192.168.1.1",
            "192.168.1.1:8443",
            "192.168.1.1:80",
            "router",
            "router:8443",
            "ROUTER.lan",
            "router.lan.",
        ]
        bad = [
            "", " ", "evil.com", "evil.com:8443", "192.168.1.1.evil.com", "router.evil.com", "router.lan.evil",
            "xrouter",
            "192.168.1.2", "127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::1]:8443", "[fe80::1%25eth0]", "[fe80::1]",
            "[::ffff:192.168.1.1]", "192.168.1.1:", "192.168.1.1:x", "192.168.1.1:123456", "192.168.1.1@evil.com",
            "evil.com@192.168.1.1", "192.168.1.1, evil.com", "evil.com, 192.168.1.1", "192.168.1.1 evil.com",
            "192.168.1.1\t", "192.168.1.1/", "192.168.1.1?", "192.168.1.1#", "192.168.001.001", "3232235777",
            "0xc0a80101", "0300.0250.1.1", "192.168.257", "router..", ".router", "router..lan", "r\u00f6uter",
            "router\x00", "*", "*.lan", "lan", "http://router", "router\\evil", "%72outer", "router;evil", "'router'",
            "<router>", "\u3002router", "router.lan:8443:1",
        ]  # fmt: skip
        for host in good:
            self.assertTrue(host_fits(host, "192.168.1.1", NAMES), host)
        for host in bad:
            self.assertFalse(host_fits(host, "192.168.1.1", NAMES), host)
        self.assertGreaterEqual(len(good) + len(bad), 50)
        self.assertTrue(host_fits("[fd00::1]:8443", "fd00::1", NAMES))
        self.assertFalse(host_fits("fd00::1", "fd00::1", NAMES))
        self.assertTrue(host_fits("localhost:9", "127.0.0.1", NAMES))
        self.assertFalse(host_fits("", "", frozenset()))

    def test_s08_a_strange_host_gets_nothing_from_any_route(self) -> None:
        self.log_in()
        for rule in self.app.url_map.iter_rules():
            path = filled(rule.rule)
            for method in ("GET", "POST"):
                answer = self.send(method, path, host="evil.com")
                self.assertEqual((answer.status_code, answer.text), (421, "This is another device.\n"), path)
        self.assertEqual([request for request in self.asked if request["command"] not in ("hello", "session")], [])


class Origins(Played):
    def test_s07_where_a_form_may_come_from(self) -> None:
        host, own = "192.168.1.1:8443", "https://192.168.1.1:8443"
        rows = (
            ("same-origin", own, True), ("same-origin", "", True), ("none", own, True), ("", own, True),
            ("", "", False),
            ("cross-site", own, False), ("same-site", own, False), ("cross-site", "", False), ("", "null", False),
            ("same-origin", "null", False), ("same-origin", "https://evil.com", False), ("", "https://evil.com", False),
            ("", "http://192.168.1.1:8443", False), ("", "https://192.168.1.1", False), ("odd", own, False),
            ("", "https://192.168.1.1:8443.evil.com", False), ("SAME-ORIGIN", own, False),
        )  # fmt: skip
        for site, origin, wanted in rows:
            self.assertEqual(comes_from_us(site, origin, host), wanted, (site, origin))

    def test_s07_every_form_is_guarded_by_origin_and_by_token(self) -> None:
        self.log_in()
        good = {"Sec-Fetch-Site": "same-origin", "Origin": "https://192.168.1.1:8443"}
        token = self.form()
        self.asked.clear()
        posts = [rule.rule for rule in self.app.url_map.iter_rules() if "POST" in (rule.methods or ())]
        self.assertGreater(len(posts), 6, posts)
        for path in map(filled, posts):
            for headers, data in (
                (good, {}), (good, {"form_token": ""}), (good, {"form_token": "0" * 64}),
                (good, {"form_token": "\u00e4"}),
                ({}, {"form_token": token}), ({"Sec-Fetch-Site": "cross-site"}, {"form_token": token}),
                ({"Origin": "https://evil.com"}, {"form_token": token}), ({"Origin": "null"}, {"form_token": token}),
            ):  # fmt: skip
                answer = self.send("POST", path, headers=headers, data=data)
                self.assertEqual(answer.status_code, 403, (path, headers, data))
        self.assertEqual(self.asked, [])
        self.assertEqual(self.send("POST", "/logout", headers=good, data={"form_token": token}).status_code, 303)
        self.assertEqual(self.asked[-1]["command"], "logout")

    def test_s07_a_token_of_another_session_or_visit_is_none(self) -> None:
        good = {"Sec-Fetch-Site": "same-origin"}
        mine = self.form("/login")
        other = self.app.test_client()
        environ = {"isthmus.local": "192.168.1.1", "HTTP_HOST": "192.168.1.1"}
        answer = other.post("/language", base_url="https://192.168.1.1", environ_overrides=environ, headers=good,
                            data={"form_token": mine, "language": "de"})  # fmt: skip
        self.assertEqual(answer.status_code, 403)
        self.log_in()
        self.assertEqual(self.send("POST", "/logout", headers=good, data={"form_token": mine}).status_code, 403)

    def test_s07_nothing_changes_on_get(self) -> None:
        self.log_in()
        for rule in self.app.url_map.iter_rules():
            if "GET" in (rule.methods or ()):
                self.send("GET", filled(rule.rule))
        for name, path, answers in PAGES:
            self.answers = {**GOOD_ANSWERS, **answers}
            self.assertEqual(self.send("GET", path).status_code, 200, name)
        acts = {request["command"] for request in self.asked if not request.get("look")}
        self.assertEqual(acts - LOOKS, set())

    def test_a_page_that_keeps_itself_up_to_date_has_a_part_that_is(self) -> None:
        """Without one it took itself for the login page and began anew every few seconds, with what was typed lost."""
        self.log_in()
        for name, path, answers in PAGES:
            self.answers = {**GOOD_ANSWERS, **answers}
            text = self.send("GET", path).text
            self.assertEqual("live.js" in text, " data-live" in text, name)

    def test_s30_no_answer_opens_anything_to_another_origin(self) -> None:
        self.log_in()
        for path in ("/", "/login", "/account", "/static/style.css"):
            headers = {"Origin": "https://evil.com", "Access-Control-Request-Method": "POST"}
            for method in ("GET", "OPTIONS"):
                answer = self.send(method, path, headers=headers)
                allowed = [name for name, _ in answer.headers if name.lower().startswith("access-control")]
                self.assertEqual(allowed, [], path)
                self.assertEqual(answer.status_code == 405, method == "OPTIONS", (method, path))

    def test_s25_methods_and_overrides(self) -> None:
        self.log_in()
        for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "CONNECT", "PROPFIND"):
            for path in ("/", "/login", "/static/style.css", "/nowhere"):
                self.assertEqual(self.send(method, path).status_code, 405, (method, path))
        self.send("GET", "/logout", headers={"X-HTTP-Method-Override": "POST"})
        self.send("GET", "/logout?_method=POST")
        self.assertNotIn("logout", [request["command"] for request in self.asked])
        self.assertEqual(self.send("HEAD", "/").data, b"")


class Headers(Played):
    def test_s09_s10_on_every_answer(self) -> None:
        self.log_in()
        answers = [self.send("GET", path) for path in ("/", "/login", "/first", "/wait/x", "/account", "/nowhere",
                                                      "/static/style.css", "/static/nothing")]  # fmt: skip
        answers += [self.send("GET", "/", host="evil.com"), self.send("PUT", "/"), self.send("POST", "/login")]
        self.answers["status"] = RuntimeError("a secret of ours")
        answers.append(self.send("GET", "/"))
        self.assertEqual(answers[-1].status_code, 500)
        self.assertNotIn("secret", answers[-1].text)
        for answer in answers:
            headers = answer.headers
            self.assertEqual(headers["Content-Security-Policy"], CSP)
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(headers["X-Frame-Options"], "DENY")
            self.assertEqual(headers["Referrer-Policy"], "same-origin")
            self.assertEqual(headers["Cross-Origin-Opener-Policy"], "same-origin")
            self.assertEqual(headers["Cross-Origin-Resource-Policy"], "same-origin")
            self.assertIn("camera=()", headers["Permissions-Policy"])
            self.assertNotIn("Strict-Transport-Security", headers)
            self.assertNotIn("Server", headers)
            if answer.mimetype == "text/html":
                self.assertEqual(headers["Cache-Control"], "no-store")
        for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
            self.assertIn(part, CSP)
        self.assertNotIn("unsafe", CSP)

    def test_s06_every_cookie(self) -> None:
        self.log_in()
        answers = [self.send("GET", "/login"), self.app.test_client().get(
            "/login", base_url="https://192.168.1.1", environ_overrides={"isthmus.local": "192.168.1.1"})]  # fmt: skip
        token = self.form()
        headers = {"Sec-Fetch-Site": "same-origin"}
        answers.append(self.send("POST", "/language", headers=headers, data={"form_token": token, "language": "de"}))
        answers.append(self.send("POST", "/logout", headers=headers, data={"form_token": token}))
        cookies = [line for answer in answers for line in answer.headers.getlist("Set-Cookie")]
        self.assertGreaterEqual(len(cookies), 4)
        for line in cookies:
            self.assertTrue(line.startswith("__Host-isthmus"), line)
            for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
                self.assertIn(part, line.split("; "), line)
            self.assertNotIn("Domain", line)

    def test_s09_nothing_inline_in_any_template(self) -> None:
        self.log_in()
        rows = [("", path, {}) for path in ("/login", "/first", "/nowhere")] + list(PAGES)
        for _, path, answers in rows:
            self.answers = {**GOOD_ANSWERS, **answers}
            text = self.send("GET", path).text
            self.assertEqual(re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?! src=)", text), [], path)
            self.assertEqual(re.findall(r"(?:src|href|action)=\"(?!/|#)[^\"]*", text), [], path)


class Surface(Played):
    def test_s22_what_takes_no_session_is_little_and_named(self) -> None:
        views = self.app.view_functions
        found = {name for name, view in views.items() if name == "static" or view.needs_session is False}
        self.assertEqual(found, OPEN_TO_ALL)
        self.assertEqual({name for name in views if name not in found}, ACTS)

    def test_s22_without_a_session_every_other_page_sends_to_login(self) -> None:
        for path in {path for _, path, _ in PAGES}:
            answer = self.send("GET", path)
            self.assertEqual((answer.status_code, answer.headers["Location"]), (303, "/login"))
        self.answers["hello"] = {"first_password": True}
        for path in ("/", "/account", "/login"):
            self.assertEqual(self.send("GET", path).headers["Location"], "/first", path)
        self.assertEqual({request["command"] for request in self.asked}, {"hello"})

    def test_s22_strangers_are_told_no_version(self) -> None:
        for path in ("/login", "/first", "/nowhere", "/wait/x", "/static/nothing"):
            answer = self.send("GET", path)
            said = answer.text + str(answer.headers)
            self.assertNotRegex(said, r"0\.1\.0|[Ww]erkzeug|[Ff]lask|[Pp]ython|[Ww]aitress|Traceback")

    def test_s05_a_session_that_is_over_ends_the_cookie(self) -> None:
        self.log_in()
        self.answers["session"] = IsthmusError("there is no such session, or it is over", "log in", "no-session")
        answer = self.send("GET", "/")
        self.assertEqual((answer.status_code, answer.headers["Location"]), (303, "/login"))
        self.assertIn("__Host-isthmus=;", answer.headers["Set-Cookie"])

    def test_s25_back_leads_to_our_own_pages_only(self) -> None:
        token = self.form("/login")
        for back in ("https://evil.com/", "//evil.com", "/\\evil.com", "/login\r\nX: 1", "javascript:alert(1)",
                     "/nowhere", "", "/login?x", "\\/evil.com"):  # fmt: skip
            answer = self.send("POST", "/language", headers={"Sec-Fetch-Site": "same-origin"},
                               data={"form_token": token, "language": "de", "back": back})  # fmt: skip
            self.assertEqual(answer.headers["Location"], "/", back)

    def test_s29_whatever_isthmusd_does_a_page_says_so_and_nothing_breaks(self) -> None:
        self.log_in()
        cases = (
            (IsthmusError("isthmusd does not answer", "start it", "daemon-away"), 503, "service isthmus start"),
            (IsthmusError("the file is wrong", "mend it", "users-file"), 400, "mend it"),
            (IsthmusError("look takes the role x", "ask", "forbidden"), 403, "ask"),
            (IsthmusError("too many", "later", "busy"), 503, "later"),
            (RuntimeError("inside"), 500, "Something went wrong"),
            (KeyError("inside"), 500, "Something went wrong"),
        )
        for command in ("session", "status"):
            good = self.answers[command]
            for error, status, text in cases:
                self.answers[command] = error
                answer = self.send("GET", "/")
                self.assertEqual(answer.status_code, status, (command, error))
                self.assertIn(text, answer.text)
                self.assertNotIn("inside", answer.text)
            self.answers[command] = good
        self.assertEqual(self.send("GET", "/").status_code, 200)

    def test_s29_an_answer_that_lacks_something_is_a_mistake_and_no_green_page(self) -> None:
        self.log_in()
        for missing in ("tunnels", "policy", "config", "guard"):
            self.answers["status"] = {key: value for key, value in report([]).items() if key != missing}
            self.assertEqual(self.send("GET", "/").status_code, 500, missing)

    def test_quiet_looks_keep_no_session_alive(self) -> None:
        self.log_in()
        self.asked.clear()
        self.send("GET", "/", headers={"X-Isthmus-Quiet": "1"})
        self.assertEqual(
            [(row["command"], row.get("quiet")) for row in self.asked],
            [("session", True), ("status", True), ("history", True)],
        )
        self.asked.clear()
        self.send("GET", "/")
        self.assertEqual([row.get("quiet") for row in self.asked], [None, None, None])


class Strange(Played):
    def test_s11_whatever_others_are_called_it_is_text(self) -> None:
        self.log_in()
        nasty = ['"><img src=x onerror=alert(1)>', "<script>alert(1)</script>", "'onmouseover='x", "\u202eevil\u202c",
                 "a\x00b", "&lt;b&gt;", "{{ 7*7 }}", "%(num)d %s", "x" * 4096, "\ud800", "</title><h1>",
                 "]]>"]  # fmt: skip
        for text in nasty:
            lamps = [{**row, "evidence": text} for row in GOOD]
            error = {"code": text, "message": text, "remedy": text, "ago_s": 1}
            row = tunnel(text, "waiting", lamps, remote=text, story=text, error=error, retry_in_s=3)
            other = tunnel("other", "waiting", lamps, refusal={**error, "source": text})
            rule = {"name": text, "state": "exposed", "why": text, "by": [text], "otherwise": "blocked", "tunnel": text}
            whole = report([row, other], [rule])
            whole["config"] = {"error": error, "warnings": [text]}
            whole["guard"]["error"] = error
            whole["policy"]["warnings"] = [
                {"code": "x", "level": "error", "message": text, "remedy": text, "about": []}
            ]
            self.answers["status"] = whole
            answer = self.send("GET", "/")
            self.assertEqual(answer.status_code, 200, text)
            for bad in ("<img", "<script>a", "\u202e", "\x00", "49", "</title><h1>"):
                self.assertNotIn(bad, answer.text.replace("&#39;", "'"), text)

    def test_s11_every_page_with_every_text_of_isthmusd_turned_hostile(self) -> None:
        self.log_in()
        nasty = ('"><img src=x onerror=alert(1)>', "<script>alert(1)</script>\u202e\x00", "\ud800" + "x" * 4096,
                 "{{ 777*777 }} %(num)d %s ../ / #")  # fmt: skip
        for text in nasty:
            for name, path, answers in PAGES:
                self.answers = hostile({**GOOD_ANSWERS, **answers}, text)
                answer = self.send("GET", path)
                self.assertIn(answer.status_code, (200, 404), (name, text[:20]))  # 404: nothing has its name any more
                for bad in ("<img", "<script>a", "\u202e", "\x00", "603729"):
                    self.assertNotIn(bad, answer.text, (name, text[:20]))

    def test_s11_a_user_is_text(self) -> None:
        self.log_in()
        self.answers["session"] = {**SESSION, "user": "<b>x</b>", "source": "<i>"}
        self.answers["sessions"] = {"sessions": [self.answers["session"], {**SESSION, "session": '"><b>'}]}
        for path in ("/", "/account"):
            self.assertNotRegex(self.send("GET", path).text, r"<b>|<i>", path)

    def test_odd_cookies_and_fields(self) -> None:
        for value in ("x", "a b", "\u00e4" * 40, "'; drop", "A" * 5000, "\t"):
            client = self.app.test_client()
            environ = {
                "isthmus.local": "192.168.1.1",
                "HTTP_HOST": "192.168.1.1",
                "HTTP_COOKIE": f"__Host-isthmus={value}",
            }
            answer = client.get("/", base_url="https://192.168.1.1", environ_overrides=environ)
            self.assertEqual(answer.status_code, 303, value)
        self.assertEqual({request["command"] for request in self.asked}, {"hello"})
        self.log_in()
        for failed in ("-1", "x", "9" * 30, "\u0663", "1e9", ""):
            answer = self.send("GET", "/", query_string={"failed": failed})
            self.assertEqual(answer.status_code, 200)
            self.assertNotIn("guessing", answer.text)

    def test_s23_forms_that_are_too_large_or_have_too_many_parts(self) -> None:
        headers = {"Sec-Fetch-Site": "same-origin"}
        self.form("/login")
        answer = self.send("POST", "/login", headers=headers, data={"password": "x" * 70_000})
        self.assertEqual(answer.status_code, 413)
        answer = self.send("POST", "/login", headers=headers, data=b"a=1&" * 20_000,
                           content_type="application/x-www-form-urlencoded")  # fmt: skip
        self.assertIn(answer.status_code, (403, 413))

    def test_pages_are_small(self) -> None:
        self.log_in()
        self.answers["status"] = report([tunnel(f"site-{number}", "up", GOOD) for number in range(8)])
        size = sum(len(self.send("GET", path).data) for path in
                   ("/", "/static/style.css", "/static/live.js", "/static/icon.svg"))  # fmt: skip
        self.assertLess(size, 100_000)


if __name__ == "__main__":
    unittest.main()
