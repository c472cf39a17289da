"""Rules by browser: made, ordered, removed; every other option by forms that the schema makes. A real daemon."""

from __future__ import annotations

import re
import unittest
import urllib.parse

from tests.edge.accounts_world import PASSWORD
from tests.edge.world import own_network
from tests.web.world import Answer, Browser, Webbed


def setUpModule() -> None:
    own_network()


class Ruled(Webbed):
    def setUp(self) -> None:
        super().setUp()
        kernel = self.daemon.site.kernel
        kernel.uplinks.append(("br-lan", bytes((192, 168, 10, 1)), 24))
        kernel.known_neighbours.append(("br-lan", bytes((192, 168, 10, 50)), b"\2\0\0\0\0\x50"))
        self.ask("reload")
        self.anna = self.logged_in()

    def post(self, path: str, page: str, *, browser: Browser | None = None, **fields: str | list[str]) -> Answer:
        """A form with what the page has hidden in it; several values of one name are a list."""
        browser = browser or self.anna
        text = browser.get(page).text
        fields.setdefault("mark", re.search(r'name="mark" value="([0-9a-f]{16})"', text).group(1))
        fields["form_token"] = re.search(r'name="form_token" value="([0-9a-f]{64})"', text).group(1)
        return browser.send("POST", path, urllib.parse.urlencode(fields, doseq=True), browser.own_headers())

    def names(self) -> list[str]:
        return [row["name"] for row in self.ask("config-get")["sections"] if row["type"] == "forced"]

    def put_in_force(self) -> None:
        token = self.call("step-up", token=self.login()["token"], password=PASSWORD)["token"]
        began = self.call("apply", token=token, mark=self.call("apply-look", token=token)["mark"], seconds=60)
        self.assertEqual(began.get("state"), "open", began)
        self.ask("confirm", anyway=True)


class Forced(Ruled):
    def test_a_rule_is_made_in_force_moved_and_removed(self) -> None:
        page = self.anna.get("/forced")
        self.assertIn('value="192.168.10.50@02:00:00:00:00:50"', page.text)
        answer = self.post("/forced/add", "/forced", name="tills", via="branch",
                           **{"from": ["192.168.10.50@02:00:00:00:00:50", "02:00:00:00:00:51"]})  # fmt: skip
        self.assertEqual((answer.status, answer.header("location")), (303, "/change"), answer.text)
        self.assertIn("direct Internet", self.anna.get("/change").text)
        self.assertIn("tills", self.anna.get("/forced").text)
        self.put_in_force()
        rule = self.ask("policy")["rules"][0]
        self.assertEqual(rule["from"], ["192.168.10.50@02:00:00:00:00:50", "02:00:00:00:00:51"])
        page = self.anna.get("/forced").text
        self.assertIn("Blocked", page)  # there is no peer
        self.assertIn("192.168.10.50", page)
        two = "02:00:00:00:00:77, 02:00:00:00:00:78"
        answer = self.post("/forced/add", "/forced", name="more", via="branch", more=two)
        self.assertEqual(answer.status, 303)
        self.assertEqual(self.names(), ["tills", "more"])
        for to, wanted in (("up", ["more", "tills"]), ("up", ["more", "tills"]), ("down", ["tills", "more"])):
            self.assertEqual(self.post("/forced/move", "/forced", rule="more", to=to).status, 303)
            self.assertEqual(self.names(), wanted)
        self.post("/forced/remove", "/forced", rule="tills")
        self.assertIn("may now use the open Internet", self.anna.get("/change").text)
        self.assertIn("Its removal waits", self.anna.get("/forced").text)
        self.assertEqual([row["name"] for row in self.ask("policy")["rules"]], ["tills"])

    def test_what_is_too_long_is_refused_and_nobody_is_left_out(self) -> None:
        many = ["02:00:00:00:%02x:%02x" % (n >> 8, n & 255) for n in range(300)]
        for fields in ({"more": " ".join(many)}, {"from": many}):
            answer = self.post("/forced/add", "/forced", name="all", via="branch", **fields)
            self.assertEqual(answer.status, 400)
            self.assertIn("allowed: ", answer.text)
        self.assertEqual(self.names(), [])
        self.post("/forced/add", "/forced", name="all", via="branch", more=many[0])
        page = "/settings/forced/all"
        self.assertEqual(self.post(page, page, **{"o-from": "x" * 33_000}).status, 400)
        self.assertEqual(self.post(page, page, **{"o-dns": "192.168.20.1"}).status, 303)  # a form without the others
        (rule,) = [row for row in self.ask("config-get")["sections"] if row["name"] == "all"]
        self.assertEqual((rule["options"]["from"], rule["options"]["dns"]), ([many[0]], ["192.168.20.1"]))

    def test_what_is_wrong_is_said_and_what_was_typed_is_there_again(self) -> None:
        for fields, words in (({"name": "a b", "more": "br-lan"}, "This is no name"),
                              ({"name": "tills"}, "nobody is chosen"),
                              ({"name": "tills", "more": "nonsense at all"}, "nonsense"),
                              ({"name": "branch", "more": "br-lan"}, "already")):  # fmt: skip
            answer = self.post("/forced/add", "/forced", via="branch", to="10.9.0.0/16", **fields)
            self.assertEqual(answer.status, 400, words)
            self.assertIn(words.lower(), answer.text.lower())
            self.assertIn('value="10.9.0.0/16"', answer.text)
        self.assertEqual(self.ask("config-get")["staged"], 0)

    def test_a_shell_in_every_field_is_text_or_refused(self) -> None:  # S12, S13
        trap = self.path / "pwned"
        for text in (f"$(touch {trap})", f"`touch {trap}`", f"'; touch {trap}; '", "a\nconfig tunnel 'evil'", "%s"):
            for name in ("name", "more", "to", "dns", "via"):
                fields = {"name": "tills", "more": "br-lan", "via": "branch", name: text}
                self.post("/forced/add", "/forced", **fields)
            self.post("/settings/globals/-", "/settings/globals/-", **{"o-name": text})
        found = self.ask("config-get")
        self.assertEqual([row["name"] for row in found["sections"] if row["type"] == "tunnel"], ["branch"])
        self.assertEqual(self.names(), [])
        self.assertFalse(trap.exists())

    def test_an_edit_made_in_two_browsers_at_once(self) -> None:
        berta = self.logged_in("berta")
        mark = re.search(r'name="mark" value="([0-9a-f]{16})"', berta.get("/forced").text).group(1)
        self.post("/forced/add", "/forced", name="tills", via="branch", more="br-lan")
        answer = self.post("/forced/add", "/forced", browser=berta, name="mine", via="branch", more="br-lan", mark=mark)
        self.assertEqual(answer.status, 400)
        self.assertIn("Somebody else has changed", answer.text)
        self.assertIn('value="mine"', answer.text)
        self.assertEqual(self.names(), ["tills"])

    def test_who_may_only_operate_is_refused_by_isthmusd(self) -> None:
        otto = self.logged_in("otto", "operate")
        text = otto.get("/forced").text
        self.assertNotIn("Force a device", text)
        answer = otto.post("/forced/add", "/forced", name="tills", via="branch", more="br-lan", mark="0" * 16)
        self.assertEqual(answer.status, 400)
        self.assertIn("administer", answer.text)


