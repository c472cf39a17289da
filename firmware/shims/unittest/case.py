"""TestCase: one test method with its assertions, its sub-tests and its clean-up."""

import re


class SkipTest(Exception):
    """Raised by a test that cannot run here; its text says why."""


class ExpectedFailure(Exception):
    """A test marked with @expectedFailure failed, as it should; carries the failure."""

    def __init__(self, failure):
        super().__init__(repr(failure))
        self.failure = failure


class UnexpectedSuccess(Exception):
    """A test marked with @expectedFailure passed."""


def skip(reason):
    """Decorator: skip this test method or class, saying why."""

    def decorate(item):
        if isinstance(item, type):
            item.__unittest_skip__ = True
            item.__unittest_skip_why__ = reason
            return item

        # A function of MicroPython takes no attributes, so the mark is a function that skips when it is run.
        def skipped(self):
            raise SkipTest(reason)

        return skipped

    return decorate


def _same(item):
    return item


def skipIf(condition, reason):
    """Decorator: skip if the condition is true."""
    return skip(reason) if condition else _same


def skipUnless(condition, reason):
    """Decorator: skip unless the condition is true."""
    return _same if condition else skip(reason)


def expectedFailure(function):
    """Decorator: this test method must fail; passing is a failure of the run."""

    def expected(self):
        try:
            function(self)
        except SkipTest:
            raise
        except Exception as failure:
            raise ExpectedFailure(failure)  # noqa: B904 - MicroPython has no chaining; the failure is an attribute
        raise UnexpectedSuccess("passed, though it is marked as an expected failure")

    return expected


class _RaisesContext:
    """What assertRaises gives to `with`; `.exception` is the exception caught."""

    def __init__(self, case, expected, pattern, msg):
        self._case = case
        self._expected = expected
        self._pattern = pattern
        self._msg = msg
        self.exception = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            self._case._fail(self._msg, "%s not raised" % _names(self._expected))
        if not issubclass(kind, self._expected):
            return False
        self.exception = error
        if self._pattern is not None and not re.search(self._pattern, str(error)):
            self._case._fail(self._msg, '"%s" does not match "%s"' % (self._pattern, error))
        return True


class _SubTest:
    """One part of a test: its failure is recorded, and the test goes on after it."""

    def __init__(self, case, msg, params):
        self._case = case
        self._msg = msg
        self._params = params

    def id(self):
        words = []
        if self._msg is not None:
            words.append("[%s]" % self._msg)
        if self._params:
            words.append("(%s)" % ", ".join(["%s=%r" % (key, self._params[key]) for key in sorted(self._params)]))
        return "%s %s" % (self._case.id(), " ".join(words) or "(<subtest>)")

    __str__ = id

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        result = self._case._result
        if kind is None:
            result.addSubTest(self._case, self, None)
            return False
        if issubclass(kind, SkipTest):
            self._case._passed = False
            result.addSkip(self, str(error))
            return True
        if not issubclass(kind, Exception) or issubclass(kind, (ExpectedFailure, UnexpectedSuccess)):
            return False
        self._case._passed = False
        result.addSubTest(self._case, self, (kind, error, trace))
        return True


def _names(kinds):
    if isinstance(kinds, tuple):
        return ", ".join([kind.__name__ for kind in kinds])
    return kinds.__name__


def _short(value):
    text = repr(value)
    return text if len(text) <= 600 else text[:600] + "... (%d characters)" % len(text)


