"""Tests on a real kernel; tools/lab runs them."""
