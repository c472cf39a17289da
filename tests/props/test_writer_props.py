"""Whatever is changed in whatever file: what is read back is what was meant, and the rest stays byte by byte."""

import random
import unittest

from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.config import delta as words
from isthmus.config import uci
from isthmus.config.delta import Delta, format_delta, parse_deltas
from isthmus.config.edit import Document, EditError
from isthmus.config.writer import meaning, render
from tests.counts import cases
from tests.props.test_uci_props import make

NAMES = ["a", "b", "c", "remote", "psk", "x_1", "Z9", "n1", "n2"]
TYPES = [b"tunnel", b"globals", b"wifi-iface", b"t!"]
KINDS = [words.SET] * 4 + [
    words.ADD, words.DELETE, words.DELETE, words.RENAME, words.REORDER, words.ADD_LIST, words.ADD_LIST, words.DEL_LIST,
]  # fmt: skip
ALPHABET = b"ab'\"\\#; \t\nn\r$`=.\xc3\xa4\xff"


class Model:
    """What uci does, told on lists and dictionaries: [type, name, anonymous, [[option, value or list of values]]]."""

    def __init__(self, package):
        self.sections = []
        for section in package.sections:
            options = [[o.name, list(o.values) if o.is_list else o.values[0]] for o in section.options]
            self.sections.append([section.type.encode(), section.name, section.anonymous, options])

    def meaning(self):
        return [
            (t.decode(), "" if anonymous else name,
             {o: (isinstance(v, list), v if isinstance(v, list) else [v]) for o, v in options})
            for t, name, anonymous, options in self.sections
        ]  # fmt: skip

    def section(self, name):
        return next((s for s in self.sections if s[1] == name), None)

    def apply(self, delta):
        """True if it was made."""
        section = self.section(delta.section)
        if not delta.option and delta.kind in (words.SET, words.ADD):
            return self.set_section(delta, section)
        if section is None:
            return False
        option = next((o for o in section[3] if o[0] == delta.option), None)
        return {
            words.SET: self.set, words.DELETE: self.delete, words.RENAME: self.rename, words.REORDER: self.reorder,
            words.ADD_LIST: self.add_list, words.DEL_LIST: self.del_list, words.ADD: self.set,
        }[delta.kind](delta, section, option)  # fmt: skip

    def set_section(self, delta, section):
        if not delta.value:
            if section is not None:
                self.sections.remove(section)
        elif not uci.is_type(delta.value):
            return False
        elif section is None:
            self.sections.append([delta.value, delta.section, delta.kind == words.ADD, []])
        else:
            section[0], section[2] = delta.value, section[2] or delta.kind == words.ADD
        return True

    def set(self, delta, section, option):
        if not delta.value:
            section[3] = [o for o in section[3] if o is not option]
        elif option is None:
            section[3].append([delta.option, delta.value])
        else:
            option[1] = delta.value
        return True

    def delete(self, delta, section, option):
        if not delta.option:
            self.sections = [s for s in self.sections if s is not section]
            return True
        if option is None:
            return False
        if isinstance(option[1], list) and delta.value:
            try:
                number = int(delta.value)
            except ValueError:
                return False
            if 0 <= number < len(option[1]):
                del option[1][number]
            if option[1]:
                return True
        section[3] = [o for o in section[3] if o is not option]
        return True

    def rename(self, delta, section, option):
        name = delta.value.decode()
        if delta.option:
            if option is None or (name != option[0] and any(o[0] == name for o in section[3])):
                return False
            option[0] = name
            return True
        other = self.section(name)
        if other is not None and other is not section:
            return False
        section[1], section[2] = name, False
        return True

    def reorder(self, delta, section, _option):
        try:
            place = int(delta.value)
        except ValueError:
            return False
        self.sections = [s for s in self.sections if s is not section]
        self.sections.insert(place if 0 <= place <= len(self.sections) else len(self.sections), section)
        return True

    def add_list(self, delta, section, option):
        if option is None:
            section[3].append([delta.option, [delta.value]])
        else:
            option[1] = (option[1] if isinstance(option[1], list) else [option[1]]) + [delta.value]
        return True

    def del_list(self, delta, section, option):
        if option is not None and isinstance(option[1], list):
            option[1] = [v for v in option[1] if v != delta.value]
            if not option[1]:
                section[3] = [o for o in section[3] if o is not option]
        return True


