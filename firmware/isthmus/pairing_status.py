"""Pairings in words and numbers: what `isthmus pair status` and the web interface show. No secret is in any of it."""

from __future__ import annotations

from isthmus.errors import IsthmusError
from isthmus.pairing_place import PRIVATE, is_private, private_text, ways_out
from isthmus.pairing_registry import summary
from isthmus.proto.pairing import exchange as states
from isthmus.proto.pairing import rotation_deeds as deeds
from isthmus.proto.pairing.errors import ANEW, PairingError
from isthmus.proto.pairing.values import INVITER, SIDES
from isthmus.wire.addr import format_ip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from isthmus.pairing_call import Call
    from isthmus.pairing_records import Past
    from isthmus.pairing_rotate import Rotations
    from isthmus.pairings import Pairings
    from isthmus.proto.pairing.exchange import Exchange
    from isthmus.proto.pairing.values import Terms
    from isthmus.site import Site

HELD = "the tunnel is agreed, and is written when the change on trial here has ended; until then its time stands still"
CLOCK_S = 300  # clocks further apart are told about: certificates and logs will puzzle people
# State of the desk's: what it means, for people.
STORIES = {
    states.OFFERED: "the invite is open; nobody has come yet",
    states.CALLING: "calling the other site",
    states.OWNED: "the other site has called and proved the invite",
    states.GREETED: "the other site has answered and proved the invite",
    states.OPENED: "the keys are agreed; waiting for the other site's networks",
    states.INFORMED: "the keys are agreed; waiting for the other site's networks",
    states.ASKING: "compare the three words with the other side, then approve on both",
    states.APPROVED: "approved here; waiting for the approval of the other side",
    states.AWAITED: "the other side has approved; compare the three words, then approve here",
    states.AGREED: "both sides have approved",
    states.KEPT: "both sides have approved; the new keys are being proved",
}
# State of a rotation's: what it means, for people.
_BOTH = "both keys are accepted, since nobody can know which of them the other router uses"
RENEWALS = {
    deeds.IDLE: "the keys are not being renewed",
    deeds.ASKED: "new keys are asked for; the other router has not answered yet",
    deeds.HOLDING: "the other router has asked for new keys; they are being written here",
    deeds.HELD: "new keys are held here, the old ones are used: " + _BOTH,
    deeds.DROPPING: "new keys that came to nothing are being removed",
    deeds.TAKING: "the other router holds new keys; they are being written here",
    deeds.TAKEN: "the new keys are used, and the old ones still accepted: " + _BOTH,
    deeds.SETTLING: "both routers use the new keys; the old ones are being removed",
    deeds.COPYING: "the new keys alone are used; they are on their way to their files",
}
OLD_TOO = (deeds.HOLDING, deeds.HELD, deeds.DROPPING, deeds.TAKING, deeds.TAKEN, deeds.SETTLING)
NATS = {
    "none": "no address translator is between the two routers",
    "here": "this router is behind an address translator",
    "there": "the other router is behind an address translator",
    "both": "both routers are behind address translators",
}


def report(pairings: Pairings | None, site: Site, now: int) -> dict[str, Any]:
    """Everything under way, and what came of the last ones."""
    if pairings is None:
        return {"pairings": [], "past": []}
    rows = []
    for number in sorted(pairings.exchanges):
        exchange = pairings.exchanges[number]
        proof = pairings.proofs.get(number)
        if exchange.is_live or (proof is not None and proof.write_at is not None):
            rows.append(_row(pairings, number, exchange, site, now))
    waiting = [row["number"] for row in rows]
    past = [_past(row, site, now) for row in pairings.past if row.pairing not in waiting]
    return {"pairings": rows, "past": past}


