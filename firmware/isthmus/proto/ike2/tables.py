"""The transitions of IKEv2, one row each: what may arrive in which state, what it must carry, and who handles it.

Rules, held by find_row and nobody else:
  - what no row allows does not happen: the message is dropped (wrong state or exchange) or refused (wrong payloads);
  - a handler runs only when every required payload is there, and nothing that is neither required nor optional;
  - payload types that IKEv2 does not define are skipped, unless critical; that is checked before any row is looked at;
  - payloads of IKE_SA_INIT are in the clear; of everything else they are what was found inside SK, and nothing at all
    may stand outside it.
Rows are tried in order, so the fuller form of an answer stands before the form that is only a notify.
"""
from __future__ import annotations

from isthmus.proto.actions import INITIATOR, RESPONDER
from isthmus.proto.ike2 import auth, childless, create_child, informational, init
from isthmus.proto.ike2.states import (
    ABANDONED,
    AUTH_SENT,
    CLOSING,
    DONE,
    ESTABLISHED,
    HEIR,
    INIT_ANSWERED,
    INIT_SENT,
    NONE,
    REKEYED,
    REPLACED,
)
from isthmus.wire import ike_numbers as num
from isthmus.wire.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming

    Handler = Callable[[Engine, IkeSa, Incoming, int], None]

REQUEST = "request"
RESPONSE = "response"

BOTH = (INITIATOR, RESPONDER)


class Row(Value):
    """One transition.

    story: the row as a sentence. roles, states: ours, in which it applies. exchange, kind: of the message. required,
    optional: payload types. becomes: the states the SA may be in afterwards.
    """

    fields = ("story",)

    def __init__(
        self,
        story: str,
        roles: tuple[str, ...],
        states: tuple[str, ...],
        exchange: int,
        kind: str,
        required: tuple[int, ...],
        optional: tuple[int, ...],
        handler: Handler,
        becomes: tuple[str, ...],
    ) -> None:
        self.story = story
        self.roles = roles
        self.states = states
        self.exchange = exchange
        self.kind = kind
        self.required = required
        self.optional = optional
        self.handler = handler
        self.becomes = becomes


_ASKED = (ESTABLISHED, REKEYED, REPLACED, CLOSING)  # a request of ours may be under way
_UP = _ASKED + (HEIR,)
_ANSWERS = _UP + (DONE,)
_EXTRAS = (num.NOTIFY, num.VENDOR, num.CERT, num.CERTREQ, num.CP)

