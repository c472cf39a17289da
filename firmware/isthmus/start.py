"""isthmusd's first step: what has to be so before the rest of it is even loaded."""

from __future__ import annotations

import sys

from isthmus.edge import os_cpython_start as host


def main() -> int:
    """The program: daemon.py, loaded quickly."""
    host.begin_loading()
    from isthmus import daemon  # here: loading it is what begins

    return daemon.main()


if __name__ == "__main__":
    sys.exit(main())
