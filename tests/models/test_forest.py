"""The instant first model learns a slice from a few strokes, reproducibly and for any box."""

import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest

from core.config import UNLABELLED
from core.errors import TrainingError
from core.evaluation.metrics import confusion, dice
from core.geometry import Box
from core.models.features import TILE, SliceFeatures
from core.models.forest import MOST, Forest, take_sample
from core.volumes.phantom import PhantomConfig, make_phantom

BOX = Box(0, 0, 160, 160)


@pytest.fixture(scope="module")
def drawn():
    """A slice of the phantom, its classes, and a few strokes of all three."""
    stack, truth = make_phantom(PhantomConfig(depth=4, height=160, width=160, pore_radius=7.0, phase_radius=14.0))
    return SliceFeatures(stack[1][None]), truth[1], strokes(truth[1])


def strokes(truth, rows=(20, 60, 100, 140)):
    """Some rows of the truth, three pixels thick; the rest is unlabelled."""
    label = np.full_like(truth, UNLABELLED)
    for row in rows:
        label[row : row + 3] = truth[row : row + 3]
    return label


def test_a_few_strokes_give_back_the_slice(drawn):
    """A few strokes predict the unlabelled rest of the slice, with a Dice score above 0.75 for the rarer classes."""
    features, truth, label = drawn
    forest = Forest.fit([take_sample(features, label)], 3)
    mask, confidence = forest.labels(features, BOX)
    hidden = np.where(label == UNLABELLED, truth, UNLABELLED)
    scores = dice(confusion(mask, hidden, 3))
    assert min(scores[1:]) > 0.75
    assert confidence.dtype == np.uint8
    assert confidence[mask == hidden].mean() > confidence[mask != hidden].mean()


def test_the_same_seed_makes_the_same_forest(drawn):
    """The same seed gives the same forest, another seed a different one."""
    features, _, label = drawn
    one, same, other = (
        Forest.fit([take_sample(features, label, seed=seed)], 3, seed=seed).probabilities(features, BOX) for seed in (0, 0, 1)
    )
    assert (one == same).all()
    assert (one != other).any()


def test_the_box_does_not_matter(drawn):
    """Boxes at odd corners and single rows agree with the whole slice."""
    features, _, label = drawn
    forest = Forest.fit([take_sample(features, label)], 3)
    whole = forest.probabilities(features, BOX)
    mask, _ = forest.labels(features, BOX)
    assert np.allclose(whole.sum(axis=0), 1, atol=1e-5)
    assert (whole.argmax(axis=0) == mask).all()
    for box in (Box(7, 11, 96, 150), Box(0, 0, 1, 1), Box(159, 3, 160, 160), Box(31, 159, 100, 160)):
        assert (forest.probabilities(features, box) == whole[:, *box.slices]).all()


def test_skipping_pixels_between_agreeing_ones_changes_few(drawn):
    """Almost every pixel has the same class as in a prediction of each pixel."""
    features, _, label = drawn
    forest = Forest.fit([take_sample(features, label)], 3)
    rows, columns = np.indices((160, 160)).reshape(2, -1)
    every = forest.at(features.at(rows, columns)).argmax(axis=1).reshape(160, 160)
    assert (forest.labels(features, BOX)[0] != every).mean() < 0.01


def test_predicting_leaves_the_warning_filters_of_the_process_alone(drawn):
    """Prediction leaves the process-wide warning filters alone, unlike scikit-learn's own loop over trees."""
    features, _, label = drawn
    forest = Forest.fit([take_sample(features, label)], 3)
    with warnings.catch_warnings(record=True) as said:
        warnings.resetwarnings()
        forest.labels(features, BOX)
    assert said == []


def test_a_stroke_of_a_new_class_counts_beside_many_slices(drawn):
    """Fifteen pixels of a new class count beside many slices, though their share would round to none."""
    features, truth, label = drawn
    many = take_sample(features, np.where(truth < 2, truth, UNLABELLED).astype(np.uint8))
    few = take_sample(features, np.where(label == 2, label, UNLABELLED).astype(np.uint8), most=15)
    assert int(MOST / (70 * len(many.classes)) * len(few.classes)) == 0
    assert Forest.fit([many] * 70 + [few], 3).known == (0, 1, 2)


def test_a_class_that_nobody_painted_has_no_probability(drawn):
    """An unlabelled class keeps its row, with probability 0."""
    features, truth, _ = drawn
    label = np.where(strokes(truth) == 1, UNLABELLED, strokes(truth)).astype(np.uint8)
    forest = Forest.fit([take_sample(features, label)], 5)
    made = forest.probabilities(features, BOX)
    assert forest.known == (0, 2)
    assert made.shape == (5, 160, 160)
    assert (made[[1, 3, 4]] == 0).all()


