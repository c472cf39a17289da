"""One tunnel's page: switched off and on, new keys, removal with what it exposes."""

from __future__ import annotations

import os
import unittest

from flask import Flask
from markupsafe import escape

from isthmus.errors import IsthmusError
from isthmus.pairing_place import plain_name
from isthmus_web.chart import Chart, rate, scale_of
from tests.edge.accounts_world import PASSWORD
from tests.edge.world import own_network
from tests.web.answers import DOCTOR, FINDING, NOTHING, history
from tests.web.test_gate import Played
from tests.web.world import GOOD, Webbed, report, tunnel, with_states

SAME = {"Sec-Fetch-Site": "same-origin"}


def setUpModule() -> None:
    own_network()


class SilentTest(Played):
    def test_a_tunnel_in_place_from_which_nothing_comes_back_does_not_answer(self) -> None:
        for path, word in (("bad", "No answer"), ("wait", "Almost there")):
            lamps = with_states(GOOD, "ok", "ok", path, path, "ok")
            self.answers["status"] = report([tunnel("branch", "carried", lamps)])
            self.log_in()
            self.assertIn(word, self.send("GET", "/").text)


class Switched(Webbed):
    def test_off_and_on_by_who_may_operate(self) -> None:
        browser = self.logged_in("otto", "operate")
        self.assertEqual(browser.get("/tunnel/branch").status, 200)
        for what, state in (("down", True), ("up", False)):
            answer = browser.post("/tunnel/branch/do", "/tunnel/branch", what=what)
            self.assertEqual((answer.status, answer.header("location")), (303, "/tunnel/branch?done=" + what))
            self.assertEqual(self.ask("show", tunnel="branch")["state"] == "disabled", state)
            self.assertIn("is switched o", browser.get(answer.header("location")).text)
        browser = self.logged_in("lena", "look")
        self.assertNotIn("Switch the tunnel", browser.get("/tunnel/branch").text)
        answer = browser.post("/tunnel/branch/do", "/account", what="down")
        self.assertEqual(answer.status, 400)
        self.assertIn("operate", answer.text)
        self.assertNotEqual(self.ask("show", tunnel="branch")["state"], "disabled")
        self.assertIn("no tunnel is called", browser.get("/tunnel/nothing").text.lower())

    def test_what_the_daemon_says_of_the_site_and_of_the_examination(self) -> None:
        self.daemon.site.kernel.uplinks.append(("br-lan", bytes((192, 168, 10, 1)), 24))
        self.ask("reload")
        status = self.ask("status")
        self.assertEqual(status["site"]["networks"], ["192.168.10.0/24"])
        self.assertEqual(status["site"]["name"], plain_name(os.uname().nodename))
        self.assertEqual(status["tunnels"][0]["networks"], [])
        browser = self.logged_in("lena", "look")
        self.assertIn(">192.168.10.0/24<", browser.get("/").text)
        page = browser.get("/tunnel/branch/doctor")
        self.assertEqual(page.status, 200)
        for row in self.ask("doctor", tunnel="branch")["findings"]:
            if row["code"] not in ("clock-unkept", "not-up", "peer-silent"):  # the peer may have failed meanwhile
                self.assertIn(str(escape(row["message"][1:])), page.text)
        self.assertIn("no tunnel is called", browser.get("/tunnel/nothing/doctor").text.lower())

    def test_the_removal_of_one_made_by_hand_waits(self) -> None:
        browser = self.logged_in()
        mark = self.ask("config-get")["mark"]
        answer = browser.post("/tunnel/branch/remove", "/tunnel/branch", mark=mark)
        self.assertEqual((answer.status, answer.header("location")), (303, "/change"))
        self.assertEqual(self.ask("config-get")["gone"], [{"type": "tunnel", "name": "branch"}])
        self.assertEqual([row["name"] for row in self.ask("status")["tunnels"]], ["branch"])
        self.assertIn("One change waits", browser.get("/tunnel/branch").text)


class Unpaired(Played):
    def send_it(self, **fields: str) -> object:
        data = {"form_token": self.form("/tunnel/harbour-office"), "proof": PASSWORD, **fields}
        return self.send("POST", "/tunnel/harbour-office/unpair", headers=SAME, data=data)

    def test_a_rule_that_has_no_other_way_takes_a_second_word(self) -> None:
        self.log_in()
        self.answers["step-up"] = {"token": "6" * 64}
        self.answers["unpair"] = IsthmusError("rule tills has no other tunnel", "unpair --force", "in-use")
        self.assertNotIn('name="force"', self.send("GET", "/tunnel/harbour-office").text)
        answer = self.send_it()
        self.assertEqual(answer.status_code, 400)
        self.assertIn('name="force"', answer.text)
        self.assertNotIn("force", self.asked[-1])
        self.answers["unpair"] = {"removed": ["harbour-office"], "exposed": ["till-1 is in the open"], "warnings": []}
        answer = self.send_it(force="1")
        self.assertEqual(answer.status_code, 200)
        self.assertIn("Till-1 is in the open".lower(), answer.text.lower())
        self.assertEqual([row.get("force") for row in self.asked if row["command"] == "unpair"], [None, True])


