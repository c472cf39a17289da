"""A netlink socket: one request at a time, or multicast messages as they come."""
from __future__ import annotations

import sys

from pyroute2.netlink import nlmsg
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

_ORDER = sys.byteorder
_AF_NETLINK, _SOCK_RAW = 16, 3

# linux/netlink.h
_SOL_NETLINK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK = 270, 11, 12
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLM_F_MULTI, _NLM_F_ACK, _NLM_F_DUMP_INTR, _NLM_F_CAPPED, _NLM_F_ACK_TLVS = 0x2, 0x4, 0x10, 0x100, 0x200
_NLMSGERR_ATTR_MSG = 1

_MSG_DONTWAIT = 0x40
_POLLIN = 1
_EAGAIN = 11
_ETIMEDOUT = 110
_PATIENCE_MS = 10000
_BUFFER = 32768  # what the kernel puts into one datagram of a list at most


class NetlinkSocket:
    """As pyroute2's, as far as Isthmus uses it."""

    def __init__(self, family=0, ext_ack=False, strict_check=False):
        # Here and not above: an interpreter without sockets can still encode and decode.
        import select

        try:
            import _socket as socket  # CPython's own is large, and adds nothing that is used here
        except ImportError:
            import socket

        self._socket = socket.socket(_AF_NETLINK, _SOCK_RAW, family)
        self._poll = select.poll()
        self._poll.register(self._socket.fileno(), _POLLIN)
        self._messages = {}
        self._sequence = 0
        if ext_ack:
            self.setsockopt(_SOL_NETLINK, _NETLINK_EXT_ACK, 1)
        if strict_check:
            self.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)

    def bind(self):
        """Let the kernel choose our number."""
        try:
            self._socket.bind((0, 0))
        except TypeError:  # MicroPython takes struct sockaddr_nl itself
            self._socket.bind(_AF_NETLINK.to_bytes(2, _ORDER) + bytes(10))

    def register_policy(self, policy):
        """{type of an answer: class}."""
        for number in policy:
            self._messages[number] = policy[number]

    def setsockopt(self, level, option, value):
        """As the socket's own."""
        self._socket.setsockopt(level, option, value)

    def fileno(self):
        """The descriptor."""
        return self._socket.fileno()

    def recv(self, size, flags=0):
        """One datagram; with MSG_DONTWAIT OSError(EAGAIN) if there is none."""
        if flags & _MSG_DONTWAIT and not self._poll.poll(0):
            raise OSError(_EAGAIN, "nothing to read")
        return self._socket.recv(size)

    def close(self):
        """Give the descriptor back."""
        self._socket.close()

    def nlm_request(self, msg, msg_type, msg_flags):
        """The answers to one message. Raises NetlinkError, NetlinkDumpInterrupted, OSError."""
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        msg["header"] = {"type": msg_type, "flags": msg_flags, "sequence_number": self._sequence, "pid": 0}
        msg.encode()
        self._socket.send(msg.data)
        answers = []
        interrupted = False
        while True:
            if not self._poll.poll(_PATIENCE_MS):
                raise OSError(_ETIMEDOUT, "the kernel does not answer")
            for data in split(self._socket.recv(_BUFFER)):
                answer = self._messages.get(_field(data, 4, 2), nlmsg)(data)
                number, flags = _field(data, 4, 2), _field(data, 6, 2)
                if _field(data, 8, 4) != self._sequence:  # an answer to a request that timed out
                    continue
                interrupted = interrupted or bool(flags & _NLM_F_DUMP_INTR)
                if number in {_NLMSG_ERROR, _NLMSG_DONE}:
                    _check(data, flags, number)
                    if interrupted:
                        raise NetlinkDumpInterrupted
                    return answers
                answer.decode()
                answers.append(answer)
                if not flags & _NLM_F_MULTI and not msg_flags & _NLM_F_ACK:
                    return answers


def _field(data, offset, size):
    return int.from_bytes(data[offset : offset + size], _ORDER)


def split(data):
    """The messages of one datagram; a broken tail is left out."""
    out = []
    offset = 0
    while offset + 16 <= len(data):
        length = _field(data, offset, 4)
        if length < 16 or offset + length > len(data):
            break
        out.append(bytes(data[offset : offset + length]))
        offset += (length + 3) & ~3
    return out


def _check(data, flags, number):
    """Raise NetlinkError if the last message of an answer says that it failed."""
    code = _field(data, 16, 4) if len(data) >= 20 else 0
    if not code:
        return
    text = ""
    # NLMSG_ERROR holds the request's header, and all of the request unless it was capped; then attributes.
    offset = 20
    if number == _NLMSG_ERROR:
        offset += 16 if flags & _NLM_F_CAPPED else (_field(data, 20, 4) + 3) & ~3
    while flags & _NLM_F_ACK_TLVS and offset + 4 <= len(data):
        length = _field(data, offset, 2)
        if length < 4:
            break
        if _field(data, offset + 2, 2) == _NLMSGERR_ATTR_MSG:
            text = data[offset + 4 : offset + length].rstrip(b"\x00").decode()
        offset += (length + 3) & ~3
    raise NetlinkError((1 << 32) - code, text)
