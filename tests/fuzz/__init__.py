"""Every parser of foreign bytes against mutated input; the invariant of each is its first sentence."""
