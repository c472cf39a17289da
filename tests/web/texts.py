"""The texts of the web interface that translators see, found in templates and sources."""

from __future__ import annotations

import ast
from pathlib import Path

from jinja2 import Environment

WEB = Path(__file__).resolve().parents[2] / "web" / "isthmus_web"
MARKS = ("say", "later", "translate", "translate_number")


def of_templates() -> set[str]:
    """Those of templates/."""
    environment = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    found: set[str] = set()
    for path in sorted((WEB / "templates").glob("*.html")):
        for _, _, text in environment.extract_translations(path.read_text("utf-8"), ("_", "gettext", "ngettext")):
            found.add(text[0] if isinstance(text, tuple) else text)
    return found


def name_of(node: ast.expr) -> str:
    """Of what is called: say or words.say."""
    return getattr(node, "id", "") or getattr(node, "attr", "")


def of_sources() -> set[str]:
    """Those of the Python files."""
    found: set[str] = set()
    for path in sorted(WEB.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and name_of(node.func) in MARKS:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return found
