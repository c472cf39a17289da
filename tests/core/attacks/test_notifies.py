"""Classes 6, 8 and 9: notifies that lie about their length or prove nothing, fragments, and rekeying by a lie."""

from __future__ import annotations

from isthmus.proto import actions
from isthmus.proto.ike2 import fragments
from isthmus.proto.ike2.sealing import seal_fragment
from isthmus.wire import ike_numbers as num
from isthmus.wire.ike import FLAG_RESPONSE, NO_SPI, Header
from isthmus.wire.ike_payloads import NotifyPayload
from tests.core.attacks.case import AttackTest
from tests.core.attacks.scenes import (
    SEALING,
    all_scenes,
    make_scene,
    raw_chain,
    raw_message,
    raw_payload,
    rekey_bodies,
    thin,
)
from tests.core.ike_pair import A, B, Pair, agreed, make_connection

# Of every registered notify, and some that nobody has registered.
NOTIFIES = [number for number, _, _ in num.NOTIFY_TYPES] + [0, 2, 8191, 16383, 40959, 40960, 65535]

CUT = {"fragment": 576, "link": b"l" * 1100}

# Notify bodies whose SPI does not fit into them.
SHORT = (
    b"", b"\x00", b"\x01\x08\x40\x09", b"\x03\x04\x40\x09", b"\x03\x04\x40\x09abc", b"\x03\xff\x40\x09" + bytes(254),
    b"\x00\x01\x40\x06", b"\x01\xff\x00\x18",
)  # fmt: skip


class Notifies(AttackTest):
    def test_06_cve_2020_1763_data_out_of_bounds_in_the_clear(self):
        for scene in all_scenes():
            if scene.name == "init-sent":
                continue
            datagrams = []
            for body in SHORT:
                for exchange in (num.IKE_SA_INIT, num.INFORMATIONAL):
                    for is_response in (False, True):
                        header = scene.header(exchange, is_response)
                        datagrams.append(raw_message(header, num.NOTIFY, raw_payload(0, body)))
            self.assert_unmoved(scene, datagrams)

    def test_06_cve_2020_1763_data_out_of_bounds_under_the_right_keys(self):
        for name, body in thin([(name, body) for name in SEALING for body in SHORT], 3):
            for exchange in (num.IKE_AUTH, num.CREATE_CHILD_SA, num.INFORMATIONAL):
                scene = make_scene(name)
                inner, chain = raw_chain([(num.NOTIFY, body)])
                self.assert_survived(scene, scene.sealed(exchange, inner, chain), body.hex())

    def test_06_cve_2019_12312_notify_of_a_stranger_in_every_state(self):
        for scene in all_scenes():
            datagrams = []
            for notify in NOTIFIES:
                content = [NotifyPayload(notify, bytes(2))]
                for exchange in (num.IKE_AUTH, num.CREATE_CHILD_SA, num.INFORMATIONAL):
                    for is_response in (False, True):
                        datagrams.append(scene.clear(exchange, content, is_response))
            self.assert_unmoved(scene, datagrams)

    def test_06_cve_2019_12312_notify_in_place_of_the_answer(self):
        # IKE_SA_INIT is answered by a stranger first. Whatever he says, the true answer still counts.
        contents = (b"", b"\x00", bytes(2), b"\x00\x0e", b"\x04\x01", bytes(64), bytes(65), bytes(1000))
        for notify, data in thin([(notify, data) for data in contents for notify in NOTIFIES], 7):
            scene = make_scene("init-sent")
            header = Header(scene.sa.spi_i, NO_SPI, num.IKE_SA_INIT, FLAG_RESPONSE, 0)
            before = scene.picture()
            body = b"\x00\x00" + notify.to_bytes(2, "big") + data
            scene.pair.flight.extend(scene.hit(raw_message(header, num.NOTIFY, raw_payload(0, body))))
            self.assertEqual(scene.picture(), before, (notify, data.hex()))
            scene.pair.transfer()
            self.assertEqual(scene.pair.a.states(), ["established"], (notify, data.hex()))

    def test_06_every_notify_under_the_right_keys(self):
        for name, notify in thin([(name, notify) for notify in NOTIFIES for name in SEALING], 5):
            scene = make_scene(name)
            inner, chain = raw_chain([(num.NOTIFY, b"\x00\x00" + notify.to_bytes(2, "big") + bytes(20))])
            self.assert_survived(scene, scene.sealed(num.INFORMATIONAL, inner, chain), notify)


