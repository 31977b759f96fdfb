"""The demo project: a generated volume with known truth and three labelled slices, ready for training."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from core.config import ProposeConfig, TrainConfig
from core.errors import storage_errors
from core.progress import Report, advance, silent
from core.project import Project, list_projects
from core.rights import make_folder
from core.volumes.phantom import CLASS_NAMES, Phantom, PhantomConfig
from core.volumes.writers import open_stack

NAME = "demo"
PHANTOM = PhantomConfig(depth=64, height=512, width=512)
VOXEL_NM = (10.0, 10.0, 10.0)
PAINTED = (8, 30, 52)
"""Slices with labels from the start: far apart in z, none at an end."""


def volume_files(workspace: Path) -> tuple[Path, Path]:
    """Return the paths of the demo's image and truth."""
    folder = workspace / "data" / "demo-volume"
    return folder / "image.tif", folder / "truth.tif"


def open_or_create(workspace: Path, *, phantom: PhantomConfig = PHANTOM, report: Report = silent) -> Project:
    """Open the demo project; make it on the first call, or continue an interrupted first call.

    Parameters
    ----------
    workspace
        Folder with ``data/`` and ``checkpoints/``.
    phantom
        The volume to generate.
    report
        Called with the share done (0 to 1) and a sentence during generation; returning True stops it.

    Raises
    ------
    Cancelled
        If ``report`` returns True.
    StorageError
        If there is no room for the volume.
    """
    image, truth = volume_files(workspace)
    if not image.exists():  # it is written last
        generate(image, truth, phantom, report)
    if NAME in list_projects(workspace):
        project = Project.open(workspace, NAME)
    else:
        project = Project.create(workspace, NAME, volumes=[image], classes=CLASS_NAMES)
    if not project.labels.slices():
        project.labels.import_file(truth, slices=painted(phantom.depth))
    return project


def painted(depth: int) -> list[int]:
    """Return the slices with labels from the start, in a volume of ``depth`` slices."""
    return sorted({z * depth // PHANTOM.depth for z in PAINTED})


def generate(image: Path, truth: Path, phantom: PhantomConfig, report: Report = silent) -> None:
    """Write a phantom's grey values and truth as two TIFF stacks, slice by slice; each whole or absent, the truth first."""
    with storage_errors(image):
        make_folder(image.parent)
    page = (phantom.height, phantom.width)
    source = Phantom(phantom)
    stack = partial(open_stack, pages=phantom.depth, page_shape=page, dtype=np.uint8, voxel_nm=VOXEL_NM, overwrite=True)
    with stack(image) as image_pages, stack(truth) as truth_pages:
        for z in range(phantom.depth):
            image_pages.write(z, source.image(z))
            truth_pages.write(z, source.truth(z))
            advance(report, (z + 1) / phantom.depth, "generating a volume")


def start_first_round(project: Project, train: TrainConfig = TrainConfig()) -> bool:
    """Start a first round in the background, unless there is one or a job is running; return whether it was started."""
    job = project.jobs.current()
    if project.models.rounds() or (job is not None and job.active):
        return False
    project.jobs.start_round(train, ProposeConfig())
    return True
