"""The shims against the modules they stand in for: CPython runs these tests with its own modules and with the shims."""
