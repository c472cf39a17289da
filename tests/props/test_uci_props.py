"""Whatever can be written down in UCI is read back as it was meant, however it was written."""

import random
import unittest

from isthmus.config import uci
from tests.counts import cases

NAMES = [b"a", b"b", b"c", b"remote", b"psk", b"x_1", b"Z9"]
TYPES = [b"tunnel", b"globals", b"wifi-iface", b"t!"]
ALPHABET = b"ab'\"\\#; \t\nn\r$`\xc3\xa4\xff"


def random_value(rng):
    return bytes(rng.choice(ALPHABET) for _ in range(rng.choice((0, 1, 2, 3, 8, 40))))


def single(value, rng):
    return b"'" + value.replace(b"'", rng.choice((b"'\\''", b"'\"'\"'"))) + b"'"


def double(value, rng):
    out = b'"'
    for byte in value:
        piece = bytes([byte])
        if piece in b'"\\' or (rng.random() < 0.2 and piece not in b"\r\n"):
            out += b"\\"
        out += piece
        if rng.random() < 0.1:
            out += rng.choice((b"\\\n", b"\\\r\n"))
    return out + b'"'


def bare(value, rng):
    # A line end cannot be escaped (it joins lines), and an empty argument needs quotes.
    if not value or b"\n" in value:
        return single(value, rng)
    out = b""
    for byte in value:
        piece = bytes([byte])
        out += (b"\\" if piece in b"'\"\\#; \t\r" or rng.random() < 0.2 else b"") + piece
        if rng.random() < 0.1 and byte != 0x0D:
            out += b"\\\n"
    # Behind a carriage return a line end would join lines
    return out + b"''"


def written(value, rng):
    """The value in any of its spellings, whole or in pieces."""
    cut = rng.randrange(len(value) + 1)
    if rng.random() < 0.3:
        return rng.choice((single, double))(value[:cut], rng) + rng.choice((single, double))(value[cut:], rng)
    return rng.choice((single, double, bare))(value, rng)


def blank(rng):
    return rng.choice((b" ", b"\t", b"  \t"))


def line_end(rng):
    """An end of a command after an argument that ends in a quote."""
    return rng.choice((b"\n", b" \n", b"\r\n", b" # it's a \"comment\n", b";", b" ; \t", b"\n\n# c\n \t\n"))


class Model:
    """The same rules, told on a dictionary: what libuci's documentation promises."""

    def __init__(self):
        self.sections = []

    def section(self, section_type, name):
        for known in self.sections:
            if isinstance(known[1], bytes) and known[1] == name:
                return known
        self.sections.append((section_type, name or uci.anonymous_name(len(self.sections) + 1, section_type), {}))
        return self.sections[-1]


def make(rng):
    """(text, what it means)."""
    model, text, fixed = Model(), b"", {}
    for _ in range(rng.randrange(6)):
        name = rng.choice([b""] + NAMES)
        section_type = fixed.setdefault(name, rng.choice(TYPES)) if name else rng.choice(TYPES)
        options = model.section(section_type, name)[2]
        text += (
            rng.choice((b"config", b"c")) + blank(rng) + section_type + blank(rng) + single(name, rng) + line_end(rng)
        )
        for _ in range(rng.randrange(8)):
            option, value = rng.choice(NAMES), random_value(rng)
            is_list = rng.random() < 0.4
            word = rng.choice((b"list", b"l") if is_list else (b"option", b"o"))
            text += word + blank(rng) + option + blank(rng) + written(value, rng) + line_end(rng)
            if is_list:
                old = options.get(option, [])
                options[option] = (old if isinstance(old, list) else [old]) + [value]
            elif value:
                options[option] = value
            else:
                options.pop(option, None)
    return text + b" # end", model.sections


def read(text):
    found = []
    for section in uci.parse(text, "test").sections:
        options = {o.name.encode(): o.values if o.is_list else o.values[0] for o in section.options}
        name = section.name if section.anonymous else section.name.encode()
        found.append((section.type.encode(), name, options))
    return found


class UciPropertiesTest(unittest.TestCase):
    def test_every_spelling_is_read_back(self):
        filled = 0
        for seed in range(cases(2000, 50_000)):
            text, meant = make(random.Random(seed))
            with self.subTest(seed=seed):
                self.assertEqual(read(text), meant, text)
                filled += len(meant)
        self.assertGreater(filled, 1000)

    def test_statements_alone_are_the_same_file(self):
        """Cutting out everything between the statements changes nothing: the places are right."""
        for seed in range(cases(1000, 20_000)):
            text, meant = make(random.Random(seed))
            statements = uci.parse(text, "test").statements
            with self.subTest(seed=seed):
                self.assertEqual(read(b"\n".join(text[s.start : s.end] for s in statements)), meant, text)
                for statement in statements:
                    self.assertEqual(statement.line, text.count(b"\n", 0, statement.start) + 1)

    def test_reading_on_agrees_with_strict_reading(self):
        """parse_all finds an error exactly where parse stops, and the same package where there is none."""
        refused = 0
        for seed in range(cases(1000, 20_000)):
            rng = random.Random(seed)
            text = bytearray(make(rng)[0])
            text.insert(rng.randrange(len(text)), rng.choice(b"'\";#\\ x\n"))
            package, errors = uci.parse_all(bytes(text), "test")
            with self.subTest(seed=seed):
                try:
                    strict = uci.parse(bytes(text), "test")
                except uci.UciError as error:
                    refused += 1
                    self.assertEqual(
                        (errors[0].line, errors[0].byte, errors[0].reason), (error.line, error.byte, error.reason)
                    )
                else:
                    self.assertEqual(errors, [])
                    self.assertEqual(len(package.statements), len(strict.statements))
        self.assertGreater(refused, 50)