class TestCase:
    """A test. Methods whose names start with `test` are run, each on a new instance."""

    failureException = AssertionError
    __unittest_skip__ = False
    __unittest_skip_why__ = ""

    def __init__(self, methodName="runTest"):
        self._testMethodName = methodName
        self._cleanups = []
        self._result = None
        self._passed = True

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        pass

    def tearDown(self):
        pass

    def id(self):
        return "%s.%s.%s" % (self.__class__.__module__, self.__class__.__name__, self._testMethodName)

    __str__ = id

    def countTestCases(self):
        return 1

    def addCleanup(self, function, *args, **kwargs):
        """Call the function after the test, the last added first, whether or not the test passed."""
        self._cleanups.append((function, args, kwargs))

    def doCleanups(self):
        while self._cleanups:
            function, args, kwargs = self._cleanups.pop()
            try:
                function(*args, **kwargs)
            except Exception as error:
                self._record(error)

    def subTest(self, msg=None, **params):
        return _SubTest(self, msg, params)

    def skipTest(self, reason):
        raise SkipTest(reason)

    def run(self, result):
        """Run this one test and tell the result of it. Returns the result."""
        self._result = result
        result.startTest(self)
        if self.__unittest_skip__:
            result.addSkip(self, self.__unittest_skip_why__)
            result.stopTest(self)
            return result
        method = getattr(self, self._testMethodName)
        ready = False
        try:
            self.setUp()
            ready = True
            method()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            self._record(error)
        if ready:
            try:
                self.tearDown()
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                self._record(error)
        self.doCleanups()
        if self._passed:
            result.addSuccess(self)
        result.stopTest(self)
        return result

    def _record(self, error):
        self._passed = False
        what = (type(error), error, None)
        if isinstance(error, SkipTest):
            self._result.addSkip(self, str(error))
        elif isinstance(error, ExpectedFailure):
            self._result.addExpectedFailure(self, what)
        elif isinstance(error, UnexpectedSuccess):
            self._result.addUnexpectedSuccess(self)
        elif isinstance(error, self.failureException):
            self._result.addFailure(self, what)
        else:
            self._result.addError(self, what)

    def _fail(self, msg, standard):
        raise self.failureException(standard if msg is None else "%s : %s" % (standard, msg))

    def fail(self, msg=None):
        raise self.failureException(msg)

    # The assertions, in the order of CPython's documentation.

    def assertEqual(self, first, second, msg=None):
        if not first == second:
            self._fail(msg, "%s != %s" % (_short(first), _short(second)))

    assertListEqual = assertTupleEqual = assertDictEqual = assertSetEqual = assertSequenceEqual = assertEqual
    assertMultiLineEqual = assertEqual

    def assertNotEqual(self, first, second, msg=None):
        if not first != second:
            self._fail(msg, "%s == %s" % (_short(first), _short(second)))

    def assertTrue(self, expr, msg=None):
        if not expr:
            self._fail(msg, "%s is not true" % _short(expr))

    def assertFalse(self, expr, msg=None):
        if expr:
            self._fail(msg, "%s is not false" % _short(expr))

    def assertIs(self, expr1, expr2, msg=None):
        if expr1 is not expr2:
            self._fail(msg, "%s is not %s" % (_short(expr1), _short(expr2)))

    def assertIsNot(self, expr1, expr2, msg=None):
        if expr1 is expr2:
            self._fail(msg, "unexpectedly identical: %s" % _short(expr1))

    def assertIsNone(self, obj, msg=None):
        if obj is not None:
            self._fail(msg, "%s is not None" % _short(obj))

    def assertIsNotNone(self, obj, msg=None):
        if obj is None:
            self._fail(msg, "unexpectedly None")

    def assertIn(self, member, container, msg=None):
        if member not in container:
            self._fail(msg, "%s not found in %s" % (_short(member), _short(container)))

    def assertNotIn(self, member, container, msg=None):
        if member in container:
            self._fail(msg, "%s unexpectedly found in %s" % (_short(member), _short(container)))

    def assertIsInstance(self, obj, cls, msg=None):
        if not isinstance(obj, cls):
            self._fail(msg, "%s is not an instance of %s" % (_short(obj), _names(cls)))

    def assertNotIsInstance(self, obj, cls, msg=None):
        if isinstance(obj, cls):
            self._fail(msg, "%s is an instance of %s" % (_short(obj), _names(cls)))

    def assertRaises(self, expected_exception, *args, **kwargs):
        return self._raises(expected_exception, None, args, kwargs)

    def assertRaisesRegex(self, expected_exception, expected_regex, *args, **kwargs):
        """As assertRaises, and the text must match. The pattern: only what MicroPython's `re` knows."""
        return self._raises(expected_exception, expected_regex, args, kwargs)

    def _raises(self, expected, pattern, args, kwargs):
        if not args:
            return _RaisesContext(self, expected, pattern, kwargs.get("msg"))
        with _RaisesContext(self, expected, pattern, None):
            args[0](*args[1:], **kwargs)
        return None

    def assertAlmostEqual(self, first, second, places=None, msg=None, delta=None):
        if not self._near(first, second, places, delta):
            self._fail(msg, "%r != %r within %s" % (first, second, _margin(places, delta)))

    def assertNotAlmostEqual(self, first, second, places=None, msg=None, delta=None):
        if self._near(first, second, places, delta):
            self._fail(msg, "%r == %r within %s" % (first, second, _margin(places, delta)))

    def _near(self, first, second, places, delta):
        if delta is not None and places is not None:
            raise TypeError("specify delta or places not both")
        if first == second:
            return True
        if delta is not None:
            return abs(first - second) <= delta
        return round(abs(first - second), 7 if places is None else places) == 0

    def assertGreater(self, a, b, msg=None):
        if not a > b:
            self._fail(msg, "%s not greater than %s" % (_short(a), _short(b)))

    def assertGreaterEqual(self, a, b, msg=None):
        if not a >= b:
            self._fail(msg, "%s not greater than or equal to %s" % (_short(a), _short(b)))

    def assertLess(self, a, b, msg=None):
        if not a < b:
            self._fail(msg, "%s not less than %s" % (_short(a), _short(b)))

    def assertLessEqual(self, a, b, msg=None):
        if not a <= b:
            self._fail(msg, "%s not less than or equal to %s" % (_short(a), _short(b)))

    def assertRegex(self, text, expected_regex, msg=None):
        if not re.search(expected_regex, text):
            self._fail(msg, "Regex didn't match: %r not found in %s" % (expected_regex, _short(text)))

    def assertNotRegex(self, text, unexpected_regex, msg=None):
        if re.search(unexpected_regex, text):
            self._fail(msg, "Regex matched: %r found in %s" % (unexpected_regex, _short(text)))

    def assertCountEqual(self, first, second, msg=None):
        left = list(first)
        right = []
        for item in second:
            if item in left:
                left.remove(item)
            else:
                right.append(item)
        if left or right:
            self._fail(msg, "only in the first: %s; only in the second: %s" % (_short(left), _short(right)))


def _margin(places, delta):
    return "%r delta" % delta if delta is not None else "%r places" % (7 if places is None else places)
