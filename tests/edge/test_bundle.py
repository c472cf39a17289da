"""The bundle that isthmusd is loaded from: what is in it, and everything that has to make Python ignore it."""

from __future__ import annotations

import marshal
import os
import shutil
import subprocess
import sys
import sysconfig
import unittest
from importlib.util import MAGIC_NUMBER

from tests.edge.world import NOBODY, Folder
from tests.repo.sources import ROOT

REAL = ROOT / "firmware" / "isthmus"
EDGE = ("os_cpython_start.py", "os_cpython_bundle.py", "os_cpython.py")  # of the package made small, these are real
SMALL = {
    "__init__.py": "",
    "errors.py": "WORD = 'old'\n",
    "kernel/__init__.py": "from isthmus.errors import WORD\n",
    "kernel/real.py": "import isthmus.kernel\n",
    "daemon.py": (
        "from __future__ import annotations\nfrom isthmus.errors import WORD\nLATER: int\nWIDE: int = 5\n"
        "def main(*words: str) -> None:\n    'Says it.'\n    said: str = WORD\n    print(said)\n"
        "def fail() -> float:\n    return 1 / 0\n"
    ),
    "edge/__init__.py": "",
}
# Which modules of ours Python is asked to find, then what the rest of the script prints.
LOAD = """
import sys
class Asked:
    def find_spec(name, path=None, target=None):
        if name.startswith("isthmus"):
            print("asked", name)
sys.meta_path.insert(0, Asked)
from isthmus.edge import os_cpython_start
os_cpython_start.begin_loading()
import isthmus.kernel.real
from isthmus import daemon
"""
FIRST = ["asked isthmus", "asked isthmus.edge", "asked isthmus.edge.os_cpython_start"]  # not from the bundle


