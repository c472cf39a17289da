"""A router that is not Isthmus, by browser: presets, what waits, and the other side's text; a real daemon decides."""

from __future__ import annotations

import re
import unittest
import urllib.parse
from typing import Any

from isthmus_web.pages.peer import LETTERS, make_key
from isthmus_web.presets import PRESETS
from isthmus_web.recipes import CHANGE, KEY, Terms
from tests.edge.accounts_world import PASSWORD
from tests.edge.world import own_network
from tests.web.answers import FOREIGN, SESSION
from tests.web.test_forcing import Ruled
from tests.web.test_gate import Played, hostile
from tests.web.world import Answer, Browser

MADE = re.compile(r'id="key-text"[^>]*>([a-z0-9-]{39})<')
TEXT = re.compile(r"<pre [^>]*>([^<]*)</pre>")
FIELD = re.compile(r'<input id="([a-z_]+)" name="([a-z_]+)" value="([^"]*)"')


def setUpModule() -> None:
    own_network()


class Added(Ruled):
    def look(self) -> dict[str, Any]:
        """What is staged by forms, in words: it is a session's."""
        return self.call("apply-look", token=self.login()["token"])

    def add(self, kind: str, browser: Browser | None = None, **fields: str) -> Answer:
        """The form as the page has filled it in, with these."""
        browser = browser or self.anna
        path = "/join/router/" + kind
        page = browser.get(path).text
        filled = {name: value for _, name, value in FIELD.findall(page)}
        filled.update(name="depot_" + kind, remote="198.51.100.2", remote_subnet="192.168.30.0/24", key="made",
                      here="203.0.113.2", local_subnet="192.168.10.0/24")  # fmt: skip
        filled.update(fields)
        filled["mark"] = re.search(r'name="mark" value="([0-9a-f]{16})"', page).group(1)
        filled["form_token"] = re.search(r'name="form_token" value="([0-9a-f]{64})"', page).group(1)
        return browser.send("POST", path, urllib.parse.urlencode(filled), browser.own_headers())

    def chosen(self, name: str) -> dict[str, Any]:
        return next(row for row in self.ask("config-get")["sections"] if row["name"] == name)["options"]

    def test_every_preset_is_taken_whole_and_comes_into_force(self) -> None:
        for number, preset in enumerate(PRESETS):
            with self.subTest(preset.key):
                answer = self.add(preset.key, remote=f"198.51.100.{number + 1}", remote_subnet=f"10.{number}.0.0/16")
                self.assertEqual(answer.status, 200, answer.text)
                name = "depot_" + preset.key
                look = self.look()
                self.assertTrue(any(name in row["text"] for row in look["changes"]), look)
                self.put_in_force()
                tunnel = self.daemon.site.tunnels[name].config
                self.assertEqual((tunnel.mode, tunnel.static.sublayer), ("transport", preset.sublayer == "default"))
                self.assertEqual(len(tunnel.psk), 39)
                text = "\n".join(TEXT.findall(answer.text))
                for word in (KEY, "203.0.113.2", str(tunnel.static.session_id), str(tunnel.static.peer_session_id),
                             "10.255.0.", "192.168.10.0", name):  # fmt: skip
                    self.assertIn(word, text)
                self.assertNotIn(tunnel.psk.decode(), text)

    def test_the_key_is_shown_once_and_nowhere_again(self) -> None:
        answer = self.add("strongswan")
        key = MADE.search(answer.text).group(1)
        self.assertEqual((self.path / "config" / "isthmus").read_text().count(key), 0)
        for path in ("/join/router/strongswan/depot_strongswan", "/settings/tunnel/depot_strongswan", "/change",
                     "/join/router/strongswan", "/system/diag"):  # fmt: skip
            self.assertNotIn(key, self.anna.get(path).text, path)
        self.assertNotIn(key, self.said.read_text() + "\n".join(self.log.lines))
        self.put_in_force()
        self.assertEqual(self.daemon.site.tunnels["depot_strongswan"].config.psk.decode(), key)

    def test_a_typed_key_is_never_shown(self) -> None:
        key = "seven quiet harbours"
        answer = self.add("libreswan", key="typed", psk=key, remote="")
        self.assertEqual(answer.status, 200, answer.text)
        self.assertNotIn(key, answer.text)
        self.assertEqual(self.chosen("depot_libreswan")["remote"], ["%any"])
        self.assertIn("OWN-ADDRESS", answer.text)
        answer = self.add("libreswan", name="other", key="typed", psk="short one")
        self.assertEqual(answer.status, 400)
        self.assertIn("9 characters", answer.text)
        self.assertNotIn("short one", answer.text)

    def test_what_is_wrong_is_said_and_nothing_waits(self) -> None:
        rows = (({"remote_subnet": "192.168.30.1/24"}, "host bits"), ({"remote_subnet": ""}, "no network"),
                ({"name": "a-b"}, "no name"), ({"name": "branch"}, "already"), ({"local_id": "x", "remote_id": "x"},
                "both routers"), ({"tunnel_id": "0"}, "tunnel_id"), ({"remote": "300.1.1.1"}, "300.1.1.1"),
                ({"here": "$(reboot)"}, "address"), ({"local_id": "a;reboot"}, "identity"),
                ({"address": "10.255.0.1"}, "length"))  # fmt: skip
        for fields, words in rows:
            with self.subTest(words):
                answer = self.add("vyos", **fields)
                self.assertEqual(answer.status, 400, answer.text)
                self.assertIn(words, answer.text)
                self.assertIn("192.168.10.0/24", answer.text)  # what was typed
                self.assertEqual(self.ask("config-get")["staged"], 0)

    def test_a_second_tunnel_is_offered_other_numbers(self) -> None:
        self.add("strongswan")
        page = self.anna.get("/join/router/strongswan").text
        filled = {name: value for _, name, value in FIELD.findall(page)}
        first = self.chosen("depot_strongswan")
        self.assertNotEqual(filled["address"], first["address"][0])
        for key in ("tunnel_id", "session_id", "peer_session_id"):
            self.assertNotEqual(filled[key], first[key])
        self.assertEqual(self.add("strongswan", name="two", remote_subnet="192.168.40.0/24").status, 200)
        self.assertGreater(self.look()["staged"], 20)

    def test_who_may_not_administer_adds_nothing(self) -> None:
        otto = self.logged_in("otto", "operate")
        self.assertNotIn('<form class="card"', otto.get("/join/router/vyos").text)
        mark = self.ask("config-get")["mark"]
        answer = otto.post("/join/router/vyos", "/account", mark=mark, name="x", remote_subnet="192.168.30.0/24",
                           local_id="a", remote_id="b", key="made")  # fmt: skip
        self.assertEqual(answer.status, 400)
        self.assertNotIn("key-text", answer.text)
        self.assertEqual(self.ask("config-get")["staged"], 0)


