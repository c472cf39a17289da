"""Plain unittest that every interpreter runs: CPython and two builds of MicroPython."""
