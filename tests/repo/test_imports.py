"""Who may import whom: firmware/DESIGN.md's first picture, held."""

from __future__ import annotations

import ast
import unittest

from tests.repo.portable import SEAMS
from tests.repo.sources import is_type_checking, parse, python_files, tracked

# A part of the daemon (longest name wins): what it may import beside itself, and whether it is pure.
# Pure: no clock, no randomness, no files, no sockets; everything comes in as arguments and goes out as values.
PARTS = {
    "isthmus": ((), True),
    "isthmus.errors": ((), True),
    "isthmus.hashes": ((), True),
    "isthmus.wire": (("isthmus.errors",), True),
    "isthmus.crypto": (("isthmus.errors", "isthmus.hashes", "isthmus.wire"), True),
    "isthmus.proto": (("isthmus.errors", "isthmus.wire", "isthmus.crypto"), True),
    "isthmus.config": (("isthmus.errors", "isthmus.hashes", "isthmus.wire"), True),
    "isthmus.kernel.base": (("isthmus.errors", "isthmus.wire"), True),
    "isthmus.kernel.routing": (("isthmus.kernel.base", "isthmus.wire"), True),
    "isthmus.kernel.objects": (
        ("isthmus.errors", "isthmus.hashes", "isthmus.wire", "isthmus.kernel.base", "isthmus.kernel.routing",
         "isthmus.policy.derive", "isthmus.policy.given"), True,
    ),
    "isthmus.kernel.flows": (("isthmus.wire",), True),
    "isthmus.kernel.lean": (("isthmus.kernel.flows",), False),
    "isthmus.kernel.ways": (("isthmus.errors", "isthmus.wire"), True),
    "isthmus.kernel.voucher": (("isthmus.kernel.objects", "isthmus.policy.given", "isthmus.wire"), True),
    "isthmus.policy": (
        (
            "isthmus.errors", "isthmus.hashes", "isthmus.wire", "isthmus.config", "isthmus.kernel.flows",
            "isthmus.kernel.objects", "isthmus.kernel.voucher",
        ), True,
    ),
    "isthmus.kernel": (
        ("isthmus.errors", "isthmus.hashes", "isthmus.wire", "isthmus.policy.derive", "isthmus.policy.given",
         "isthmus.policy.guard"),
        False,
    ),
    "isthmus.qr": (("isthmus.errors",), True),
    "isthmus.doctor": (("isthmus.wire", "isthmus.config"), True),
    "isthmus.users": (("isthmus.errors", "isthmus.hashes", "isthmus.wire"), True),
    "isthmus.applying": (
        ("isthmus.errors", "isthmus.hashes", "isthmus.wire", "isthmus.config", "isthmus.policy"), True,
    ),
    "isthmus.backup": (
        ("isthmus.errors", "isthmus.hashes", "isthmus.wire", "isthmus.crypto", "isthmus.config", "isthmus.users"), True,
    ),
    "isthmus.edge": (("isthmus.errors", "isthmus.wire", "isthmus.hold", "isthmus.users.roles"), False),
    "isthmus.hold": ((), False),
}
TUNNEL_MAY = (
    "isthmus.errors", "isthmus.wire", "isthmus.crypto", "isthmus.proto", "isthmus.config", "isthmus.policy",
    "isthmus.kernel.objects", "isthmus.kernel.flows", "isthmus.kernel.ways",
)  # fmt: skip
TUNNEL = (
    "isthmus.tunnel", "isthmus.children", "isthmus.offer", "isthmus.backoff", "isthmus.liveness", "isthmus.moving",
    "isthmus.detour", "isthmus.path", "isthmus.probe", "isthmus.renewal", "isthmus.road",
    "isthmus.facts", "isthmus.states", "isthmus.troubles", "isthmus.verbs",
)  # fmt: skip
"""One tunnel's life, in several files: pure as well."""

