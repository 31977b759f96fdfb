"""Freed memory stays with the process inside the context and is returned afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, threading
from core.models.memory import freed_memory_kept
import numpy as np

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        blocks = [np.ones(3 << 20, np.uint8) for _ in range(16)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with freed_memory_kept():
    faults()
    print(faults())
    other = threading.Thread(target=freed_memory_kept()(faults))
    other.start()
    other.join()
    print(faults())
print(faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc can be told")
def test_freed_memory_is_used_again_inside_only() -> None:
    """Inside, ten allocations of 48 MiB need almost no new pages, even after another thread has left; outside, many."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, inside, outside = map(int, done.stdout.split())
    assert before < 200
    assert inside < 200
    assert outside > 20 * (inside + 1)
