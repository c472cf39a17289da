"""schemathesis over the OpenAPI file: whatever may be sent, or may not, no server error, nothing undocumented.

The real isthmus-web before a real daemon. Each request has a session of its own, whose password is fresh: else most of
them would end at the door.
"""

from __future__ import annotations

import json
import unittest
import warnings
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from isthmus.edge.os_cpython import now
from isthmus_web.api import PREFIX
from isthmus_web.api.routes import ROUTES
from isthmus_web.web import BODY_BYTES
from tests.counts import cases
from tests.edge.accounts_world import PASSWORD
from tests.edge.world import own_network
from tests.web.programs import Programmed

FILE = Path(__file__).parents[2] / "web" / "isthmus_web" / "static" / "openapi.json"
CHECKS = [
    not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
    checks.response_headers_conformance, checks.response_schema_conformance,
]  # fmt: skip
MODES = schemathesis.GenerationMode
MODE_CHECKS = {MODES.POSITIVE: [], MODES.NEGATIVE: [checks.negative_data_rejection]}


def setUpModule() -> None:
    own_network()


class EveryOperation(Programmed):
    def setUp(self) -> None:
        super().setUp()
        self.ask("user-add", user="alice", role="administer", password=PASSWORD)
        self.schema = schemathesis.openapi.from_path(str(FILE))
        self.session = requests.Session()
        self.addCleanup(self.session.close)
        warnings.simplefilter("ignore")
        self.sent = 0

    def token(self) -> str:
        """A session whose password has just been proven, without the password."""
        door = self.daemon.accounts.door
        _, session = door.sessions.open(door.book.users["alice"], "127.0.0.1", now())
        return door.sessions.step_up(session, now())

    def run_mode(self, mode: Any) -> set[str]:
        found = set()
        for result in self.schema.get_all_operations():
            operation = result.ok()
            with self.subTest(operation=operation.label, mode=mode.value):
                try:
                    self.run_one(operation, operation.as_strategy(generation_mode=mode), mode)
                    found.add(operation.label)
                except Unsatisfiable:  # it takes nothing that could be wrong
                    continue
        return found

    def run_one(self, operation: Any, strategy: Any, mode: Any) -> None:
        @settings(
            max_examples=cases(5, 150), deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate],
        )  # fmt: skip
        @given(data=st.data())
        def run(data: Any) -> None:
            case = data.draw(strategy)
            headers = {"Authorization": "Bearer " + self.token()}
            try:
                response = case.call(
                    base_url=f"https://127.0.0.1:{self.port}{PREFIX}", session=self.session, headers=headers,
                    timeout=60, verify=False,
                )  # fmt: skip
            except requests.exceptions.ConnectionError:  # the server hangs up on who goes on sending too much
                self.assertGreater(len(json.dumps(case.body)), BODY_BYTES)
                return
            self.sent += 1
            more = [] if response.status_code == 413 else MODE_CHECKS[mode]  # which that check takes for acceptance
            case.validate_response(response, checks=CHECKS + more, headers=headers)

        run()

    def test_what_the_file_allows(self) -> None:
        self.assertEqual(len(self.run_mode(MODES.POSITIVE)), len(ROUTES))
        self.assertGreater(self.sent, len(ROUTES))

    def test_what_the_file_does_not_allow(self) -> None:
        self.assertGreater(len(self.run_mode(MODES.NEGATIVE)), 40)


if __name__ == "__main__":
    unittest.main()
