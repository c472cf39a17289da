"""The rules of the repository as tests (CPython only)."""
