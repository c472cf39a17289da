"""The tests themselves: each can fail, because each asserts something."""

from __future__ import annotations

import ast
import unittest

from tests.repo.sources import parse, python_files, read


def asserts(node: ast.AST, helpers: set[str]) -> bool:
    """Whether a function asserts: itself, or by a helper of its file that does."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assert):
            return True
        if isinstance(inner, ast.Call):
            called = inner.func.attr if isinstance(inner.func, ast.Attribute) else getattr(inner.func, "id", "")
            if called.startswith("assert") or called == "fail" or called in helpers:
                return True
    return False


def asserting_helpers(tree: ast.Module) -> set[str]:
    """Names of the functions of a file that assert, and of those that call them."""
    defined = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name[:4] != "test"]
    helpers: set[str] = set()
    while True:
        more = {node.name for node in defined if asserts(node, helpers)} - helpers
        if not more:
            return helpers
        helpers |= more


def silent_tests(tree: ast.Module) -> list[str]:
    """The test methods of a file's classes that assert nothing."""
    helpers = asserting_helpers(tree)
    silent = []
    for kind in tree.body:
        if isinstance(kind, ast.ClassDef):
            for node in kind.body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test") and not asserts(node, helpers):
                    silent.append(f"{kind.name}.{node.name}")
    return silent


class Tests(unittest.TestCase):
    def test_a_silent_test_is_found(self):
        sample = (
            "class A:\n def test_x(self):\n  f()\n def test_y(self):\n  self.help()\n"
            " def help(self):\n  self.fail()\n"
        )
        self.assertEqual(silent_tests(ast.parse(sample)), ["A.test_x"])

    def test_every_test_asserts(self):
        for name in python_files("tests"):
            with self.subTest(name):
                self.assertEqual(silent_tests(parse(name)), [])

    def test_every_test_file_is_found_by_the_runner(self):
        # A file of base classes has another name and is imported by a file that the runner finds.
        found = "\n".join([read(name) for name in python_files("tests") if name.rpartition("/")[2].startswith("test_")])
        for name in python_files("tests"):
            kinds = [node for node in parse(name).body if isinstance(node, ast.ClassDef)]
            bases = [ast.unparse(base) for kind in kinds for base in kind.bases]
            if any(base.endswith("TestCase") for base in bases):
                file = name.rpartition("/")[2].removesuffix(".py")
                there = file.startswith("test_") or f"{file} import" in found or f"import {file}" in found
                self.assertTrue(there, f"{name} has tests but the runner wants test_*.py")