DAEMON = (
    "isthmus.accounts", "isthmus.backups", "isthmus.changing", "isthmus.commands", "isthmus.configuring",
    "isthmus.daemon", "isthmus.diagnosis", "isthmus.examining", "isthmus.forcing", "isthmus.history",
    "isthmus.keeper", "isthmus.lamps", "isthmus.mover", "isthmus.observer", "isthmus.outlet", "isthmus.pairing_call",
    "isthmus.pairing_commands", "isthmus.pairing_place", "isthmus.pairing_records", "isthmus.pairing_registry",
    "isthmus.pairing_rotate", "isthmus.pairing_status", "isthmus.pairings", "isthmus.policy_explain",
    "isthmus.policy_status", "isthmus.real_outlet", "isthmus.selftest", "isthmus.site", "isthmus.start",
    "isthmus.status", "isthmus.surroundings", "isthmus.survey", "isthmus.tally", "isthmus.waiting",
)  # fmt: skip
"""What joins all parts: may import everything but the command line."""

COMMAND_LINE = (
    "isthmus.cli", "isthmus.cli_apply", "isthmus.cli_backup", "isthmus.cli_config", "isthmus.cli_doctor",
    "isthmus.cli_history", "isthmus.cli_pair", "isthmus.cli_policy", "isthmus.cli_user",
)  # fmt: skip
COMMAND_LINE_MAY = (
    "isthmus", "isthmus.cli_apply", "isthmus.cli_backup", "isthmus.cli_history", "isthmus.cli_pair",
    "isthmus.cli_policy", "isthmus.cli_user", "isthmus.qr", "isthmus.errors", "isthmus.edge.control",
    "isthmus.edge.os_cpython_terminal", "isthmus.edge.printable",
    # `isthmus doctor` and `isthmus diag` work without the daemon too.
    "isthmus.cli_doctor", "isthmus.doctor.facts", "isthmus.doctor.report", "isthmus.survey", "isthmus.diagnosis",
    "isthmus.edge.os_cpython_look",
    # `isthmus config` works without the daemon.
    "isthmus.cli_config", "isthmus.edge.os_cpython", "isthmus.edge.os_cpython_files", "isthmus.config.delta",
    "isthmus.config.errors", "isthmus.config.replace", "isthmus.config.schema", "isthmus.config.store",
    "isthmus.config.uci",
)  # fmt: skip
WEB_MAY = (
    "isthmus.edge.calls", "isthmus.edge.control", "isthmus.edge.printable", "isthmus.errors", "isthmus.qr",
    "isthmus.users.roles",
)  # fmt: skip
"""The client of the control socket, the table of what may be asked there, and what is pure."""
ALSO = (
    ("cryptography", "web/isthmus_web/certificate.py", "a program of its own that makes a certificate and ends"),
)
"""(library, file, why it may import it beside the library's seam)."""

PURE_MODULES = (
    "__future__", "_hashlib", "_operator", "_sha1", "_sha2", "_sha256", "_sha512", "array", "binascii", "collections",
    "cryptography", "cryptolib", "errno", "hashlib", "hmac", "json", "re", "struct",
)  # fmt: skip
"""What a pure part may import from outside."""


def module_of(name: str) -> str:
    """The dotted name of a file below firmware/."""
    return name.removeprefix("firmware/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(tree: ast.Module, package: str) -> list[tuple[int, str, bool]]:
    """(line, dotted module, is evaluated) of each import. `from package import module` counts as package.module."""
    found: list[tuple[int, str, bool]] = []

    def visit(node: ast.AST, real: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend((node.lineno, alias.name, real) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1], base]).strip(".")
            found.extend((node.lineno, f"{base}.{alias.name}", real) for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child, real and not (isinstance(child, ast.stmt) and is_type_checking(child)))

    visit(tree, True)
    return found


def is_within(module: str, part: str) -> bool:
    return module == part or module.startswith(part + ".")


def part_of(module: str) -> str:
    return max((part for part in PARTS if is_within(module, part)), key=len)


