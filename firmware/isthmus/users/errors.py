"""What users and sessions are refused with. No text says whether a user exists, none holds a password or a token."""

from __future__ import annotations

from isthmus.errors import IsthmusError


class RefusedError(IsthmusError):
    """A login that fails, whatever the reason."""

    code = "refused"
    remedy = "look at both; if the password is lost, root sets another: isthmus user passwd NAME"

    def __init__(self) -> None:
        super().__init__("the name or the password is wrong")


class BusyError(IsthmusError):
    """A login that would have to wait for too long. retry_ms: when to try again."""

    code = "busy"

    def __init__(self, retry_ms: int) -> None:
        self.retry_ms = retry_ms
        seconds = (retry_ms + 999) // 1000
        text = "too many logins at once, or too many that have failed lately"
        super().__init__(text, "try again in %d s" % max(1, seconds))


class NoSessionError(IsthmusError):
    """A call that takes a session, without one that lives."""

    code = "no-session"
    remedy = "log in"

    def __init__(self) -> None:
        super().__init__("there is no such session, or it is over")


class ForbiddenError(IsthmusError):
    """A call that takes another role."""

    code = "forbidden"


class StepUpError(IsthmusError):
    """A call that takes a fresh password."""

    code = "step-up"
    remedy = "enter the password again"

    def __init__(self, command: str) -> None:
        super().__init__("%s takes your password once more" % command)


class PasswordError(IsthmusError):
    """A new password that is not taken."""

    code = "password"


class CodeError(IsthmusError):
    """A code for the first password that is not, or no more, good."""

    code = "code"
    remedy = "root makes a new one: isthmus user code"

    def __init__(self) -> None:
        super().__init__("the code is wrong, used, or over")


class UserError(IsthmusError):
    """A change of users that cannot be made."""

    code = "user"


class UsersFileError(IsthmusError):
    """The file of users is not as it should be: nobody logs in, and nothing is written over it."""

    code = "users-file"
    remedy = "restore it from a backup, or remove it and begin anew: isthmus user add NAME"
