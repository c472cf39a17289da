"""The real kernel keeps the contract of the kernel seam (tests/lab/kernel_contract.py), as one of the lab's stories."""

from __future__ import annotations

import unittest
from typing import TYPE_CHECKING

from tests.lab import kernel_contract
from tests.lab.report import check

if TYPE_CHECKING:
    from tests.lab.report import Report


def run(report: Report) -> None:
    """One result a test."""
    kernel_contract.set_lacks()
    for test in kernel_contract.tests([]):
        result = unittest.TestResult()
        with report.case(test.lab_name[len("lab.") :]):
            test.run(result)
            said = "".join([row[1] for row in result.errors + result.failures + result.skipped])
            check(not said, said)
