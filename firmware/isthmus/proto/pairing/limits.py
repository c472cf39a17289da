"""Times and sizes of pairing, each once. Times in milliseconds of the monotonic clock."""

from __future__ import annotations

VERSION = 1

INVITE_MS = 600_000  # from making the invite to the joiner's proof, on the inviter's clock
APPROVAL_MS = 600_000  # from that proof until both have approved
CALL_MS = 600_000  # how long a joiner tries to reach the inviter
UNCONFIRMED_MS = 600_000  # how long the inviter's entry waits for an IKE_AUTH under the new keys
# The joiner's entry waits longer: when it goes, the inviter's unconfirmed one has gone, whatever was lost.
UNPROVEN_MS = 1_200_000
TELL_MS = 3_600_000  # for how long who holds an old invite hears why it is refused

FAILURES = 5  # wrong proofs that close an invite
INVITES = 8  # per site, those that only tell why they are refused aside
JOININGS = 4
REMEMBERED = 16  # invites that are over and still told about

SECRET_BYTES = 32
DIGEST_BYTES = 32
KEY_BYTES = 32
SITE_BYTES = 16
TAG_BYTES = 32
ID_BYTES = 16

NAME_BYTES = 32
ENDPOINTS = 4
HOST_BYTES = 253  # RFC 1035 section 2.3.4
LANS = 16
USED = 64
MESSAGE_BYTES = 4096
FIELDS = 128
MTU_LEAST, MTU_MOST = 576, 65535  # RFC 791 section 3.1: what every IPv4 host takes
LAN4_SHORTEST, LAN6_SHORTEST = 8, 32  # no site is larger
