"""What runs the tests: on which interpreters, in which processes, and what is said about it."""
