"""isthmus diag: every kind of secret is planted, and none is in the bundle, as it is, in digits or in base64."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from unittest import mock

from isthmus import diagnosis
from isthmus.doctor import bundle
from isthmus.edge import log as log_module
from isthmus.edge.control import OWNER, Later
from isthmus.edge.log import Log
from isthmus.kernel import objects
from isthmus.kernel.ways import Way
from isthmus.wire.addr import Prefix, parse_ip
from tests.edge.canaries import Canaries
from tests.edge.test_daemon import DaemonTest
from tests.edge.test_daemon import setUpModule as setUpModule  # noqa: PLC0414 - a network of its own
from tests.edge.world import PATIENCE_S
from tests.repo.sources import ROOT

PASSWORD = "een-wachtwoord-van-33-karakters-x"
WORDS = {word: f"kq{number:02}zvw9-kan4ryenvogel-0123456789" for number, word in enumerate((
    "inline", "inlineppk", "comment", "mistyped", "misplaced", "list", "file", "fileppk", "filecookie", "filecontrol",
    "staged", "unknown", "leftover", "firewall"))}  # fmt: skip
COOKIE, PEER_COOKIE = "a1b2c3d4e5f60718", "18f7e6d5c4b3a291"
NEXT = ["%02x" % (17 * (row + 1)) * (count // 2) for row, count in enumerate((32, 64, 64, 32, 64))]
CONFIG = """# {comment}
config globals
 list lan 'lan0'
config tunnel 'branch'
 option remote '127.0.0.2'
 option psk '{inline}'  # {comment}
 option ppk '{inlineppk}'
 list remote_subnet '10.2.0.0/24'
config tunnel 'plant'
 option remote '127.0.0.3'
 option psk '{inline}'
 option session 'static'
 option tunnel_id 1
 option peer_tunnel_id 2
 option session_id 3
 option peer_session_id 4
 option cookie 'a1b2c3d4e5f60718'
 option peer_cookie '18f7e6d5c4b3a291'
 list remote_subnet '10.4.0.0/24'
config tunnel 'depot'
 option remote '127.0.0.4'
 option site '00112233445566778899aabbccddeeff'
 option local_id 'here'
 option remote_id 'there'
 list remote_subnet '10.3.0.0/24'
"""
MISTAKES = """config globals 'more'
 option pks '{mistyped}'
 list ppk '{list}'
config tunnel 'x'
 option local '{misplaced}'
 option control_key '{inline}' '
