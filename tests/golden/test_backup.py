"""What `isthmus backup` and `isthmus restore` say, one file a case.

tests/golden/backup/NAME.txt is what is printed of an answer. Regenerate with ISTHMUS_GOLDEN=write, and read it.
"""

from __future__ import annotations

import os
import unittest
from pathlib import Path

from isthmus.backup.archive import Archive
from isthmus.backup.words import notes
from isthmus.cli_backup import meant, written
from isthmus.config.model import load
from isthmus.users.book import Book, Params, User, push_book

FOLDER = Path(__file__).parent / "backup"
CONFIG = b"""config globals 'globals'
\tlist lan 'br-office'

config tunnel 'branch'
\toption remote '198.51.100.7'
\toption site '%s'
\toption local_id 'a'
\toption remote_id 'b'
\toption ppk_id '0123456789abcdef0123456789abcdef'
\tlist remote_subnet '192.168.20.0/24'
""" % (b"0f" * 16)
KEYS = {"branch": b"a" * 64, "branch.control": b"d" * 64, "branch.cookie": b"e" * 64, "branch.ppk": b"b" * 64,
        "site.id": b"0" * 32}  # fmt: skip


def said(keys: dict, current: dict, here: list) -> list:
    user = User("alice", 3, b"s" * 8, Params(1 << 14, 8, 5), b"s" * 16, b"d" * 32)
    users = push_book(Book(b"k" * 32, {"alice": user}))
    archive = Archive("head", 1_795_392_000, "1", CONFIG, sorted(keys.items()), users)

    def read_file(path: str) -> bytes:
        name = path.rpartition("/")[2]
        if path == "config":
            return CONFIG
        if name in KEYS:
            return KEYS[name]
        raise OSError(2, path)

    loaded = load("config", read_file)
    config = loaded.config
    if config is None:
        raise AssertionError(loaded.errors[0])
    return notes(archive, config, current, None, here)


def answer(changes: list, sentences: list, **fields: object) -> dict:
    found = {"changes": changes, "tunnels": ["branch"], "same": False, "direct": False, "notes": sentences}
    return {**found, "warnings": ["/etc/config/isthmus:3: something"], **fields}


CHANGES = [
    {"kind": "opens", "text": "192.168.10.50 may now use the open Internet: rule cameras was removed"},
    {"kind": "leads", "text": "tunnel branch is interrupted and built anew, with another psk"},
]
NEW = "tunnel branch is new: it leads to 198.51.100.7, with networks 192.168.20.0/24, its other end is called b"
CASES = {
    "made": written({"file": "isthmus-head-2026-11-23.backup", "bytes": 1234, "tunnels": ["branch", "depot"],
                     "notes": ["what is staged and not yet applied is not in it"]}),
    "here": meant(answer(CHANGES, said(KEYS, {**KEYS, "branch": b"c" * 64}, ["br-office"]))),
    "elsewhere": meant(answer([{"kind": "leads", "text": NEW}], said(KEYS, {}, ["br-lan"]))),
    "same": meant(answer([], [], same=True, warnings=[])),
    "direct": meant(answer([], [], direct=True, warnings=[])),
}  # fmt: skip


class Said(unittest.TestCase):
    def test_it_is_as_recorded(self) -> None:
        for name, lines in CASES.items():
            path = FOLDER / (name + ".txt")
            text = "\n".join(lines) + "\n"
            if os.environ.get("ISTHMUS_GOLDEN") == "write":
                path.write_text(text, encoding="ascii")
            with self.subTest(name):
                self.assertEqual(text, path.read_text(encoding="ascii"))
        self.assertEqual(sorted(CASES), sorted([path.stem for path in FOLDER.iterdir()]))


if __name__ == "__main__":
    unittest.main()
