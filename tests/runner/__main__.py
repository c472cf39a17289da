"""The program behind tools/test: chooses the suites, runs them, and closes with one line that counts."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time

from tests.runner.jobs import Failure, Job, run, stop_all
from tests.runner.report import Printer, in_ci, summary
from tests.runner.suites import IN_LAB, NAMES, jobs_of

SLOW = 10.0
"""Seconds from which a test is named among the slow ones."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tools/test",
        description="Run the tests. Without a suite: all of them, the lab at the same time as the others.",
    )
    suites = "any of: host (all that needs no lab), " + ", ".join(NAMES)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=suites)
    parser.add_argument("--full", action="store_true", help="every case: all seeds, all mutations (long)")
    parser.add_argument("-k", action="append", default=[], metavar="WORD", help="only modules whose name contains WORD")
    parser.add_argument("-j", type=int, default=os.cpu_count() or 1, metavar="N", help="processes at a time")
    arguments = parser.parse_args()
    for name in arguments.suites:
        if name not in ("host", *NAMES):
            parser.error(f"no suite {name!r}; there are: host, {', '.join(NAMES)}")
    # A suite asked for by name must have tests; in a run of all, one without any yet is passed over.
    arguments.named = [name for name in arguments.suites if name != "host"]
    wanted = arguments.suites or NAMES
    arguments.suites = [name for name in NAMES if name in wanted or ("host" in wanted and name not in IN_LAB)]
    return arguments


def main() -> int:
    """Run what the command line asks for. Returns the exit status: 0 if nothing failed and something passed."""
    arguments = _arguments()
    printer = Printer(in_ci())
    start = time.monotonic()
    host: list[Job | Failure] = []
    lab: list[Job | Failure] = []
    for suite in arguments.suites:
        jobs = jobs_of(suite, arguments.full, arguments.k)
        if not jobs and suite in arguments.named:
            jobs = [Failure(suite, f"tests/{suite}", "no test module found")]
        (lab if suite in IN_LAB else host).extend(jobs)
    printer.say(f"{len(host)} processes on the host, {arguments.j} at a time; lab: {'yes' if lab else 'no'}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        boot = threading.Thread(target=run, args=(lab, 1, printer, arguments.full), daemon=True)
        boot.start()
        run(host, arguments.j, printer, arguments.full, behind=bool(lab))
        boot.join()
    except KeyboardInterrupt:
        stop_all()
        printer.say("interrupted")
        return 130
    printer.say("")
    for slow in sorted(printer.results, key=lambda result: -result.seconds)[:10]:
        if slow.seconds >= SLOW:
            printer.say(f"{slow.seconds:6.0f} s  {slow.label}: {slow.test}")
    for label in printer.labels():
        printer.say(f"{label:24} {summary(printer.counts(label))}")
    printer.say(f"{time.monotonic() - start:.0f} s")
    counts = printer.counts()
    printer.say(summary(counts))
    return 0 if counts["passed"] and not counts["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
