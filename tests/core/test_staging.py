"""What a form asks for: staged all together or not at all, and by the first of two writers alone."""

import json
import sys
import unittest

from isthmus import configuring
from isthmus.config import delta, lock
from isthmus.config.edit import EditError
from isthmus.config.schema import SECTIONS
from isthmus.config.staging import MOST_WISHES, read_wishes
from isthmus.config.store import Store, StoreError
from isthmus.errors import IsthmusError
from tests.core.disk import Disk

PATH, DELTAS, KEYS = "/etc/config/isthmus", "/tmp/.uci/isthmus", "/tmp/.uci/isthmus.keys"
KEY = "geheim-geheim-geheim"
TEXT = b"""config tunnel 'branch'
	option remote 'branch.example.net'
	list remote_subnet '192.168.20.0/24'

config forced 'cameras'
	list from '02:00:00:00:00:50'
	list via 'branch'

config forced 'tills'
	list from '02:00:00:00:00:51'
	list via 'branch'
"""
GUESTS = [
    {"section": "guests", "type": "forced"},
    {"section": "guests", "option": "from", "values": ["192.168.10.7@02:00:00:00:00:07", "br-guest"]},
    {"section": "guests", "option": "via", "values": ["branch"]},
    {"section": "guests", "before": "cameras"},
]


class Stager(unittest.TestCase):
    def setUp(self):
        self.disk = Disk([(PATH, TEXT)])
        self.disk.put("/etc/isthmus/secrets/branch", b"a key that nobody is shown\n")
        self.store = Store(self.disk)

    def get(self):
        return configuring.get(self.store, False)

    def stage(self, *rows, mark=None):
        return configuring.stage(self.store, mark or self.get()["mark"], list(rows), False)

    def refusal(self, kind, rows, mark=None):
        before = (self.disk.get(DELTAS) or b"", self.disk.get(KEYS))
        with self.assertRaises(kind) as caught:
            self.stage(*rows, mark=mark)
        self.assertTrue(caught.exception.remedy)
        self.assertEqual((self.disk.get(DELTAS) or b"", self.disk.get(KEYS)), before)
        return caught.exception


