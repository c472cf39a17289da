"""The JSON API, /api/v1/: what the pages can do, for programs. docs/API.md is its manual.

    route.py      one row of the table: method, path, the call of isthmusd behind it, what may be sent
    routes.py     the table itself
    inputs.py     what each field of a request may hold
    reading.py    a request held against its row
    serving.py    a row at work; the session, by bearer token or cookie
    refusal.py    every error in one shape, with its HTTP status
    shapes/       what answers look like    openapi.py    table and shapes as OpenAPI 3.1 (tools/api; not at run time)

A row is a call of the control socket, by the same way as the pages' (link.py): roles, fresh passwords, throttling and
every check that matters are isthmusd's, so that neither pages nor API can do what the other cannot.
"""

from __future__ import annotations

PREFIX = "/api/v1"
ROOT = "/api/"
"""Below this nothing is a page: errors are JSON, and no answer leads elsewhere."""
