"""The states of an IKE SA, and which may follow which. Nothing else may: IkeSa.set_state refuses it.

    initiator:  NONE -> INIT_SENT -> AUTH_SENT -> ESTABLISHED
    responder:  NONE -> INIT_ANSWERED -> ESTABLISHED

    rekeying:   NONE -> ESTABLISHED, or NONE -> HEIR -> ESTABLISHED; before it ESTABLISHED -> REKEYED or CLOSING

An established SA is REPLACED when a newer one with the same peer has come up, and CLOSING when we have said DELETE.
It is REKEYED when its CHILD SAs have moved to another IKE SA and the peer owes it a DELETE. An HEIR was made by the
peer's rekeying while ours was under way: which of the two lives is not settled yet (rekey_ike.py).
An own attempt is ABANDONED when the peer's has won after we had already proved ourselves: if the peer accepts ours
all the same, we owe it a DELETE. DONE keeps nothing but the last answer, in case it was lost; GONE is forgotten.
"""
from __future__ import annotations

NONE = "none"
INIT_SENT = "init-sent"
INIT_ANSWERED = "init-answered"
AUTH_SENT = "auth-sent"
ABANDONED = "abandoned"
ESTABLISHED = "established"
HEIR = "heir"
REKEYED = "rekeyed"
REPLACED = "replaced"
CLOSING = "closing"
DONE = "done"
GONE = "gone"

FOLLOWS = {
    NONE: (INIT_SENT, INIT_ANSWERED, ESTABLISHED, HEIR, REPLACED),
    INIT_SENT: (AUTH_SENT, GONE),
    INIT_ANSWERED: (ESTABLISHED, DONE, GONE),
    AUTH_SENT: (ESTABLISHED, ABANDONED, CLOSING, GONE),
    ABANDONED: (CLOSING, GONE),
    ESTABLISHED: (REKEYED, REPLACED, CLOSING, DONE, GONE),
    HEIR: (ESTABLISHED, REKEYED, REPLACED, CLOSING, DONE, GONE),
    REKEYED: (DONE, GONE),
    REPLACED: (REKEYED, CLOSING, DONE, GONE),
    CLOSING: (DONE, GONE),
    DONE: (GONE,),
    GONE: (),
}

PENDING = (INIT_SENT, AUTH_SENT)  # an own attempt that may still become an SA
LIVE = (ESTABLISHED, REPLACED)  # has a CHILD SA that the tunnel knows of
