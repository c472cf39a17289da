"""Forward secrecy for ESP, told at set-up: a mismatch that only the first rekeying would meet. RFC 7296 section 1.3.1.

In IKE_AUTH no group of an ESP proposal is spoken of (RFC 7296 section 1.2), so two sides that will never agree on one
come up all the same, and lose the tunnel an hour later. Two Isthmus therefore announce their ESP proposals by a private
notify and compare them. With others, whoever began the IKE SA rekeys the CHILD SA once, right away, and hears what they
say.
"""
from __future__ import annotations

from isthmus.crypto.suites import SuiteError, parse_esp_suite
from isthmus.proto.actions import INITIATOR
from isthmus.proto.errors import NoProposalChosen
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike_payloads import NotifyPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.suites import Suite
    from isthmus.proto.ike2.connection import Connection
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming
    from isthmus.wire.ike_payloads import Payload

MAX_BYTES = 1024  # of an announcement that is read; what is beyond is not compared
MAX_SHOWN = 200  # characters of it in a sentence


def make_words(sa: IkeSa, connection: Connection) -> list[Payload]:
    """The payload for IKE_AUTH: our ESP proposals in the words of the configuration, for another Isthmus."""
    if not sa.peer_is_isthmus:
        return []
    words = " ".join([str(suite) for suite in connection.esp_proposals])
    return [NotifyPayload(num.ISTHMUS_ESP, words.encode())]


def check_words(connection: Connection, incoming: Incoming) -> None:
    """Raises NoProposalChosen if the peer announces ESP proposals none of which rekeying could agree on."""
    notify = incoming.find_notify(num.ISTHMUS_ESP)
    if notify is None:
        return
    theirs = _read(notify.data)
    if not [1 for ours in connection.esp_proposals if [1 for other in theirs if _is_common(ours, other)]]:
        raise NoProposalChosen(
            "tunnel '%s': the peer's esp proposals are %s; this side allows %s; one must be the same, with its group"
            % (connection.name, _show(notify.data), ", ".join([str(suite) for suite in connection.esp_proposals]))
        )


def _read(data: bytes) -> list[Suite]:
    """The proposals that we know; what a newer Isthmus may have beside them is passed over."""
    suites = []
    for word in data[:MAX_BYTES].split(b" "):
        try:
            suites.append(parse_esp_suite(word.decode()))
        except (SuiteError, ValueError):
            continue
    return suites


def _is_common(ours: Suite, theirs: Suite) -> bool:
    esn = ours.esn is None or theirs.esn is None or ours.esn == theirs.esn
    return esn and ours.cipher == theirs.cipher and ours.group == theirs.group


def _show(data: bytes) -> str:
    """An announcement for a sentence: letters, digits and hyphens, whatever was sent."""
    shown = [chr(byte) if 32 <= byte <= 126 else "?" for byte in data[:MAX_SHOWN]]
    return "".join(shown).replace(" ", ", ") or "none"


def try_early(engine: Engine, sa: IkeSa, connection: Connection, now: int) -> None:
    """With a peer that announces nothing: rekey at once if we want a group."""
    wants_group = [suite for suite in connection.esp_proposals if suite.group is not None] != []
    if wants_group and sa.role == INITIATOR and not sa.peer_is_isthmus and sa.children:
        from isthmus.proto.ike2 import rekey_child  # waiting.py

        rekey_child.begin(engine, sa, sa.children[0], now)
