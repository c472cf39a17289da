"""What every attack test asserts: nothing has moved, nothing is reflected, and honest peers go on."""

from __future__ import annotations

import unittest

from tests.core.attacks.scenes import answers, goes_on, good_peer_gets_in


class AttackTest(unittest.TestCase):
    def assert_unmoved(self, scene, datagrams, why="", source=None):
        """An outsider's datagrams: nothing changes, no more is sent than was received, and the story goes on."""
        before = scene.picture()
        for data in datagrams:
            sent = sum([len(answer.data) for answer in scene.hit(data, source)])
            self.assertEqual(scene.picture(), before, (scene.name, why, data.hex()))
            self.assertTrue(sent <= len(data), (scene.name, why, "%d bytes out of %d" % (sent, len(data))))
        self.assertTrue(goes_on(scene), (scene.name, why))

    def assert_survived(self, scene, datagram, why=""):
        """An insider's datagram: whatever he loses by it, nothing is raised and a fresh handshake works."""
        scene.pair.flight.extend(scene.hit(datagram))
        scene.pair.transfer()
        self.assertTrue(good_peer_gets_in(scene.pair), (scene.name, why, datagram.hex()))
        self.assertTrue(answers(scene.pair), (scene.name, why))
