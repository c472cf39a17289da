"""Isthmus: two sites joined by L2TP inside IPsec, and never a clear packet."""

from __future__ import annotations

__version__ = "0.1.0"
