"""The key exchange of one exchange: our public value, and the secret that the two make. RFC 7296 sections 1.2, 1.3."""
from __future__ import annotations

from isthmus.crypto.dh import DhError
from isthmus.proto.errors import BadPublicValue
from isthmus.wire.ike_payloads import KePayload

NONCE_BYTES = 32  # at least half the prf's key, RFC 7296 2.10

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.dh import KeyPair
    from isthmus.crypto.suites import Group, Suite


def group_of(suite: Suite) -> Group:
    """The group of a suite that must have one."""
    if suite.group is None:
        raise AssertionError("an IKE suite without a group")
    return suite.group


def make_ke(suite: Suite | None, key_pair: KeyPair | None) -> KePayload:
    """The payload with our public value."""
    if suite is None or key_pair is None:
        raise AssertionError("there is no key pair")
    return KePayload(group_of(suite).id, key_pair.public)


def compute_secret(key_pair: KeyPair | None, ke: KePayload) -> bytearray:
    """g^ir. Raises BadPublicValue."""
    if key_pair is None:
        raise AssertionError("there is no key pair")
    try:
        return key_pair.compute(ke.data)
    except DhError as error:
        raise BadPublicValue(error.message) from error
