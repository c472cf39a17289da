"""A file in, a text out, both kept: what changes here changes for the people who use it."""
