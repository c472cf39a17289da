"""isthmus-web: opens the sockets as root, then becomes the user isthmus-web for good and serves (serve.py).

Everything that takes root is here, and little it is: listening sockets on the LAN, the folder of the TLS key, no new
privileges, no core dumps. Then another program takes this process's place, with nothing of root's left in its memory.

It gives way (nice 5). Handshakes of TLS and pages in Python are the dearest work that a stranger on the LAN can order,
and a small router has one processor: isthmusd, and ksoftirqd with the packets that are forwarded, run at nice 0 and get
three quarters of it while both want it. The rest is enough for an administrator to see what is going on.
"""

from __future__ import annotations

import argparse
import os
import pwd
import resource
import socket
import sys

from isthmus.edge.printable import printable
from isthmus.errors import IsthmusError
from isthmus_web import listen

USER = "isthmus-web"
FOLDER = "/etc/isthmus-web"
RUN_DIR = "/var/run/isthmus"
PORT = 8443
LAN = "br-lan"
MOST_FILES = 512
NICE = 5
PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h
SIOCGIFADDR = 0x8915  # linux/sockios.h


class StartError(IsthmusError):
    """isthmus-web cannot start."""

    code = "start"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="isthmus-web", description="The web interface of Isthmus, for the LAN.")
    add = parser.add_argument
    add("--lan", action="append", metavar="INTERFACE", help=f"serve who is on this interface (default {LAN})")
    add("--listen", action="append", metavar="ADDRESS", help="serve on this address instead, such as 127.0.0.1")
    add("--port", type=int, default=PORT, help=f"TCP port (default {PORT})")
    add("--name", action="append", help="another name that browsers may use for this device")
    add("--folder", default=FOLDER, help=f"where the TLS key is kept (default {FOLDER})")
    add("--run", default=RUN_DIR, help=f"run directory of isthmusd (default {RUN_DIR})")
    add("--user", default=USER, help=f"user to become: a name, or UID:GID (default {USER})")
    add("--fingerprint", action="store_true", help="print the certificate's SHA-256, as browsers show it, and end")
    return parser


def find_user(text: str) -> tuple[int, int]:
    """(uid, gid) of --user. Raises StartError for one that is missing, or root."""
    if ":" in text and text.replace(":", "", 1).isdecimal():
        uid, gid = (int(part) for part in text.split(":"))
    else:
        try:
            entry = pwd.getpwnam(text)
        except KeyError:
            remedy = f"make it, with a group of its own: {text}:x:453:453:isthmus-web:/var/empty:/bin/false"
            raise StartError(f"there is no user {text}", remedy) from None
        uid, gid = entry.pw_uid, entry.pw_gid
    if not uid or not gid:
        raise StartError("the web interface never runs as root", "give it a user and a group of its own")
    return uid, gid


def device_names(given: list[str]) -> list[str]:
    """Names that a browser may use: lower case, as DNS has them."""
    own = socket.gethostname().lower()
    found = [own, own if "." in own else own + ".lan", *[name.lower().rstrip(".") for name in given]]
    fits = [name for name in found if name and all(part and _is_label(part) for part in name.split("."))]
    return list(dict.fromkeys(fits))


def _is_label(text: str) -> bool:
    return all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in text)


def interface_address(name: str) -> list[str]:
    """The IPv4 address of an interface, for the certificate; none where it has none yet."""
    import fcntl
    import struct

    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        answer = fcntl.ioctl(sock.fileno(), SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
    except OSError:
        return []
    finally:
        sock.close()
    return [socket.inet_ntoa(answer[20:24])]


def prepare_folder(path: str, uid: int, gid: int) -> None:
    """The key's folder, for this user alone. Raises OSError, StartError."""
    os.makedirs(path, mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.geteuid() == 0:
            if os.fstat(descriptor).st_uid not in (0, uid):
                raise StartError(f"{path} belongs to another user", "remove it, or name another with --folder")
            os.fchown(descriptor, uid, gid)
        os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def give_way() -> None:
    """Behind isthmusd and what the kernel forwards; whoever started us may have put us further behind."""
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))


def drop(uid: int, gid: int) -> None:
    """Become this user, with no way back. Raises OSError, StartError."""
    import ctypes

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_FILES, MOST_FILES))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    if (os.getuid(), os.geteuid(), os.getgid()) != (uid, uid, gid):
        raise StartError("this process cannot become the user of the web interface", "start it as root")
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise StartError("this kernel does not let a process give up new privileges", "use Linux 3.5 or newer")
    os.umask(0o077)


def run(arguments: argparse.Namespace) -> None:
    """Prepare everything, then be serve.py. Raises IsthmusError, OSError; returns never."""
    uid, gid = find_user(arguments.user)
    lans = arguments.lan or ([] if arguments.listen else [LAN])
    sockets = [listen.on_interface(name, arguments.port) for name in lans]
    sockets += [listen.on_address(text, arguments.port) for text in arguments.listen or []]
    prepare_folder(arguments.folder, uid, gid)
    names = device_names(arguments.name or [])
    addresses = [address for name in lans for address in interface_address(name)] + list(arguments.listen or [])
    words = [sys.executable, "-I", "-m", "isthmus_web.serve", "--run", arguments.run, "--folder", arguments.folder]
    for sock in sockets:
        sock.set_inheritable(True)
        words += ["--socket", str(sock.fileno())]
    for option, values in (("--name", names), ("--address", addresses)):
        for value in values:
            words += [option, value]
    give_way()
    drop(uid, gid)
    os.chdir("/")
    # One arena of the C library's for all threads: they wait for Python's lock anyway, and more of them cost 6 MB.
    settings = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    os.execve(sys.executable, words, settings)  # noqa: S606 - no shell is meant


def main() -> int:
    """The program."""
    arguments = _parser().parse_args()
    try:
        if arguments.fingerprint:
            from isthmus_web.certificate import fingerprint
            from isthmus_web.serve import FILE_NAME

            sys.stdout.write(fingerprint(f"{arguments.folder}/{FILE_NAME}") + "\n")
            return 0
        run(arguments)
    except IsthmusError as error:
        sys.stderr.write(printable(f"isthmus-web: {error}; to do: {error.remedy}") + "\n")
    except (OSError, ValueError) as error:
        sys.stderr.write(printable(f"isthmus-web: {error}") + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