class Packed(Folder):
    """`self.package`: a small package of ours, with its bundle."""

    def setUp(self) -> None:
        super().setUp()
        self.package = self.path / "isthmus"
        for name, text in SMALL.items():
            (self.package / name).parent.mkdir(parents=True, exist_ok=True)
            (self.package / name).write_text(text)
        for name in EDGE:
            shutil.copy(REAL / "edge" / name, self.package / "edge")
        self.make()
        (self.bundle,) = (self.package / "__pycache__").glob("*.bundle")

    def make(self, *words: str) -> None:
        self.python("-m", "isthmus.edge.os_cpython_bundle", *words)

    def python(self, *words: str, path: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-S", *words], env={"PYTHONPATH": path or str(self.path)}, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def load(self, then: str = "daemon.main()", *flags: str, path: str = "") -> list[str]:
        return self.python(*flags, "-c", LOAD + then, path=path).splitlines()

    def assert_used(self, lines: list[str], *rest: str) -> None:
        self.assertEqual(lines, [*FIRST, *rest])

    def assert_ignored(self, lines: list[str], *rest: str) -> None:
        self.assertIn("asked isthmus.daemon", lines)
        self.assertEqual([line for line in lines if not line.startswith("asked")], list(rest))


class Used(Packed):
    def test_nothing_in_it_is_looked_for(self) -> None:
        self.assert_used(self.load(), "old")

    def test_a_module_is_what_an_import_makes_of_it(self) -> None:
        show = (
            "import isthmus\n"
            "for it in (isthmus, isthmus.kernel, daemon):\n"
            " spec = it.__spec__\n"
            " print(it.__name__, it.__file__, it.__package__, getattr(it, '__path__', None), it.__loader__.path,"
            " type(it.__loader__), spec.name, spec.origin, spec.parent, spec.submodule_search_locations)\n"
        )
        ordinary = self.python("-c", "from isthmus import daemon, kernel\n" + show)
        self.assert_used(self.load(show), *ordinary.splitlines())

    def test_annotations_and_documentation_are_left_out(self) -> None:
        show = "print(daemon.main.__annotations__, daemon.main.__doc__, daemon.WIDE, hasattr(daemon, 'LATER'))"
        self.assert_used(self.load(show + "\ndaemon.main()"), "{} None 5 False", "old")

    def test_a_traceback_names_file_and_line(self) -> None:
        show = "import traceback\ntry: daemon.fail()\nexcept ZeroDivisionError: print(traceback.format_exc())"
        lines = self.load(show)
        self.assertIn('  File "%s", line 10, in fail' % (self.package / "daemon.py"), lines)
        self.assertIn("    return 1 / 0", lines)

    def test_a_module_that_is_not_in_it_is_found_as_ever(self) -> None:
        (self.package / "kernel" / "later.py").write_text("from isthmus.kernel import real\nprint(real.__name__)\n")
        self.assert_used(
            self.load("import isthmus.kernel.later"), "asked isthmus.kernel.later", "isthmus.kernel.real"
        )

    def test_a_module_that_cannot_be_loaded_says_so_where_it_is_imported(self) -> None:
        (self.package / "errors.py").write_text("import sys\nWORD = 'old'\nif 'nice' not in sys.argv: import nowhere\n")
        self.python("-c", "import sys\nsys.argv = ['', 'nice']\n"
                          "from isthmus.edge import os_cpython_bundle as it\nit.make_bundle()")
        script = LOAD.partition("import isthmus.kernel")[0]
        script += "try: import isthmus.kernel\nexcept ImportError as error: print(error)"
        self.assertEqual(self.python("-c", script).splitlines()[-1], "No module named 'nowhere'")

    def test_it_is_removed_with_the_package(self) -> None:
        self.make("--remove")
        self.assertFalse(self.bundle.exists())
        self.make("--remove")
        self.assert_ignored(self.load(), "old")

    def test_where_it_cannot_be_written_there_is_none(self) -> None:
        (self.package / "daemon.py").write_text("import nowhere\n")
        done = subprocess.run(
            [sys.executable, "-S", "-m", "isthmus.edge.os_cpython_bundle"], env={"PYTHONPATH": str(self.path)},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        self.assertEqual(done.returncode, 1)
        self.assertIn("No module named 'nowhere'", done.stderr)
        self.assertFalse(self.bundle.exists())


class Ignored(Packed):
    def test_a_source_that_has_changed(self) -> None:
        (self.package / "errors.py").write_text("WORD = 'newer'\n")
        self.assert_ignored(self.load(), "newer")

    def test_even_with_its_size_and_its_time_kept(self) -> None:
        path = self.package / "errors.py"
        found = path.stat()
        path.write_text("WORD = 'new'\n")
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
        for kept in (path.parent / "__pycache__").glob("errors.*.pyc"):  # Python itself would be taken in
            kept.unlink()
        self.assert_ignored(self.load(), "new")

    def test_a_source_that_is_gone(self) -> None:
        (self.package / "errors.py").unlink()
        (self.package / "daemon.py").write_text("def main():\n    print('alone')\n")
        (self.package / "kernel" / "__init__.py").write_text("")
        self.assert_ignored(self.load(), "alone")

    def test_one_that_others_may_write(self) -> None:
        for mode in (0o646, 0o664):
            self.bundle.chmod(mode)
            self.assert_ignored(self.load(), "old")
        self.bundle.chmod(0o644)
        self.assert_used(self.load(), "old")

    def test_one_that_belongs_to_somebody_else(self) -> None:
        if os.geteuid():
            self.skipTest("giving a file away needs root")
        os.chown(self.bundle, NOBODY, NOBODY)
        self.assert_ignored(self.load(), "old")

    def test_another_folder(self) -> None:
        moved = self.path / "moved" / "isthmus"
        moved.parent.mkdir()
        self.package.rename(moved)
        self.assert_ignored(self.load(path=str(moved.parent)), "old")

    def test_another_python(self) -> None:
        data = self.bundle.read_bytes()
        self.assertEqual(data[:4], MAGIC_NUMBER)
        self.bundle.write_bytes(bytes((data[0] ^ 1,)) + data[1:])
        self.assert_ignored(self.load(), "old")

    def test_other_flags(self) -> None:
        self.assert_ignored(self.load("daemon.main()", "-O"), "old")

    def test_half_a_file(self) -> None:
        data = self.bundle.read_bytes()
        for length in (0, 3, len(data) // 2, len(data) - 1):
            self.bundle.write_bytes(data[:length])
            self.assert_ignored(self.load(), "old")

    def test_one_that_has_rotted(self) -> None:
        data = self.bundle.read_bytes()
        head = data[: data.index(b"\n", len(MAGIC_NUMBER)) + 1]
        code = marshal.dumps(compile("", "", "exec"))[:-12] + b"N" * 12
        for table, codes in ((marshal.dumps([("alone",)]), b""), (marshal.dumps([]), code)):
            self.bundle.write_bytes(head + len(table).to_bytes(4, "big") + table + codes)
            self.assert_ignored(self.load(), "old")

    def test_none_at_all(self) -> None:
        self.bundle.unlink()
        self.assert_ignored(self.load(), "old")


class Real(Packed):
    def test_isthmusd_starts_from_it(self) -> None:
        shutil.rmtree(self.package)
        shutil.copytree(REAL, self.package)
        shutil.copytree(ROOT / "firmware" / "shims" / "pyroute2", self.path / "pyroute2")
        path = ":".join([str(self.path), sysconfig.get_path("purelib")])
        self.python("-m", "isthmus.edge.os_cpython_bundle", path=path)
        self.assert_used(self.load("print(daemon.__file__)", path=path), str(self.package / "daemon.py"))


if __name__ == "__main__":
    unittest.main()
