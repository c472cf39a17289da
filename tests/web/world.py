"""isthmus-web as a process of its own user, before the daemon of accounts_world.py, and a browser of few words."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path
from typing import Any

from tests.edge.accounts_world import GUEST, PASSWORD, Accounted

READY_S = 300.0  # on a machine that does other things as well
TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


def free_port() -> int:
    """A TCP port that nobody uses on the loopback now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Answer:
    """status, headers as [(lower-case name, value)], text."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = [(name.lower(), value) for name, value in response.getheaders()]
        self.body = response.read()
        self.text = self.body.decode("utf-8", "replace")

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key == name)

    def cookies(self) -> list[str]:
        return [value for key, value in self.headers if key == "set-cookie"]


class Browser:
    """Keeps cookies and follows nothing by itself."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.port, self.host = port, host
        self.jar: dict[str, str] = {}
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE

    def send(self, method: str, path: str, body: str | bytes | None = None, headers: dict | None = None) -> Answer:
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=60, context=self.context)
        sent = {"Connection": "close", **(headers or {})}
        if self.jar and "Cookie" not in sent:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        try:
            connection.request(method, path, body, sent)
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        for line in answer.cookies():
            name, _, value = line.partition(";")[0].partition("=")
            if "max-age=0" in line.lower():
                self.jar.pop(name, None)
            else:
                self.jar[name] = value
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, headers=headers)

    def own_headers(self) -> dict[str, str]:
        """Those that a browser sends with a form of the page itself."""
        return {
            "Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin",
            "Origin": f"https://{self.host}:{self.port}",
        }  # fmt: skip

    def token(self, path: str) -> str:
        found = TOKEN.search(self.get(path).text)
        return found.group(1) if found else ""

    def post(self, path: str, page: str = "", headers: dict | None = None, **fields: str) -> Answer:
        """A form of `page` (the path itself without one), with its token."""
        fields.setdefault("form_token", self.token(page or path))
        return self.send("POST", path, urllib.parse.urlencode(fields), {**self.own_headers(), **(headers or {})})

    def settle(self, answer: Answer) -> Answer:
        """Wait as the page says, while a password is looked at."""
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            if answer.status == 303 and answer.header("location").startswith("/wait/"):
                answer = self.get(answer.header("location"))
            elif answer.status == 200 and answer.header("refresh"):
                time.sleep(0.2)
                answer = self.get(answer.header("refresh").partition("url=")[2])
            else:
                break
        return answer

    def login(self, user: str = "alice", password: str = PASSWORD) -> Answer:
        return self.settle(self.post("/login", user=user, password=password))


class Webbed(Accounted):
    """`self.port`: where isthmus-web serves on the loopback; `self.web`: its process."""

    options: tuple[str, ...] = ()

    def setUp(self) -> None:
        super().setUp()
        self.port = free_port()
        self.start_web()

    def start_web(self) -> None:
        self.folder = self.path / "web"
        words = [sys.executable, "-m", "isthmus_web.start", "--port", str(self.port), "--user", f"{GUEST}:{GUEST}"]
        words += ["--folder", str(self.folder), "--run", self.run_dir, *(self.options or ("--listen", "127.0.0.1"))]
        self.said = self.path / "web.log"
        with self.said.open("wb") as log:
            self.web = subprocess.Popen(words, stderr=log, stdin=subprocess.DEVNULL)
        self.addCleanup(self.stop_web)
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            if "ready;" in self.said.read_text():
                return
            if self.web.poll() is not None:
                break
            time.sleep(0.05)
        self.fail("isthmus-web does not come up:\n" + self.said.read_text())

    def stop_web(self) -> None:
        if self.web.poll() is None:
            self.web.terminate()
            try:
                self.web.wait(20)
            except subprocess.TimeoutExpired:
                self.web.kill()
                self.web.wait()

    def browser(self) -> Browser:
        return Browser(self.port)

    def logged_in(self, name: str = "alice", role: str = "administer", password: str = PASSWORD) -> Browser:
        self.ask("user-add", user=name, role=role, password=password)
        browser = self.browser()
        answer = browser.login(name, password)
        self.assertEqual((answer.status, answer.header("location")), (303, "/"), answer.text)
        return browser


