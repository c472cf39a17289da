"""What holds the promise while no daemon runs: isthmus-guard, the init scripts and the package's own, on a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from isthmus.config.model import load
from isthmus.policy.closed import closed_text
from isthmus.policy.guard import guard_text
from isthmus.policy.lane import Lane
from isthmus.policy.whole import State, policy_chains
from tests.edge.world import Folder, own_network

FILES = Path(__file__).parents[2] / "firmware" / "files"
SCRIPTS = ("usr/sbin/isthmus-guard", "etc/init.d/isthmus", "etc/init.d/isthmus-guard", "lib/isthmus/prerm",
           "lib/isthmus/postinst")  # fmt: skip
CONFIG = b"""
config globals
 list lan 'br-lan'
config tunnel 'branch'
 option remote '198.51.100.1'
 option psk 'correct horse battery staple'
 list remote_subnet '192.168.20.0/24'
config forced 'cameras'
 list from '192.168.10.50@02:00:00:00:00:50'
 list from 'br-guest'
 list via 'branch'
"""
# What rc.common offers to an init script, as far as ours go.
RC_COMMON = """
START=50
start() { start_service "$@"; }
stop() { :; }
restart() { stop; start; }
reload() { start; }
procd_open_instance() { echo "open"; }
procd_set_param() { echo "param $*"; }
procd_close_instance() { echo "close"; }
procd_open_data() { echo "data {"; }
procd_close_data() { echo "}"; }
json_add_array() { echo "$1 ["; }
json_close_array() { echo "]"; }
json_add_object() { echo "{"; }
json_close_object() { echo "}"; }
json_add_string() { echo "$1=$2"; }
procd_add_reload_trigger() { echo "trigger $*"; }
procd_send_signal() { echo "signal $*"; }
config_load() { [ "$1" = isthmus ]; }  # /lib/functions.sh: a callback for each section, and booleans in words
config_foreach() { for one in $SECTIONS; do "$1" "$one"; done; }
config_get_bool() {
	case "$GIVEN" in
	0|off|false|no|disabled) eval "$1=0" ;; 1|on|true|yes|enabled) eval "$1=1" ;; *) eval "$1=$4" ;;
	esac
}
script=$1; action=$2
. "$script"
$action
"""


def setUpModule() -> None:
    own_network()


def texts() -> tuple[str, str]:
    """(guard, closed) as a site with forced rules keeps them."""
    config = load("test", lambda _: CONFIG).config
    state = State([Lane("branch", 1, "ist-branch", None, False)], {"cameras": "branch"}, set(), [], [])
    chains, counters = policy_chains(config, state, True)
    return guard_text([], [], chains, counters), closed_text(config.forced, config.globals.lans)


class Booted(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.state = self.path / "etc/isthmus/state"
        self.state.mkdir(parents=True)
        self.run_nft("delete", "table", "inet", "isthmus")

    def run_nft(self, *words: str) -> str:
        done = subprocess.run(["nft", *words], capture_output=True, text=True, timeout=30, check=False)
        return done.stdout

    def keep(self, guard: str | None = None, closed: str | None = None) -> None:
        for name, text in (("guard.nft", guard), ("closed.nft", closed)):
            if text is not None:
                (self.state / name).write_text(text)

    def load(self, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["sh", str(FILES / SCRIPTS[0]), str(self.state)],
            capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment},
        )  # fmt: skip

    def chains(self) -> str:
        return self.run_nft("list", "table", "inet", "isthmus")


class GuardTest(Booted):
    def test_every_script_is_one(self) -> None:
        for name in SCRIPTS:
            self.assertTrue(os.access(FILES / name, os.X_OK), name)
            for shell in (["sh"], ["busybox", "sh"]):
                if shutil.which(shell[0]):
                    subprocess.run([*shell, "-n", str(FILES / name)], check=True, timeout=30)

    def test_the_example_is_a_configuration(self) -> None:
        text = (FILES / "etc/config/isthmus").read_bytes()
        self.assertEqual(load("test", lambda _: text).errors, [])
        open_text = b"\n".join(
            line[1:] if line[:2] in (b"#c", b"#\t") and b"# " not in line[:4] else line for line in text.split(b"\n")
        )
        loaded = load("test", lambda _: open_text)
        self.assertEqual([str(error) for error in loaded.errors], [])
        self.assertEqual([len(loaded.config.tunnels), len(loaded.config.forced)], [1, 1])
        self.assertEqual([len(loaded.config.passthrough), len(loaded.config.aliases)], [1, 1])

    def test_nothing_was_promised(self) -> None:
        for _ in range(2):
            self.assertEqual((self.load().returncode, self.chains()), (0, ""))
            self.keep("", "")

    def test_the_kept_guard_is_loaded_without_any_interface(self) -> None:
        self.keep(*texts())
        self.assertEqual(self.load().returncode, 0)
        self.assertIn("forced_across", self.chains())

    def test_a_guard_that_stands_is_not_replaced(self) -> None:
        self.keep(*texts())
        subprocess.run(["nft", "add", "table", "inet", "isthmus"], check=True, timeout=30)
        self.assertEqual(self.load().returncode, 0)
        self.assertNotIn("forced_across", self.chains())

    def test_a_spoiled_guard_closes_everything(self) -> None:
        guard, closed = texts()
        for spoiled in (guard[: len(guard) // 2], "nonsense", guard + "\x00"):
            self.keep(spoiled, closed)
            done = self.load()
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("nothing leaves", done.stderr)
            self.assertIn('oifname != "br-lan"', self.chains())
            self.assertIn("drop", self.chains())
            self.run_nft("delete", "table", "inet", "isthmus")

    def test_both_spoiled_the_names_are_enough(self) -> None:
        _, closed = texts()
        self.keep("nonsense", closed.replace("table inet isthmus {", "table inet isthmus { flags 99;"))
        self.assertEqual(self.load().returncode, 0)
        self.assertIn('"br-guest"', self.chains())
        self.assertIn('oifname != "br-lan" drop', self.chains())

    def test_nothing_can_be_loaded_and_it_says_so(self) -> None:
        self.keep("nonsense", "nonsense")
        done = self.load()
        self.assertEqual(done.returncode, 1)
        self.assertIn("held by nobody", done.stderr)

    def test_names_in_a_spoiled_file_are_never_run(self) -> None:
        mark = self.path / "touched"
        self.keep("nonsense", 'iifname { "a`touch %s`" } oifname != { "$(touch %s)" } counter drop\n' % (mark, mark))
        self.assertEqual(self.load().returncode, 1)
        self.assertFalse(mark.exists())


class InitTest(Booted):
    def run_init(self, script: str, action: str, **environment: str) -> str:
        common = self.path / "rc.common"
        common.write_text(RC_COMMON)
        text = (FILES / script).read_text().replace("/usr/sbin/isthmus-guard", "true")
        (self.path / "script").write_text(text.replace("mkdir -p", "echo mkdir"))
        words = ["sh", str(common), str(self.path / "script"), action]
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=30, check=True, env={**os.environ, **environment}
        )
        return done.stdout + done.stderr

    def test_the_guard_comes_before_the_network_and_never_goes(self) -> None:
        text = (FILES / "etc/init.d/isthmus-guard").read_text()
        self.assertIn("\nSTART=11\n", text)  # sysctl is 11, firewall 19, network 20
        self.assertIn("the guard stays", self.run_init("etc/init.d/isthmus-guard", "stop"))
        self.assertEqual(self.run_init("etc/init.d/isthmus-guard", "start"), "")

    def test_the_daemon_under_procd(self) -> None:
        said = self.run_init("etc/init.d/isthmus", "start")
        self.assertIn("param command /usr/sbin/isthmusd --hosts=/tmp/hosts/isthmus", said)
        self.assertIn("param respawn 3600 5 0", said)
        self.assertEqual(said.split("\n")[-2], "close")
        self.assertIn("signal isthmus * HUP", self.run_init("etc/init.d/isthmus", "reload_service"))

    def test_fw4_lets_in_who_calls(self) -> None:
        """What fw4 makes of a service's `firewall` data: a rule for each of its objects, in the chain of that zone."""
        said = self.run_init("etc/init.d/isthmus", "start")
        data = said.partition("data {\nfirewall [\n")[2].partition("]\n}\n")[0]
        self.assertIn("close", said.partition(data)[2], "within the instance")
        rules = [dict(line.split("=") for line in part.split()) for part in self.objects(data)]
        common = {"type": "rule", "src": "wan", "target": "ACCEPT"}
        self.assertEqual(rules, [{**common, "proto": "udp", "dest_port": "500,4500"}, {**common, "proto": "esp"}])
        text = "table inet fw4 {\n\tchain input_wan {\n"
        for rule in rules:
            ports = "%s dport { %s }" % (rule["proto"], rule["dest_port"]) if "dest_port" in rule else ""
            text += "\t\tmeta l4proto %s %s counter accept\n" % (rule["proto"], ports)
        subprocess.run(["nft", "-c", "-f", "-"], input=text + "\t}\n}\n", text=True, timeout=30, check=True)

    def test_unless_the_firewalls_own_rules_are_to_decide(self) -> None:
        for given, is_let_in in (("0", False), ("off", False), ("1", True), ("", True), ("perhaps", True)):
            said = self.run_init("etc/init.d/isthmus", "start", SECTIONS="globals", GIVEN=given)
            self.assertEqual("firewall [" in said, is_let_in, given)
            self.assertIn("param command /usr/sbin/isthmusd", said)
            self.assertEqual(said.split("\n")[-2], "close")

    @staticmethod
    def objects(data: str) -> list[str]:
        return [part.partition("{\n")[2].replace(" ", ",") for part in data.split("}\n") if part]