# fmt: off
ROWS = (
    # IKE_SA_INIT, RFC 7296 1.2
    Row("a peer begins: HDR, SAi1, KEi, Ni",
        (RESPONDER,), (NONE,), num.IKE_SA_INIT, REQUEST,
        (num.SA, num.KE, num.NONCE), (num.NOTIFY, num.VENDOR, num.CERTREQ),
        init.answer_request, init.AFTER_REQUEST),
    Row("our beginning is answered: HDR, SAr1, KEr, Nr",
        (INITIATOR,), (INIT_SENT,), num.IKE_SA_INIT, RESPONSE,
        (num.SA, num.KE, num.NONCE), (num.NOTIFY, num.VENDOR, num.CERTREQ),
        init.receive_answer, init.AFTER_ANSWER),
    Row("our beginning is answered once more: HDR, SAr1, KEr, Nr",
        (INITIATOR,), (AUTH_SENT,), num.IKE_SA_INIT, RESPONSE,
        (num.SA, num.KE, num.NONCE), (num.NOTIFY, num.VENDOR, num.CERTREQ),
        init.receive_another, init.AFTER_ANSWER),
    Row("our beginning is answered by a notify: HDR, N",
        (INITIATOR,), (INIT_SENT,), num.IKE_SA_INIT, RESPONSE,
        (num.NOTIFY,), (num.VENDOR,),
        init.receive_notify, init.AFTER_NOTIFY),

    # IKE_AUTH, RFC 7296 1.2
    Row("the peer proves itself: HDR, SK {IDi, [IDr,] AUTH, SAi2, TSi, TSr}",
        (RESPONDER,), (INIT_ANSWERED,), num.IKE_AUTH, REQUEST,
        (num.IDI, num.AUTH, num.SA, num.TSI, num.TSR), (num.IDR,) + _EXTRAS,
        auth.answer_request, auth.AFTER_REQUEST),
    Row("the peer asks for EAP by leaving AUTH out: HDR, SK {IDi, [IDr,] SAi2, TSi, TSr}",
        (RESPONDER,), (INIT_ANSWERED,), num.IKE_AUTH, REQUEST,
        (num.IDI, num.SA, num.TSI, num.TSR), (num.IDR,) + _EXTRAS,
        auth.refuse_eap, auth.AFTER_REQUEST),
    Row("the peer proves itself for a pairing, which has no CHILD SA: HDR, SK {IDi, [IDr,] AUTH} (RFC 6023 3)",
        (RESPONDER,), (INIT_ANSWERED,), num.IKE_AUTH, REQUEST,
        (num.IDI, num.AUTH), (num.IDR,) + _EXTRAS,
        childless.answer_request, auth.AFTER_REQUEST),
    Row("our proof is answered: HDR, SK {IDr, AUTH, SAr2, TSi, TSr}",
        (INITIATOR,), (AUTH_SENT,), num.IKE_AUTH, RESPONSE,
        (num.IDR, num.AUTH, num.SA, num.TSI, num.TSR), _EXTRAS,
        auth.receive_answer, auth.AFTER_ANSWER),
    Row("our proof is accepted, without a CHILD SA, as a pairing wants it or against our wish: HDR, SK {IDr, AUTH, N}",
        (INITIATOR,), (AUTH_SENT,), num.IKE_AUTH, RESPONSE,
        (num.IDR, num.AUTH, num.NOTIFY), _EXTRAS,
        childless.receive_answer, auth.AFTER_ANSWER),
    Row("our proof is refused: HDR, SK {N}",
        (INITIATOR,), (AUTH_SENT,), num.IKE_AUTH, RESPONSE,
        (num.NOTIFY,), (num.VENDOR,),
        init.receive_disbelief, auth.AFTER_ANSWER),
    Row("an attempt that we have given up is accepted after all",
        (INITIATOR,), (ABANDONED,), num.IKE_AUTH, RESPONSE,
        (num.IDR, num.AUTH), (num.SA, num.TSI, num.TSR) + _EXTRAS,
        auth.receive_unwanted, auth.AFTER_UNWANTED),
    Row("an attempt that we have given up is refused",
        (INITIATOR,), (ABANDONED,), num.IKE_AUTH, RESPONSE,
        (num.NOTIFY,), (num.VENDOR,),
        auth.receive_unwanted_refusal, auth.AFTER_UNWANTED),

    # CREATE_CHILD_SA, RFC 7296 1.3
    Row("the peer wants a new CHILD SA: HDR, SK {[N(REKEY_SA),] SA, Ni, [KEi,] TSi, TSr}",
        BOTH, _UP, num.CREATE_CHILD_SA, REQUEST,
        (num.SA, num.NONCE, num.TSI, num.TSR), (num.KE, num.NOTIFY, num.VENDOR, num.CP),
        create_child.answer_child_request, create_child.AFTER_REQUEST),
    Row("the peer wants to rekey the IKE SA: HDR, SK {SA, Ni, KEi}",
        BOTH, _UP, num.CREATE_CHILD_SA, REQUEST,
        (num.SA, num.NONCE, num.KE), (num.NOTIFY, num.VENDOR),
        create_child.answer_ike_request, create_child.AFTER_REQUEST),
    Row("our new CHILD SA is agreed: HDR, SK {SA, Nr, [KEr,] TSi, TSr}",
        BOTH, _ASKED, num.CREATE_CHILD_SA, RESPONSE,
        (num.SA, num.NONCE, num.TSI, num.TSR), (num.KE, num.NOTIFY, num.VENDOR, num.CP),
        create_child.receive_child_answer, create_child.AFTER_ANSWER),
    Row("our new IKE SA is agreed: HDR, SK {SA, Nr, KEr}",
        BOTH, _ASKED, num.CREATE_CHILD_SA, RESPONSE,
        (num.SA, num.NONCE, num.KE), (num.NOTIFY, num.VENDOR),
        create_child.receive_ike_answer, create_child.AFTER_ANSWER),
    Row("our rekeying is refused: HDR, SK {N}",
        BOTH, _ASKED, num.CREATE_CHILD_SA, RESPONSE,
        (num.NOTIFY,), (num.VENDOR,),
        create_child.receive_refusal, create_child.AFTER_ANSWER),

    # INFORMATIONAL, RFC 7296 1.4
    Row("the peer reports, deletes or asks whether we live: HDR, SK {[N,] [D,] [CP,] ...}",
        BOTH, _ANSWERS, num.INFORMATIONAL, REQUEST,
        (), (num.NOTIFY, num.DELETE, num.CP, num.VENDOR),
        informational.answer_request, informational.AFTER_REQUEST),
    Row("our question or our DELETE is answered: HDR, SK {[N,] [D,] [CP] ...}",
        BOTH, _ASKED, num.INFORMATIONAL, RESPONSE,
        (), (num.NOTIFY, num.DELETE, num.CP, num.VENDOR),
        informational.receive_answer, informational.AFTER_ANSWER),
)
# fmt: on

DEFINED = tuple([number for number, _, _ in num.PAYLOAD_TYPES])


def find_rows(role: str, state: str, exchange: int, kind: str) -> list[Row]:
    """The rows for a message of this exchange and kind at this moment; empty if it must not come now."""
    return [
        row
        for row in ROWS
        if exchange == row.exchange and kind == row.kind and role in row.roles and state in row.states
    ]


def find_row(rows: list[Row], incoming: Incoming) -> Row | None:
    """The first of these rows whose payload sets the message fits, None if it fits none."""
    types = [payload.type for payload in incoming.payloads if payload.type in DEFINED]
    for row in rows:
        if _fits(row, types):
            return row
    return None


def _fits(row: Row, types: list[int]) -> bool:
    for wanted in row.required:
        # Notifies may stand there in any number; of everything else that a row requires there is exactly one.
        if wanted not in types or (wanted != num.NOTIFY and types.count(wanted) != 1):
            return False
    return all(found in row.required or found in row.optional for found in types)
