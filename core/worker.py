"""A job's own process: ``python -m core.worker WORKSPACE PROJECT JOB``, started by the app, not by hand."""

from __future__ import annotations

import sys
from pathlib import Path

from core.errors import Cancelled, UnderpaintError
from core.processes import give_way
from core.project import Project


def main(arguments: list[str]) -> int:
    """Run one entered job to its end; what went wrong is in the job's record and, in one line, on stderr."""
    give_way()
    workspace, name, job = Path(arguments[0]), arguments[1], int(arguments[2])
    try:
        Project.open(workspace, name).run_job(job)
    except Cancelled:
        return 0
    except UnderpaintError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
