"""How two Isthmus know each other: a Vendor ID in IKE_SA_INIT, and in IKE_AUTH a private notify with the link's bytes.

The notify stands for BEET mode, for which IKE has no number of its own (design.md, "A tunnel's life"). Its bytes
describe what the tunnel means to its sender; they are compared whole, so that two ends that would derive different
tunnels never think that they share one.
"""
from __future__ import annotations

from isthmus.proto.actions import BEET
from isthmus.proto.errors import LinkMismatch
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import NotifyPayload, VendorPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.connection import Connection
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.ike_payloads import Payload

VENDOR_ID = b"isthmus-link-1"
SHOWN_BYTES = 64


def make_vendor() -> Payload:
    """The payload for IKE_SA_INIT."""
    return VendorPayload(VENDOR_ID)


def is_isthmus(incoming: Incoming) -> bool:
    """True if an IKE_SA_INIT message carries our Vendor ID."""
    return VendorPayload(VENDOR_ID) in incoming.payloads


def make_link(connection: Connection) -> list[Payload]:
    """The payloads for IKE_AUTH: one, or none where the tunnel is not in BEET mode."""
    return [NotifyPayload(num.ISTHMUS_LINK, connection.link)] if connection.mode == BEET else []


def fits(connection: Connection, incoming: Incoming) -> bool:
    """True if the peer's IKE_AUTH announces what we announce, or neither announces anything."""
    return _theirs(incoming) == _ours(connection)


def _theirs(incoming: Incoming) -> bytes | None:
    notify = incoming.find_notify(num.ISTHMUS_LINK)
    return notify.data if notify is not None else None


def _ours(connection: Connection) -> bytes | None:
    return connection.link if connection.mode == BEET else None


def check_link(connection: Connection, incoming: Incoming) -> None:
    """Raises LinkMismatch unless `fits`."""
    if not fits(connection, incoming):
        theirs, ours = _theirs(incoming), _ours(connection)
        raise LinkMismatch(
            "tunnel '%s': the peer announces %s; this side announces %s"
            % (connection.name, show_link(theirs), show_link(ours)),
            ours,
            theirs,
        )


def show_link(link: bytes | None) -> str:
    """Link bytes for a sentence: text where they are text, else hex; at most SHOWN_BYTES of them."""
    if link is None:
        return "no Isthmus link"
    shown = link[:SHOWN_BYTES]
    rest = "..." if len(link) > SHOWN_BYTES else ""
    for byte in shown:
        if not 32 <= byte <= 126:
            return "0x" + shown.hex() + rest
    return "'" + shown.decode() + rest + "'"
