"""Long lists from the kernel, from a socket that says what the test wants: retries, refusals, strangers, damage."""

from __future__ import annotations

import sys
import unittest

from isthmus.kernel.contract import EIO, ETIMEDOUT, KernelError
from isthmus.kernel.real_flow import IPCTNL_MSG_CT_GET, ctmsg
from isthmus.kernel.real_list import Lister, split_messages
from tests.counts import cases

ORDER = sys.byteorder
ERROR, DONE, NEW = 2, 3, 0x100
MULTI, INTERRUPTED = 0x2, 0x10


def message(sequence: int, kind: int, body: bytes, flags: int = MULTI) -> bytes:
    head = (16 + len(body)).to_bytes(4, ORDER) + kind.to_bytes(2, ORDER) + flags.to_bytes(2, ORDER)
    return head + sequence.to_bytes(4, ORDER) + bytes(4) + body + bytes(-len(body) % 4)


def number(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, ORDER)


class Scripted(Lister):
    """`answers`: for each request its datagrams, as functions of its sequence number; None: nothing comes any more."""

    def __init__(self, answers: list) -> None:
        super().__init__(12, "flow")
        self.answers = answers
        self.now: list = []
        self.asked: list[int] = []
        self.closed = 0

    def close(self) -> None:
        self.closed += 1
        super().close()

    def _open(self):
        return self, lambda patience: self.now and self.now[0] is not None

    def send(self, data: bytes) -> None:
        self.asked.append(int.from_bytes(data[8:12], ORDER))
        self.now = list(self.answers.pop(0))

    def recv(self, size: int) -> bytes:
        answer = self.now.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer(self.asked[-1])

    def words(self) -> list[bytes]:
        return self.collect(ctmsg(), IPCTNL_MSG_CT_GET, "list", lambda data, begin, end: data[begin:end])


def end(sequence: int) -> bytes:
    return message(sequence, DONE, number(0))


class ListTest(unittest.TestCase):
    def refused(self, lister: Scripted, errno: int) -> KernelError:
        with self.assertRaises(KernelError) as caught:
            lister.words()
        self.assertEqual(caught.exception.number, errno)
        return caught.exception

    def test_an_answer_in_several_datagrams(self) -> None:
        both = [lambda n: message(n, NEW, b"one") + message(n, NEW, b"two!"), lambda n: message(n, NEW, b"3"), end]
        lister = Scripted([both])
        self.assertEqual(lister.words(), [b"one", b"two!", b"3"])

    def test_answers_to_others_are_passed_over(self) -> None:
        """Such as the rest of a list that somebody did not wait for."""
        both = [lambda n: message(n - 1, NEW, b"old") + message(n, NEW, b"new"), lambda n: end(n - 1), end]
        lister = Scripted([both])
        self.assertEqual(lister.words(), [b"new"])

    def test_a_list_that_changed_is_read_again(self) -> None:
        broken = [lambda n: message(n, NEW, b"half", MULTI | INTERRUPTED), end]
        late = [lambda n: message(n, NEW, b"half"), lambda n: message(n, DONE, number(0), MULTI | INTERRUPTED)]
        lister = Scripted([broken, late, [lambda n: message(n, NEW, b"whole"), end]])
        self.assertEqual(lister.words(), [b"whole"])
        self.assertEqual(lister.asked, [1, 2, 3])
        error = self.refused(Scripted([broken] * 5), ETIMEDOUT)
        self.assertIn("changed 5 times", str(error))

    def test_what_is_left_out_is_not_kept(self) -> None:
        lister = Scripted([[lambda n: message(n, NEW, b"a") + message(n, NEW, b"b"), end]])
        found = lister.collect(ctmsg(), IPCTNL_MSG_CT_GET, "list",
                               lambda data, begin, end: 7 if data[begin:end] == b"b" else None)
        self.assertEqual(found, [7])

    def test_the_kernel_refuses(self) -> None:
        for kind in (ERROR, DONE):
            error = self.refused(Scripted([[lambda n, kind=kind: message(n, kind, number(-22) + bytes(16))]]), 22)
            self.assertIn("nf_conntrack_netlink", error.remedy)

    def test_the_kernel_says_nothing(self) -> None:
        lister = Scripted([[lambda n: message(n, NEW, b"one"), None], [lambda n: message(n, NEW, b"two"), end]])
        self.refused(lister, ETIMEDOUT)
        self.assertEqual(lister.closed, 1)  # whatever comes of it still is nobody's
        self.assertEqual(lister.words(), [b"two"])

    def test_the_socket_fails(self) -> None:
        lister = Scripted([[OSError(105, "no buffer space")]])
        self.refused(lister, 105)
        self.assertEqual(lister.closed, 1)

    def test_damage_is_an_error_and_no_crash(self) -> None:
        for raw in (b"\x01", bytes(16), number(400) + bytes(30)):
            lister = Scripted([[lambda n, raw=raw: raw]])
            self.refused(lister, EIO)
            self.assertEqual(lister.closed, 1)

        def pull(data: bytes, begin: int, end: int) -> None:
            raise ValueError("a connection without a protocol")

        lister = Scripted([[lambda n: message(n, NEW, b"one"), end]])
        with self.assertRaises(KernelError) as caught:
            lister.collect(ctmsg(), IPCTNL_MSG_CT_GET, "list", pull)
        self.assertEqual((caught.exception.number, caught.exception.detail), (EIO, "a connection without a protocol"))

    def test_any_datagram_is_split_or_refused(self) -> None:
        whole = message(7, NEW, b"one") + message(8, NEW, b"foreign") + message(7, NEW, b"three") + end(7)
        self.assertEqual([row[0] for row in split_messages(whole, 7)], [NEW, NEW, DONE])
        state, refused = 1, 0
        for turn in range(cases(2000, 100000)):
            raw = bytearray(whole[: len(whole) - turn % 40])
            for _ in range(3):
                state = state * 48271 % 0x7FFFFFFF
                raw[(state >> 8) % len(raw)] = state & 0xFF
            try:
                rows = split_messages(bytes(raw), 7)
            except ValueError:
                refused += 1
                continue
            for _, _, begin, stop in rows:
                self.assertTrue(16 <= begin <= stop <= len(raw))
        self.assertGreater(refused, 0)


if __name__ == "__main__":
    unittest.main()