def random_delta(rng, package):
    kind = rng.choice(KINDS)
    known = [s.name for s in package.sections] or ["a"]
    section = rng.choice(known) if rng.random() < 0.8 else rng.choice(NAMES)
    option = rng.choice(NAMES[:7]) if rng.random() < 0.8 else ""
    value = bytes(rng.choice(ALPHABET) for _ in range(rng.choice((0, 1, 2, 3, 8, 40))))
    if kind == words.ADD:
        return Delta(kind, "cfg%02xabcd" % rng.randrange(256), "", rng.choice(TYPES))
    if kind in (words.ADD_LIST, words.DEL_LIST):
        option = option or "remote"
    elif kind == words.REORDER:
        return Delta(kind, section, "", b"%d" % rng.randrange(8))
    elif kind == words.RENAME:
        value = rng.choice(NAMES).encode()
    elif kind == words.DELETE:
        value = rng.choice((None, None, b"0", b"1", b"7"))
    elif not option:
        value = rng.choice([*TYPES, *TYPES, *TYPES, b""])
    return Delta(kind, section, option, value)


def run(text, rng, count):
    """(the document after some changes, the model after the same, how many were made)."""
    document = Document(text, "test")
    model = Model(document.package)
    made = 0
    for _ in range(count):
        delta = random_delta(rng, document.package)
        try:
            document.apply(delta)
            done = True
        except EditError:
            done = False
        if done != model.apply(delta):
            raise AssertionError("%r %r: %s" % (delta, delta.value, done))
        made += done
    return document, model, made


def comments(text):
    """The comment lines of a text."""
    return [line.strip() for line in text.split(b"\n") if line.strip()[:1] == b"#"]


class WriterPropertiesTest(unittest.TestCase):
    def test_what_is_read_back_is_what_was_meant(self):
        total = 0
        for seed in range(cases(1500, 100_000)):
            rng = random.Random(seed)
            text = make(rng)[0]
            if rng.random() < 0.5:
                text += rng.choice((b"\n", b"\n\n", b"\n# tail", b"\nconfig z\n\toption q a\\", b"\nc z 'z9'"))
            with self.subTest(seed=seed):
                document, model, made = run(text, rng, rng.randrange(8))
                out = render(document)
                self.assertEqual(meaning(uci.parse(out, "out")), model.meaning(), (text, out))
                total += made
        self.assertGreater(total, 2000)

    def test_without_a_change_not_a_byte_changes(self):
        for seed in range(cases(400, 20_000)):
            text = make(random.Random(seed))[0]
            with self.subTest(seed=seed):
                self.assertEqual(render(Document(text, "test")), text)

    def test_a_change_and_its_undoing(self):
        """A section added and deleted again, an option renamed and renamed back: the text as it was."""
        for seed in range(cases(150, 5000)):
            text = make(random.Random(seed))[0]
            document = Document(text, "test")
            with self.subTest(seed=seed):
                document.apply(Delta(words.SET, "brand_new", "", b"tunnel"))
                document.apply(Delta(words.SET, "brand_new", "x", b"1"))
                document.apply(Delta(words.DELETE, "brand_new"))
                for section in document.package.sections[:1]:
                    document.apply(Delta(words.REORDER, section.name, "", b"0"))
                    for option in section.options[:1]:
                        name = option.name
                        document.apply(Delta(words.RENAME, section.name, name, b"other"))
                        document.apply(Delta(words.RENAME, section.name, "other", name.encode()))
                self.assertEqual(meaning(uci.parse(render(document), "out")), meaning(uci.parse(text, "test")))


def plain_file(rng):
    """A file as people write them: comments anywhere, one command a line, every style of quotes."""
    lines = []
    for number in range(rng.randrange(1, 5)):
        lines += rng.choice(([b""], [b"", b"# about s%d" % number], [b"", b"", b"# one", b"#two"]))
        lines.append(rng.choice((b"config tunnel 's%d'", b"config tunnel s%d # why", b'config  tunnel "s%d"')) % number)
        for option in range(rng.randrange(5)):
            if rng.random() < 0.3:
                lines.append(b"\t# inner %d.%d" % (number, option))
            style = rng.choice((b"'v%d'", b'"v%d"', b"v%d", b"'v'%d"))
            spelled = (style + rng.choice((b"", b"   # mine", b" "))) % option
            lines.append(rng.choice((b"\toption o%d ", b"  option   o%d ", b"\tlist o%d ")) % option + spelled)
    return b"\n".join(lines) + b"\n"


