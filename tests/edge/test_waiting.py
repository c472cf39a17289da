"""What a first tunnel loads, and that all the rest is there soon after: nothing is loaded later than that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from isthmus import waiting
from isthmus.waiting import MANY, MODULES, ON_DEMAND, PAUSE_MS, ReplacedError, Waiting
from tests.repo.sources import ROOT, parse, python_files
from tests.repo.test_imports import imports, module_of

START = "import isthmus.start, isthmus.daemon, isthmus.kernel.real, sys\n"
SHOW = "print(' '.join(sorted(name for name in sys.modules if name.startswith('isthmus'))))\n"
AT_ONCE = 164  # modules of ours; each is a quarter of a million instructions, and more for what it holds
NOT_AT_ONCE = (  # of others: large, and not needed
    "_hashlib", "argparse", "collections", "enum", "hmac", "importlib.util", "json", "os", "re", "selectors", "signal",
    "socket", "subprocess", "threading", "typing", "warnings",
)  # fmt: skip


CONFIGURATION = (
    "config tunnel 'branch'\n option remote '127.0.0.2'\n option psk 'correct horse battery'\n"
    " list remote_subnet '10.2.0.0/24'\n"
)
FIRST_WORD = """
import posix, sys
from isthmus import daemon
def send(*_):
    print(*sys.modules, flush=True)
    posix._exit(0)
daemon.RealOutlet.send = send
sys.argv[1:] = ["--%%s=%s/%%s" %% (name, name) for name in ("config", "state", "run")]
daemon.main()
"""


def ask(script: str, inside: tuple[str, ...] = ()) -> list[str]:
    """The words that a Python without `site` prints. inside: a command that runs it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "pyroute2").symlink_to(ROOT / "firmware" / "shims" / "pyroute2")  # what a small router has
        path = [folder, str(ROOT / "firmware"), sysconfig.get_path("purelib")]
        done = subprocess.run(
            [*inside, sys.executable, "-S", "-c", script], capture_output=True, text=True, timeout=60, check=True,
            env={"PYTHONPATH": ":".join(path), "PATH": os.environ["PATH"]},
        )  # fmt: skip
    return done.stdout.split()


def reachable() -> set[str]:
    """Every module of ours that isthmusd may come to, by an import at any place."""
    files = {module_of(name): name for name in python_files("firmware/isthmus")}
    found: set[str] = set()
    todo = ["isthmus.start", "isthmus.daemon"]
    while todo:
        module = todo.pop()
        while module and module not in files:  # from module import name
            module = module.rpartition(".")[0]
        if not module or module in found:
            continue
        found.add(module)
        todo.append(module.rpartition(".")[0])
        package = module if files[module].endswith("__init__.py") else module.rpartition(".")[0]
        todo += [target for _, target, real in imports(parse(files[module]), package) if real]
    return found


class Loading(unittest.TestCase):
    def test_what_a_start_loads(self) -> None:
        loaded = ask(START + SHOW)
        self.assertIn("isthmus.site", loaded)
        self.assertLessEqual(len(loaded), AT_ONCE)
        self.assertEqual([name for name in MODULES if name in loaded], [])

    def test_what_of_others_a_start_does_without(self) -> None:
        loaded = ask(START + "print(*sys.modules)")
        self.assertIn("_socket", loaded)
        self.assertEqual([name for name in NOT_AT_ONCE if name in loaded], [])

    def test_nor_does_the_first_word_to_the_peer_need_it(self) -> None:
        """The guard is in, the kernel has been looked at: by the real daemon on the real kernel."""
        if os.geteuid():
            self.skipTest("a network namespace needs root")
        inside = ("unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh")
        with tempfile.TemporaryDirectory() as folder:
            for name in ("config", "state", "run"):
                (Path(folder) / name).mkdir()
            (Path(folder) / "config" / "isthmus").write_text(CONFIGURATION)
            loaded = ask(FIRST_WORD % folder, inside)
        self.assertIn("isthmus.site", loaded)
        self.assertEqual([name for name in (*NOT_AT_ONCE, *MODULES) if name in loaded], [])

    def test_nothing_is_loaded_late_but_what_is_asked_for(self) -> None:
        wait = "from isthmus.waiting import Waiting\nit = Waiting(0)\nwhile it.at is not None: it.load_next(0, 1)\n"
        loaded = set(ask(START + wait + SHOW))
        self.assertEqual(sorted(reachable() - loaded - set(ON_DEMAND)), [])
        self.assertEqual(sorted(loaded - reachable()), [])
        self.assertEqual([name for name in ON_DEMAND if name in loaded], [])
        self.assertEqual([name for name in ON_DEMAND if name not in reachable()], [])

    def test_no_one_of_them_brings_another(self) -> None:
        steps = "for name in %r:\n if name in sys.modules: print(name)\n __import__(name)\n" % (MODULES,)
        self.assertEqual(ask(START + steps), [])


    def test_code_of_another_version_does_not_get_in(self) -> None:
        """An upgrade has replaced the files of a program that runs."""
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(ROOT / "firmware" / "isthmus", Path(folder) / "isthmus")
            script = (
                f"import os, sys\nsys.path.insert(0, {folder!r})\n"
                "from isthmus.edge.os_cpython_start import begin_loading, end_loading\n"
                "begin_loading()\n"
                "from isthmus import waiting\nfrom isthmus.errors import IsthmusError\n"
                "end_loading(waiting.refuse)\n"
                "import isthmus.users\n"
                f"os.utime({folder!r} + '/isthmus/__init__.py', (1, 1))\n"
                "import isthmus.users, json\n"
                "try:\n import isthmus.doctor\n"
                "except IsthmusError as error: print(error.code, 'isthmus.doctor' in str(error))\n"
            )
            self.assertEqual(ask(script), ["replaced", "True"])


class Times(unittest.TestCase):
    def setUp(self) -> None:
        patcher = mock.patch.object(waiting, "MODULES", ("isthmus.errors", "isthmus.nowhere", "isthmus.wire"))
        patcher.start()
        self.addCleanup(patcher.stop)
        self.addCleanup(waiting.hashes._fast.__init__, list(waiting.hashes._fast))

    def test_when_a_tunnel_is_up_or_after_a_while(self) -> None:
        waits = Waiting(1000)
        self.assertFalse(waits.is_due(1001, lambda: False))
        self.assertTrue(waits.is_due(1001, lambda: True))
        self.assertTrue(waits.is_due(1000 + waiting.FIRST_MS, lambda: False))

    def test_one_after_the_other_and_a_missing_one_is_told(self) -> None:
        waits = Waiting(0)
        waits.load_next(5, 1)
        self.assertEqual(waits.at, 5 + PAUSE_MS)
        self.assertFalse(waits.is_due(6, lambda: True))
        with self.assertRaises(ReplacedError) as caught:
            waits.load_next(6, 1)
        self.assertIn("isthmus.nowhere", str(caught.exception))
        waits.load_next(7, 1)
        waits.load_next(8, 1)
        self.assertIsNone(waits.at)
        self.assertFalse(waits.is_due(10**9, lambda: True))

    def test_the_large_library_is_for_many_tunnels(self) -> None:
        for tunnels, wanted in ((MANY - 1, 0), (MANY, 1)):
            waiting.hashes._fast.clear()
            waits = Waiting(0)
            waits._left = []
            waits.load_next(1, tunnels)
            self.assertEqual(len(waiting.hashes._fast), wanted)


if __name__ == "__main__":
    unittest.main()
