"""What `nft -j list` says, as a digest: handles, counters and the program's own version do not count."""
from __future__ import annotations

from isthmus import hashes

TYPE_CHECKING = False
if TYPE_CHECKING:
    Json = object

_VOLATILE = ("handle", "metainfo", "packets", "bytes")


def canonical(value: Json) -> str:
    """One text for one value: keys in order, what changes by itself left out."""
    import json  # here: a start needs no listing, and is sooner without it

    if isinstance(value, dict):
        parts = []
        for name in sorted(value):
            if name not in _VOLATILE:
                parts.append("%s:%s" % (json.dumps(name), canonical(value[name])))
        return "{" + ",".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ",".join([canonical(one) for one in value]) + "]"
    return json.dumps(value)


def digest(listing: str) -> bytes:
    """SHA-256 of a table as `nft -j list table` prints it. Raises ValueError if it is not JSON."""
    import json

    return hashes.sha256(canonical(json.loads(listing)).encode()).digest()
