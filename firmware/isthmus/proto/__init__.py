"""Protocol machines without sockets, clock, randomness or kernel: they take values and return values."""
from __future__ import annotations
