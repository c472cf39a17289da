"""Properties that hold for every input of a kind, tried on many."""
