"""The daemon around a null kernel, with real port, files and loop: what a start must survive, and mistakes of ours."""

from __future__ import annotations

import fcntl
import json
import os
import time
import unittest
from types import SimpleNamespace

from isthmus import daemon as module
from isthmus.config.replace import UNFINISHED
from isthmus.edge.control import OWNER
from isthmus.edge.log import Log
from isthmus.errors import IsthmusError
from isthmus.kernel.contract import EINVAL, KernelError
from isthmus.kernel.flows import Flow
from isthmus.kernel.null import NullKernel
from isthmus.kernel.ways import Way
from isthmus.policy.guard import guard_text
from isthmus.real_outlet import GUARD_FILE
from isthmus.wire.addr import Prefix
from tests.edge.world import Folder, own_network

LOOPBACK = b"\x7f\x00\x00\x01"
TUNNEL = "config tunnel 'branch'\n option remote '127.0.0.2'\n option psk 'correct horse battery'\n%s\n"


def setUpModule() -> None:
    own_network()


class Lines(Log):
    """Keeps its lines."""

    def __init__(self) -> None:
        super().__init__("debug")
        self.lines: list[str] = []

    def _write(self, level: str, subject: str, text: str, again: str = "") -> None:
        self.lines.append(f"{level} {subject} {text}")


class Choosy(NullKernel):
    """nft does not take what the last run has left: another version, or half a file."""

    def guard_set(self, text: str) -> None:
        if "spoiled" in text:
            raise KernelError(EINVAL, "set the guard", kind="guard")
        super().guard_set(text)


class DaemonTest(Folder):
    def setUp(self) -> None:
        super().setUp()
        for name in ("config", "state", "run"):
            (self.path / name).mkdir()
        self.kernel = Choosy([("lo", LOOPBACK, 8)], [(Prefix(bytes(4), 0), Way(LOOPBACK, "lo", 1500))])
        self.log = Lines()
        self.configure("")

    def configure(self, extra: str, text: str = TUNNEL) -> None:
        (self.path / "config" / "isthmus").write_text(text % extra if "%s" in text else text)

    def start(self) -> module.Daemon:
        paths = [str(self.path / name) for name in ("config", "state", "run")]
        self.daemon = module.Daemon(self.kernel, self.log, *paths)
        self.addCleanup(self.daemon.edge.close)
        self.daemon.start()
        self.addCleanup(self.daemon._control.close)
        self.daemon.turn()
        return self.daemon

    def said(self, words: str) -> bool:
        return any(words in line for line in self.log.lines)


