"""Where a peer may be: one endpoint, several in order, or anywhere; and how it is spoken to."""

from __future__ import annotations

import unittest

from isthmus.config.model import Loaded, TunnelConfig, load

BASE = "config tunnel 'branch'\n option psk 'geheim-geheim-geheim'\n list remote_subnet '10.0.0.0/8'\n"
IDS = " option local_id 'hub'\n option remote_id 'branch'\n"

# further lines, code, option, parts of what is said
REFUSED = (
    (" list remote '%any'\n list remote 'b.example'\n" + IDS, "anywhere", "remote", ("beside other", "alone")),
    (" option remote '%any'\n option local_id a\n", "anywhere", "remote_id", ("identity alone", "option remote_id")),
    (" option remote '%any'\n option remote_id a\n", "anywhere", "local_id", ("identity alone", "option local_id")),
    (" option remote '%any'\n option role initiate\n" + IDS, "anywhere", "role", ("to call", "leave role out")),
    (" option remote '192.0.2.1 10.1.2.3'\n", "peer-inside", "remote_subnet", ("10.1.2.3", "go into the tunnel")),
    (" option remote 192.0.2.1\n option fragment_size 500\n", "out-of-range", "fragment_size", ("too few", "576 to")),
    (" option remote 192.0.2.1\n option encap maybe\n", "wrong-type", "encap", ("'maybe'", "auto, force")),
    (' option remote "192.0.2.1 2001:db8::1"\n option local 192.0.2.9\n', "address-family", "local", ("IPv6",)),
)


def read(text: str) -> Loaded:
    return load("test", lambda path: (BASE + text).encode())


class RemoteTest(unittest.TestCase):
    def tunnel(self, text: str) -> TunnelConfig:
        loaded = read(text)
        self.assertEqual([str(error) for error in loaded.errors], [])
        return loaded.config.tunnels[0]

    def test_what_does_not_fit_is_refused_in_words(self) -> None:
        for text, code, option, parts in REFUSED:
            loaded = read(text)
            self.assertEqual(loaded.config, None, text)
            errors = [error for error in loaded.errors if (error.code, error.option) == (code, option)]
            self.assertEqual(len(errors), 1, (text, [str(error) for error in loaded.errors]))
            for part in parts:
                self.assertTrue(part in str(errors[0]), (part, str(errors[0])))

    def test_several_endpoints_keep_their_order(self) -> None:
        for text in (" list remote b.example\n list remote 192.0.2.1\n", " option remote 'b.example 192.0.2.1'\n"):
            only = self.tunnel(text)
            self.assertEqual((only.remotes, only.remote), (["b.example", "192.0.2.1"], "b.example, 192.0.2.1"))
            self.assertTrue(only.initiates and only.responds)

    def test_a_peer_anywhere_calls_and_is_not_called(self) -> None:
        only = self.tunnel(" option remote '%any'\n" + IDS)
        self.assertEqual((only.remotes, only.remote, only.initiates, only.responds), ([], "%any", False, True))

    def test_roles(self) -> None:
        for role, initiates, responds in (("both", True, True), ("respond", False, True), ("initiate", True, False)):
            only = self.tunnel(" option remote 192.0.2.1\n option role %s\n" % role)
            self.assertEqual((only.initiates, only.responds), (initiates, responds), role)

    def test_how_it_is_spoken_to(self) -> None:
        only = self.tunnel(" option remote 192.0.2.1\n")
        self.assertEqual((only.force_encap, only.mobike, only.fragment), (False, True, 1280))
        more = " option remote 192.0.2.1\n option encap force\n option mobike 0\n option fragment_size 0\n"
        only = self.tunnel(more)
        self.assertEqual((only.force_encap, only.mobike, only.fragment), (True, False, 0))

    def test_two_tunnels_to_anywhere_are_told_apart_by_identity(self) -> None:
        second = "config tunnel 'b'\n option psk 'geheim-geheim-geheim'\n list remote_subnet '192.168.0.0/24'\n"
        second += " option remote '%any'\n option local_id 'hub'\n option remote_id '{}'\n"
        self.assertEqual(read(" option remote '%any'\n" + IDS + second.format("other")).errors, [])
        self.assertEqual(
            [error.code for error in read(" option remote '%any'\n" + IDS + second.format("branch")).errors],
            ["duplicate-peer"],
        )
