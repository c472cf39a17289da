"""The invite: what one site hands the other by mail, chat or QR.

    S            32 bytes   one-time secret
    H            32 bytes   SHA-256 of the inviter's one-time X25519 public key
    expiry        4 bytes   seconds since 1970 by the inviter's own clock: for people to read; nobody counts by it
    name          1 + n     the inviting site
    endpoints     1 + n *   (kind, then 4 or 16 bytes, or 1 + a host name; then the UDP port, 2 bytes)

Version, length and checksum are around it (text.py). Numbers are in network byte order.
"""

from __future__ import annotations

from isthmus.crypto.dh import X25519
from isthmus.crypto.prf import sha256
from isthmus.proto.pairing.errors import MALFORMED, InviteError
from isthmus.proto.pairing.limits import DIGEST_BYTES, ENDPOINTS, HOST_BYTES, SECRET_BYTES
from isthmus.proto.pairing.names import ALLOWED, is_name
from isthmus.proto.pairing.terms import NOBODYS
from isthmus.proto.pairing.text import decode, encode
from isthmus.wire.addr import IPV4_BYTES, IPV6_BYTES, Prefix, format_ip, is_ip, parse_ip
from isthmus.wire.buffer import COUNT, VALUE, Reader, WireError, Writer
from isthmus.wire.identity import is_host_name
from isthmus.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

HOST, IPV4, IPV6 = 0, 4, 6  # kinds of endpoints


class Invite(Value):
    """What an invite says. secret: S; commitment: H; expiry: seconds since 1970, for people; name: the inviting site's;
    endpoints: [(host name or address as text, UDP port)]. content: its bytes, which both sites hash.
    """

    fields = ("name", "endpoints", "expiry")

    def __init__(
        self, secret: bytes, commitment: bytes, expiry: int, name: str, endpoints: list[tuple[str, int]]
    ) -> None:
        self.secret = secret
        self.commitment = commitment
        self.expiry = expiry
        self.name = name
        self.endpoints = endpoints
        self.content = push_invite(self)

    def get_text(self) -> str:
        """The invite as it is handed on. It is a secret until it is used."""
        return encode(self.content)


def make_invite(
    rng: Callable[[int], bytes], name: str, endpoints: list[tuple[str, int]], expiry: int
) -> tuple[Invite, X25519]:
    """A new invite and the key pair that it commits to. Raises InviteError for a name or endpoint that cannot be."""
    if not is_name(name.encode()):
        raise InviteError("'%s' cannot be a site's name" % name[:64], "use %s" % ALLOWED, MALFORMED)
    if not 1 <= len(endpoints) <= ENDPOINTS:
        message = "an invite with %d endpoints; it has 1 to %d" % (len(endpoints), ENDPOINTS)
        raise InviteError(message, "name the addresses under which this site is reached", MALFORMED)
    for host, port in endpoints:
        is_somebodys = is_reachable(parse_ip(host)) if is_ip(host) else is_host_name(host)
        if not is_somebodys or not 0 < port < 65536:
            message = "'%s' port %d cannot be reached from anywhere" % (host[:64], port)
            raise InviteError(message, "name an address or a host name, and a UDP port", MALFORMED)
    pair = X25519(rng)
    return Invite(rng(SECRET_BYTES), sha256(pair.public), expiry, name, endpoints), pair


def is_reachable(address: bytes) -> bool:
    """False for what leads to the router itself, its next neighbours or to many: whoever makes an invite could have the
    joiner's router talk to them. Holds for what a name is looked up as, too.
    """
    itself = Prefix(address, 8 * len(address))
    return not any(itself.overlaps(network) for network in NOBODYS)


def read_invite(text: str) -> Invite:
    """The invite in a text. Raises InviteError, which says what was found and what to do."""
    content = decode(text)
    try:
        reader = Reader(content)
        invite = pull_invite(reader)
        reader.finish()
    except WireError as error:
        message = "the invite arrived as it was made, and says what no invite can: %s" % error
        raise InviteError(message, "update both routers to the same release", MALFORMED)  # noqa: B904
    if invite.content != content:
        raise InviteError("the invite is not in its shortest form", "ask for a new invite", MALFORMED)
    return invite


def pull_invite(reader: Reader) -> Invite:
    """Raises WireError."""
    secret, commitment = reader.pull_bytes(SECRET_BYTES), reader.pull_bytes(DIGEST_BYTES)
    expiry = reader.pull_uint32()
    name = reader.pull_bytes(reader.pull_uint8())
    if not is_name(name):
        raise WireError(VALUE, "a site's name that cannot be one")
    count = reader.pull_uint8()
    if not 1 <= count <= ENDPOINTS:
        raise WireError(COUNT, "%d endpoints" % count)
    endpoints = [_pull_endpoint(reader) for _ in range(count)]
    return Invite(secret, commitment, expiry, name.decode(), endpoints)


def push_invite(invite: Invite) -> bytes:
    """The mirror of pull_invite."""
    writer = Writer()
    writer.push_bytes(invite.secret)
    writer.push_bytes(invite.commitment)
    writer.push_uint32(invite.expiry)
    writer.push_uint8(len(invite.name.encode()))
    writer.push_bytes(invite.name.encode())
    writer.push_uint8(len(invite.endpoints))
    for host, port in invite.endpoints:
        _push_endpoint(writer, host, port)
    return writer.get_bytes()


def _pull_endpoint(reader: Reader) -> tuple[str, int]:
    kind = reader.pull_uint8()
    if kind == HOST:
        raw = reader.pull_bytes(reader.pull_uint8())
        for byte in raw:
            if not 32 < byte < 127:
                raise WireError(VALUE, "an endpoint that is no host name")
        host = raw.decode()
        if len(raw) > HOST_BYTES or is_ip(host) or not is_host_name(host):
            raise WireError(VALUE, "an endpoint that is no host name")
    elif kind in (IPV4, IPV6):
        address = reader.pull_bytes(IPV4_BYTES if kind == IPV4 else IPV6_BYTES)
        host = format_ip(address)
        if not is_reachable(address):
            raise WireError(VALUE, "%s is no address where anybody is reached" % host)
    else:
        raise WireError(VALUE, "an endpoint of kind %d" % kind)
    port = reader.pull_uint16()
    if not port:
        raise WireError(VALUE, "an endpoint with port 0")
    return host, port


def _push_endpoint(writer: Writer, host: str, port: int) -> None:
    if is_ip(host):
        address = parse_ip(host)
        writer.push_uint8(IPV4 if len(address) == IPV4_BYTES else IPV6)
        writer.push_bytes(address)
    else:
        writer.push_uint8(HOST)
        writer.push_uint8(len(host.encode()))
        writer.push_bytes(host.encode())
    writer.push_uint16(port)
