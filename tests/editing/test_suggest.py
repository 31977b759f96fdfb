"""Masks suggested from other slices of the volume."""

import numpy as np
import pytest
import tifffile

from core.errors import LabelError, ProjectError
from core.geometry import SliceId
from core.project import Project
from core.storage.drafts import Patch
from core.storage.labels import Claim
from core.storage.prediction_cache import Predicted
from tests.predicted import add_round

SHAPE = (6, 12)


@pytest.fixture
def project(tmp_path):
    """Nine slices of two volumes, nothing painted."""
    for name in ("a.tif", "b.tif"):
        tifffile.imwrite(tmp_path / name, np.zeros((9, *SHAPE), np.uint8), photometric="minisblack", metadata={"axes": "ZYX"})
    return Project.create(tmp_path, "toy", volumes=[tmp_path / "a.tif", tmp_path / "b.tif"], classes=["matrix", "pore", "phase"])


def bar(x0, x1):
    """A slice with a bar of class 1 over its whole height."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[:, x0:x1] = 1
    return mask


def stroke(project, z, *triples):
    """Paint without saving."""
    number = project.labels.sync_state(0, z).sequence + 1
    project.labels.apply(0, z, Patch(number, np.array(triples, np.uint32).reshape(-1, 3)))


def test_the_nearest_labelled_slices_on_both_sides_are_taken(project):
    """Not the ones beyond them, nor those of another volume; where the slice lies between them decides how much."""
    for z, mask in ((0, bar(4, 5)), (2, bar(0, 2)), (6, bar(0, 10)), (8, bar(0, 8))):
        project.labels.submit_mask(0, z, mask, Claim.slice())
    project.labels.submit_mask(1, 4, bar(0, 1), Claim.slice())
    project.labels.apply(1, 5, Patch(1, np.array([[0, 1, 257]], np.uint32)))
    for z, slices, mask in ((3, (2, 6), bar(0, 4)), (4, (2, 6), bar(0, 6)), (5, (2, 6), bar(0, 8)), (7, (6, 8), bar(0, 9))):
        suggested = project.labels.suggest_between(0, z)
        assert suggested.slices == slices
        assert (suggested.mask == mask).all()


def test_a_bar_that_grows_is_half_grown_half_way(project):
    """Undecidable and unlabelled pixels stay open: both slices must be labelled there."""
    project.labels.submit_mask(0, 2, bar(4, 6), Claim.slice())
    wide = bar(2, 8)
    wide[5] = 255
    project.labels.submit_mask(0, 4, wide, Claim.slice())
    expected = bar(3, 7)
    expected[5] = 255
    assert (project.labels.suggest_between(0, 3).mask == expected).all()


def test_strokes_that_are_not_saved_count_over_the_label(project):
    """A draft says where it was painted, and the stored label under it still says the rest."""
    project.labels.submit_mask(0, 2, bar(0, 6), Claim.slice())
    project.labels.submit_mask(0, 4, bar(0, 6), Claim.slice())
    stroke(project, 4, *[(12 * y + 6, 4, 1 | 256) for y in range(6)])
    assert (project.labels.suggest_between(0, 3).mask == bar(0, 8)).all()
    stroke(project, 6, *[(12 * y, 12, 1 | 256) for y in range(6)])
    assert project.labels.suggest_between(0, 5).slices == (4, 6)


def test_what_a_model_predicts_is_no_ground_to_interpolate_on(project):
    """An unpainted pixel of a draft says nothing, whatever the model thinks of it."""
    add_round(project)
    for z in (2, 4):
        project.store.predictions.save(SliceId(0, z), Predicted(bar(0, 12), np.zeros(SHAPE, np.uint8), 1))
        stroke(project, z, (0, 2, 2 | 256))
    mask = project.labels.suggest_between(0, 3).mask
    assert mask[0, :3].tolist() == [2, 2, 255]
    assert (mask == 255).sum() == mask.size - 2


@pytest.mark.parametrize(("painted", "there"), [((), "none"), ((2,), "only slice 2"), ((5,), "only slice 5"), ((3,), "none")])
def test_without_two_slices_the_person_is_told_which_is_missing(project, painted, there):
    """The slice itself does not count."""
    for z in painted:
        project.labels.submit_mask(0, z, bar(0, 6), Claim.slice())
    with pytest.raises(LabelError, match=f"below slice 3 and one above; there is {there},"):
        project.labels.suggest_between(0, 3)


def test_slices_without_a_common_place_are_told(project):
    """Nothing would be suggested, and the person learns why."""
    stroke(project, 2, (0, 4, 1 | 256))
    stroke(project, 4, (30, 4, 1 | 256))
    with pytest.raises(LabelError, match="Slices 2 and 4 have no labelled pixel in common"):
        project.labels.suggest_between(0, 3)


def test_a_neighbour_lends_what_the_editor_shows_of_it(project):
    """Its strokes over its label over its prediction."""
    add_round(project)
    project.store.predictions.save(SliceId(0, 4), Predicted(bar(0, 6), np.zeros(SHAPE, np.uint8), 1))
    project.labels.submit_mask(0, 4, np.where(np.arange(72).reshape(SHAPE) < 12, 2, 255).astype(np.uint8), Claim.strokes())
    stroke(project, 4, (0, 1, 0 | 256))
    suggested = project.labels.suggest_from(0, 3, 4)
    expected = bar(0, 6)
    expected[0], expected[0, 0] = 2, 0
    assert suggested.slices == (4,)
    assert (suggested.mask == expected).all()


def test_a_neighbour_without_a_mask_is_told(project):
    """Before anything is painted or predicted there is nothing to take; nor is there from oneself or from nowhere."""
    with pytest.raises(LabelError, match="neither painted nor predicted"):
        project.labels.suggest_from(0, 3, 4)
    with pytest.raises(LabelError, match="to itself"):
        project.labels.suggest_from(0, 3, 3)
    with pytest.raises(ProjectError, match="There is no slice 9"):
        project.labels.suggest_from(0, 3, 9)
    with pytest.raises(ProjectError, match="There is no slice 9"):
        project.labels.suggest_between(0, 9)


def test_suggesting_stores_nothing(project):
    """It is a suggestion until the person takes it over."""
    project.labels.submit_mask(0, 2, bar(0, 6), Claim.slice())
    project.labels.submit_mask(0, 4, bar(0, 6), Claim.slice())
    project.labels.suggest_between(0, 3)
    project.labels.suggest_from(0, 3, 4)
    assert project.labels.drafts() == set()
    assert [r.z for r in project.labels.slices()] == [2, 4]
