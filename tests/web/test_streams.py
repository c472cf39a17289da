"""Who listens, how many may, and what they are told: the watcher round by round, isthmusd and connections played."""

from __future__ import annotations

import unittest
from copy import deepcopy
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

from isthmus.errors import IsthmusError
from isthmus_web import streams, topics, watcher
from isthmus_web.link import CrowdedError, Link
from isthmus_web.streams import FullError, Stream, Streams, network_of
from isthmus_web.topics import TOPICS, Found, find_topic
from isthmus_web.watcher import CHECK_S, OVER, UNKNOWN, Watcher, beat
from tests.web.answers import GOOD_ANSWERS, SESSION
from tests.web.test_gate import TOKEN, Played
from tests.web.world import GOOD, report, tunnel, with_states

OVERVIEW = TOPICS["overview"]
UP = report([tunnel("office", "up", GOOD)])
DOWN = report([tunnel("office", "waiting", with_states(GOOD, "bad", "bad", "bad", "bad", "ok"))])
NO_SESSION = IsthmusError("there is no such session, or it is over", "log in", "no-session")
AWAY = IsthmusError("isthmusd does not answer", "start it", "daemon-away")


def counting(number: int) -> dict[str, Any]:
    """A status that differs in numbers alone."""
    lamps = [{**row, "evidence": f"{number} packets, probe answered {number % 7} s ago"} for row in GOOD]
    return report([tunnel("office", "up", lamps, since_s=number)])


