"""`from __future__ import annotations` for MicroPython, which never evaluates annotations anyway."""

annotations = True
