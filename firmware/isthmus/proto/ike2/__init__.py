"""IKEv2 as a sans-IO machine: datagrams, timers and commands in, actions out. Its contract: firmware/DESIGN.md.

    from isthmus.proto.ike2.connection import Connection, Retransmit
    from isthmus.proto.ike2.engine import Engine

Where to read: tables.py first (what may happen), then init.py and auth.py (how), crossing.py (when both ends begin).
"""
from __future__ import annotations
