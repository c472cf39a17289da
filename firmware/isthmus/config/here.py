"""A configuration held against the router it is for: interfaces that are there, and where the Internet is.

Apart from `load`, for two reasons: at boot the network comes up later than the rules, which hold by name all the same;
and a router's addresses change while its file does not. So an administrator's change is refused for what is an error
here, and at start-up everything is only told.
"""

from __future__ import annotations

from isthmus.config.cover import Ranges
from isthmus.config.errors import ConfigError, nearest, quote
from isthmus.config.forced import INTERFACE, PREFIX
from isthmus.wire.addr import IPV4_BYTES, format_ip, network_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.config.forced import ForcedConfig, Source
    from isthmus.config.model import Config
    from isthmus.wire.addr import Prefix


class Here:
    """What the router finds on itself.

    ifnames: of all its interfaces; addresses: (ifname, address, length of its network); uplinks: interfaces through
    which it reaches peers or has a default route.
    """

    def __init__(self, ifnames: list[str], addresses: list[tuple[str, bytes, int]], uplinks: list[str]) -> None:
        self.ifnames = ifnames
        self.addresses = addresses
        self.uplinks = uplinks


def check_here(config: Config, here: Here, file: str = "") -> tuple[list[ConfigError], list[ConfigError]]:
    """(errors, warnings) of a configuration that load() has accepted."""
    check = _Check(config, here, file)
    if config.forced:
        check.lans()
    for rule in config.forced:
        check.rule(rule)
    return check.errors, check.warnings


class _Check:
    def __init__(self, config: Config, here: Here, file: str) -> None:
        self.config = config
        self.here = here
        self.file = file
        self.errors: list[ConfigError] = []
        self.warnings: list[ConfigError] = []
        lans = config.globals.lans
        self.outside = [row for row in here.addresses if row[0] in here.uplinks and row[0] not in lans]
        self.networks = Ranges([(network_of(address, length), ifname) for ifname, address, length in here.addresses])
        self.own = {address: ifname for ifname, address, _ in here.addresses}

    def lans(self) -> None:
        """Where forced traffic may go without a tunnel is not the Internet."""
        for ifname in self.config.globals.lans:
            if ifname in self.here.uplinks:
                message = "%s is where this router reaches the Internet: forced traffic would be let out there"
                remedy = "name only interfaces behind which this site's own hosts are"
                self.errors.append(self._entry("lan-is-uplink", message % ifname, remedy, 0, "globals", "lan", ifname))
            elif ifname not in self.here.ifnames:
                # Nothing gets out for that: its hosts only cannot be reached by forced ones.
                self.warnings.append(self._unknown(ifname, 0, "globals", "lan"))

    def rule(self, rule: ForcedConfig) -> None:
        """Sources are on this side of the router, and the name server is on the other."""
        for source in rule.sources:
            if source.kind == INTERFACE:
                self._device(rule, source.ifname)
            elif source.kind == PREFIX and source.prefix is not None:
                self._prefix(rule, source, source.prefix)
        for address in rule.dns:
            if address in self.own:
                message = "%s is this router's own address: the questions would not go through a tunnel"
                remedy, text = "name a server behind the tunnel", format_ip(address)
                self._refuse("via-loop", rule, "dns", message % text, remedy, text)

    def _device(self, rule: ForcedConfig, ifname: str) -> None:
        if ifname in self.here.uplinks:
            message = "%s is where this router reaches the Internet: what arrives there is not from this site's hosts"
            remedy = (
                "name the interface where the hosts are, such as %s" % (self.config.globals.lans[:1] or ["br-lan"])[0]
            )
            self._refuse("uplink-source", rule, "from", message % ifname, remedy, ifname)
        elif ifname not in self.here.ifnames:
            self.errors.append(self._unknown(ifname, rule.line, "forced '%s'" % rule.name, "from"))

    def _prefix(self, rule: ForcedConfig, source: Source, prefix: Prefix) -> None:
        for ifname, address, _ in self.outside:
            if prefix.contains(address):
                message = "%s holds this router's own address %s on %s: the rule would cut its tunnels off"
                remedy = "name only networks of this site's hosts"
                self._refuse(
                    "tunnel-end", rule, "from", message % (source, format_ip(address), ifname), remedy, str(source)
                )
                return
        found = self.networks.touching(prefix)
        if found is None:
            message = "no interface of this router has an address in %s" % source
            remedy = "check it for a slip; it is right only if another router of this site leads there"
            place = "forced '%s'" % rule.name
            self.warnings.append(self._entry("no-such-network", message, remedy, rule.line, place, "from", str(source)))
        elif rule.ipv6 == "block" and len(prefix.address) == IPV4_BYTES:
            self._at_home(rule, source, prefix)

    def _at_home(self, rule: ForcedConfig, source: Source, prefix: Prefix) -> None:
        """IPv6 is held back on the site's own networks: hosts that are on another would be free by it."""
        held = ["lo"] + self.config.globals.lans + self.here.uplinks + [tunnel.ifname for tunnel in self.config.tunnels]
        for ifname, address, length in self.here.addresses:
            if ifname not in held and len(address) == IPV4_BYTES and prefix.overlaps(network_of(address, length)):
                message = "the hosts of %s are on %s, which is not among this site's networks: their IPv6 would be free"
                remedy = "add list lan '%s' to config globals, or force the interface itself, or write ADDRESS@MAC"
                words = (message % (source, ifname), remedy % ifname)
                self._refuse("not-a-lan", rule, "from", words[0], words[1], str(source))
                return

    def _unknown(self, ifname: str, line: int, section: str, option: str) -> ConfigError:
        known = [name for name in self.here.ifnames if name != "lo" and not name.startswith("ist-")]
        guess = nearest(ifname, known)
        message = "there is no interface %s on this router" % quote(ifname)
        remedy = "did you mean %s?" % guess if guess else "name one of these, or leave it if it is still to come"
        entry = self._entry("unknown-interface", message, remedy, line, section, option, ifname)
        entry.allowed = ", ".join(known[:20])
        return entry

    def _refuse(self, code: str, rule: ForcedConfig, option: str, message: str, remedy: str, found: str) -> None:
        self.errors.append(self._entry(code, message, remedy, rule.line, "forced '%s'" % rule.name, option, found))

    def _entry(
        self, code: str, message: str, remedy: str, line: int, section: str, option: str, found: str
    ) -> ConfigError:
        return ConfigError(code, message, remedy, self.file, line, section, option, quote(found))
