"""Underpaint's engine: works without a screen; ``core.project.Project`` is the way in."""

import sys
from os.path import dirname


def _leave_out_working_folder() -> None:
    """Let ``python -m core.cli`` import nothing from the working directory, unless Underpaint lies there.

    Python puts the working directory first on the path for ``-m``; while it looks for the module, argument 0 is ``-m``.
    """
    asked = sys.orig_argv[sys.orig_argv.index("-m") + 1 :][:1] if sys.argv[:1] == ["-m"] and "-m" in sys.orig_argv else []
    if asked and asked[0].startswith("core.") and not sys.flags.safe_path and sys.path[0] != dirname(dirname(__file__)):
        del sys.path[0]


_leave_out_working_folder()