class Staged(Stager):
    def test_a_rule_is_made_at_its_place_and_committed(self):
        answer = self.stage(*GUESTS)
        found = self.get()
        self.assertEqual(answer["mark"], found["mark"])
        self.assertEqual(found["staged"], answer["staged"])
        self.assertEqual([row["name"] for row in found["sections"]], ["branch", "guests", "cameras", "tills"])
        self.assertEqual([row["state"] for row in found["sections"]], ["same", "new", "same", "same"])
        wanted = {"from": ["192.168.10.7@02:00:00:00:00:07", "br-guest"], "via": ["branch"]}
        self.assertEqual(found["sections"][1]["options"], wanted)
        self.assertTrue(self.store.commit()[0])
        self.assertIn(b"list from 'br-guest'", self.disk.get(PATH))
        self.assertEqual(self.get()["staged"], 0)

    def test_an_option_becomes_what_is_wished_and_an_empty_one_goes(self):
        self.stage({"section": "branch", "option": "remote_subnet", "values": ["10.1.0.0/24", "10.2.0.0/24"]},
                   {"section": "branch", "option": "mtu", "values": ["1400"]})  # fmt: skip
        options = self.get()["sections"][0]["options"]
        self.assertEqual((options["remote_subnet"], options["mtu"]), (["10.1.0.0/24", "10.2.0.0/24"], "1400"))
        self.assertEqual(self.get()["sections"][0]["state"], "changed")
        staged = self.get()["staged"]
        self.stage({"section": "branch", "option": "mtu", "values": ["1400"]})
        self.assertEqual(self.get()["staged"], staged)  # it is so already
        self.stage({"section": "branch", "option": "mtu", "values": []})
        self.assertEqual([name for name in self.get()["sections"][0]["options"] if name == "mtu"], [])

    def test_what_goes_is_told(self):
        self.stage({"section": "tills", "delete": True})
        self.assertEqual(self.get()["gone"], [{"type": "forced", "name": "tills"}])

    def test_all_or_nothing(self):
        bad = {"section": "guests", "option": "from", "values": ["not an address at all"]}
        error = self.refusal(EditError, [GUESTS[0], GUESTS[2], bad])
        self.assertIn("from", str(error))
        self.refusal(EditError, [GUESTS[0], GUESTS[0]])
        self.refusal(EditError, [{"section": "nobody", "delete": True}])
        self.refusal(EditError, [{"section": "cameras", "before": "nobody"}])
        self.refusal(EditError, [{"section": "cameras", "option": "ipv6", "values": ["free", "block"]}])
        self.assertEqual(self.get()["staged"], 0)

    def test_the_second_of_two_writers_is_told(self):
        mark = self.get()["mark"]
        self.stage({"section": "tills", "delete": True}, mark=mark)
        error = self.refusal(StoreError, [{"section": "cameras", "delete": True}], mark)
        self.assertEqual(error.code, "staged-meanwhile")
        with self.assertRaises(StoreError) as caught:
            configuring.revert(self.store, mark, False)
        self.assertEqual(caught.exception.code, "staged-meanwhile")
        self.assertEqual(self.get()["gone"], [{"type": "forced", "name": "tills"}])
        configuring.revert(self.store, self.get()["mark"], False)
        self.assertEqual(self.get()["mark"], mark)

    def test_a_key_goes_where_keys_are_and_no_answer_has_it(self):
        rows = [{"section": "office", "type": "tunnel"},
                {"section": "office", "option": "remote", "values": ["o.example.net"]},
                {"section": "office", "option": "psk", "values": [KEY]}]  # fmt: skip
        answer = self.stage(*rows)
        self.assertIn("secrets/office", answer["notes"][0])
        self.assertIn(KEY.encode(), self.disk.get(KEYS))
        self.assertNotIn(KEY.encode(), self.disk.get(DELTAS))
        self.assertNotIn(KEY, repr(self.get()) + repr(answer) + repr(read_wishes(rows)))
        self.store.commit()
        self.assertEqual(self.disk.get("/etc/isthmus/secrets/office"), KEY.encode() + b"\n")
        self.stage({"section": "office", "option": "psk", "values": [KEY + "!"]})
        self.assertEqual(self.get()["sections"][-1]["state"], "changed")
        two = [{"section": name, "option": "psk", "values": [KEY]} for name in ("office", "branch")]
        self.assertIn("one key", self.refusal(EditError, two).remedy)

    def test_a_key_in_the_file_is_not_shown_nor_what_nobody_knows(self):
        self.disk.put(PATH, TEXT + b"\nconfig tunnel 'x'\n\toption psk 'geheim'\n\toption pks 'geheim'\n")
        found = self.get()["sections"][-1]["options"]
        self.assertEqual(found, {"psk": True, "pks": True})

    def test_no_key_is_shown_as_the_rest_of_another_value(self):
        self.disk.put(PATH, b"config tunnel 'x'\n\toption remote_id 'a\n\toption psk 'geheim-geheim\n")
        found = self.get()
        self.assertEqual(found["sections"][0]["options"], {"remote_id": "a"})
        self.assertNotIn("geheim", repr(found))

    def test_a_mark_tells_nobody_whether_a_guessed_key_is_right(self):
        self.stage({"section": "branch", "option": "psk", "values": [KEY]})
        other = Store(self.disk)
        other.salt = b"another daemon's"
        self.assertEqual(self.get()["mark"], configuring.get(Store(self.disk), False)["mark"])
        self.assertNotEqual(self.get()["mark"], configuring.get(other, False)["mark"])


class Keys(Stager):
    """Staged keys of tunnels that go: with them, and not without them."""

    def setUp(self):
        super().setUp()
        self.disk.put(PATH, TEXT + b"\nconfig tunnel 'depot'\n\toption remote 'depot.example.net'\n")
        self.stage({"section": "branch", "option": "psk", "values": [KEY]})

    def test_of_several_that_go_at_once(self):
        self.stage({"section": "depot", "option": "psk", "values": [KEY]})
        self.stage({"section": "branch", "delete": True}, {"section": "depot", "delete": True})
        self.assertEqual(self.get()["troubles"], [])
        self.assertIsNone(self.disk.get(KEYS))

    def test_beside_another_key(self):
        self.stage({"section": "branch", "delete": True}, {"section": "depot", "option": "psk", "values": [KEY]})
        self.assertEqual(self.get()["troubles"], [])
        self.assertEqual(self.disk.get(KEYS), b"isthmus.depot.psk='" + KEY.encode() + b"'\n")

    def test_another_section_of_that_name_has_no_key_of_it(self):
        for section_type in ("tunnel", "forced"):
            self.stage({"section": "branch", "option": "psk", "values": [KEY]})
            self.stage({"section": "branch", "delete": True}, {"section": "branch", "type": section_type})
            self.assertEqual((self.disk.get(KEYS), self.get()["troubles"]), (None, []))
            self.store.revert("", "")

    def test_what_is_refused_leaves_them(self):
        rows = [{"section": "branch", "delete": True}, {"section": "depot", "option": "psk", "values": ["short" * 99]}]
        self.refusal(EditError, rows)
        self.assertIn(b"branch.psk", self.disk.get(KEYS))


