"""Writes the page of peer x role x feature from the results of a run.

    tools/lab -- .venv/bin/python tests/lab/run.py interop && .venv/bin/python -m tests.lab.interop.table
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.lab.interop import cells

ROOT = Path(__file__).resolve().parents[3]
PAGE = Path(__file__).with_name("TABLE.md")
RESULTS = ROOT / ".cache" / "lab" / "results" / "interop.json"
HEAD = """\
# Isthmus and other people's programs

Made by `tests/lab/interop/table.py` from a run of the lab's story `interop`: do not edit. "I" is Isthmus as the
initiator of the connection, "R" as its responder. "yes": the test of that cell passed, in this run and in every run of
continuous integration since. A number: it does not run, for the reason below. "yes" and a number: what it means here.
"""
YES = "yes"


def write_page(results: dict[str, dict[str, str]]) -> str:
    """The page. ValueError where a cell has neither passed nor a reason."""
    columns = [(peer, role) for peer in cells.PEERS for role in cells.ROLES]
    heads = [f"{cells.PEER_NAMES[peer]} {role[0].upper()}" for peer, role in columns]
    lines = [HEAD, "| | " + " | ".join(heads) + " |", "|---|" + "---|" * len(columns)]
    reasons: list[str] = []
    for feature, title in cells.FEATURES.items():
        row = [show(peer, role, feature, results, reasons) for peer, role in columns]
        lines.append(f"| {title} | " + " | ".join(row) + " |")
    lines.append("")
    lines += [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    return "\n".join(lines).rstrip() + "\n"


def show(peer: str, role: str, feature: str, results: dict[str, dict[str, str]], reasons: list[str]) -> str:
    """One cell; a reason that is new gets the next number."""
    reason = cells.find_reason(peer, role, feature)
    if reason is not None:
        return number(reason, reasons)
    name = cells.name_test(peer, role, feature)
    result = results.get(name, {}).get("result", "missing")
    if result != "passed":
        raise ValueError(f"{name}: {result} {results.get(name, {}).get('why', '')}")
    note = cells.find(cells.NOTES, peer, role, feature)
    return YES if note is None else f"{YES} {number(note, reasons)}"


def number(text: str, texts: list[str]) -> str:
    """Where it stands in the list below the table."""
    if text not in texts:
        texts.append(text)
    return str(texts.index(text) + 1)


def main() -> int:
    """Read the results, write the page."""
    try:
        PAGE.write_text(write_page(json.loads(RESULTS.read_text())))
    except (OSError, ValueError) as error:
        print(f"table: {error}; run the story first, and mend what fails", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
