"""logging: which records reach which handler, and as what text."""

from __future__ import annotations

import io
import logging
import sys
import unittest


class Lines(logging.Handler):
    """Keeps the formatted lines."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(self.format(record))


class Levels(unittest.TestCase):
    def setUp(self):
        self.handler = Lines()
        self.logger = logging.getLogger("levels")
        self.logger.addHandler(self.handler)
        self.logger.propagate = False
        self.addCleanup(self.logger.removeHandler, self.handler)

    def test_below_the_level_nothing_is_heard(self):
        self.logger.setLevel(logging.INFO)
        self.logger.debug("no")
        self.logger.info("yes %d", 1)
        self.logger.warning("yes %s", "two")
        self.assertEqual(self.handler.lines, ["yes 1", "yes two"])

    def test_handler_has_its_own_level(self):
        self.logger.setLevel("DEBUG")
        self.handler.setLevel(logging.ERROR)
        self.logger.warning("no")
        self.logger.error("yes")
        self.logger.critical("yes too")
        self.assertEqual(self.handler.lines, ["yes", "yes too"])

    def test_effective_level_is_the_nearest_set(self):
        parent = logging.getLogger("effective")
        child = logging.getLogger("effective.one.two")
        parent.setLevel(logging.ERROR)
        self.assertEqual(child.getEffectiveLevel(), logging.ERROR)
        self.assertTrue(child.isEnabledFor(logging.ERROR))
        self.assertFalse(child.isEnabledFor(logging.WARNING))
        child.setLevel(logging.DEBUG)
        self.assertEqual(child.getEffectiveLevel(), logging.DEBUG)

    def test_disable(self):
        self.addCleanup(logging.disable, logging.NOTSET)
        self.logger.setLevel(logging.DEBUG)
        logging.disable(logging.WARNING)
        self.logger.warning("no")
        self.logger.error("yes")
        self.assertEqual(self.handler.lines, ["yes"])

    def test_unknown_level(self):
        with self.assertRaises(ValueError):
            self.logger.setLevel("LOUD")

    def test_names(self):
        self.assertEqual(logging.getLevelName(30), "WARNING")
        self.assertEqual(logging.getLevelName("INFO"), 20)
        self.assertEqual(logging.getLevelName(33), "Level 33")


class Tree(unittest.TestCase):
    def test_same_name_same_logger(self):
        self.assertIs(logging.getLogger("tree.a"), logging.getLogger("tree.a"))
        self.assertIs(logging.getLogger(), logging.getLogger("root"))

    def test_records_climb_until_told_not_to(self):
        top, child = logging.getLogger("climb"), logging.getLogger("climb.x.y")
        handler = Lines()
        top.addHandler(handler)
        top.propagate = False
        child.warning("one")
        child.propagate = False
        child.addHandler(logging.NullHandler())
        child.warning("two")
        self.assertEqual(handler.lines, ["one"])

    def test_a_parent_made_later_is_found(self):
        child = logging.getLogger("later.parent.child")
        parent = logging.getLogger("later.parent")
        self.assertIs(child.parent, parent)
        self.assertIs(parent.parent, logging.getLogger())


class Text(unittest.TestCase):
    def line(self, template, *args, exc_info=None):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logging.Formatter(template))
        logger = logging.getLogger("text")
        logger.propagate = False
        logger.addHandler(handler)
        logger.error(*args, exc_info=exc_info)
        logger.removeHandler(handler)
        return stream.getvalue()

    def test_fields(self):
        self.assertEqual(self.line("%(levelname)s|%(name)s|%(message)s", "peer %s", "b"), "ERROR|text|peer b\n")
        self.assertEqual(self.line("%(levelno)d", "x"), "40\n")

    def test_time(self):
        stamp = self.line("%(asctime)s", "x").rstrip()
        self.assertEqual([stamp[index] for index in (4, 7, 10, 13, 16, 19)], ["-", "-", " ", ":", ":", ","])
        self.assertEqual(len(stamp), 23)

    def test_percent_without_arguments_stays(self):
        self.assertEqual(self.line("%(message)s", "100 % sure"), "100 % sure\n")

    def test_exception(self):
        try:
            raise ValueError("broken pipe")
        except ValueError as error:
            text = self.line("%(message)s", "while reading", exc_info=error)
        lines = text.rstrip().split("\n")
        self.assertEqual(lines[0], "while reading")
        self.assertEqual(lines[-1], "ValueError: broken pipe")
        self.assertIn("Traceback", text)


class Root(unittest.TestCase):
    def test_basic_config_once(self):
        root = logging.getLogger()
        before, level = root.handlers[:], root.level
        first, second = io.StringIO(), io.StringIO()
        root.addHandler(logging.NullHandler())
        try:
            logging.basicConfig(stream=first, level=logging.INFO, format="%(levelname)s %(message)s", force=True)
            logging.basicConfig(stream=second)
            logging.info("heard")  # noqa: LOG015 - the root is what is tested
            logging.debug("not heard")  # noqa: LOG015
            logging.getLogger("any.name").warning("climbs")
        finally:
            root.handlers = before
            root.setLevel(level)
        self.assertEqual(first.getvalue(), "INFO heard\nWARNING climbs\n")
        self.assertEqual(second.getvalue(), "")

    def test_stream_is_standard_error_unless_given(self):
        self.assertIs(logging.StreamHandler().stream, sys.stderr)
