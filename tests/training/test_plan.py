"""A round is planned before it starts, and the plan of a stopped training is found again."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from core.config import TrainConfig
from core.errors import Cancelled, JobError, TrainingError
from core.geometry import Box
from core.project import Project
from core.storage.labels import Claim
from core.storage.rounds import CurvePoint
from core.training.plan import Interrupted, Plan, _by_voxels, interrupted, interrupted_plan, make_plan
from tests.predicted import add_round
from tests.toy import HEIGHT, WIDTH, make_toy

CONFIG = TrainConfig(seconds=30)


@pytest.fixture
def bare(tmp_path: Path) -> Project:
    """The toy project, without labels."""
    return make_toy(tmp_path)


@pytest.fixture
def project(bare: Project) -> Project:
    """The toy project with strokes on slice 1."""
    paint(bare)
    return bare


def paint(project: Project, volume: int = 0, z: int = 1) -> int:
    """Save strokes in the upper left corner of a slice; the revision."""
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    mask[:2, :3] = 1
    return project.labels.submit_mask(volume, z, mask, Claim.strokes()).id


def add_volume(project: Project) -> None:
    """Add a second volume of three slices."""
    path = project.workspace / "second.tif"
    tifffile.imwrite(path, np.zeros((3, HEIGHT, WIDTH), np.uint8), photometric="minisblack")
    project.add_volume(path)


def stop(project: Project, plan: dict[str, Any], *, begun: bool = False, kind: str = "train") -> None:
    """Enter a training that was cancelled, before its first step unless ``begun``."""
    with suppress(Cancelled), project.store.jobs.here(kind, {"plan": plan}) as handle:
        if begun:
            project.store.rounds.begin(handle.id)
        raise Cancelled


def plan_json(project: Project, **config: Any) -> dict[str, Any]:
    """A plan of the next round, as the records hold it."""
    stored: dict[str, Any] = json.loads(json.dumps(make_plan(project.store, replace(CONFIG, **config)).as_json()))
    return stored


def keep_state(project: Project, round_: int) -> None:
    """Leave a file where the state of a round's training is kept."""
    folder = project.workspace / "checkpoints" / "toy" / f"round-{round_:03d}.partial"
    folder.mkdir(parents=True)
    (folder / "last.ckpt").touch()


# ---- planning


def test_a_plan_fixes_labels_weights_and_number(project: Project) -> None:
    """Labels saved and weights set later belong to the next round."""
    add_volume(project)
    first, second = project.labels.slices()[0].id, paint(project, 1, 2)
    project.set_weight(1, 2.5)
    plan = make_plan(project.store, CONFIG, tensorboard=False)
    paint(project, 0, 2)
    project.set_weight(1, 1)
    assert (plan.round, plan.revisions, plan.weights, plan.begins_with) == (1, (first, second), (1.0, 2.5), None)
    assert (plan.config, plan.tensorboard) == (CONFIG, False)
    assert [plan.weight(volume) for volume in range(3)] == [1.0, 2.5, 1.0]


def test_a_plan_survives_json(project: Project) -> None:
    """With every setting, and the keys that records of earlier versions have."""
    plan = make_plan(project.store, replace(CONFIG, seed=7, neighbours=1))
    stored = json.loads(json.dumps(plan.as_json()))
    assert Plan.from_json(project.store, stored) == plan
    assert stored.keys() >= {"round", "revisions", "train", "tensorboard", "weights", "begins_with"}
    assert stored["train"]["seed"] == 7


def test_a_plan_of_an_earlier_version_is_read(project: Project) -> None:
    """Missing settings take that version's values, and a watched region is chosen."""
    plan = Plan.from_json(project.store, {"round": 2, "revisions": [3], "train": {"seconds": 7}})
    earlier = TrainConfig(seconds=7, initial_weights="random", local=0, unlabelled=0)
    assert plan == Plan(2, (3,), earlier, project.models.watched_region())
    assert (plan.tensorboard, plan.weights, plan.begins_with) == (False, (), None)
    assert Plan.from_json(project.store, plan.as_json()) == plan


