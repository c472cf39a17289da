"""The part of pyroute2 that Isthmus uses, under pyroute2's own names, for interpreters and routers that lack it.

Exactly what isthmus/kernel/real_netlink.py lists, and nothing else. Tests compare what both put on the wire.
"""
from __future__ import annotations
