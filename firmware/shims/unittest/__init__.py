"""A subset of CPython's unittest for MicroPython: the same names and the same results.

Offered: TestCase (setUp, tearDown, setUpClass, tearDownClass, addCleanup, subTest, skipTest, id, the assertions),
skip, skipIf, skipUnless, expectedFailure, SkipTest, TestResult, TestSuite, TestLoader, TextTestRunner, main.
Not offered: mock, assertLogs, assertWarns, asynchronous tests, discovery in folders, setUpModule (which is refused,
not ignored).

Calls are kept shallow: MicroPython's WebAssembly build has a Python stack of a few kilobytes for everything.
"""

from .case import SkipTest, TestCase, expectedFailure, skip, skipIf, skipUnless
from .run import TestLoader, TestResult, TestSuite, TextTestRunner, defaultTestLoader, main

__all__ = (
    "SkipTest",
    "TestCase",
    "TestLoader",
    "TestResult",
    "TestSuite",
    "TextTestRunner",
    "defaultTestLoader",
    "expectedFailure",
    "main",
    "skip",
    "skipIf",
    "skipUnless",
)
