"""What the doctor can see of a router without the daemon, gathered: files, ports, clock, names, and the kernel's parts.

isthmusd runs survey() in a thread, and kernel_features() and sa_features() in its loop; `isthmus doctor` runs all of
them by itself where no daemon answers.
"""

from __future__ import annotations

from isthmus.config.errors import ConfigError
from isthmus.config.model import Changes, load
from isthmus.config.staging import FOLDER
from isthmus.crypto.suites import SuiteError, parse_esp_suite
from isthmus.doctor.facts import Facts, Feature, FileMode, Name, PortUse, Problem
from isthmus.doctor.finding import ERROR, WARNING
from isthmus.doctor.hide import names_secret, secrets_of
from isthmus.doctor.listing import has_module, keepers, pull_sockets, show_address
from isthmus.edge import os_cpython as host
from isthmus.edge import os_cpython_look as look
from isthmus.errors import IsthmusError
from isthmus.kernel.contract import KernelError, find_remedy
from isthmus.kernel.objects import BEET, INNER, Sa, SaKeys
from isthmus.policy.derive import BEET as BEET_MODE
from isthmus.policy.derive import REQID_LAST, TRANSPORT
from isthmus.wire.addr import Prefix, format_ip, is_ip, parse_ip
from isthmus.wire.ip_numbers import IKE_PORT, L2TP, L2TP_PORT, NATT_PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.model import Config, Loaded, TunnelConfig
    from isthmus.kernel.contract import Kernel

MOST_NAMES = 32
PORTS = (IKE_PORT, NATT_PORT, L2TP_PORT)
LISTS = ("/proc/net/udp", "/proc/net/udp6")
OWN = ("isthmusd", "isthmus.start", "isthmus.daemon", "isthmus/hold.py")  # in a command line of ours
LOOPBACKS = (parse_ip("127.0.0.1"), parse_ip("::1"))
# Modules that nothing shows but a tunnel: name, OpenWrt's package, the mode of a tunnel that takes it, "" for any.
MODULES = (
    ("l2tp_eth", "kmod-l2tp-eth", ""), ("l2tp_ip", "kmod-l2tp-ip", TRANSPORT), ("l2tp_ip6", "kmod-l2tp-ip", BEET_MODE),
)  # fmt: skip
FAMILIES = ("IPv4", "IPv6")


class Places:
    """Where things are: folders of the configuration, of staged changes, of the control socket and of secrets; the
    file of users.
    """

    def __init__(self, config: str, deltas: str, run: str, secrets: str, users: str) -> None:
        paths = (config, deltas, run + FOLDER, secrets, users)
        self.config, self.deltas, self.forms, self.secrets, self.users = [plain(path) for path in paths]

    @property
    def file(self) -> str:
        """The configuration itself."""
        return self.config + "/isthmus"

    @property
    def staged(self) -> str:
        """What uci has staged of it."""
        return self.deltas + "/isthmus"

    @property
    def keys(self) -> list[str]:
        """Where keys may be, for a moment at least."""
        found = [self.secrets, self.users]
        return found + [folder + name for folder in (self.deltas, self.forms) for name in ("/isthmus", "/isthmus.keys")]


def plain(path: str) -> str:
    """The same path without `..`, as people write it."""
    words: list[str] = []
    for word in path.split("/"):
        if word == ".." and words and words[-1]:
            words.pop()
        elif word or not words:
            words.append(word)
    return "/".join(words)


def survey(places: Places, running: Config | None, only: str | None) -> Facts:
    """Everything but the kernel's parts and what the daemon knows. running: the configuration in force, None where it
    is not to be compared; only: a tunnel, None for all.
    """
    facts = Facts()
    facts.is_root = look.is_root()
    facts.ports = ports()
    _clock(facts, places)
    loaded = _config(facts, places, running)
    facts.files = [FileMode(*row) for row in look.modes(_guarded(places))]
    config = running if running is not None else loaded.config
    tunnels = [tunnel for tunnel in config.tunnels if only in (None, tunnel.name)] if config is not None else []
    facts.names = _names(tunnels)
    return facts


