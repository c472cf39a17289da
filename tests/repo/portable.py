"""The portable subset as a table: what CPython 3.11 has and MicroPython 1.23 does not.

Each row of RULES has a predicate over one syntax node, the reason, and samples that it must find. Nodes inside
annotations and under `if TYPE_CHECKING:` are never evaluated and not looked at. What no tree shows (the order of a
dict, `unpack` accepting trailing bytes, the depth of calls) is left to the run on the interpreters.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable, Iterator

from tests.repo.sources import is_type_checking

MODULES = {
    "__future__", "argparse", "array", "binascii", "collections", "cryptolib", "errno", "gc", "hashlib", "hmac", "io",
    "isthmus", "json", "logging", "math", "os", "re", "select", "socket", "struct", "sys", "tests", "time",
    "unittest",
}  # fmt: skip
"""What portable code may import: on both interpreters or as a shim. Others: try, except ImportError."""

SEAMS = {
    "cryptography": "firmware/isthmus/crypto/",
    "pyroute2": "firmware/isthmus/kernel/",
}
"""Libraries that one folder alone imports, their shims aside (test_imports.py holds that)."""

OFFERS = {
    "binascii": {"a2b_base64", "b2a_base64", "crc32", "hexlify", "unhexlify"},
    "collections": {"OrderedDict", "deque", "namedtuple"},
    "errno": {
        "EACCES", "EADDRINUSE", "EAGAIN", "EALREADY", "EBADF", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET",
        "EEXIST", "EHOSTUNREACH", "EINPROGRESS", "EINVAL", "EIO", "EISDIR", "ENOBUFS", "ENODEV", "ENOENT", "ENOMEM",
        "ENOTCONN", "EOPNOTSUPP", "EPERM", "ETIMEDOUT", "errorcode",
    },
    "hashlib": {"md5", "sha1", "sha256"},
    "io": {"BytesIO", "StringIO", "open"},
    "json": {"dump", "dumps", "load", "loads"},
    "os": {
        "chdir", "getcwd", "getenv", "listdir", "mkdir", "remove", "rename", "rmdir", "stat", "system", "unlink",
        "urandom",
    },
    "re": {"compile", "match", "search", "sub"},
    "select": {"POLLERR", "POLLHUP", "POLLIN", "POLLOUT", "poll"},
    "struct": {"calcsize", "pack", "pack_into", "unpack", "unpack_from"},
    "sys": {"argv", "byteorder", "exit", "implementation", "maxsize", "modules", "path", "platform", "stderr", "stdin",
            "stdout", "version", "version_info"},
    "time": {"gmtime", "localtime", "mktime", "sleep", "time", "time_ns"},
}  # fmt: skip
"""What these modules have on both interpreters. test_portable.py asks MicroPython whether it is so."""

MISSING_BUILTINS = {
    "BaseExceptionGroup", "BlockingIOError", "BrokenPipeError", "BufferError", "BytesWarning", "ChildProcessError",
    "ConnectionAbortedError", "ConnectionError", "ConnectionRefusedError", "ConnectionResetError",
    "DeprecationWarning", "EncodingWarning", "EnvironmentError", "ExceptionGroup", "FileExistsError",
    "FileNotFoundError", "FloatingPointError", "FutureWarning", "IOError", "ImportWarning", "InterruptedError",
    "IsADirectoryError", "ModuleNotFoundError", "NotADirectoryError", "PendingDeprecationWarning", "PermissionError",
    "ProcessLookupError", "RecursionError", "ReferenceError", "ResourceWarning", "RuntimeWarning", "SyntaxWarning",
    "SystemError", "TabError", "TimeoutError", "UnboundLocalError", "UnicodeDecodeError", "UnicodeEncodeError",
    "UnicodeTranslateError", "UnicodeWarning", "UserWarning", "Warning",
}  # fmt: skip

MISSING_FUNCTIONS = {"aiter", "anext", "ascii", "breakpoint", "exit", "format", "quit", "vars"}
"""Looked for in calls only: the same words are good names for arguments."""

MISSING_METHODS = {
    "as_integer_ratio", "bit_count", "bit_length", "capitalize", "casefold", "cast", "conjugate", "expandtabs",
    "format_map", "is_integer", "isalnum", "isascii", "isdecimal", "isidentifier", "isnumeric", "isprintable",
    "istitle", "ljust", "maketrans", "removeprefix", "removesuffix", "rjust", "swapcase", "title", "tobytes",
    "tolist", "toreadonly", "translate", "zfill", "_asdict", "_make", "_replace", "iter_unpack",
}  # fmt: skip
"""Methods of CPython's built-in types (and namedtuple) that no built-in type of MicroPython has."""

