"""Configuration files and what is read from them, kept side by side: name.uci and name.txt.

The text holds what libuci's rules make of the file, the typed values, and every error and warning as an administrator
reads it. After an intended change: ISTHMUS_REWRITE=1 tools/test golden -k config, then read the difference.
"""

import os
import unittest
from pathlib import Path

from isthmus.config import uci
from isthmus.config.model import KEY_FILES, load

SECRET = (*KEY_FILES, "cookie", "peer_cookie")
FOLDER = Path(__file__).parent / "config"


def fields(value):
    """What a value of the configuration holds, without its keys."""
    return ["%s: %r" % (key, field) for key, field in sorted(value.__dict__.items()) if key not in SECRET]


def describe(name):
    """What is read from one file, as text."""
    data = (FOLDER / name).read_bytes()
    lines = ["# as libuci reads it"]
    package, _ = uci.parse_all(data, name)
    for section in package.sections:
        lines.append(
            "%d: %s=%s%s" % (section.line, section.name, section.type, " (unnamed)" if section.anonymous else "")
        )
        for option in section.options:
            shown = ["(a key)"] if option.name in SECRET else [repr(value.decode()) for value in option.values]
            lines.append("%d: %s.%s=%s" % (option.line, section.name, option.name, " ".join(shown)))

    def read_file(path):
        if path != name:
            raise OSError(2, "no such file")
        return data

    loaded = load(name, read_file)
    config = loaded.config
    if config is not None:
        lines.append("# lans: " + ", ".join(config.globals.lans))
        for value in config.tunnels + config.forced + config.passthrough + config.aliases:
            lines.append("# " + repr(value))
            lines += fields(value)
            for exception in value.__dict__.get("exceptions", []):
                lines.append("# " + repr(exception))
                lines += fields(exception)
    lines += ["# errors"] + [str(error) for error in loaded.errors]
    lines += ["# warnings"] + [str(warning) for warning in loaded.warnings]
    return "\n".join(lines) + "\n"


class GoldenConfigTest(unittest.TestCase):
    maxDiff = None

    def test_no_key_is_shown(self):
        for path in sorted(FOLDER.glob("*.txt")):
            shown = [line.partition(":")[0] for line in path.read_text().splitlines()]
            self.assertEqual([key for key in SECRET if key in shown], [], path.name)

    def test_files(self):
        names = sorted(path.name for path in FOLDER.glob("*.uci"))
        self.assertGreaterEqual(len(names), 4)
        for name in names:
            with self.subTest(name):
                text, kept = describe(name), (FOLDER / name).with_suffix(".txt")
                if os.environ.get("ISTHMUS_REWRITE"):
                    kept.write_text(text)
                self.assertEqual(text, kept.read_text())

    def test_no_key_is_in_any_text(self):
        for path in FOLDER.glob("*.txt"):
            for key in ("Zm9v", "kurz", "dG9v", "1122", "aabb"):
                self.assertNotIn(key, path.read_text(), path.name)