class PlainFileTest(unittest.TestCase):
    def test_every_other_line_stays(self):
        """A change of one option leaves every other line as it was, in the same order, and all comments but its own."""
        changed = 0
        for seed in range(cases(1500, 50_000)):
            rng = random.Random(seed)
            text = plain_file(rng)
            document = Document(text, "test")
            section = rng.choice(document.package.sections)
            if not section.options:
                continue
            option = rng.choice(section.options)
            how = rng.choice((words.SET, words.DELETE, words.ADD_LIST))
            document.apply(Delta(how, section.name, option.name, None if how == words.DELETE else b"it's new"))
            out = render(document)
            before = text.split(b"\n")
            own = option.statements[0].line - 1 if option.statements else None
            if how == words.DELETE:
                line = uci.parse(text, "t").get(section.name).get(option.name).line
                expected = before[: line - 1] + before[line:]
                self.assertEqual(out.split(b"\n"), expected, seed)
            elif how == words.SET:
                line = uci.parse(text, "t").get(section.name).get(option.name).line
                after = out.split(b"\n")
                self.assertEqual(after[: line - 1] + after[line:], before[: line - 1] + before[line:], seed)
                self.assertEqual(b"# mine" in after[line - 1], b"# mine" in before[line - 1])
            else:
                self.assertEqual(comments(out), comments(text), seed)
                self.assertIsNotNone(own)
            changed += 1
        self.assertGreater(changed, 1000)

    def test_a_deleted_section_leaves_the_others(self):
        for seed in range(cases(400, 20_000)):
            rng = random.Random(seed)
            text = plain_file(rng)
            document = Document(text, "test")
            gone = rng.choice(document.package.sections)
            document.apply(Delta(words.DELETE, gone.name))
            out = render(document)
            package = uci.parse(text, "test")
            for section in package.sections:
                for statement in section.statements + [s for o in section.options for s in o.statements]:
                    line = text.split(b"\n")[statement.line - 1]
                    if section.name != gone.name:
                        self.assertIn(line, out.split(b"\n"), seed)
            self.assertEqual([s.name for s in uci.parse(out, "out").sections],
                             [s.name for s in package.sections if s.name != gone.name])  # fmt: skip
            self.assertLessEqual(set(comments(out)), set(comments(text)))


CHARACTERS = st.characters(min_codepoint=32, exclude_categories=("Cs",)) | st.sampled_from("\t\n\r'\"\\#;=")
DELTAS = st.builds(
    Delta,
    st.sampled_from([words.SET, words.ADD_LIST, words.DEL_LIST]),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.text(CHARACTERS).map(str.encode),
)


class DeltaPropertiesTest(unittest.TestCase):
    @given(st.lists(DELTAS, max_size=6))
    @settings(max_examples=cases(200, 5000), deadline=None, derandomize=True)
    def test_written_deltas_are_read_back(self, deltas):
        text = b"".join([format_delta(delta) for delta in deltas])
        found, broken = parse_deltas(text, "test")
        self.assertEqual(broken, [])
        self.assertEqual([(d.kind, d.section, d.option, d.value) for d in found],
                         [(d.kind, d.section, d.option, d.value) for d in deltas])  # fmt: skip

    @given(st.integers(0, 1000), st.lists(DELTAS, max_size=8))
    @settings(max_examples=cases(200, 5000), deadline=None, derandomize=True)
    def test_written_values_are_read_back(self, seed, deltas):
        """Any text at all, in a file as people write them."""
        document = Document(plain_file(random.Random(seed)), "test")
        model = Model(document.package)
        for delta in [Delta(words.SET, "a", "", b"tunnel"), *deltas]:
            known = Delta(delta.kind, "a" if delta.option else delta.section, delta.option, delta.value)
            document.apply(known)
            self.assertTrue(model.apply(known))
        self.assertEqual(meaning(uci.parse(render(document), "out")), model.meaning())