POSITIONAL_ONLY = {
    "decode", "encode", "from_bytes", "int", "pow", "round", "rsplit", "split", "sum", "to_bytes", "zip", "dumps",
}  # fmt: skip
"""Functions that take no keyword on MicroPython (dumps: only separators)."""

STRUCT_LETTERS = "xbBhHiIlLqQsP0123456789"

Predicate = Callable[[ast.AST], bool]


class Rule:
    """One thing not to write: its name, which nodes it is, why, what to do, and samples that show it."""

    def __init__(self, name: str, matches: Predicate, reason: str, *bad: str) -> None:
        self.name = name
        self.matches = matches
        self.reason = reason
        self.bad = bad


def _called(node: ast.AST) -> str:
    """The name of what a call calls: `f` of f(), `m` of x.m(); empty for anything else."""
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _of_module(node: ast.AST, module: str) -> str:
    """The attribute's name if the node is `module.attribute`; empty otherwise."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == module:
        return node.attr
    return ""


def _text_argument(node: ast.AST, module: str) -> str | None:
    """The first argument of a call of `module.something`, if it is literal text."""
    if isinstance(node, ast.Call) and _of_module(node.func, module) and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            return first.value
    return None


def _imports(node: ast.AST) -> list[str]:
    """Top-level names of the modules that a statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [(node.module or "").split(".")[0]]
    return []


def _imports_missing(node: ast.AST) -> bool:
    return any(name not in MODULES and name not in SEAMS for name in _imports(node))


def _names_missing(node: ast.AST) -> bool:
    """`module.name` or `from module import name` that one interpreter lacks."""
    if isinstance(node, ast.ImportFrom) and node.module in OFFERS:
        return any(alias.name not in OFFERS[node.module] for alias in node.names)
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        return False
    return node.value.id in OFFERS and node.attr not in OFFERS[node.value.id]


def _bad_method(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MISSING_METHODS):
        return False
    return not (isinstance(node.func.value, ast.Name) and node.func.value.id == "self")


def _bad_struct_format(node: ast.AST) -> bool:
    text = _text_argument(node, "struct") or ""
    return any(letter not in STRUCT_LETTERS for letter in (text[1:] if text[:1] in "<>!@" else text))


def _bad_pattern(node: ast.AST) -> bool:
    text = _text_argument(node, "re")
    return text is not None and any(part in text for part in ("{", "(?", "\\b", "\\B", "\\A", "\\Z"))


def _star_in_display(node: ast.AST) -> bool:
    if isinstance(node, ast.Dict):
        return None in node.keys
    loaded = isinstance(node, ast.Set) or (isinstance(node, ast.List | ast.Tuple) and isinstance(node.ctx, ast.Load))
    return loaded and any(isinstance(item, ast.Starred) for item in node.elts)  # type: ignore[attr-defined]