def test_a_watched_region_is_chosen_unless_it_is_given(project: Project) -> None:
    """That of the models' choice, or the one asked for."""
    given = replace(project.models.watched_region(), z=0, box=Box(0, 0, 4, 4))
    assert make_plan(project.store, CONFIG) == make_plan(project.store, CONFIG, project.models.watched_region())
    assert given in vars(make_plan(project.store, CONFIG, given)).values()


def test_without_labels_there_is_nothing_to_plan(bare: Project) -> None:
    """The error says how to make some."""
    with pytest.raises(TrainingError) as told:
        make_plan(bare.store, CONFIG)
    assert str(told.value) == (
        "There are no labelled pixels to train on; paint on a slice and save, or import labels, then train again."
    )


def test_labels_that_may_not_be_trained_on_are_no_labels(project: Project) -> None:
    """The error counts them and names the causes."""
    project.set_region(0, [((3, 4), (3, 7), (5, 7), (5, 4))])
    with pytest.raises(TrainingError) as told:
        make_plan(project.store, CONFIG)
    assert str(told.value) == (
        "1 slices are labelled, but none of their pixels may be trained on: they are held back for validation or lie outside the "
        "working region; paint more inside it, or enlarge it."
    )


def test_labels_of_volumes_of_weight_0_are_no_labels(project: Project) -> None:
    """One label elsewhere is enough."""
    add_volume(project)
    project.set_weight(0, 0)
    with pytest.raises(TrainingError, match="All labelled slices are of volumes with the weight 0, which are left out"):
        make_plan(project.store, CONFIG)
    paint(project, 1, 0)
    assert len(make_plan(project.store, CONFIG).revisions) == 2


def test_devices_are_counted_before_anything_else(bare: Project) -> None:
    """Without labels, too, and before a job is entered."""
    with pytest.raises(TrainingError, match="a network of your own cannot go to the processes of other devices"):
        make_plan(bare.store, replace(CONFIG, architecture="own", devices=2))
    assert bare.jobs.current() is None


def test_a_round_begins_with_the_newest_one(project: Project) -> None:
    """The first has none to begin with."""
    assert make_plan(project.store, CONFIG).begins_with is None
    add_round(project)
    add_round(project)
    plan = make_plan(project.store, CONFIG)
    assert (plan.round, plan.begins_with) == (3, 2)


@pytest.mark.parametrize("config", [{"initial_weights": "random"}, {"architecture": "own"}])
def test_a_round_may_have_nothing_to_begin_with(project: Project, config: dict[str, str]) -> None:
    """A round begins with random weights by choice, or with those of the user's own network."""
    add_round(project)
    assert make_plan(project.store, replace(CONFIG, **config)).begins_with is None


@pytest.mark.parametrize(
    ("voxels", "changes", "flat"),
    [
        ([(5, 5, 5)], {}, 1),
        ([(30, 8, 8)], {}, 1),
        ([(45, 4.6, 4.6)], {}, 2),
        ([(80, 5, 5)], {}, 3),
        ([(80, 5, 5)], {"neighbours": 2}, 2),
        ([None, (80, 5, 5), None], {}, 3),
        ([None], {}, None),
        ([(5, 5, 5)], {"flat": 2}, 2),
        ([(5, 5, 5)], {"architecture": "unet", "neighbours": 0}, None),
    ],
)
def test_slices_are_joined_where_pixels_are_as_wide_as_they_are_thick(
    voxels: list[tuple[float, float, float] | None], changes: dict[str, Any], flat: int | None
) -> None:
    """The level follows from the voxel size within the network's levels, unless the user chose one."""
    settings: dict[str, Any] = {"architecture": "unet-3d", "neighbours": 1, **changes}
    assert _by_voxels(TrainConfig(**settings), voxels).flat == flat


