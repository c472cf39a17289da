"""Netlink messages and attributes, declared as in pyroute2: `fields` and `nla_map`, encoded and decoded.

fields: ((name, format), ...) with the formats B, H, I, Q and i in this machine's byte order (after `>`: network
order), `Ns` for N bytes, `s` for all the rest, `Nx` for N bytes of padding. nla_map: ((name, type), ...) counted from
0, or ((number, name, type), ...); a type is a class of that name inside the message's class (after `*`: a list of
them), or one of the names in _PULL below. Attributes are decoded when they are asked for.
"""
from __future__ import annotations

import sys

from isthmus.wire.addr import format_ip, parse_ip

_ORDER = sys.byteorder
_SIZES = {"B": 1, "H": 2, "I": 4, "i": 4, "Q": 8}
_NLA_TYPE = 0x3FFF  # linux/netlink.h NLA_TYPE_MASK
_rows_of = {}
_forms = {}  # the formats that have been met: what _read_form has made of each


def _read_form(form):
    """(byte order, size, code) of a format; size -1: all the rest."""
    code = form[-1]
    digits = form.lstrip(">")[:-1]
    size = _SIZES.get(code) or (int(digits) if digits else -1 if code == "s" else 1)
    row = ("big" if form[0] == ">" else _ORDER, size, code)
    _forms[form] = row
    return row


def push_field(out, form, value):
    """Append one field."""
    order, size, code = _forms.get(form) or _read_form(form)
    if code == "x":
        out.extend(bytes(size))
    elif code == "s":
        raw = value.encode() if isinstance(value, str) else value or b""
        if size >= 0 and len(raw) > size:
            raise ValueError("%d bytes are too many for a field of %d" % (len(raw), size))
        out.extend(raw)
        if size > len(raw):
            out.extend(bytes(size - len(raw)))
    else:
        if not -(1 << (8 * size - 1)) <= value < 1 << (8 * size):
            raise ValueError("%d does not fit into %d bytes" % (value, size))
        out.extend((value if value >= 0 else value + (1 << (8 * size))).to_bytes(size, order))


def pull_field(data, offset, end, form):
    """(value, offset behind it) of one field. Raises ValueError if it does not lie before `end`."""
    order, size, code = _forms.get(form) or _read_form(form)
    if size < 0:
        size = end - offset
    behind = offset + size
    if size < 0 or behind > end:
        raise ValueError("a netlink message ends inside a field")
    if code in {"s", "x"}:
        return bytes(data[offset:behind]), behind
    value = int.from_bytes(data[offset:behind], order)
    if code == "i" and value >> 31:
        value -= 1 << 32
    return value, behind


def _align(length):
    return (length + 3) & ~3


def _number(size):
    def pull(raw, family):
        return int.from_bytes(raw[:size], _ORDER)

    def push(value, family):
        return value.to_bytes(size, _ORDER)

    return pull, push


def _pull_zero_terminated(raw, family):
    return raw.rstrip(b"\x00").decode()


def _push_zero_terminated(value, family):
    return value.encode() + b"\x00"


def _pull_raw(raw, family):
    return raw


def _push_raw(value, family):
    return value


def _pull_address(raw, family):
    return format_ip(raw)


def _push_address(value, family):
    return parse_ip(value)


def _pull_mac(raw, family):
    return ":".join(["%02x" % byte for byte in raw])


def _push_mac(value, family):
    return bytes([int(part, 16) for part in value.split(":")])


# Type: (from bytes, to bytes).
ATOMS = {
    "none": (_pull_raw, _push_raw),
    "hex": (_pull_raw, _push_raw),
    "cdata": (_pull_raw, _push_raw),
    "uint8": _number(1),
    "uint16": _number(2),
    "uint32": _number(4),
    "uint64": _number(8),
    "asciiz": (_pull_zero_terminated, _push_zero_terminated),
    "ipaddr": (_pull_address, _push_address),
    "target": (_pull_address, _push_address),
    "l2addr": (_pull_mac, _push_mac),
    "lladdr": (_pull_mac, _push_mac),
}


def _rows(kind):
    """({number: (name, type)}, {name: (number, type)}) of a class."""
    if kind not in _rows_of:
        by_number = {}
        by_name = {}
        for index in range(len(kind.nla_map)):
            row = kind.nla_map[index]
            number, name, form = row if len(row) == 3 else (index, row[0], row[1])
            by_number[number] = (name, form)
            by_name[name] = (number, form)
        _rows_of[kind] = (by_number, by_name)
    return _rows_of[kind]