config '{unknown}' y
"""


class Diag(DaemonTest):
    def setUp(self) -> None:
        super().setUp()
        wan = parse_ip("192.0.2.1")
        self.kernel.uplinks += [("lan0", parse_ip("192.168.9.1"), 24), ("wan0", wan, 24)]
        self.kernel.ways = [(Prefix(bytes(4), 0), Way(wan, "wan0", 1500))]  # nothing gets there
        self.configure("", CONFIG.format(**WORDS))
        for folder in ("secrets", "deltas"):
            (self.path / folder).mkdir(mode=0o700)
        files = {
            "secrets/depot": "file", "secrets/depot.ppk": "fileppk", "secrets/depot.cookie": "filecookie",
            "secrets/depot.control": "filecontrol", "secrets/undo.old": "leftover", "config/firewall": "firewall",
        }  # fmt: skip
        for name, word in files.items():
            (self.path / name).write_text(WORDS[word] + "\n")
        (self.path / "secrets" / "depot.next").write_text("rotation-1 held " + " ".join(NEXT) + "\n")
        (self.path / "deltas" / "isthmus").write_text(f"isthmus.branch.psk='{WORDS['staged']}'\n")
        planted = [word.encode() for word in [*WORDS.values(), *NEXT, COOKIE, PEER_COOKIE, PASSWORD]]
        planted += [bytes.fromhex(word) for word in [*NEXT, COOKIE, PEER_COOKIE]]
        self.canaries = Canaries(self, *planted)
        self.canaries._catch(objects.SaKeys, "__init__", self.canaries._sa_keys)  # of the doctor's own SAs
        self.log = Log("debug")

    def ask(self, **request: object) -> dict:
        answer = self.daemon._answer(request, OWNER)
        end = time.monotonic() + PATIENCE_S * 3
        while isinstance(answer, Later):
            if answer.outcome is not None:
                self.assertTrue(answer.outcome["ok"], answer.outcome)
                return answer.outcome["result"]
            self.assertLess(time.monotonic(), end)
            self.daemon.turn()
        return answer

    def begin(self) -> None:
        with mock.patch.object(log_module.host, "write_error_line"):
            self.start()
        self.daemon.delta_dir = str(self.path / "deltas")

    def test_no_secret_of_the_daemon(self) -> None:
        self.begin()
        self.assertEqual(sorted(self.daemon.site.tunnels), ["branch", "depot", "plant"])
        for tunnel in self.daemon.site.tunnels.values():
            for end in (tunnel.derived.local, tunnel.derived.remote):
                self.canaries.add("a cookie", end.cookie)
        with mock.patch.object(log_module.host, "write_error_line"):
            code = self.ask(command="user-code")["code"]
            self.ask(command="user-add", user="alice", role="administer", password=PASSWORD)
            session = self.ask(command="login", user="alice", password=PASSWORD)
            invite = self.ask(command="pair-invite", at="192.0.2.1")["invite"]
            texts = [json.dumps(self.ask(command=command)) for command in ("doctor", "log")]
            answer = self.ask(command="diag")
        self.canaries.copies += [word.encode() for word in (code, session["token"], session["mark"], invite[12:])]
        secrets = re.findall("[0-9a-f]{32,}", (self.path / "users").read_text())
        self.assertGreaterEqual(len(secrets), 2, "salt or hash are not where this test looks for them")
        self.canaries.copies += [word.encode() for word in secrets]
        self.assertIn("an ESP key", [name for name, _ in self.canaries.kept], "the doctor's own SAs had keys")
        self.assertIsNone(self.canaries.find([*texts, answer["text"], answer["name"]]))
        for words in ("=== tunnel plant ===", "option psk '(not shown)'", "=== nft -t list ruleset", "isthmusd 0."):
            self.assertTrue(words in answer["text"], words)
        for words in ("Taken out", "[config-not-applied]"):
            self.assertFalse(words in answer["text"], words)

    def test_no_secret_of_a_file_with_mistakes(self) -> None:
        self.configure("", (CONFIG + MISTAKES).format(**WORDS))
        self.begin()
        text = self.ask(command="diag")["text"]
        self.assertIsNone(self.canaries.find([text]))
        self.assertTrue("Taken out at the last look" in text, "a key in the place of an address, in a message about it")
        self.assertTrue("an option that nobody knows" in text)

    def test_no_secret_without_the_daemon(self) -> None:
        for text in (CONFIG, CONFIG + MISTAKES):
            self.configure("", text.format(**WORDS))
            argv = [sys.executable, "-m", "isthmus.cli", "--run", str(self.path / "run"), "diag"]
            argv += [f"--{name}={self.path / name}" for name in ("config", "secrets", "deltas")]
            env = {**os.environ, "PYTHONPATH": f"{ROOT}/firmware"}
            done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertTrue("config tunnel 'depot'" in done.stdout and "[daemon-away]" in done.stdout)
            self.assertIsNone(self.canaries.find([done.stdout]))
            self.assertEqual("Taken out" in done.stdout, text is not CONFIG)

    def test_the_last_look_finds_what_should_not_be_there(self) -> None:
        """And the tests above can fail."""
        self.begin()
        shown = lambda data: data.decode().split("\n")  # noqa: E731 - the mistake
        with mock.patch.object(diagnosis, "shown", shown):
            answer = self.ask(command="diag")
            self.assertTrue("Taken out" in answer["text"])
            found = [form for form in self.canaries.leaks(answer["text"]) if form not in WORDS["comment"]]
            self.assertEqual(found, [])
            with mock.patch.object(bundle, "scrub", lambda text, _secrets: (text, 0)):
                self.assertIsNotNone(self.canaries.find([self.ask(command="diag")["text"]]))


del DaemonTest  # its own tests are elsewhere
