"""What a preview is made from: which labelled slices, in which order, and what is kept in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.editing import preview_samples
from core.editing.preview_samples import PreviewSamples
from core.geometry import SliceId
from core.project import Project
from core.storage.drafts import Patch
from core.storage.labels import Claim
from tests.toy import HEIGHT, WIDTH, make_toy


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three slices of 6 x 8 pixels, nothing painted."""
    return make_toy(tmp_path)


@pytest.fixture
def samples(project: Project) -> PreviewSamples:
    """What is kept of them."""
    return PreviewSamples(project.store)


def save(project: Project, z: int, *rows: int, class_id: int = 1) -> None:
    """Save strokes on these rows of a slice."""
    mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
    mask[list(rows)] = class_id
    project.labels.submit_mask(0, z, mask, Claim.strokes())


def stroke(project: Project, z: int, row: int, class_id: int = 0) -> None:
    """Paint a row of a slice without saving it."""
    number = project.labels.sync_state(0, z).sequence + 1
    runs = np.array([(row * WIDTH, WIDTH, class_id | 256)], np.uint32)
    project.labels.apply(0, z, Patch(number, runs))


def test_strokes_come_first_and_take_the_place_of_labels_below_them(project: Project, samples: PreviewSamples) -> None:
    """A pixel is learnt from once, as it is seen; both count as one slice."""
    save(project, 1, 0, 1)
    stroke(project, 1, 1)
    data = samples.training_data(SliceId(0, 1), most_new=9)
    assert [sample.counts.sum() for sample in data.samples] == [8, 8]
    assert (data.classes, data.pixels, data.slices, data.waiting) == ((0, 1), 16, 1, 0)


def test_few_new_slices_are_read_at_a_time(project: Project, samples: PreviewSamples) -> None:
    """The open one in any case; the others wait, and are known from then on."""
    for z in range(3):
        save(project, z, 0)
    for most_new in (1, 0):
        data = samples.training_data(SliceId(0, 0), most_new=most_new)
        assert (data.slices, data.waiting) == (2, 1)
    assert samples.training_data(SliceId(0, 0), most_new=1).waiting == 0


def test_the_key_changes_with_all_that_is_learnt_from(project: Project, samples: PreviewSamples) -> None:
    """And with nothing else."""
    save(project, 0, 0)

    def key() -> object:
        return samples.training_data(SliceId(0, 1), most_new=9).key

    keys = [key(), key()]
    stroke(project, 1, 2)
    keys += [key(), key()]
    save(project, 0, 0, 3)
    keys.append(key())
    project.set_region(0, [((0, 0), (0, 4), (6, 4), (6, 0))])
    keys.append(key())
    project.set_weight(0, 2.0)
    keys.append(key())
    assert [keys.index(one) for one in keys] == [0, 0, 2, 2, 4, 5, 6]


def test_the_working_region_limits_labels_and_strokes(project: Project, samples: PreviewSamples) -> None:
    """Half of each row lies inside."""
    save(project, 0, 0)
    stroke(project, 1, 2)
    project.set_region(0, [((0, 0), (0, 3.5), (6, 3.5), (6, 0))])
    assert samples.training_data(SliceId(0, 1), most_new=9).pixels == 8


def test_a_volume_of_weight_0_teaches_nothing_but_what_is_painted_now(project: Project, samples: PreviewSamples) -> None:
    """Whoever paints there wants to see what comes of it."""
    save(project, 0, 0)
    stroke(project, 1, 2)
    project.set_weight(0, 0)
    (painted,) = samples.training_data(SliceId(0, 1), most_new=9).samples
    assert (painted.weight, painted.counts.sum()) == (1.0, 8)
    assert samples.sample(project.labels.slices()[0]) is None
    project.set_weight(0, 3)
    assert samples.sample(project.labels.slices()[0]).weight == 3  # type: ignore[union-attr]


def test_features_of_the_slices_painted_last_are_kept(
    project: Project, samples: PreviewSamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as there is room, and always those of one slice; a slice that is only learnt from takes none of it."""
    first, second = samples.features(SliceId(0, 0)), samples.features(SliceId(0, 1))
    assert samples.features(SliceId(0, 0)) is samples.passed(SliceId(0, 0)) is first
    assert samples.passed(SliceId(0, 2)) is not samples.passed(SliceId(0, 2))
    monkeypatch.setattr(preview_samples, "FEATURE_BYTES", 0)
    assert samples.features(SliceId(0, 1)) is second
    assert samples.features(SliceId(0, 1)) is second
    assert samples.passed(SliceId(0, 0)) is not first
