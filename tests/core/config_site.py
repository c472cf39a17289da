"""A site with two tunnels, and the texts of rules and exceptions to add to it."""

from isthmus.config.model import load

PATH = "/etc/config/isthmus"
NOW = 1_795_000_000  # 2026-11-18

# Lines 1 to 12. What a test adds begins in line 13.
SITE = b"""config tunnel 'branch'
option remote '198.51.100.7'
option local '203.0.113.2'
option psk 'geheim-geheim-geheim'
list local_subnet '192.168.10.0/24'
list local_subnet '2001:db8:10::/64'
list remote_subnet '10.53.0.0/16'
list remote_subnet '2001:db8:53::/48'
config tunnel 'backup'
option remote 'backup.example.net'
option psk 'geheim-geheim-geheim'
list remote_subnet '10.54.0.0/16'
"""
FIRST = 13
MAC = b"aa:bb:cc:dd:ee:0"


def rule(name=b"cameras", sources=(MAC + b"1",), via=(b"branch",), more=b""):
    """The text of one rule: its sources in the lines behind its own, then its tunnels, then what else it says."""
    text = b"config forced '" + name + b"'\n"
    for source in sources:
        text += b"list from '" + source + b"'\n"
    for tunnel in via:
        text += b"list via '" + tunnel + b"'\n"
    return text + more


def exception(more, name=b"ntp", of=b"cameras"):
    """The text of one exception."""
    return b"config exception '" + name + b"'\nlist rule '" + of + b"'\n" + more


def load_text(text, now_s=NOW):
    """load() of SITE and this text."""

    def read_file(path):
        if path != PATH:
            raise OSError(2, "no")
        return SITE + text

    return load(PATH, read_file, now_s=now_s)


def only_rule(text):
    """The first rule of a text that must be good."""
    loaded = load_text(text)
    if loaded.config is None:
        raise AssertionError([str(error) for error in loaded.errors])
    return loaded.config.forced[0]
