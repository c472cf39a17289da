"""Bytes <-> values: no state, no clock, no I/O."""
from __future__ import annotations
