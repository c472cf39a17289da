"""Finding tests, running them, and the text that says how it went."""

import io
import sys
import time

from .case import SkipTest, TestCase


def _milliseconds():
    if hasattr(time, "ticks_ms"):
        return time.ticks_ms()
    return int(time.monotonic() * 1000)


def _elapsed(start):
    if hasattr(time, "ticks_diff"):
        return time.ticks_diff(time.ticks_ms(), start)
    return _milliseconds() - start


def describe(error):
    """The traceback of an exception as text, on either interpreter."""
    if hasattr(sys, "print_exception"):
        text = io.StringIO()
        sys.print_exception(error, text)
        return text.getvalue()
    import traceback  # CPython only: MicroPython took the branch above

    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


class TestResult:
    """Collects what happened; failures, errors and skipped are lists of (test, text)."""

    def __init__(self):
        self.failures = []
        self.errors = []
        self.skipped = []
        self.expectedFailures = []
        self.unexpectedSuccesses = []
        self.testsRun = 0
        self.shouldStop = False

    def startTest(self, test):
        self.testsRun += 1

    def stopTest(self, test):
        pass

    def addSuccess(self, test):
        pass

    def addFailure(self, test, err):
        self.failures.append((test, describe(err[1])))

    def addError(self, test, err):
        self.errors.append((test, describe(err[1])))

    def addSkip(self, test, reason):
        self.skipped.append((test, reason))

    def addExpectedFailure(self, test, err):
        self.expectedFailures.append((test, describe(err[1])))

    def addUnexpectedSuccess(self, test):
        self.unexpectedSuccesses.append(test)

    def addSubTest(self, test, subtest, err):
        if err is None:
            return
        if issubclass(err[0], test.failureException):
            self.failures.append((subtest, describe(err[1])))
        else:
            self.errors.append((subtest, describe(err[1])))

    def stop(self):
        self.shouldStop = True

    def wasSuccessful(self):
        return not (self.failures or self.errors or self.unexpectedSuccesses)


class _Holder:
    """Stands for a test where setUpClass or tearDownClass did not go well."""

    failureException = AssertionError

    def __init__(self, what):
        self._what = what

    def id(self):
        return self._what

    __str__ = id


class TestSuite:
    """A flat list of tests; the tests of one class stand together."""

    def __init__(self, tests=()):
        self._tests = []
        self._done = 0
        self.addTests(tests)

    def __iter__(self):
        return iter(self._tests)

    def addTest(self, test):
        if isinstance(test, TestSuite):
            self.addTests(test._tests)
        else:
            self._tests.append(test)

    def addTests(self, tests):
        for test in tests:
            self.addTest(test)

    def countTestCases(self):
        return len(self._tests) + self._done

    def run(self, result):
        """Run every test, with setUpClass and tearDownClass around those of one class. Returns the result.

        A test that has run is let go of, as CPython's suite does: what it left in its attributes would fill the heap.
        """
        current = None
        usable = False
        while self._tests and not result.shouldStop:
            test = self._tests.pop(0)
            self._done += 1
            kind = test.__class__
            if kind is not current:
                if usable:
                    _class_hook(current, "tearDownClass", result)
                current = kind
                usable = kind.__unittest_skip__ or _class_hook(kind, "setUpClass", result)
            if usable:
                test.run(result)
        if usable and current is not None and not current.__unittest_skip__:
            _class_hook(current, "tearDownClass", result)
        return result


def _class_hook(kind, name, result):
    """Call setUpClass or tearDownClass. Returns whether it went well."""
    try:
        getattr(kind, name)()
    except SkipTest as reason:
        result.addSkip(_Holder("%s (%s.%s)" % (name, kind.__module__, kind.__name__)), str(reason))
        return False
    except Exception as error:
        result.addError(_Holder("%s (%s.%s)" % (name, kind.__module__, kind.__name__)), (type(error), error, None))
        return False
    return True


