"""The API's own checks: what is refused and how, the OpenAPI file held to the code; the application alone."""

from __future__ import annotations

import json
import re
import threading
import time
import unittest
from pathlib import Path
from typing import Any

from isthmus.edge.calls import COMMANDS
from isthmus.errors import IsthmusError
from isthmus.users.roles import ROOT
from isthmus_web.api import PREFIX, openapi
from isthmus_web.api.refusal import STATUS
from isthmus_web.api.routes import ROUTES
from isthmus_web.api.serving import KNOWN_PLACES, MARKED_PLACES, STRANGERS_PLACES
from isthmus_web.link import PLACE_S
from tests.edge.world import wait_for
from tests.web.answers import GOOD_ANSWERS, PAGES, SESSION
from tests.web.programs import BY_NAME, mismatch, sample
from tests.web.test_gate import TOKEN, Played, filled

FILE = Path(openapi.__file__).parents[1] / "static" / "openapi.json"
MANUAL = Path(__file__).parents[2] / "docs" / "API.md"
BEARER = {"Authorization": "Bearer " + TOKEN}
OWN = "https://192.168.1.1:8443"
# Calls that the API does not have: root's own, and what is another call's part
NOT_HERE = {"version", "reload", "user-code"}


class Api(Played):
    def call(self, name: str, headers: dict | None = None, body: Any = None, **more: Any) -> Any:
        """An operation with a sample in every field."""
        route = BY_NAME[name]
        path = PREFIX + filled(route.rule)
        query = {one.name: sample(one.schema) for one in route.of("query")}
        if route.method == "POST":
            body = {one.name: sample(one.schema) for one in route.of("body")} if body is None else body
            more.setdefault("data", json.dumps(body))
            more.setdefault("content_type", "application/json")
        return self.send(route.method, path, headers=headers or {}, query_string=query, **more)

    def code(self, answer: Any) -> str:
        """The code of an error, which has the one shape."""
        value = json.loads(answer.text)
        self.assertEqual((answer.mimetype, mismatch("Error", value)), ("application/json", ""))
        return str(value["error"]["code"])


class Paper(Api):
    def test_the_file_and_the_manuals_tables_are_those_of_the_code(self) -> None:
        self.assertEqual(FILE.read_text("utf-8"), openapi.text(), "run tools/api")
        page = MANUAL.read_text("utf-8")
        self.assertIn(openapi.BEGIN + openapi.table() + openapi.END, page, "run tools/api")

    def test_every_path_that_is_served_is_in_the_file_and_no_other(self) -> None:
        served = set()
        for rule in self.app.url_map.iter_rules():
            if rule.rule.startswith("/api"):
                path = rule.rule.removeprefix(PREFIX).replace("<", "{").replace(">", "}")
                served |= {(path, method.lower()) for method in (rule.methods or set()) - {"HEAD"}}
        paths = json.loads(FILE.read_text("utf-8"))["paths"]
        self.assertEqual(served, {(path, method) for path, row in paths.items() for method in row})
        self.assertGreater(len(served), 45)

    def test_what_the_pages_can_do_the_api_can_and_no_more(self) -> None:
        offered = {route.call for route in ROUTES}
        self.assertEqual(set(COMMANDS) - offered, NOT_HERE)
        asks = re.compile(r'(?:ask|ask_long|deed)\((?:"[a-z]+", )?"([a-z-]+)"')
        asked = {name for path in (FILE.parents[1] / "pages").glob("*.py")
                 for name in asks.findall(path.read_text("utf-8"))}  # fmt: skip
        self.assertEqual(asked - offered, {"user-"})  # with what was chosen behind it
        self.assertGreater(len(asked), 25)
        self.assertEqual([route.name for route in ROUTES if COMMANDS[route.call].role == ROOT], [])

    def test_a_row_sends_only_what_its_call_takes_and_all_that_it_needs(self) -> None:
        for route in ROUTES:
            fields = {field.name: field for field in COMMANDS[route.call].fields}
            sent = {name for name in route.inputs if name not in route.own} | set(route.fixed)
            self.assertLessEqual(sent, set(fields), route.name)
            needed = {name for name, field in fields.items() if field.required}
            self.assertLessEqual(needed, sent, route.name)
            for name in needed - set(route.fixed):
                self.assertTrue(route.inputs[name].required, (route.name, name))

    def test_statuses_are_of_codes_that_there_are(self) -> None:
        root = Path(__file__).parents[2]
        sources = [path.read_text("utf-8") for folder in ("firmware/isthmus", "web/isthmus_web")
                   for path in (root / folder).rglob("*.py") if path.name != "refusal.py"]  # fmt: skip
        found = set(re.findall(r'"([a-z]+(?:-[a-z]+)*)"', "\n".join(sources)))
        self.assertEqual(set(STATUS) - found, set())

    def test_what_the_pages_tests_take_for_isthmusds_answers_has_these_shapes(self) -> None:
        calls = {route.call: route for route in ROUTES if route.pick is None}
        rows = [("good", GOOD_ANSWERS)] + [(name, answers) for name, _, answers in PAGES]
        seen = 0
        for name, answers in rows:
            for call, value in answers.items():
                if call in calls and not isinstance(value, Exception) and call not in ("step-up", "restore"):
                    if call == "status":
                        value = {"trial": None, **value}  # noqa: PLW2901
                    if call == "pair-status":
                        value = {"renewals": [], **value}  # noqa: PLW2901
                    self.assertEqual(mismatch(calls[call].answer, value), "", (name, call))
                    seen += 1
        self.assertGreater(seen, 25)