def _type_union(node: ast.AST) -> bool:
    """`int | None` that is evaluated: an operand that is None or a built-in type."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)):
        return False
    types = ("int", "str", "bytes", "bytearray", "float", "bool", "list", "tuple", "dict", "set", "type")
    for side in (node.left, node.right):
        if isinstance(side, ast.Constant) and side.value is None:
            return True
        if isinstance(side, ast.Name) and side.id in types:
            return True
    return False


def _private_name(node: ast.AST) -> bool:
    if not isinstance(node, ast.Attribute):
        return False
    return node.attr[:2] == "__" and node.attr[-2:] != "__"


def _function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _step(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Slice) and node.step is not None):
        return False
    return not (isinstance(node.step, ast.Constant) and node.step.value == 1)


def _from_bytes(node: ast.AST) -> bool:
    return _called(node) in ("to_bytes", "from_bytes") and len(node.args) != 2  # type: ignore[attr-defined]


def _encoding(node: ast.AST) -> bool:
    """Text coding with anything but UTF-8 and ASCII."""
    if _called(node) not in ("encode", "decode"):
        return False
    first = node.args[0] if node.args else None  # type: ignore[attr-defined]
    return isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value not in ("utf-8", "ascii")


def _deque(node: ast.AST) -> bool:
    return _called(node) == "deque" and len(node.args) + len(node.keywords) < 2  # type: ignore[attr-defined]


def _special_method(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name in ("__del__", "__init_subclass__", "__set_name__")


RULES = (
    Rule("module", _imports_missing, "MicroPython has no such module and there is no shim",
         "import enum", "from dataclasses import dataclass", "import ipaddress", "import random", "import typing"),
    Rule("name of a module", _names_missing, "MicroPython's module has no such name",
         "import struct\nstruct.error", "import socket, os\nos.path.join('a')", "from time import monotonic",
         "import hashlib\nhashlib.sha512()", "import json\njson.JSONDecodeError", "from collections import ChainMap"),
    Rule("built-in", lambda n: isinstance(n, ast.Name) and n.id in MISSING_BUILTINS,
         "MicroPython has no such built-in; catch OSError and look at .errno, or ValueError, UnicodeError",
         "try:\n    f()\nexcept TimeoutError:\n    pass", "raise FileNotFoundError('x')"),
    Rule("function", lambda n: isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
         and n.func.id in MISSING_FUNCTIONS,
         "MicroPython has no such function", "vars(x)", "format(1, 'x')", "exit(1)"),
    Rule("method", _bad_method, "MicroPython's built-in types have no such method",
         "(5).bit_length()", "'a'.isalnum()", "'a'.rjust(4)", "b'a'.removeprefix(b'b')", "memoryview(b).tobytes()"),
    Rule("hexdigest", lambda n: _called(n) == "hexdigest", "hash objects have no hexdigest(): digest().hex()",
         "sha256(b'').hexdigest()"),
    Rule("keyword", lambda n: _called(n) in POSITIONAL_ONLY and bool(n.keywords),  # type: ignore[attr-defined]
         "MicroPython takes no keyword here", "n.to_bytes(4, byteorder='big')", "'a b'.split(maxsplit=1)",
         "zip(a, b, strict=True)", "json.dumps(x, indent=1)", "int('5', base=16)", "b.decode(encoding='ascii')"),
    Rule("byte order", _from_bytes, "to_bytes and from_bytes need both arguments, positional, unsigned",
         "n.to_bytes(4)", "n.to_bytes()", "int.from_bytes(b)"),
    Rule("print", lambda n: _called(n) == "print" and any(k.arg == "flush" for k in n.keywords),  # type: ignore[attr-defined]
         "print has no flush", "print(1, flush=True)"),
    Rule("prefixes", lambda n: _called(n) in ("startswith", "endswith")
         and any(isinstance(a, ast.Tuple) for a in n.args),  # type: ignore[attr-defined]
         "startswith and endswith take no tuple before 1.25", "s.startswith(('a', 'b'))"),
    Rule("encoding", _encoding, "only utf-8 and ascii are there", "s.encode('latin-1')", "b.decode('utf-16')"),
    Rule("struct format", _bad_struct_format, 'no spaces and no "=" in formats; half floats and ? are not there',
         "import struct\nstruct.pack('=I', 1)", "import struct\nstruct.unpack('>I H', b)"),
    Rule("pattern", _bad_pattern, "re has no {m,n}, no (?...), no \\b: parse by hand",
         "import re\nre.match('a{2}', s)", "import re\nre.compile('(?P<x>a)')", "import re\nre.search(r'\\bword', s)"),
    Rule("deque", _deque, "deque needs its maximum length", "deque()", "deque(())"),
    Rule("star in a display", _star_in_display, "[*a] and {**a} are syntax errors: a + [b], update()",
         "[*a, 1]", "x = *a, 1", "{**a}", "{*a}"),
    Rule("step", _step, "bytes, str and tuple have no slices with a step", "b[::-1]", "b[::2]"),
    Rule("slice deletion", lambda n: isinstance(n, ast.Delete)
         and any(isinstance(t, ast.Subscript) and isinstance(t.slice, ast.Slice) for t in n.targets),
         "a bytearray deletes nothing: data[:n] = b'', words[:n] = []", "del buffer[:4]"),
    Rule("union", _type_union, "types have no | at run time", "isinstance(x, int | None)", "Text = str | bytes"),
    Rule("match", lambda n: isinstance(n, ast.Match), "no match statement", "match x:\n    case 1:\n        pass"),
    Rule("except*", lambda n: isinstance(n, ast.TryStar), "no except*", "try:\n    f()\nexcept* OSError:\n    pass"),
    Rule("positional only", lambda n: _function(n) and bool(n.args.posonlyargs),  # type: ignore[attr-defined]
         "no positional-only parameters", "def f(a, /):\n    pass"),
    Rule("async", lambda n: isinstance(n, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith),
         "the loop is select.poll; asyncio has no datagrams", "async def f():\n    pass"),
    Rule("class keywords", lambda n: isinstance(n, ast.ClassDef) and bool(n.keywords),
         "no metaclass and no class keywords", "class A(metaclass=B):\n    pass"),
    Rule("multiple inheritance", lambda n: isinstance(n, ast.ClassDef) and len(n.bases) > 1,
         "only the first base counts", "class A(B, C):\n    pass"),
    Rule("special method", _special_method, "never called by MicroPython",
         "class A:\n    def __del__(self):\n        pass"),
    Rule("private name", _private_name, "__x is not mangled: use _x", "self.__x = 1"),
    Rule("cause", lambda n: isinstance(n, ast.Attribute) and n.attr == "__cause__",
         "exceptions are not chained: put the cause into the message", "error.__cause__"),
)  # fmt: skip


DULL = (
    ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop, ast.Constant, ast.arguments, ast.arg,
    ast.keyword,
)  # fmt: skip
"""Kinds of nodes, most of all there are, that no rule is about."""


class Finding:
    """One place that breaks a rule."""

    def __init__(self, line: int, rule: str, reason: str) -> None:
        self.line = line
        self.rule = rule
        self.reason = reason

    def __repr__(self) -> str:
        return f"line {self.line}: {self.rule}: {self.reason}"


def evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all below it that an interpreter evaluates: no annotations, nothing under TYPE_CHECKING.

    Imports in a `try` with `except ImportError` are a question and not a demand, so they are left out as well.
    """
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        asks = field == "body" and isinstance(node, ast.Try) and _catches_import_error(node)
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or (isinstance(child, ast.stmt) and is_type_checking(child)):
                continue
            if not (asks and isinstance(child, ast.Import | ast.ImportFrom)):
                yield from evaluated(child)


