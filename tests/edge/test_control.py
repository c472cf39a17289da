"""The control socket over a real Unix socket: who may speak, what is taken, what is bounded."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import threading
import time
import unittest

from isthmus.edge import os_cpython as host
from isthmus.edge.control import (
    GUEST,
    LONGEST_REQUEST,
    MOST_CALLERS,
    OWNER,
    SOCKET_NAME,
    DaemonAwayError,
    Later,
    ask,
)  # fmt: skip
from isthmus.errors import IsthmusError
from isthmus.users.queue import MOST_OF_GUESTS, MOST_STRANGERS
from tests.edge.world import NOBODY, Folder, Served, run_as, wait_for

STATUS = b'{"command": "status"}\n'
GUEST_UID = 4242  # nobody's, but for a moment


class AnswerTest(Served):
    def test_a_question_and_its_answer(self) -> None:
        self.assertEqual(ask(str(self.path), {"command": "show", "tunnel": "branch"}), {"fine": True})
        self.assertEqual(self.asked, [{"command": "show", "tunnel": "branch"}])

    def test_an_error_keeps_its_code_and_remedy(self) -> None:
        with self.assertRaises(IsthmusError) as caught:
            ask(str(self.path), {"command": "reload"})
        error = caught.exception
        self.assertEqual((error.code, str(error), error.remedy), ("configuration", "the file is wrong", "mend it"))

    def test_the_id_comes_back(self) -> None:
        for one in (7, "seven", 0, -1):
            answer = self.ask_raw(json.dumps({"id": one, "command": "version"}).encode() + b"\n")
            self.assertEqual((answer["id"], answer["ok"]), (one, True))

    def test_a_request_in_pieces(self) -> None:
        sock = self.connect()
        for index in range(len(STATUS)):
            sock.sendall(STATUS[index : index + 1])
        self.assertEqual(self.read_lines(sock), [{"ok": True, "result": {"fine": True}}])

    def test_many_requests_in_one_piece_are_answered_in_order(self) -> None:
        sock = self.connect()
        lines = [json.dumps({"id": number, "command": "version"}).encode() for number in range(50)]
        sock.sendall(b"\n".join(lines) + b"\n")
        self.assertEqual([answer["id"] for answer in self.read_lines(sock, 50)], list(range(50)))

    def test_an_answer_that_is_larger_than_a_socket_holds(self) -> None:
        self.result = {"text": "x" * 1_000_000}
        self.assertEqual(ask(str(self.path), {"command": "status"}), self.result)

    def test_one_callers_many_requests_do_not_keep_others_waiting(self) -> None:
        """Each answer takes 20 ms; a second caller must not wait for all 200 of the first."""
        inner = self.server._handle

        def slowly(request: dict, standing: str) -> dict:
            time.sleep(0.02)
            return inner(request, standing)

        self.server._handle = slowly
        greedy, other = self.connect(), self.connect()
        greedy.sendall(STATUS * 200)
        self.assertTrue(wait_for(lambda: len(self.asked) > 2))
        other.sendall(b'{"id": "other", "command": "version"}\n')
        self.assertEqual(self.read_lines(other)[0]["id"], "other")
        self.assertTrue(len(self.asked) < 100)

    def test_a_caller_that_never_reads_costs_no_memory(self) -> None:
        self.result = {"text": "x" * 200_000}
        sock = self.connect()
        sock.sendall(STATUS * 500)
        self.assertTrue(wait_for(lambda: len(self.asked) > 0))
        time.sleep(0.3)
        unsent = sum([len(caller.unsent) for caller in self.server._callers.values()])
        self.assertTrue(unsent < 2 * 200_000 + 65536, unsent)
        self.assertTrue(len(self.asked) < 20, len(self.asked))
        turns = self.turns
        time.sleep(0.3)
        self.assertTrue(self.turns - turns < 10, "the loop spins")


class RefusedTest(Served):
    def refused(self, line: bytes, words: str) -> None:
        answer = self.ask_raw(line + b"\n")
        self.assertFalse(answer["ok"], line)
        self.assertEqual(answer["error"]["code"], "bad-request")
        self.assertIn(words, answer["error"]["message"])
        self.assertEqual(self.asked, [])

    def test_what_is_no_request(self) -> None:
        for line in (b"", b"status", b"{", b"\xff\xfe", b'{"command": "status"', b'{"command": "status"} x'):
            self.refused(line, "JSON")
        for line in (b"[]", b"7", b'"status"', b"null", b"true", b"NaN"):
            self.refused(line, "not a JSON object")

    def test_unknown_commands(self) -> None:
        for command in (b'"halt"', b'""', b"null", b"7", b"[]", b"{}", b'["status"]', b'"STATUS"'):
            self.refused(b'{"command": %s}' % command, "unknown command; allowed: apply, ")
        self.refused(b"{}", "unknown command")

    def test_fields_of_the_wrong_type_or_name(self) -> None:
        self.refused(b'{"command": "up"}', "needs the field tunnel")
        for value in (b"7", b"[]", b'{"a": 1}', b"true", b"1.5"):
            self.refused(b'{"command": "up", "tunnel": %s}' % value, "wrong type")
        self.refused(b'{"command": "up", "tunnel": "%s"}' % (b"x" * 65), "longer than 64")
        self.refused(b'{"command": "reload", "tunnel": "x"}', "no field of that name")
        for value in (b"[]", b"1.5", b"{}", b"null"):
            self.refused(b'{"id": %s, "command": "status"}' % value, "the id is")

    def test_nested_beyond_measure(self) -> None:
        self.refused(b"[" * 60_000, "nested")
        self.refused(b'{"a":' * 10_000, "nested")

    def test_numbers_beyond_measure(self) -> None:
        self.refused(b'{"id": %s, "command": "status"}' % (b"9" * 60_000), "JSON")

    def test_a_line_that_is_too_long_ends_the_call(self) -> None:
        sock = self.connect()
        try:
            sock.sendall(b"x" * (LONGEST_REQUEST + 65537))
        except ConnectionError:
            pass
        self.assertEqual(self.read_lines(sock), [])
        self.assertTrue(wait_for(lambda: not self.server._callers))
        self.assertEqual(ask(str(self.path), {"command": "version"}), {"fine": True})


class CallerTest(Served):
    def test_one_more_than_may_call(self) -> None:
        crowd = [self.connect() for _ in range(MOST_CALLERS[OWNER])]
        for sock in crowd:
            sock.sendall(STATUS)
            self.assertTrue(self.read_lines(sock)[0]["ok"])
        one_more = self.connect()
        self.assertEqual(self.read_lines(one_more), [])
        crowd[0].close()
        self.assertTrue(wait_for(lambda: len(self.server._callers) < MOST_CALLERS[OWNER]))
        self.assertEqual(ask(str(self.path), {"command": "version"}), {"fine": True})

    def test_callers_that_hang_up_at_any_moment(self) -> None:
        for piece in (b"", b"{", STATUS, STATUS * 100, STATUS + b"{"):
            sock = self.connect()
            sock.sendall(piece)
            sock.close()
        self.assertTrue(wait_for(lambda: not self.server._callers))
        self.assertEqual(ask(str(self.path), {"command": "version"}), {"fine": True})

    def test_nothing_to_read_is_no_hang_up(self) -> None:
        sock = self.connect()
        sock.sendall(STATUS)
        self.read_lines(sock)
        fd = next(iter(self.server._callers))
        self.server._read(fd)  # as after an event that was meant for an earlier descriptor of this number
        sock.sendall(STATUS)
        self.assertTrue(self.read_lines(sock)[0]["ok"])

    def test_another_user_is_refused(self) -> None:
        os.chmod(self.path, 0o755)
        os.chmod(self.path / SOCKET_NAME, 0o666)
        self.assertEqual(run_as(NOBODY, self.call), errno.EPERM)
        self.assertEqual(self.asked, [])

    def call(self) -> None:
        """Ask for the status. Raises OSError where nobody answers."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(5)
        sock.connect(str(self.path / SOCKET_NAME))
        try:
            sock.sendall(STATUS)
            data = sock.recv(100)
        except ConnectionError:
            data = b""
        if not data:
            raise OSError(errno.EPERM, "hung up")

    def test_the_web_interface_is_a_guest_and_nobody_else_is(self) -> None:
        self.server.open_to((GUEST_UID, GUEST_UID))
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o710)
        self.assertEqual(stat.S_IMODE(os.stat(self.path / SOCKET_NAME).st_mode), 0o660)
        self.assertEqual(run_as(GUEST_UID, self.call), 0)
        self.assertEqual(self.standings, [GUEST])
        self.assertEqual(run_as(NOBODY, self.call), errno.EACCES)
        self.assertEqual(run_as(GUEST_UID, lambda: os.listdir(self.path)), errno.EACCES)
        ask(str(self.path), {"command": "version"})
        self.assertEqual(self.standings, [GUEST, OWNER])
        self.server.open_to(None)
        self.assertEqual(run_as(GUEST_UID, self.call), errno.EACCES)
        self.assertEqual(len(self.standings), 2)

    def test_a_member_of_the_group_is_no_guest(self) -> None:
        self.server.open_to((GUEST_UID, GUEST_UID))
        self.assertEqual(run_as(GUEST_UID + 1, self.call, GUEST_UID), errno.EPERM)
        self.assertEqual(self.standings, [])

    def test_all_whose_passwords_wait_leave_a_place(self) -> None:
        one_under_way = 1
        self.assertLess(MOST_STRANGERS + MOST_OF_GUESTS + one_under_way, MOST_CALLERS[GUEST])

    def test_guests_leave_places_for_root(self) -> None:
        self.server.open_to((GUEST_UID, GUEST_UID))
        read, write = os.pipe()
        held = os.fork()
        if not held:
            try:
                os.setgid(GUEST_UID)
                os.setuid(GUEST_UID)
                crowd = [host.connect_control(str(self.path / SOCKET_NAME), 5000) for _ in range(40)]
                os.write(write, b"%d" % len(crowd))
                time.sleep(30)
            finally:
                os._exit(0)
        try:
            self.assertEqual(os.read(read, 10), b"40")
            self.assertTrue(wait_for(lambda: len(self.server._callers) == MOST_CALLERS[GUEST]))
            self.assertEqual(ask(str(self.path), {"command": "version"}), {"fine": True})
            self.assertTrue(wait_for(lambda: len(self.server._callers) == MOST_CALLERS[GUEST]))
        finally:
            os.kill(held, 9)
            os.waitpid(held, 0)
            os.close(read)
            os.close(write)
        self.assertTrue(wait_for(lambda: not self.server._callers))

    def test_a_descriptor_that_is_sent_along_is_not_taken(self) -> None:
        read, write = os.pipe()
        sock = self.connect()
        socket.send_fds(sock, [STATUS], [write])
        os.close(write)
        self.assertTrue(self.read_lines(sock)[0]["ok"])
        self.assertEqual(os.read(read, 1), b"", "somebody else has it")
        os.close(read)

    def test_modes_keep_others_out(self) -> None:
        self.assertEqual(stat.S_IMODE(os.stat(self.path / SOCKET_NAME).st_mode), 0o600)
        os.chmod(self.path, 0o755)
        self.assertEqual(run_as(NOBODY, lambda: host.connect_control(str(self.path / SOCKET_NAME), 1000)), errno.EACCES)


