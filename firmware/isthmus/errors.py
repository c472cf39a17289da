"""The root of every error Isthmus raises on purpose.

An error carries what its reader needs: a program reads `code`, a person reads the sentence and the `remedy`, the wire
gets `notify` where the protocol has an answer for it. Nobody matches on text, and no secret is ever part of it.
"""

from __future__ import annotations


class IsthmusError(Exception):
    """One thing that went wrong.

    code: short name, lower case with dashes, stable for programs.
    message: one sentence with what was found and what is allowed; where two sides differ, both sides' values.
    remedy: one sentence that says what to do, or "" where nobody can do anything.
    """

    code = "error"
    remedy = ""

    def __init__(self, message: str, remedy: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        if remedy:
            self.remedy = remedy
        if code:
            self.code = code

    def __str__(self) -> str:
        return self.message
