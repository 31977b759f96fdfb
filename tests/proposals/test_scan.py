"""Slices are scanned coarse first, never twice, and as long as time and the person allow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from core.config import ProposeConfig
from core.errors import Cancelled, CheckpointError, VolumeError
from core.geometry import SliceId
from core.progress import silent
from core.project import Project
from core.proposals.scan import scan, scan_order
from core.storage.labels import Claim
from tests.predicted import add_round
from tests.thresholding import ThresholdModels
from tests.toy import HEIGHT, WIDTH, make_toy

ALL = ProposeConfig()


def label(project: Project, z: int) -> None:
    """Save a label of a whole slice."""
    project.labels.submit_mask(0, z, np.zeros((HEIGHT, WIDTH), np.uint8), Claim.slice())


def add_volume(project: Project, image: np.ndarray) -> None:
    """Add a volume of a few slices of the same size."""
    tifffile.imwrite(project.workspace / "more.tif", image, photometric="minisblack")
    project.add_volume(project.workspace / "more.tif")


def scanned(project: Project, round_: int = 1) -> list[int]:
    """The scanned slices of the first volume, by their z."""
    return [s.z for s in project.store.proposals.scanned(round_)]


@given(st.integers(min_value=0, max_value=700))
def test_scan_order_visits_every_slice_once(depth: int) -> None:
    """A permutation of the volume's slices."""
    assert sorted(scan_order(depth)) == list(range(depth))


@given(st.integers(min_value=2, max_value=700), st.data())
def test_scan_order_covers_coarsely_first(depth: int, data: st.DataObject) -> None:
    """Stopped after n slices, no slice is further than about 2 depth / n from a scanned one before it."""
    n = data.draw(st.integers(min_value=2, max_value=depth))
    seen = sorted(scan_order(depth)[:n])

    assert max(np.diff([*seen, depth])) <= max(1, 2 * depth / (n - 1))


def test_scan_order_of_eight() -> None:
    """Halves, quarters, eighths."""
    assert scan_order(8) == [0, 4, 2, 6, 1, 5, 3, 7]


@pytest.mark.parametrize(("depth", "order"), [(0, []), (1, [0]), (3, [0, 2, 1]), (5, [0, 4, 2, 1, 3])])
def test_scan_order_of_other_depths(depth: int, order: list[int]) -> None:
    """That of the next power of two, without slices that are not there."""
    assert scan_order(depth) == order


def test_without_a_round_there_is_nothing_to_scan_with(tmp_path: Path) -> None:
    """Nothing happens."""
    bare = make_toy(tmp_path)
    models = ThresholdModels(bare.store)
    scan(models, ALL, (), silent)
    assert models.seen == []


def test_every_slice_is_scanned_once(project: Project, models: ThresholdModels) -> None:
    """Its score, its prediction and the proposals are stored; a second scan has nothing left to do."""
    scan(models, ALL, (), silent)
    assert models.seen == [(0, 0), (0, 2), (0, 1)]
    assert scanned(project) == [0, 1, 2]
    kept = project.store.predictions.load(1, SliceId(0, 1))
    assert kept is not None
    assert kept.mask.tolist() == [[0] * WIDTH] * 3 + [[1] * WIDTH] * 3
    assert sorted(p.z for p in project.store.proposals.of(1)) == [0, 1, 2]
    scan(models, ALL, (), silent)
    assert len(models.seen) == 3


def test_volumes_are_scanned_in_turn_and_labelled_slices_last(project: Project, models: ThresholdModels) -> None:
    """A short scan has seen something of every volume that is not labelled."""
    add_volume(project, np.arange(2 * HEIGHT * WIDTH, dtype=np.uint8).reshape(2, HEIGHT, WIDTH))
    label(project, 0)
    scan(models, ALL, (), silent)
    assert models.seen == [(1, 0), (0, 2), (1, 1), (0, 1), (0, 0)]


def test_excluded_slices_are_neither_scanned_nor_proposed(project: Project, models: ThresholdModels) -> None:
    """A test slice must not be looked at."""
    scan(models, ALL, {SliceId(0, 0)}, silent)
    assert models.seen == [(0, 2), (0, 1)]
    scan(models, ALL, {SliceId(0, 2)}, silent)
    assert models.seen == [(0, 2), (0, 1), (0, 0)]
    assert sorted(p.z for p in project.store.proposals.of(1)) == [0, 1]


