"""The files of the repository, as the rules see them."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Files of firmware/isthmus that only CPython runs, and why they cannot be portable. A name may end in `*`.
CPYTHON_ONLY = (
    ("firmware/isthmus/edge/os_cpython.py", "what differs between interpreters; MicroPython gets its own os_*.py"),
    ("firmware/isthmus/edge/os_cpython_start.py", "the same, for loading: collector and import system"),
    ("firmware/isthmus/edge/os_cpython_bundle.py", "what the former loads, and how it is made"),
    ("firmware/isthmus/edge/os_cpython_udp.py", "the same, for UDP: ancillary data, and processes that share sockets"),
    ("firmware/isthmus/edge/os_cpython_files.py", "the same, for `isthmus config`: locks, owners, durable replacement"),
    ("firmware/isthmus/edge/os_cpython_trial.py", "the same, for the self-test: a tap device, and packet sockets"),
    ("firmware/isthmus/edge/os_cpython_scrypt.py", "the same, for passwords: OpenSSL's scrypt, in a thread"),
    ("firmware/isthmus/edge/os_cpython_look.py", "the same, for the doctor: /proc, modes of files, names"),
    ("firmware/isthmus/edge/os_cpython_terminal.py", "the same, for the command line: a password nobody sees"),
    ("firmware/isthmus/hold.py", "a process of its own, as small as CPython allows"),
    ("firmware/isthmus/kernel/real*.py", "pyroute2's CPython face and its exceptions"),
)


def tracked() -> list[str]:
    """Every file that is or will be committed, relative to the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted(name for name in names if name and (ROOT / name).is_file())


def python_files(*folders: str) -> list[str]:
    """The Python files under these folders: by name, or (tools) by their first line."""
    found = []
    for name in tracked():
        if any(name.startswith(folder + "/") for folder in folders) and is_python(name):
            found.append(name)
    return found


def is_python(name: str) -> bool:
    """Whether a file is Python: .py, or no suffix and a first line that says so."""
    path = ROOT / name
    if path.suffix:
        return path.suffix == ".py"
    with path.open("rb") as file:
        return file.readline(80).startswith(b"#!") and b"python" in (ROOT / name).read_bytes().split(b"\n", 1)[0]


def read(name: str) -> str:
    """The text of a file."""
    return (ROOT / name).read_text("utf-8")


def parse(name: str) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(read(name), name)


def is_cpython_only(name: str) -> bool:
    """Whether CPYTHON_ONLY names the file."""
    return any(Path(name).match(pattern) for pattern, _ in CPYTHON_ONLY)


def portable_files() -> list[str]:
    """The files that must keep to the portable subset."""
    names = python_files("firmware/isthmus", "firmware/shims", "tests/core") + [
        "tests/__init__.py",
        "tests/counts.py",
        "tests/runner/__init__.py",
        "tests/runner/portable.py",
    ]
    return [name for name in names if not is_cpython_only(name)]


def is_type_checking(node: ast.stmt) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`, which no interpreter runs."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
