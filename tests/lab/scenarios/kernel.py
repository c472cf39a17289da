"""The real kernel keeps the contract of the kernel seam (tests/lab/kernel_contract.py), as one of the lab's stories.

Told with the lean netlink library, which takes a third of pyroute2's time under emulation; a full run tells it with
pyroute2 as well (`full_profile`), and `coldstart` starts real daemons with either in every run.
"""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.report import check
from tests.lab.site import link_shim

if TYPE_CHECKING:
    from tests.lab.report import Report


def run(report: Report) -> None:
    """One result a test."""
    with tempfile.TemporaryDirectory(prefix="isthmus-shim-") as folder:
        link_shim(Path(folder))
        sys.path.insert(0, folder)
        import pyroute2  # before anything else of this process can load the other one

        from tests.lab import kernel_contract

        check(str(pyroute2.__file__).startswith(folder), f"this is {pyroute2.__file__}, not the shim")
        try:
            kernel_contract.set_lacks()
            for test in kernel_contract.tests([]):
                result = unittest.TestResult()
                with report.case(test.lab_name[len("lab.") :]):
                    test.run(result)
                    said = "".join([row[1] for row in result.errors + result.failures + result.skipped])
                    check(not said, said)
        finally:
            sys.path.remove(folder)
