"""The papers of the repository: there, short, and without what does not belong in them."""

from __future__ import annotations

import unittest

from tests.repo.sources import ROOT, read, tracked

# Paper: the number of lines that it stays under.
LIMITS = (
    ("README.md", 150),
    ("firmware/DESIGN.md", 150),
)

# Package registries are used by their clients and configured on the machine; their hosts are named nowhere.
# Written in two pieces, so that this file does not name them either.
HOSTS = (
    ("pypi.", "org"),
    ("pythonhosted.", "org"),
    ("npmjs.", "org"),
    ("npmjs.", "com"),
    ("deb.debian.", "org"),
    ("security.debian.", "org"),
    ("snapshot.debian.", "org"),
    ("crates.", "io"),
    ("proxy.golang.", "org"),
    ("downloads.openwrt.", "org"),
)


def hosts_named(text: str) -> list[str]:
    """The registry hosts that a text names."""
    return [first + last for first, last in HOSTS if first + last in text.lower()]


class Papers(unittest.TestCase):
    def test_they_are_short(self):
        for name, limit in LIMITS:
            with self.subTest(name):
                self.assertLess(len(read(name).splitlines()), limit)

    def test_changelog_has_an_open_section(self):
        self.assertIn("\n## Unreleased\n", read("CHANGELOG.md"))

    def test_licence_is_apache_2(self):
        text = read("LICENSE")
        for part in ("Apache License", "Version 2.0, January 2004", "limitations under the License."):
            self.assertIn(part, text)

    def test_no_registry_host_is_named(self):
        self.assertEqual(hosts_named("see https://" + "".join(HOSTS[0])), ["".join(HOSTS[0])])
        for name in tracked():
            text = (ROOT / name).read_bytes().decode("utf-8", "replace")
            with self.subTest(name):
                self.assertEqual(hosts_named(text), [])

    def test_text_files_are_clean(self):
        for name in tracked():
            data = (ROOT / name).read_bytes()
            if b"\0" in data or name.startswith("tests/vectors/"):
                continue
            with self.subTest(name):
                self.assertNotIn(b"\r\n", data)
                self.assertTrue(data == b"" or data.endswith(b"\n"), "no line end at the end")
