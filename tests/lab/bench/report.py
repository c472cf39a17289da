"""The report: a dictionary that goes to JSON, the table on the terminal, and the short table that the README shows.

    {"date", "machine", "seconds", "quick", "notes": [text], "figures": [Figure.to_json()]}
"""

from __future__ import annotations

from typing import Any

from tests.lab.bench.figures import show

NAME_WIDTH = 30


def table(report: dict[str, Any]) -> str:
    """For the terminal: every figure, every contender, the interval of the median, the target."""
    lines = [f"{report['date']}: {report['machine']}"]
    for row in report["figures"]:
        lines += ["", f"{row['title']} ({row['unit']}, {row['better']} is better)", f"  {row['how']}"]
        for name, item in row["contenders"].items():
            lines.append(f"    {name:<{NAME_WIDTH}} {describe(item)}")
        if row.get("target"):
            lines.append(f"    {row['target']}")
    return "\n".join([*lines, "", *report["notes"]])


def describe(item: dict[str, Any]) -> str:
    """One contender's result in a line."""
    if "median" not in item:
        return "not measured: " + str(item["not measured"])
    text = f"{show(item['median']):>9}"
    if item["high"] > item["low"]:
        text += f"   {show(item['low'])} to {show(item['high'])}"
    text += f"   ({item['times']} times)" if item["times"] > 1 else ""
    return text + (f"   {item['note']}" if item.get("note") else "")


def short_table(report: dict[str, Any], keys: tuple[str, ...]) -> str:
    """Markdown: these figures, a row each, a column for each contender that one of them has."""
    rows = [row for key in keys for row in report["figures"] if row["key"] == key]
    names = list(dict.fromkeys(name for row in rows for name in row["contenders"]))
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for row in rows:
        cells = []
        for name in names:
            item = row["contenders"].get(name)
            cells.append("" if item is None else show(item["median"]) if "median" in item else "not measured")
        lines.append(f"| {row['title']}, {row['unit']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def missed(report: dict[str, Any]) -> list[str]:
    """The targets that were not reached."""
    return [f"{row['title']}: {row['target']}" for row in report["figures"] if row.get("reached") is False]
