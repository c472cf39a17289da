"""The configuration as the daemon uses it: typed values, made from UCI text by the schema, or the reasons why not.

Pure: `read_file(path) -> bytes` comes in and raises OSError. Nothing here shows a key: not a message, not a repr.
"""

from __future__ import annotations

from isthmus.config import checks, schema, schema_policy, static, uci
from isthmus.config.alias import AliasConfig
from isthmus.config.checks_overlap import OVERLAP_CHECKS
from isthmus.config.errors import BadValue, ConfigError, nearest, quote
from isthmus.config.forced import ExceptionConfig, ForcedConfig
from isthmus.config.passthrough import PassthroughConfig
from isthmus.config.policy_values import MAX_NAME
from isthmus.config.reader import Draft, Report, read_section
from isthmus.config.sections import Sections
from isthmus.config.static import StaticSession
from isthmus.config.values import ANYWHERE, Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from isthmus.config.uci import Package, Section
    from isthmus.wire.addr import Prefix
    from isthmus.wire.identity import Identity

SECRETS = "/etc/isthmus/secrets"
KEY_FILES = {"psk": "", "ppk": ".ppk", "cookie_key": ".cookie", "control_key": ".control"}
# option -> what follows the tunnel's name in the name of its file
NEXT, NEXT_FORM = ".next", b"rotation-1"  # file of the keys that are to replace those of a paired tunnel
HELD, TAKEN, SETTLED = "held", "taken", "settled"  # accepted beside the old; used, the old accepted; used alone
NEXT_DIGITS = (32, 64, 64, 32, 64)  # of the rotation's id, psk, ppk, ppk_id and control key
HEX = b"0123456789abcdef"
MAX_SECTIONS = 256  # of one type
IFNAME_PREFIX = "ist-"

NO_SUCH_FILE = 2
# errno -> words; MicroPython's OSError has no strerror
REASONS = {1: "not permitted", NO_SUCH_FILE: "no such file", 5: "input/output error", 13: "permission denied",
           20: "not a folder", 21: "it is a folder"}  # fmt: skip


