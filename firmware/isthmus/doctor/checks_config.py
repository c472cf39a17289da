"""Findings about what is written down: the configuration, the modes of secrets, the names of peers."""

from __future__ import annotations

from isthmus.doctor.finding import ERROR, NOTE, WARNING, Finding, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.doctor.facts import Facts, FileMode, Problem

    Judged = tuple[list[Finding], str]

OTHERS_READ, OTHERS_WRITE = 0o044, 0o022  # of the group, and of everybody
MOST_NAMED = 10


def check_config(facts: Facts) -> Judged:
    """Is it right, is it what runs, and does it fit together?"""
    if facts.config_found is None:
        return [], ""
    if not facts.config_found:
        text = "there is no configuration at %s" % facts.config_path
        remedy = "join this router to another: isthmus pair accept; or write the file, see docs/options.md"
        return [find("config-missing", text, remedy)], text
    found = [_of(problem) for problem in facts.problems + facts.clashes]
    if facts.differs:
        names = ", ".join(facts.differs[:MOST_NAMED])
        text = "%s says something else than what runs (%s)" % (facts.config_path, names)
        found.append(find("config-not-applied", text, "put it in force: isthmus reload"))
    if facts.staged:
        text = "%d changes are staged and not in force" % facts.staged
        found.append(find("config-staged", text, "isthmus apply puts them in force, isthmus config revert drops them"))
    if facts.staged_forms:
        text = "%d changes are staged in the web interface and not in force" % facts.staged_forms
        remedy = "its page Changes puts them in force or drops them; isthmus config --deltas %s changes shows them"
        found.append(find("config-staged", text, remedy % facts.forms_path))
    if facts.tunnels is None:
        return found, "%s has mistakes; what runs was not changed" % facts.config_path
    if not facts.tunnels:
        remedy = "join this router to another: isthmus pair invite here, isthmus pair accept there"
        found.append(find("no-tunnel", "no tunnel is configured", remedy))
    return found, "%s is right; tunnels: %d" % (facts.config_path, len(facts.tunnels))


def _of(problem: Problem) -> Finding:
    level = problem.level if problem.level in (ERROR, WARNING, NOTE) else WARNING
    return Finding(problem.code, level, "config", problem.about, problem.message, problem.remedy)


def check_secrets(facts: Facts) -> Judged:
    """Can anybody but us read or change a key?"""
    if facts.files is None:
        return [], ""
    found = []
    for file in facts.files:
        finding = _file(file)
        if finding is not None:
            found.append(finding)
    return found, "files and folders with keys: %d, open to others: %d" % (len(facts.files), len(found))


def _file(file: FileMode) -> Finding | None:
    wanted = "0700" if file.is_folder else "0600"
    remedy = "close it: chown root %s && chmod %s %s" % (file.path, wanted, file.path)
    what = "the folder %s" % file.path if file.is_folder else file.path
    if not file.is_ours:
        return find("secret-owner", "%s holds keys, and belongs to another user" % what, remedy, file.path)
    if file.mode & OTHERS_WRITE:
        text = "%s holds keys, and other users may change it (mode %04o)" % (what, file.mode)
        return find("secret-writable", text, remedy, file.path)
    # A folder that others may list shows names of tunnels; the files in it are looked at one by one.
    if file.mode & OTHERS_READ and not file.is_folder:
        text = "%s holds a key, and other users may read it (mode %04o)" % (what, file.mode)
        remedy += "; and take another key on both sides (isthmus pair rotate, or a new psk): this one may be known"
        return find("secret-readable", text, remedy, file.path)
    return None


def check_names(facts: Facts) -> Judged:
    """Do the names of the peers lead anywhere?"""
    found = []
    said = []
    for name in facts.names:
        if name.addresses:
            said.append("%s is %s" % (name.name, " and ".join(name.addresses[:4])))
        elif name.is_silent:
            text = "no name server has answered for %s, the peer of tunnel %s" % (name.name, name.tunnel)
            remedy = "check this router's uplink and its name servers: nslookup %s" % name.name
            found.append(find("name-silent", text, remedy, name.tunnel))
        else:
            text = "the name %s, the peer of tunnel %s, has no address (%s)"
            text %= (name.name, name.tunnel, name.failure or "nothing found")
            remedy = "check the spelling of option remote; with a dynamic name, that the other site still updates it"
            found.append(find("name-unresolved", text, remedy, name.tunnel))
    if not facts.names:
        return found, "" if facts.tunnels is None else "no peer is known by a name"
    return found, "; ".join(said[:MOST_NAMED]) or "none has an address"