class LaterTest(Served):
    def setUp(self) -> None:
        super().setUp()
        self.laters: list[Later] = []
        self.server._handle = self.later

    def later(self, request: dict, _standing: str) -> dict | Later:
        if request["command"] == "version":
            return {"fine": True}
        self.laters.append(Later())
        return self.laters[-1]

    def in_the_loop(self, what: object) -> None:
        """Run it where the daemon would: between two turns."""
        read, write = os.pipe()
        done = threading.Event()

        def call(fd: int) -> None:
            self.loop.forget(fd)
            what()
            done.set()

        self.loop.on_readable(read, call)
        os.write(self.wake_write, b"!")
        os.write(write, b"!")
        self.assertTrue(done.wait(10))
        os.close(read)
        os.close(write)

    def test_an_answer_that_comes_later_keeps_nobody_waiting(self) -> None:
        sock = self.connect()
        sock.sendall(b'{"id": 5, "command": "status"}\n{"id": 6, "command": "version"}\n')
        self.assertTrue(wait_for(lambda: self.laters))
        self.assertEqual(ask(str(self.path), {"command": "version"}), {"fine": True})
        self.in_the_loop(lambda: self.laters[0].done({"late": True}))
        answers = self.read_lines(sock, 2)
        self.assertEqual(answers[0], {"id": 5, "ok": True, "result": {"late": True}})
        self.assertEqual(answers[1]["id"], 6)

    def test_a_refusal_that_comes_later(self) -> None:
        sock = self.connect()
        sock.sendall(STATUS)
        self.assertTrue(wait_for(lambda: self.laters))
        self.in_the_loop(lambda: self.laters[0].failed(IsthmusError("no", "try", "refused")))
        self.assertEqual(self.read_lines(sock)[0]["error"], {"code": "refused", "message": "no", "remedy": "try"})

    def test_whoever_hangs_up_meanwhile_costs_nothing(self) -> None:
        sock = self.connect()
        sock.sendall(STATUS)
        self.assertTrue(wait_for(lambda: self.laters))
        sock.close()
        turns = self.turns
        time.sleep(0.3)
        self.assertTrue(self.turns - turns < 10, "the loop spins")
        self.in_the_loop(lambda: self.laters[0].done({}))
        self.assertTrue(wait_for(lambda: not self.server._callers))
        self.assertEqual(ask(str(self.path), {"command": "version"}), {"fine": True})

    def test_an_answer_that_is_there_at_once(self) -> None:
        def at_once(_request: dict, _standing: str) -> Later:
            later = Later()
            later.done({"soon": True})
            return later

        self.server._handle = at_once
        self.assertEqual(ask(str(self.path), {"command": "status"}), {"soon": True})