class GlobalsConfig:
    """Section `globals`, or its defaults. lans: interfaces of the site's own networks; site_name: "" for the router's
    own; endpoints: names and addresses under which this site is reached, none if nobody has said; let_in: the init
    script lets in who calls, ahead of the firewall's own rules.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.log_level: str = values["log_level"]
        self.lans: list[str] = values["lan"]
        self.site_name: str = values["name"] or ""
        self.endpoints: list[str] = values["endpoint"]
        self.let_in: bool = values["let_in"]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GlobalsConfig) and not changed_fields(self, other)

    def __hash__(self) -> int:
        return hash(self.log_level)

    def __repr__(self) -> str:
        return "GlobalsConfig(%s)" % self.log_level


class TunnelConfig:
    """Section `tunnel`. Equal if every value is, the key included.

    remotes: as written, in order of preference; none for a peer that calls from anywhere. local_address, local_id,
    remote_id, mtu: None where found at run time; times in milliseconds; ike_proposals and esp_proposals: canonical
    words for crypto/suites.py, preferred first; mode: "beet" or "transport"; static: what session static is given, or
    None; initiates: it calls, and does not only answer; responds: it answers, and does not only call; fragment: bytes,
    0 for no fragments; internet: its forced traffic may go on to the Internet from here; site: the peer's id if this
    tunnel was paired, and then cookie_key and control_key are there; also: (psk, ppk, ppk_id) that are accepted beside,
    while keys are being renewed; renewal: how far that is, HELD, TAKEN or SETTLED, "" if it is not under way; line:
    where the section begins.
    """

    def __init__(self, name: str, values: dict[str, Any], line: int = 0) -> None:
        self.name = name
        self.enabled: bool = values["enabled"]
        self.remotes: list[str] = [remote for remote in values["remote"] if remote != ANYWHERE]
        self.psk: bytes = values["psk"]
        self.ppk: bytes | None = values["ppk"]
        self.ppk_id: bytes = values["ppk_id"]
        self.ppk_required: bool = values["ppk_required"]
        self.site: bytes | None = values["site"]
        self.cookie_key: bytes | None = values["cookie_key"]
        self.control_key: bytes | None = values["control_key"]
        self.also: tuple[bytes, bytes, bytes] | None = None
        self.renewal = ""
        if "next" in values:
            self.use_next(values["next"])
        self.local_address: bytes | None = values["local"]
        self.local_id: Identity | None = values["local_id"]
        self.remote_id: Identity | None = values["remote_id"]
        self.local_subnets: list[Prefix] = values["local_subnet"]
        self.remote_subnets: list[Prefix] = values["remote_subnet"]
        self.internet: bool = values["internet"]
        self.carrier: str = values["carrier"]
        self.session: str = values["session"]
        self.instance: int = values["instance"]
        self.mode: str = static.mode_of(values["session"])
        self.static: StaticSession | None = None
        if self.session == "static":
            self.static = StaticSession(values)
        self.ifname: str = values["ifname"]
        self.mtu: int | None = values["mtu"]
        self.initiates: bool = values["role"] != "respond" and bool(self.remotes)
        self.responds: bool = values["role"] != "initiate"
        self.force_encap: bool = values["encap"] == "force"
        self.mobike: bool = values["mobike"]
        self.fragment: int = values["fragment_size"]
        self.ike_proposals: list[str] = values["ike_proposal"]
        self.esp_proposals: list[str] = values["esp_proposal"]
        self.child_lifetime_ms: int = values["child_lifetime"]
        self.lifetime_bytes: int = values["lifetime_bytes"]
        self.lifetime_packets: int = values["lifetime_packets"]
        self.ike_lifetime_ms: int = values["ike_lifetime"]
        self.reauth_ms: int = values["reauth_time"]
        self.dpd_ms: int = values["dpd_interval"]
        self.retransmit_ms: int = values["retransmit_timeout"]
        self.retransmit_tries: int = values["retransmit_tries"]
        self.line = line

    def use_next(self, renewed: tuple[str, bytes, bytes, bytes, bytes]) -> None:
        """Keys are being renewed: (state, psk, ppk, ppk_id, control key)."""
        self.renewal = renewed[0]
        if self.renewal == HELD:
            self.also = (renewed[1], renewed[2], renewed[3])
            return
        if self.renewal == TAKEN and self.ppk is not None:
            self.also = (self.psk, self.ppk, self.ppk_id)
        self.psk, self.ppk, self.ppk_id, self.control_key = renewed[1:]

    @property
    def remote(self) -> str:
        """The peer's endpoints, for people."""
        return ", ".join(self.remotes) or ANYWHERE

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TunnelConfig) and not changed_fields(self, other)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return "TunnelConfig(%s, to %s)" % (self.name, self.remote)


class Config:
    """A whole file: `globals`, and `tunnels`, `forced`, `passthrough` and `aliases` in file order. withheld: exceptions
    that are shut for now (policy/both.py); whether they are over is still remembered.
    """

    def __init__(
        self,
        global_values: GlobalsConfig,
        tunnels: list[TunnelConfig],
        forced: list[ForcedConfig] | None = None,
        passthrough: list[PassthroughConfig] | None = None,
        aliases: list[AliasConfig] | None = None,
    ) -> None:
        self.globals = global_values
        self.tunnels = tunnels
        self.forced: list[ForcedConfig] = forced or []
        self.passthrough: list[PassthroughConfig] = passthrough or []
        self.aliases: list[AliasConfig] = aliases or []
        self.withheld: list[ExceptionConfig] = []

    def get(self, name: str) -> TunnelConfig | None:
        """The tunnel of that name, or None."""
        for tunnel in self.tunnels:
            if tunnel.name == name:
                return tunnel
        return None


class Loaded:
    """What load() found. `config` is None if there is any error; `errors` and `warnings` are lists of ConfigError."""

    def __init__(self, config: Config | None, errors: list[ConfigError], warnings: list[ConfigError]) -> None:
        self.config = config
        self.errors = errors
        self.warnings = warnings


