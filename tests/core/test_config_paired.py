"""What pairing writes, read back; and what no hand may make of it."""

from __future__ import annotations

import unittest

from isthmus.config.model import SECRETS, load
from isthmus.config.schema import reference_rows

PATH = "/etc/config/isthmus"
IDS = " option local_id 'keyid:01020304'\n option remote_id 'keyid:05060708'\n"
SITE_ID = "0123456789abcdef" * 2
PAIRED = "config tunnel 'branch'\n option site '%s'\n list remote '198.51.100.7'\n" % SITE_ID
PAIRED += " list remote_subnet '10.2.0.0/16'\n"
KEYS = {"": b"p" * 64, ".ppk": b"q" * 64, ".cookie": b"c" * 64, ".control": b"k" * 64}


def read(text, keys=None, name="branch"):
    """load() of a text, with these key files of a tunnel."""
    files = {PATH: text.encode()}
    for end, data in (KEYS if keys is None else keys).items():
        files[SECRETS + "/" + name + end] = data + b"\n"

    def read_file(path):
        if path not in files:
            raise OSError(2, "no")
        return files[path]

    return load(PATH, read_file)


class Paired(unittest.TestCase):
    def codes(self, text, keys=None):
        loaded = read(text, keys)
        self.assertEqual(loaded.config is None, bool(loaded.errors))
        for error in loaded.errors:
            self.assertTrue(error.remedy or error.allowed, str(error))
        return sorted([(error.code, error.option) for error in loaded.errors])

    def test_what_pairing_writes(self):
        loaded = read(PAIRED + IDS + " option ppk_id 'abc'\n")
        tunnel = loaded.config.tunnels[0]
        self.assertEqual((tunnel.psk, tunnel.ppk, tunnel.ppk_id), (b"p" * 64, b"q" * 64, b"abc"))
        self.assertEqual((tunnel.cookie_key, tunnel.control_key, tunnel.ppk_required), (b"c" * 64, b"k" * 64, True))
        self.assertEqual(tunnel.site, bytes([0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF] * 2))
        self.assertEqual(loaded.warnings, [])

    def test_each_key_must_be_there(self):
        for end, option in (("", "psk"), (".ppk", "ppk"), (".cookie", "cookie_key"), (".control", "control_key")):
            keys = {key: KEYS[key] for key in KEYS if key != end}
            self.assertEqual(self.codes(PAIRED + IDS, keys), [("missing-" + option, option)])

    def test_never_without_its_ppk(self):
        self.assertEqual(self.codes(PAIRED + IDS + " option ppk_required '0'\n"), [("ppk-required", "ppk_required")])

    def test_both_identities(self):
        wanted = [("missing-option", "local_id"), ("missing-option", "remote_id")]
        self.assertEqual(self.codes(PAIRED), wanted)

    def test_keys_on_their_way_in_that_cannot_be_used_are_told_and_the_tunnel_keeps_its_own(self):
        path = SECRETS + "/branch.next"

        def reader(data):
            def read_file(name):
                if name == path and isinstance(data, OSError):
                    raise data
                return data if name == path else files[name]

            return read_file

        files = {"x": (PAIRED + IDS).encode()}
        for end, key in KEYS.items():
            files[SECRETS + "/branch" + end] = key
        whole = b" ".join([b"rotation-1 taken"] + [b"a" * size for size in (32, 64, 64, 32, 64)])
        for data, code in (
            (OSError(13), "unreadable-next"), (OSError(5), "unreadable-next"), (b"", "bad-next"),
            (b"\0" * 300, "bad-next"), (whole[:-1], "bad-next"), (whole.replace(b"taken", b"given"), "bad-next"),
        ):  # fmt: skip
            loaded = load("x", reader(data))
            self.assertEqual([str(error) for error in loaded.errors], [])
            found = [warning for warning in loaded.warnings if warning.code == code]
            self.assertEqual(len(found), 1, (data, [str(warning) for warning in loaded.warnings]))
            self.assertTrue(path in str(found[0]) and "goes on with the keys that it has" in str(found[0]))
            self.assertTrue(found[0].remedy)
            tunnel = loaded.config.get("branch")
            self.assertEqual((tunnel.psk, tunnel.renewal, tunnel.also), (KEYS[""], "", None))
        self.assertEqual(load("x", reader(whole)).config.get("branch").psk, b"a" * 64)

    def test_only_derived(self):
        self.assertTrue(("only-derived", "session") in self.codes(PAIRED + IDS + " option session 'static'\n"))

    def test_its_keys_are_for_paired_tunnels(self):
        text = "config tunnel 'branch'\n option remote '198.51.100.7'\n option cookie_key 'abc'\n"
        self.assertEqual(self.codes(text), [("only-paired", "cookie_key")])

    def test_one_tunnel_for_each_site(self):
        other = PAIRED.replace("'branch'", "'second'").replace("10.2.", "10.3.")
        other += IDS.replace("01020304", "0a0a").replace("05060708", "0b0b")
        other += " option psk 'sixteen characters'\n option ppk 'x'\n option cookie_key 'x'\n option control_key 'x'\n"
        self.assertEqual(self.codes(PAIRED + IDS + other), [("duplicate-site", "site")])

    def test_odd_values(self):
        for text in ("0123", "g" * 32, "0123456789ABCDEF" * 2, "0" * 33):
            self.assertEqual(self.codes(PAIRED.replace(SITE_ID, text) + IDS)[0], ("wrong-type", "site"))
        for option, text in (("name", "a b"), ("name", "-x"), ("name", "x" * 33), ("name", "b\u00fcro")):
            self.assertEqual(self.codes("config globals\n option %s '%s'\n" % (option, text)), [("bad-name", option)])
        for text in ("%any", "127.0.0.256", "fe80::1"):
            self.assertEqual(self.codes("config globals\n list endpoint '%s'\n" % text), [("bad-address", "endpoint")])
        loaded = read(
            "config globals\n option name 'head-2_x'\n list endpoint 'h.example.net'\n list endpoint '192.0.2.1'\n"
        )
        self.assertEqual(loaded.config.globals.site_name, "head-2_x")
        self.assertEqual(loaded.config.globals.endpoints, ["h.example.net", "192.0.2.1"])

    def test_keys_are_secrets(self):
        secret = [row["name"] for row in reference_rows() if row["secret"] == "yes"]
        self.assertTrue("cookie_key" in secret and "control_key" in secret, secret)


if __name__ == "__main__":
    unittest.main()
