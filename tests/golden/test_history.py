"""`isthmus history`: the chart of an answer, one file a case.

tests/golden/history/NAME.txt is what chart() makes. Regenerate with ISTHMUS_GOLDEN=write, and read the difference.
"""

from __future__ import annotations

import os
import unittest
from pathlib import Path

from isthmus.cli_history import chart, rate

FOLDER = Path(__file__).parent / "history"


def answer(span: str, inward: list, outward: list, probes: list, lost: list) -> dict:
    step = {"15min": 10, "day": 300}[span]
    return {
        "tunnel": "branch", "span": span, "step_s": step, "newest_ms": 500 * step, "in": inward, "out": outward,
        "probes": probes, "lost": lost,
    }  # fmt: skip


def day() -> dict:
    """A night, a working day, a line that was bad and then away, and an evening."""
    load = [None] * 12 + [2000] * 84 + [10_000 * (index % 60) for index in range(144)] + [None] * 30 + [125_000] * 18
    probes = [0] * 12 + [150] * 228 + [0] * 30 + [150] * 18
    lost = [0] * 200 + [1] + [0] * 19 + [60] * 12 + [150] * 8 + [0] * 48
    return answer("day", load, [None if rate is None else rate // 10 for rate in load], probes, lost)


CASES = {
    "day": day(),
    "started": answer("15min", [None] * 86 + [0, 20, 3_000_000_000, 7], [None] * 86 + [0] * 4, [0] * 87 + [5, 5, 2],
                      [0] * 87 + [0, 0, 1]),
    "nothing": answer("15min", [None] * 90, [None] * 90, [0] * 90, [0] * 90),
}  # fmt: skip


class Charts(unittest.TestCase):
    def test_they_are_as_recorded(self) -> None:
        for name, case in CASES.items():
            path = FOLDER / (name + ".txt")
            text = "\n".join(chart(case)) + "\n"
            if os.environ.get("ISTHMUS_GOLDEN") == "write":
                path.write_text(text, encoding="ascii")
            with self.subTest(name):
                self.assertEqual(text, path.read_text(encoding="ascii"))
                self.assertLess(max(len(line) for line in text.split("\n")), 80)
        self.assertEqual(sorted(CASES), sorted([path.stem for path in FOLDER.iterdir()]))

    def test_rates(self) -> None:
        for size, words in ((0, "0 bit/s"), (124, "992 bit/s"), (125, "1.0 kbit/s"), (12_500, "100 kbit/s"),
                            (10**15, "8000 Tbit/s")):  # fmt: skip
            self.assertEqual(rate(size), words)


if __name__ == "__main__":
    unittest.main()
