"""tools/bench's own sums: medians and how sure they are, targets, the chart, the tables, what counts as lost."""

from __future__ import annotations

import json
import os
import unittest
from xml.etree import ElementTree as ET

from tests.counts import cases
from tests.lab.bench import chart, report
from tests.lab.bench.figures import ISTHMUS, LEGACY, LESS, MORE, Figure, Sample, Target, from_json, interval, show
from tests.lab.bench.loss import longest_run
from tests.lab.bench.memory import Memory, read_field

SVG = "{http://www.w3.org/2000/svg}"


def make_report() -> dict:
    cold = Figure("cold", "Cold start", "s", LESS, "both at once", Target(ISTHMUS, LEGACY, 0.5))
    cold.add(ISTHMUS, [4.0, 5.0, 6.0], "a <note> & more")
    cold.add(LEGACY, [9.0, 8.0, 10.0])
    speed = Figure("speed", "Throughput", "Mbit/s", MORE, "one connection", Target(ISTHMUS, LEGACY, 1.2))
    speed.add(ISTHMUS, [12345.6])
    speed.add(LEGACY, [], why="xl2tpd <is> missing")
    return {"date": "2026-11-22", "machine": "a machine", "quick": True, "seconds": 1, "notes": ["note 1"],
            "figures": [cold.to_json(), speed.to_json()]}


class Figures(unittest.TestCase):
    def test_few_values_are_between_least_and_most(self) -> None:
        for values in ([3.0], [1.0, 2.0], [5.0, 1.0, 3.0]):
            self.assertEqual(interval(values), (min(values), max(values)))

    def test_interval_covers_the_true_median_as_often_as_it_says(self) -> None:
        inside, total = 0, cases(400, 4000)
        for seed in range(total):
            values = [int.from_bytes(os.urandom(4), "big") / 2**32 for _ in range(20 + seed % 41)]
            low, high = interval(values)
            inside += low <= 0.5 <= high
        self.assertGreater(inside / total, 0.91)

    def test_many_values_leave_the_outliers_out(self) -> None:
        low, high = interval([1000.0, 0.001, *map(float, range(50, 100))])
        self.assertTrue(50 <= low < 74.5 < high <= 99, (low, high))

    def test_nothing_measured_needs_a_reason(self) -> None:
        with self.assertRaises(ValueError):
            Sample([])
        self.assertEqual(Sample([], why="no time").to_json(), {"not measured": "no time"})

    def test_targets(self) -> None:
        for better, factor, ours, theirs, reached in (
            (LESS, 0.5, 4.0, 8.0, True), (LESS, 0.5, 4.1, 8.0, False),
            (MORE, 0.5, 4.0, 8.0, True), (MORE, 0.5, 3.9, 8.0, False),
        ):
            figure = Figure("k", "t", "s", better, "how", Target(ISTHMUS, LEGACY, factor))
            figure.add(ISTHMUS, [ours])
            figure.add(LEGACY, [theirs])
            self.assertIs(figure.verdict()[0], reached, figure.verdict())
            self.assertIs(figure.to_json()["reached"], reached)

    def test_a_target_without_the_other_one_is_neither_reached_nor_missed(self) -> None:
        result = make_report()
        self.assertIsNone(result["figures"][1]["reached"])
        self.assertEqual(report.missed(result), ["Cold start: " + result["figures"][0]["target"]])

    def test_there_and_back_through_json(self) -> None:
        for row in json.loads(json.dumps(make_report()))["figures"]:
            again = from_json(row).to_json()
            self.assertEqual(again, {key: value for key, value in row.items() if key not in {"target", "reached"}})

    def test_numbers_as_people_write_them(self) -> None:
        for value, text in ((0, "0"), (0.0123, "0.012"), (0.5, "0.500"), (4.2, "4.20"), (37.04, "37.0"),
                            (990.4, "990"), (12345.6, "12,346")):
            self.assertEqual(show(value), text)


class Papers(unittest.TestCase):
    def setUp(self) -> None:
        self.report = make_report()

    def test_the_chart_is_xml_with_every_number_and_every_reason(self) -> None:
        root = ET.fromstring(chart.draw(self.report))
        words = " ".join("".join(item.itertext()) for item in root.iter(SVG + "text"))
        for text in ("5.00  (4.00 to 6.00)", "9.00  (8.00 to 10.0)", "12,346", "not measured: xl2tpd <is> missing",
                     "Cold start (s, less is better)", "2026-11-22: a machine", "missed"):
            self.assertIn(text, words)

    def test_bars_are_as_long_as_their_numbers(self) -> None:
        root = ET.fromstring(chart.draw(self.report))
        bars = [float(item.get("width")) for item in root.iter(SVG + "rect") if item.get("rx")]
        self.assertEqual(len(bars), 3)
        self.assertAlmostEqual(bars[0] / bars[1], 5 / 9, 2)

    def test_nothing_leaves_the_paper(self) -> None:
        root = ET.fromstring(chart.draw(self.report))
        width, height = float(root.get("width")), float(root.get("height"))
        for item in root.iter(SVG + "rect"):
            self.assertLessEqual(float(item.get("x", 0)) + float(item.get("width")), width)
        for item in root.iter(SVG + "text"):
            self.assertLess(float(item.get("y")), height)

    def test_both_colour_schemes_have_every_class(self) -> None:
        light, dark = chart.STYLE.split("@media")
        for name in chart.COLOURS:
            self.assertIn(f".{name} ", light)
            self.assertIn(f".{name} ", dark)

    def test_table(self) -> None:
        text = report.table(self.report)
        for words in ("5.00   4.00 to 6.00   (3 times)", "not measured: xl2tpd <is> missing", "missed", "note 1"):
            self.assertIn(words, text)

    def test_short_table_for_the_readme(self) -> None:
        lines = report.short_table(self.report, ("speed", "cold", "no such key")).splitlines()
        self.assertEqual(lines[0], f"| | {ISTHMUS} | {LEGACY} |")
        rows = ["| Throughput, Mbit/s | 12,346 | not measured |", "| Cold start, s | 5.00 | 9.00 |"]
        self.assertEqual(lines[2:], rows)


class Counting(unittest.TestCase):
    def test_longest_run(self) -> None:
        for numbers, longest in (([], 0), ([7], 1), ([1, 2, 3, 7, 8], 3), ([1, 3, 5], 1), ([4, 9, 10, 11, 12], 4)):
            self.assertEqual(longest_run(numbers), longest)

    def test_memory_of_this_process(self) -> None:
        memory = Memory({os.getpid(): "test"})
        self.assertTrue(5 < memory.pss <= memory.rss < 5000, memory.describe())
        self.assertEqual(memory.describe(), f"test {memory.rss:.1f}")

    def test_a_field_that_is_not_there(self) -> None:
        with self.assertRaises(ValueError):
            read_field("Rss", "Pss: 12 kB\n")
        self.assertEqual(read_field("Rss", "Pss: 12 kB\nRss:   2048 kB\n"), 2.0)
