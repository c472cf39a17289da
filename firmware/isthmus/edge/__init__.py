"""The edge of the daemon: loop, sockets, clock, randomness, files, log. What differs between interpreters is in
os_*.py.
"""