def test_one_class_is_too_few(drawn):
    """A forest needs two labelled classes."""
    features, _, label = drawn
    with pytest.raises(TrainingError, match="needs two painted classes, there are 1"):
        Forest.fit([take_sample(features, np.where(label == 0, label, UNLABELLED).astype(np.uint8))], 3)
    with pytest.raises(TrainingError, match="there are 0"):
        Forest.fit([take_sample(features, np.full_like(label, UNLABELLED))], 3)


def test_a_constant_slice_can_be_painted():
    """In a constant slice the class of largest weight wins everywhere, with finite probabilities."""
    features = SliceFeatures(np.full((1, 33, 35), 7, np.uint8))
    label = np.full((33, 35), UNLABELLED, np.uint8)
    label[:4], label[20] = 0, 1
    made = Forest.fit([take_sample(features, label)], 2).probabilities(features, Box(0, 0, 33, 35))
    assert np.isfinite(made).all()
    assert (made.argmax(axis=0) == 0).all()


def test_a_rare_class_is_drawn_more_often_than_its_share():
    """All 100 pixels of a rare class among 60,000 are drawn, and the sample keeps its limit."""
    features = SliceFeatures(np.random.default_rng(0).integers(0, 256, (1, 250, 240), dtype=np.uint8))
    label = np.zeros((250, 240), np.uint8)
    label[0, :100] = 1
    sample = take_sample(features, label, most=2000)
    assert (sample.classes == 1).sum() == pytest.approx(2000 * 10 / (10 + 60_000**0.5), abs=2)
    assert len(sample.classes) <= 2002
    assert sample.counts[:2].tolist() == [59_900, 100]


def test_what_weighs_is_the_root_of_what_is_painted():
    """Of two contradictory slices, the one with four times the pixels has twice the weight."""
    features = SliceFeatures(np.zeros((1, 40, 50), np.uint8))
    large, small = (np.full((40, 50), UNLABELLED, np.uint8) for _ in range(2))
    large[:16], large[39, 49] = 0, 1
    small[:4], small[39, 49] = 1, 0
    samples = [take_sample(features, label) for label in (large, small)]
    probabilities = Forest.fit(samples, 2).at(features.at(np.array([0]), np.array([0])))[0]
    ours, theirs = 800**0.5 + 1, 200**0.5 + 1
    assert probabilities[0] == pytest.approx(ours / (ours + theirs), abs=0.03)


def test_a_volume_weighs_as_much_as_it_is_given():
    """Of two contradictory slices, the one of the volume with three times the weight has three times the say."""
    features = SliceFeatures(np.zeros((1, 40, 50), np.uint8))
    samples = []
    for first, weight in ((0, 3.0), (1, 1.0)):
        label = np.full((40, 50), UNLABELLED, np.uint8)
        label[:16], label[39] = first, 1 - first
        samples.append(replace(take_sample(features, label), weight=weight))
    at = features.at(np.array([0]), np.array([0]))
    root = 50**0.5 / 800**0.5  # of the few pixels that say the opposite
    expected = (3 + root) / (4 * (1 + root))
    assert Forest.fit(samples, 2).at(at)[0, 0] == pytest.approx(expected, abs=0.03)


def test_more_slices_do_not_make_it_slower_without_end(drawn):
    """Many samples are thinned to the limit, and each keeps its rare class."""
    features, truth, _ = drawn
    samples = [take_sample(features, truth, seed=seed) for seed in range(5)]
    assert sum(len(s.classes) for s in samples) > MOST
    forest = Forest.fit(samples, 3)
    assert min(dice(confusion(forest.labels(features, BOX)[0], truth, 3))) > 0.8


def test_strokes_all_over_a_large_slice_are_learnt_from_a_few_tiles():
    """Strokes in many tiles are drawn from a few, including those of the rarest class."""
    image = np.zeros((1, 4 * TILE, 4 * TILE), np.uint8)
    label = np.full(image.shape[1:], UNLABELLED, np.uint8)
    label[::64, ::64] = 0
    label[3 * TILE + 5, 5:15] = 1
    sample = take_sample(SliceFeatures(image), label)
    tiles = set(zip(sample.rows // TILE, sample.columns // TILE, strict=True))
    assert len(tiles) == 12
    assert (3, 0) in tiles
    assert (sample.classes == 1).sum() == 10


def test_a_sample_can_give_way_to_new_strokes(drawn):
    """Pixels painted over leave the sample and lower the counts."""
    features, _, label = drawn
    sample = take_sample(features, label)
    gone = np.zeros(label.shape, bool)
    gone[20:23] = True
    left = sample.without(gone)
    assert not gone[left.rows, left.columns].any()
    assert left.counts[:3].sum() == pytest.approx((label[60:] != UNLABELLED).sum(), rel=0.01)
    assert sample.without(np.zeros_like(gone)) is sample


def test_neither_pytorch_nor_scikit_learn_is_imported_before_it_is_needed():
    """Opening a project imports neither PyTorch nor scikit-learn, which take a second or more."""
    code = "import sys, core.project; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
