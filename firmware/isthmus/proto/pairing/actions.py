"""What a desk wants done, as values; the daemon obeys them in order. `pairing`: the number of the pairing."""

from __future__ import annotations

from isthmus.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.pairing.errors import PairingError
    from isthmus.proto.pairing.keys import InviteKeys, TunnelKeys
    from isthmus.proto.pairing.values import Terms


class Listen(Value):
    """Answer IKE under these keys from anywhere, until Stop."""

    fields = ("pairing", "keys")

    def __init__(self, pairing: int, keys: InviteKeys) -> None:
        self.pairing = pairing
        self.keys = keys


class Call(Value):
    """Begin IKE under these keys with the first of the endpoints [(host, port)] that answers."""

    fields = ("pairing", "keys", "endpoints")

    def __init__(self, pairing: int, keys: InviteKeys, endpoints: list[tuple[str, int]]) -> None:
        self.pairing = pairing
        self.keys = keys
        self.endpoints = endpoints


class Stop(Value):
    """Forget these keys: nobody is answered or called under them any more."""

    fields = ("pairing",)

    def __init__(self, pairing: int) -> None:
        self.pairing = pairing


class Send(Value):
    """One INFORMATIONAL request on this IKE SA, behind those already asked for. data: the notify's, a secret."""

    fields = ("pairing", "ike_id")

    def __init__(self, pairing: int, ike_id: int, data: bytes) -> None:
        self.pairing = pairing
        self.ike_id = ike_id
        self.data = data


class CloseSa(Value):
    """DELETE for this IKE SA, once what was sent on it has been answered."""

    fields = ("pairing", "ike_id")

    def __init__(self, pairing: int, ike_id: int) -> None:
        self.pairing = pairing
        self.ike_id = ike_id


class View(Value):
    """What an administrator is shown. peer: the other site's name; words: to be compared; nat: what IKE found of
    translators; rivals: how many others have come with the same invite since.
    """

    fields = ("peer", "words", "terms", "nat", "rivals")

    def __init__(self, peer: str, words: tuple[str, ...], terms: Terms, nat: str, rivals: int) -> None:
        self.peer = peer
        self.words = words
        self.terms = terms
        self.nat = nat
        self.rivals = rivals


class Ask(Value):
    """Show this, and let the administrator approve or cancel. Comes again when something of it changes."""

    fields = ("pairing", "view")

    def __init__(self, pairing: int, view: View) -> None:
        self.pairing = pairing
        self.view = view


class Entry(Value):
    """A tunnel that was paired. name: here; peer: the other site's name; site: its id; role: ours, values.INVITER or
    JOINER; endpoints: of the inviter, for the joiner to call, else empty. keys: TunnelKeys, neither compared nor shown.
    """

    fields = ("name", "peer", "site", "role", "terms", "endpoints")

    def __init__(
        self,
        name: str,
        peer: str,
        site: bytes,
        role: int,
        terms: Terms,
        endpoints: list[tuple[str, int]],
        keys: TunnelKeys,
    ) -> None:
        self.name = name
        self.peer = peer
        self.site = site
        self.role = role
        self.terms = terms
        self.endpoints = endpoints
        self.keys = keys


class KeepEntry(Value):
    """Keep this entry before the next action is obeyed. is_confirmed: the peer is known to have one.

    Until ConfirmEntry it installs nothing, answers IKE under its keys (the joiner's calls, too), and a restart ends it.
    """

    fields = ("pairing", "entry", "is_confirmed")

    def __init__(self, pairing: int, entry: Entry, is_confirmed: bool) -> None:
        self.pairing = pairing
        self.entry = entry
        self.is_confirmed = is_confirmed


class ConfirmEntry(Value):
    """An IKE_AUTH under its keys has proved the peer: from now on it is a tunnel like any other."""

    fields = ("pairing",)

    def __init__(self, pairing: int) -> None:
        self.pairing = pairing


class RemoveEntry(Value):
    """Take the entry back, with its keys: it never carried anything."""

    fields = ("pairing",)

    def __init__(self, pairing: int) -> None:
        self.pairing = pairing


class Ended(Value):
    """The pairing is over. error: None if there is a tunnel now."""

    fields = ("pairing",)

    def __init__(self, pairing: int, error: PairingError | None) -> None:
        self.pairing = pairing
        self.error = error