class _Block:
    """Fields, then attributes: what a message has behind its header, and an attribute behind its own."""

    fields = ()
    nla_map = ()

    def __init__(self):
        self._values = {"attrs": []}
        self._undecoded = []

    def __getitem__(self, name):
        if name not in self._values and name in [field[0] for field in self.fields]:
            return 0
        return self._values[name]

    def __setitem__(self, name, value):
        self._values[name] = value

    def get_attr(self, attr, default=None):
        """The value of the first attribute of that name."""
        for name, form, raw in self._undecoded:
            if name == attr:
                return self._pull_value(form, raw)
        return default

    def push_block(self, out):
        """Append fields and attributes."""
        start = len(out)
        for name, form in self.fields:
            push_field(out, form, self[name])
        if self.nla_map:
            out.extend(bytes(_align(len(out) - start) - (len(out) - start)))
        by_name = _rows(type(self))[1]
        for name, value in self["attrs"]:
            number, form = by_name[name]
            head = len(out)
            out.extend(bytes(4))
            self._push_value(out, form, value)
            length = len(out) - head
            out[head : head + 2] = length.to_bytes(2, _ORDER)
            out[head + 2 : head + 4] = number.to_bytes(2, _ORDER)
            out.extend(bytes(_align(length) - length))

    def pull_block(self, data, offset, end):
        """Read fields and attributes from data[offset:end]. Raises ValueError."""
        for name, form in self.fields:
            self._values[name], offset = pull_field(data, offset, end, form)
        if not self.nla_map:
            return
        by_number = _rows(type(self))[0]
        offset = _align(offset)
        while offset + 4 <= end:
            length = int.from_bytes(data[offset : offset + 2], _ORDER)
            number = int.from_bytes(data[offset + 2 : offset + 4], _ORDER) & _NLA_TYPE
            if length < 4 or offset + length > end:
                raise ValueError("a netlink attribute of %d bytes where %d are left" % (length, end - offset))
            name, form = by_number.get(number, ("UNKNOWN", "hex"))
            self._undecoded.append((name, form, bytes(data[offset + 4 : offset + length])))
            offset += _align(length)

    def _push_value(self, out, form, value):
        inner = getattr(self, form, None)
        if inner is None:
            out.extend(ATOMS[form][1](value, self._values.get("family", 0)))
            return
        block = inner()
        for name in value:
            block[name] = value[name]
        block.push_block(out)

    def _pull_value(self, form, raw):
        inner = getattr(self, form.lstrip("*"), None)
        if inner is None:
            return ATOMS[form][0](raw, self._values.get("family", 0))
        if form[0] != "*":
            block = inner()
            block.pull_block(raw, 0, len(raw))
            return block
        out = []
        offset = 0
        while offset + 4 <= len(raw):
            length = int.from_bytes(raw[offset : offset + 2], _ORDER)
            if length < 4 or offset + length > len(raw):
                raise ValueError("a netlink attribute of %d bytes where %d are left" % (length, len(raw) - offset))
            block = inner()
            block.pull_block(raw, offset + 4, offset + length)
            out.append(block)
            offset += _align(length)
        return out


class nla(_Block):
    """An attribute with parts of its own."""


class nlmsg(_Block):
    """A message: struct nlmsghdr, fields, attributes. data: what it was encoded to, or is to be decoded from."""

    def __init__(self, data=None):
        _Block.__init__(self)
        self.data = bytearray() if data is None else data
        self._values["header"] = {}

    def reset(self):
        """Forget what it was encoded to."""
        self.data = bytearray()

    def encode(self):
        """Fill `data`."""
        header = self["header"]
        out = bytearray(4)  # for its length
        for form, name in (("H", "type"), ("H", "flags"), ("I", "sequence_number"), ("I", "pid")):
            push_field(out, form, header.get(name, 0))
        self.push_block(out)
        out.extend(bytes(_align(len(out)) - len(out)))
        out[0:4] = len(out).to_bytes(4, _ORDER)
        self.data = out

    def decode(self):
        """Read `data`. Raises ValueError if it is shorter than it says."""
        header = {}
        offset = 0
        for name, form in (("length", "I"), ("type", "H"), ("flags", "H"), ("sequence_number", "I"), ("pid", "I")):
            header[name], offset = pull_field(self.data, offset, len(self.data), form)
        if not 16 <= header["length"] <= len(self.data):
            raise ValueError("a netlink message of %d bytes where %d are there" % (header["length"], len(self.data)))
        self._values["header"] = header
        self.pull_block(self.data, offset, header["length"])


class ctrlmsg(nlmsg):
    """The controller of generic netlink (linux/genetlink.h), as far as finding a family goes."""

    fields = (("cmd", "B"), ("version", "B"), ("reserved", "H"))
    nla_map = (
        (1, "CTRL_ATTR_FAMILY_ID", "uint16"),
        (2, "CTRL_ATTR_FAMILY_NAME", "asciiz"),
        (7, "CTRL_ATTR_MCAST_GROUPS", "*mcast_groups"),
    )

    class mcast_groups(nla):
        """One multicast group."""

        nla_map = ((1, "CTRL_ATTR_MCAST_GRP_NAME", "asciiz"), (2, "CTRL_ATTR_MCAST_GRP_ID", "uint32"))
