"""Live pages before the real program: streams that cost no thread, their bounds, and the memory of it all."""

from __future__ import annotations

import json
import threading
import time
import unittest
from typing import Any

from isthmus import commands
from isthmus_web import streams
from tests.counts import cases
from tests.edge.accounts_world import PASSWORD
from tests.edge.world import own_network, wait_for
from tests.web.listening import Ear, open_files, resident_kib, threads
from tests.web.world import GOOD, SHOTS, Browser, Webbed, report, tunnel, with_states

UP = report([tunnel("office", "up", GOOD)])
DOWN = report([tunnel("office", "waiting", with_states(GOOD, "bad", "bad", "bad", "bad", "ok"))])
LIVE = 10
GROWTH_KIB = 1500  # what rounds may add once all is warm: arenas of the allocator, not a leak of each round
FIGURES = SHOTS.parent / "web-figures.json"


def setUpModule() -> None:
    own_network()


class Live(Webbed):
    """`self.report`: what `status` answers; `self.looks`: how often it was asked."""

    def setUp(self) -> None:
        super().setUp()
        self.report: dict[str, Any] = UP
        self.looks = 0
        self.addCleanup(setattr, commands, "HANDLERS", commands.HANDLERS)
        commands.HANDLERS = {**commands.HANDLERS, "status": self.status}

    def status(self, _daemon: Any, _request: dict, _now: int) -> dict:
        self.looks += 1
        return self.report

    def listen(self, browser: Browser, page: str = "overview", **more: Any) -> Ear:
        ear = Ear(browser, page, **more)
        self.addCleanup(ear.close)
        return ear

    def crowd(self, count: int) -> list[Browser]:
        """So many who have logged in."""
        found = []
        for number in range(count):
            name = f"user{number // 8}"  # a user has eight sessions at most
            if number % 8 == 0:
                self.ask("user-add", user=name, role="look", password=PASSWORD)
            browser = self.browser()
            self.assertEqual(browser.login(name, PASSWORD).status, 303)
            found.append(browser)
        return found


class Told(Live):
    def test_a_change_is_told_soon_and_its_end_too(self) -> None:
        browser = self.logged_in()
        ear = self.listen(browser)
        self.assertEqual(ear.status, 200)
        self.assertIn("text/event-stream", ear.head)
        self.assertTrue(ear.wait("changed", "state"))  # it may have changed since the page was made
        self.report = DOWN
        begin = time.monotonic()
        self.assertTrue(ear.wait("changed", "state"))
        self.assertLess(time.monotonic() - begin, 30)  # 2 s and what else this machine does
        again = self.listen(browser, headers=(f"Last-Event-ID: {ear.last_id}",))
        self.assertFalse(again.wait("changed", "state", 5))
        ear.close()
        again.close()
        self.assertTrue(wait_for(self.looks_stand_still))

    def looks_stand_still(self) -> bool:
        before = self.looks
        time.sleep(3)
        return self.looks == before

    def test_a_session_that_ends_ends_the_stream_and_another_goes_on(self) -> None:
        mine, other = self.logged_in("anna"), self.logged_in("otto")
        ears = self.listen(mine), self.listen(other)
        for ear in ears:
            self.assertTrue(ear.wait("changed"))
        self.ask("user-role", user="anna", role="operate")
        self.assertTrue(ears[0].wait("over"))
        self.assertTrue(ears[0].wait_end())
        self.report = DOWN
        self.assertTrue(ears[1].wait("changed", "state"))

    def test_listening_keeps_no_session_alive(self) -> None:
        browser = self.logged_in()
        ear = self.listen(browser)
        self.assertTrue(ear.wait("changed"))
        session = next(iter(self.daemon.accounts.door.sessions._by_key.values()))
        used = session.used
        self.report = DOWN
        self.assertTrue(ear.wait("changed", "state"))
        self.assertTrue(ear.wait("beat"))
        self.assertEqual(session.used, used)
        session.used -= 16 * 60_000  # idle for longer than sessions live
        self.assertTrue(ear.wait("over"))

    def test_a_daemon_that_goes_away_is_told(self) -> None:
        ear = self.listen(self.logged_in())
        self.assertTrue(ear.wait("changed"))
        self.stop()
        self.assertTrue(ear.wait("changed", "state"))
        self.assertFalse(ear.is_over)

    def test_without_a_session_there_is_no_stream(self) -> None:
        self.ask("user-add", user="anna", role="look", password=PASSWORD)
        ear = self.listen(self.browser())
        self.assertEqual(ear.status, 204)
        self.assertEqual(self.looks, 0)


