"""What a tunnel carried during the last day: buckets, holes, and counters that begin anew."""

from __future__ import annotations

import unittest

from isthmus.history import PATIENCE_MS, History, Ring, SpanError, Track, report
from tests.core.pair import PairTest

DAY, QUARTER = 288, 90
START = 7_777_770_000  # a clock may have run for months


def known(numbers: list) -> list:
    """(distance from the newest, number) of those that are known."""
    return [(len(numbers) - 1 - index, numbers[index]) for index in range(len(numbers)) if numbers[index] is not None]


class RingTest(unittest.TestCase):
    def test_bytes_are_shared_out_by_time(self) -> None:
        ring = Ring(1000, 4)
        ring.add(2900, 4100, 1200, 12)  # 0.1 s, 1 s, 0.1 s: 1000 bytes a second
        found = ring.columns(4100)
        self.assertEqual(found["in"], [None, 1000, 1000, 1000])
        self.assertEqual(found["out"], [None, 10, 10, 10])
        self.assertEqual(ring.columns(9000)["in"], [None] * 4)

    def test_no_byte_is_lost_and_none_is_made(self) -> None:
        ring = Ring(100, 50)
        total = 0
        for index in range(40):
            ring.add(1000 + 77 * index, 1000 + 77 * (index + 1), 7 * index + 1, 0)
            total += 7 * index + 1
        self.assertEqual(sum(ring._bytes_in), total)
        self.assertEqual(sum(ring._measured), 40 * 77)

    def test_what_is_older_than_the_ring_is_forgotten(self) -> None:
        ring = Ring(1000, 3)
        ring.add(0, 1000, 5, 6)
        ring.add_probes(500, 3, 1)
        self.assertEqual(ring.columns(2999)["in"], [5, None, None])
        self.assertEqual(ring.columns(2999)["lost"], [1, 0, 0])
        self.assertEqual(ring.columns(3000)["in"], [None, None, None])
        ring.add(3000, 3500, 50, 0)  # in the same place
        self.assertEqual(ring.columns(3500)["in"], [None, None, 100])
        self.assertEqual(ring.columns(3500)["probes"], [0, 0, 0])
        ring.add(10**9, 10**9 + 1, 1, 1)  # after a long sleep
        self.assertEqual(known(ring.columns(10**9 + 1)["in"]), [(0, 1000)])

    def test_numbers_of_a_fast_line(self) -> None:
        ring = Ring(300_000, 2)
        ring.add(0, 300_000, 400 << 33, 1)  # more than 32 bits hold
        self.assertEqual(ring.columns(299_999)["in"][1], 1000 * (400 << 33) // 300_000)


class TrackTest(unittest.TestCase):
    def setUp(self) -> None:
        self.track = Track()

    def look(self, at: int, size: int, answered: int = 0, lost: int = 0, session: int = 1) -> None:
        self.track.look((session, size, 2 * size, answered, lost), START + at)

    def rates(self, at: int) -> list:
        return known(self.track.rings[0].columns(START + at)["in"])

    def test_the_first_look_says_only_where_it_begins(self) -> None:
        self.look(0, 10**9)
        self.assertEqual(self.rates(0), [])
        self.look(2000, 10**9 + 4000)
        self.assertEqual(self.rates(2000), [(0, 2000)])
        self.assertEqual(known(self.track.rings[1].columns(START + 2000)["out"]), [(0, 4000)])

    def test_silence_is_nought_and_absence_a_hole(self) -> None:
        for at in range(0, 30_000, 2000):
            self.look(at, 7)
        self.track.look(None, START + 30_000)
        for at in range(50_000, 60_001, 2000):
            self.look(at, 7)
        self.assertEqual(self.rates(60_000), [(6, 0), (5, 0), (4, 0), (1, 0)])

    def test_a_sleep_is_a_hole(self) -> None:
        self.look(0, 0)
        self.look(2000, 2000)
        self.look(2000 + PATIENCE_MS + 1, 10**6)
        self.look(4000 + PATIENCE_MS + 1, 10**6 + 2000)
        self.assertEqual(self.rates(15_000), [(1, 1000), (0, 1000)])

    def test_a_counter_that_goes_back_is_a_hole(self) -> None:
        self.look(0, 10**6)
        self.look(2000, 5)  # the session was made anew, under the same id
        self.assertEqual(self.rates(2000), [])
        self.look(4000, 2005)
        self.assertEqual(self.rates(4000), [(0, 1000)])
        self.look(6000, 10**7, session=2)  # and under another
        self.assertEqual(self.rates(6000), [(0, 1000)])

    def test_two_looks_at_one_moment(self) -> None:
        self.look(0, 0)
        self.look(1000, 1000)
        self.look(1000, 1500)
        self.look(2000, 2000)
        self.assertEqual(self.rates(2000), [(0, 1000)])

    def test_probes(self) -> None:
        self.look(0, 0, 100, 50)
        self.look(2000, 0, 101, 50)
        self.look(4000, 0, 101, 52)
        columns = self.track.rings[1].columns(START + 4000)
        self.assertEqual((columns["probes"][-1], columns["lost"][-1], sum(columns["probes"])), (3, 2, 3))
        self.look(6000, 0, 1, 0)  # another tunnel of that name
        self.assertEqual(sum(self.track.rings[1].columns(START + 6000)["probes"]), 3)


class TunnelTest(PairTest):
    def kernel_session(self) -> object:
        return self.a.kernel.kept("session", self.a.kernel.dump("session")[0].key())

    def told(self, span: str = "15min") -> dict:
        return report(self.a.site.observer.history, "branch", span, self.pair.now)

    def test_a_tunnel_is_recorded_from_its_way_up_to_its_end(self) -> None:
        self.assertEqual(self.told("day")["in"], [None] * DAY)
        self.bring_up()
        for _ in range(24):
            self.kernel_session().rx_bytes += 5000
            self.pair.run(1000)
        found = self.told()
        self.assertEqual((found["step_s"], found["newest_ms"]), (10, self.pair.now % 10_000))
        self.assertEqual([len(found[key]) for key in ("in", "out", "probes", "lost")], [QUARTER] * 4)
        self.assertTrue(4000 <= found["in"][-2] <= 6000, found["in"])
        self.assertEqual((found["out"][-2], found["probes"][-2], sum(found["lost"])), (0, 5, 0))
        self.b.kill()
        self.b.boot()  # nobody answers
        self.pair.run(8_000)
        self.assertTrue(sum(self.told()["lost"]) >= 2)
        self.a.tunnel.pause(self.pair.now)
        self.a.site.obey(self.pair.now)
        self.pair.run(20_000)
        self.assertEqual((self.told()["in"][-1], self.told()["probes"][-1]), (None, 0))
        self.assertTrue(self.told("day")["in"][-1] is not None)
        with self.assertRaises(SpanError) as caught:
            self.told("week")
        self.assertTrue("15min, day" in caught.exception.remedy)
        history: History = self.a.site.observer.history
        self.assertEqual(list(history.tracks), ["branch"])
        history.record([], self.pair.now)
        self.assertEqual(list(history.tracks), [])


if __name__ == "__main__":
    unittest.main()