class Origins(Api):
    def test_s05_s22_without_a_token_everything_else_is_401(self) -> None:
        bad = ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}, {"Authorization": "Basic YTpi"},
               {"Authorization": TOKEN}, {"Authorization": "Bearer " + "5" * 200})  # fmt: skip
        for route in ROUTES:
            if not route.is_open:
                for headers in bad:
                    answer = self.call(route.name, headers)
                    self.assertEqual((answer.status_code, self.code(answer)), (401, "no-session"), route.name)
                    self.assertIn("Bearer", answer.headers["WWW-Authenticate"])
        self.assertEqual(self.asked, [])

    def test_s07_a_cookie_takes_a_page_of_ours_and_the_forms_token(self) -> None:
        self.log_in()
        good = {"Sec-Fetch-Site": "same-origin", "Origin": OWN}
        token = json.loads(self.call("session").text)["form_token"]
        self.asked.clear()
        foreign = (
            {}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.com"},
            {"Origin": "null"}, {"Origin": OWN + ".evil.com"}, {"Origin": "http://192.168.1.1:8443"},
            {"Sec-Fetch-Site": "cross-site", "Origin": OWN}, {"Sec-Fetch-Site": "none", "Origin": "null"},
        )  # fmt: skip
        for route in ROUTES:
            if route.method != "POST":
                continue
            for headers in foreign:
                answer = self.call(route.name, {**headers, "X-Isthmus-Form": token})
                self.assertEqual((answer.status_code, self.code(answer)), (403, "cross-origin"), (route.name, headers))
            for wrong in ("", "x", "0" * 64, token + "0"):
                answer = self.call(route.name, {**good, "X-Isthmus-Form": wrong})
                self.assertEqual((answer.status_code, self.code(answer)), (403, "form-token"), (route.name, wrong))
        self.assertEqual(self.asked, [])
        self.assertEqual(self.call("logout", {**good, "X-Isthmus-Form": token}).status_code, 200)
        self.assertEqual(self.asked, [{"command": "logout", "token": TOKEN}])

    def test_s07_s30_a_page_of_another_site_is_refused_with_any_token_and_with_none(self) -> None:
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.com"}, {"Origin": "null"},
                        {"Sec-Fetch-Site": "same-site", "Origin": OWN}):  # fmt: skip
            for route in ROUTES:
                if route.method == "POST":
                    for token in ({}, BEARER):
                        answer = self.call(route.name, {**headers, **token})
                        self.assertEqual(answer.status_code, 403, (route.name, headers))
        self.assertEqual(self.asked, [])

    def test_what_takes_no_session_is_asked_without_one(self) -> None:
        self.answers["login"] = {"token": "6" * 64}
        for name in ("hello", "login"):  # a token that is over is no reason to refuse it
            self.assertEqual(self.call(name, BEARER).status_code, 200)
        self.assertEqual({row.get("token") for row in self.asked}, {None})
        self.assertEqual([row["command"] for row in self.asked], ["hello", "hello", "login"])  # it shows a mark

    def test_s07_a_bearers_token_alone_is_enough_and_the_cookie_is_not_looked_at(self) -> None:
        self.client.set_cookie("__Host-isthmus", "6" * 64, domain="192.168.1.1", secure=True)
        self.assertEqual(self.call("logout", BEARER).status_code, 200)
        self.assertEqual(self.asked[-1]["token"], TOKEN)
        answer = self.call("logout", {"Authorization": "Basic YTpi"})  # nor where the token is none
        self.assertEqual((answer.status_code, len(self.asked)), (401, 1))

    def test_s30_nothing_is_opened_to_another_origin(self) -> None:
        for route in ROUTES:
            path = PREFIX + filled(route.rule)
            for method in ("GET", "POST", "OPTIONS"):
                answer = self.send(method, path, headers={
                    **BEARER, "Origin": "https://evil.com", "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "authorization"})  # fmt: skip
                allowed = [name for name, _ in answer.headers if name.lower().startswith("access-control")]
                self.assertEqual(allowed, [], path)
                self.assertEqual(answer.headers["Cross-Origin-Resource-Policy"], "same-origin")
                if method == "OPTIONS":
                    self.assertEqual(answer.status_code, 403)

    def test_s06_the_api_gives_no_cookie_but_a_browsers_new_token(self) -> None:
        self.answers["login"] = {"token": "6" * 64, "mark": "m", "failed_before": 0}
        self.answers["step-up"] = {"token": "6" * 64, "user": "anna", "step_up_s": 180}
        for route in ROUTES:
            if route.call in self.answers and route.call != "config-rows":
                self.assertEqual(self.call(route.name, BEARER).headers.getlist("Set-Cookie"), [], route.name)
        self.assertEqual(json.loads(self.call("proof", BEARER).text)["token"], "6" * 64)
        self.log_in()
        token = json.loads(self.call("session").text)["form_token"]
        answer = self.call("proof", {"Sec-Fetch-Site": "same-origin", "X-Isthmus-Form": token})
        cookies = answer.headers.getlist("Set-Cookie")
        self.assertEqual(len(cookies), 1)
        self.assertEqual(
            cookies[0].split("; "),
            ["__Host-isthmus=" + "6" * 64, "Secure", "HttpOnly", "Path=/", "SameSite=Strict"],
        )
        value = json.loads(answer.text)
        self.assertNotIn("6" * 64, answer.text)  # no script of a page reads it
        self.assertNotEqual(value["form_token"], token)
        self.assertEqual(mismatch("Proof", value), "")


class Requests(Api):
    def test_bodies_that_are_none(self) -> None:
        rows = (
            (b"user=a&password=b", "application/x-www-form-urlencoded", 415), (b"{}", "text/plain", 415),
            (b"{}", "", 415), (b"{}", "application/json; charset=utf-16", 415), (b"", "text/html", 415),
            (b"", "application/json", 400), (b"[]", "application/json", 400), (b"null", "application/json", 400),
            (b'"x"', "application/json", 400), (b"{", "application/json", 400), (b"\xff\xfe", "application/json", 400),
            (b"[" * 40_000, "application/json", 400), (b'{"user": NaN}', "application/json", 400),
            (b'{"user": "a", "password": "x", "user": "b"}', "application/json", 400),
            (b"9" * 5000, "application/json", 400),
            (b'{"user": ' + b"9" * 5000 + b"}", "application/json", 400),
            (b'{"user": "\\ud800", "password": "x"}', "application/json", 400),
            (b'{"user": "", "password": "x"}', "application/json", 400),
            (b'{"user": null, "password": "x"}', "application/json", 400),
            (b'{"user": 7, "password": "x"}', "application/json", 400),
            (b'{"user": "' + b"a" * 65 + b'", "password": "x"}', "application/json", 400),
        )  # fmt: skip
        for body, kind, status in rows:
            answer = self.send("POST", PREFIX + "/login", data=body, content_type=kind or None)
            self.assertEqual(answer.status_code, status, (body[:40], kind))
            self.code(answer)
        self.assertEqual(self.asked, [])

    def test_s23_a_body_that_is_too_long(self) -> None:
        data = b'{"user": "' + b"a" * 70_000
        answer = self.send("POST", PREFIX + "/login", data=data, content_type="application/json")
        self.assertEqual((answer.status_code, self.code(answer)), (413, "too-large"))

    def test_unknown_fields_are_refused_by_name_whatever_they_are_called(self) -> None:
        for name in ("token", "quiet", "command", "source", "id", "x", "x\u202e\x00", "alone"):
            answer = self.call("apply", BEARER, {"mark": "x", name: "y"})
            self.assertEqual((answer.status_code, self.code(answer)), (400, "bad-request"), name)
            self.assertIn(ascii(name), json.loads(answer.text)["error"]["message"])
        for path in ("/status?x=1", "/log?count=1&count=2", "/log?count=x", "/log?count=0", "/log?count=-1",
                     "/log?count=\u0663", "/log?count=" + "9" * 20, "/log?tunnel=", "/tunnels/office/history?span=week",
                     "/policy/explain?source=a"):  # fmt: skip
            answer = self.send("GET", PREFIX + path, headers=BEARER)
            self.assertEqual((answer.status_code, self.code(answer)), (400, "bad-request"), path)
        answer = self.send("POST", PREFIX + "/logout?token=x", headers=BEARER)
        self.assertEqual((answer.status_code, self.code(answer)), (400, "bad-request"))
        self.assertEqual(self.asked, [])

    def test_a_required_field_and_each_type(self) -> None:
        wrong = {"string": 7, "integer": True, "boolean": 1, "array": {}}
        for route in ROUTES:
            for one in route.of("body"):
                body = {it.name: sample(it.schema) for it in route.of("body")}
                answer = self.call(route.name, BEARER, {**body, one.name: wrong[one.schema["type"]]})
                self.assertEqual(answer.status_code, 400, (route.name, one.name))
                self.assertIn(one.name, answer.text)
                del body[one.name]
                if one.required:
                    self.assertEqual(self.call(route.name, BEARER, body).status_code, 400, (route.name, one.name))
        self.assertEqual(self.asked, [])

    def test_s25_methods_and_paths_that_there_are_not(self) -> None:
        for route in ROUTES:
            path = PREFIX + filled(route.rule)
            for method in ("PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND"):
                answer = self.send(method, path, headers=BEARER)
                self.assertEqual((answer.status_code, self.code(answer)), (405, "method"), (method, path))
                self.assertIn(route.method, answer.headers["Allow"])
        for path in ("/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/status", "/api/v1/nowhere", "/api/v1/status/",
                     "/api/v1/tunnels/a/b/c", "/api//v1/status", "/api/v1/../v1/status"):  # fmt: skip
            answer = self.send("GET", path, headers=BEARER)
            self.assertIn(answer.status_code, (400, 404), path)
            if path != "/api":
                self.code(answer)
        self.assertEqual(self.asked, [])

    def test_s29_whatever_isthmusd_does_the_answer_is_an_error_of_the_one_shape(self) -> None:
        rows = (
            (IsthmusError("isthmusd does not answer", "start it", "daemon-away"), 503),
            (IsthmusError("over", "log in", "no-session"), 401), (IsthmusError("role", "ask", "forbidden"), 403),
            (IsthmusError("password", "again", "step-up"), 403), (IsthmusError("none", "", "unknown-tunnel"), 404),
            (IsthmusError("first", "again", "staged-meanwhile"), 409), (IsthmusError("odd", "", "whatever"), 400),
            (RuntimeError("inside"), 500), (KeyError("inside"), 500),
        )  # fmt: skip
        for error, status in rows:
            self.answers["status"] = error
            for name in ("status", "tunnels"):
                answer = self.call(name, BEARER)
                self.assertEqual(answer.status_code, status, error)
                self.assertEqual(self.code(answer), getattr(error, "code", "internal"))
                self.assertNotIn("inside", answer.text)
                self.assertEqual("Retry-After" in answer.headers, status == 503)

    def test_s23_who_waits_for_scrypt_waits_in_few_places(self) -> None:
        for places, name, headers in ((STRANGERS_PLACES, "login", {}), (KNOWN_PLACES, "backup", BEARER)):
            with places:
                answer = self.call(name, headers)
                self.assertEqual((answer.status_code, self.code(answer)), (503, "busy"), name)
                self.assertEqual(self.call("status", BEARER).status_code, 200)
            self.answers["backup"] = {}
            self.answers["login"] = {}
            self.assertEqual(self.call(name, headers).status_code, 200)
        self.answers["login"] = IsthmusError("too many logins", "try again in 9 s", "busy")
        answer = self.call("login")
        self.assertEqual((answer.status_code, self.code(answer)), (429, "throttled"))
        self.answers["session"] = IsthmusError("over", "log in", "no-session")
        with KNOWN_PLACES:  # a stranger with a made-up token takes no place, and waits for none
            self.assertEqual(self.call("backup", BEARER).status_code, 401)

    def test_s04_s23_who_shows_a_good_mark_waits_for_no_stranger(self) -> None:
        self.answers["login"] = {}
        body = {"user": "anna", "password": "fluffy kitten 9", "mark": "5" * 64}
        for known, status in ((True, 200), (False, 503)):
            self.answers["hello"] = {"first_password": False, "known": known}
            with STRANGERS_PLACES:
                self.assertEqual(self.call("login", body=body).status_code, status)
            self.assertEqual(self.call("login", body=body).status_code, 200)
        self.assertEqual([row.get("mark") for row in self.asked if row["command"] == "login"], ["5" * 64] * 3)
        self.answers["hello"] = {"first_password": False, "known": True}
        with MARKED_PLACES:  # then it is one of the others
            self.assertEqual(self.call("login", body=body).status_code, 200)
            with STRANGERS_PLACES:
                self.assertEqual(self.call("login", body=body).status_code, 503)

    def test_s23_one_waits_for_a_place_and_the_others_hold_no_thread(self) -> None:
        with KNOWN_PLACES:
            first = threading.Thread(target=self.call, args=("backup", BEARER))
            first.start()
            self.assertTrue(wait_for(lambda: any(row["command"] == "session" for row in self.asked)))
            time.sleep(0.3)
            begun = time.monotonic()
            answer = self.call("backup", BEARER)
            self.assertEqual((answer.status_code, self.code(answer)), (503, "busy"))
            self.assertLess(time.monotonic() - begun, PLACE_S / 2)
        first.join(20)

    def test_a_quiet_look_keeps_no_session_alive(self) -> None:
        self.call("status", {**BEARER, "X-Isthmus-Quiet": "1"})
        self.assertEqual(self.asked[-1].get("quiet"), True)

    def test_s11_texts_are_escaped_and_never_a_page(self) -> None:
        text = '"><script>alert(1)</script>\u202e\x00\ud800'
        self.answers["session"] = {**SESSION, "user": text}
        answer = self.call("session", BEARER)
        self.assertEqual(json.loads(answer.text)["user"], text)
        self.assertTrue(answer.text.isascii())
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")


if __name__ == "__main__":
    unittest.main()
