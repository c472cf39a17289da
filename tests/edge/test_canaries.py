"""Keys and pre-shared keys are in no log, error, repr, status, guard or file, and what is over is wiped."""

from __future__ import annotations

import contextlib
import gc
import inspect
import io
import json
import subprocess
import sys
import unittest

from isthmus import cli, daemon, status
from isthmus.config.model import load
from isthmus.edge.control import OWNER
from isthmus.edge.os_cpython import describe_exception
from isthmus.kernel.contract import EIO, KernelError
from isthmus.proto.ike2 import auth, child, init, ke
from tests.core.pair import PSK, Pair
from tests.edge.canaries import Canaries, forms
from tests.edge.test_daemon import TUNNEL, DaemonTest
from tests.edge.world import Folder

OTHER_PSK = "kwartslag-om-2-torens"
PPK = "een-kan4rye-tegen-kwantumrekenaars"
PPK_LINES = "option ppk '%s'"
PLANTED = "kan4ryenvogel-0123456789"


def everything(root):
    """Repr and str of every object that hangs on `root` and has one of our own making."""
    seen, todo, texts = set(), [root], []
    while todo:
        found = todo.pop()
        if id(found) in seen or isinstance(found, type):
            continue
        seen.add(id(found))
        module = type(found).__module__
        if module.startswith("isthmus"):
            texts += [repr(found), str(found)]
            todo.extend(gc.get_referents(found))
        elif isinstance(found, (list, dict, tuple, set)):
            todo.extend(found.values() if isinstance(found, dict) else found)
    return texts


class Here:
    """What status.py wants of a daemon, around a site of a pair."""

    def __init__(self, site):
        self.site = site
        self.started_at = 0
        self.config_error = None
        self.config_warnings = []
        self.findings = []


class Stories(unittest.TestCase):
    """Whole stories of two sites in memory."""

    def setUp(self):
        self.canaries = Canaries(self, PSK.encode(), OTHER_PSK.encode())
        self.pair = Pair()

    def check(self, *more):
        pair = self.pair
        texts = list(more)
        for host in (pair.a, pair.b):
            texts += host.log.lines + [host.guard_text, repr(host.kernel.log)]
            texts += everything(host.site)
            here = Here(host.site)
            report = status.report(here, None, pair.now)
            texts.append(json.dumps(report))
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                cli._print_status(report)
                for tunnel in host.site.tunnels.values():
                    shown = status.show(here, tunnel, pair.now)
                    texts.append(json.dumps(shown))
                    cli._print_show(shown)
                    if tunnel.derived is not None:
                        for end in (tunnel.derived.local, tunnel.derived.remote):
                            self.canaries.add("a cookie", end.cookie)
            texts.append(out.getvalue())
        self.assertGreater(len(texts), 30)
        self.assertGreater(len(self.canaries.copies), 2)
        self.assertIsNone(self.canaries.find(texts))

    def test_a_tunnel_comes_up_is_renewed_and_goes(self):
        self.pair.configure()
        self.assertTrue(self.pair.run(30_000, self.pair.up))
        self.check()
        self.pair.run(9_000_000)  # past every lifetime
        self.assertTrue(self.pair.up())
        self.check()
        for host in (self.pair.a, self.pair.b):
            host.tunnel.pause(self.pair.now)
            host.site.obey(self.pair.now)
        self.pair.run(200_000)
        self.check()
        self.assertEqual(self.canaries.alive(), [], "every key of what is over is zeros")

    def test_with_a_ppk(self):
        self.canaries.copies += [PPK.encode(), OTHER_PSK.encode()]
        for mine, theirs, up in (
            (PPK_LINES % PPK, PPK_LINES % PPK, True),
            (PPK_LINES % PPK, PPK_LINES % OTHER_PSK, False),
            (PPK_LINES % PPK, "", False),
            (PPK_LINES % PPK + "\n option ppk_required 0", "", True),
        ):
            self.pair = Pair()
            self.pair.configure(mine, theirs)
            self.pair.run(30_000)
            self.assertEqual(self.pair.up(), up, theirs)
            self.check()
            for host in (self.pair.a, self.pair.b):
                host.tunnel.pause(self.pair.now)
                host.site.obey(self.pair.now)
            self.pair.run(200_000)
        self.assertEqual(self.canaries.alive(), [], "mixed and unmixed keys of what is over are zeros")

    def test_esp_keys_are_zeros_as_soon_as_the_kernel_has_them(self):
        self.pair.configure()
        self.pair.run(60_000)
        self.assertTrue(self.pair.up())
        self.assertNotIn("an ESP key", self.canaries.alive())
        self.assertNotIn("a shared secret", self.canaries.alive())
        self.assertEqual(sorted(set(self.canaries.alive())), ["an IKE key"])

    def test_failures_of_each_kind(self):
        for extra_a, extra_b, psk in (
            ("", "", OTHER_PSK),
            ("", "option instance 5", PSK),
            ("option local_id x.example", "", PSK),
            ("list esp_proposal aes128gcm16", "list esp_proposal aes256gcm16", PSK),
            ("list ike_proposal aes128gcm16-prfsha256-x25519", "list ike_proposal aes256gcm16-prfsha256-x25519", PSK),
        ):
            self.pair = Pair()
            self.pair.configure(extra_a, extra_b, psk)
            self.pair.run(60_000)
            self.assertFalse(self.pair.up(), extra_b)
            self.check()

    def test_the_kernel_refuses(self):
        def refuse(item):
            raise KernelError(EIO, "add %s" % item.kind, kind=item.kind)

        self.pair.a.kernel.add = refuse
        self.pair.configure()
        self.pair.run(60_000)
        self.check()

    def test_mistakes_of_ours_wherever_a_secret_is_at_hand(self):
        # What is raised holds the secret itself: the text of a foreign exception may hold anything.
        places = ((auth, "compute_psk_auth"), (ke, "compute_secret"), (init, "derive_ike_keys"))
        for owner, name in (*places, (child, "derive_child_keys")):
            inner = getattr(owner, name)
            said = []

            def broken(*arguments, said=said):
                for argument in arguments:
                    if isinstance(argument, (bytes, bytearray)):
                        self.canaries.add("an argument", bytes(argument))
                error = ValueError("%r" % (arguments,), arguments)
                said.append(describe_exception(error))
                raise error

            setattr(owner, name, broken)
            try:
                self.pair = Pair()
                self.pair.configure()
                try:
                    self.pair.run(20_000)
                except ValueError as error:
                    said.append(describe_exception(error))
            finally:
                setattr(owner, name, inner)
            self.assertTrue(said, name)
            self.check(*said)


