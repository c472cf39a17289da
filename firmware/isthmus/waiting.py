"""What waits: modules that no first tunnel needs, loaded once it is up, a little at a time, or when somebody asks.

Whatever needs one of them before imports it where it needs it, with the word "waiting.py" beside it, and nowhere else.
Soon after the start all MODULES are there: the peer's first rekeying does not stall the loop, and an upgrade that
replaces the package takes no tunnel's work away from the isthmusd that runs. What is ON_DEMAND may never be, and code
of another version does not get into a program that runs: refuse(). tests/edge/test_waiting.py holds both complete.
"""

from __future__ import annotations

from isthmus import hashes
from isthmus.errors import IsthmusError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_MS = 10_000  # without a tunnel they are loaded then
PAUSE_MS = 50  # between two of them: packets and timers go first
ALL_LOADED = "all that tunnels need is loaded now"  # for the log
MANY = 5  # tunnels: OpenSSL's hashes halve a tenth of a handshake's time, and take 4 MB

# In the order in which they may be asked for; what another one needs stands before it.
MODULES = (
    "isthmus.proto.ike2.refusals",
    "isthmus.proto.ike2.rekey_child",
    "isthmus.proto.ike2.rekey_ike",
    "isthmus.hold",
    "isthmus.history",
    "isthmus.policy.exposure",
    "isthmus.lamps",
    "isthmus.config.here",
    "isthmus.surroundings",
    "isthmus.proto.pairing",
    "isthmus.proto.pairing.limits",
    "isthmus.proto.pairing.names",
    "isthmus.proto.pairing.values",
    "isthmus.proto.pairing.errors",
    "isthmus.proto.pairing.terms",
    "isthmus.pairing_place",
    "isthmus.status",
    "isthmus.commands",
    "isthmus.users",
    "isthmus.users.roles",
    "isthmus.edge.calls",
    "isthmus.crypto.modp",
    "isthmus.crypto.ecp",
    "isthmus.config.checks_forced",
    "isthmus.config.checks_alias",
    "isthmus.config.checks_exception",
    "isthmus.config.checks_order",
    "isthmus.config.checks_passthrough",
    "isthmus.config.checks_policy",
    "isthmus.config.free",
    "isthmus.policy.sources",
    "isthmus.policy.forced",
    "isthmus.policy.closed",
    "isthmus.policy.alias",
    "isthmus.policy.outward",
    "isthmus.policy.forwards",
    "isthmus.policy.clash",
    "isthmus.policy_status",
)

# What only commands, sessions and paired tunnels need, and most routers most of the time do not: an eighth of the
# memory. It is loaded when it is first asked for, as long as it is still of this program: refuse().
ON_DEMAND = (
    "isthmus.users.errors",
    "isthmus.users.book",
    "isthmus.users.sessions",
    "isthmus.users.marks",
    "isthmus.users.common",
    "isthmus.users.passwords",
    "isthmus.users.throttle",
    "isthmus.users.queue",
    "isthmus.users.deeds",
    "isthmus.users.door",
    "isthmus.edge.os_cpython_scrypt",
    "isthmus.accounts",
    "isthmus.policy.explain",
    "isthmus.policy_explain",
    "isthmus.wire.packet",
    "isthmus.policy.trial",
    "isthmus.edge.os_cpython_trial",
    "isthmus.selftest",
    "isthmus.config.delta",
    "isthmus.config.edit",
    "isthmus.config.replace",
    "isthmus.config.lock",
    "isthmus.config.mark",
    "isthmus.config.writer",
    "isthmus.config.store",
    "isthmus.edge.os_cpython_files",
    "isthmus.proto.pairing.text",
    "isthmus.proto.pairing.invite",
    "isthmus.proto.pairing.keys",
    "isthmus.proto.pairing.rotation_keys",
    "isthmus.pairing_registry",
    "isthmus.proto.pairing.actions",
    "isthmus.proto.pairing.wordlist",
    "isthmus.proto.pairing.messages",
    "isthmus.proto.pairing.exchange",
    "isthmus.proto.pairing.rotation_messages",
    "isthmus.proto.pairing.rotation_record",
    "isthmus.proto.pairing.rotation_deeds",
    "isthmus.pairing_status",
    "isthmus.pairing_call",
    "isthmus.pairing_records",
    "isthmus.proto.pairing.inviter",
    "isthmus.proto.pairing.joiner",
    "isthmus.proto.pairing.tables",
    "isthmus.proto.pairing.desk",
    "isthmus.pairings",
    "isthmus.proto.pairing.rotation_steps",
    "isthmus.proto.pairing.rotation",
    "isthmus.pairing_rotate",
    "isthmus.pairing_commands",
    "isthmus.policy.both",
    "isthmus.applying",
    "isthmus.applying.record",
    "isthmus.applying.files",
    "isthmus.applying.steps",
    "isthmus.applying.leading",
    "isthmus.applying.words",
    "isthmus.applying.probes",
    "isthmus.config.stagers",
    "isthmus.config.staging",
    "isthmus.changing",
    "isthmus.configuring",
    "isthmus.doctor",
    "isthmus.doctor.hide",
    "isthmus.doctor.bundle",
    "isthmus.doctor.facts",
    "isthmus.doctor.finding",
    "isthmus.doctor.listing",
    "isthmus.doctor.checks_config",
    "isthmus.doctor.checks_router",
    "isthmus.doctor.checks_peer",
    "isthmus.doctor.report",
    "isthmus.edge.os_cpython_look",
    "isthmus.diagnosis",
    "isthmus.survey",
    "isthmus.examining",
    "isthmus.backup",
    "isthmus.backup.errors",
    "isthmus.backup.archive",
    "isthmus.backup.collect",
    "isthmus.backup.exchange",
    "isthmus.backup.file",
    "isthmus.backup.words",
    "isthmus.backups",
)


class ReplacedError(IsthmusError):
    """A part of the program is not there, or not as it was."""

    code = "replaced"
    remedy = "if Isthmus was upgraded, restart it: /etc/init.d/isthmus restart"


class Waiting:
    """at: when the next one is to be loaded; None when all are."""

    def __init__(self, now: int) -> None:
        self.at: int | None = now + FIRST_MS
        self._left = list(MODULES)
        self._has_begun = False

    def is_due(self, now: int, is_up: Callable[[], bool]) -> bool:
        """Whether to load one now. is_up: whether a tunnel is."""
        return self.at is not None and (now >= self.at or (not self._has_begun and is_up()))

    def load_next(self, now: int, tunnels: int) -> None:
        """Load one. tunnels: how many there are. Raises ReplacedError; the others come all the same."""
        self._has_begun = True
        if not self._left:
            self.at = None
            if tunnels >= MANY:
                hashes.hasten()
            return
        name = self._left.pop(0)
        self.at = now + PAUSE_MS
        try:
            __import__(name)
        except Exception as error:  # noqa: BLE001 - whatever a file that is half there may raise
            raise ReplacedError("%s cannot be loaded (%s)" % (name, type(error).__name__)) from None


def refuse(name: str) -> None:
    """The package is another one than this program was started from. Raises ReplacedError."""
    raise ReplacedError("%s is not loaded: it is of another version than the isthmusd that runs" % name)
