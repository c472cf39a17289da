"""Who gets in while every connection is busy: in the server's loop, with an application that waits."""

from __future__ import annotations

import http.client
import logging
import threading
import unittest
from typing import Any
from unittest.mock import patch

from isthmus_web import web
from tests.edge.world import wait_for
from tests.web import test_parking


class Crowd(test_parking.Looped):
    """Eight connections at most, four of one address, two in reserve."""

    def setUp(self) -> None:
        for name, value in (("MOST", 8), ("MOST_OF_ONE", 4), ("RESERVE", 2)):
            patcher = patch.object(web, name, value)
            patcher.start()
            self.addCleanup(patcher.stop)
        queue = logging.getLogger("waitress.queue")
        self.addCleanup(setattr, queue, "disabled", queue.disabled)
        queue.disabled = True  # its depth is what this is about
        super().setUp()
        self.answers = threading.Event()
        self.addCleanup(self.answers.set)

    def application(self, environ: dict, start: Any) -> Any:
        if environ["PATH_INFO"] == "/slow":
            self.answers.wait(30)
        start("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    def come(self, address: str) -> http.client.HTTPSConnection:
        """A connection from there, that stays."""
        found = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=30, context=self.context(), source_address=(address, 0)
        )
        self.addCleanup(found.close)
        found.connect()
        return found

    def hogs(self, *addresses: str) -> list[http.client.HTTPSConnection]:
        """Connections that have had an answer, and wait for another."""
        found = [self.come(address) for address in addresses]
        for one in found:
            one.request("GET", "/")
            one.getresponse().read()
        for one in found:
            one.request("GET", "/slow")
        self.wait_for_busy(len(found))
        return found

    def wait_for_busy(self, count: int) -> None:
        self.assertTrue(wait_for(lambda: sum(bool(one.requests) for one in self.channels()) == count))

    def channels(self) -> list[Any]:
        return self.bunch._servers[0]._channels()

    def closing(self, hogs: list[http.client.HTTPSConnection]) -> list[str]:
        """The addresses of those whose answer, which they all get, is their connection's last."""
        self.answers.set()
        found = []
        for one in hogs:
            answer = one.getresponse()
            self.assertEqual(answer.read(), b"ok")
            if answer.will_close:
                found.append(str(one.source_address[0]))
        return found

    def test_s23_who_has_most_connections_gives_one_up_for_a_newcomer(self) -> None:
        hogs = self.hogs(*["127.0.1.1"] * 4, *["127.0.1.2"] * 3, "127.0.1.3")
        anna = self.come("127.0.0.1")  # no place was free, and nobody idle
        anna.request("GET", "/")
        self.assertEqual(self.closing(hogs), ["127.0.1.1"])
        self.assertEqual(anna.getresponse().status, 200)
        self.assertTrue(wait_for(lambda: len(self.channels()) == 8))

    def test_s23_who_has_most_takes_nobodys_place(self) -> None:
        hogs = self.hogs(*["127.0.1.1"] * 3, *["127.0.1.2"] * 3, "127.0.1.3")
        anna = self.come("127.0.0.1")  # idle, and has asked for nothing yet
        for address in ("127.0.1.1", "127.0.1.2"):
            with self.assertRaises(OSError):
                self.come(address)
        anna.request("GET", "/")
        self.assertEqual(self.closing(hogs), [])
        self.assertEqual(anna.getresponse().status, 200)

    def test_s23_who_has_as_many_as_anybody_gets_no_more(self) -> None:
        hogs = self.hogs(*[f"127.0.1.{number}" for number in (1, 1, 2, 2, 3, 3, 4, 4)])
        hogs.append(self.come("127.0.0.1"))
        hogs[-1].request("GET", "/slow")
        self.wait_for_busy(9)
        with self.assertRaises(OSError):
            self.come("127.0.1.1")
        with self.assertRaises(OSError):
            self.come("127.0.0.1")
        self.assertEqual(len(self.closing(hogs)), 1)

    def test_s23_where_everybody_has_one_the_oldest_gives_way_and_the_reserve_ends(self) -> None:
        hogs = self.hogs(*[f"127.0.1.{number}" for number in range(1, 9)])
        more = []
        for number in (1, 2):
            more.append(self.come(f"127.0.2.{number}"))
            more[-1].request("GET", "/slow")
            self.wait_for_busy(8 + number)
        with self.assertRaises(OSError):
            self.come("127.0.2.3")
        self.assertEqual(len(self.closing([*hogs, *more])), 2)
        self.assertTrue(wait_for(lambda: len(self.channels()) == 8))


if __name__ == "__main__":
    unittest.main()
