"""What the doctor looks at, as plain values. None, or "": nobody knows, or it could not be looked at."""

from __future__ import annotations


class Feature:
    """Something that is needed of the kernel. code: of the finding where it is not there; text: what it is; group: what
    it is one of several of; is_there: None where that cannot be told; why, remedy: where it is not.
    """

    def __init__(
        self, code: str, text: str, is_there: bool | None, why: str = "", remedy: str = "", group: str = ""
    ) -> None:
        self.code = code
        self.text = text
        self.is_there = is_there
        self.why = why
        self.remedy = remedy
        self.group = group


class PortUse:
    """A socket on a port. address: text; is_ours: isthmusd's, or that of its isthmus-hold; program and pid: who else,
    "" and 0 where that cannot be told.
    """

    def __init__(self, port: int, address: str, is_ours: bool, program: str = "", pid: int = 0) -> None:
        self.port = port
        self.address = address
        self.is_ours = is_ours
        self.program = program
        self.pid = pid


class Problem:
    """What the configuration or a part of the daemon says of itself. about: where in the file, or a rule."""

    def __init__(self, code: str, level: str, about: str, message: str, remedy: str) -> None:
        self.code = code
        self.level = level
        self.about = about
        self.message = message
        self.remedy = remedy


class FileMode:
    """A file or folder that holds keys. mode: permission bits; is_ours: root's, or the daemon's own user's."""

    def __init__(self, path: str, is_folder: bool, mode: int, is_ours: bool) -> None:
        self.path = path
        self.is_folder = is_folder
        self.mode = mode
        self.is_ours = is_ours


class Name:
    """A peer's name, and what the name server says. tunnel: whose; addresses: texts; is_silent: it did not answer in
    time; failure: why there are none.
    """

    def __init__(self, tunnel: str, name: str, addresses: list[str], failure: str, is_silent: bool = False) -> None:
        self.tunnel = tunnel
        self.name = name
        self.addresses = addresses
        self.failure = failure
        self.is_silent = is_silent


class Peer:
    """What engine and tunnel know of a peer. Ages in ms.

    state: of states.py; remote: as configured; address: where it is, "" unknown; waits: only the peer can begin;
    is_anywhere: from wherever it is; has_rules: forced rules go by this tunnel; error, refusal: (code, message, remedy,
    ms ago); is_half: its first answer came; seen: since its last IKE message, None: never in this life; nat: of IkeUp;
    is_detour: ESP in UDP because plain ESP did not get through; ports: of ESP in UDP; loss: percent, None: not probed;
    round_trip: ms; limit: largest packet that passes, None: not probed yet; uplink_mtu; mtu: of the interface; fitting:
    what it could be.
    """

    def __init__(self, tunnel: str, remote: str, state: str, age: int) -> None:
        self.tunnel = tunnel
        self.remote = remote
        self.state = state
        self.age = age
        self.address = ""
        self.is_wanted = True
        self.is_enabled = True
        self.waits = False
        self.is_anywhere = False
        self.has_rules = False
        self.is_static = False
        self.error: tuple[str, str, str, int] | None = None
        self.refusal: tuple[str, str, str, int] | None = None
        self.is_half = False
        self.has_ike = False
        self.seen: int | None = None
        self.nat = ""
        self.is_detour = False
        self.ports: tuple[int, int] | None = None
        self.loss: int | None = None
        self.round_trip: int | None = None
        self.limit: int | None = None
        self.uplink_mtu: int | None = None
        self.mtu = 0
        self.fitting = 0


class Facts:
    """All of it. away: why the daemon does not answer, "" where it does; release, own: versions of daemon and program;
    guard_age: since the guard was verified, ms; guard_there: whether there is an nft table isthmus.
    wall_s: what the clock shows, Unix seconds; floor_s: what it cannot show any more; keepers: programs that keep it.
    """

    def __init__(self) -> None:
        self.away = ""
        self.release = ""
        self.own = ""
        self.is_root = True
        self.since_s = 0
        self.resident_kib = 0
        self.features: list[Feature] | None = None
        self.guard_wanted = False
        self.guard_there: bool | None = None
        self.guard_age: int | None = None
        self.guard_repairs = 0
        self.guard_error: Problem | None = None
        self.ports: list[PortUse] | None = None
        self.wall_s = 0
        self.wall_text = ""
        self.floor_s = 0
        self.floor_text = ""
        self.keepers: list[str] | None = None
        self.is_synchronised: bool | None = None
        self.config_path = ""
        self.config_found: bool | None = None
        self.tunnels: list[str] | None = None  # of the file; None where it has mistakes
        self.problems: list[Problem] = []
        self.clashes: list[Problem] = []
        self.differs: list[str] = []  # what the file says and what runs does not, by name
        self.staged = self.staged_forms = 0  # with uci, and in the web interface
        self.forms_path = ""
        self.files: list[FileMode] | None = None
        self.names: list[Name] = []
        self.peers: list[Peer] | None = None
