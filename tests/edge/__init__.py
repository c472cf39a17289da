"""The edge over real sockets, files and processes: CPython only."""