def test_voxels_of_the_project_settle_where_slices_are_joined(project: Project) -> None:
    """The plan holds the level, so that a resume trains the same network."""
    project.set_voxel_size(0, (80.0, 5.0, 5.0))
    plan = make_plan(project.store, replace(CONFIG, architecture="unet-3d", neighbours=1))
    project.set_voxel_size(0, (5.0, 5.0, 5.0))
    assert plan.config.flat == Plan.from_json(project.store, plan.as_json()).config.flat == 3
    assert make_plan(project.store, plan.config).config.flat == 3


# ---- the plan of a stopped training


def test_nothing_to_resume_is_told(project: Project) -> None:
    """Without a training, and while one runs."""
    with pytest.raises(JobError, match="No training was interrupted, so there is nothing to resume; start a new round instead"):
        interrupted_plan(project.store)
    with (
        project.store.jobs.here("train", {"plan": plan_json(project)}),
        pytest.raises(JobError, match="nothing to resume"),
    ):
        interrupted_plan(project.store)


@pytest.mark.parametrize("kind", ["train", "round"])
def test_a_stopped_training_has_its_own_plan(project: Project, kind: str) -> None:
    """With the labels of that time, from either kind of job."""
    plan = plan_json(project, seed=5)
    stop(project, plan, kind=kind)
    paint(project, 0, 2)
    assert interrupted_plan(project.store) == Plan.from_json(project.store, plan)


def test_the_training_with_a_state_is_resumed(project: Project) -> None:
    """Not a later one, refused before its first step; without a note of it, as in earlier versions, the newest."""
    stop(project, plan_json(project, seconds=30), begun=True)
    stop(project, plan_json(project, seconds=40))
    stop(project, plan_json(project, seconds=50), kind="round")
    assert interrupted_plan(project.store).config.seconds == 30
    project.store.records.write("DELETE FROM meta WHERE key = 'training_job'")
    assert interrupted_plan(project.store).config.seconds == 50


def test_a_stopped_training_is_over_once_its_round_is_trained(project: Project) -> None:
    """Its plan is of a round that there is."""
    stop(project, plan_json(project), begun=True)
    add_round(project)
    with pytest.raises(JobError, match="nothing to resume"):
        interrupted_plan(project.store)


@pytest.mark.parametrize(
    "change",
    [
        {"train": {"seconds": 40, "architecture": "monai-dynunet", "depth": 1}},
        {"train": {"seconds": 40, "setting_of_a_newer_version": 1}},
        {"train": None},
        {"revisions": None},
        {"round": None},
    ],
)
def test_a_plan_that_cannot_be_read_is_passed_over(project: Project, change: dict[str, Any]) -> None:
    """Refused by now, of a newer version, or without a key, in favour of the interrupted one."""
    stop(project, plan_json(project))
    damaged = {key: value for key, value in {**plan_json(project), **change}.items() if value is not None}
    stop(project, damaged, begun=True)
    keep_state(project, 1)
    assert interrupted(project.store) == Interrupted(1, 0.0, 30)


def test_a_stopped_training_is_offered_while_its_state_is_there(project: Project) -> None:
    """With the seconds trained and allowed."""
    stop(project, plan_json(project), begun=True)
    for seconds in (2.0, 12.5):
        project.store.rounds.add_point(1, CurvePoint(seconds, round(10 * seconds), 0.5, None, None))
    assert interrupted(project.store) is None
    keep_state(project, 1)
    assert interrupted(project.store) == Interrupted(1, 12.5, 30)
    with project.store.jobs.here("scan", {}):
        assert interrupted(project.store) is None


def test_a_state_without_a_plan_is_not_offered(project: Project) -> None:
    """Nobody knows what it was to become."""
    keep_state(project, 1)
    assert interrupted(project.store) is None
