"""What a peer's error notify in a CREATE_CHILD_SA answer means, and what may be asked for next."""
from __future__ import annotations

from isthmus.proto.errors import NoProposalChosen, PeerRefused, PeerTemporary, TsUnacceptable
from isthmus.wire import ike_numbers as num

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.crypto.suites import Suite
    from isthmus.proto.errors import IkeError
    from isthmus.proto.ike2.connection import Connection
    from isthmus.wire.ike_payloads import NotifyPayload


def prefer(suite: Suite | None, suites: list[Suite]) -> list[Suite]:
    """The same suites with this one in front: the key exchange is for the first one's group."""
    if suite is None or suite not in suites:
        return list(suites)
    return [suite] + [other for other in suites if other != suite]


def find_group(suites: list[Suite], data: bytes) -> Suite | None:
    """The first suite with the group that an INVALID_KE_PAYLOAD asks for (two bytes), None if none has it."""
    wanted = int.from_bytes(data, "big") if len(data) == 2 else num.NO_GROUP
    for suite in suites:
        if suite.group is not None and suite.group.id == wanted:
            return suite
    return None


def read(connection: Connection, offered: list[Suite], notify: NotifyPayload | None) -> IkeError:
    """The error behind the notify that refused a rekeying. offered: what we had proposed."""
    refused = notify.notify if notify is not None else 0
    here = "tunnel '%s': renewing keys: " % connection.name
    error: IkeError
    if refused in (num.NO_PROPOSAL_CHOSEN, num.INVALID_KE_PAYLOAD):
        wanted = ""
        if notify is not None and refused == num.INVALID_KE_PAYLOAD:
            wanted = " and wants group %s" % num.name_of(num.GROUP_IDS, int.from_bytes(notify.data[:2], "big")).lower()
        error = NoProposalChosen(
            "%sthe peer refuses every proposal%s; this side offers %s"
            % (here, wanted, ", ".join([str(suite) for suite in offered]))
        )
    elif refused == num.TS_UNACCEPTABLE:
        error = TsUnacceptable(
            "%sthe peer refuses the selectors %s to %s" % (here, connection.ts_local, connection.ts_remote)
        )
    elif refused == num.TEMPORARY_FAILURE:
        error = PeerTemporary("%sthe peer puts it off again and again" % here)
    elif notify is None:
        error = PeerRefused("%sthe peer refuses and does not say why" % here, refused)
    else:
        error = PeerRefused(
            "%sthe peer refuses with %s" % (here, num.name_of(num.NOTIFY_TYPES, refused)), refused
        )
    error.by_peer = True
    return error