def pick(rows: list[dict[str, Any]], asked: int | None, words: tuple[str, ...] | None = None) -> int:
    """The number of the pairing that is meant; of one alone it need not be said. rows: of report(); asked: the number
    that was said; words: those that both screens show, as typed, if it is to be approved. Raises IsthmusError.
    """
    numbers = [row["number"] for row in rows if row["asks"] or words is None or asked is not None]
    if asked is not None:
        numbers = [number for number in numbers if number == asked]
    if len(numbers) > 1 and words is not None:
        same = [row["number"] for row in rows if row["number"] in numbers and tuple(row["words"]) == words]
        numbers = same or numbers
    if len(numbers) == 1:
        found: int = numbers[0]
        return found
    if not numbers:
        what = "there is no pairing %d under way" % asked if asked is not None else "no pairing waits for that"
        raise IsthmusError(what, "see: isthmus pair status", "no-pairing")
    text = "several pairings are under way: %s" % ", ".join([str(number) for number in numbers])
    if words is not None:
        text = "several pairings wait, and these are the words of none: %s" % ", ".join([str(one) for one in numbers])
    raise IsthmusError(text, "say which: isthmus pair approve --number N, isthmus pair cancel N", "which-pairing")


def renewals(rotations: Rotations, now: int) -> list[dict[str, Any]]:
    """Keys of paired tunnels that are being renewed, and what came of the last time where that was nothing: for each
    tunnel {"tunnel", "state", "story", "accepts_old": whether the old keys are accepted, "ago_s", "error"}.
    """
    rows = []
    for name in sorted(rotations.machines):
        machine = rotations.machines[name]
        at, error = rotations.results.get(name, (now, None))
        if machine.state == deeds.IDLE and error is None:
            continue
        rows.append({
            "tunnel": name, "state": machine.state, "story": RENEWALS[machine.state],
            "accepts_old": machine.state in OLD_TOO, "ago_s": max(0, now - at) // 1000,
            "error": _told(error) if error is not None else None,
        })  # fmt: skip
    return rows


def _row(pairings: Pairings, number: int, exchange: Exchange, site: Site, now: int) -> dict[str, Any]:
    terms, peer = exchange.terms, exchange.peer_info
    call = pairings.calls.get(number)
    proof = pairings.proofs.get(number)
    reach = pairings.reach.get(number)
    row: dict[str, Any] = {
        "number": number, "role": SIDES[exchange.role], "state": exchange.state,
        "story": STORIES.get(exchange.state, "the tunnel is agreed, and is being written"),
        "left_s": max(0, (exchange.deadline or now) - now) // 1000 if exchange.is_live else 0,
        "site": pairings.place.name, "peer": _peer(exchange),
        "endpoints": [host for host, _ in exchange.invite.endpoints], "notes": list(reach.notes) if reach else [],
        "words": list(exchange.words), "asks": exchange.state in (states.ASKING, states.AWAITED),
        "nat": "", "overlaps": [], "mtu": None, "clock_offset_s": None, "own": [], "theirs": [], "changes": [],
        "tunnel": exchange.tunnel, "rivals": exchange.rivals, "failures": exchange.failures, "trouble": None,
    }  # fmt: skip
    if call is not None:
        row["story"] = call.text()
        if call.rounds:
            row["trouble"] = _told(_unreached(call, exchange, site))
    if terms is not None and peer is not None and exchange.state not in (states.INFORMED, states.OPENED):
        row["tunnel"] = exchange.tunnel or pairings.registry.free_name(peer.name, pairings.promised(exchange.pairing))
        row.update(_terms(exchange, terms, row["tunnel"]))
    elif not exchange.is_live:
        row["words"] = []
    if proof is not None and proof.error is not None:
        row["trouble"] = _told(proof.error)
        row["left_s"] = max(0, proof.gives_up_at - (proof.tried_at if proof.held else now)) // 1000
        row["story"] = HELD if proof.held else row["story"]
    return row


def _peer(exchange: Exchange) -> str:
    if exchange.peer_info is not None:
        return exchange.peer_info.name
    return "" if exchange.role == INVITER else exchange.invite.name