class Told(Played):
    def test_a_tunnel_that_differs_from_the_text_says_so(self) -> None:
        self.log_in()
        self.answers["config-get"] = FOREIGN
        self.assertNotIn("differ", self.send("GET", "/join/router/strongswan/depot").text)
        page = self.send("GET", "/join/router/routeros/depot").text
        self.assertIn("differ", page)
        self.assertIn("cookies", page)
        self.assertEqual(self.send("GET", "/join/router/strongswan/warehouse").status_code, 404)
        self.assertEqual(self.send("GET", "/join/router/nothing").status_code, 404)
        self.answers["session"] = {**SESSION, "role": "look"}
        self.assertEqual(self.send("GET", "/join/router/strongswan/depot").status_code, 200)

    def test_what_is_tested_and_what_is_not_is_said_on_every_page(self) -> None:
        self.log_in()
        self.answers["config-get"] = FOREIGN
        for preset in PRESETS:
            for path in ("/join/router/", "/join/router/%s/depot"):
                text = self.send("GET", path % preset.key if "%s" in path else path + preset.key).text
                self.assertEqual("Not tested here" in text, not preset.is_tested, preset.key)
        self.assertEqual({preset.key for preset in PRESETS if preset.is_tested}, {"strongswan", "libreswan"})

    def test_s11_a_hostile_tunnel_stays_text(self) -> None:
        self.log_in()
        nasty = '"><img src=x onerror=alert(1)><script>alert(1)</script>'
        whole = hostile(FOREIGN, nasty)
        for row in whole["sections"]:
            row.update(name="depot", options={**row["options"], "session": "static"})
        self.answers["config-get"] = whole
        for preset in PRESETS:
            page = self.send("GET", f"/join/router/{preset.key}/depot")
            self.assertEqual(page.status_code, 200)
            for bad in ("<img", "<script>a"):
                self.assertNotIn(bad, page.text)


