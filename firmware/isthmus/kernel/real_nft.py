"""The guard, through the nft program: text on its standard input, never in its arguments."""
from __future__ import annotations

from isthmus import hashes
from isthmus.kernel.contract import EINVAL, ENOENT, ETIMEDOUT, KernelError, refuse_foreign_guard
from isthmus.kernel.lean import pull_counter
from isthmus.kernel.nft import digest
from isthmus.kernel.nft_messages import (
    NFPROTO_INET,
    NFT_MSG_GETGEN,
    NFT_MSG_GETOBJ,
    NFT_MSG_GETTABLE,
    NFT_MSG_NEWGEN,
    NFT_MSG_NEWTABLE,
    genmsg,
    push_counters,
    tablemsg,
)
from isthmus.kernel.real_list import Lister
from isthmus.kernel.real_netlink import GET, NETLINK_NETFILTER, Transport, message
from isthmus.kernel.real_program import run
from isthmus.policy.guard import REMOVE, TABLE

_PATIENCE_MS = 20_000  # a loaded router takes a second or two


class _Known:
    """What the kernel holds as of a generation of nftables (never 0): the digest that stands for it, None for no
    table; text: what was put there, as long as nobody has seen how nft lists it, else "".
    """

    def __init__(self, generation: int, digest: bytes | None, text: str = "") -> None:
        self.generation = generation
        self.digest = digest
        self.text = text


class Guard:
    """Our table. Listing it costs a process, a second on a small router: the digest of before still holds as long as
    nobody has committed anything to nftables since, which the kernel counts (its generation, one for a namespace).
    """

    def __init__(self) -> None:
        self.programs = 0  # started so far
        self._transport = Transport(NETLINK_NETFILTER, "guard", {NFT_MSG_NEWGEN: genmsg, NFT_MSG_NEWTABLE: tablemsg})
        self._lister = Lister(NETLINK_NETFILTER, "guard")
        self._known: _Known | None = None
        self._same: tuple[bytes, bytes] | None = None  # digest of the listing of a text, digest that was given for it

    def close(self) -> None:
        """Give the sockets back."""
        self._transport.close()
        self._lister.close()

    def set(self, text: str) -> None:
        """One transaction, or nothing.

        If it is the only one since the moment before, the kernel holds what it says, and no listing need show it.
        """
        refuse_foreign_guard(text)
        before = self._generation()
        self._known, self._same = None, None
        self._put(text)
        after = self._generation()
        if text != REMOVE and before is not None and after == before % 0xFFFFFFFF + 1:
            self._known = _Known(after, hashes.sha256(text.encode()).digest(), text)

    def get(self) -> bytes | None:
        """The digest of our table; None if there is none."""
        generation = self._generation()
        if self._known is not None and generation == self._known.generation:
            return self._known.digest
        before, self._known = self._known, None
        listed = self._list()
        if listed is not None and before is not None and before.digest is not None and before.text:
            # Somebody has committed something before it was ever listed: how would it be listed, had he not?
            self._put(before.text)
            generation = self._generation()
            if self._list() != listed:
                return listed
            self._same = (listed, before.digest)
        if self._same is not None and listed == self._same[0]:
            listed = self._same[1]
        # What was listed is of this generation only if nobody has committed meanwhile.
        if generation is not None and self._generation() == generation:
            self._known = _Known(generation, listed)
        return listed

    def counters(self) -> dict[str, tuple[int, int]]:
        """{name: (packets, bytes)} of our table's named counters, without a process; {} without the table."""
        rows = self._lister.collect(
            push_counters(TABLE), NFT_MSG_GETOBJ, "read the guard's counters",
            lambda data, begin, end: pull_counter(data, begin, end, TABLE))
        return {name: (packets, size) for name, packets, size in rows}

    def _put(self, text: str) -> None:
        doing = "set the guard"
        status, _, said = self._run(["-f", "-"], text, doing)
        if status:
            raise _error(doing, said)

    def _generation(self) -> int | None:
        """None where the kernel does not tell: then the table is listed each time."""
        try:
            answers = self._transport.request(genmsg(), NFT_MSG_GETGEN, GET, "ask for the generation of nftables")
        except KernelError:
            return None
        return int.from_bytes(answers[0].get_attr("NFTA_GEN_ID"), "big") if answers else None

    def _missing(self) -> bool:
        """True where the kernel says that there is no table of ours: it is quicker than nft, and haste counts then."""
        asked = message(tablemsg, {"nfgen_family": NFPROTO_INET}, [("NFTA_TABLE_NAME", TABLE)])
        try:
            self._transport.request(asked, NFT_MSG_GETTABLE, GET, "look for the guard")
        except KernelError as error:
            return error.number == ENOENT
        return False

    def _list(self) -> bytes | None:
        if self._missing():
            return None
        doing = "read the guard"
        status, listing, said = self._run(["-j", "list", "table", "inet", TABLE], "", doing)
        if not status:
            try:
                return digest(listing)
            except ValueError:
                raise KernelError(EINVAL, doing, kind="guard", detail="nft does not print JSON") from None
        if self._missing():  # removed while it was being listed
            return None
        raise _error(doing, said)

    def _run(self, arguments: list[str], text: str, doing: str) -> tuple[int, str, str]:
        self.programs += 1
        return _run(arguments, text, doing)


def _run(arguments: list[str], text: str, doing: str) -> tuple[int, str, str]:
    """(exit status, standard output, standard error) of nft."""
    try:
        return run("nft", arguments, text, _PATIENCE_MS)
    except FileNotFoundError:
        raise KernelError(ENOENT, doing, kind="guard", detail="there is no program nft") from None
    except TimeoutError:
        detail = "nft took more than %d s" % (_PATIENCE_MS // 1000)
        raise KernelError(ETIMEDOUT, doing, kind="guard", detail=detail) from None


def _error(doing: str, said: str) -> KernelError:
    return KernelError(EINVAL, doing, kind="guard", detail=said.strip().split("\n")[0][:200])
