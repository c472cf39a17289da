"""Tests of the web interface: the real program, as its own user, before a real daemon on a null kernel."""
