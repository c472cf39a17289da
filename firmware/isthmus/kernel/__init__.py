"""The one seam to the kernel: its contract, the real kernel, and a twin in memory."""
from __future__ import annotations
