"""Figures of the benchmark: what was measured of whom, several times, and how sure the middle of it is.

A figure is one quantity ("cold start"), measured of several contenders. What could not be measured stays in it with the
reason, so that nothing is left out silently and nothing is made up.
"""

from __future__ import annotations

import math
import statistics
from typing import Any

ISTHMUS, LEGACY = "Isthmus", "strongSwan + xl2tpd + pppd"
LESS, MORE = "less", "more"  # which is better


def interval(values: list[float]) -> tuple[float, float]:
    """Between which two of the values the median of all possible ones lies, 19 times in 20; least and most where there
    are too few to say so.
    """
    ordered = sorted(values)
    count = len(ordered)
    reach = 0.98 * math.sqrt(count) + 1
    return ordered[max(math.floor(count / 2 - reach), 0)], ordered[min(math.ceil(count / 2 + reach), count) - 1]


class Sample:
    """What one contender showed. values: one each time; why: the reason where there are none; note: more to know."""

    def __init__(self, values: list[float], note: str = "", why: str = "") -> None:
        if not values and not why:
            raise ValueError("nothing was measured, and no reason is given")
        self.values = values
        self.note = note
        self.why = why

    @property
    def median(self) -> float:
        """The middle one. Raises StatisticsError where nothing was measured."""
        return statistics.median(self.values)

    def to_json(self) -> dict[str, Any]:
        """For the file."""
        if not self.values:
            return {"not measured": self.why}
        low, high = interval(self.values)
        row = {"median": self.median, "low": low, "high": high, "times": len(self.values),
               "values": [round(value, 4) for value in self.values]}
        return row | ({"note": self.note} if self.note else {})


class Target:
    """What the figure has to reach: the first contender's median at most (LESS) or at least (MORE) `factor` times the
    second's.
    """

    def __init__(self, ours: str, theirs: str, factor: float) -> None:
        self.ours = ours
        self.theirs = theirs
        self.factor = factor


class Figure:
    """One quantity. key: for programs; unit: of every value; better: LESS or MORE; told: one sentence about how."""

    def __init__(self, key: str, title: str, unit: str, better: str, told: str, target: Target | None = None) -> None:
        self.key = key
        self.title = title
        self.unit = unit
        self.better = better
        self.told = told
        self.target = target
        self.samples: dict[str, Sample] = {}

    def add(self, contender: str, values: list[float], note: str = "", why: str = "") -> None:
        """What one contender showed, or why nothing."""
        self.samples[contender] = Sample(values, note, why)

    def verdict(self) -> tuple[bool | None, str]:
        """(reached, sentence); None where there is no target or not both were measured."""
        if self.target is None:
            return None, ""
        ours, theirs = self.samples.get(self.target.ours), self.samples.get(self.target.theirs)
        least = "at most" if self.better == LESS else "at least"
        wanted = f"{least} {self.target.factor:g} times {self.target.theirs}"
        if ours is None or theirs is None or not ours.values or not theirs.values or not theirs.median:
            return None, f"target {wanted}: cannot be told"
        ratio = ours.median / theirs.median
        reached = ratio <= self.target.factor if self.better == LESS else ratio >= self.target.factor
        return reached, f"target {wanted}: {ratio:.2f}, {'reached' if reached else 'missed'}"

    def to_json(self) -> dict[str, Any]:
        """For the file."""
        reached, sentence = self.verdict()
        contenders = {name: sample.to_json() for name, sample in self.samples.items()}
        row: dict[str, Any] = {"key": self.key, "title": self.title, "unit": self.unit, "better": self.better,
                               "how": self.told, "contenders": contenders}
        return row | ({"target": sentence, "reached": reached} if sentence else {})


def from_json(row: dict[str, Any]) -> Figure:
    """A figure as the file has it; of its target only the sentence is kept, by who shows it."""
    figure = Figure(row["key"], row["title"], row["unit"], row["better"], row["how"])
    for name, item in row["contenders"].items():
        figure.add(name, item.get("values", []), item.get("note", ""), item.get("not measured", ""))
    return figure


def show(value: float) -> str:
    """A number with three digits that count, as people write it."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 3)}f}"
