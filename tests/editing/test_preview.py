"""The preview during painting: its training data, excluded pixels, and refits."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile

from core.config import UNLABELLED
from core.editing.preview_samples import PreviewSamples
from core.errors import ProjectError
from core.evaluation.metrics import confusion, dice
from core.geometry import Box, SliceId
from core.project import Project
from core.storage.drafts import Patch
from core.storage.labels import Claim, Role
from core.storage.rle import stroke_runs

Z = 5
SHAPE = (160, 160)


@pytest.fixture
def project(tmp_path, phantom_files):
    """The small phantom, nothing painted."""
    return Project.create(tmp_path, "toy", volumes=[phantom_files.image], classes=phantom_files.classes)


@pytest.fixture(scope="module")
def truth(phantom_files):
    """The classes of the slice that is painted."""
    return tifffile.imread(phantom_files.truth)[Z]


def paint(project, mask, where, z=Z):
    """Paint pixels ``where`` with the classes of ``mask``, without saving."""
    number = project.labels.sync_state(0, z).sequence + 1
    project.labels.apply(0, z, Patch(number, stroke_runs(mask, where.astype(np.uint8), where)))


def rows(*starts):
    """Bool ``(H, W)``: three rows from each start on."""
    where = np.zeros(SHAPE, bool)
    for start in starts:
        where[start : start + 3] = True
    return where


def test_strokes_of_two_classes_give_a_preview(project, truth):
    """Before that, a sentence names the missing class."""
    empty = project.labels.preview(0, Z)
    assert (empty.mask, empty.classes, empty.pixels) == (None, (), 0)
    assert empty.sentence == "Paint a few strokes of two classes, and a preview appears."
    paint(project, truth, rows(20, 90) & (truth == 1))
    one = project.labels.preview(0, Z)
    assert (one.mask, one.classes) == (None, (1,))
    name = project.classes[1].name
    assert one.sentence == f"Only {name} is painted so far; paint a second class, and a preview appears."
    where = rows(20, 60, 90, 130)
    paint(project, truth, where)
    preview = project.labels.preview(0, Z)
    assert preview.mask.shape == preview.confidence.shape == SHAPE
    assert (preview.classes, preview.pixels, preview.slices) == ((0, 1, 2), where.sum(), 1)
    assert min(dice(confusion(preview.mask, np.where(where, UNLABELLED, truth).astype(np.uint8), 3))) > 0.7
    assert preview.sentence == "A quick first model of 3 classes, from 1,920 labelled pixels on 1 slice."
    assert not preview.choice.to_network


def test_it_is_fitted_again_only_when_something_was_painted(project, truth):
    """Boxes between two strokes share one forest; a stroke brings a new one."""
    paint(project, truth, rows(20, 90))
    whole = project.labels.preview(0, Z)
    part = project.labels.preview(0, Z, Box(3, 40, 101, 160))
    assert part.model == whole.model == 1
    assert (part.mask == whole.mask[3:101, 40:160]).all()
    assert (part.confidence == whole.confidence[3:101, 40:160]).all()
    paint(project, truth, rows(130))
    assert project.labels.preview(0, Z).model == 2
    paint(project, np.full(SHAPE, UNLABELLED, np.uint8), rows(140))
    assert project.labels.preview(0, Z).pixels == 9 * 160  # what nobody can see is not learnt from


def test_it_follows_the_hand(project, truth):
    """Painted over with another class, the place shows that class."""
    paint(project, truth, rows(20, 90))
    before = project.labels.preview(0, Z).mask
    flipped = np.where(truth == 0, 2, 0).astype(np.uint8)
    paint(project, flipped, rows(20, 60, 90, 130))
    after = project.labels.preview(0, Z).mask
    assert (before == truth).mean() > 0.8
    assert (after == flipped).mean() > 0.8


def test_saved_labels_of_other_slices_count(project, phantom_files):
    """A slice that nobody has touched has a preview, from every slice once they are read."""
    project.labels.import_file(phantom_files.truth, slices=[0, 3, 8, 11])
    first = project.labels.preview(0, Z)
    assert (first.slices, first.waiting) == (2, 2)
    assert first.sentence.endswith("on 2 slices (2 more are being read).")
    project.labels.prepare_preview(0, Z)
    ready = project.labels.preview(0, Z)
    assert (ready.slices, ready.waiting, ready.model) == (4, 0, 2)
    trained = sum((project.labels.roles(0, z) == Role.TRAIN).sum() for z in (0, 3, 8, 11))
    assert ready.pixels == trained


def test_a_volume_that_is_left_out_of_training_is_left_out_here(project, truth, phantom_files):
    """Its saved labels are left out, but unsaved strokes count. Another weight gives another preview."""
    project.labels.import_file(phantom_files.truth, slices=[3])
    once = project.labels.preview(0, Z)
    project.set_weight(0, 2.0)
    twice = project.labels.preview(0, Z)
    assert (once.slices, twice.slices) == (1, 1)
    assert twice.model == once.model + 1
    project.set_weight(0, 0.0)
    assert project.labels.preview(0, Z).slices == 0
    paint(project, truth, rows(60))
    alone = project.labels.preview(0, Z)
    assert (alone.slices, alone.pixels) == (1, 3 * SHAPE[1])
    for weight, weights in ((0.0, [1.0]), (2.5, [2.5, 2.5])):
        project.set_weight(0, weight)
        assert [
            sample.weight for sample in PreviewSamples(project.store).training_data(SliceId(0, Z), most_new=9).samples
        ] == weights


def test_a_stroke_over_a_saved_label_replaces_it(project, truth):
    """The saved class is not learnt from there any more."""
    project.labels.submit_mask(0, Z, truth, Claim.slice())
    saved = project.labels.preview(0, Z)
    where = project.labels.roles(0, Z) == Role.TRAIN
    paint(project, np.where(truth == 0, 2, 0).astype(np.uint8), where)
    assert project.labels.preview(0, Z).pixels == saved.pixels == where.sum()
    assert (project.labels.preview(0, Z).mask[where] == np.where(truth == 0, 2, 0)[where]).mean() > 0.9


def test_what_is_held_back_is_never_learnt_from(project, truth, phantom_files):
    """Not on the painted slice, not on others, not before it is saved; audit pixels neither."""
    project.labels.import_file(phantom_files.truth, slices=[2])
    before = project.labels.preview(0, Z)
    held = np.isin(project.labels.roles(0, 2), (Role.VALIDATION, Role.HELD))
    assert held.any()
    assert before.pixels == (project.labels.roles(0, 2) == Role.TRAIN).sum()
    paint(project, truth, held)
    assert project.labels.preview(0, Z).pixels == before.pixels
    project.labels.import_file(phantom_files.truth, slices=[9], role="audit")
    after = project.labels.preview(0, Z)
    assert (after.pixels, after.slices) == (before.pixels, 1)
    paint(project, truth, np.ones(SHAPE, bool), z=9)
    assert project.labels.preview(0, 9).pixels == before.pixels


def test_outside_the_working_region_nothing_is_learnt(project, truth):
    """Neither from strokes nor from saved labels; a new region counts at once."""
    project.labels.submit_mask(0, 2, truth, Claim.strokes())
    paint(project, truth, rows(20, 90))
    assert project.labels.preview(0, Z).pixels == SHAPE[0] * SHAPE[1] + 6 * 160
    project.set_region(0, [((0, 0), (0, 160), (80, 160), (80, 0))])
    assert project.labels.preview(0, Z).pixels == 80 * 160 + 3 * 160


def test_threads_share_one_fit(project, truth):
    """Boxes asked for at the same time, right after a stroke."""
    paint(project, truth, rows(20, 90))
    boxes = [Box(y, x, y + 80, x + 80) for y in (0, 80) for x in (0, 80)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda box: project.labels.preview(0, Z, box), boxes * 2))
    assert {preview.model for preview in made} == {1}
    whole = project.labels.preview(0, Z).mask
    assert all((preview.mask == whole[preview.box.slices]).all() for preview in made)


def test_channels_and_floats_are_fine(tmp_path, truth):
    """Two detectors in volts, one of which shows nothing."""
    rng = np.random.default_rng(0)
    grey = (truth * 2e-6 + rng.normal(1e-4, 3e-7, (3, *SHAPE))).astype(np.float32)
    stack = np.stack([np.full_like(grey, 1e-4), grey], axis=1)
    tifffile.imwrite(tmp_path / "volts.tif", stack, photometric="minisblack", metadata={"axes": "ZCYX"})
    project = Project.create(tmp_path, "volts", volumes=[tmp_path / "volts.tif"], classes=["a", "b", "c"])
    paint(project, truth, rows(20, 60, 90, 130), z=1)
    assert (project.labels.preview(0, 1).mask == truth).mean() > 0.95


def test_a_box_outside_the_slice_is_told(project):
    """And a slice that is not there."""
    with pytest.raises(ProjectError, match="leaves the slice of 160 x 160 pixels"):
        project.labels.preview(0, Z, Box(0, 0, 161, 160))
    with pytest.raises(ProjectError, match="There is no slice 12"):
        project.labels.preview(0, 12)


def test_it_stores_nothing(project, truth):
    """Before a round there is nothing to decide, and a preview leaves the records as they were."""
    paint(project, truth, rows(20, 90))
    before = project.store.records.row("SELECT (SELECT COUNT(*) FROM meta) m, (SELECT COUNT(*) FROM draft_actions) a")
    files = sorted(path.name for path in project.folder.rglob("*"))
    project.labels.prepare_preview(0, Z)
    project.labels.preview(0, Z)
    after = project.store.records.row("SELECT (SELECT COUNT(*) FROM meta) m, (SELECT COUNT(*) FROM draft_actions) a")
    assert tuple(after) == tuple(before)
    assert sorted(path.name for path in project.folder.rglob("*")) == files


def test_it_does_without_pytorch(project, truth):
    """A whole preview, from opening the project on, imports neither PyTorch nor Lightning."""
    paint(project, truth, rows(20, 90))
    code = (
        "import sys; from pathlib import Path; from core.project import Project\n"
        f"project = Project.open(Path({str(project.workspace)!r}), 'toy'); project.labels.prepare_preview(0, {Z})\n"
        f"assert project.labels.preview(0, {Z}).mask is not None\n"
        "sys.exit('torch' in sys.modules or 'pytorch_lightning' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
