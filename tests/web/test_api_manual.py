"""The examples of docs/API.md, run as they stand there, with curl, before a real daemon."""

from __future__ import annotations

import json
import re
import subprocess
import unittest
from pathlib import Path

from tests.edge.accounts_world import PASSWORD
from tests.edge.world import own_network
from tests.web.programs import Programmed

MANUAL = Path(__file__).parents[2] / "docs" / "API.md"
EXAMPLE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAID = re.compile(r"^# (\{.*\})$", re.MULTILINE)


def setUpModule() -> None:
    own_network()


class Examples(Programmed):
    def test_they_work_as_they_stand_there(self) -> None:
        self.ask("user-add", user="anna", role="administer", password=PASSWORD)
        examples = EXAMPLE.findall(MANUAL.read_text("utf-8"))
        self.assertGreater(len(examples), 3)
        script = "set -eu -o pipefail\n" + "\n".join(examples)
        ran = subprocess.run(
            ["bash", "-s"], input=script, capture_output=True, text=True, timeout=300, cwd=self.path, check=False,
            env={"PATH": "/usr/bin:/bin", "ROUTER": f"127.0.0.1:{self.port}", "ISTHMUS_USER": "anna",
                 "ISTHMUS_PASSWORD": PASSWORD},
        )  # fmt: skip
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        answers = [json.loads(line) for line in ran.stdout.splitlines()]
        self.assertGreater(len(answers), 10)
        for text in SAID.findall("\n".join(examples)):
            self.assertIn(json.loads(text), answers)
        self.assertEqual([row["name"] for row in answers[-2]["rules"]], ["cameras", "tills"])
        self.assertIn("config forced 'tills'", (self.path / "config" / "isthmus").read_text())
        self.assertEqual(self.ask("apply-status")["last"]["kind"], "confirmed")


if __name__ == "__main__":
    unittest.main()
