"""The procedure of a change on trial: which steps an event takes in each state, and the clock of the window.

    idle  --apply-->    record, files in place, both in force      --> open
    open  --confirm-->  record away (from here on it holds), new alone in force    --> idle
    open  --undo-->     old alone in force, files back, record away --> idle      asked for, not confirmed, failed
    any   --start-->    the record of a former life: files back, record away    --> idle

While it is open, what either configuration holds back is held back (policy/both.py). A crash or a power cut leaves the
record, or it does not: with it the next start puts the files back, without it they are what was confirmed. What cannot
be put back on the disk is undone in what runs all the same, and tried again until it can (undoing). Files that somebody
else has changed meanwhile are never overwritten: what was there before runs on, until an administrator decides (kept).

The window is counted on the monotonic clock; a restart ends it.
"""

from __future__ import annotations

from isthmus.applying.files import ForeignError
from isthmus.applying.record import RecordError
from isthmus.errors import IsthmusError
from isthmus.policy.both import join
from isthmus.policy.exposure import find_exposed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.applying.files import Files
    from isthmus.applying.record import Record
    from isthmus.config.model import Config

IDLE, OPEN, UNDOING, KEPT = "idle", "open", "undoing", "kept"
APPLY, CONFIRM, UNDO, AGAIN, START, OVER, TAKE = "apply", "confirm", "undo", "again", "start", "over", "take"
AGAIN_MS = 5_000

# (state, event) -> steps, in order. Each may be done twice; a row that breaks off is begun anew.
ROWS: dict[tuple[str, str], tuple[str, ...]] = {
    (IDLE, APPLY): ("commit", "run_both"),
    (OPEN, CONFIRM): ("forget", "run_new", "tidy"),
    (OPEN, UNDO): ("run_old", "restore", "forget"),
    (UNDOING, AGAIN): ("run_old", "restore", "forget"),
    (IDLE, START): ("restore", "forget"),
    (KEPT, OVER): ("restore_over", "forget"),
    (KEPT, TAKE): ("forget",),
}
WRONG = {
    (OPEN, APPLY): ("another change is on trial", "first end the trial: isthmus confirm, or isthmus revert"),
    (UNDOING, APPLY): ("the last change is still being undone", "see isthmus apply --show"),
    (KEPT, APPLY): ("the last change was undone, and its files were somebody else's",
                    "first decide: isthmus reload, or isthmus revert --over"),
    (UNDOING, CONFIRM): ("it is being undone already", "apply it again when that is over"),
    (KEPT, CONFIRM): ("it has been undone", "isthmus reload takes the files as they are now"),
    (UNDOING, OVER): ("it is being undone already", "see isthmus apply --show"),
}  # fmt: skip


class TrialError(IsthmusError):
    """This cannot be asked for now."""

    code = "no-trial"


class Outcome:
    """How the last trial ended. kind: "confirmed" or "undone"; why: a sentence; exposed: who is, sentences; notes: what
    else an administrator should know.
    """

    def __init__(self, kind: str, why: str, exposed: list[str], notes: list[str]) -> None:
        self.kind = kind
        self.why = why
        self.exposed = exposed
        self.notes = notes


