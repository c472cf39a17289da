"""Makes the bundle that isthmusd starts from (os_cpython_start.py): `python3 -m isthmus.edge.os_cpython_bundle`.

The package's postinst runs it, and with --remove its prerm. Without the bundle everything works as well, a second
later on a slow router.
"""

from __future__ import annotations

import ast
import contextlib
import marshal
import os
import sys
from importlib.machinery import SourceFileLoader

from isthmus.edge.os_cpython_start import BUNDLE, FOLDER, HEAD, LENGTH, PACKAGE, signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType

    from isthmus.edge.os_cpython_start import Row


def load_in_order() -> list[SourceFileLoader]:
    """Load what a start loads: a loader for each module, behind those that it needs. Raises ImportError."""
    order: list[SourceFileLoader] = []
    plain = SourceFileLoader.exec_module

    def exec_module(loader: SourceFileLoader, module: ModuleType) -> None:
        plain(loader, module)
        order.append(loader)

    SourceFileLoader.exec_module = exec_module  # type: ignore[method-assign, assignment]
    try:
        __import__("isthmus.daemon")
        __import__("isthmus.kernel.real")
    finally:
        SourceFileLoader.exec_module = plain  # type: ignore[method-assign]
    return [loader for loader in order if loader.name.startswith(PACKAGE + ".")]


class Bare(ast.NodeTransformer):
    """Takes the annotations out of a module: a tenth of what there is to load, and nobody asks isthmusd for them."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """An argument's."""
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """What a function returns, and what is in it."""
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """A variable's; without a value nothing is left of it."""
        bare = ast.Assign([node.target], node.value) if node.value else ast.Pass()
        return self.generic_visit(ast.copy_location(bare, node))


def make_row(loader: SourceFileLoader) -> tuple[Row, CodeType]:
    """What the bundle has of a module. Raises OSError, and ValueError where the file changes meanwhile."""
    before = signature(loader.path)
    tree = Bare().visit(ast.parse(loader.get_data(loader.path)))
    code = compile(tree, loader.path, "exec", dont_inherit=True, optimize=2)  # 2: without documentation
    if signature(loader.path) != before:
        raise ValueError("%s was changed while it was read" % loader.path)
    return (loader.name, os.path.relpath(loader.path, FOLDER), loader.is_package(loader.name), before), code


def make_bundle() -> None:
    """Write it anew. Raises OSError, ImportError, ValueError; then there is none."""
    remove_bundle()
    rows = [make_row(module) for module in load_in_order()]
    from isthmus.edge.os_cpython import write_file  # here: not before it is loaded in order

    os.makedirs(os.path.dirname(BUNDLE), exist_ok=True)
    table = marshal.dumps([row for row, _ in rows])
    codes = marshal.dumps([code for _, code in rows])  # in one: a name that many of them use is there once
    write_file(BUNDLE, HEAD + len(table).to_bytes(LENGTH, "big") + table + codes, 0o644)


def remove_bundle() -> None:
    """Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(BUNDLE)


def main() -> int:
    """The program. Exit status 1 where the bundle could not be written or removed."""
    try:
        if sys.argv[1:] == ["--remove"]:
            remove_bundle()
        else:
            make_bundle()
    except (OSError, ImportError, ValueError) as error:
        sys.stderr.write("isthmus: no bundle, a start takes longer: %s\n" % error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
