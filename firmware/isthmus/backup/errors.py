"""Why a backup cannot be made, opened or restored: each reason its own. No text holds anything that is in one."""

from __future__ import annotations

from isthmus.errors import IsthmusError


class BackupError(IsthmusError):
    """Nothing has been changed."""

    code = "backup"


class NoBackupError(BackupError):
    """Some other file."""

    code = "no-backup"
    remedy = "choose a file that isthmus backup has made"


class TruncatedError(BackupError):
    """Its end is missing."""

    code = "backup-truncated"
    remedy = "copy it once more from where it is kept; a part of it is of no use"


class DamagedError(BackupError):
    """It is not what was written."""

    code = "backup-damaged"
    remedy = "copy it once more from where it is kept, as a binary file; or take another backup"


class NewerError(BackupError):
    """A version of Isthmus wrote it that knows more than this one."""

    code = "backup-newer"
    remedy = "install the Isthmus that made it, or a newer one, and restore it there"


class HostileError(BackupError):
    """It asks for more work or memory than a router should spend on it."""

    code = "backup-hostile"
    remedy = "no Isthmus has written this; take another backup"


class WrongPassphraseError(BackupError):
    """Somebody chose another."""

    code = "backup-passphrase"
    remedy = "enter the passphrase that was chosen when it was made; without it nobody can open it"

    def __init__(self) -> None:
        super().__init__("the passphrase is not the one of this backup")


class AlteredError(BackupError):
    """The passphrase fits, and the rest does not: no accident does that."""

    code = "backup-altered"
    remedy = "somebody has changed it: do not trust where it was kept; take another backup"

    def __init__(self) -> None:
        super().__init__("the backup has been changed since it was made")


class ContentError(BackupError):
    """It opens, and what is in it cannot be used here."""

    code = "backup-refused"


class WeakPassphraseError(BackupError):
    """Whoever finds the file could guess it."""

    code = "passphrase-weak"
    remedy = "choose a few words of your own; whoever has the file can try as many as they like"


class TooLargeError(BackupError):
    """More than such a file may hold."""

    code = "backup-too-large"


class StagedError(BackupError):
    """What is staged would not fit what is restored."""

    code = "staged-meanwhile"
    remedy = "first isthmus apply, or isthmus config revert; then restore"
