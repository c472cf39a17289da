"""A configuration that was restored on a second device is noticed by the peer of both; one that moves is not blamed."""

from __future__ import annotations

import unittest

from isthmus.road import TURNS_MS, Callers
from isthmus.wire.addr import format_ip, parse_ip
from tests.core.paired_sites import PATH, SECRETS, Router, Sites

C = parse_ip("203.0.113.1")
PLACES = [(bytes([192, 0, 2, number]), None) for number in range(9)]
MINUTE = 60_000


class Turns(unittest.TestCase):
    def told(self, *steps):
        """Whether it is told in the end; steps: places, or times to pass."""
        callers = Callers()
        now = 0
        for step in steps:
            if isinstance(step, int):
                now += step
            else:
                callers.met(step, now)
        return callers.trouble(now) is not None

    def test_two_that_take_turns(self):
        one, two, three = PLACES[:3]
        self.assertTrue(self.told(one, two, one, two))
        self.assertTrue(self.told(three, three, one, one, two, two, one, two, two))
        same, other = (one[0], (4500, 1024)), (one[0], (4500, 1025))
        self.assertTrue(self.told(same, other, same, other), "behind one translator")

    def test_one_that_moves(self):
        one, two, three = PLACES[:3]
        self.assertFalse(self.told(*PLACES))
        self.assertFalse(self.told(one, two, one))
        self.assertFalse(self.told(one, two, one, three))
        self.assertFalse(self.told(one, one, one, one, two, two, two, two))
        self.assertFalse(self.told(one, two, one, TURNS_MS, two))
        self.assertFalse(self.told(one, two, one, two, TURNS_MS))


class Three(Sites):
    """With a third router, c; datagrams find their way by address."""

    def add(self):
        """A second device with the backup of b's configuration."""
        self.c = Router(self, "c", C, self.b.lan)
        for path in self.b.disk.names:
            self.c.disk.put(path, self.b.disk.get(path))

    def carry(self, sender, data, source, destination):
        self.sent += 1
        for receiver in (self.a, self.b, getattr(self, "c", None)):
            if receiver is not None and destination[0] == receiver.wan:
                self.later(5, receiver, lambda now, h=receiver: h.site.receive(data, source, destination, now))

    def carry_probe(self, sender, message, address, ifname):
        """Frames go where the SAs go: only the device whose SAs the other side has gets an answer."""
        leaving = sender.newest_outbound()
        for receiver in (self.a, self.b, getattr(self, "c", None)):
            if leaving is not None and receiver is not None and receiver.wan == leaving.destination:
                back = receiver.newest_outbound()
                known = receiver.kept("sa", (receiver.wan, leaving.spi)) is not None
                if known and back is not None and back.destination == sender.wan:
                    reply = bytes([129]) + message[1:]
                    self.later(10, sender, lambda now, reply=reply: sender.site.echo(reply, address, ifname, now))

    def run(self, milliseconds, until=None):
        """As in pair.py, and c's timers beside."""
        end = self.now + milliseconds
        while self.now < end:
            if until is not None and until():
                return True
            c = getattr(self, "c", None)
            if c is not None:
                kinds = c.kernel.read_events()
                if kinds:
                    c.site.kernel_changed(kinds, self.now)
                if c.site.get_timer() <= self.now:
                    c.site.handle_timer(self.now)
            super().run(min(20, end - self.now))
        return until is not None and until()


class Restored(unittest.TestCase):
    def test_a_backup_on_a_second_device(self):
        sites = Three()
        here, there = sites.pair_sites()
        self.assertTrue(PATH in sites.b.disk.names and SECRETS + "/" + there in sites.b.disk.names)
        tunnel = sites.a.site.tunnels[here]
        sites.add()
        sites.c.start()
        found = sites.run(20 * MINUTE, lambda: tunnel.road.callers.trouble(sites.now) is not None)
        self.assertTrue(found, sites.a.log.lines[-10:])
        sites.run(5 * MINUTE)
        said = [line for line in sites.a.log.lines if "two devices" in line]
        self.assertEqual(len(said), 1, said)
        self.assertTrue(format_ip(C) in said[0] and "take it off the net" in said[0])

    def test_a_peer_that_moves_to_and_fro(self):
        sites = Sites()
        here, there = sites.pair_sites()
        before = sites.b.wan
        for wan in (C, before, C, before, C):
            sites.b.move(wan)
            sites.run(30_000)
            self.assertEqual(sites.state(sites.b, there), "up")
        self.assertEqual([line for line in sites.a.log.lines if "two devices" in line], [])
        self.assertTrue(sites.a.site.tunnels[here].road.callers.trouble(sites.now) is None)


if __name__ == "__main__":
    unittest.main()