def complaint(module: str, target: str) -> str:
    """Why `module` must not import `target` (a dotted name below isthmus); empty if it may."""
    if module in TUNNEL:
        may = TUNNEL + TUNNEL_MAY
    elif module in DAEMON:
        return "nothing imports the command line" if any(is_within(target, name) for name in COMMAND_LINE) else ""
    elif module in COMMAND_LINE:
        may = COMMAND_LINE_MAY
        return "" if any(target == name or target.rpartition(".")[0] == name for name in may) else f"only {may}"
    else:
        part = part_of(module)
        if part == "isthmus" and module != "isthmus":
            return "a new part: say in tests/repo/test_imports.py what it may import"
        may = (part, *PARTS[part][0]) if part != "isthmus" else ()
    return "" if any(is_within(target, name) for name in may) else f"only {', '.join(may)}"


class Directions(unittest.TestCase):
    def test_the_rule_can_fail(self):
        for module, target in (
            ("isthmus.wire.ike", "isthmus.proto.ike2"),
            ("isthmus.proto.ike2.engine", "isthmus.edge.loop"),
            ("isthmus.policy.plan", "isthmus.kernel.real"),
            ("isthmus.tunnel", "isthmus.daemon"),
            ("isthmus.tunnel", "isthmus.edge.log"),
            ("isthmus.cli", "isthmus.daemon.Daemon"),
            ("isthmus.brandnew", "isthmus.errors"),
        ):
            with self.subTest(module=module, target=target):
                self.assertNotEqual(complaint(module, target), "")
        self.assertEqual(complaint("isthmus.proto.ike2.engine", "isthmus.wire.ike.Header"), "")

    def test_imports_go_one_way(self):
        names = python_files("firmware/isthmus")
        self.assertGreater(len(names), 10)
        for name in names:
            module = module_of(name)
            package = module if name.endswith("__init__.py") else module.rpartition(".")[0]
            for line, target, _ in imports(parse(name), package):
                if is_within(target, "isthmus"):
                    self.assertEqual(complaint(module, target), "", f"{name}:{line} imports {target}")

    def test_pure_parts_import_nothing_that_acts(self):
        for name in python_files("firmware/isthmus"):
            module = module_of(name)
            if module in DAEMON + COMMAND_LINE or not (module in TUNNEL or PARTS[part_of(module)][1]):
                continue
            for line, target, real in imports(parse(name), module):
                if real and not is_within(target, "isthmus"):
                    self.assertIn(target.split(".")[0], PURE_MODULES, f"{name}:{line}")

    def test_pure_parts_open_and_print_nothing(self):
        for name in python_files("firmware/isthmus"):
            module = module_of(name)
            if module in DAEMON + COMMAND_LINE or not (module in TUNNEL or PARTS[part_of(module)][1]):
                continue
            for node in ast.walk(parse(name)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    self.assertNotIn(node.func.id, ("open", "print", "input"), f"{name}:{node.lineno}")

    def test_libraries_stay_behind_their_seam(self):
        for name in python_files("firmware", "web", "tools"):
            for line, target, _ in imports(parse(name), ""):
                for library, folder in SEAMS.items():
                    if is_within(target, library) and not name.startswith(f"firmware/shims/{library}/"):
                        may = name.startswith(folder) or (library, name) in [row[:2] for row in ALSO]
                        self.assertTrue(may, f"{name}:{line}: {library} belongs in {folder}")

    def test_web_sees_only_the_control_client(self):
        for name in python_files("web"):
            for line, target, _ in imports(parse(name), ""):
                if is_within(target, "isthmus"):
                    self.assertTrue(any(is_within(target, may) for may in WEB_MAY), f"{name}:{line} imports {target}")
        self.assertNotIn("isthmus.daemon", WEB_MAY)

    def test_each_named_part_is_there(self):
        files = tracked()
        for module in (*PARTS, *TUNNEL, *DAEMON):
            path = "firmware/" + module.replace(".", "/")
            there = path + ".py" in files or path + "/__init__.py" in files
            self.assertTrue(there, f"{module} is named in the rules and does not exist")