class Fragments(AttackTest):
    """Fragments (RFC 7383): number, total, then what one SK would hold."""

    NUMBERS = ((0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 1), (2, 2), (1, 65535), (65535, 65535), (3, 2))

    def test_08_cve_2013_6076_fragments_of_a_stranger(self):
        for scene in all_scenes():
            datagrams = []
            for number, total in self.NUMBERS:
                front = number.to_bytes(2, "big") + total.to_bytes(2, "big")
                for size in (0, 1, 24, 40, 1000):
                    for exchange in (num.IKE_AUTH, num.INFORMATIONAL):
                        for is_response in (False, True):
                            header = scene.header(exchange, is_response)
                            body = front + bytes(size)
                            datagrams.append(raw_message(header, 53, raw_payload(num.IDI, body)))
                            datagrams.append(raw_message(header, 53, raw_payload(0, body[:size])))
            self.assert_unmoved(scene, datagrams)


    def test_08_unfinished_messages_keep_no_good_peer_out(self):
        # Somebody begins many long messages, each under an SA of his own, and ends none; then a good peer needs room.
        usual, fragments.MAX_UNPROVEN = fragments.MAX_UNPROVEN, 12_000
        try:
            pair = Pair(0, make_connection("A", **CUT), make_connection("B", **CUT))
            for number in range(8):
                stranger = Pair("stranger %d" % number, make_connection("A", **CUT))
                stranger.b = pair.b
                stranger.initiate()
                stranger.deliver()
                stranger.deliver()
                sa = stranger.a.engine.table.list_all()[0]
                header = sa.make_header(num.IKE_AUTH, 1, False)
                for part in range(1, 5):
                    inner = num.IDI if part == 1 else 0
                    data = seal_fragment(sa.cipher_out, header, inner, part, 60, bytes(1000))
                    pair.b.engine.receive(data, A, B, pair.now)
            kept = sum([sa.fragments.size for sa in pair.b.engine.table.get_all()])
            self.assertTrue(8_000 < kept <= 12_000, kept)
            pair.b.collect()
            pair.connect()
            self.assertTrue(agreed(pair))
            self.assertTrue(len(pair.a.of(actions.SendDatagram)) >= 4, "the good peer's message was cut, too")
        finally:
            fragments.MAX_UNPROVEN = usual


class Rekeying(AttackTest):
    def test_09_cve_2023_38710_rekey_notify_of_a_protocol_that_is_none(self):
        spis = (b"", b"\x00\x00\x12\x34", bytes(8), bytes(255))
        stories = [(name, protocol, spi) for name in SEALING for protocol in (0, 1, 2, 4, 255) for spi in spis]
        for name, protocol, spi in thin(stories, 5):
            scene = make_scene(name)
            up = len(scene.victim.of(actions.ChildUp)) + len(scene.victim.of(actions.InstallSa))
            inner, chain = raw_chain(rekey_bodies(scene, protocol, spi))
            scene.pair.flight.extend(scene.hit(scene.sealed(num.CREATE_CHILD_SA, inner, chain)))
            now_up = len(scene.victim.of(actions.ChildUp)) + len(scene.victim.of(actions.InstallSa))
            self.assertEqual(now_up, up, (name, protocol, spi.hex()))
            self.assert_survived(scene, b"", name)

    def test_09_cve_2023_38711_rekey_of_an_sa_that_is_not_there(self):
        spis = (b"\x00\x00\x12\x34", b"\xff\xff\xff\xff", bytes(4), b"", b"\x01", bytes(8))
        for name, spi in thin([(name, spi) for name in SEALING for spi in spis]):
            scene = make_scene(name)
            up = len(scene.victim.of(actions.ChildUp)) + len(scene.victim.of(actions.InstallSa))
            inner, chain = raw_chain(rekey_bodies(scene, num.PROTO_ESP, spi))
            scene.pair.flight.extend(scene.hit(scene.sealed(num.CREATE_CHILD_SA, inner, chain)))
            now_up = len(scene.victim.of(actions.ChildUp)) + len(scene.victim.of(actions.InstallSa))
            self.assertEqual(now_up, up, (name, spi.hex()))
            self.assert_survived(scene, b"", name)

    def test_09_cve_2023_30570_selectors_missing_or_twice(self):
        stories = (
            lambda bodies: bodies[:1],
            lambda bodies: bodies[:-1],
            lambda bodies: bodies[1:4],
            lambda bodies: bodies + bodies[-1:],
            lambda bodies: bodies * 2,
            lambda bodies: bodies[3:],
        )
        for name, story in thin([(name, story) for story in stories for name in SEALING]):
            scene = make_scene(name)
            up = len(scene.victim.of(actions.ChildUp))
            inner, chain = raw_chain(story(rekey_bodies(scene, num.PROTO_ESP, b"\x00\x00\x12\x34")))
            scene.pair.flight.extend(scene.hit(scene.sealed(num.CREATE_CHILD_SA, inner, chain)))
            self.assertEqual(len(scene.victim.of(actions.ChildUp)), up, name)
            self.assert_survived(scene, b"", name)
