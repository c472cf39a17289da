"""Users and sessions of a real daemon, asked over its socket by processes of other users: who may what."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
import unittest
from unittest import mock

from isthmus.accounts import HANDLERS
from isthmus.commands import HANDLERS as OTHER_HANDLERS
from isthmus.edge import os_cpython_scrypt as scrypt
from isthmus.edge.calls import COMMANDS
from isthmus.edge.control import SOCKET_NAME
from isthmus.users.book import CURRENT, pull_book
from isthmus.users.deeds import MOST_LINES
from isthmus.users.queue import MOST_STRANGERS
from isthmus.users.roles import ANYONE, ROLES, ROOT
from isthmus.users.throttle import USER_BURST
from tests.edge.accounts_world import GUEST, OTHER, PASSWORD, STRANGER, Accounted, in_child
from tests.edge.world import own_network, wait_for

VALUES = {"tunnel": "nowhere", "source": "192.0.2.1", "destination": "192.0.2.2", "user": "nobody", "role": "nothing",
          "password": "short", "session": "none", "code": "none", "invite": "none", "words": "a b c", "mark": "none",
          "changes": [], "type": "tunnel", "passphrase": "short"}  # fmt: skip
PAIRING = ("pair-invite", "pair-accept", "pair-approve", "pair-rotate", "unpair")  # as the others: they open something
NOT_LET_IN = ("no-session", "forbidden", "step-up")


def setUpModule() -> None:
    own_network()


def example(command: str) -> dict:
    """A request with everything that it needs, which changes nothing."""
    fields = [field for field in COMMANDS[command].fields if field.required]
    return {"command": command, **{field.name: VALUES[field.name] for field in fields}}


class Table(unittest.TestCase):
    def test_each_call_is_handled_once_and_explained(self) -> None:
        self.assertEqual(sorted([*HANDLERS, *OTHER_HANDLERS]), sorted(COMMANDS))
        for command, call in COMMANDS.items():
            self.assertTrue(call.text, command)

    def test_what_takes_no_session_is_little(self) -> None:
        self.assertEqual(sorted(name for name, call in COMMANDS.items() if call.role == ANYONE),
                         ["first-password", "hello", "login"])  # fmt: skip

    def test_what_opens_or_changes_users_takes_a_fresh_password(self) -> None:
        for command, call in COMMANDS.items():
            opens = command in ("reload", "apply", "backup", "restore", "password", *PAIRING)
            opens = opens or (command.startswith("user-") and command != "user-list")
            self.assertEqual(call.step_up or call.role == ROOT, opens, command)
        for command, field in (("confirm", "anyway"), ("revert", "over")):
            for value in (None, False, True):
                self.assertEqual(COMMANDS[command].takes_step_up({field: value}), value is True, command)


class Callers(Accounted):
    def test_without_a_session_nothing_but_three_calls(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        for token in ({}, {"token": "0" * 64}, {"token": ""}, {"token": None}):
            answers = self.calls([{**example(command), **token} for command in sorted(COMMANDS)])
            for command, answer in zip(sorted(COMMANDS), answers, strict=True):
                let_in = COMMANDS[command].role == ANYONE and token.get("token") is None
                self.assertEqual(answer.get("code") == "no-session", not let_in, (command, token, answer))

    def test_each_role_and_each_call(self) -> None:
        for name, role in ROLES:
            self.ask("user-add", user="u-" + name, role=name, password=PASSWORD)
            token = self.login("u-" + name)["token"]
            stepped = self.login("u-" + name)["token"]
            stepped = self.call("step-up", token=stepped, password=PASSWORD)["token"]
            requests = [example(command) for command in sorted(COMMANDS) if command not in ("logout", "step-up")]
            for command, call in COMMANDS.items():
                requests += [{**example(command), call.stepping: True}] if call.stepping else []
            for request in requests:
                call = COMMANDS[request["command"]]
                with self.subTest(name, request=request):
                    codes = [self.call(token=one, **request).get("code") for one in (token, stepped)]
                    wanted = [None, None]
                    if call.role > role:
                        wanted = ["forbidden", "forbidden"]
                    elif call.takes_step_up(request):
                        wanted = ["step-up", None]
                    self.assertEqual([code if code in NOT_LET_IN else None for code in codes], wanted, codes)

    def test_root_without_a_token_may_all_and_with_one_what_its_session_may(self) -> None:
        for command in sorted(COMMANDS):
            if COMMANDS[command].role != ANYONE:
                try:
                    self.ask(**example(command))
                except Exception as error:  # noqa: BLE001 - its code is looked at
                    self.assertNotIn(error.code, ("forbidden", "step-up"), command)
        self.ask("user-add", user="bob", role="look", password=PASSWORD)
        token = self.login("bob")["token"]
        self.assertEqual(self.refused("down", tunnel="branch", token=token), "forbidden")
        self.assertEqual(self.refused("status", token="0" * 64), "no-session")

    def test_a_local_process_of_another_user_gets_nothing(self) -> None:
        def connect() -> str:
            import socket

            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.connect(self.run_dir + "/" + SOCKET_NAME)
                sock.sendall(b'{"command": "hello"}\n')
                return sock.recv(100).decode()
            except OSError as error:
                return type(error).__name__

        self.assertEqual(in_child(STRANGER, connect), "PermissionError")
        self.assertIn(in_child(STRANGER, connect, GUEST), ("", "BrokenPipeError", "ConnectionResetError"))
        self.assertIn("first_password", in_child(GUEST, connect))

    def test_the_web_user_reads_no_file_of_ours(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        self.assertEqual(stat.S_IMODE(self.users.stat().st_mode), 0o600)

        def read() -> list[str]:
            found = []
            for path in (str(self.users), self.run_dir + "/lock", str(self.path / "etc" / "state" / "guard.nft")):
                try:
                    with open(path, "rb") as file:
                        found.append(file.read().decode())
                except OSError as error:
                    found.append(type(error).__name__)
            return found

        self.assertEqual(set(in_child(GUEST, read)) - {"FileNotFoundError"}, {"PermissionError"})

    def test_the_web_user_may_be_made_later_and_is_never_root(self) -> None:
        passwd = self.path / "passwd"
        for line in ("isthmus-web:x:0:0::/:/bin/false\n", "isthmus-web:x:\n", "isthmus-webs:x:4242:4242:::\n", ""):
            passwd.write_text(line)
            self.ask("reload")
            self.assertEqual(stat.S_IMODE(os.stat(self.run_dir).st_mode), 0o700)
        self.assertTrue([line for line in self.log.lines if "give it its own" in line])
        passwd.write_text(f"isthmus-web:x:{GUEST}:{GUEST}:::\n")
        self.ask("reload")
        self.assertEqual(self.call("hello"), {"first_password": True})


class Life(Accounted):
    def test_first_password_login_work_and_logout(self) -> None:
        self.assertEqual(self.call("hello"), {"first_password": True})
        self.assertEqual(self.call("first-password", code="", user="mallory", password=OTHER)["code"], "code")
        code = self.ask("user-code")["code"]
        answer = self.call("first-password", code=code, user="alice", password=PASSWORD)
        self.assertEqual(answer, {"user": "alice", "role": "administer"})
        self.assertEqual(self.call("hello"), {"first_password": False})
        self.assertEqual(self.call("first-password", code=code, user="mallory", password=OTHER)["code"], "code")
        token = self.login()["token"]
        self.assertEqual(self.call("status", token=token)["tunnels"][0]["name"], "branch")
        self.assertEqual(self.call("down", token=token, tunnel="branch")["tunnel"], "branch")
        self.assertTrue([line for line in self.log.lines if "alice: down branch" in line])
        session = self.call("session", token=token)
        self.assertEqual((session["user"], session["source"], session["step_up_s"]), ("alice", "192.168.1.7", 0))
        self.assertEqual(self.call("reload", token=token)["code"], "step-up")
        token = self.call("step-up", token=token, password=PASSWORD)["token"]
        self.assertIn("unchanged", self.call("reload", token=token))
        self.call("logout", token=token)
        self.assertEqual(self.call("session", token=token)["code"], "no-session")

    def test_whoever_may_operate_writes_nothing_of_their_own_into_the_log(self) -> None:
        """Names that there are, each deed's outcome, and no flood that hides what somebody else does."""
        for user, password in (("alice", PASSWORD), ("eve", OTHER)):
            self.ask("user-add", user=user, role="operate", password=password)
        alice, eve = self.login()["token"], self.login("eve", OTHER)["token"]
        refused = self.calls([{"command": "down", "token": eve, "tunnel": f"DELETED-BY-alice-{n}"} for n in range(60)])
        self.assertEqual({answer["code"] for answer in refused}, {"unknown-tunnel"})
        self.calls([{"command": word, "token": eve, "tunnel": "branch"} for word in ("down", "up") * 30])
        self.call("down", token=alice, tunnel="branch")
        for number in range(12):
            self.call("policy-test", token=alice, rule=f"DELETED-BY-eve-{number}")
        self.assertEqual([line for line in self.log.lines if "DELETED" in line], [])
        eves = [line for line in self.log.lines if "eve: " in line and "logged in" not in line]
        self.assertIn("notice users eve: down (failed: unknown-tunnel)", eves)
        self.assertIn("notice users eve: down branch", eves)
        self.assertLessEqual(len(eves), 2 * MOST_LINES)
        self.assertIn("notice users alice: down branch", self.log.lines)

    def test_many_logins_are_few_lines(self) -> None:
        self.ask("user-add", user="alice", role="look", password=PASSWORD)
        mark = self.login()["mark"]
        for _ in range(4):
            self.login(mark=mark)
        self.assertEqual(len([line for line in self.log.lines if "has logged in" in line]), 1)

    def test_a_race_for_the_first_password(self) -> None:
        code = self.ask("user-code")["code"]
        answers: list[dict] = []

        def claim(name: str) -> None:
            answers.append(self.call("first-password", code=code, user=name, password=PASSWORD))

        threads = [threading.Thread(target=claim, args=(name,)) for name in ("alice", "bob", "carol", "dave")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winners = [answer["user"] for answer in answers if "user" in answer]
        self.assertEqual(len(winners), 1, answers)
        self.assertEqual([row["user"] for row in self.ask("user-list")["users"]], winners)

    def test_restart(self) -> None:
        self.ask("user-add", user="alice", role="operate", password=PASSWORD)
        answer = self.login()
        code_before = self.refused("user-code")
        self.restart()
        self.assertEqual(code_before, "claimed")
        self.assertEqual(self.call("session", token=answer["token"])["code"], "no-session")
        self.assertEqual(self.login(mark=answer["mark"])["mark"], answer["mark"])
        for mark, known in ((answer["mark"], True), ("0" * 64, False)):
            self.assertEqual(self.call("hello", user="alice", mark=mark), {"first_password": False, "known": known})

    def test_ends_of_sessions(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        self.ask("user-add", user="bob", role="look", password=OTHER)
        alice = self.login()["token"]
        for change in (
            {"command": "user-passwd", "user": "bob", "password": OTHER},
            {"command": "user-role", "user": "bob", "role": "operate"},
            {"command": "user-delete", "user": "bob"},
        ):
            bob = self.login("bob", OTHER)["token"]
            self.assertEqual(self.call("session", token=bob)["user"], "bob")
            alice = self.call("step-up", token=alice, password=PASSWORD)["token"]
            self.assertEqual(self.call(token=alice, **change)["user"], "bob")
            self.assertEqual(self.call("session", token=bob)["code"], "no-session")
        other = self.login()["token"]
        changed = self.call("password", token=alice, password="another song 77")
        for token in (alice, other):
            self.assertEqual(self.call("session", token=token)["code"], "no-session")
        self.assertEqual(self.call("session", token=changed["token"])["user"], "alice")

    def test_strangers_who_wait_take_nobody_elses_place(self) -> None:
        """A login that waits keeps its connection: as many as may wait must leave some to the web interface."""
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        token = self.login()["token"]
        for number in range(USER_BURST):
            self.call("login", user="alice", password="a guess", source=f"10.0.0.{number}")

        def what() -> str:
            crowd = []
            for number in range(MOST_STRANGERS):
                sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                sock.connect(self.run_dir + "/" + SOCKET_NAME)
                guess = {"command": "login", "user": "alice", "password": "a guess", "source": f"10.0.1.{number}"}
                sock.sendall(json.dumps(guess).encode() + b"\n")
                crowd.append(sock)
            admin = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            admin.settimeout(20)
            admin.connect(self.run_dir + "/" + SOCKET_NAME)
            admin.sendall(json.dumps({"command": "session", "token": token}).encode() + b"\n")
            answer = admin.recv(65536)
            return answer.decode() or "hung up on"

        self.assertIn("alice", in_child(GUEST, what))

    def test_sessions_are_listed_and_ended(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        self.ask("user-add", user="bob", role="look", password=OTHER)
        alice, bob = self.login(), self.login("bob", OTHER)
        mine = self.call("sessions", token=bob["token"])["sessions"]
        self.assertEqual([row["session"] for row in mine], [bob["session"]])
        self.assertEqual(len(self.call("sessions", token=alice["token"])["sessions"]), 2)
        refused = self.call("session-end", token=bob["token"], session=alice["session"])
        self.assertEqual(refused["code"], "unknown-session")
        self.call("session-end", token=alice["token"], session=bob["session"])
        self.assertEqual(self.call("session", token=bob["token"])["code"], "no-session")
        text = json.dumps(mine)
        self.assertFalse(bob["token"] in text or bob["mark"] in text)

    def test_the_last_who_administers(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        token = self.call("step-up", token=self.login()["token"], password=PASSWORD)["token"]
        self.assertEqual(self.call("user-delete", token=token, user="alice")["code"], "last-administrator")
        self.ask("user-delete", user="alice")
        self.assertEqual(self.call("hello"), {"first_password": True})

    def test_no_secret_is_anywhere(self) -> None:
        canaries = [PASSWORD, OTHER, "wrong guess 55"]
        code = self.ask("user-code")["code"]
        self.call("first-password", code=code, user="alice", password=PASSWORD)
        answer = self.login()
        self.login("alice", "wrong guess 55")
        self.login("wrong guess 55", OTHER)
        stepped = self.call("step-up", token=answer["token"], password=PASSWORD)
        self.call("step-up", token=stepped["token"], password="wrong guess 55")
        self.call("password", token=stepped["token"], password=OTHER)
        said = "\n".join(self.log.lines)
        for name in self.path.rglob("*"):
            if name.is_file():
                said += name.read_text(errors="replace")
        for canary in (*canaries, code, answer["token"], answer["mark"], stepped["token"]):
            self.assertNotIn(canary, said)
        self.assertIn("a login as alice failed from 192.168.1.7", said)


class Disk(Accounted):
    def test_a_file_changed_by_another_hand(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        self.ask("user-add", user="bob", role="look", password=OTHER)
        token = self.login("bob", OTHER)["token"]
        lines = self.users.read_text().split("\n")
        kept = "\n".join([line for line in lines if " bob " not in line]).replace("end 2", "end 1")
        self.users.write_text(kept)
        self.assertEqual(self.refused("user-role", user="alice", role="look"), "changed-meanwhile")
        self.assertEqual(self.users.read_text(), kept)
        self.assertEqual([row["user"] for row in self.ask("user-list")["users"]], ["alice"])
        self.assertEqual(self.call("session", token=token)["code"], "no-session")
        self.ask("user-role", user="alice", role="look")

    def test_a_spoiled_file_lets_nobody_in_and_root_go_on(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        token = self.login()["token"]
        good = self.users.read_text()
        for spoiled in ("", good[:-3], good.replace("administer", "king"), "\x00" * 100):
            self.users.write_text(spoiled)
            self.ask("reload")
            self.assertEqual(self.login()["code"], "users-file")
            self.assertEqual(self.call("down", token=token, tunnel="branch")["code"], "users-file")
            self.assertEqual(self.call("hello")["code"], "users-file")
            self.assertEqual(self.refused("user-add", user="eve", role="look", password=OTHER), "users-file")
            self.assertEqual(self.refused("user-code"), "users-file")
            self.assertEqual(self.users.read_text(), spoiled)
            self.assertEqual(len(self.ask("status")["tunnels"]), 1)
        self.assertTrue([line for line in self.log.lines if "nobody can log in" in line])
        self.users.write_text(good)
        self.ask("reload")
        self.assertTrue(self.login()["token"])
        self.assertEqual(self.call("session", token=token)["user"], "alice")

    def test_no_descriptor_for_a_moment(self) -> None:
        """A login that could not even be begun must not keep all later ones waiting."""
        refused = []

        class Hasher(scrypt.Hasher):
            def __init__(self) -> None:
                if not refused:
                    refused.append(True)
                    raise OSError(24, "Too many open files")
                super().__init__()

        with mock.patch.object(scrypt, "Hasher", Hasher):
            self.daemon.accounts._hasher = None  # the first turn may have made one already
            answer = self.call("login", user="alice", password=PASSWORD)
            self.assertTrue(refused, answer)
            self.assertIn(answer["code"], ("internal", "refused"))
            self.assertEqual(self.call("login", user="alice", password=PASSWORD)["code"], "refused")
        self.log.lines = [line for line in self.log.lines if "OSError" not in line]

    def test_a_disk_that_takes_nothing(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        before = self.users.read_bytes()
        (self.path / "etc" / "users.new").mkdir()
        self.assertEqual(self.refused("user-add", user="bob", role="look", password=OTHER), "not-written")
        self.assertEqual(self.refused("user-delete", user="alice"), "not-written")
        self.assertEqual(self.users.read_bytes(), before)
        self.assertTrue(self.login()["token"])


class Heavy(Accounted):
    """With the parameters of every day."""

    params = CURRENT

    def test_the_loop_goes_on_while_scrypt_runs(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        self.assertEqual(pull_book(self.users.read_bytes()).users["alice"].params, CURRENT)
        order: list[str] = []

        def log_in() -> None:
            self.assertTrue(self.login()["token"])
            order.append("login")

        thread = threading.Thread(target=log_in)
        thread.start()
        self.assertTrue(wait_for(lambda: self.daemon.accounts.door._running is not None))
        before = self.daemon.accounts.door._running
        self.ask("version")
        self.assertIs(self.daemon.accounts.door._running, before, "root has waited for scrypt")
        order.append("version")
        thread.join(120)
        self.assertEqual(order, ["version", "login"])

    def test_eight_at_once_and_one_after_the_other(self) -> None:
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        answers: list[dict] = []
        threads = [threading.Thread(target=lambda: answers.append(self.login())) for _ in range(8)]
        for thread in threads:
            thread.start()
        self.assertEqual(self.ask("version")["version"], self.ask("version")["version"])
        for thread in threads:
            thread.join(60)
        codes = [answer.get("code", "in") for answer in answers]
        self.assertEqual(len(codes), 8)
        self.assertIn("in", codes)
        self.assertEqual(set(codes) - {"in", "busy"}, set())  # busy: where scrypt takes seconds, not all are patient


if __name__ == "__main__":
    unittest.main()