def lamp(name: str, state: str, evidence: str) -> dict[str, str]:
    return {"name": name, "state": state, "evidence": evidence}


GOOD = [
    lamp("peer", "ok", "198.51.100.7 proved its identity 3 h ago (aes256gcm16-prfsha384-ecp384 with a ppk), last IKE "
                       "message 12 s ago; ESP travels in UDP from port 4500 to port 4500"),
    lamp("ipsec", "ok", "aes256gcm16, in 0xc41d09aa with 48122 packets, out 0x91b7e03c with 39518 packets"),
    lamp("l2tp", "ok", "session 2890112: 48122 packets received, 39518 sent"),
    lamp("path", "ok", "probe answered 1 s ago in 23 ms, 0 % of the last probes lost"),
    lamp("guard", "ok", "nft table isthmus verified 8 s ago"),
]  # fmt: skip
FAULT = {
    "code": "authentication-failed",
    "message": "the peer calls itself warehouse and does not know the PSK of this tunnel",
    "remedy": "compare option psk on both sides, letter by letter", "ago_s": 40,
}  # fmt: skip


def tunnel(name: str, state: str, lamps: list[dict], **fields: Any) -> dict[str, Any]:
    row = {
        "name": name, "state": state, "story": "a story", "since_s": 10_800, "remote": name + ".example.net",
        "networks": ["192.168.20.0/24", "fd00:20::/64"],
        "outer": None, "interface": "is-" + name, "mtu": 1400, "lamps": lamps, "error": None, "refusal": None,
        "retry_in_s": None,
    }  # fmt: skip
    return {**row, **fields}


def with_states(lamps: list[dict], *states: str) -> list[dict]:
    texts = {"bad": "no SA: nothing is sent, nothing is taken", "wait": "no SA yet", "off": "taken down by hand"}
    return [
        {**row, "state": state, "evidence": row["evidence"] if state == "ok" else texts[state]}
        for row, state in zip(lamps, states, strict=True)
    ]


def report(tunnels: list[dict], rules: list[dict] | None = None, **fields: Any) -> dict[str, Any]:
    """What `status` answers."""
    return {
        "version": "0.1.0", "daemon": {"pid": 1, "since_s": 99, "resident_kib": 24000},
        "config": {"error": None, "warnings": []},
        "guard": {"in_place": True, "verified_s": 8, "repairs": 0, "error": None},
        "site": {"name": "harbour", "networks": ["192.168.10.0/24", "fd00:10::/64"]},
        "policy": {"rules": rules or [], "warnings": []}, "ike": {"dropped": {}}, "tunnels": tunnels, **fields,
    }  # fmt: skip


def busy_report() -> dict[str, Any]:
    """One of everything."""
    rule = {"by": [], "otherwise": "protected", "tunnel": "harbour-office"}
    return report(
        [
            tunnel("harbour-office", "up", GOOD),
            tunnel(
                "warehouse", "waiting", with_states(GOOD, "bad", "bad", "bad", "bad", "ok"), error=FAULT, retry_in_s=24
            ),
            tunnel("branch-lisbon", "negotiating", with_states(GOOD, "wait", "wait", "wait", "wait", "ok"), since_s=4),
            tunnel("old-depot", "disabled", with_states(GOOD, "off", "off", "off", "off", "ok"), since_s=864_000),
        ],
        [
            {
                **rule,
                "name": "till-systems",
                "state": "protected",
                "why": "everything goes through tunnel harbour-office",
            },
            {**rule, "name": "cameras", "state": "blocked", "why": "nothing passes: tunnel warehouse is waiting"},
        ],
    )


SHOTS = Path(__file__).resolve().parents[2] / "build" / "web-shots"