def survey_alone(places: Places, only: str | None) -> Facts:
    """The same where no daemon answers, with the kernel's parts and the guard."""
    facts = survey(places, None, only)
    facts.guard_wanted = bool(facts.tunnels) or facts.tunnels is None
    if not facts.is_root:
        return facts
    try:
        from isthmus.kernel.real import RealKernel  # here: it brings a netlink library

        kernel = RealKernel()
    except (IsthmusError, ImportError, OSError):
        return facts
    try:
        facts.features = kernel_features(kernel, config_of(places))
        facts.guard_there = kernel.guard_get() is not None
    except KernelError as error:
        facts.guard_error = Problem(error.code, ERROR, "", str(error), error.remedy)
    finally:
        kernel.close()
    return facts


def config_of(places: Places) -> Config | None:
    """As the file says; None where it has mistakes."""
    return load(places.file, host.read_file, places.secrets, host.wall_seconds()).config


# --- files ------------------------------------------------------------------------------------------------------------


def _config(facts: Facts, places: Places, running: Config | None) -> Loaded:
    facts.config_path = places.file
    facts.config_found = host.is_there(places.file)
    facts.staged = _count(places.deltas)
    facts.staged_forms = _count(places.forms)
    facts.forms_path = places.forms
    loaded = load(places.file, host.read_file, places.secrets, host.wall_seconds())
    if facts.config_found:
        facts.problems = [_problem(error, ERROR) for error in loaded.errors]
        facts.problems += [_problem(error, WARNING) for error in loaded.warnings]
    if loaded.config is not None:
        facts.tunnels = [tunnel.name for tunnel in loaded.config.tunnels]
        if running is not None:
            facts.differs = _differences(running, loaded.config)
    return loaded


def _count(folder: str) -> int:
    """Changes that are staged there."""
    names = ("/isthmus", "/isthmus.keys")
    return sum([len([row for row in look.read_text(folder + name).split("\n") if row.strip()]) for name in names])


def _problem(error: ConfigError, level: str) -> Problem:
    text = str(error)
    tail = "; to do: " + error.remedy
    if error.remedy and text[-len(tail) :] == tail:
        text = text[: -len(tail)]
    return Problem(error.code, level, error.section or error.file, text, error.remedy)


def _differences(running: Config, written: Config) -> list[str]:
    changes = Changes(running, written)
    names = ["globals"] if changes.globals else []
    for part in [changes] + list(changes.sections.values()):
        names += part.added + part.removed + part.changed
        if part.is_reordered:
            names.append("an order")
    return names


def _guarded(places: Places) -> list[str]:
    """What nobody else may read."""
    found = [places.secrets, places.users]
    try:
        if secrets_of(host.read_file(places.file)):
            found.append(places.file)
        if names_secret(look.read_text(places.staged)):
            found.append(places.staged)
    except OSError:
        pass
    return found


# --- clock, ports, names ----------------------------------------------------------------------------------------------


def _clock(facts: Facts, places: Places) -> None:
    facts.wall_s = host.wall_seconds()
    facts.wall_text = look.utc_text(facts.wall_s)
    facts.floor_s = look.changed_at(places.file)
    facts.floor_text = look.utc_text(facts.floor_s)
    facts.keepers = keepers([name for _, name, _ in look.programs()])
    facts.is_synchronised = look.is_synchronised()


def ports() -> list[PortUse]:
    """Whose the sockets on UDP 500, 4500 and 1701 are."""
    rows = []
    for path in LISTS:
        rows += [row for row in pull_sockets(look.read_text(path), look.byte_order()) if row[0] in PORTS]
    ours = look.sockets_of(host.process_id())
    if not [row for row in rows if row[2] not in ours]:
        return [PortUse(port, show_address(address), True) for port, address, _ in rows]
    holders: dict[int, tuple[str, int, str]] = {}
    for pid, name, command in look.programs():
        for inode in look.sockets_of(pid):
            holders[inode] = (name, pid, command)
    found = []
    for port, address, inode in rows:
        name, pid, command = holders.get(inode, ("", 0, ""))
        is_ours = inode in ours or any(word in command for word in OWN)
        found.append(PortUse(port, show_address(address), is_ours, name, pid))
    return found