class Examined(Played):
    def test_what_is_about_the_tunnel_comes_first_and_each_with_its_remedy(self) -> None:
        self.log_in()
        own = {**FINDING, "code": "peer-silent", "about": "office", "message": "no answer from the peer",
               "remedy": "ask the other site"}  # fmt: skip
        self.answers["doctor"] = {**DOCTOR, "findings": [FINDING, own]}
        page = self.send("GET", "/tunnel/office/doctor").text
        self.assertEqual(self.asked[-1]["tunnel"], "office")
        places = [page.index(text) for text in ("no answer from the peer", "ask the other site", "This router, which",
                                                "UDP 500 is taken", "service strongswan stop")]  # fmt: skip
        self.assertEqual(places, sorted(places))
        self.answers["doctor"] = {**DOCTOR, "wrong": 0, "findings": []}
        page = self.send("GET", "/tunnel/office/doctor").text
        self.assertIn("Nothing is wrong", page)
        self.assertIn("Nothing to say about the tunnel", page)
        self.assertIn("/tunnel/harbour-office/doctor", self.send("GET", "/tunnel/harbour-office").text)


class Drawn(Played):
    def test_the_router_has_its_name_and_both_sides_their_networks(self) -> None:
        self.log_in()
        page = self.send("GET", "/").text
        picture = page[page.index('class="drawing"') : page.index("</svg>", page.index('class="drawing"'))]
        for text in (">harbour<", ">192.168.10.0/24 +1<", ">office<", ">192.168.20.0/24 +1<"):
            self.assertIn(text, picture)
        self.assertIn("192.168.10.0/24, fd00:10::/64", page)  # the same in words
        self.assertIn("192.168.20.0/24, fd00:20::/64", page)
        self.answers["status"] = {**report([tunnel("office", "up", GOOD, networks=[])]), "site": {}}
        page = self.send("GET", "/").text
        self.assertIn(">This site<", page)
        self.assertIn(">no network<", page)


class Charts(unittest.TestCase):
    def test_an_axis_ends_in_a_round_number_whose_half_is_one_too(self) -> None:
        found = [scale_of(top) for top in (0, 2, 3, 5, 10, 11, 40, 41, 999, 1000, 1_200_000)]
        self.assertEqual(found, [2, 2, 4, 10, 10, 20, 40, 100, 1000, 1000, 2_000_000])

    def test_a_legend_says_what_each_line_is_and_where_it_is_now(self) -> None:
        chart = Chart({**history(4, 300), "in": [5000, 1, 12_345, None], "out": [0, 0, None, 7], "probes": [10] * 4,
                       "lost": [0, 0, 2, 0]})  # fmt: skip
        with Flask("x").test_request_context():
            self.assertEqual(chart.legend(), [("came", "received now", "12 kB/s"), ("went", "sent now", "7 B/s"),
                                              ("lost", "test packets lost", "5.0 %")])  # fmt: skip

    def test_numbers(self) -> None:
        texts = [rate(value) for value in (None, 0, 999, 1000, 12_345, 1_234_567, 98_765_432, 2_000_000_000)]
        wanted = ["\u2013", "0 B/s", "999 B/s", "1.0 kB/s", "12 kB/s", "1.2 MB/s", "98 MB/s", "2.0 GB/s"]
        self.assertEqual(texts, wanted)

    def test_a_hole_is_no_line_and_the_table_has_every_bucket_once(self) -> None:
        chart = Chart({**history(6, 300), "in": [1, None, None, 4, 5, None], "out": [0, None, None, 0, 0, None],
                       "probes": [10] * 6, "lost": [0, 0, 0, 0, 0, 5]})  # fmt: skip
        self.assertEqual(chart._path(chart.coming).count("M"), 2)
        self.assertEqual(chart.loss(), "8.3 %")
        self.assertEqual(chart._losses().count("M"), 1)
        with Flask("x").test_request_context():
            self.assertEqual(len(chart.rows()), 6)
        self.assertFalse(chart.is_empty)
        self.assertTrue(Chart(NOTHING).is_empty)


if __name__ == "__main__":
    unittest.main()
