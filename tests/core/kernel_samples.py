"""The requests that the real kernel is sent, one sample of each, whatever pyroute2 is loaded."""
from __future__ import annotations

from isthmus.kernel import l2tp_messages as l2tp
from isthmus.kernel import objects as k
from isthmus.kernel import real_flow, real_ipsec, real_l2tp, real_route
from isthmus.kernel import xfrm_messages as xfrm
from isthmus.kernel.flows import Flow
from isthmus.kernel.nft_messages import NFT_MSG_GETGEN, NFT_MSG_GETOBJ, genmsg, push_counters
from isthmus.kernel.real_netlink import CREATE, DO, GET, LIST, REPLACE
from isthmus.wire.addr import Prefix
from tests.core import kernel_contract as contract
from tests.core import kernel_contract_lane as lane
from tests.core import kernel_contract_outer as outer

L2TP_FAMILY = 0x1B  # what a kernel might answer

# As a kernel has listed it: a UDP connection between two addresses of the loopback interface.
HANDLE = bytes.fromhex(
    "14000180080001007f000001080002007f0000d7"
    "1c000280050001001100000006000200971500000600030004be0000")
ENDS = (bytes([127, 0, 0, 1]), 38677, bytes([127, 0, 0, 215]), 1214)
FLOW = Flow(2, 17, *(ENDS + ENDS[2:] + ENDS[:2]), status=0x4188, id=0xC0FFEE01, zone=7, handle=HANDLE)


def samples():
    """[(name, message, type, flags)]: as they are handed to nlm_request()."""
    cbc_keys = k.SaKeys(bytearray(range(16)), bytearray(range(32)))
    over6 = k.Sa(contract.PEER6, 0x2000, contract.US6, contract.REQID, k.TRANSPORT, 12, 12, cbc_keys)
    long_numbers = contract.sa()
    long_numbers.esn = True
    session = contract.session()
    ids = [("L2TP_ATTR_CONN_ID", session.tunnel_id), ("L2TP_ATTR_SESSION_ID", session.session_id)]
    gcm_keys = k.SaKeys(bytearray(range(36)), bytearray())
    anywhere = Prefix(bytes(4), 0)
    marked = k.Sa(outer.US, 0x1000, outer.PEER, outer.policy().reqid, k.TRANSPORT, 20, 0, gcm_keys,
                  (anywhere, anywhere, 115), (4500, 4500), 0x07000000)
    via6 = k.Route(contract.LAN, 100, oif="wan0", via=contract.PEER_LL, prefsrc=contract.US4)
    plain6 = k.Route(contract.LAN6, 100, oif="wan0", via=contract.PEER_LL)
    return [
        ("policy add", real_ipsec.push_policy(contract.policy()), xfrm.XFRM_MSG_NEWPOLICY, DO),
        ("policy replace, IPv6 outside", real_ipsec.push_policy(contract.policy(k.IN, (contract.US6, contract.PEER6))),
         xfrm.XFRM_MSG_UPDPOLICY, DO),
        ("policy remove", real_ipsec.push_policy_id(contract.policy()), xfrm.XFRM_MSG_DELPOLICY, DO),
        ("policy list", xfrm.no_body(), xfrm.XFRM_MSG_GETPOLICY, LIST),
        ("sa add, AES-GCM in BEET", real_ipsec.push_sa(contract.sa()), xfrm.XFRM_MSG_NEWSA, DO),
        ("sa add, AES-CBC and HMAC over IPv6", real_ipsec.push_sa(over6), xfrm.XFRM_MSG_NEWSA, DO),
        ("sa add, extended sequence numbers", real_ipsec.push_sa(long_numbers), xfrm.XFRM_MSG_NEWSA, DO),
        ("sa add, in UDP", real_ipsec.push_sa(contract.sa(encap=(4500, 61000))), xfrm.XFRM_MSG_NEWSA, DO),
        ("sa replace, in UDP", real_ipsec.push_sa_update(contract.sa(encap=(4500, 61000))), xfrm.XFRM_MSG_UPDSA, DO),
        ("sa remove", real_ipsec.push_sa_id(contract.sa()), xfrm.XFRM_MSG_DELSA, DO),
        ("tunnel add", real_l2tp.push_tunnel(contract.tunnel()), L2TP_FAMILY, DO),
        ("session add", real_l2tp.push_session(session), L2TP_FAMILY, DO),
        ("policy add, transport mode and a mark", real_ipsec.push_policy(outer.policy(mark=0x07000000)),
         xfrm.XFRM_MSG_NEWPOLICY, DO),
        ("policy remove, with a mark", real_ipsec.push_policy_id(outer.policy(mark=0x07000000)),
         xfrm.XFRM_MSG_DELPOLICY, DO),
        ("sa add, transport mode and a mark", real_ipsec.push_sa(marked), xfrm.XFRM_MSG_NEWSA, DO),
        ("tunnel add, over IPv4", real_l2tp.push_tunnel(outer.tunnel()), L2TP_FAMILY, DO),
        ("session add, with sublayer", real_l2tp.push_session(outer.session()), L2TP_FAMILY, DO),
        ("address add, on an interface", real_route.push_address(outer.ON_LINK, 5), real_route.RTM_NEWADDR, CREATE),
        ("session remove", real_l2tp.push_command(l2tp.L2TP_CMD_SESSION_DELETE, ids), L2TP_FAMILY, DO),
        ("session list", real_l2tp.push_command(l2tp.L2TP_CMD_SESSION_GET, []), L2TP_FAMILY, LIST),
        ("address add", real_route.push_address(k.Address("lo", contract.INNER, 128), 1),
         real_route.RTM_NEWADDR, CREATE),
        ("neighbour add", real_route.push_neighbour(k.Neighbour("x", contract.PEER_LL, contract.MAC), 5),
         real_route.RTM_NEWNEIGH, REPLACE),
        ("route add, IPv4 via IPv6", real_route.push_route(via6, 5), real_route.RTM_NEWROUTE, CREATE),
        ("route replace, IPv6", real_route.push_route(plain6, 5), real_route.RTM_NEWROUTE, REPLACE),
        ("route add, unreachable", real_route.push_route(k.Route(contract.LAN, 4000000, k.UNREACHABLE), 0),
         real_route.RTM_NEWROUTE, CREATE),
        ("link set", real_route.push_link(5, {"flags": 1, "change": 1}, [("IFLA_MTU", 1420),
                                                                        ("IFLA_ADDRESS", "02:00:00:00:00:01")]),
         real_route.RTM_NEWLINK, DO),
        ("guard generation", genmsg(), NFT_MSG_GETGEN, GET),
    ] + forced_samples()


