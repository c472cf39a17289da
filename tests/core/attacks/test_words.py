"""Class 17: text of a peer reaches no shell, no nft, no terminal and no log as he wrote it."""

from __future__ import annotations

import os

from isthmus.edge.printable import printable
from isthmus.proto import actions
from isthmus.wire import ike_numbers as num
from isthmus.wire.identity import Identity
from isthmus.wire.ike_payloads import NotifyPayload
from tests.core.attacks.case import AttackTest
from tests.core.attacks.scenes import make_scene, raw_chain, thin
from tests.core.attacks.test_malformed import auth_bodies, put
from tests.core.ike_pair import Pair, make_connection
from tests.core.ike_tamper import reseal
from tests.core.pair import Pair as Sites

# What has opened shells, rule files, terminals and logs elsewhere.
EVIL = (
    b"$(reboot)", b"`reboot`", b"a;reboot", b"a\nreboot", b"a\x00b", b"a|b", b"'; reboot #", b'" } ; flush ruleset',
    b"\x1b[2J\x1b]0;owned\x07", b"a\r\nerror ike: all is well", b"../../etc/passwd", b"%s%n%x{0}", b"\xff\xfe\x80",
    "\u202egnp.exe".encode(), b"x" * 4000,
)  # fmt: skip

# Characters that a shell or nft gives a meaning to; an identity may hold some of them, but not as they came.
HARMFUL = "\x00\x07\x1b\r\n\u202e\u2028\x7f\x9b"


def harmless(text):
    """True if a text moves no cursor, ends no line and is not endless."""
    return len(text) < 1200 and not any(character in text for character in HARMFUL)


class Words(AttackTest):
    def check(self, side, why):
        failed = side.of(actions.Failed)
        self.assertEqual(len(failed), 1, why)
        for text in (str(failed[0].error), failed[0].error.remedy, repr(failed[0])):
            self.assertTrue(harmless(text), text)
        self.assertEqual(printable(str(failed[0].error)), str(failed[0].error))

    def test_17_cve_2023_28771_identity_of_a_stranger(self):
        honest = auth_bodies()
        for word in thin(EVIL):
            for kind in (1, 2, 3, 5, 9, 11, 200):
                scene = make_scene("init-answered")
                inner, chain = raw_chain(put(honest, num.IDI, bytes([kind, 0, 0, 0]) + word))
                scene.hit(scene.sealed(num.IKE_AUTH, inner, chain))
                self.check(scene.victim, word)

    def test_17_cve_2023_28771_identity_of_a_peer_that_answers(self):
        for word in thin(EVIL):
            pair = Pair()
            pair.initiate()
            for _ in range(3):
                pair.deliver()

            def change(payloads, word=word):
                payloads[0].identity = Identity(2, word)
                return payloads

            reseal(pair, pair.b, change)
            pair.transfer()
            self.check(pair.a, word)

    def test_17_link_and_proposals_of_a_peer(self):
        for word in thin(EVIL):
            pair = Pair(0, make_connection("A", link=word))
            pair.connect()
            self.check(pair.a, word)
            self.check(pair.b, word)

    def test_17_error_notify_with_text_in_it(self):
        for word in thin(EVIL):
            pair = Pair()
            pair.initiate()
            for _ in range(3):
                pair.deliver()
            reseal(pair, pair.b, lambda payloads, word=word: [NotifyPayload(7, word, 0, word[:255])])
            pair.transfer()
            self.check(pair.a, word)

    def test_17_nothing_a_peer_says_is_in_what_nft_reads_or_the_log_writes(self):
        # The whole site: a peer with the right key announces another link, then strangers say evil names.
        sites = Sites()
        sites.configure("option instance 7")
        sites.run(60_000)
        for host in (sites.a, sites.b):
            self.assertEqual(host.tunnel.error.code if host.tunnel.error else host.tunnel.refusal.error.code, "link")
            for line in host.log.lines:
                self.assertTrue(harmless(line), line)
            allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ \n\t{};,@.:=!<>-/&|\"'#()*+"
            for character in host.guard_text:
                self.assertTrue(character in allowed, repr(character))


class Source(AttackTest):
    def test_17_no_shell_anywhere(self):
        # Programs are started by list, never through a shell; nft reads its text from standard input.
        walk = getattr(os, "walk", None)
        if walk is None:
            self.skipTest("CPython only")
        found = []
        for folder, _, names in walk("firmware/isthmus"):
            for name in names:
                if name[-3:] != ".py":
                    continue
                with open(folder + "/" + name) as file:
                    text = file.read()
                for word in ("shell=", "os.system", "popen(", "eval(", "exec(", "subprocess.getoutput"):
                    if word in text:
                        found.append((folder + "/" + name, word))
        # The one exec runs Python's own cache of this program, which root alone can write; no text of anybody's.
        self.assertEqual(found, [("firmware/isthmus/edge/os_cpython_start.py", "exec(")])