class PackageTest(Booted):
    def setUp(self) -> None:
        super().setUp()
        for name in SCRIPTS:
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(FILES / name, target)
        self.links = self.path / "etc/rc.d"

    def package(self, script: str, cwd: Path | None = None, **environment: str) -> str:
        words = ["sh", str(self.path / "lib/isthmus" / script), str(self.path)]
        done = subprocess.run(
            words, cwd=cwd, capture_output=True, text=True, timeout=30, check=True, env={**os.environ, **environment}
        )
        return done.stderr

    def test_a_removal_leaves_the_guard_and_what_loads_it(self) -> None:
        self.keep(*texts())
        said = self.package("prerm")
        self.assertIn("outlive this package", said)
        for name in SCRIPTS:  # the package goes
            (self.path / name).unlink()
        link = self.links / "S11isthmus-guard-kept"
        self.assertIn("/etc/isthmus/state/isthmus-guard-kept", link.resolve().read_text())
        kept = self.state / "isthmus-guard-kept"
        subprocess.run(["sh", str(kept), str(self.state)], check=True, timeout=60)
        self.assertIn("forced_across", self.chains())

    def test_an_upgrade_leaves_the_files_alone(self) -> None:
        self.keep(*texts())
        self.assertIn("stays in place", self.package("prerm", PKG_UPGRADE="1"))
        self.assertFalse(self.links.exists())

    def test_without_rules_nothing_stays(self) -> None:
        self.keep(texts()[0], "")
        self.assertEqual(self.package("prerm"), "")
        self.assertFalse(self.links.exists())

    def test_the_bundle_comes_and_goes_with_the_package_and_is_no_condition(self) -> None:
        python = self.path / "usr/bin/python3"
        python.parent.mkdir(parents=True)
        for status in (0, 1):
            python.write_text('#!/bin/sh\necho "$@" >&2\nexit %d\n' % status)
            python.chmod(0o755)
            made = "-I -m isthmus.edge.os_cpython_bundle"
            self.assertEqual(self.package("postinst"), made + "\n")
            for environment in ({}, {"PKG_UPGRADE": "1"}):
                self.assertEqual(self.package("prerm", **environment), made + " --remove\n")

    def test_what_lies_where_root_happens_to_stand_is_not_run(self) -> None:
        python, planted = self.path / "usr/bin/python3", self.path / "tmp" / "isthmus" / "__init__.py"
        for folder in (python.parent, planted.parent):
            folder.mkdir(parents=True)
        python.write_text('#!/bin/sh\nexec %s -S "$@"\n' % sys.executable)
        python.chmod(0o755)
        mark = self.path / "run"
        planted.write_text("open(%r, 'w')\n" % str(mark))
        for script in ("postinst", "prerm"):
            self.package(script, cwd=self.path / "tmp", PYTHONPATH=str(self.path / "tmp"))
            self.assertFalse(mark.exists(), script)

    def test_installed_again_it_cleans_up(self) -> None:
        self.keep(*texts())
        self.package("prerm")
        self.package("postinst")
        self.assertEqual(list(self.links.iterdir()), [])
        self.assertFalse((self.path / "etc/init.d/isthmus-guard-kept").exists())


if __name__ == "__main__":
    unittest.main()
