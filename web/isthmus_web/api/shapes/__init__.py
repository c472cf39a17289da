"""What the API's answers look like, as JSON Schema: read by openapi.py and the tests alone, never by the server.

In answers fields may be added within /api/v1, none goes and none changes its meaning; so clients ignore what they do
not know. The tests hold the real daemon's answers to these shapes with nothing beside.
"""

from __future__ import annotations

from isthmus_web.api.shapes import account, change, config, pairing, policy, system, tunnels
from isthmus_web.api.shapes.notation import Schema

SHAPES: dict[str, Schema] = {
    **account.SHAPES, **tunnels.SHAPES, **policy.SHAPES, **config.SHAPES, **change.SHAPES, **pairing.SHAPES,
    **system.SHAPES,
}  # fmt: skip
