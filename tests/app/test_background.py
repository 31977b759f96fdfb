"""The worker thread for single slices."""

import threading
import time

import pytest

from app.background import Tasks
from core.errors import VolumeError


def _finished(tasks, key):
    limit = time.monotonic() + 10
    while tasks.running(key) and time.monotonic() < limit:
        time.sleep(0.005)
    return not tasks.running(key)


def test_a_task_under_way_is_not_started_twice():
    """Asking again while it works changes nothing; afterwards it can run again."""
    tasks, gate, ran = Tasks(), threading.Event(), []

    def work():
        gate.wait(10)
        ran.append(1)

    tasks.start("slice", work)
    tasks.start("slice", work)
    gate.set()
    assert _finished(tasks, "slice")
    assert ran == [1]
    tasks.start("slice", work)
    assert _finished(tasks, "slice")
    assert ran == [1, 1]


def test_a_failure_is_kept_until_the_next_start():
    """What the user caused is handed back as the error with its sentence."""

    def fail():
        raise VolumeError("the file is gone")

    tasks = Tasks()
    assert tasks.failure("slice") is None
    tasks.start("slice", fail)
    assert _finished(tasks, "slice")
    assert str(tasks.failure("slice")) == "the file is gone"
    tasks.start("slice", lambda: None)
    assert _finished(tasks, "slice")
    assert tasks.failure("slice") is None


def test_a_fault_of_the_program_is_not_hidden():
    """Anything but a user's error is raised where it is asked for."""
    tasks = Tasks()
    tasks.start("slice", lambda: 1 / 0)
    assert _finished(tasks, "slice")
    with pytest.raises(ZeroDivisionError):
        tasks.failure("slice")
