"""A program that uses the API: bearer token, JSON, and the shapes that answers are held to."""

from __future__ import annotations

import copy
import json
from typing import Any
from urllib.parse import quote

import jsonschema_rs

from isthmus.kernel.flows import Flow
from isthmus.kernel.null import NullKernel
from isthmus.kernel.ways import Way
from isthmus.wire.addr import Prefix, parse_ip
from isthmus_web.api import PREFIX, openapi
from isthmus_web.api.routes import ROUTES
from tests.edge.accounts_world import LOOPBACK, PASSWORD
from tests.web.world import Answer, Browser, Webbed

TEXT = """
config globals
 list lan 'br-lan'

config tunnel 'branch'
 option remote '127.0.0.2'
 option psk 'correct horse battery'
 list remote_subnet '192.168.20.0/24'

config forced 'cameras'
 list from '192.168.10.50@02:00:00:00:00:50'
 list from '192.168.10.70'
 list via 'branch'
 list dns '192.168.20.1'

config exception 'updates'
 list rule 'cameras'
 list to '192.0.2.80'
 list port 'tcp:443'
 option until '2027-12-01 12:00'

config passthrough 'vpn'
 option protocol 'ipsec'
 option action 'allow'

config alias 'twin'
 option tunnel 'branch'
 option subnet '192.168.10.0/24'
 option as '10.66.1.0/24'
 list name 'till=192.168.10.50'
"""
HERE, FAR = parse_ip("192.168.10.50"), parse_ip("198.51.100.20")
INSIDE, OWN = parse_ip("192.168.10.1"), parse_ip("203.0.113.7")
BY_NAME = {route.name: route for route in ROUTES}


def strictly(shape: Any) -> Any:
    """The same shape, in which an object has nothing that is not named."""
    if isinstance(shape, list):
        return [strictly(one) for one in shape]
    if not isinstance(shape, dict):
        return shape
    found = {key: strictly(value) for key, value in shape.items()}
    if found.get("type") == "object" and "additionalProperties" not in found:
        found["additionalProperties"] = False
        found.setdefault("properties", {})
    return found


SCHEMAS = strictly(copy.deepcopy(openapi.SHAPES))


def mismatch(shape: str, value: Any) -> str:
    """Why this is no such thing; "": it is."""
    schema = {"$ref": f"#/components/schemas/{shape}", "components": {"schemas": SCHEMAS}}
    errors = jsonschema_rs.validator_for(schema).iter_errors(value)
    return "\n".join(f"{list(error.instance_path)}: {error.message}"[:400] for error in errors)


def shape_of(name: str, status: int) -> str:
    """The shape of what this operation answers."""
    return BY_NAME[name].answer if status == 200 else "Error"


def sample(schema: dict[str, Any]) -> Any:
    """Something that a field may hold."""
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "array":
        return [{"section": "branch", "option": "mtu", "values": ["1400"]}]
    return {"string": "branch", "integer": 10, "boolean": True}[schema["type"]]


class Program:
    """Speaks to one router; `token`: "" before log_in()."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.token = ""
        self.wrong: list[str] = []  # answers that are not as the OpenAPI file says

    def send(self, method: str, path: str, body: Any = None, headers: dict | None = None) -> Answer:
        """Whatever is sent; body: bytes as they are, all else as JSON."""
        sent = {"Authorization": "Bearer " + self.token} if self.token else {}
        data = body
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        return self.browser.send(method, path, data, {**sent, **(headers or {})})

    def do(self, name: str, /, **fields: Any) -> Any:
        """An operation by its name: (status, what it answers), which is held to its shape."""
        route = BY_NAME[name]
        path, query = PREFIX + route.path, []
        for one in route.inputs.values():
            if one.place == "path":
                path = path.replace("{" + one.name + "}", quote(str(fields.pop(one.name)), safe=""))
            elif one.place == "query" and one.name in fields:
                query.append(f"{one.name}={quote(str(fields.pop(one.name)))}")
        path += "?" + "&".join(query) if query else ""
        answer = self.send(route.method, path, fields if route.method == "POST" else None)
        value = json.loads(answer.body)
        why = mismatch(shape_of(name, answer.status), value)
        if why or answer.header("content-type") != "application/json":
            self.wrong.append(f"{name} {answer.status}: {why or answer.header('content-type')}")
        return answer.status, value

    def log_in(self, user: str, password: str) -> None:
        status, value = self.do("login", user=user, password=password)
        if status != 200:
            raise AssertionError(value)
        self.token = value["token"]

    def prove(self, password: str) -> None:
        status, value = self.do("proof", password=password)
        if status != 200:
            raise AssertionError(value)
        self.token = value["token"]


class Programmed(Webbed):
    """A router with one of everything, and programs that use its API. At the end no answer was undocumented."""

    text = TEXT

    def make_kernel(self) -> NullKernel:
        kernel = NullKernel(
            [("lo", LOOPBACK, 8), ("br-lan", INSIDE, 24), ("wan", OWN, 24)],
            [(Prefix(parse_ip("192.168.10.0"), 24), Way(INSIDE, "br-lan", 1500)),
             (Prefix(bytes(4), 0), Way(OWN, "wan", 1500))],
        )  # fmt: skip
        kernel.known_neighbours = [("br-lan", HERE, bytes.fromhex("020000000050"))]
        kernel.known_flows = [Flow(2, 17, HERE, 500, FAR, 500, FAR, 500, OWN, 61000)]
        return kernel

    def program(self, name: str = "alice", role: str = "administer") -> Program:
        """Logged in, as a user of its own."""
        self.ask("user-add", user=name, role=role, password=PASSWORD)
        program = Program(self.browser())
        program.log_in(name, PASSWORD)
        self.addCleanup(lambda: self.assertEqual(program.wrong, []))
        return program
