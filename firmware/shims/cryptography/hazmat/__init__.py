"""Part of the shim for `cryptography`."""