class TestLoader:
    """Makes suites from modules and names."""

    testMethodPrefix = "test"

    def getTestCaseNames(self, testCaseClass):
        prefix = self.testMethodPrefix
        names = [name for name in dir(testCaseClass) if name[: len(prefix)] == prefix]
        return [name for name in sorted(names) if callable(getattr(testCaseClass, name))]

    def loadTestsFromTestCase(self, testCaseClass):
        return TestSuite([testCaseClass(name) for name in self.getTestCaseNames(testCaseClass)])

    def loadTestsFromModule(self, module):
        for name in ("setUpModule", "tearDownModule", "load_tests"):
            if hasattr(module, name):
                raise NotImplementedError("%s has %s, which this unittest does not offer" % (module.__name__, name))
        suite = TestSuite()
        for name in sorted(dir(module)):
            item = getattr(module, name)
            if isinstance(item, type) and issubclass(item, TestCase) and item is not TestCase:
                suite.addTest(self.loadTestsFromTestCase(item))
        return suite

    def loadTestsFromName(self, name, module=None):
        """The tests of `module`, `module.Class` or `module.Class.method`; without the module if one is given."""
        if module is None:
            return self._load(*_import_longest(name))
        return self._load(module, name.split("."))

    def loadTestsFromNames(self, names, module=None):
        return TestSuite([self.loadTestsFromName(name, module) for name in names])

    def _load(self, module, parts):
        if not parts:
            return self.loadTestsFromModule(module)
        kind = getattr(module, parts[0])
        if len(parts) == 1:
            return self.loadTestsFromTestCase(kind)
        return TestSuite([kind(parts[1])])


def _import_longest(name):
    """Import as much of a dotted name as is a module. Returns it and the parts left over."""
    parts = name.split(".")
    taken = len(parts)
    while taken:
        dotted = ".".join(parts[:taken])
        try:
            __import__(dotted)
        except ImportError:
            taken -= 1
            if not taken:
                raise
        else:
            return sys.modules[dotted], parts[taken:]
    raise ImportError(name)


defaultTestLoader = TestLoader()


class TextTestRunner:
    """Runs a suite, and prints failures and a closing summary in CPython's form."""

    def __init__(self, stream=None, verbosity=1):
        self.stream = stream
        self.verbosity = verbosity

    def run(self, test):
        stream = self.stream or sys.stderr
        result = TestResult()
        start = _milliseconds()
        test.run(result)
        spent = _elapsed(start)
        for kind, entries in (("ERROR", result.errors), ("FAIL", result.failures)):
            for case, text in entries:
                stream.write("%s\n%s: %s\n%s\n%s\n" % ("=" * 70, kind, case, "-" * 70, text))
        for case in result.unexpectedSuccesses:
            stream.write("UNEXPECTED SUCCESS: %s\n" % case)
        if self.verbosity > 1:
            for case, why in result.skipped:
                stream.write("SKIPPED: %s: %s\n" % (case, why))
        stream.write("%s\n" % ("-" * 70))
        stream.write(
            "Ran %d test%s in %d.%03ds\n\n"
            % (result.testsRun, "" if result.testsRun == 1 else "s", spent // 1000, spent % 1000)
        )
        stream.write("%s\n" % summary(result))
        return result


def summary(result):
    """The closing line: OK or FAILED, with what was not a plain pass."""
    counts = (
        ("failures", result.failures),
        ("errors", result.errors),
        ("skipped", result.skipped),
        ("expected failures", result.expectedFailures),
        ("unexpected successes", result.unexpectedSuccesses),
    )
    words = ["%s=%d" % (name, len(items)) for name, items in counts if items]
    line = "OK" if result.wasSuccessful() else "FAILED"
    return "%s (%s)" % (line, ", ".join(words)) if words else line


def main(module="__main__", argv=None, exit=True, verbosity=1):
    """Run the tests of a module, or those named on the command line; exit status 1 if any failed."""
    names = (sys.argv if argv is None else argv)[1:]
    if isinstance(module, str):
        __import__(module)
        module = sys.modules[module]
    if names:
        suite = defaultTestLoader.loadTestsFromNames(names, module)
    else:
        suite = defaultTestLoader.loadTestsFromModule(module)
    result = TextTestRunner(verbosity=verbosity).run(suite)
    if exit:
        sys.exit(0 if result.wasSuccessful() else 1)
    return result
