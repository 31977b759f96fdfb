"""Children that end with their parent, however it ends, and how a child is stopped."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core import processes
from core.processes import ProcessId, end_with_parent, process_lives, stop

ROOT = Path(__file__).resolve().parents[1]

GRANDCHILD = "from core.processes import ProcessId, end_with_parent; end_with_parent(); import time; time.sleep(60)"
CHILD = f"""
import os, subprocess, sys, time
from core.processes import ProcessId, end_with_parent
end_with_parent()
grandchild = subprocess.Popen([sys.executable, "-c", {GRANDCHILD!r}], stdin=subprocess.DEVNULL)
print(os.getpid(), grandchild.pid, flush=True)
time.sleep(60)
"""
PARENT = f"""
import os, sys, time
from core.processes import start_tied
start_tied([sys.executable, "-c", {CHILD!r}], os.environ)
time.sleep(60)
"""


def ends(pid: int, seconds: float = 20) -> bool:
    """Whether a process ends within so many seconds."""
    deadline = time.monotonic() + seconds
    while process_lives(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not process_lives(pid)


def test_a_tied_child_ends_with_its_killed_parent_and_leaves_its_own_children() -> None:
    """kill -9 gives the parent no chance to end anybody; the child sees it, what the child started goes on."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout as said:
        child, grandchild = map(int, said.readline().split())
        try:
            assert not ends(child, seconds=0.5), "a child whose parent lives must stay"
            parent.kill()
            parent.wait()
            assert ends(child)
            assert not ends(grandchild, seconds=1), "what the child started is not tied to it"
        finally:
            os.kill(grandchild, signal.SIGKILL)
            parent.kill()


def test_a_process_that_is_not_tied_is_left_alone() -> None:
    """An end of its input means nothing to it."""
    code = "from core.processes import ProcessId, end_with_parent; end_with_parent(); import time; time.sleep(1); print('alive')"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert ran.stdout == "alive\n"
    end_with_parent()


def test_a_child_that_does_not_listen_is_stopped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked first; one that has ended already is no obstacle."""
    monkeypatch.setattr(processes, "_PATIENCE_S", 0.5)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    for code, status in ((deaf, -signal.SIGKILL), (deaf.replace("SIG_IGN", "SIG_DFL"), -signal.SIGTERM)):
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert child.stdout is not None
        with child.stdout as said:
            assert said.readline() == b"ready\n"
            stop(child)
        assert child.returncode == status
        stop(child)


@pytest.mark.skipif(os.name != "posix", reason="only POSIX systems tell how nice a process is")
def test_a_worker_gives_way() -> None:
    """What trains in the background is nicer than what a person waits for."""
    script = "import os; from core.processes import give_way; before = os.nice(0); give_way(); print(os.nice(0) - before)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells start times, boots and namespaces")
def test_a_process_is_known_for_good() -> None:
    """By number, place and start: it is seen to live, to be a zombie, to be gone; elsewhere nothing is seen."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    name = ProcessId.of(child.pid)
    assert ProcessId.read(str(name)) == name
    assert name.lives() is True
    assert replace(name, pid=10**30).lives() is False
    assert replace(name, start=name.start + 1).lives() is False
    assert replace(name, place="0123456789ab").lives() is None
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert name.lives() is False
    child.wait()
    assert name.lives() is False


HIDDEN = """
import sys
from core.processes import ProcessId
print(*(ProcessId.read(text).lives() for text in sys.argv[1:]))
"""
AS_ANOTHER_USER = """
mount -t proc -o hidepid=2 proc /proc
exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
"""


def of_another_user(command: list[str]) -> list[str]:
    """A command run by a user who sees no process of others, as on many shared machines."""
    return ["unshare", "-m", "sh", "-ec", AS_ANOTHER_USER, "sh", *command]


def hides_processes() -> bool:
    """Whether processes can be hidden here for one command alone: the mount is one of its own since Linux 5.8."""
    if sys.platform != "linux" or tuple(map(int, platform.release().split(".")[:2])) < (5, 8) or not shutil.which("setpriv"):
        return False
    imports = [sys.executable, "-c", "import core.processes"]
    return subprocess.run(of_another_user(imports), cwd=ROOT, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not hides_processes(), reason="needs mounts of its own, and a second user")
def test_a_process_hidden_by_the_system_is_not_taken_for_gone() -> None:
    """Under ``hidepid=2`` no entry in ``/proc`` proves nothing as long as the number takes signals; without that it is gone."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    names = [str(ProcessId.of(os.getpid())), str(replace(ProcessId.of(os.getpid()), pid=gone.pid))]
    gone.wait()
    hidden = of_another_user([sys.executable, "-c", HIDDEN, *names])
    ran = subprocess.run(hidden, cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["None", "False"]


def test_what_is_no_process_is_not_read() -> None:
    """A damaged record names none."""
    assert [ProcessId.read(text) for text in ("", "7", "7-host-9", "7-0123456789ab-", "-1-0123456789ab-9")] == [None] * 5


def test_a_name_with_parentheses_does_not_hide_the_start(tmp_path: Path) -> None:
    """Linux writes a process's name unquoted before the fields."""
    odd = tmp_path / ") Z 1 (x"
    odd.symlink_to(sys.executable)
    child = subprocess.Popen([odd, "-c", "import time; time.sleep(60)"])
    plain = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        first, second = ProcessId.of(child.pid).start, ProcessId.of(plain.pid).start
        assert 0 <= second - first < 6000
    finally:
        stop(child)
        stop(plain)