class SectionChanges:
    """What a reload changes among sections of one type: names, in file order.

    fields: name -> what changed, without values; is_reordered: those that were there and stay follow each other in
    another order, which decides between rules.
    """

    def __init__(self, old: list[Any], new: list[Any]) -> None:
        before, after = {value.name: value for value in old}, {value.name: value for value in new}
        self.removed: list[str] = [value.name for value in old if value.name not in after]
        self.added: list[str] = [value.name for value in new if value.name not in before]
        self.fields: dict[str, list[str]] = {}
        self.changed: list[str] = []
        for value in new:
            if value.name in before and before[value.name] != value:
                self.changed.append(value.name)
                self.fields[value.name] = changed_fields(before[value.name], value)
        stayed = [value.name for value in old if value.name in after]
        self.is_reordered = stayed != [value.name for value in new if value.name in before]

    @property
    def is_empty(self) -> bool:
        """True if the old file and the new one say the same here."""
        return not self.removed and not self.added and not self.changed and not self.is_reordered


class Changes(SectionChanges):
    """What a reload has to do: with tunnels by name, with `globals` by field.

    sections: "forced", "passthrough" and "alias" -> SectionChanges; exceptions are part of their rules.
    """

    def __init__(self, old: Config, new: Config) -> None:
        super().__init__(old.tunnels, new.tunnels)
        self.globals = changed_fields(old.globals, new.globals)
        self.sections = {
            "forced": SectionChanges(old.forced, new.forced),
            "passthrough": SectionChanges(old.passthrough, new.passthrough),
            "alias": SectionChanges(old.aliases, new.aliases),
        }


def changed_fields(one: object, two: object) -> list[str]:
    """Names of the attributes that differ, sorted. Where a section stands in the file does not count."""
    return sorted([name for name in one.__dict__ if name != "line" and getattr(one, name) != getattr(two, name)])


def default_ifname(name: str) -> str:
    """The interface of a tunnel that names none: stable, at most 15 characters, long names told apart by a hash."""
    if len(IFNAME_PREFIX + name) <= 15:
        return IFNAME_PREFIX + name
    return "%s%s%04x" % (IFNAME_PREFIX, name[:7], uci.hash_type(name.encode()) & 0xFFFF)


def load(path: str, read_file: Callable[[str], bytes], secrets: str = SECRETS, now_s: int = 0) -> Loaded:
    """Read and check the file at `path`; keys that it leaves out are in `secrets`/NAME. Raises nothing.

    now_s: Unix seconds, to tell of exceptions that are over; 0: nobody knows.

    All errors of the file come back at once. If there is one there is no config: what runs stays as it is.
    """
    report = Report(path)
    try:
        data = read_file(path)
    except OSError as error:
        remedy = "check that the file is there and that the daemon may read it"
        report.error(ConfigError("unreadable-file", "cannot be read: %s" % _reason(error), remedy, path))
        return Loaded(None, report.errors, report.warnings)
    package, wrong_lines = uci.parse_all(data, path)
    for wrong in wrong_lines:
        # Where it begins is where it is put right; where reading ended is in the words of `uci` itself.
        message = "parse error (%s) at line %d, byte %d" % (wrong.reason, wrong.line, wrong.byte)
        report.error(ConfigError("syntax", message, wrong.remedy, path, wrong.began))
    drafts = _read(package, report)
    tunnel_drafts = drafts["tunnel"]
    for draft in tunnel_drafts:
        _complete(draft, read_file, secrets)
        checks.check_required(draft)
        for tunnel_check in checks.TUNNEL_CHECKS + static.TUNNEL_CHECKS:
            tunnel_check(draft)
    for file_check in checks.FILE_CHECKS + static.FILE_CHECKS:
        file_check(tunnel_drafts)
    for spec in schema_policy.SECTIONS:
        for draft in drafts[spec.type]:
            checks.check_required(draft)
    sections = Sections(drafts, now_s)
    if [spec for spec in schema_policy.SECTIONS if drafts[spec.type]]:
        from isthmus.config.checks_policy import check_policy  # waiting.py

        check_policy(sections)
    else:
        for tunnels_check in OVERLAP_CHECKS:
            tunnels_check(sections)
    if report.errors:
        return Loaded(None, _in_file_order(report.errors), _in_file_order(report.warnings))
    tunnels = [TunnelConfig(draft.name, draft.values, draft.section.line) for draft in tunnel_drafts]
    return Loaded(_make(drafts, tunnels), [], _in_file_order(report.warnings))


