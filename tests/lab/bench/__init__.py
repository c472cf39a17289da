"""tools/bench: Isthmus beside what it replaces, on one kernel and one topology."""
