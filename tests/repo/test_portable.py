"""The portable subset: held by every file that says it is portable; each rule shown to find what it is for."""

from __future__ import annotations

import subprocess
import sys
import unittest

from tests.repo import portable
from tests.repo.sources import CPYTHON_ONLY, ROOT, portable_files, read
from tests.runner.interpreters import HEAP, wasm_library

# The shims are where MicroPython is made to look like CPython: what they do with the help of hasattr or for
# CPython's sake. (file, rule, text of the line, reason)
EXCEPTIONS = (
    ("firmware/shims/", "name of a module", "time.monotonic", "taken only where ticks_ms is missing"),
    ("firmware/shims/", "name of a module", "time.ticks_", "taken only after hasattr"),
    ("firmware/shims/", "name of a module", "sys.print_exception", "taken only after hasattr"),
    ("firmware/shims/", "module", "import traceback", "CPython's branch"),
    ("tests/runner/portable.py", "name of a module", "time.monotonic", "taken only where ticks_ms is missing"),
    ("tests/runner/portable.py", "module", "import traceback", "CPython's branch"),
    ("", "hexdigest", ".hexdigest()", "hmac's, in the shim and its test"),
)


def excused(name: str, finding: portable.Finding, line: str) -> bool:
    if finding.rule == "hexdigest" and not ("shims" in name and "hmac" in name):
        return False
    return any(name.startswith(file) and finding.rule == rule and text in line for file, rule, text, _ in EXCEPTIONS)


class Rules(unittest.TestCase):
    def test_each_rule_finds_its_samples(self):
        for rule in portable.RULES:
            self.assertTrue(rule.bad, rule.name)
            for sample in rule.bad:
                with self.subTest(rule=rule.name, sample=sample):
                    self.assertIn(rule.name, [finding.rule for finding in portable.findings(sample)])

    def test_joined_f_strings_are_found(self):
        for sample in ("x = f'{a}' 'b'", "x = ('a'\n     f'{b}')", "x = F'{a}' f'{b}'"):
            with self.subTest(sample=sample):
                self.assertEqual([finding.rule for finding in portable.findings(sample)], ["joined f-strings"])
        self.assertEqual(portable.findings("x = f'{a}' + 'b'\ny = 'f' 'g'"), [])

    def test_what_is_not_evaluated_is_left_alone(self):
        for sample in (
            "def f(a: int | None) -> str | None:\n    b: int | None = a",
            "TYPE_CHECKING = False\nif TYPE_CHECKING:\n    from typing import Any",
            "try:\n    import uctypes\nexcept ImportError:\n    uctypes = None",
            "a, *b = c\nf(*a, **b)",
            "class A:\n    def title(self):\n        return self.title()",
            "n.to_bytes(4, 'big')\nb.decode('ascii')\nstruct.pack('>HI4s', 1, 2, b'')\ndeque((), 8)\nflags | MASK",
        ):
            with self.subTest(sample=sample):
                self.assertEqual(portable.findings(sample), [])


class Sources(unittest.TestCase):
    def test_every_portable_file(self):
        names = portable_files()
        self.assertIn("firmware/isthmus/errors.py", names)
        for name in names:
            with self.subTest(name):
                source = read(name)
                lines = source.split("\n")
                broken = [f for f in portable.findings(source) if not excused(name, f, lines[f.line - 1])]
                if broken:
                    self.fail("\n".join([repr(finding) for finding in broken]))

    def test_exceptions_are_needed(self):
        for pattern, _ in CPYTHON_ONLY:
            with self.subTest(pattern):
                self.assertTrue(list(ROOT.glob(pattern)), "no such file any more")
        texts = {name: read(name) for name in portable_files()}
        for file, _, text, _ in EXCEPTIONS:
            with self.subTest(file=file, text=text):
                self.assertTrue(any(name.startswith(file) and text in source for name, source in texts.items()))


def ask_micropython(source: str) -> str:
    """What a program prints on MicroPython 1.23.0 without its frozen modules."""
    runner = str(ROOT / "tests" / "runner" / "wasm.mjs")
    command = ["node", runner, str(wasm_library()), str(HEAP), str(ROOT), "import sys\nsys.path[:] = []\n" + source]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


class Tables(unittest.TestCase):
    """The tables are facts about an interpreter; here it is asked."""

    def test_missing_builtins_are_missing(self):
        answer = ask_micropython("import builtins\nprint(' '.join(dir(builtins)))").split()
        self.assertIn("OSError", answer)
        self.assertEqual(sorted((portable.MISSING_BUILTINS | portable.MISSING_FUNCTIONS) & set(answer)), [])

    def test_missing_methods_are_missing(self):
        values = "('', b'', 0, [], {}, set(), (), bytearray(), memoryview(b''), 1.0)"
        answer = ask_micropython(f"for value in {values}:\n    print(' '.join(dir(value)))").split()
        self.assertIn("splitlines", answer)
        self.assertEqual(sorted(portable.MISSING_METHODS & set(answer)), [])

    def test_offered_names_are_there(self):
        # The WebAssembly build lacks what a system would give; the unix port has those (urandom, getenv, system).
        unix_only = {"getenv", "system", "urandom", "md5", "sha1"}
        modules = sorted(portable.OFFERS)
        answers = ask_micropython(f"for name in {modules}:\n    print(' '.join(dir(__import__(name))))").splitlines()
        for module, answer in zip(modules, answers, strict=True):
            names = portable.OFFERS[module]
            with self.subTest(module):
                self.assertEqual(sorted(names - unix_only - set(answer.split())), [])
                __import__(module)
                self.assertEqual([name for name in sorted(names) if not hasattr(sys.modules[module], name)], [])
