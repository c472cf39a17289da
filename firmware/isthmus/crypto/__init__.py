"""Algorithms by the numbers that IKE gives them. The only importer of `cryptography`.

An algorithm whose import is missing is not offered: see `suites.available`.
"""
from __future__ import annotations
