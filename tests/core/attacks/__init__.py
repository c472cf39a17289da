"""Attacks on IKE, by the classes in which they have hit other programs: test_table.py names them all."""
