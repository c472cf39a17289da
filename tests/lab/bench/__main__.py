"""What tools/bench runs. Outside the lab: enters it, adds what only the host can measure, writes JSON, chart and table.

    python -m tests.lab.bench [--quick] [--only WORD]...        parts: cold speed loss handshakes native
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab.bench import chart, cold, handshakes, loss, report, speed
from tests.lab.site import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.bench.figures import Figure

BUILD = ROOT / "build" / "bench"
LAB_PARTS, HOST_PARTS = ("cold", "speed", "handshakes", "loss"), ("native",)
IN_LAB, ON_HOST = "in the lab", "on the host"
README_KEYS = ("cold", "rss", "speed", "rekey-lost", "death-lost", "move-gap", f"core-100-{ON_HOST}")


def run_part(name: str, quick: bool, bare: bool) -> list[Figure]:
    """One part's figures."""
    parts: dict[str, Callable[[], list[Figure]]] = {
        "cold": lambda: cold.run(*((2, [cold.SHIM, cold.OLD_1]) if quick else (5, list(cold.CONTENDERS))), say),
        "speed": lambda: speed.run(12 if quick else 60, say),
        "loss": lambda: loss.run(*((loss.list_events(5, 40.0), 1) if quick else (loss.list_events(20, 120.0), 3)), say),
        "handshakes": lambda: handshakes.run(IN_LAB, False, [1, 20] if quick else [1, 100, 500], 3, say),
        "native": lambda: handshakes.run(ON_HOST, bare, [1, 100] if quick else [1, 100, 500], 5, say),
    }
    return parts[name]()


def say(text: str) -> None:
    """A line of progress."""
    print("  " + text, flush=True)


def run_inside(parts: list[str], quick: bool, bare: bool, path: Path) -> int:
    """In the lab, or in namespaces of the host: measure, and write the figures where the outer process reads them."""
    figures: list[dict[str, Any]] = []
    for name in parts:
        say(f"--- {name}")
        figures += [figure.to_json() for figure in run_part(name, quick, bare)]
        path.write_text(json.dumps(figures))
    return 0


def enter(parts: list[str], quick: bool, mode: str, folder: Path) -> list[dict[str, Any]]:
    """Run these parts in the lab; mode: "native" for namespaces of this kernel, "" for what tools/setup found."""
    if not parts:
        return []
    path = folder / f"{mode or 'lab'}.json"
    path.unlink(missing_ok=True)
    words = [word for part in parts for word in ("--only", part)] + (["--quick"] if quick else [])
    if mode and not has_esp():
        words.append("--bare")
    environment = dict(os.environ, PYTHONPATH=f"{ROOT / 'firmware'}:{ROOT}")
    if mode:
        environment["ISTHMUS_LAB_MODE"] = mode
    command = [str(ROOT / "tools" / "lab"), "--", sys.executable, "-m", "tests.lab.bench", "--inside", str(path)]
    done = subprocess.run([*command, *words], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        say(f"the lab ended with {done.returncode}; parts that were not done: see above")
    found: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    return found


def has_esp() -> bool:
    """Whether the host's kernel can do ESP at all."""
    kept = Path("/var/cache/isthmus/lab.json")
    return bool(kept.exists() and json.loads(kept.read_text()).get("native"))


def describe_machine() -> str:
    """Where these figures come from."""
    model = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    kept = Path("/var/cache/isthmus/lab.json")
    lab = json.loads(kept.read_text()) if kept.exists() else {}
    where = "the host's own kernel" if lab.get("native") else f"QEMU ({lab.get('accelerator', 'unknown')})"
    return f"{os.cpu_count()} processors {model}; lab: {where}; load before: {os.getloadavg()[0]:.1f}"


def run_outside(parts: list[str], quick: bool, folder: Path) -> int:
    """Everything; 0 where something was measured."""
    folder.mkdir(parents=True, exist_ok=True)
    begin = time.time()
    result: dict[str, Any] = {"date": time.strftime("%Y-%m-%d", time.gmtime(begin)), "machine": describe_machine(),
                              "quick": quick}
    figures = enter([name for name in LAB_PARTS if name in parts], quick, "", folder)
    figures += enter([name for name in HOST_PARTS if name in parts], quick, "native", folder)
    result |= {"figures": figures, "seconds": round(time.time() - begin), "notes": []}
    result["notes"] = ["MISSED: " + line for line in report.missed(result)]
    (folder / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    (folder / "bench.svg").write_text(chart.draw(result))
    (folder / "bench.md").write_text(report.short_table(result, README_KEYS) + "\n")
    print("\n" + report.table(result))
    print(f"\n{result['seconds']} s; written: {folder}/bench.json, bench.svg, bench.md")
    return 0 if figures else 1


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(prog="tools/bench", description="Isthmus beside strongSwan + xl2tpd + pppd, "
                                     "WireGuard and the kernel configured by hand: one kernel, one topology.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a few minutes")
    parser.add_argument("--only", action="append", choices=LAB_PARTS + HOST_PARTS,
                        help="this part; several are possible")
    parser.add_argument("--to", type=Path, default=BUILD, metavar="FOLDER",
                        help="where the results go (default: build/bench); it must lie in the checkout")
    parser.add_argument("--inside", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    parts = arguments.only or [*LAB_PARTS, *HOST_PARTS]
    if arguments.inside:
        return run_inside(parts, arguments.quick, arguments.bare, Path(arguments.inside))
    return run_outside(parts, arguments.quick, arguments.to.resolve())


if __name__ == "__main__":
    sys.exit(main())
