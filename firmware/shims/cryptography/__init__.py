"""What isthmus.crypto imports of `cryptography`, in Python, for interpreters that have no such library.

The same names with the same behaviour, and no others; tests/core/test_crypto_shim.py compares the two. NOT CONSTANT
TIME: Python's integers and table look-ups take a time that depends on the secret. On a router that nobody else has an
account on, and whose keys live for one IKE SA, that is what one can have without a C library; where the real one can
be installed, install it.
"""
