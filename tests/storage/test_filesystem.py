"""Only a file system known to be local gets a write-ahead log."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.storage.filesystem import LOCAL, is_local, kind_of

ROOT = Path(__file__).resolve().parents[2]
MOUNTS = """\
22 27 0:21 / /proc rw,relatime shared:5 - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
40 27 0:40 / /data rw,relatime shared:9 master:2 - nfs4 server:/data rw,vers=4.2
41 27 0:41 / /mnt/lab\\040share rw,relatime - cifs //server/lab\\040share rw,username=a
42 27 0:42 / /home/x rw,relatime - autofs systemd-1 rw,fd=34,timeout=0
43 42 0:43 / /home/x rw,relatime - ceph 10.0.0.1:/x rw
44 27 0:44 / /mnt/tab\\011and\\134 rw - xfs /dev/sdb rw
45 27 0:45 / /mnt/odd rw - fuse.gluster\\040fs a\\040-\\040b rw
46 40 254:1 / /data/disk rw,relatime - btrfs /dev/sdc rw
47 27 0:47 / /data rw,relatime - gpfs lab rw
48 27 0:48 / / rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w
"""


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (27, "ext4"),
        (40, "nfs4"),
        (41, "cifs"),
        (42, "autofs"),
        (43, "ceph"),
        (44, "xfs"),
        (45, r"fuse.gluster\040fs"),
        (46, "btrfs"),
        (47, "gpfs"),
        (48, "overlay"),
        (4, None),
        (99, None),
    ],
)
def test_the_kind_is_that_of_the_mount_the_kernel_names(number: int, kind: str | None) -> None:
    """Whatever the mount points are: with spaces, one over another, or one hidden by a later mount of its parent."""
    assert kind_of(f"pos:\t0\nflags:\t0100000\nmnt_id:\t{number}\nino:\t2\n", MOUNTS) == kind


@pytest.mark.parametrize("opened", ["", "pos:\t0\n", "mnt_id:\tx\n"])
def test_without_a_number_there_is_no_kind(opened: str) -> None:
    """As where the kernel does not tell."""
    assert kind_of(opened, MOUNTS) is None


@pytest.mark.parametrize(
    "kind",
    ["nfs", "cifs", "ceph", "gpfs", "fuse.glusterfs", "fuse.sshfs", "fuseblk", "9p", "virtiofs", "drvfs", "autofs", "vboxsf"],
)
def test_a_kind_that_may_be_of_another_machine_is_not_local(kind: str) -> None:
    """Nor is one of another operating system, or one in user space."""
    assert kind not in LOCAL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the kind of a file system")
def test_folders_are_asked_about_as_they_are(tmp_path: Path) -> None:
    """A folder of /proc is not a disk; a missing folder is nothing."""
    named = subprocess.run(["stat", "-f", "-c", "%T", tmp_path], capture_output=True, text=True, check=True).stdout
    if named.strip() in ("ext2/ext3", "xfs", "btrfs", "tmpfs", "overlayfs"):
        assert is_local(tmp_path)
    assert not is_local(Path("/proc/self"))
    assert not is_local(tmp_path / "missing")


@pytest.mark.skipif(
    os.name != "posix" or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0,
    reason="needs mounts of its own",
)
def test_a_mount_with_a_space_and_one_over_another_are_seen(tmp_path: Path) -> None:
    """What is mounted last counts: over the mount itself, and over the folder above it."""
    script = """
    set -e
    mkdir -p "a b/c"; mount -t tmpfs none "a b/c"; $ASK "a b/c"
    mount -t proc none "a b/c"; $ASK "a b/c"
    mount -t tmpfs none "a b"; mkdir "a b/c"; $ASK "a b/c"
    """
    ask = f"{sys.executable} -c 'import sys; from core.storage.filesystem import *; print(is_local(Path(sys.argv[1])))'"
    command = ["unshare", "-m", "sh", "-c", script.replace("$ASK", ask)]
    ran = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["True", "False", "True"]