class Wire:
    """A parked connection: what it was told, as [(event, last)]; slow: it has not taken the last of it."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self.is_over = False
        self.slow = False

    def takes_more(self) -> bool:
        return not self.slow and not self.is_over

    def tell(self, data: bytes, last: bool = False) -> None:
        self.told.append(data)
        self.is_over = self.is_over or last

    def take(self) -> list[str]:
        """What came since: changed (state), changed (figures), beat, over."""
        words = []
        for data in self.told:
            rows = dict(line.split(": ", 1) for line in data.decode().strip().split("\n"))
            words.append(rows["event"] + (f" {rows['data']}" if rows["event"] == "changed" else ""))
        self.told.clear()
        return words


class Bounds(unittest.TestCase):
    def test_of_one_session_of_one_address_and_in_all(self) -> None:
        listening = Streams()
        for number in range(streams.MOST_OF_SESSION):
            listening.take("a", f"192.0.2.{number}", OVERVIEW)
        self.assertRaises(FullError, listening.take, "a", "192.0.2.200", OVERVIEW)
        for number in range(streams.MOST_OF_NETWORK):
            listening.take(f"b{number}", "192.0.2.201", OVERVIEW)
        self.assertRaises(FullError, listening.take, "c", "192.0.2.201", OVERVIEW)
        while True:
            try:
                last = listening.take(f"d{number}", f"198.51.100.{number}", OVERVIEW)
            except FullError:
                break
            number += 1
        self.assertEqual(number - streams.MOST_OF_NETWORK + 1, streams.MOST - streams.MOST_OF_SESSION - 12)
        last.leave()
        last.leave()
        listening.take("e", "198.51.100.250", OVERVIEW)
        self.assertRaises(FullError, listening.take, "f", "198.51.100.251", OVERVIEW)

    def test_streams_alone_never_fill_the_server(self) -> None:
        from isthmus_web import web

        self.assertLessEqual(streams.MOST * 2, web.MOST)
        self.assertLessEqual(streams.MOST_OF_NETWORK * 2, web.MOST_OF_ONE)
        self.assertLess(watcher.BEAT_S + watcher.INTERVAL_S + 13, web.IDLE_S)  # 13: one call in vain (link.py)

    def test_an_ipv6_network_is_one_address(self) -> None:
        self.assertEqual(network_of("2001:db8::1"), network_of("2001:db8::ffff:1"))
        self.assertNotEqual(network_of("2001:db8::1"), network_of("2001:db8:0:1::1"))

    def test_nothing_of_a_token_is_shown(self) -> None:
        self.assertNotIn(TOKEN, repr(Streams().take(TOKEN, "192.0.2.1", OVERVIEW)))


class Shapes(unittest.TestCase):
    def test_numbers_alone_make_no_other_shape(self) -> None:
        self.assertEqual(Found([counting(1)]).shape, Found([counting(90210)]).shape)
        self.assertNotEqual(Found([counting(1)]).figures, Found([counting(90210)]).figures)
        self.assertNotEqual(Found([UP]).shape, Found([DOWN]).shape)

    def test_every_topic_asks_what_whoever_looks_may_ask_and_what_changes_nothing(self) -> None:
        from isthmus.edge.calls import COMMANDS, check_request
        from isthmus.edge.control import pack_line
        from isthmus.users.roles import LOOK

        tunnels = find_topic("tunnel", "x" * topics.LONGEST_NAME)
        assert tunnels is not None
        for topic in (*TOPICS.values(), tunnels):
            for command, fields in topic.calls:
                self.assertEqual(COMMANDS[command].role, LOOK)
                check_request(pack_line({"command": command, "quiet": True, "token": TOKEN, **fields}))

    def test_what_is_no_page_is_no_topic(self) -> None:
        for page, name in (("", ""), ("nothing", ""), ("tunnel", ""), ("tunnel", "x" * 65), ("OVERVIEW", "")):
            self.assertIsNone(find_topic(page, name))
        self.assertEqual(find_topic("tunnel", "a"), find_topic("tunnel", "a"))
        self.assertNotEqual(find_topic("tunnel", "a"), find_topic("tunnel", "b"))


class Rounds(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.asked: list[dict[str, Any]] = []
        self.answers: dict[str, Any] = {**GOOD_ANSWERS, "status": UP}
        self.over: set[str] = set()
        self.watcher = Watcher(Link("/nowhere", self.answer), lambda: self.now)

    def answer(self, _run: str, request: dict, _timeout: int) -> dict:
        self.asked.append(request)
        if request["token"] in self.over:
            raise NO_SESSION
        found = self.answers[request["command"]]
        if isinstance(found, Exception):
            raise found
        return found

    def listen(self, token: str = "a", topic: topics.Topic = OVERVIEW, shape: str = "") -> tuple[Stream, Wire]:
        number = len(self.watcher.streams.parked())
        stream = self.watcher.streams.take(token, f"192.0.2.{number}", topic, shape)
        stream.channel = wire = Wire()
        return stream, wire

    def round(self, later: float = 2.0) -> None:
        self.asked.clear()
        self.watcher.round()
        self.now += later

    def test_ten_listeners_are_one_question(self) -> None:
        wires = [self.listen(f"s{number}")[1] for number in range(10)]
        self.round()
        self.assertEqual([row["command"] for row in self.asked], ["status"])
        self.assertTrue(all(row["quiet"] for row in self.asked))
        self.assertEqual([wire.take() for wire in wires], [["changed state"]] * 10)  # it may have changed meanwhile
        self.round()
        self.assertEqual([wire.take() for wire in wires], [[]] * 10)
        self.answers["status"] = DOWN
        self.round()
        self.assertEqual([wire.take() for wire in wires], [["changed state"]] * 10)

    def test_nobody_listens_and_nobody_asks(self) -> None:
        self.round()
        stream, _ = self.listen()
        stream.leave()
        self.round()
        self.assertEqual(self.asked, [])

    def test_one_that_is_not_answered_yet_is_told_nothing(self) -> None:
        self.watcher.streams.take("a", "192.0.2.1", OVERVIEW)
        self.round()
        self.assertEqual(self.asked, [])

    def test_numbers_are_news_every_ten_seconds(self) -> None:
        _, wire = self.listen()
        words = []
        for number in range(21):
            self.answers["status"] = counting(number)
            self.round(1.0)
            words.append(wire.take())
        self.assertEqual([at for at, row in enumerate(words) if row], [0, 10, 20])
        self.assertEqual(words[10], ["changed figures"])

    def test_who_comes_again_and_knows_it_all_is_told_nothing(self) -> None:
        _, first = self.listen()
        self.round()
        known = first.told[0].decode().split("\n")[0].removeprefix("id: ")
        _, again = self.listen("b", shape=known)
        _, other = self.listen("c", shape="0" * 18)
        self.round()
        self.assertEqual((again.take(), other.take()), ([], ["changed state"]))

    def test_a_beat_where_there_is_nothing_to_say(self) -> None:
        _, wire = self.listen()
        self.round()
        wire.take()
        for _ in range(12):
            self.round()
        self.assertEqual(wire.take(), ["beat"] * 2)
        self.assertEqual(beat("x").count(b"\n"), 3)

    def test_a_beat_says_what_there_is(self) -> None:
        _, wire = self.listen()
        for answer in (UP, CrowdedError()):
            self.answers["status"] = answer
            for _ in range(8):
                self.round()
        self.assertEqual(wire.told[1:], [beat(Found([UP]).shape), beat(UNKNOWN)])

    def test_a_slow_reader_is_told_later_and_only_the_latest(self) -> None:
        _, wire = self.listen()
        self.round()
        wire.take()
        wire.slow = True
        for status in (DOWN, UP, DOWN, counting(1), DOWN):
            self.answers["status"] = status
            self.round(20.0)
        self.assertEqual(wire.told, [])
        wire.slow = False
        self.round()
        self.round()
        self.assertEqual(wire.take(), ["changed state"])

    def test_a_session_that_is_over_is_told_and_hung_up_on_and_the_others_hear_on(self) -> None:
        mine, others = [self.listen("a")[1] for _ in range(2)], [self.listen("b")[1]]
        self.round()
        for wire in mine + others:
            wire.take()
        self.over.add("a")
        self.answers["status"] = DOWN
        self.round()
        self.assertEqual([(wire.take(), wire.is_over) for wire in mine], [(["over"], True)] * 2)
        self.assertEqual([(wire.take(), wire.is_over) for wire in others], [(["changed state"], False)])
        self.assertEqual([row["token"] for row in self.asked], ["a", "b"])
        self.round()
        self.assertEqual([row["token"] for row in self.asked], ["b"])
        self.assertIn(b"event: over", OVER)

    def test_every_session_is_looked_at_within_a_minute_and_quietly(self) -> None:
        wires = {token: self.listen(token)[1] for token in "abc"}
        self.round()
        self.over.add("c")
        seen: list[dict[str, Any]] = []
        for _ in range(int(60 / 2)):
            self.round()
            seen += [row for row in self.asked if row["command"] == "session"]
        self.assertTrue(all(row["quiet"] for row in seen))
        self.assertEqual({row["token"] for row in seen}, {"b", "c"})  # a's lives: the topic is asked with it
        self.assertEqual(len([row for row in seen if row["token"] == "c"]), 1)
        self.assertTrue(wires["c"].is_over)
        self.assertFalse(wires["b"].is_over)
        self.assertLessEqual(CHECK_S, 60)

    def test_an_error_is_something_to_tell_and_no_end_of_a_session(self) -> None:
        _, wire = self.listen()
        self.round()
        wire.take()
        self.answers["status"] = AWAY
        self.answers["session"] = AWAY
        self.round(40.0)
        self.assertEqual(wire.take(), ["changed state"])
        self.round()
        self.assertEqual((wire.take(), wire.is_over), (["beat"], False))
        self.answers.update(status=UP, session=SESSION)
        self.round()
        self.assertEqual(wire.take(), ["changed state"])
        self.answers["status"] = IsthmusError("no tunnel is called x", "", "unknown-tunnel")
        self.round()
        self.assertEqual(wire.take(), ["changed state"])

    def test_isthmusd_that_hangs_is_waited_for_once_a_round(self) -> None:
        for name in ("overview", "forced", "join"):
            self.listen("a", TOPICS[name])
        self.answers.update(dict.fromkeys(("status", "policy", "pair-status"), AWAY))
        self.round()
        self.assertEqual(len(self.asked), 1)

    def test_no_place_for_the_question_is_no_news(self) -> None:
        _, wire = self.listen()
        self.round()
        wire.take()
        self.answers["status"] = CrowdedError()
        self.round()
        self.assertEqual(wire.take(), [])

    def test_a_mistake_ends_no_watcher(self) -> None:
        _, wire = self.listen()
        calls = iter([RuntimeError("x"), None, SystemExit()])

        def mistaken() -> None:
            error = next(calls)
            if error is not None:
                raise error

        with (
            patch.object(self.watcher, "round", mistaken), patch.object(watcher, "INTERVAL_S", 0),
            self.assertLogs("isthmus-web") as lines, self.assertRaises(SystemExit),
        ):  # fmt: skip
            self.watcher._run()
        self.assertEqual(len(lines.output), 1)
        self.assertEqual(wire.told, [])


class Asked(Played):
    """The page /events itself."""

    def setUp(self) -> None:
        super().setUp()
        self.log_in()
        self.asked.clear()
        self.kept: list[Stream] = []

    def listen(self, path: str = "/events?page=overview", method: str = "GET", **headers: str) -> Any:
        environ = {"isthmus.local": "192.168.1.1", "HTTP_HOST": "192.168.1.1:8443",
                   "isthmus.keep_open": self.kept.append}  # fmt: skip
        with patch.object(Watcher, "begin"):
            return self.client.open(path, method=method, base_url="https://192.168.1.1:8443",
                                    environ_overrides=environ, headers=headers)  # fmt: skip

    def test_it_listens_quietly_and_keeps_open(self) -> None:
        answer = self.listen(**{"Last-Event-ID": "abc"})
        self.assertEqual((answer.status_code, answer.mimetype), (200, "text/event-stream"))
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertNotIn("Content-Length", answer.headers)
        self.assertEqual(answer.data, watcher.HELLO)
        self.assertEqual([(row["command"], row.get("quiet")) for row in self.asked], [("session", True)])
        self.assertEqual([(one.token, one.topic, one.shape) for one in self.kept], [(TOKEN, OVERVIEW, "abc")])

    def test_without_a_session_nobody_listens(self) -> None:
        self.answers["session"] = NO_SESSION
        answer = self.listen()
        self.assertEqual((answer.status_code, answer.headers.get("Location"), answer.data), (204, None, b""))
        self.assertEqual(self.kept, [])

    def test_what_is_no_page_and_who_wants_no_answer(self) -> None:
        for path in ("/events", "/events?page=x", "/events?page=tunnel", "/events?page=tunnel&name=" + "x" * 65):
            self.assertEqual(self.listen(path).status_code, 404, path)
        self.assertEqual(self.listen(method="HEAD").status_code, 204)
        self.assertEqual(self.kept, [])

    def test_one_too_many_is_refused_and_the_others_stay(self) -> None:
        for _ in range(streams.MOST_OF_SESSION):
            self.assertEqual(self.listen().status_code, 200)
        answer = self.listen()
        self.assertEqual((answer.status_code, answer.headers["Retry-After"]), (503, "5"))
        self.kept[0].leave()
        self.assertEqual(self.listen().status_code, 200)

    def test_every_live_page_says_where_it_listens(self) -> None:
        from tests.web.answers import PAGES

        found = set()
        for _, path, answers in PAGES:
            self.answers = {**GOOD_ANSWERS, **answers}
            known = deepcopy(self.answers)  # a page that changed an answer would show another shape
            text = self.send("GET", path).text
            if "live.js" in text:
                where = text.split('data-events="', 1)[1].split('"', 1)[0].replace("&amp;", "&")
                self.assertEqual(self.listen(where).status_code, 200, where)
                words = parse_qs(urlsplit(where).query)
                topic = find_topic(words["page"][0], words.get("name", [""])[0])
                self.assertEqual(topic, self.kept[-1].topic)
                shape = text.split('data-shape="', 1)[1].split('"', 1)[0]
                asked = [known[command] for command, _ in topic.calls]
                self.assertEqual(shape, "" if topic.page == "log" else Found(asked).shape, where)  # it asks for more
                self.kept.pop().leave()
                found.add(where.split("page=")[1].split("&")[0])
        self.assertEqual(found, {*TOPICS, "tunnel"})


if __name__ == "__main__":
    unittest.main()