def forced_samples():
    """The same for what forced traffic needs."""
    return [
        ("route add, unreachable in a tunnel's table", real_route.push_route(lane.backstop(), 0),
         real_route.RTM_NEWROUTE, CREATE),
        ("route add, IPv6 in a tunnel's table", real_route.push_route(lane.lane(lane.OTHER_TABLE)[3], 5),
         real_route.RTM_NEWROUTE, CREATE),
        ("rule add", real_route.push_rule(lane.rule()), real_route.RTM_NEWRULE, CREATE),
        ("rule remove, IPv6", real_route.push_rule(lane.rule(k.AF_INET6, lane.OTHER_TABLE, 691, 0xFF000000)),
         real_route.RTM_DELRULE, DO),
        ("rule add, by interface", real_route.push_rule(k.Rule(k.AF_INET, 691, 0, lane.MASK, k.TABLE_FIRST, "br-lan")),
         real_route.RTM_NEWRULE, CREATE),
        ("guard counters", push_counters("isthmus"), NFT_MSG_GETOBJ, LIST),
        ("flow list", real_flow.push_question(None), real_flow.IPCTNL_MSG_CT_GET, LIST),
        ("flow list of a source", real_flow.push_question(ENDS[0]), real_flow.IPCTNL_MSG_CT_GET, LIST),
        ("flow list of an IPv6 source", real_flow.push_question(contract.US6), real_flow.IPCTNL_MSG_CT_GET, LIST),
        ("flow end", real_flow.push_flow(FLOW), real_flow.IPCTNL_MSG_CT_DELETE, DO),
    ]