def _make(drafts: dict[str, list[Draft]], tunnels: list[TunnelConfig]) -> Config:
    """The values of a file without errors."""
    global_drafts = drafts["globals"]
    global_values = GlobalsConfig(global_drafts[0].values) if global_drafts else empty_config().globals
    exceptions = [ExceptionConfig(draft.name, draft.values, draft.section.line) for draft in drafts["exception"]]
    of_rule: dict[str, list[ExceptionConfig]] = {}
    for exception in exceptions:
        for rule in exception.rules:
            of_rule.setdefault(rule, []).append(exception)
    forced = [
        ForcedConfig(draft.name, draft.values, of_rule.get(draft.name), draft.section.line)
        for draft in drafts["forced"]
    ]
    passthrough = [PassthroughConfig(draft.name, draft.values, draft.section.line) for draft in drafts["passthrough"]]
    aliases = [AliasConfig(draft.name, draft.values, draft.section.line) for draft in drafts["alias"]]
    return Config(global_values, tunnels, forced, passthrough, aliases)


def _in_file_order(entries: list[ConfigError]) -> list[ConfigError]:
    # The index decides among equals: MicroPython's sort is not stable.
    order = sorted(range(len(entries)), key=lambda index: (entries[index].line, index))
    return [entries[index] for index in order]


def _reason(error: OSError) -> str:
    return REASONS.get(error.errno or 0, "error %s" % error.errno)


def empty_config() -> Config:
    """What holds before the first file has been read: every default and no tunnel."""
    return Config(GlobalsConfig({row.name: row.default_value() for row in schema.GLOBALS.options}), [])


def _read(package: Package, report: Report) -> dict[str, list[Draft]]:
    """Section type -> drafts of its sections, in file order; every known type is there."""
    of_type: dict[str, list[Draft]] = {spec.type: [] for spec in schema.SECTIONS}
    for section in package.sections:
        spec = schema.section_spec(section.type)
        if spec is None:
            _unknown_section(section, report)
            continue
        drafts = of_type[spec.type]
        if len(drafts) >= MAX_SECTIONS:
            message = "more than %d sections of this type" % MAX_SECTIONS
            report.error(ConfigError("too-many", message, "remove some", report.file, section.line, section.type))
            break
        draft = read_section(section, spec, report)
        _check_section(draft, drafts)
        drafts.append(draft)
    return of_type


def _unknown_section(section: Section, report: Report) -> None:
    names = [spec.type for spec in schema.SECTIONS]
    guess = nearest(section.type, names)
    remedy = "did you mean config %s?" % guess if guess else "remove the section"
    report.error(
        ConfigError(
            "unknown-section",
            "there is no section type %s" % quote(section.type),
            remedy,
            report.file,
            section.line,
            found=quote(section.type),
            allowed=", ".join(names),
        )
    )


def _check_section(draft: Draft, earlier: list[Draft]) -> None:
    section, spec = draft.section, draft.spec
    if spec.named and section.anonymous:
        uses = "interface, key file and status go" if spec is schema.TUNNEL else "status and messages go"
        remedy = "write config %s 'NAME': %s by the name" % (spec.type, uses)
        article = "an" if spec.type[0] in "aeiou" else "a"
        draft.complain("unnamed-section", "", "%s %s section needs a name" % (article, spec.type), remedy)
    if len(section.name) > MAX_NAME:
        message = "the name has %d characters" % len(section.name)
        draft.complain("bad-name", "", message, "choose a shorter one", allowed="up to %d characters" % MAX_NAME)
    if spec.single and earlier:
        message = "a second section of this type; the first begins in line %d" % earlier[0].section.line
        draft.complain("second-section", "", message, "put its options into the first and remove it")
    if len(section.statements) > 1:
        line = section.statements[1].line
        message = "continues the section that begins in line %d: UCI makes one of them" % section.line
        draft.warn("section-continued", "", message, "put the options together, or choose another name", line)