class Passing(Ruled):
    def test_each_choice_waits_and_is_in_force_when_it_is_put_there(self) -> None:
        for action, wanted in (("block", ["block"]), ("allow", ["allow"]), ("", [])):
            answer = self.post("/passthrough", "/passthrough", protocol="ipsec", action=action)
            self.assertEqual((answer.status, answer.header("location")), (303, "/change"), answer.text)
            self.put_in_force()
            self.assertEqual([row["action"] for row in self.ask("policy")["passthrough"]], wanted)
            self.assertEqual(self.anna.get("/passthrough").status, 200)
        for fields in ({"protocol": "nothing", "action": "block"}, {"protocol": "ipsec", "action": "nothing"},
                       {"protocol": "ipsec", "action": "helper"}):  # fmt: skip
            self.post("/passthrough", "/passthrough", **fields)
        self.assertEqual([row["name"] for row in self.ask("policy")["passthrough"]], [])


class Settings(Ruled):
    def test_a_tunnel_by_hand_with_its_key_which_nobody_is_shown(self) -> None:
        nets = "10.1.0.0/24\r\n10.2.0.0/24"
        fields = {"o-remote": "vpn.example.net", "o-remote_subnet": nets, "o-psk": PASSWORD + "!"}
        answer = self.post("/settings/tunnel/-", "/settings/tunnel/-", name="office", **fields)
        self.assertEqual((answer.status, answer.header("location")), (303, "/change"), answer.text)
        page = self.anna.get("/settings/tunnel/office").text
        self.assertIn("10.1.0.0/24\n10.2.0.0/24", page)
        self.assertNotIn(PASSWORD, page + self.anna.get("/change").text + self.anna.get("/settings").text)
        self.put_in_force()
        self.assertEqual((self.path / "etc" / "secrets" / "office").read_text().strip(), PASSWORD + "!")
        typed = {"o-remote": "vpn.example.net", "o-remote_subnet": ""}
        self.post("/settings/tunnel/office", "/settings/tunnel/office", **typed)
        found = next(row for row in self.ask("config-get")["sections"] if row["name"] == "office")
        self.assertNotIn("remote_subnet", found["options"])  # emptied
        self.assertEqual((self.path / "etc" / "secrets" / "office").read_text().strip(), PASSWORD + "!")

    def test_what_isthmusd_refuses_and_what_is_not_there(self) -> None:
        path = "/settings/tunnel/branch"
        answer = self.post(path, path, **{"o-remote": "127.0.0.2", "o-mtu": "x"})
        self.assertEqual(answer.status, 400)
        self.assertIn('value="x"', answer.text)
        for path in ("/settings/tunnel/nothing", "/settings/nothing/branch", "/settings/forced/branch"):
            self.assertEqual(self.anna.get(path).status, 404, path)
        self.assertEqual(self.ask("config-get")["staged"], 0)


if __name__ == "__main__":
    unittest.main()