class Text(unittest.TestCase):
    def terms(self, here: str = "203.0.113.2", **more: Any) -> Terms:
        options = next(row["options"] for row in FOREIGN["sections"] if row["name"] == "depot")
        return Terms("depot", {**options, **more}, here)

    def test_no_value_is_more_than_a_word_in_another_routers_command_line(self) -> None:
        nasty = ("$(reboot)", "a;b", "x\ny", "`id`", "a b", "'", '"', "a|b", "-rf", "#", "a\\", "{", "%0a", "!x")
        for text in nasty:
            for key in ("local_id", "remote_id", "tunnel_id", "session_id", "peer_session_id", "peer_address",
                        "address", "local_subnet", "remote", "mtu"):  # fmt: skip
                for preset in PRESETS:
                    for _, told in preset.write(self.terms(**{key: [text] if key == "local_subnet" else text})):
                        clean = "\n".join(told for _, told in preset.write(self.terms()))
                        for sign in "$;`|\\{!%":
                            self.assertLessEqual(told.count(sign), clean.count(sign), (preset.key, key, text))
                        self.assertNotIn("reboot", told)
            for preset in PRESETS:
                zoned = "fe80::1%" + text  # Python's own ipaddress takes any text for a zone
                for _, told in preset.write(self.terms(here=zoned, remote=zoned)):
                    self.assertNotIn("fe80", told, (preset.key, text))
        self.assertIn(CHANGE, dict(PRESETS[0].write(self.terms(local_id="a b")))[
            "/etc/swanctl/conf.d/isthmus.conf; then: swanctl --load-all"])  # fmt: skip

    def test_ids_and_numbers_are_exchanged(self) -> None:
        told = {preset.key: "\n".join(text for _, text in preset.write(self.terms())) for preset in PRESETS}
        for key in ("strongswan", "libreswan"):
            self.assertIn("tunnel_id 120 peer_tunnel_id 110 encap ip local 198.51.100.2 remote 203.0.113.2", told[key])
            self.assertIn("session_id 121 peer_session_id 111", told[key])
            self.assertIn("ip route add 192.168.10.0/24 via 10.255.0.1", told[key])
            self.assertIn("# fd00:10::/64", told[key])
        self.assertIn("leftid=@depot", told["libreswan"])
        self.assertIn("local-session-id=121 remote-session-id=111", told["routeros"])
        self.assertIn("my-id=fqdn:depot remote-id=fqdn:hub", told["routeros"])
        self.assertIn("l2tp id 121 111", told["cisco"])
        self.assertIn("255.255.255.252", told["cisco"])
        self.assertIn("peer-session-id '111'", told["vyos"])
        for text in told.values():
            self.assertIn(KEY, text)

    def test_a_made_key_is_long_and_like_no_other(self) -> None:
        keys = {make_key() for _ in range(50)}
        self.assertEqual(len(keys), 50)
        for key in keys:
            self.assertRegex(key, f"^[{LETTERS}]{{4}}(-[{LETTERS}]{{4}}){{7}}$")
        self.assertNotIn(PASSWORD, keys)


if __name__ == "__main__":
    unittest.main()