def _complete(draft: Draft, read_file: Callable[[str], bytes], secrets: str) -> None:
    """Fill in what a tunnel's name decides: its interface, and its key if that has a file of its own."""
    if "ifname" not in draft.given:
        draft.values["ifname"] = default_ifname(draft.name)
    if draft.section.anonymous or len(draft.name) > MAX_NAME:
        return
    wanted = ["psk"]
    if "site" in draft.given:
        wanted = sorted(KEY_FILES)
    elif "ppk_id" in draft.given or "ppk_required" in draft.given:
        wanted = ["psk", "ppk"]
    for option in wanted:
        if option not in draft.given:
            _read_secret(draft, read_file, option, key_file(secrets, draft.name, option))
    if "site" in draft.given:
        _read_next(draft, read_file, secrets + "/" + draft.name + NEXT)


def key_file(secrets: str, name: str, option: str) -> str:
    """Where the key of a tunnel is that its section leaves out. option: one of KEY_FILES; "": keys on their way in."""
    return secrets + "/" + name + (KEY_FILES[option] if option else NEXT)


def _read_secret(draft: Draft, read_file: Callable[[str], bytes], option: str, path: str) -> None:
    """The file of a key that the section leaves out."""
    remedy = "add option %s with random characters, or write them into %s" % (option, path)
    try:
        data = read_file(path)
    except OSError as error:
        if error.errno != NO_SUCH_FILE:
            message = "its key file %s cannot be read: %s" % (path, _reason(error))
            draft.complain("unreadable-" + option, option, message, "check its owner and mode (root, 0600)")
        else:
            message = "the tunnel has no %s" % ("key" if option == "psk" else option)
            draft.complain("missing-" + option, option, message, remedy, allowed=Secret.allowed)
        return
    text = data[:-1] if data[-1:] == b"\n" else data
    if not text:
        message = "the key file %s is empty" % path
        draft.complain("missing-" + option, option, message, remedy, allowed=Secret.allowed)
        return
    if min(text) < 0x20:
        message = "the key file %s holds a control character or more than one line" % path
        draft.complain("control-character", option, message, "write the key alone into it, on one line")
        return
    try:
        draft.values[option] = Secret().parse(text.decode())
    except BadValue as error:
        draft.complain(error.code, option, "the key file %s: %s" % (path, error.reason), "", allowed=Secret.allowed)
    except ValueError:
        draft.complain("not-utf8", option, "the key file %s is not UTF-8 text" % path, "write the key again")


def _read_next(draft: Draft, read_file: Callable[[str], bytes], path: str) -> None:
    """Keys that are on their way in. A file that cannot be used is told, and left alone: it may hold the only keys that
    the peer still knows.
    """
    goes_on = "the tunnel goes on with the keys that it has"
    try:
        data = read_file(path)
    except OSError as error:
        if error.errno != NO_SUCH_FILE:
            message = "%s, with keys that are being renewed, cannot be read: %s; %s" % (path, _reason(error), goes_on)
            draft.warn("unreadable-next", "site", message, "check its owner and mode (root, 0600): isthmus reload")
        return
    renewed = parse_next(data)
    if renewed is None:
        message = "%s does not hold keys that are being renewed; %s" % (path, goes_on)
        remedy = "if the tunnel comes up, remove that file; if not, unpair the two sites, and pair them again"
        draft.warn("bad-next", "site", message, remedy)
        return
    draft.values["next"] = renewed


def parse_next(data: bytes) -> tuple[str, bytes, bytes, bytes, bytes] | None:
    """(state, psk, ppk, ppk_id, control key) of a file NAME.next as proto/pairing/rotation_record.py writes it, keys in
    hexadecimal digits; None if it is none.
    """
    words = data.strip().split(b" ")
    if len(words) != len(NEXT_DIGITS) + 2 or words[0] != NEXT_FORM:
        return None
    if words[1] not in (HELD.encode(), TAKEN.encode(), SETTLED.encode()):
        return None
    for index in range(len(NEXT_DIGITS)):
        word = words[index + 2]
        if len(word) != NEXT_DIGITS[index] or [byte for byte in word if byte not in HEX]:
            return None
    return words[1].decode(), words[3], words[4], words[5], words[6]