class Files(DaemonTest):
    """The daemon with its files, log at level debug."""

    def check(self, *more):
        canaries = Canaries(self, PLANTED.encode())
        texts = list(self.log.lines) + list(more)
        for path in self.path.rglob("*"):
            if path.is_file() and path.parent.name != "config":
                texts.append(path.read_bytes().decode("latin-1"))
                self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        self.assertIsNone(canaries.find(texts))

    def test_a_good_configuration(self):
        self.configure("", TUNNEL.replace("correct horse battery", PLANTED) % "")
        daemon = self.start()
        requests = [{"command": "status"}, {"command": "show", "tunnel": "branch"}]
        requests += [{"command": "down", "tunnel": "branch"}, {"command": "reload"}]
        answers = [daemon._answer(request, OWNER) for request in requests]
        self.check(*[json.dumps(answer) for answer in answers])

    def test_mistakes_around_the_secret(self):
        # The administrator's own slips: the message says where, never what the secret is.
        for line in (
            "option psk '%s'\n option psk '%s'", "list psk '%s'", "option psk '%s", 'option psk "%s', "option pks '%s'",
            "option secret '%s'", "option psk %s %s", "option psk '%s\x01'", "option psk '" + "%s" * 100 + "'",
            "option remote_id '%s\x02'\n option psk '%s'", "option psk '%s' '", "psk '%s'", "option 'psk' '%s' x",
            "option ppk '%s'", "list ppk '%s'", "option ppk 'zz%s'",
        ):  # fmt: skip
            text = "config tunnel 'branch'\n option remote '127.0.0.2'\n " + line.replace("%s", PLANTED) + "\n"
            loaded = load("isthmus", lambda _path, text=text: text.encode())
            said = [str(error) for error in loaded.errors] + [str(warning) for warning in loaded.warnings]
            said += [repr(error) for error in loaded.errors] + [repr(loaded), repr(loaded.config)]
            said += [error.remedy for error in loaded.errors]
            self.check(*said)
            self.assertEqual([word for word in said if PLANTED[:8] in word], [], line)

    def test_secret_files(self):
        folder = self.path / "secrets"
        folder.mkdir(mode=0o700)
        text = "config tunnel 'branch'\n option remote '127.0.0.2'\n"
        for content in (PLANTED, PLANTED + "\n\n", PLANTED + "\x00", PLANTED * 100):
            (folder / "branch.psk").write_text(content)
            (folder / "branch").write_text(content)
            loaded = load("isthmus", lambda path, text=text: self.read(path, text), str(folder))
            said = [str(error) for error in loaded.errors] + [str(warning) for warning in loaded.warnings]
            said.append(repr(loaded.config))
            self.assertEqual([word for word in said if PLANTED[:8] in word], [])

    @staticmethod
    def read(path, text):
        if path == "isthmus":
            return text.encode()
        with open(path, "rb") as file:
            return file.read()


class Process(Folder):
    def test_a_crash_writes_no_image_of_the_process(self):
        # Not as this test's own process: the limit cannot be raised again without privileges.
        program = "from isthmus.edge import os_cpython as h; h.leave_no_core(); print(open('/proc/self/limits').read())"
        environment = {"PYTHONPATH": "firmware"}
        said = subprocess.check_output([sys.executable, "-c", program], env=environment, timeout=60).decode()
        line = next(line for line in said.splitlines() if line.startswith("Max core file size"))
        self.assertEqual(line.split()[4:6], ["0", "0"])
        self.assertIn("host.leave_no_core()", inspect.getsource(daemon.main))


class TheTestItself(unittest.TestCase):
    def test_every_form_is_found(self):
        canaries = Canaries(self, b"\x01\xfe secret bytes")
        for form in forms(b"\x01\xfe secret bytes"):
            self.assertTrue(canaries.leaks("before " + form + " after"), form)
        self.assertEqual(canaries.leaks("nothing of the kind"), [])
