"""The API before a real daemon: what it answers is what its OpenAPI file says, and what it does is done."""

from __future__ import annotations

import json
import threading
import unittest
from base64 import b64encode
from typing import Any

from isthmus_web.api import PREFIX
from isthmus_web.api.routes import ROUTES
from isthmus_web.api.serving import KNOWN, STRANGERS
from isthmus_web.jobs import LOOKERS
from isthmus_web.web import THREADS
from tests.edge.accounts_world import OTHER, PASSWORD
from tests.edge.world import own_network
from tests.web.programs import BY_NAME, Program, Programmed, mismatch, sample


def setUpModule() -> None:
    own_network()


class Answers(Programmed):
    def test_every_look_answers_as_the_openapi_file_says(self) -> None:
        program = self.program()
        rows = (
            ("hello", {}), ("session", {}), ("sessions", {}), ("users", {}), ("status", {}), ("tunnels", {}),
            ("tunnel", {"tunnel": "branch"}), ("history", {"tunnel": "branch"}),
            ("history", {"tunnel": "branch", "span": "day"}), ("policy", {}), ("forced", {}), ("passthrough", {}),
            ("explain", {"source": "127.0.0.1", "destination": "192.0.2.1"}), ("test_seen", {}), ("hosts", {}),
            ("config", {}), ("sections", {"type": "tunnel"}), ("section_type", {"type": "forced"}), ("look", {}),
            ("trial", {}), ("pairings", {}), ("doctor", {}), ("doctor", {"tunnel": "branch"}), ("log", {}),
            ("log", {"count": 5, "after": 1}), ("diag", {}),
        )  # fmt: skip
        for name, fields in rows:
            status, value = program.do(name, **fields)
            self.assertEqual(status, 200, (name, value))



    def test_every_deed_does_what_it_says(self) -> None:
        program = self.program()
        self.assertEqual(program.do("down", tunnel="branch"), (200, {"tunnel": "branch", "state": "disabled"}))
        self.assertEqual(self.ask("show", tunnel="branch")["state"], "disabled")
        self.assertEqual(program.do("up", tunnel="branch")[0], 200)
        self.assertNotEqual(self.ask("show", tunnel="branch")["state"], "disabled")
        self.assertEqual(program.do("test")[0], 400)  # a null kernel sends no probes
        program.prove(PASSWORD)
        self.assertEqual(program.do("add_user", user="otto", role="look", password=OTHER)[0], 200)
        self.assertEqual(program.do("set_role", user="otto", role="operate")[0], 200)
        self.assertEqual(program.do("set_password", user="otto", password=OTHER + "x")[0], 200)
        other = Program(self.browser())
        other.log_in("otto", OTHER + "x")
        handles = {row["user"]: row["session"] for row in program.do("sessions")[1]["sessions"]}
        self.assertEqual(program.do("end_session", session=handles["otto"]), (200, {"user": "otto"}))
        self.assertEqual(other.do("status")[0], 401)
        self.assertEqual(program.do("delete_user", user="otto")[0], 200)
        self.assertEqual([row["user"] for row in program.do("users")[1]["users"]], ["alice"])
        self.assertEqual(other.wrong, [])

    def test_a_change_from_staging_to_confirmation_and_one_that_is_undone(self) -> None:
        program = self.program()
        self.assertEqual(program.do("apply", mark="0" * 16)[1]["error"]["code"], "step-up")
        program.prove(PASSWORD)
        self.assertEqual(program.do("apply", mark="0" * 16)[0], 409)  # nothing is staged
        for end in ("confirm", "revert"):
            old = program.do("config")[1]["mark"]
            value = {"confirm": "1400", "revert": "1300"}[end]
            changes = [{"section": "branch", "option": "mtu", "values": [value]}]
            status, staged = program.do("stage", mark=old, changes=changes)
            self.assertEqual((status, staged["staged"]), (200, 1), staged)
            status, second = program.do("stage", mark=old, changes=changes)
            self.assertEqual((status, second["error"]["code"]), (409, "staged-meanwhile"))
            status, look = program.do("look")
            self.assertEqual((status, len(look["changes"])), (200, 1), look)
            self.assertEqual(program.do("apply", mark=old)[0], 409)
            status, trial = program.do("apply", mark=look["mark"], seconds=60)
            self.assertEqual((status, trial["state"]), (200, "open"), trial)
            self.assertEqual(program.do("trial")[1]["window_s"], 60)
            self.assertEqual(program.do("status")[1]["trial"]["state"], "open")
            self.assertEqual(program.do(end)[0], 400)  # which one?
            status, refused = program.do(end, mark=look["mark"])
            self.assertEqual((status, refused["error"]["code"]), (409, "other-trial"))
            self.assertEqual(program.do("trial")[1], {**program.do("trial")[1], "state": "open", "mark": trial["mark"]})
            self.assertEqual(program.do(end, mark=trial["mark"])[0], 200)
        tunnel = program.do("sections", type="tunnel")[1]["sections"][0]
        self.assertEqual(tunnel["options"], {"remote": ["127.0.0.2"], "psk": True, "mtu": "1300",
                                             "remote_subnet": ["192.168.20.0/24"]})  # fmt: skip
        status, dropped = program.do("drop", mark=program.do("config")[1]["mark"])
        self.assertEqual((status, dropped["staged"]), (200, 0))
        self.assertIn("option mtu '1400'", (self.path / "config" / "isthmus").read_text())

    def test_pairing_and_backups(self) -> None:
        program = self.program()
        self.assertEqual(program.do("invite")[1]["error"]["code"], "step-up")
        program.prove(PASSWORD)
        status, invite = program.do("invite", at="192.0.2.1")
        self.assertEqual(status, 200, invite)
        rows = program.do("pairings")[1]["pairings"]
        self.assertEqual([row["state"] for row in rows], ["offered"])
        self.assertNotIn(invite["invite"], json.dumps(rows))  # shown once
        self.assertEqual(program.do("accept", invite=invite["invite"])[1]["error"]["code"], "self")
        self.assertEqual(program.do("accept", invite="ISTHMUS-X")[0], 400)
        number = invite["number"]
        self.assertIn(program.do("approve", pairing=number, words="a b c")[0], (400, 409))
        self.assertEqual(program.do("cancel", pairing=number), (200, {"number": number}))
        self.assertEqual(program.do("cancel", pairing=number)[0], 404)
        self.assertIn(program.do("rotate", tunnel="branch")[0], (400, 409))
        self.assertIn(program.do("unpair", tunnel="branch")[0], (400, 409))
        phrase = "seven quiet harbours"
        status, backup = program.do("backup", passphrase=phrase)
        self.assertEqual(status, 200, backup)
        self.assertEqual(program.do("restore", file=backup["file"], passphrase="another phrase 55")[0], 400)
        self.assertEqual(program.do("restore", file=b64encode(b"x" * 99).decode(), passphrase=phrase)[0], 400)
        status, seen = program.do("restore", file=backup["file"], passphrase=phrase)
        self.assertEqual((status, seen["same"], seen["tunnels"]), (200, True, ["branch"]), seen)
        self.assertEqual(program.do("put_back", mark="0" * 32)[0], 409)
        status, trial = program.do("put_back", mark=seen["mark"], seconds=60)
        self.assertEqual((status, trial["state"]), (200, "open"), trial)
        self.assertEqual(program.do("confirm", mark=trial["mark"])[0], 200)