class Trial:
    """run(config): the site runs it, or raises. state; trouble: why it is undoing or kept; ends_at: ms, of the window;
    last: an Outcome.
    """

    def __init__(self, files: Files, run: Callable[[Config], None]) -> None:
        self._files = files
        self._run = run
        self.state = IDLE
        self.trouble: IsthmusError | None = None
        self.last: Outcome | None = None
        self.ends_at = 0
        self.window_ms = 0
        self._again_at = 0
        self._why = ""
        self._record: Record | None = None
        self._old: Config | None = None
        self._new: Config | None = None
        self._notes: list[str] = []
        self._steps: dict[str, Callable[[], None]] = {
            "commit": self._commit, "run_both": self._run_both, "run_new": self._run_new, "run_old": self._run_old,
            "restore": self._restore, "restore_over": self._restore_over, "forget": self._forget,
            "tidy": files.tidy,
        }  # fmt: skip
        self._wish = (0, "")

    # --- events -------------------------------------------------------------------------------------------------------

    def apply(self, old: Config, new: Config, mark: str, window_s: int, now: int) -> None:
        """Put what is staged, and was shown as `mark`, in force, for so long. old: what runs; new: what would.

        Raises IsthmusError: everything is as it was, or on its way there (undoing).
        """
        self._steps_of(APPLY)
        self._old, self._new = old, new
        self._notes = []
        self._wish = (window_s, mark)
        join(old, new)  # before anything is touched
        try:
            self._do(APPLY)
        except Exception as error:
            self._take_back(error, now)
            raise
        self.state = OPEN
        self.window_ms = 1000 * window_s
        self.ends_at = now + self.window_ms

    def _take_back(self, error: Exception, now: int) -> None:
        """It broke off halfway."""
        try:
            pending = self._files.pending()
        except IsthmusError:
            pending = None
        if self._record is None and pending is None:
            return
        self._record = self._record or (pending[0] if pending is not None else None)
        self.state = OPEN
        self.undo("it could not be put in force: %s" % error, now)

    def check_free(self) -> None:
        """Raises TrialError while another change is in the way."""
        self._steps_of(APPLY)

    def holds(self, path: str) -> bool:
        """Whether this file belongs to a change that is not over."""
        return self._record is not None and path in [saved.path for saved in self._record.files]

    def check_reload(self) -> None:
        """Raises TrialError while a change is on trial: what runs is more than the files say."""
        if self.state == OPEN:
            words = "a change is on trial: the configuration is not read meanwhile"
            raise TrialError(words, "first end the trial: isthmus confirm, or isthmus revert", "on-trial")

    def confirm(self) -> None:
        """It stays. Raises IsthmusError: before it is remembered nothing has changed; after that it stays all the same,
        and what it would open is still shut.
        """
        self._steps_of(CONFIRM)
        foreign = self._files.foreign(self._record) if self._record is not None else []
        exposed = self._exposed(True)
        if foreign:
            text = "%s: changed by somebody else since then; isthmus reload takes that as well"
            self._notes.append(text % ", ".join(foreign))
        try:
            self._do(CONFIRM)
        finally:
            if self._record is None:
                self._end("confirmed", "confirmed", exposed)

    def undo(self, why: str, now: int) -> None:
        """Everything as it was: nothing is raised, `state` and `trouble` tell how far it got."""
        if self.state == OPEN:
            self._why = why
        self._undo(UNDO if self.state == OPEN else AGAIN, now)

    def start(self, now: int) -> None:
        """A new life: what a former one left on trial is undone. Nothing is raised."""
        try:
            found = self._files.pending()
            is_decided = found is not None and self._files.is_back(found[0])
        except IsthmusError as error:
            self.trouble = error
            self._notes = []
            if isinstance(error, RecordError):
                try:
                    self._notes = [self._files.set_aside()]
                except IsthmusError as trouble:
                    self._notes = ["%s; %s" % (trouble, trouble.remedy)]
            self._end("lost", "%s; what the files say now holds" % error, [])
            return
        if found is None:
            return
        self._record, is_kept = found
        if is_kept and not is_decided:
            self.state = KEPT
            self.trouble = ForeignError([saved.path for saved in self._record.files[-1:]])
            return
        self._why = "isthmusd began anew before it was confirmed"
        self._undo(START, now)

    def over(self) -> None:
        """Put the files of before in the place of somebody else's. Raises IsthmusError."""
        self._steps_of(OVER)
        self._do(OVER)
        self._end("undone", "the files of before are back", [])

    def take(self) -> None:
        """Somebody else's files hold now. Raises IsthmusError."""
        if self.state == KEPT:
            self._do(TAKE)
            self._end("undone", "the files of somebody else hold", [])

    # --- the clock ----------------------------------------------------------------------------------------------------

    def get_timer(self) -> int | None:
        """When handle_timer() wants to be called."""
        return {OPEN: self.ends_at, UNDOING: self._again_at}.get(self.state)

    def handle_timer(self, now: int) -> None:
        """What is due."""
        timer = self.get_timer()
        if timer is None or now < timer:
            return
        if self.state == OPEN:
            self.undo("nobody confirmed it within %d s" % (self.window_ms // 1000), now)
        else:
            self._undo(AGAIN, now)

    def reader(self) -> Callable[[str], bytes] | None:
        """Reads the files as they were, where what runs is not what they say; else None."""
        if self.state in (UNDOING, KEPT) and self._record is not None:
            return self._files.reader(self._record)
        return None

    # --- steps --------------------------------------------------------------------------------------------------------

    def _steps_of(self, event: str) -> tuple[str, ...]:
        steps = ROWS.get((self.state, event))
        if steps is None:
            words = WRONG.get((self.state, event), ("no change is on trial", "isthmus apply --confirm begins one"))
            raise TrialError(words[0], words[1])
        return steps

    def _do(self, event: str) -> None:
        for step in self._steps_of(event):
            self._steps[step]()

    def _undo(self, event: str, now: int) -> None:
        """As much as can be done now: what runs is taken back whatever the disk says."""
        trouble: IsthmusError | None = None
        exposed = self._exposed(False)
        for step in ROWS[self.state, event]:
            try:
                if step != "forget" or trouble is None:
                    self._steps[step]()
            except IsthmusError as error:
                trouble = trouble or error
            except Exception as error:  # noqa: BLE001 - a mistake of ours; the next try may do without it
                trouble = trouble or IsthmusError("a mistake in Isthmus itself (%s)" % type(error).__name__)
        self.trouble = trouble
        if isinstance(trouble, ForeignError):
            trouble = self._leave(trouble)
            if trouble is None:
                return
        if trouble is None:
            self._end("undone", self._why, exposed)
            return
        self.trouble = trouble
        self.state = UNDOING
        self._again_at = now + AGAIN_MS

    def _leave(self, foreign: ForeignError) -> IsthmusError | None:
        """The files are somebody else's: what was there before runs on. What is still in the way, or None."""
        try:
            self._files.keep()
        except IsthmusError as error:
            return error
        exposed = self._exposed(False)
        self.last = Outcome("undone", self._why, exposed, self._notes + ["%s: %s" % (foreign, foreign.remedy)])
        self.state = KEPT
        return None

    def _end(self, kind: str, why: str, exposed: list[str]) -> None:
        self.last = Outcome(kind, why, exposed, self._notes)
        self.state = IDLE
        self._record = self._old = self._new = None

    def _exposed(self, is_confirmed: bool) -> list[str]:
        """Who is, when it ends like this."""
        if self._old is None or self._new is None:
            return list(self._record.again) if self._record is not None and not is_confirmed else []
        before, after = self._old.forced, self._new.forced
        return find_exposed(before, after) if is_confirmed else find_exposed(after, before)

    def _commit(self) -> None:
        again = self._exposed(False)
        self._record = self._files.commit(self._wish[0], again, self._wish[1])

    def _run_both(self) -> None:
        if self._old is not None and self._new is not None:
            self._run(join(self._old, self._new))

    def _run_new(self) -> None:
        if self._new is not None:
            self._run(self._new)

    def _run_old(self) -> None:
        if self._old is not None:
            self._run(self._old)

    def _restore(self) -> None:
        self._notes = self._files.restore(self._record) if self._record is not None else []

    def _restore_over(self) -> None:
        if self._record is not None:
            self._notes = self._files.restore(self._record, True)

    def _forget(self) -> None:
        self._files.forget()
        self._record = None
