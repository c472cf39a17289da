"""The process of the user isthmus-web: key, server, pages. start.py has opened its sockets and given up root."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import signal
import socket
import subprocess
import sys

from isthmus.edge.printable import printable
from isthmus_web import certificate

FILE_NAME = "device.pem"


class OneLine(logging.Formatter):
    """A record is one line, whatever a client has sent."""

    def format(self, record: logging.LogRecord) -> str:
        """Without line ends and control characters."""
        return printable(super().format(record).replace("\n", " | "))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="isthmus-web", description=__doc__)
    parser.add_argument("--socket", action="append", type=int, required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--name", action="append", default=[])
    parser.add_argument("--address", action="append", default=[])
    return parser


def _say(text: str) -> None:
    sys.stderr.write(printable("isthmus-web: " + text) + "\n")
    sys.stderr.flush()


def main() -> int:
    """Serve until SIGTERM."""
    arguments = _parser().parse_args()
    if os.geteuid() == 0:
        _say("the web interface never runs as root; start isthmus-web")
        return 1
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine("isthmus-web: %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    path = os.path.join(arguments.folder, FILE_NAME)
    try:
        certificate.ensure(path, [*arguments.address, *arguments.name])
        shown = certificate.fingerprint(path)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        _say(f"no TLS key: {error}; make room in {arguments.folder}, or remove {FILE_NAME} there")
        return 1

    from isthmus_web.app import create_app
    from isthmus_web.link import Link
    from isthmus_web.tls import make_context
    from isthmus_web.web import Bunch

    context = make_context(path)
    app = create_app(Link(arguments.run), frozenset(arguments.name), shown)
    bunch = Bunch(app, [socket.socket(fileno=number) for number in arguments.socket], context)
    stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.append(1))
    gc.collect()
    gc.freeze()
    where = ", ".join(arguments.address + arguments.name)
    _say(f"ready; the certificate's SHA-256 is {shown}; names: {where}")
    bunch.run(lambda: not stop)
    bunch.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
