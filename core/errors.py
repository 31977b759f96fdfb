"""The errors a user can cause.

    UnderpaintError
    ├── ProjectError       a name, a setting or a record of a project
    ├── VolumeError        an image file: unreadable, wrong shape, moved, not finite
    ├── LabelError         a label: wrong shape, unknown class, role conflict
    ├── TrainingError      nothing to learn from, or training cannot go on
    ├── CheckpointError    a checkpoint is missing, damaged or does not fit the project
    │   └── NoRoundError   the project has no such round
    ├── NetworkError       a network cannot be built here: a package is missing, or a size is out of range
    ├── JobError           another job has the project, or a job has died
    ├── StorageError       the disk is full or may not be written
    └── Cancelled          the user asked a job to stop; its stored results are kept

Every message is one sentence: the value found, the allowed values and the remedy. The page shows it with
``st.error``; the command line prints it on stderr. A programmer's misuse raises the built-in ``ValueError`` or
``TypeError`` instead.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UnderpaintError(Exception):
    """Base class of all errors a user can cause."""


class ProjectError(UnderpaintError):
    """A project's name, settings or records are invalid."""


class VolumeError(UnderpaintError):
    """An image volume is unusable in its present form."""


class LabelError(UnderpaintError):
    """A label does not fit its volume, its classes or its role."""


class TrainingError(UnderpaintError):
    """Training cannot start or continue."""


class CheckpointError(UnderpaintError):
    """A checkpoint is missing, damaged or of another project."""


class NoRoundError(CheckpointError):
    """The project has no such round."""


class NetworkError(UnderpaintError):
    """A network cannot be built here."""


class JobError(UnderpaintError):
    """A job blocks another, has died or cannot be resumed."""


class StorageError(UnderpaintError):
    """The disk is full, read-only or out of reach."""


class Cancelled(UnderpaintError):
    """The user asked a job to stop; its stored results are kept."""


_DISK_CAUSES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "writing is not permitted",
    errno.EPERM: "writing is not permitted",
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Convert an ``OSError`` about the disk to a ``StorageError``; let any other error through.

    Parameters
    ----------
    path
        The file or folder being written; the message names it.

    Raises
    ------
    StorageError
        If the disk is full, over quota, read-only or not writable.
    """
    try:
        yield
    except OSError as error:
        cause = _DISK_CAUSES.get(error.errno or 0)
        if cause is None:
            raise
        raise StorageError(
            f"Could not write {path}: {cause}; free some space or choose another workspace, then try again. "
            "Nothing that was stored before is lost."
        ) from error
