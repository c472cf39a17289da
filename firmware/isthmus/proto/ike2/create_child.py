"""CREATE_CHILD_SA: requests are refused until rekeying is built. RFC 7296 sections 1.3 and 2.25."""
from __future__ import annotations

from isthmus.proto.errors import NoAdditionalSas, TemporaryFailure
from isthmus.proto.ike2.states import CLOSING, ESTABLISHED, REPLACED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from isthmus.proto.ike2.engine import Engine
    from isthmus.proto.ike2.ike_sa import IkeSa
    from isthmus.proto.ike2.incoming import Incoming

AFTER_REQUEST = (ESTABLISHED, REPLACED, CLOSING)


def refuse(_engine: Engine, sa: IkeSa, _incoming: Incoming, _now: int) -> None:
    """NO_ADDITIONAL_SAS: the peer then starts a new IKE SA, which replaces this one."""
    if sa.state == CLOSING:
        raise TemporaryFailure("the peer wants a new SA inside one that is being deleted")
    raise NoAdditionalSas("the peer wants a new SA inside this IKE SA")
