"""A key that was written into a wrong option is told by its length alone, wherever a message goes."""

import unittest

from isthmus import configuring
from isthmus.config.errors import BadValue, looks_like_key, quote
from isthmus.config.model import load
from isthmus.config.schema import SECTIONS
from isthmus.config.store import Store
from isthmus.doctor.hide import shown
from tests.core.disk import Disk

KEYS = (
    "c2VjcmV0LWtleS1vZi10aGUtYnJhbmNoLW9mZmljZTE",
    "dGhlIHF1aWNrIGJyb3+uIGZveCBqdW1wcyBvdmVy/yB0aGU=",
    "Yc-7_nR2wq9-TzB4kQ_e1vXh0LsMjU6pGd3FaC8oIyA",
    "9f86d081884c7d659a2feaa0c55ad015",
    "9F86D081884C7D65",
    "ahb4ieGhoh7uX2",
    "Tr0ub4dor3xY9z",
    "correct horse battery staple",
    "correcthorsebatterystaple",
)
PLAIN = (
    "branch.example.net", "ip-10-20-30-40.eu-west-1.compute.amazonaws.com", "ec2-203-0-113-25.compute.example",
    "192.168.10.50@02:00:00:00:00:50", "2001:db8:1234:5678:9abc:def0:1234:5678/64", "fd69:7374:686d::/48",
    "aes256gcm16-prfsha256-ecp256", "aes256gcm16-prfsha384-ecp384-ke1_mlkem768", "chacha20poly1305-prfsha512-x25519",
    "aes128ctr-sha256-modp2048", "2026-01-01 00:00", "10.0.0.0/8, 192.168.0.0/16, fd00::/8", "99999999999999999999",
    "branch_office_2", "cameras_building_2", "br-lan.20", "tcp:5000-5010", "%any", "two words", "30s", "enabled",
    "0.europe.pool.ntp.org", "printer=192.168.1.20",
)  # fmt: skip


class Telling(unittest.TestCase):
    def test_what_looks_like_a_key(self):
        for key in KEYS:
            self.assertTrue(looks_like_key(key), key)
            self.assertEqual(quote(key), "(%d characters, not shown: it may be a key)" % len(key))
        self.assertNotIn(KEYS[0][:8], quote(KEYS[0] + "\n  option mtu '1400'"))

    def test_and_what_does_not(self):
        for text in PLAIN:
            self.assertFalse(looks_like_key(text), text)
            self.assertEqual(quote(text)[:5], "'" + text[:4] if len(text) >= 4 else "'" + text + "'")


class Everywhere(unittest.TestCase):
    def told(self, lines):
        """All that anybody is told of such a file: errors, for log, status, doctor; forms; the bundle for a helper."""
        text = "\n".join(lines) + "\n"
        disk = Disk([("/etc/config/isthmus", text.encode())])
        found = load("/etc/config/isthmus", disk.read, "/etc/isthmus/secrets")
        rows = found.errors + found.warnings
        said = [str(error) + error.remedy + error.found + error.option for error in rows]
        return said, "\n".join(said + shown(text.encode()) + [str(configuring.get(Store(disk), False))])

    def fits(self, row, key):
        """Nobody can tell it from a name of an interface, or of a host with dots."""
        try:
            return row.type.parse(key) is not None
        except BadValue:
            return False

    def test_in_each_option_of_each_section(self):
        wrong = 0
        for spec in SECTIONS:
            for row in spec.options:
                if row.type.secret or row.name in ("local_id", "remote_id"):
                    continue  # an identity may be anything, and the peer is told it
                for key in [key for key in KEYS if not self.fits(row, key)]:
                    for word in ("option", "list"):
                        said, whole = self.told(["config %s 'one'" % spec.type, "\t%s %s '%s'" % (word, row.name, key)])
                        wrong += len(said)
                        self.assertEqual([part for part in key.split(" ") if part in whole], [], (row.name, key, whole))
        self.assertGreater(wrong, 100)

    def test_as_the_name_of_an_option(self):
        for key in ("c2VjcmV0LWtleS1vZi10aGUtYnJhbmNo".replace("-", "_"), "9f86d081884c7d659a2feaa0c55ad015"):
            for line in ("\toption %s '1'", "\tlist %s '1'", "\toption %s ''"):
                said, _ = self.told(["config tunnel 'one'", "\toption remote '192.0.2.1'", line % key])
                self.assertTrue([text for text in said if "not shown" in text], line)
                self.assertNotIn(key[:20], "\n".join(said))


if __name__ == "__main__":
    unittest.main()
