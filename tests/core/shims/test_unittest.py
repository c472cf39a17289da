"""unittest on itself: each thing it offers, seen through the result object it fills."""

from __future__ import annotations

import unittest


class Recorder(unittest.TestResult):
    """Writes down which calls a run makes on its result."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def addSuccess(self, test):
        self.calls.append(("success", _method(test)))

    def addFailure(self, test, err):
        self.calls.append(("failure", _method(test), str(err[1])))

    def addError(self, test, err):
        self.calls.append(("error", _method(test), str(err[1])))

    def addSkip(self, test, reason):
        self.calls.append(("skip", reason))

    def addExpectedFailure(self, test, err):
        self.calls.append(("expected failure", _method(test)))

    def addUnexpectedSuccess(self, test):
        self.calls.append(("unexpected success", _method(test)))

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.calls.append(("subtest", subtest.id().split(".")[-1], str(err[1])))


def _method(test):
    return test.id().split(".")[-1]


def outcome(kind):
    """The calls that a run of all tests of a class makes."""
    recorder = Recorder()
    unittest.defaultTestLoader.loadTestsFromTestCase(kind).run(recorder)
    return recorder.calls


class Outcomes(unittest.TestCase):
    def test_pass_failure_and_error_are_told_apart(self):
        class Sample(unittest.TestCase):
            def test_1(self):
                self.assertTrue(1)

            def test_2(self):
                self.fail("as told")

            def test_3(self):
                raise ValueError("broken")

        self.assertEqual(
            outcome(Sample), [("success", "test_1"), ("failure", "test_2", "as told"), ("error", "test_3", "broken")]
        )

    def test_order_of_hooks(self):
        seen = []

        class Sample(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                seen.append("class up")

            @classmethod
            def tearDownClass(cls):
                seen.append("class down")

            def setUp(self):
                seen.append("up")
                self.addCleanup(seen.append, "cleaned")
                self.addCleanup(seen.append, "cleaned first")

            def tearDown(self):
                seen.append("down")

            def test_1(self):
                seen.append("one")

            def test_2(self):
                seen.append("two")
                raise ValueError("no")

        self.assertEqual(outcome(Sample), [("success", "test_1"), ("error", "test_2", "no")])
        one = ["up", "one", "down", "cleaned first", "cleaned"]
        two = ["up", "two", "down", "cleaned first", "cleaned"]
        self.assertEqual(seen, ["class up"] + one + two + ["class down"])

    def test_set_up_that_fails_runs_no_test_and_no_tear_down(self):
        class Sample(unittest.TestCase):
            def setUp(self):
                raise ValueError("not ready")

            def tearDown(self):
                raise ValueError("must not run")

            def test_1(self):
                raise ValueError("must not run")

        self.assertEqual(outcome(Sample), [("error", "test_1", "not ready")])

    def test_set_up_class_that_fails_runs_no_test(self):
        class Sample(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise ValueError("no class")

            def test_1(self):
                raise ValueError("must not run")

        calls = outcome(Sample)
        self.assertEqual(len(calls), 1)
        self.assertEqual((calls[0][0], calls[0][2]), ("error", "no class"))

    def test_skips(self):
        class Sample(unittest.TestCase):
            def test_1(self):
                self.skipTest("by call")

            @unittest.skip("by decorator")
            def test_2(self):
                raise ValueError("must not run")

            @unittest.skipIf(True, "condition true")
            def test_3(self):
                raise ValueError("must not run")

            @unittest.skipUnless(True, "never said")
            def test_4(self):
                self.assertTrue(True)

        skipped = [("skip", "by call"), ("skip", "by decorator"), ("skip", "condition true"), ("success", "test_4")]
        self.assertEqual(outcome(Sample), skipped)

    def test_skipped_class(self):
        @unittest.skip("whole class")
        class Sample(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise ValueError("must not run")

            @classmethod
            def tearDownClass(cls):
                raise ValueError("must not run")

            def test_1(self):
                raise ValueError("must not run")

        self.assertEqual(outcome(Sample), [("skip", "whole class")])

    def test_expected_failure(self):
        class Sample(unittest.TestCase):
            @unittest.expectedFailure
            def test_1(self):
                self.assertEqual(1, 2)

            @unittest.expectedFailure
            def test_2(self):
                self.assertEqual(1, 1)

        self.assertEqual(outcome(Sample), [("expected failure", "test_1"), ("unexpected success", "test_2")])


class SubTests(unittest.TestCase):
    def test_each_failure_is_told_and_the_test_goes_on(self):
        class Sample(unittest.TestCase):
            def test_1(self):
                for number in range(4):
                    with self.subTest(number=number):
                        if number == 1:
                            self.fail("one is wrong")
                        if number == 3:
                            raise ValueError("three is broken")

        calls = outcome(Sample)
        self.assertEqual(
            calls,
            [("subtest", "test_1 (number=1)", "one is wrong"), ("subtest", "test_1 (number=3)", "three is broken")],
        )

    def test_all_good_is_a_success(self):
        class Sample(unittest.TestCase):
            def test_1(self):
                for number in range(3):
                    with self.subTest("part", number=number):
                        self.assertLess(number, 3)

        self.assertEqual(outcome(Sample), [("success", "test_1")])

    def test_skip_inside(self):
        class Sample(unittest.TestCase):
            def test_1(self):
                with self.subTest(part=1):
                    self.skipTest("this part")

        self.assertIn(("skip", "this part"), outcome(Sample))


class Raises(unittest.TestCase):
    def test_the_exception_is_kept(self):
        with self.assertRaises(ValueError) as caught:
            raise ValueError("kept")
        self.assertEqual(str(caught.exception), "kept")

    def test_a_tuple_and_a_callable(self):
        with self.assertRaises((KeyError, ValueError)):
            raise KeyError("either")
        self.assertIsNone(self.assertRaises(ValueError, int, "x"))

    def test_nothing_raised_is_a_failure(self):
        with self.assertRaises(AssertionError) as caught, self.assertRaises(ValueError):
            pass
        self.assertEqual(str(caught.exception), "ValueError not raised")

    def test_another_exception_passes_through(self):
        with self.assertRaises(KeyError), self.assertRaises(ValueError):
            raise KeyError("other")

    def test_text(self):
        with self.assertRaisesRegex(ValueError, "^bad .* here$"):
            raise ValueError("bad thing here")
        with self.assertRaises(AssertionError), self.assertRaisesRegex(ValueError, "good"):
            raise ValueError("bad")


# Each assertion: arguments that it accepts, arguments that it refuses.
ASSERTIONS = (
    ("assertEqual", ([1], [1]), ([1], (1,))),
    ("assertNotEqual", (1, 2), (1, 1)),
    ("assertTrue", ("x",), ("",)),
    ("assertFalse", (0,), (1,)),
    ("assertIs", (None, None), ([], [])),
    ("assertIsNot", ([], []), (None, None)),
    ("assertIsNone", (None,), (0,)),
    ("assertIsNotNone", (0,), (None,)),
    ("assertIn", (1, (1, 2)), (3, (1, 2))),
    ("assertNotIn", (3, (1, 2)), (1, (1, 2))),
    ("assertIsInstance", (1, (int, str)), (1, str)),
    ("assertNotIsInstance", (1, str), (1, int)),
    ("assertAlmostEqual", (1.0, 1.00000001), (1.0, 1.1)),
    ("assertAlmostEqual", (100, 103, None, None, 3), (100, 104, None, None, 3)),
    ("assertNotAlmostEqual", (1.0, 1.1), (1.0, 1.00000001)),
    ("assertGreater", (2, 1), (1, 1)),
    ("assertGreaterEqual", (1, 1), (0, 1)),
    ("assertLess", (1, 2), (1, 1)),
    ("assertLessEqual", (1, 1), (2, 1)),
    ("assertRegex", ("abc", "b"), ("abc", "^b")),
    ("assertNotRegex", ("abc", "^b"), ("abc", "b")),
    ("assertCountEqual", ([1, 2, 2], [2, 1, 2]), ([1, 2], [1, 2, 2])),
    ("assertListEqual", ([1], [1]), ([1], [2])),
    ("assertTupleEqual", ((1,), (1,)), ((1,), (2,))),
    ("assertDictEqual", ({1: 2}, {1: 2}), ({1: 2}, {1: 3})),
)


class Assertions(unittest.TestCase):
    def test_each_accepts_and_refuses(self):
        for name, good, bad in ASSERTIONS:
            with self.subTest(name):
                check = getattr(self, name)
                check(*good)
                refused = False
                try:
                    check(*bad)
                except AssertionError:
                    refused = True
                self.assertTrue(refused, "%s%r was accepted" % (name, bad))

    def test_message_is_added(self):
        with self.assertRaises(AssertionError) as caught:
            self.assertEqual(1, 2, "the ports")
        self.assertEqual(str(caught.exception), "1 != 2 : the ports")


class Running(unittest.TestCase):
    def test_names_and_loader(self):
        class Sample(unittest.TestCase):
            def test_b(self):
                pass

            def test_a(self):
                pass

            def helper(self):
                pass

            test_not_callable = 5

        names = list(unittest.TestLoader().getTestCaseNames(Sample))
        self.assertEqual(names, ["test_a", "test_b"])
        self.assertEqual(Sample("test_a").id().split(".")[-1], "test_a")

    def test_closing_summary(self):
        import io

        class Sample(unittest.TestCase):
            def test_1(self):
                pass

            def test_2(self):
                self.skipTest("why not")

            def test_3(self):
                self.fail("because")

        stream = io.StringIO()
        suite = unittest.TestSuite([Sample("test_1"), Sample("test_2"), Sample("test_3")])
        result = unittest.TextTestRunner(stream=stream, verbosity=1).run(suite)
        lines = stream.getvalue().rstrip().split("\n")
        self.assertEqual(lines[-1], "FAILED (failures=1, skipped=1)")
        self.assertEqual(lines[-3][:15], "Ran 3 tests in ")
        self.assertFalse(result.wasSuccessful())
        self.assertIn("because", stream.getvalue())
        self.assertEqual(suite.countTestCases(), 3)
        # What a test has in its attributes goes when it has run: a module's worlds together fill a small heap.
        self.assertEqual([test for test in suite if test is not None], [])