class AwayTest(Folder):
    def test_nobody_there(self) -> None:
        with self.assertRaises(DaemonAwayError) as caught:
            ask(str(self.path), {"command": "status"})
        self.assertIn("isthmusd does not answer at", str(caught.exception))

    def test_somebody_who_hangs_up_or_says_nothing(self) -> None:
        listener = host.listen_control(str(self.path / SOCKET_NAME))
        self.addCleanup(listener.close)
        listener.setblocking(True)

        def hang_up() -> None:
            listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with self.assertRaises(DaemonAwayError):
            ask(str(self.path), {"command": "status"})
        thread.join()
        with self.assertRaises(DaemonAwayError) as caught:
            ask(str(self.path), {"command": "status"}, timeout_ms=100)
        self.assertIn("in time", str(caught.exception))

    def test_a_socket_left_by_a_crash_is_replaced(self) -> None:
        path = str(self.path / SOCKET_NAME)
        host.listen_control(path).close()
        self.assertTrue(os.path.exists(path))
        host.listen_control(path).close()
        os.unlink(path)
        target = self.path / "precious"
        target.write_text("kept")
        os.symlink(target, path)
        host.listen_control(path).close()
        self.assertEqual(target.read_text(), "kept")
        self.assertTrue(stat.S_ISSOCK(os.lstat(path).st_mode))


if __name__ == "__main__":
    unittest.main()
