"""Every waiting time of the engine that is not the connection's own (connection.Retransmit). Milliseconds.

None of these is in a specification; RFC 7296 leaves them to the implementation.
"""
from __future__ import annotations

HALF_OPEN_MS = 30_000  # from IKE_SA_INIT to a valid IKE_AUTH, at the responder
FINISH_MS = 2_000  # of it, how long a peer is left in peace when others want its place in a full table
REFUSED_MS = 2_000  # how long the refusal of an IKE_SA_INIT, which nothing proves, waits for a better answer
LINGER_MS = 30_000  # how long the last answer of an SA that is over is kept, in case it was lost
REPLACED_MS = 60_000  # how long an SA that a newer one has replaced waits for the peer's DELETE, and for late answers
SUPERSEDED_MS = 60_000  # how long what rekeying leaves over waits for the peer's DELETE
COOKIE_SECRET_MS = 60_000  # life of one cookie secret; the one before it is still good for as long again
KEEPALIVE_MS = 20_000  # between two keepalives of a translator's mapping, RFC 3948 section 4
UNPROVEN_MS = 1_000  # for what anybody can send: at most one report of a kind in this time, and one version answer
