"""Incoming: one received message while it is being handled."""
from __future__ import annotations

from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import NotifyPayload, OpaquePayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from isthmus.wire.addr import Endpoint
    from isthmus.wire.ike import Header
    from isthmus.wire.ike_payloads import Payload

    P = TypeVar("P", bound=Payload)


class Incoming:
    """A message and where it came from.

    source, destination: endpoints as the datagram had them. payloads: those that count for the exchange: the clear
    ones of IKE_SA_INIT, the decrypted ones of everything else. digest: SHA-256 of the datagram.
    """

    def __init__(
        self, header: Header, datagram: bytes, digest: bytes, source: Endpoint, destination: Endpoint
    ) -> None:
        self.header = header
        self.datagram = datagram
        self.digest = digest
        self.source = source
        self.destination = destination
        self.payloads: list[Payload] = []

    def get(self, payload_type: int, kind: type[P]) -> P:
        """The payload of a type that the transition's row requires. kind: the class of that type."""
        payload = self.find(payload_type, kind)
        if payload is None:
            raise AssertionError("payload %d is not there, though the row requires it" % payload_type)
        return payload

    def find(self, payload_type: int, kind: type[P]) -> P | None:
        """The first payload of a type, or None."""
        for payload in self.payloads:
            if payload.type == payload_type and isinstance(payload, kind):
                return payload
        return None

    def find_notify(self, notify: int) -> NotifyPayload | None:
        """The first notify of a kind, or None."""
        for payload in self.payloads:
            if isinstance(payload, NotifyPayload) and payload.notify == notify:
                return payload
        return None

    def find_notifies(self, notify: int) -> list[NotifyPayload]:
        """Every notify of a kind."""
        return [
            payload for payload in self.payloads if isinstance(payload, NotifyPayload) and payload.notify == notify
        ]

    def find_error(self) -> NotifyPayload | None:
        """The first notify that is an error, or None."""
        for payload in self.payloads:
            if isinstance(payload, NotifyPayload) and payload.is_error:
                return payload
        return None

    def find_critical(self) -> OpaquePayload | None:
        """The first payload that we cannot read and must not skip (RFC 7296 section 2.5), or None."""
        for payload in self.payloads:
            if isinstance(payload, OpaquePayload) and payload.critical and payload.type not in SKIPPED:
                return payload
        return None


# Types of RFC 7296 itself, whose critical bit a sender must leave clear and a receiver must ignore.
SKIPPED = (num.CERT, num.CERTREQ, num.CP, num.EAP)