class Parked(Live):
    def test_streams_take_no_thread_and_give_back_what_they_had(self) -> None:
        browsers = self.crowd(4)
        ears = [self.listen(browsers[0])]  # the watcher begins
        self.assertTrue(ears[0].wait("changed"))
        count, files = threads(self.web.pid), open_files(self.web.pid)
        ears += [self.listen(browser) for browser in browsers[1:] for _ in range(streams.MOST_OF_SESSION)]
        self.assertEqual([ear.status for ear in ears], [200] * 10)
        self.assertTrue(all(ear.wait("changed") for ear in ears[1:]))
        self.assertEqual(threads(self.web.pid), count)  # ten listeners, six threads: and pages come
        self.assertEqual(self.browser().get("/login").status, 200)
        for ear in ears[1:]:
            ear.close()
        self.assertTrue(wait_for(lambda: open_files(self.web.pid) <= files))
        self.assertEqual(self.listen(browsers[1]).status, 200)

    def test_s23_one_too_many_is_refused_and_nobody_is_pushed_out(self) -> None:
        browsers = self.crowd(5)
        ears = [self.listen(browsers[0]) for _ in range(streams.MOST_OF_SESSION + 1)]
        self.assertEqual([ear.status for ear in ears], [200] * streams.MOST_OF_SESSION + [503])
        more = [self.listen(browser) for browser in browsers[1:] for _ in range(streams.MOST_OF_SESSION)]
        statuses = [ear.status for ear in more]
        self.assertEqual(statuses.count(200), streams.MOST_OF_NETWORK - streams.MOST_OF_SESSION)
        self.assertEqual(set(statuses), {200, 503})
        good = [ear for ear in ears + more if ear.status == 200]
        self.assertTrue(all(ear.wait("changed", "state") for ear in good))
        flood = [self.connect() for _ in range(200)]
        flood += [self.ask_once() for _ in range(40)]  # less idle than who has only listened for a while
        self.assertEqual(browsers[0].get("/").status, 200)
        self.report = DOWN
        self.assertTrue(all(ear.wait("changed", "state") for ear in good))
        self.assertEqual(len(flood), 240)

    def ask_once(self) -> Any:
        sock = self.browser().context.wrap_socket(self.connect())
        sock.sendall(f"GET /static/icon.svg HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
        self.assertIn(b" 200 ", sock.recv(4096))
        self.addCleanup(sock.close)
        return sock

    def connect(self) -> Any:
        import socket

        sock = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.addCleanup(sock.close)
        return sock

    def test_s23_who_asks_for_more_on_a_stream_is_hung_up_on(self) -> None:
        browser = self.logged_in()
        ear = self.listen(browser)
        ear.sock.sendall(b"GET / HTTP/1.1\r\n")
        self.assertTrue(ear.wait_end(10))
        host = f"Host: 127.0.0.1:{self.port}\r\n".encode()
        ear = self.listen(browser, behind=b"GET /login HTTP/1.1\r\n" + host + b"\r\n")
        self.assertTrue(ear.wait_end(10))
        self.assertNotIn(b"<html", ear.data)
        for _ in range(streams.MOST_OF_SESSION):  # neither has kept a place
            self.assertEqual(self.listen(browser).status, 200)


class Memory(Live):
    def test_memory_and_threads_idle_and_under_ten_live_clients(self) -> None:
        """Figures go to build/web-figures.json. Each client has a stream, and fetches its page when it is told to."""
        idle, idle_threads = resident_kib(self.web.pid), threads(self.web.pid)
        browsers = self.crowd(LIVE)
        ears = [self.listen(browser) for browser in browsers]
        self.rounds(browsers, ears, 2)  # warm: every thread has served a page
        begin, count = resident_kib(self.web.pid), threads(self.web.pid)
        rounds = cases(4, 60)
        self.rounds(browsers, ears, rounds)
        end = resident_kib(self.web.pid)
        self.assertEqual(threads(self.web.pid), count)
        self.assertLessEqual(count, idle_threads + 1)  # the watcher
        figures = {"idle_kib": idle, "live_clients": LIVE, "live_kib": end, "growth_kib": end - begin,
                   "rounds": rounds, "threads": count}  # fmt: skip
        FIGURES.parent.mkdir(exist_ok=True)
        FIGURES.write_text(json.dumps(figures) + "\n")
        print(f"isthmus-web: {figures}")  # whoever runs this alone reads it
        self.assertLess(end - begin, GROWTH_KIB, figures)

    def rounds(self, browsers: list[Browser], ears: list[Ear], count: int) -> None:
        """Something changes, everybody is told, and everybody looks."""
        for _ in range(count):
            self.report = DOWN if self.report is UP else UP
            for ear in ears:
                self.assertTrue(ear.wait("changed", "state"))
            statuses: list[int] = []
            looking = [threading.Thread(target=self.look, args=(browser, statuses)) for browser in browsers]
            for thread in looking:
                thread.start()
            for thread in looking:
                thread.join()
            self.assertLessEqual(set(statuses), {200, 503})
            self.assertIn(200, statuses)

    def look(self, browser: Browser, statuses: list[int]) -> None:
        statuses.append(browser.get("/", **{"X-Isthmus-Quiet": "1"}).status)


if __name__ == "__main__":
    unittest.main()