def _catches_import_error(node: ast.Try) -> bool:
    return any(isinstance(h.type, ast.Name) and h.type.id == "ImportError" for h in node.handlers)


def _joined_f_strings(source: str) -> Iterator[int]:
    """Lines where a string literal follows another and one of them is an f-string (1.23 does not join them)."""
    before: tokenize.TokenInfo | None = None
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.NL, tokenize.COMMENT):
            continue
        if token.type == tokenize.STRING:
            if before is not None and (_is_f_string(before) or _is_f_string(token)):
                yield token.start[0]
            before = token
        else:
            before = None


def _is_f_string(token: tokenize.TokenInfo) -> bool:
    prefix = token.string[: token.string.index(token.string[-1])]
    return "f" in prefix.lower()


def findings(source: str) -> list[Finding]:
    """Every place of a source text that MicroPython 1.23 would not take as CPython does."""
    found = []
    for node in evaluated(ast.parse(source)):
        if isinstance(node, DULL):
            continue
        for rule in RULES:
            if rule.matches(node):
                found.append(Finding(getattr(node, "lineno", 0), rule.name, rule.reason))
    for line in _joined_f_strings(source):
        found.append(Finding(line, "joined f-strings", "adjacent literals with an f-string are not joined: use +"))
    return sorted(found, key=lambda finding: finding.line)
