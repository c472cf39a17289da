"""Languages: every text is there in each, with its values; the catalogue's own format; and how pages choose."""

from __future__ import annotations

import re
import unittest

from isthmus_web.app import create_app
from isthmus_web.link import Link
from isthmus_web.words import CATALOGUES, NAMES, Catalogue, read_po
from tests.web.texts import of_sources, of_templates

VALUE = re.compile(r"%\([a-z]+\)[sd]|%%|%")


class Catalogues(unittest.TestCase):
    def test_english_and_one_more_at_least(self) -> None:
        self.assertEqual(sorted(CATALOGUES), sorted(NAMES))
        self.assertGreaterEqual(len(CATALOGUES), 2)

    def test_every_text_is_translated_and_none_is_left_over(self) -> None:
        wanted = of_templates() | of_sources()
        self.assertGreater(len(wanted), 80)
        for language, catalogue in CATALOGUES.items():
            if language != "en":
                self.assertEqual(sorted(set(catalogue.texts) ^ wanted), [], language)
                self.assertEqual([text for text, forms in catalogue.texts.items() if not all(forms)], [], language)

    def test_a_translation_has_the_values_of_its_text(self) -> None:
        for catalogue in CATALOGUES.values():
            for text, forms in catalogue.texts.items():
                if len(forms) == 1:
                    self.assertEqual(sorted(VALUE.findall(forms[0])), sorted(VALUE.findall(text)), text)
                else:
                    many = VALUE.findall(forms[-1])
                    self.assertEqual(len(many), 1, text)
                    self.assertLessEqual(set(VALUE.findall(forms[0])), set(many))

    def test_no_markup_in_any_text(self) -> None:
        for catalogue in CATALOGUES.values():
            for text, forms in catalogue.texts.items():
                self.assertNotRegex(text + "".join(forms), r"[<>]")


class Po(unittest.TestCase):
    def test_what_translators_write(self) -> None:
        text = (
            'msgid ""\nmsgstr ""\n"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n<5 ? 1 : 2);\\n"\n\n'
            '# said\n#: a.py:3\nmsgid "one\\n"\n"two"\nmsgstr "\\"zwei\\" "\n"\\\\"\n\n'
            'msgid "%(num)d cat"\nmsgid_plural "%(num)d cats"\n'
            'msgstr[0] "%(num)d kot"\nmsgstr[1] "%(num)d koty"\nmsgstr[2] "%(num)d kotow"\n\n'
            'msgid "empty"\nmsgstr ""\n'
        )
        found = read_po(text)
        self.assertEqual(found.gettext("one\ntwo"), '"zwei" \\')
        self.assertEqual(found.gettext("empty"), "empty")
        self.assertEqual(found.gettext("unknown"), "unknown")
        forms = [found.ngettext("%(num)d cat", "%(num)d cats", number) for number in (1, 2, 5)]
        self.assertEqual(forms, ["%(num)d kot", "%(num)d koty", "%(num)d kotow"])
        self.assertEqual(found.ngettext("dog", "dogs", 1) + found.ngettext("dog", "dogs", 2), "dogdogs")

    def test_what_is_none(self) -> None:
        for text in ('msgid "a\nmsgstr "b"', "msgid a\nmsgstr b", 'msgid "a" "b\nmsgstr "c"'):
            self.assertRaises((ValueError, SyntaxError), read_po, text)
        self.assertRaises(ValueError, read_po, 'msgid ""\nmsgstr "Plural-Forms: plural=__import__(0);"')
        self.assertEqual(Catalogue({}).gettext("x"), "x")


class Choice(unittest.TestCase):
    def ask(self, cookie: str, accept: str) -> str:
        app = create_app(Link("/nowhere", lambda _run, _request, _timeout: {"first_password": False}), frozenset())
        client = app.test_client()
        if cookie:
            client.set_cookie("__Host-isthmus-language", cookie, domain="192.0.2.1", secure=True)
        answer = client.get("/login", base_url="https://192.0.2.1", headers={"Accept-Language": accept},
                            environ_overrides={"isthmus.local": "192.0.2.1"})  # fmt: skip
        found = re.search(r'<html lang="([a-z]+)">.*<h1>(\w+)', answer.text, re.DOTALL)
        self.assertTrue(found)
        self.assertEqual(found.group(2), {"en": "Log", "de": "Anmelden"}[found.group(1)])
        return found.group(1)

    def test_as_chosen_else_as_the_browser_asks_else_english(self) -> None:
        rows = (("", "de-AT,en;q=0.5", "de"), ("", "fr,en;q=0.5,de;q=0.4", "en"), ("", "fr", "en"), ("", "", "en"),
                ("de", "en", "de"), ("en", "de", "en"), ("xx", "de", "de"), ("../de", "en", "en"),
                ("", ";;q=x,,\x7f", "en"))  # fmt: skip
        for cookie, accept, wanted in rows:
            self.assertEqual(self.ask(cookie, accept), wanted, (cookie, accept))


if __name__ == "__main__":
    unittest.main()
