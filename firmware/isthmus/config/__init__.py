"""The configuration: UCI text -> checked, typed values. Pure: files are read by a function that is passed in."""

from __future__ import annotations