class Sessions(Programmed):
    def test_s05_s18_a_fresh_password_gives_a_new_token_and_the_old_one_is_worth_nothing(self) -> None:
        program = self.program()
        old = program.token
        for number in range(2):
            status, value = program.do("proof", password=f"wrong guess {number}")
            self.assertEqual((status, value["error"]["code"]), (401, "refused"))
        program.prove(PASSWORD)
        self.assertNotEqual(program.token, old)
        thief = Program(self.browser())
        thief.token = old
        self.assertEqual(thief.do("status")[0], 401)
        status, value = program.do("change_password", password="new song 4711")
        self.assertEqual(status, 200)
        self.assertEqual(program.do("status")[0], 401)
        program.token = value["token"]
        self.assertEqual(program.do("session")[1]["user"], "alice")
        self.assertEqual(program.do("logout"), (200, {}))
        self.assertEqual(program.do("status")[0], 401)

    def test_s05_a_token_that_was_planted_is_not_taken_over(self) -> None:
        program = self.program()
        planted = Program(self.browser())
        planted.token = "a" * 64
        planted.browser.jar["__Host-isthmus"] = "b" * 64
        status, _ = planted.do("login", user="alice", password=PASSWORD)
        self.assertEqual(status, 200)  # a new one, in the answer alone
        self.assertEqual(planted.browser.jar, {"__Host-isthmus": "b" * 64})
        for token in ("a" * 64, "b" * 64):
            planted.token = token
            self.assertEqual(planted.do("status")[0], 401)
        self.assertEqual(program.do("status")[0], 200)

    def test_s18_without_a_fresh_password_nothing_that_opens_is_done(self) -> None:
        self.ask("user-add", user="otto", role="look", password=PASSWORD)
        program = self.program()
        before = (self.ask("user-list"), self.ask("config-get"), self.ask("pair-status"))
        rows = {
            "apply": {"mark": "0" * 16}, "confirm": {"anyway": True, "mark": "0" * 16},
            "revert": {"over": True, "mark": "0" * 16}, "invite": {},
            "accept": {"invite": "ISTHMUS-X"}, "approve": {"pairing": 1, "words": "a b c"},
            "rotate": {"tunnel": "branch"}, "unpair": {"tunnel": "branch", "force": True},
            "backup": {"passphrase": "seven quiet harbours"}, "put_back": {"mark": "0" * 16},
            "restore": {"file": "eA==", "passphrase": "seven quiet harbours"}, "delete_user": {"user": "otto"},
            "set_role": {"user": "otto", "role": "administer"}, "set_password": {"user": "otto", "password": OTHER},
            "add_user": {"user": "x", "role": "look", "password": OTHER}, "change_password": {"password": OTHER},
        }  # fmt: skip
        for name, fields in rows.items():
            status, value = program.do(name, **fields)
            self.assertEqual((status, value["error"]["code"]), (403, "step-up"), name)
        after = (self.ask("user-list"), self.ask("config-get"), self.ask("pair-status"))
        self.assertEqual(after, before)

    def test_s17_who_may_look_may_do_nothing_else(self) -> None:
        program = self.program("bob", "look")
        acts = [route for route in ROUTES if route.method == "POST" and not route.is_open
                and route.name not in ("proof", "logout", "end_session", "change_password")]  # fmt: skip
        self.assertGreater(len(acts), 20)
        for route in acts:
            fields: dict[str, Any] = {one.name: sample(one.schema) for one in route.inputs.values()}
            status, value = program.do(route.name, **fields)
            self.assertEqual((status, value["error"]["code"]), (403, "forbidden"), route.name)

    def test_s07_a_page_with_the_cookie_does_what_a_program_does(self) -> None:
        browser = self.logged_in("anna")
        form = json.loads(browser.get(PREFIX + "/session").body)["form_token"]
        headers = {**browser.own_headers(), "Content-Type": "application/json"}
        path = PREFIX + "/tunnels/branch/down"
        self.assertEqual(browser.send("POST", path, b"{}", headers).status, 403)
        self.assertNotEqual(self.ask("show", tunnel="branch")["state"], "disabled")
        answer = browser.send("POST", path, b"{}", {**headers, "X-Isthmus-Form": form})
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(self.ask("show", tunnel="branch")["state"], "disabled")
        body = json.dumps({"password": PASSWORD}).encode()
        old = browser.jar["__Host-isthmus"]
        answer = browser.send("POST", PREFIX + "/proof", body, {**headers, "X-Isthmus-Form": form})
        self.assertEqual(answer.status, 200, answer.text)
        self.assertNotEqual(browser.jar["__Host-isthmus"], old)
        self.assertIn("You have proved your password", browser.get("/system").text)
        self.assertEqual(json.loads(answer.body)["form_token"],
                         json.loads(browser.get(PREFIX + "/session").body)["form_token"])  # fmt: skip

    def test_s04_guesses_are_slowed(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        program = Program(self.browser())
        statuses = []
        while 429 not in statuses and len(statuses) < 14:
            statuses.append(program.do("login", user="alice", password=f"wrong guess {len(statuses)}")[0])
        self.assertEqual(set(statuses), {401, 429})
        self.assertEqual(program.wrong, [])

    def test_s04_s23_a_flood_of_logins_keeps_pages_and_those_who_are_in(self) -> None:
        program, known = self.program(), self.logged_in("anna")
        known.post("/logout", "/account")
        stop = threading.Event()
        seen: set[int] = set()

        def flood() -> None:
            stranger = Program(self.browser())
            while not stop.is_set():
                seen.add(stranger.do("login", user="alice", password="wrong guess 5")[0])

        threads = [threading.Thread(target=flood) for _ in range(8)]
        for thread in threads:
            thread.start()
        try:
            self.assertEqual(known.login("anna").status, 303)
            self.assertEqual(known.get("/").status, 200)
            for _ in range(5):
                self.assertEqual(program.do("status")[0], 200)
            program.prove(PASSWORD)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertIn(503, seen)
        self.assertLessEqual(seen, {401, 429, 503})

    def test_s01_the_first_user_takes_roots_code(self) -> None:
        program = Program(self.browser())
        self.assertEqual(program.do("hello")[1], {"first_password": True})
        self.assertEqual(program.do("login", user="alice", password=PASSWORD)[0], 401)
        self.assertEqual(program.do("first_password", code="x", user="alice", password=PASSWORD)[0], 400)
        code = self.ask("user-code")["code"]
        self.assertEqual(program.do("first_password", code=code, user="alice", password=PASSWORD)[0], 200)
        program.log_in("alice", PASSWORD)
        self.assertEqual(program.do("session")[1]["role"], "administer")
        self.assertEqual(program.wrong, [])


class Strange(Programmed):
    def test_s12_s13_a_shell_and_a_configuration_in_every_field(self) -> None:
        program = self.program()
        program.prove(PASSWORD)
        trap = self.path / "trap"
        texts = (f"$(touch {trap})", f"`touch {trap}`", f"'; touch {trap}; '", f"| touch {trap}", f"x\ntouch {trap}",
                 "a'\n\nconfig tunnel 'evil'\n", "../../../etc/passwd", "%s%n{0}", "\u202e\x00")  # fmt: skip
        before = (self.path / "config" / "isthmus").read_text()
        sent = 0
        for route in ROUTES:
            if route.name in ("login", "first_password", "proof", "logout"):  # they are asked below
                continue
            for one in route.inputs.values():
                if one.schema["type"] != "string" or "enum" in one.schema:
                    continue
                for text in texts:
                    fields = {it.name: sample(it.schema) for it in route.inputs.values()}
                    status, value = program.do(route.name, **{**fields, one.name: text})
                    self.assertLess(status, 500, (route.name, one.name, value))
                    program.token = value.get("token", program.token)  # such a text may be a password
                    sent += 1
        self.assertGreater(sent, 60)
        mark = program.do("config")[1]["mark"]
        for text in texts:
            for change in ({"section": text, "type": "forced"}, {"section": "evil", "type": text},
                           {"section": "branch", "option": text, "values": ["1"]},
                           {"section": "branch", "option": "remote", "values": [text]},
                           {"section": "branch", "before": text}):  # fmt: skip
                status, value = program.do("stage", mark=mark, changes=[change])
                self.assertIn(status, (200, 400), (change, value))
                mark = program.do("config")[1]["mark"]
        self.assertEqual([row["name"] for row in program.do("sections", type="tunnel")[1]["sections"]], ["branch"])
        self.assertEqual((self.path / "config" / "isthmus").read_text(), before)
        for name in ("login", "first_password"):
            for text in texts:
                fields = {one: text for one in ("user", "password", "code") if one in BY_NAME[name].inputs}
                self.assertIn(program.do(name, **fields)[0], (400, 401, 429), name)
        self.assertFalse(trap.exists())

    def test_s23_a_body_that_is_too_long_for_the_server(self) -> None:
        program = self.program()
        kind = {"Content-Type": "application/json"}
        # The second one says how long it is, and sends no more: who sends it all may be hung up on before the answer.
        for body, more, status in ((b"{" + b" " * 65_000, {}, 400), (b"{", {"Content-Length": "65537"}, 413)):
            answer = program.send("POST", PREFIX + "/restore", body, {**kind, **more})
            self.assertEqual(answer.status, status, answer.headers)
            self.assertEqual((answer.header("content-type"), mismatch("Error", json.loads(answer.body))),
                             ("application/json", ""))  # fmt: skip
        self.assertEqual(program.do("status")[0], 200)

    def test_s23_threads_are_left_for_pages(self) -> None:
        self.assertLess(STRANGERS + KNOWN + LOOKERS, THREADS - 1)

    def test_s15_no_secret_comes_out(self) -> None:
        program = self.program()
        program.prove(PASSWORD)
        invite = program.do("invite")[1]["invite"]
        said = ""
        for route in ROUTES:
            if route.method == "GET" and route.name != "explain":
                fields = {one.name: sample(one.schema) for one in route.of("path")}
                fields = {name: "tunnel" if name == "type" else value for name, value in fields.items()}
                said += json.dumps(program.do(route.name, **fields)[1])
        log = self.said.read_text() + "\n".join(self.log.lines)
        for secret in (PASSWORD, "correct horse battery", invite, program.token):
            self.assertNotIn(secret, said)
            self.assertNotIn(secret, log)

    def test_s29_isthmusd_is_not_running(self) -> None:
        program = self.program()
        self.stop()
        for name in ("hello", "status", "logout"):
            status, value = program.do(name)
            self.assertEqual((status, value["error"]["code"]), (503, "daemon-away"))
            self.assertIn("service isthmus start", value["error"]["remedy"])
            self.assertNotIn(self.run_dir, json.dumps(value))
            self.assertNotIn("control.sock", json.dumps(value))
        self.start()
        self.assertEqual(program.do("status")[0], 401)


if __name__ == "__main__":
    unittest.main()