class Many(Stager):
    MOST = 40

    def setUp(self):
        super().setUp()
        for module in (delta, lock):
            self.addCleanup(setattr, module, "MAX_COMMANDS", module.MAX_COMMANDS)
            module.MAX_COMMANDS = self.MOST

    def test_no_more_is_staged_than_can_be_read_again(self):
        pair = b"-isthmus.cameras.from\n|isthmus.cameras.from='br-lan'\n"
        self.disk.put(DELTAS, pair * (self.MOST // 2 - 1))
        names = ["br-%d" % number for number in range(3)]
        self.refusal(StoreError, [{"section": "tills", "option": "from", "values": names}])
        self.stage({"section": "tills", "option": "from", "values": names[:1]})
        self.assertEqual(self.get()["staged"], self.MOST)
        self.assertRaises(StoreError, self.store.stage, "", "branch", "mtu", b"1400")
        self.assertEqual(self.get()["staged"], self.MOST)

    def test_what_cannot_be_read_can_be_dropped(self):
        self.disk.put(DELTAS, b"-isthmus.branch.mtu\n" * (self.MOST + 1))
        self.assertRaises(IsthmusError, self.get)
        self.store.revert("", "")
        self.assertEqual(self.get()["staged"], 0)

class Thing:
    """Something with these attributes."""

    def __init__(self, **fields):
        for name, value in fields.items():
            setattr(self, name, value)


class Hosts(unittest.TestCase):
    def test_those_of_the_sites_own_networks_with_their_names(self):
        def read(path):
            self.assertEqual(path, configuring.LEASES)
            return b"1 02:00:00:00:00:50 192.168.10.50 till-1 01:02\n2 02:00:00:00:00:51 192.168.10.51 * *\nbroken\n"

        mac, other = b"\x02\0\0\0\0\x50", b"\x02\0\0\0\0\x51"
        neighbours = [
            ("br-lan", b"\xfd" + bytes(14) + b"\x07", mac), ("br-lan", b"\xc0\xa8\x0a\x32", mac),
            ("br-lan", b"\xfe\x80" + bytes(13) + b"\x07", other), ("br-lan", b"\xc0\xa8\x0a\x33", other),
            ("wan", b"\xcb\0\x71\x01", b"\x02\0\0\0\0\x01"),
        ]  # fmt: skip
        config = Thing(globals=Thing(lans=["br-lan"]))
        site = Thing(forcing=Thing(config=config), kernel=Thing(neighbours=lambda: neighbours))
        found = configuring.hosts_of(Thing(site=site), read)
        self.assertEqual([row["mac"] for row in found], ["02:00:00:00:00:50", "02:00:00:00:00:51"])
        self.assertEqual([row["name"] for row in found], ["till-1", ""])
        self.assertEqual([row["addresses"] for row in found], [["192.168.10.50", "fd00::7"], ["192.168.10.51"]])


class Wishes(unittest.TestCase):
    def test_what_is_none(self):
        rows = (
            None, [], "x", {}, {"section": "a"}, {"section": "a b", "delete": True}, {"section": 7, "delete": True},
            {"section": "a", "delete": False}, {"section": "a", "delete": True, "type": "forced"},
            {"section": "a", "delete": True, "more": 1}, {"section": "a", "option": "b"},
            {"section": "a", "option": "b", "values": "c"}, {"section": "a", "option": "b", "values": [""]},
            {"section": "a", "option": "b", "values": [7]}, {"section": "a", "option": "b.c", "values": []},
            {"section": "a", "option": "b", "values": ["x" * 600]}, {"section": "a", "type": ["forced"]},
        )  # fmt: skip
        if sys.implementation.name == "cpython":  # half of a surrogate pair: the others have no such text
            half = json.loads('"\\ud800"')
            rows += ({"section": half, "delete": True}, {"section": "a", "type": half})
            rows += ({"section": "a", "before": half}, {"section": "a", "option": "b", "values": [half]})
        for row in rows:
            with self.subTest(row=row), self.assertRaises(EditError) as caught:
                read_wishes([row])
            self.assertTrue(caught.exception.remedy)
        for many in ([], [{"section": "a", "delete": True}] * (MOST_WISHES + 1)):
            self.assertRaises(EditError, read_wishes, many)


class Rows(unittest.TestCase):
    def test_every_section_has_its_rows(self):
        for spec in SECTIONS:
            found = configuring.rows_of(spec.type)
            self.assertEqual([row["name"] for row in found["rows"]], [row.name for row in spec.options])
            self.assertTrue(all(row["help"] and row["allowed"] for row in found["rows"]))
        ipv6 = next(row for row in configuring.rows_of("forced")["rows"] if row["name"] == "ipv6")
        self.assertEqual((ipv6["words"], ipv6["default"], ipv6["is_list"]), (["block", "free"], "block", False))
        self.assertRaises(IsthmusError, configuring.rows_of, "nothing")
