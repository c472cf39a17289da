"""The guard, through the nft program: text on its standard input, never in its arguments.

Its one function that needs CPython is _run(): MicroPython has no way to start a program with pipes.
"""
from __future__ import annotations

import json

from isthmus.kernel.contract import EINVAL, ENOENT, ETIMEDOUT, KernelError, refuse_foreign_guard
from isthmus.kernel.nft import digest
from isthmus.policy.guard import TABLE

_PATIENCE_SECONDS = 20  # a loaded router takes a second or two


def guard_set(text: str) -> None:
    """One transaction, or nothing."""
    doing = "set the guard"
    refuse_foreign_guard(text)
    status, _, said = _run(["-f", "-"], text, doing)
    if status:
        raise _error(doing, said)


def guard_get() -> bytes | None:
    """The digest of our table; None if there is none."""
    doing = "read the guard"
    status, listing, said = _run(["-j", "list", "table", "inet", TABLE], "", doing)
    if not status:
        try:
            return digest(listing)
        except ValueError:
            raise KernelError(EINVAL, doing, kind="guard", detail="nft does not print JSON") from None
    # nft says why it failed in words alone; whether it is because the table is missing, the list of tables tells.
    status, listing, _ = _run(["-j", "list", "tables"], "", doing)
    if status or _lists_table(listing):
        raise _error(doing, said)
    return None


def _lists_table(listing: str) -> bool:
    for entry in json.loads(listing).get("nftables", []):
        table = entry.get("table", {})
        if table.get("family") == "inet" and table.get("name") == TABLE:
            return True
    return False


def _run(arguments: list[str], text: str, doing: str) -> tuple[int, str, str]:
    """(exit status, standard output, standard error) of nft."""
    import subprocess  # here: an interpreter without it can do everything else

    environment = {"PATH": "/usr/sbin:/sbin:/usr/bin:/bin", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - fixed program and fixed arguments
            ["nft"] + arguments,
            input=text.encode(), capture_output=True, timeout=_PATIENCE_SECONDS, check=False, env=environment)
    except FileNotFoundError:
        raise KernelError(ENOENT, doing, kind="guard", detail="there is no program nft") from None
    except subprocess.TimeoutExpired:
        detail = "nft took more than %d s" % _PATIENCE_SECONDS
        raise KernelError(ETIMEDOUT, doing, kind="guard", detail=detail) from None
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def _error(doing: str, said: str) -> KernelError:
    return KernelError(EINVAL, doing, kind="guard", detail=said.strip().split("\n")[0][:200])
