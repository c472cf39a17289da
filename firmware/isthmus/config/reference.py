"""The reference page of the configuration, made from the schema and from nothing else: docs/options.md.

`tools/options` writes it; a test fails while the page and the schema differ. Pure.
"""

from __future__ import annotations

from isthmus.config.model import KEY_FILES
from isthmus.config.schema import SECTIONS
from isthmus.config.spec import LIST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.spec import OptionSpec, SectionSpec

HEAD = """# Every option of /etc/config/isthmus

<!-- Made by tools/options from firmware/isthmus/config/schema.py: change that, not this page. -->

The file is in OpenWrt's own syntax (UCI): sections of options and lists. Whatever is left out has its default.

    config tunnel 'branch'
            option remote 'branch.example.net'
            list remote_subnet '192.168.20.0/24'

Edit it by hand, with `uci`, with LuCI, or with `isthmus config`, which knows everything below and refuses what would
not work before it is committed:

    isthmus config set isthmus.branch.mtu=1400
    isthmus config changes
    isthmus config commit
    isthmus reload

Keys (%s) need not stand in the file: `isthmus config set isthmus.branch.psk` asks for one and puts it into
/etc/isthmus/secrets, readable by root alone.

A **list** may be written several times, one value each. Where a default is in words it is found at run time.
"""


def page() -> str:
    """The whole page, in Markdown."""
    parts = [HEAD % ", ".join(["`%s`" % name for name in sorted(KEY_FILES, reverse=True)])]
    for spec in SECTIONS:
        parts.append(_section(spec))
    return "".join(parts)


def _section(spec: SectionSpec) -> str:
    name = " 'NAME'" if spec.named else ""
    lines = ["", "## config %s%s" % (spec.type, name), "", _escaped(spec.help)]
    if spec.single:
        lines[-1] += " There is at most one."
    for row in spec.options:
        lines += _option(row)
    if spec.absent:
        lines += ["", "### What is not there, on purpose"]
        for option, why, remedy in spec.absent:
            lines += ["", "`%s`: %s. %s." % (option, _escaped(why), _sentence(remedy))]
    return "\n".join(lines) + "\n"


def _option(row: OptionSpec) -> list[str]:
    kind = "list" if row.kind == LIST else "option"
    lines = ["", "### %s %s" % (kind, row.name), "", _escaped(row.help), ""]
    most = " (up to %d values)" % row.most if kind == "list" else ""
    lines.append("- Allowed: " + _escaped(row.type.allowed) + most)
    if row.required:
        lines.append("- Required.")
    elif row.default is None:
        lines.append("- Default: %s" % _escaped(row.default_text or "none"))
    else:
        default = [row.default] if isinstance(row.default, str) else list(row.default)
        lines.append("- Default: %s" % ", ".join(["`%s`" % text for text in default]))
    if row.type.secret:
        lines.append("- A secret: no message and no status shows it.")
    if row.see:
        lines.append("- See also: %s" % ", ".join(["`%s`" % name for name in row.see]))
    return lines


def _sentence(text: str) -> str:
    return _escaped(text[:1].upper() + text[1:])


def _escaped(text: str) -> str:
    """Words of the schema as Markdown: its signs are meant as they stand."""
    for sign in ("\\", "*", "_", "<", ">"):
        text = text.replace(sign, "\\" + sign)
    return text
