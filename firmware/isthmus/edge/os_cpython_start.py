"""What CPython does faster while isthmusd is loaded: no garbage is looked for, and the bundle.

The bundle is one file with the compiled code of everything that a start loads, in the order in which it is loaded. It
lies in `__pycache__`, beside what Python keeps there for each module, and is trusted as far: whoever may write there
decides what runs anyway. It stands only as long as every source file is the one that it was made from; otherwise, and
where anything about it is odd, Python imports the modules as ever. os_cpython_bundle.py makes it.
"""

from __future__ import annotations

import gc
import marshal
import posix as os  # it loads nothing else
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    # Name, path below the package's folder, whether it is a package, signature of its source
    Row = tuple[str, str, bool, tuple[int, int, int]]

PACKAGE = "isthmus"
FOLDER = __file__.rsplit("/", 2)[0]
BUNDLE = "%s/__pycache__/start.%s.bundle" % (FOLDER, sys.implementation.cache_tag)
FORMAT = 1
# What code depends on, beside its source; the folder, because tracebacks name files.
HEAD = MAGIC_NUMBER + bytes((FORMAT, sys.flags.optimize)) + FOLDER.encode() + b"\n"
LENGTH = 4  # bytes that say how long the rows are; the code of all comes behind them
WRITABLE_BY_OTHERS = 0o022


def begin_loading() -> None:
    """No garbage is looked for: loading makes none, and thousands of objects that stay would be looked at again and
    again. Then what the bundle has.
    """
    gc.disable()
    load(*read_bundle(BUNDLE))


def end_loading(refuse: Callable[[str], object]) -> None:
    """From now on there may be garbage, but not among what is there already. refuse(name): is called, and raises,
    before a module is loaded from a package that has been replaced.
    """
    gc.freeze()
    gc.enable()
    sys.meta_path.insert(0, Watch(FOLDER + "/__init__.py", refuse))


class Watch:
    """A finder that finds nothing; it looks whether the package is still the one that it was."""

    def __init__(self, path: str, refuse: Callable[[str], object]) -> None:
        self._path = path
        self._refuse = refuse
        self._seen = self._look()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Asked by `import` for every module that is not loaded yet."""
        del path, target
        if name.startswith(PACKAGE + ".") and self._look() != self._seen:
            self._refuse(name)

    def _look(self) -> tuple[int, int, int] | None:
        try:
            return signature(self._path)
        except OSError:  # compiled code alone, or a package that is gone
            return None


def signature(path: str) -> tuple[int, int, int]:
    """Of a source file. Python goes by size and time of change as well; the inode's own time nobody can set."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read_bundle(path: str) -> tuple[list[Row], list[CodeType]]:
    """Its modules; none where it is not there, does not fit, or where others than root and ourselves may write it."""
    try:
        with open(path, "rb", buffering=0) as file:
            found = os.fstat(file.fileno())
            if found.st_uid not in {0, os.geteuid()} or found.st_mode & WRITABLE_BY_OTHERS:
                return [], []
            data = file.read()
        if not data.startswith(HEAD):
            return [], []
        begin = len(HEAD) + LENGTH
        end = begin + int.from_bytes(data[len(HEAD) : begin], "big")
        rows = marshal.loads(data[begin:end])  # noqa: S302 - as in load()
        if any(signature(FOLDER + "/" + row[1]) != row[3] for row in rows):
            return [], []
        return rows, marshal.loads(memoryview(data)[end:])  # noqa: S302
    except Exception:  # noqa: BLE001 - of what a flash chip has lost, marshal raises anything: MemoryError, SystemError
        return [], []


def load(rows: list[Row], codes: list[CodeType]) -> None:
    """What importing them one by one would do. Whatever one of them needs stands before it."""
    for (name, below, is_package, _), code in zip(rows, codes):
        if name in sys.modules:
            continue
        path = FOLDER + "/" + below
        spec = ModuleSpec(name, SourceFileLoader(name, path), origin=path, is_package=is_package)
        module = type(sys)(name)
        module.__spec__, module.__loader__, module.__file__ = spec, spec.loader, path
        module.__package__ = spec.parent
        if is_package:
            module.__path__ = spec.submodule_search_locations = [path.rpartition("/")[0]]
        sys.modules[name] = module
        try:
            exec(code, module.__dict__)  # noqa: S102 - Python's own cache, in one piece
        except Exception:  # noqa: BLE001 - whoever imports it meets the error, and tells it
            del sys.modules[name]
            return
        parent, _, last = name.rpartition(".")
        setattr(sys.modules[parent], last, module)
