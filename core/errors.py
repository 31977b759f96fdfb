"""What a user can cause, and what they are told.

    UnderpaintError
    ├── ProjectError       a name, a setting or a record of a project
    ├── VolumeError        an image file: unreadable, wrong shape, moved, not finite
    ├── LabelError         a label: wrong shape, unknown class, role conflict
    ├── TrainingError      nothing to learn from, or training cannot go on
    ├── CheckpointError    a checkpoint is missing, damaged or does not fit the project
    ├── NetworkError       a network that cannot be built here: a package is missing, or a size is out of range
    ├── JobError           another job has the project, or a job has died
    ├── StorageError       the disk is full or may not be written
    └── Cancelled          the user asked a job to stop; what it had stored is kept

Every message says what was found, what is allowed and what to do, in one sentence that the page shows with
``st.error`` and the command line prints on stderr. A programmer's misuse raises the built-in ``ValueError`` or
``TypeError`` instead.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class UnderpaintError(Exception):
    """Base of everything a user can cause."""


class ProjectError(UnderpaintError):
    """A project's name, settings or records."""


class VolumeError(UnderpaintError):
    """An image volume that cannot be used as it is."""


class LabelError(UnderpaintError):
    """A label that does not fit its volume, its classes or its role."""


class TrainingError(UnderpaintError):
    """Training cannot start or go on."""


class CheckpointError(UnderpaintError):
    """A checkpoint that is missing, damaged or of another project."""


class NetworkError(UnderpaintError):
    """A network that cannot be built here."""


class JobError(UnderpaintError):
    """A job that is in the way, has died or cannot be resumed."""


class StorageError(UnderpaintError):
    """The disk is full, read-only or out of reach."""


class Cancelled(UnderpaintError):
    """The user asked the work to stop; what it had stored is kept."""


_DISK_CAUSES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "writing is not permitted",
    errno.EPERM: "writing is not permitted",
}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` about the disk into one sentence; anything else passes through.

    Parameters
    ----------
    path
        The file or folder being written, named in the message.

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
