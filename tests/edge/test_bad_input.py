"""What an administrator reads when the other side, or he himself, says something that must not be: `isthmus status`."""

from __future__ import annotations

import contextlib
import io
import unittest

from isthmus import cli, status
from isthmus.config.model import load
from isthmus.wire import ike_numbers as num
from isthmus.wire.buffer import Reader
from isthmus.wire.ike import Header, pull_message, push_message
from isthmus.wire.ike_payloads import DeletePayload, NotifyPayload
from isthmus.wire.ike_sa import Proposal, Transform
from tests.core.attacks.scenes import fresh_request, raw_chain
from tests.core.ike_tamper import open_up, reseal_bytes
from tests.core.pair import A, B, Pair
from tests.edge.test_canaries import Here
from tests.fuzz.ike.mutation import split

STRONG = {1: Transform(1, 20, 128), 2: Transform(2, 5), 4: Transform(4, 31)}

# What a peer may offer that must not be: the transform, and the word that status has for it.
WEAK = (
    (Transform(1, 2), "des"),
    (Transform(1, 3), "3des"),
    (Transform(1, 11), "null"),
    (Transform(2, 1), "md5"),
    (Transform(3, 1), "md5"),
    (Transform(4, 1), "modp768"),
    (Transform(4, 2), "modp1024"),
    (Transform(4, 5), "modp1536"),
)


def read_status(site, now):
    """(what status --json says of the first tunnel, what `isthmus status` prints)."""
    report = status.report(Here(site), None, now)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        cli._print_status(report)
    return report["tunnels"][0], out.getvalue()


class FromPeers(unittest.TestCase):
    def test_weak_proposals_are_named(self):
        for weak, word in WEAK:
            pair = Pair()
            pair.a.site.apply(self.config(), [], pair.now)
            pair.run(1000)
            request = pull_message(Reader(fresh_request(word)))
            offer = dict(STRONG)
            offer[weak.type] = weak
            for payload in request.payloads:
                if payload.type == num.SA:
                    payload.proposals = [Proposal(1, num.PROTO_IKE, b"", [offer[kind] for kind in sorted(offer)])]
            pair.a.site.receive(push_message(request.header, request.payloads), (B, 500), (A, 500), pair.now)
            tunnel, printed = read_status(pair.a.site, pair.now)
            self.assertEqual(tunnel["refusal"]["code"], "no-proposal", word)
            message = tunnel["refusal"]["message"]
            self.assertIn(word, message.lower())
            self.assertIn("this side allows", message)
            self.assertIn(message, printed)
            self.assertIn(tunnel["refusal"]["remedy"], printed)

    def config(self, extra=""):
        text = (
            "config tunnel 'branch'\n option remote '198.51.100.1'\n option psk 'correct horse battery staple'\n"
            " list remote_subnet '192.168.20.0/24'\n" + extra
        )
        loaded = load("test", lambda path: text.encode())
        self.assertEqual(loaded.errors, [])
        return loaded.config

    def test_pfs_mismatch_is_told_at_set_up(self):
        pair = Pair()
        pair.configure(
            "list esp_proposal aes256gcm16-x25519", "list esp_proposal aes256gcm16-modp2048"
        )
        pair.run(30_000)
        told = [read_status(host.site, pair.now) for host in (pair.a, pair.b)]
        for tunnel, printed in told:
            self.assertNotEqual(tunnel["state"], "up")
            trouble = tunnel["error"] or tunnel["refusal"]
            self.assertEqual(trouble["code"], "no-proposal")
            self.assertIn(trouble["message"], printed)
        whole = " ".join([printed for _, printed in told])
        for word in ("x25519", "modp2048", "what to do"):
            self.assertIn(word, whole)

    def test_selectors_that_carry_nothing_are_told(self):
        pair = Pair()
        carry = pair.carry

        def narrowing(sender, data, source, destination):
            # B answers with selectors of its own: one UDP port of an address that nobody has.
            if sender is pair.b and len(data) > 28 and data[18] == num.IKE_AUTH and data[19] & 0x20:
                _, inner, chain = open_up(pair.b.site, data)
                bodies = [(kind, body) for kind, _, body, _ in split(inner, chain)]
                narrow = bytes([1, 0, 0, 0, 7, 17, 0, 16, 0, 9, 0, 9, 10, 9, 9, 9, 10, 9, 9, 9])
                bodies = [(kind, narrow if kind == num.TSR else body) for kind, body in bodies]
                inner, chain = raw_chain(bodies)
                data = reseal_bytes(pair.b.site, data, inner, chain)
            carry(sender, data, source, destination)

        pair.carry = narrowing
        pair.configure("", "option role respond")
        pair.run(20_000)
        tunnel, printed = read_status(pair.a.site, pair.now)
        self.assertNotEqual(tunnel["state"], "up")
        self.assertEqual(tunnel["error"]["code"], "selectors")
        self.assertIn("10.9.9.9", tunnel["error"]["message"])
        self.assertIn(tunnel["error"]["message"], printed)
        self.assertIn(tunnel["error"]["remedy"], printed)

    def test_unauthenticated_notifies_change_nothing_in_status(self):
        pair = Pair()
        pair.configure()
        self.assertTrue(pair.run(30_000, pair.up))
        before = read_status(pair.a.site, pair.now)[0]
        sa = pair.a.site.engine.table.list_all()[-1]
        for exchange in (34, 35, 36, 37):
            for flags in (0x00, 0x08, 0x20, 0x28):
                for payload in (NotifyPayload(24), NotifyPayload(7), NotifyPayload(11), DeletePayload(1, [])):
                    header = Header(sa.spi_i, sa.spi_r, exchange, flags, sa.responses.expected)
                    pair.a.site.receive(push_message(header, [payload]), sa.remote, sa.local, pair.now)
        after = read_status(pair.a.site, pair.now)[0]
        for key in ("state", "error", "refusal", "since_s"):
            self.assertEqual(after[key], before[key])
        pair.run(30_000)
        self.assertTrue(pair.up())


class FromTheConfiguration(unittest.TestCase):
    def test_weak_words_are_refused_by_name(self):
        for option, word in (
            ("ike_proposal", "des-md5-modp768"), ("ike_proposal", "3des-sha1-modp1024"),
            ("ike_proposal", "aes128-sha256-prfsha256-modp1024"), ("ike_proposal", "aes128-md5-prfmd5-modp2048"),
            ("esp_proposal", "null-sha256"), ("esp_proposal", "des-md5"), ("esp_proposal", "3des-sha1"),
            ("esp_proposal", "aes128gcm16-modp1024"),
        ):  # fmt: skip
            text = (
                "config tunnel 'branch'\n option remote '198.51.100.1'\n option psk 'correct horse battery staple'\n"
                f" list remote_subnet '192.168.20.0/24'\n list {option} '{word}'\n"
            )
            loaded = load("isthmus", lambda _path, text=text: text.encode())
            self.assertIsNone(loaded.config, word)
            said = " ".join([str(error) for error in loaded.errors])
            self.assertIn("isthmus:5", said)
            self.assertIn("too weak", said, word)
            self.assertTrue(any(part in said for part in word.split("-")), said)
