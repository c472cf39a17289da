"""The suites of tests/, as jobs. A new folder of plain unittest modules is one row of PLAIN."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.runner.interpreters import INTERPRETERS, MissingInterpreter
from tests.runner.jobs import Failure, Job

ROOT = Path(__file__).resolve().parents[2]

PLAIN = ("repo", "golden", "props", "fuzz", "edge", "web")
"""Suites of unittest modules that only CPython runs."""

NAMES = ("core", *PLAIN, "static", "lab", "browser")
"""Every suite that `tools/test` knows, in the order in which they start."""

IN_LAB = ("lab", "browser")
"""Those that start a virtual machine: one after the other, beside all others, and they give way to nothing."""

LIMIT = 600.0
"""Seconds that one process of tests may take, behind the lab on two cores; in a full run FULL_FACTOR times as many."""

FULL_FACTOR = 6
LAB_LIMIT = 2700.0
BROWSER_LIMIT = 1200.0


def modules(suite: str) -> list[str]:
    """Dotted names of a suite's test modules: every test_*.py under its folder."""
    folder = ROOT / "tests" / suite
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in sorted(folder.rglob("test_*.py"))]


def _unittest_jobs(suite: str, interpreter: str, full: bool) -> list[Job | Failure]:
    label = f"{suite} {interpreter}" if suite == "core" else suite
    jobs: list[Job | Failure] = []
    for module in modules(suite):
        if interpreter == "cpython-shims" and not module.startswith("tests.core.shims."):
            continue
        try:
            argv = INTERPRETERS[interpreter](module, full)
        except MissingInterpreter as missing:
            jobs.append(Failure(label, module, str(missing)))
            continue
        jobs.append(Job(label, module, argv, LIMIT * (FULL_FACTOR if full else 1)))
    return jobs


def _scripts() -> list[str]:
    """The tools written in Python: files of tools/ that say so in their first line or name."""
    found = []
    for path in sorted((ROOT / "tools").rglob("*")):
        if path.suffix == ".py":
            found.append(path)
        elif path.is_file() and not path.suffix:
            with path.open("rb") as file:
                if b"python" in file.readline():
                    found.append(path)
    return [str(path.relative_to(ROOT)) for path in found]


def _static_jobs() -> list[Job | Failure]:
    scripts = _scripts()
    ruff = [sys.executable, "-m", "ruff", "check", "--no-fix", "--quiet", "--output-format=concise", "."]
    ruff += [name for name in scripts if not name.endswith(".py")]
    mypy = [sys.executable, "-m", "mypy", "--no-error-summary", *_typed(), *scripts]
    checks = (("ruff check", ruff), ("mypy --strict", mypy))
    return [Job("static", name, argv, LIMIT * 2, lines=False) for name, argv in checks]


def _typed() -> list[str]:
    """The folders that mypy --strict checks, as far as they exist: pyproject.toml names the same."""
    wanted = ("firmware/isthmus", "web/isthmus_web", "tests/runner", "tests/counts.py")
    return [name for name in wanted if (ROOT / name).exists()]


def _lab_jobs(full: bool, filters: list[str]) -> list[Job | Failure]:
    script = ROOT / "tests" / "lab" / "run.py"
    if not script.is_file():
        return []
    lab = ROOT / "tools" / "lab"
    if not lab.is_file():
        return [Failure("lab", "tools/lab", "tests/lab/run.py is there, tools/lab is not")]
    argv = [str(lab), "--", sys.executable, str(script), *(["--full"] if full else []), *filters]
    return [Job("lab", "tests/lab/run.py", argv, LAB_LIMIT * (FULL_FACTOR if full else 1), live=True)]


def _browser_jobs() -> list[Job | Failure]:
    command = INTERPRETERS["cpython"]
    return [Job("browser", name, command(name, False), BROWSER_LIMIT, live=True) for name in modules("browser")]


def jobs_of(suite: str, full: bool, filters: list[str]) -> list[Job | Failure]:
    """The jobs of one suite; none if it has no test yet. `filters`: only modules whose name contains one of them."""
    if suite == "lab":
        return _lab_jobs(full, filters)
    if suite == "static":
        found = _static_jobs()
    elif suite == "core":
        found = [job for name in INTERPRETERS for job in _unittest_jobs(suite, name, full)]
    elif suite == "browser":
        found = _browser_jobs()
    else:
        found = _unittest_jobs(suite, "cpython", full)
    return [job for job in found if not filters or any(word in job.name for word in filters)]
