"""What a tunnel asks of its site: (verb, value)."""

from __future__ import annotations

RESOLVE = "resolve"  # the name; answered by resolved()
FIND_WAY = "find way"  # the peer's address; answered by found_way()
CONNECT = "connect"  # give the engine our connection(), or take it away where that is None
INITIATE = "initiate"  # start an IKE SA beside whatever exists
CHECK_PEER = "check peer"  # liveness
DELETE = "delete"  # tell the peer, and forget every IKE SA
MOVE = "move"  # our address and the peer's: go on there, with MOBIKE and new SAs; else cannot_move()
REKEY = "rekey"  # new SAs beside those with this inbound SPI
REKEY_IKE = "rekey ike"  # new keys for IKE itself
UPDATE = "update"  # SaSpec that is in the kernel and whose UDP ports have changed
ABANDON = "abandon"  # every attempt, and every IKE SA but the one with this ike_id
INSTALL = "install"  # SaSpec to put into the kernel now
RECONCILE = "reconcile"  # desired() has changed
PROBE_PATH = "probe path"  # the size of an IP datagram that is not to be cut; answered by path_probed()
TELL = "tell"  # an error that ends nothing, for the log
PROBE = "probe"  # the ICMPv6 message for the peer's link-local address