def test_another_query_or_round_scans_again(project: Project, models: ThresholdModels) -> None:
    """Scores of one say nothing of the other."""
    scan(models, ALL, (), silent)
    scan(models, ProposeConfig(query="entropy"), (), silent)
    assert len(models.seen) == 6
    add_round(project)
    scan(models, ALL, (), silent)
    assert (len(models.seen), scanned(project, 2)) == (9, [0, 1, 2])


def test_a_scan_without_time_does_one_slice(project: Project, models: ThresholdModels) -> None:
    """So that scans end, however short; the next goes on where it stopped."""
    for done in ([0], [0, 2], [0, 1, 2], [0, 1, 2]):
        scan(models, ProposeConfig(scan_seconds=0), (), silent)
        assert scanned(project) == done
    assert len(models.seen) == 3


def test_proposals_follow_their_number_with_nothing_left_to_scan(project: Project, models: ThresholdModels) -> None:
    """No network is needed for that, and this round has none."""
    scan(models, ProposeConfig(number=1), (), silent)
    assert len(project.store.proposals.of(1)) == 1
    assert len(project.propose(ProposeConfig(number=3))) == 3


def test_a_scan_tells_how_far_it_is(models: ThresholdModels, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the slices left to scan."""
    monkeypatch.setattr("core.proposals.scan._REFRESH_SECONDS", -1.0)
    told: list[tuple[float, str]] = []
    scan(models, ALL, {SliceId(0, 1)}, lambda share, message: told.append((share, message)) is not None)
    assert told == [(0.5, "scanning: 1 of 2 slices"), (1.0, "scanning: 2 of 2 slices")]


def test_a_cancelled_scan_keeps_what_it_has(project: Project, models: ThresholdModels, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proposals of the scanned slices are there, though not for good, and the next scan does the others."""
    monkeypatch.setattr("core.proposals.scan._REFRESH_SECONDS", -1.0)
    with pytest.raises(Cancelled) as told:
        scan(models, ALL, (), lambda share, message: message == "scanning: 2 of 3 slices")
    assert str(told.value) == "Scanning was cancelled; the results for scanned slices are kept."
    assert scanned(project) == [0, 2]
    assert sorted(p.z for p in project.store.proposals.of(1)) == [0, 2]
    assert not any(project.store.proposals.is_model_selected(SliceId(0, z)) for z in range(3))
    scan(models, ALL, (), silent)
    assert models.seen == [(0, 0), (0, 2), (0, 1)]
    assert all(project.store.proposals.is_model_selected(SliceId(0, z)) for z in range(3))


def test_an_unreadable_slice_costs_no_other(project: Project, models: ThresholdModels) -> None:
    """The error names it; slices scanned before it are proposed, and not scanned again."""
    image = np.zeros((3, HEIGHT, WIDTH), np.float32)
    image[:, :3], image[2, 4, 4] = 1, np.nan
    add_volume(project, image)
    for _ in range(2):
        with pytest.raises(VolumeError, match=r"Slice 2 of .*more\.tif has 1 pixels that are NaN or infinite"):
            scan(models, ALL, (), silent)
    assert models.seen == [(0, 0), (1, 0), (0, 2), (1, 2), (1, 2)]
    assert [s.slice_id for s in project.store.proposals.scanned(1)] == [(0, 0), (0, 2), (1, 0)]
    assert sorted(p.slice_id for p in project.store.proposals.of(1)) == [(0, 0), (0, 2), (1, 0)]


def test_a_missing_network_leaves_the_proposals_as_they_are(project: Project, models: ThresholdModels) -> None:
    """The list a person works through does not change by a scan that could not begin."""
    scan(models, ProposeConfig(scan_seconds=0), (), silent)
    before = project.store.proposals.of(1)
    with pytest.raises(CheckpointError):
        project.proposals.scan(ProposeConfig(number=1, scan_seconds=0))
    assert project.store.proposals.of(1) == before
