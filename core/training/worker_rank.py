"""Run a worker rank: ``python -m core.training.worker_rank WORKSPACE PROJECT JOB``, started by a training, not by hand.

A worker rank reads the plan of the training from the job, and writes nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from core.errors import UnderpaintError
from core.models.device import is_out_of_memory
from core.processes import end_with_parent
from core.storage.store import Store
from core.training.learning.ranks import OUT_OF_MEMORY, TOLD
from core.training.plan import Plan
from core.training.round import train_worker_rank


def main(arguments: list[str]) -> int:
    """Train until rank 0 ends the training; return the exit status."""
    workspace, name, job = Path(arguments[0]), arguments[1], int(arguments[2])

    def work() -> None:
        store = Store(workspace, name)
        train_worker_rank(store, Plan.from_json(store, store.jobs.arguments(job)["plan"]))

    return attempted(work)


def attempted(work: Callable[[], None]) -> int:
    """Run the work of a rank and return the exit status; on failure print the reason as the last line on stderr."""
    end_with_parent()
    try:
        work()
    except UnderpaintError as error:
        print(error, file=sys.stderr)
        return TOLD
    except Exception as error:
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        return OUT_OF_MEMORY if is_out_of_memory(error) else 1
    return 0


def leave(status: int) -> None:
    """End this process at once, without waiting for unfinished communication between ranks."""
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