def _terms(exchange: Exchange, terms: Terms, tunnel: str) -> dict[str, Any]:
    ours, theirs = terms.lans[exchange.role], terms.lans[1 - exchange.role]
    peer = exchange.peer_info.name if exchange.peer_info is not None else ""
    changes = ["a tunnel '%s' to site %s, with keys that nobody has typed or seen" % (tunnel, peer)]
    for lan in theirs:
        there = "" if lan.network == lan.shown else ", which is %s there" % lan.network
        changes.append("hosts here reach %s%s through it" % (lan.shown, there))
        if not any(len(net.address) == len(lan.shown.address) and net.holds(lan.shown) for net in PRIVATE):
            careful = "careful: %s are addresses of the Internet: what hosts here send there goes to site %s instead"
            changes.append(careful % (lan.shown, peer))
    for lan in ours:
        seen = "" if lan.network == lan.shown else ", which they see as %s" % lan.shown
        changes.append("hosts of site %s reach %s%s" % (peer, lan.network, seen))
    offset = terms.clock_offset
    if abs(offset) > CLOCK_S:
        ahead = "ahead of" if offset > 0 else "behind"
        changes.append("nothing hangs on it, but the other router's clock is %d s %s this one's" % (abs(offset), ahead))
    return {
        "nat": NATS.get(exchange.nat, exchange.nat), "overlaps": list(terms.overlaps), "mtu": terms.mtu,
        "clock_offset_s": offset, "own": summary(ours), "theirs": summary(theirs), "changes": changes,
    }  # fmt: skip


def _unreached(call: Call, exchange: Exchange, site: Site) -> IsthmusError:
    """Nobody answers: what was tried, and the port forward that would help, or that the other direction works."""
    message = "site %s could not be reached so far: %s" % (exchange.invite.name, "; ".join(call.findings()))
    return PairingError(message, advice(exchange, site), "unreached")


def advice(exchange: Exchange, site: Site) -> str:
    """What to do where the inviting site cannot be reached."""
    hosts = [host for host, _ in exchange.invite.endpoints]
    inside = [host for host in hosts if private_text(host)]
    outside = [host for host in hosts if not private_text(host)]
    name = exchange.invite.name
    target = "the router that made the invite"
    if inside:
        target = "%s, %s" % (inside[0], target)
    at = " (%s)" % ", ".join(outside) if outside else ""
    first = "on the Internet router of site %s%s forward UDP 500 and UDP 4500 to %s" % (name, at, target)
    first += ", and let both in there"
    own = [address for address in ways_out(site.kernel) if not is_private(address)]
    if own:
        here = "cancel, and make the invite here, at %s: then that site calls this one" % format_ip(own[0])
        return "%s; or, since this router has a public address, %s" % (first, here)
    return "%s; this router has no public address, so an invite made here would need such a forward, too" % first


def _past(past: Past, site: Site, now: int) -> dict[str, Any]:
    """One that is over: its tunnel's way up, or why there is none."""
    tunnel = site.tunnels.get(past.tunnel)
    row: dict[str, Any] = {
        "number": past.pairing, "role": SIDES[past.role], "peer": past.peer, "tunnel": past.tunnel,
        "ago_s": max(0, now - past.at) // 1000, "error": None, "state": "over", "story": "it has ended",
    }  # fmt: skip
    if past.error is not None:
        row["error"] = _told(past.error)
        row["story"] = str(past.error)
    elif tunnel is not None:
        row["state"] = tunnel.state()
        row["story"] = tunnel.story()
        if tunnel.error is not None:
            row["error"] = _told(tunnel.error)
    else:
        row["story"] = "tunnel %s was removed since" % past.tunnel
    return row


def _told(error: IsthmusError) -> dict[str, str]:
    return {"code": error.code, "message": str(error), "remedy": error.remedy or ANEW}
