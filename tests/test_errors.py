"""A full disk is told in one sentence."""

import errno

import pytest

from core.errors import StorageError, storage_errors


def test_a_full_disk_becomes_one_sentence(tmp_path):
    """The message names the file, the cause and what to do."""
    with pytest.raises(StorageError, match=r"the disk is full; free some space"), storage_errors(tmp_path / "out.tif"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_other_faults_pass_through(tmp_path):
    """What is not about the disk is not disguised as such."""
    with pytest.raises(FileNotFoundError), storage_errors(tmp_path):
        raise FileNotFoundError(errno.ENOENT, "missing")