class Life(DaemonTest):
    def test_the_guard_stands_after_the_first_turns_and_is_kept(self) -> None:
        self.start()
        self.assertIsNotNone(self.kernel.guard_get())
        kept = self.path / "state" / GUARD_FILE
        self.assertIn("table inet isthmus", kept.read_text())
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)

    def test_a_hold_waits_for_something_to_hold(self) -> None:
        daemon = self.start()
        self.assertIsNone(daemon.edge.holder._process)
        self.assertLessEqual(daemon._hold_at - module.host.now(), module.HOLD_FIRST_MS)
        daemon.site.tunnels["branch"] = SimpleNamespace(state=lambda: "keyed")
        self.assertFalse(daemon._is_one_up())
        daemon.site.tunnels["branch"] = SimpleNamespace(state=lambda: "up")
        self.assertTrue(daemon._is_one_up())
        del daemon.site.tunnels["branch"]
        daemon._hold_at = module.host.now()
        daemon.turn()
        self.assertIsNotNone(daemon.edge.holder._process)

    def test_a_hold_that_ends_is_started_again(self) -> None:
        daemon = self.start()
        daemon._hold()
        first = daemon.edge.holder._process
        first.kill()
        end = time.monotonic() + 20
        while time.monotonic() < end and (daemon.edge.holder._process in (first, None)):
            daemon.turn()
        self.assertNotEqual(daemon.edge.holder._process, first)
        self.assertTrue(daemon.edge.holder.fd() in daemon.loop._readers)
        self.assertIsNone(daemon.edge.holder._process.poll())

    def test_mappings_that_come_with_every_packet_keep_nobody_busy(self) -> None:
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        self.addCleanup(os.close, writing)
        calls: list[float] = []

        def read_events(_fd: int) -> set[str]:
            calls.append(time.monotonic())
            return {"mapping"}

        self.kernel.event_fds = lambda: [reading]
        self.kernel.read_events = read_events
        daemon = self.start()
        os.write(writing, b"!")  # stays readable, as the kernel's messages do not end
        end = time.monotonic() + 20
        while len(calls) < 4 and time.monotonic() < end:
            daemon.turn()
        self.assertEqual(len(calls), 4)
        self.assertGreaterEqual(calls[3] - calls[0], 3 * module.MAPPING_PAUSE_MS / 1000 - 0.02)

    def test_a_spoiled_guard_file_stops_nobody(self) -> None:
        (self.path / "state" / GUARD_FILE).write_text(guard_text([]) + "# spoiled\n")
        self.start()
        self.assertIsNotNone(self.kernel.guard_get())
        self.assertTrue(self.said("guard of the last run"))

    def test_what_a_power_cut_left_of_a_key_is_swept(self) -> None:
        self.assertEqual(module.UNFINISHED, UNFINISHED)
        (self.path / "secrets").mkdir()
        left = [self.path / "secrets" / ".branch.ppk.isthmus-new", self.path / "config" / ".isthmus.isthmus-new"]
        kept = [self.path / "secrets" / name for name in ("branch.ppk", ".other", "x.isthmus-new")]
        for path in (*left, *kept):
            path.write_text("geheim-geheim-geheim")
        with open(self.path / "config" / "isthmus", "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # somebody writes just now: these may be theirs
            self.start()
            self.assertEqual([path.exists() for path in (*left, *kept)], [True] * 5)
            self.daemon.edge.close()
            self.daemon._control.close()
        self.start()
        self.assertEqual([path.exists() for path in (*left, *kept)], [False] * 2 + [True] * 3)

    def test_a_broken_file_at_start_leaves_the_guard(self) -> None:
        self.configure("", "config tunnel\n option nonsense\n")
        daemon = self.start()
        self.assertIsNotNone(self.kernel.guard_get())
        self.assertEqual(daemon.site.tunnels, {})
        self.assertTrue(self.said("no tunnel is started; the guard stands"))

    def test_a_mistake_of_ours_at_start_leaves_the_guard(self) -> None:
        self.addCleanup(setattr, module, "load", module.load)

        def broken(*_: object) -> None:
            raise ZeroDivisionError("secret")

        module.load = broken
        daemon = self.start()
        self.assertIsNotNone(self.kernel.guard_get())
        self.assertTrue(daemon.site.guarded)
        self.assertTrue(self.said("ZeroDivisionError"))
        self.assertFalse(self.said("secret"))

    def test_a_strange_list_of_paused_tunnels(self) -> None:
        for text in ("{}", "[" * 100_000, "null", "[[], 7, null]", "\x00"):
            (self.path / "state" / module.PAUSED_FILE).write_text(text)
            self.assertEqual(module.Daemon.read_paused(self.reader()), [])

    def reader(self) -> module.Daemon:
        daemon = module.Daemon.__new__(module.Daemon)
        daemon._paused_path = str(self.path / "state" / module.PAUSED_FILE)
        return daemon

    def test_a_timer_that_always_fails_does_not_spin(self) -> None:
        daemon = self.start()

        def broken(_now: int, _wall: int) -> None:
            raise ZeroDivisionError

        daemon.site.handle_timer = broken
        daemon.site.get_timer = lambda: 0
        turns, end = 0, time.monotonic() + 0.5
        while time.monotonic() < end:
            daemon.turn()
            turns += 1
        self.assertTrue(turns < 20, turns)
        self.assertTrue(self.said("ZeroDivisionError"))

    def test_a_kernel_whose_messages_cannot_be_read_does_not_spin(self) -> None:
        self.kernel.event_fds = self.always_readable
        self.kernel.read_events = self.refuse
        daemon = self.start()
        turns, end = 0, time.monotonic() + 0.5
        while time.monotonic() < end:
            daemon.turn()
            turns += 1
        self.assertTrue(turns < 20, turns)

    def always_readable(self) -> list[int]:
        self.file = open("/dev/zero", "rb")
        self.addCleanup(self.file.close)
        return [self.file.fileno()]

    def refuse(self, _fd: int) -> set[str]:
        raise KernelError(EINVAL, "read the kernel's own messages")

    def test_up_for_a_tunnel_that_is_off(self) -> None:
        self.configure(" option enabled 0\n")
        daemon = self.start()
        with self.assertRaises(IsthmusError) as caught:
            daemon._answer({"command": "up", "tunnel": "branch"}, OWNER)
        self.assertEqual(caught.exception.code, "disabled")

    def test_a_stop_with_a_mistake_still_takes_the_others_down(self) -> None:
        self.configure(TUNNEL.replace("branch", "another") % " option instance 1\n", TUNNEL)
        daemon = self.start()

        def broken(_now: int) -> None:
            raise ZeroDivisionError

        daemon.site.tunnels["branch"].stop = broken
        daemon.site.tunnels["another"].children.lost = True
        daemon._stopping = True
        daemon.run()
        self.assertTrue(self.said("ZeroDivisionError"))
        self.assertEqual(daemon.site.tunnels["another"].retry_at, None)
        self.assertIsNotNone(self.kernel.guard_get())

    RULE = "config forced 'guests'\n list from '%s'\n list via 'branch'\n"

    def test_a_rule_that_fits_no_interface_is_refused_when_it_is_changed(self) -> None:
        self.configure("", TUNNEL % "" + self.RULE % "lo0")
        daemon = self.start()
        # At boot the interface may still be to come: the rule stands.
        self.assertEqual([rule.name for rule in daemon.site.forcing.config.forced], ["guests"])
        self.assertIn("no interface 'lo0'", " ".join(daemon.config_warnings))
        self.configure("", TUNNEL % "" + self.RULE % "br-nowhere")
        with self.assertRaises(IsthmusError) as caught:
            daemon.reload()
        self.assertIn("br-nowhere", str(caught.exception))
        self.assertIn("mend the file", caught.exception.remedy)
        self.assertEqual([str(source) for source in daemon.site.forcing.config.forced[0].sources], ["lo0"])
        self.configure("", TUNNEL % "" + self.RULE % "192.168.77.0/24")
        daemon.reload()
        self.assertIn("no interface of this router has an address", " ".join(daemon.config_warnings))

    def test_who_is_told_that_a_rule_holds_may_rely_on_it(self) -> None:
        daemon = self.start()
        host, there = b"\xc0\xa8\x4d\x05", b"\x09\x09\x09\x09"
        self.kernel.known_flows = [Flow(2, 17, host, 4000, there, 443, there, 443, LOOPBACK, 4000)]
        self.configure("", TUNNEL % "" + self.RULE % "192.168.77.5")
        daemon._answer({"command": "reload"}, OWNER)
        self.assertEqual(self.kernel.known_flows, [], "it began when there was no rule")

    def test_an_exception_that_is_over_is_told(self) -> None:
        over = "config exception 'x'\n list rule 'guests'\n list to '9.9.9.9'\n option until '2021-01-01 00:00'\n"
        self.configure("", TUNNEL % "" + self.RULE % "192.168.77.0/24" + over)
        self.assertIn("its time was over", " ".join(self.start().config_warnings))

    def test_a_port_forward_that_would_deafen_us_is_told(self) -> None:
        text = "config redirect\n option src wan\n option proto udp\n option src_dport 500\n option dest_ip 192.0.2.9\n"
        (self.path / "config" / "firewall").write_text(text)
        daemon = self.start()
        warnings = daemon._answer({"command": "status"}, OWNER)["policy"]["warnings"]
        self.assertEqual([row["level"] for row in warnings], ["error"])
        self.assertTrue(warnings[0]["remedy"])
        said = daemon._answer({"command": "reload"}, OWNER)["warnings"]
        self.assertTrue([text for text in said if warnings[0]["message"] in text])
        (self.path / "config" / "firewall").unlink()
        said = daemon._answer({"command": "reload"}, OWNER)["warnings"]
        self.assertFalse([text for text in said if warnings[0]["message"] in text])

    def test_everything_answers_in_json(self) -> None:
        daemon = self.start()
        for request in ({"command": "status"}, {"command": "show", "tunnel": "branch"}, {"command": "version"}):
            text = json.dumps(daemon._answer(request, OWNER))
            self.assertNotIn("correct horse", text)


if __name__ == "__main__":
    unittest.main()
