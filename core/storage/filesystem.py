"""Find out whether a folder lies on a local file system, the only place for SQLite's write-ahead log, and who locks a file.

The log needs memory shared by all processes that have the file open, so all must run on one machine. A folder of a network, of
another operating system or of a file system in user space does not promise that, and new kinds appear. So local kinds are
listed, and any other counts as a network folder.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_OF_LINUX = ("bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2", "reiserfs", "xfs", "zfs")
_OF_OTHERS = ("apfs", "exfat", "hfs", "hfsplus", "msdos", "ntfs", "ntfs3", "vfat")
_IN_MEMORY = ("ramfs", "tmpfs")
LOCAL = frozenset((*_OF_LINUX, *_OF_OTHERS, *_IN_MEMORY, "overlay"))
"""Kinds of file systems kept by the kernel of this machine. ``overlay`` is one: its writable layer cannot be a network folder."""


def is_local(folder: Path) -> bool:
    """Return whether a folder lies on a file system known to be local; False if that cannot be found out.

    Only Linux tells: elsewhere this is always False.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)  # opening mounts a folder that is mounted on demand
        try:
            opened = Path(f"/proc/self/fdinfo/{descriptor}").read_text()
            mounts = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return kind_of(opened, mounts) in LOCAL


def is_locked_here(file: Path) -> bool:
    """Return whether a process of this machine and container, this one included, holds a lock on a file.

    Only Linux tells: elsewhere this is always False. Unlike a lock of one's own, the look takes no lock away.
    """
    try:
        stat, locks = file.stat(), Path("/proc/locks").read_text()
    except OSError:
        return False
    number = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}:{stat.st_ino}"
    return any(number in line.split() for line in locks.splitlines())


def kind_of(opened: str, mounts: str) -> str | None:
    """Return the kind of the file system that holds an open file; None if it is not listed.

    The kernel names the mount by its number. Mount points are not compared: one may hide another, or be mounted over itself.

    Parameters
    ----------
    opened
        Text of ``/proc/self/fdinfo/N``.
    mounts
        Text of ``/proc/self/mountinfo``; see proc_pid_mountinfo(5).
    """
    number = re.search(r"^mnt_id:\s*(\d+)$", opened, re.MULTILINE)
    if number is not None:
        for line in mounts.split("\n"):
            mount, separator, filesystem = line.partition(" - ")
            if separator and mount.split(" ", 1)[0] == number[1]:
                return filesystem.split(" ", 1)[0]
    return None
