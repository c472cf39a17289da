"""Comparison that looks at every byte, whatever the first ones were."""


def bytes_eq(a, b):
    """True if both are equal."""
    if len(a) != len(b):
        return False
    difference = 0
    for index in range(len(a)):
        difference |= a[index] ^ b[index]
    return difference == 0