def _names(tunnels: list[TunnelConfig]) -> list[Name]:
    asked = [(tunnel.name, name) for tunnel in tunnels for name in tunnel.remotes if not is_ip(name)][:MOST_NAMES]
    if not asked:
        return []
    answers = look.LookUp(sorted({name for _, name in asked})).found
    found = []
    for tunnel, name in asked:
        addresses, failure = answers.get(name, ([], ""))
        shown = [format_ip(address) for address in addresses]
        found.append(Name(tunnel, name, shown, failure, name not in answers))
    return found


# --- the kernel -------------------------------------------------------------------------------------------------------


def ciphers_of(config: Config | None) -> list[str]:
    """Ciphers of ESP that the configuration allows, the preferred first."""
    found: list[str] = []
    for tunnel in config.tunnels if config is not None else []:
        for text in tunnel.esp_proposals:
            try:
                name = parse_esp_suite(text).cipher.name
            except SuiteError:
                continue
            if name not in found:
                found.append(name)
    return found


def kernel_features(kernel: Kernel, config: Config | None) -> list[Feature]:
    """What of the kernel is there: asked by doing, as far as that leaves no trace."""
    found = [_listed(kernel, "no-ipsec", "IPsec", "policy")]
    if found[0].is_there:
        for family in (0, 1):
            found += [_cipher(kernel, name, family) for name in ciphers_of(config)]
    found.append(_listed(kernel, "no-l2tp", "L2TP", "tunnel"))
    sessions: list[object] = []
    try:
        sessions += kernel.dump("session")
    except KernelError:  # told by the line before
        pass
    seen = look.modules()
    modes = [""] + [tunnel.mode for tunnel in config.tunnels] if config is not None else [""]
    for name, package, mode in MODULES:
        if mode not in modes:
            continue
        is_there = True if sessions and name == "l2tp_eth" else _module(name, seen)
        remedy = "install it (OpenWrt: %s), then restart isthmus" % package
        found.append(Feature("no-l2tp-module", "module " + name, is_there, "", remedy))
    has_nft = look.has_program("nft")
    found.append(Feature("no-nft-program", "program nft", has_nft, "", find_remedy(2, "guard")))
    try:
        kernel.guard_get()
        found.append(Feature("no-nft", "nftables", True))
    except KernelError as error:
        if has_nft:
            found.append(Feature("no-nft", "nftables", False, str(error), error.remedy))
    return found


def _module(name: str, seen: tuple[str, list[str]] | None) -> bool | None:
    if seen is None:
        return None
    return has_module(name, [seen[0]] + seen[1])


def _listed(kernel: Kernel, code: str, text: str, kind: str) -> Feature:
    try:
        kernel.dump(kind)
    except KernelError as error:
        return Feature(code, text, False, str(error), error.remedy)
    return Feature(code, text, True)


def _cipher(kernel: Kernel, name: str, family: int) -> Feature:
    """An SA of this router to itself, with random keys, put in and taken out again: no policy leads anything to it."""
    cipher = parse_esp_suite(name).cipher
    address = LOOPBACKS[family]
    keys = SaKeys(
        bytearray(host.random_bytes(cipher.key_bytes)), bytearray(host.random_bytes(cipher.integ_key_bytes))
    )
    inside = Prefix(INNER.address, 128)
    spi = int.from_bytes(host.random_bytes(4), "big") | 0x80000000
    sa = Sa(address, spi, address, REQID_LAST, BEET, cipher.encr, cipher.integ, keys, (inside, inside, L2TP))
    code, group = ("no-cipher", "cipher-missing")[family], "ESP over %s" % FAMILIES[family]
    try:
        kernel.add(sa)
    except KernelError as error:
        return Feature(code, name, False, error.detail or str(error), error.remedy, group)
    kernel.remove(sa)
    return Feature(code, name, True, group=group)
