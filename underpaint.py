"""The public Python API of Underpaint.

    >>> import underpaint
    >>> project = underpaint.Project.open(workspace, "concrete")  # doctest: +SKIP

The engine behind it is the package ``core`` beside this file. Another package of that name, earlier on the path, is never
used: the import then fails and names both.
"""

from __future__ import annotations

from importlib.util import find_spec as _find_spec
from pathlib import Path as _Path

_ENGINE = _Path(__file__).resolve().parent / "core" / "__init__.py"


def _check_engine() -> None:
    """Raise unless the package ``core`` found first is the one beside this file.

    Raises
    ------
    ImportError
        If it is another one; the message names both files.
    """
    try:
        found = _find_spec("core")
    except ValueError:  # a module put into sys.modules by hand
        found = None
    origin = None if found is None else found.origin
    if origin is None or _Path(origin).resolve() != _ENGINE:
        raise ImportError(
            f"Underpaint needs its own package core, {_ENGINE}, but Python finds {origin or 'another one without a file'} under "
            "that name first; rename that one, or start Python from another folder."
        )


_check_engine()

from core.config import (  # noqa: E402 (only after the check)
    UNLABELLED,
    AugmentConfig,
    PredictConfig,
    ProposeConfig,
    SimulateConfig,
    TrainConfig,
)
from core.errors import UnderpaintError  # noqa: E402
from core.geometry import Box  # noqa: E402
from core.project import Project  # noqa: E402
from core.simulate import simulate  # noqa: E402
from core.storage.database import LabelClass  # noqa: E402
from core.storage.labels import Claim, Role, Work  # noqa: E402
from core.training.learning.task import Progress  # noqa: E402
from core.volumes.phantom import PhantomConfig, make_phantom  # noqa: E402

__all__ = [
    "UNLABELLED",
    "AugmentConfig",
    "Box",
    "Claim",
    "LabelClass",
    "PhantomConfig",
    "PredictConfig",
    "Progress",
    "Project",
    "ProposeConfig",
    "Role",
    "SimulateConfig",
    "TrainConfig",
    "UnderpaintError",
    "Work",
    "make_phantom",
    "simulate",
]
