"""The search averages as many slices as possible without a loss on painted pixels, and none without painted pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.config import UNLABELLED
from core.evaluation.z_average_search import TRIED, ZAverageChoice, best
from core.models import normalisation
from core.models.predictor import Predictor, ready
from core.storage.checkpoints import Card

CARD = Card("own", {}, ("dark", "bright", "white"), 1, normalisation.NAME, {}, 0)
DEPTH, SIDE = 25, 96


class Levels(nn.Module):
    """A network without training: the classes are dark, bright and white."""

    stride = 8

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(3.0))

    def forward(self, image: Tensor) -> Tensor:
        levels = torch.tensor([-1.0, 1.0, 4.0]).reshape(1, 3, 1, 1)
        return -((image - levels) ** 2) * self.slope


class SliceInput:
    """A volume of greys; records the slices read."""

    def __init__(self, truth: NDArray, noise: float) -> None:
        greys = np.array([-1.0, 1.0, 4.0])[truth] + np.random.default_rng(1).normal(0, noise, truth.shape)
        self.volume = ((greys + 8) * 16).clip(0, 255).astype(np.uint8)
        self.asked: set[int] = set()

    def __call__(self, z: int) -> NDArray:
        self.asked.add(z)
        return self.volume[z][None]


def columns() -> NDArray[np.uint8]:
    """The same blocks in every slice: slices as close as pixels."""
    one = (np.random.default_rng(2).random((SIDE // 8, SIDE // 8)) < 0.4).astype(np.uint8)
    return np.broadcast_to(one.repeat(8, axis=0).repeat(8, axis=1), (DEPTH, SIDE, SIDE)).copy()


def half(truth: NDArray[np.uint8], *slices: int, lower: bool = False) -> dict[int, NDArray[np.uint8]]:
    """Labels of the upper half of some slices, or of the lower one."""
    labels = {z: np.full((SIDE, SIDE), UNLABELLED, np.uint8) for z in slices}
    for z, label in labels.items():
        rows = slice(SIDE // 2, None) if lower else slice(SIDE // 2)
        label[rows] = truth[z, rows]
    return labels


@pytest.fixture
def predictor(monkeypatch: pytest.MonkeyPatch) -> Predictor:
    """The network, with one normalisation for all slices, so that grey levels are comparable between them."""
    monkeypatch.setattr(normalisation, "measure", lambda image: normalisation.GreyRange(np.full(1, 128.0), np.full(1, 16.0)))
    return Predictor(ready(Levels(), torch.device("cpu")), CARD)


def test_noise_that_differs_from_slice_to_slice_is_averaged_away(predictor: Predictor) -> None:
    """Independent noise makes averaging worthwhile, and the sentence gives the gain on held-back pixels."""
    truth = columns()
    found = best(predictor, SliceInput(truth, noise=1.5), DEPTH, half(truth, 8, 12), half(truth, 8, 12, lower=True), 3)

    assert found.slices == max(TRIED)
    assert found.dice is not None
    assert found.alone is not None
    assert found.dice > found.alone + 0.1
    assert found.pixels == SIDE * SIDE
    assert found.sentence == (
        "Each slice is the mean over itself and 6 slices on each side, fewer near the ends. On 9,216 held-back pixels "
        f"the mean Dice is {found.dice:.3f} with them and {found.alone:.3f} without. The model was trained on "
        "slices with these pixels, so averaging gains little there or costs some; it helps on slices without a label."
    )


def test_sections_far_apart_stay_as_they_are(predictor: Predictor) -> None:
    """If the next slice shows other content, nothing is averaged and no slice beyond it is read."""
    truth = (np.random.default_rng(3).random((DEPTH, SIDE, SIDE)) < 0.4).astype(np.uint8)
    seen = SliceInput(truth, noise=0.6)
    found = best(predictor, seen, DEPTH, {}, half(truth, 12), 3)

    assert found == ZAverageChoice(0)
    assert found.sentence == ""
    assert seen.asked == {11, 12, 13}


def test_where_it_is_hopeless_two_boxes_are_enough(predictor: Predictor) -> None:
    """A clear loss in the first two boxes ends the search without reading the other painted slices."""
    truth = (np.random.default_rng(3).random((200, SIDE, SIDE)) < 0.4).astype(np.uint8)
    seen = SliceInput(truth, noise=0.6)

    assert best(predictor, seen, 200, {}, half(truth, *range(10, 190, 13)), 3) == ZAverageChoice(0)
    assert len(seen.asked) == 2 * 3


def test_a_loss_in_two_boxes_that_is_little_among_all_does_not_decide(predictor: Predictor) -> None:
    """A loss of nine pixels in the first boxes does not end the search if it is small among all boxes."""
    truth = np.broadcast_to(columns()[0], (200, SIDE, SIDE)).copy()
    many = range(10, 190, 13)
    truth[np.array(many), 20:23, 40:43] = 1 - truth[10, 21, 41]

    assert best(predictor, SliceInput(truth, noise=0), 200, {}, half(truth, *many), 3).slices == max(TRIED)


def test_a_class_that_is_thin_across_slices_does_not_fade(predictor: Predictor) -> None:
    """A loss of one class ends the search, even if the mean over all classes gains."""
    truth = columns()
    assert best(predictor, SliceInput(truth, noise=1.5), DEPTH, {}, half(truth, 12), 3).slices > 0
    truth[12, 20:30, :] = 2

    assert best(predictor, SliceInput(truth, noise=1.5), DEPTH, {}, half(truth, 12), 3).slices == 0


def test_no_more_are_averaged_than_objects_go_on(predictor: Predictor) -> None:
    """Painted objects of five slices limit the average, even if held-back pixels gain further."""
    truth, other = columns(), np.random.default_rng(4).random((5, SIDE // 8, SIDE // 8)) < 0.4
    truth[:, SIDE // 2 :] = other.repeat(5, axis=0).repeat(8, axis=1).repeat(8, axis=2)[:, SIDE // 2 :]
    found = best(predictor, SliceInput(truth, noise=0.6), DEPTH, half(truth, 12), half(truth, 7, 12, 17, lower=True), 3)

    assert 2 <= found.slices < max(TRIED)
    assert found.dice is not None
    assert found.alone is not None
    assert found.dice > found.alone


def test_a_few_held_back_pixels_do_not_decide(predictor: Predictor) -> None:
    """Held-back pixels report the effect, here a loss, but do not limit the average."""
    truth = columns()
    truth[12, 20:30, :] = 2
    found = best(predictor, SliceInput(truth, noise=0), DEPTH, half(truth, 12), half(truth, 12, lower=True), 3)

    assert found.slices == max(TRIED)
    assert found.dice is not None
    assert found.alone is not None
    assert found.dice < found.alone


@pytest.mark.parametrize(("apart", "most"), [(5.0, 6), (5.0000001, 6), (10.0, 3), (20.0, 1), (50.0, 1)])
def test_slices_that_are_known_to_lie_far_apart_are_not_averaged(predictor: Predictor, apart: float, most: int) -> None:
    """With a known voxel size, only slices within six pixels of 5 nm, and the next one, are averaged."""
    truth = columns()

    assert best(predictor, SliceInput(truth, 0), DEPTH, {}, half(truth, 12), 3, (apart, 5.0, 5.0)).slices == most


def test_a_stroke_that_reaches_far_is_not_outvoted_by_many_that_do_not(predictor: Predictor) -> None:
    """Strokes near an end cannot lose by distant slices, so they do not outvote a stroke that can."""
    truth = columns()
    truth[3:, SIDE // 2 :] = 1 - truth[3:, SIDE // 2 :]
    truth[12] = 1 - truth[12]
    stroke = np.full((SIDE, SIDE), UNLABELLED, np.uint8)
    stroke[:20, :20] = truth[12, :20, :20]

    assert best(predictor, SliceInput(truth, 0), DEPTH, {}, half(truth, 1), 3).slices == 1
    assert best(predictor, SliceInput(truth, 0), DEPTH, {}, {**half(truth, 1), 12: stroke}, 3).slices == 0
    assert best(predictor, SliceInput(truth, 0), DEPTH, {}, {**half(truth, 2), 12: stroke}, 3).slices == 0


def test_a_class_near_an_end_tells_only_of_as_many_slices_as_lie_there(predictor: Predictor) -> None:
    """A class painted near an end limits the average to the slices between it and the end."""
    truth = columns()
    truth[:5, 20:30] = 2
    painted = {**half(truth, 2), **half(truth, 12, lower=True)}

    assert best(predictor, SliceInput(truth, 0), DEPTH, {}, painted, 3).slices == 2


def test_one_pixel_of_a_few_does_not_decide(predictor: Predictor) -> None:
    """Eight pixels of a class may become wrong at any loss of Dice; nine may not."""
    truth = columns()
    for changed, most in ((8, max(TRIED)), (9, 0)):
        image = truth.copy()
        image[12, 0, :changed] = 1 - truth[11, 0, :changed]
        stroke = np.full((SIDE, SIDE), UNLABELLED, np.uint8)
        stroke[:8] = image[12, :8]
        assert best(predictor, SliceInput(image, 0), DEPTH, {}, {12: stroke}, 3).slices == most


@pytest.mark.parametrize(("z", "most"), [(0, 0), (1, 1), (5, 4), (6, 6), (22, 2), (24, 0)])
def test_what_lies_beyond_the_ends_tells_nothing(predictor: Predictor, z: int, most: int) -> None:
    """The average is limited to the slices available on each side of some painted slice."""
    truth = columns()

    assert best(predictor, SliceInput(truth, 0), DEPTH, {}, half(truth, z), 3).slices == most


def test_one_slice_has_none_beside_it(predictor: Predictor) -> None:
    """A volume of a single slice is not averaged."""
    truth = columns()[:1]

    assert best(predictor, SliceInput(truth, noise=1), 1, half(truth, 0), half(truth, 0, lower=True), 3) == ZAverageChoice(0)


def test_the_most_are_averaged_that_do_no_harm(predictor: Predictor) -> None:
    """Painted pixels need not gain; without held-back pixels the sentence gives no scores."""
    truth = columns()
    upper, lower = half(truth, 12), half(truth, 12, lower=True)

    assert best(predictor, SliceInput(truth, noise=0), DEPTH, upper, lower, 3) == ZAverageChoice(6, 1.0, 1.0, SIDE * SIDE // 2)
    found = best(predictor, SliceInput(truth, noise=0), DEPTH, {}, lower, 3)
    assert found == ZAverageChoice(6)
    assert found.sentence == "Each slice is the mean over itself and 6 slices on each side, fewer near the ends."


@pytest.mark.parametrize("labels", [{}, {12: np.full((SIDE, SIDE), UNLABELLED, np.uint8)}, {3: np.zeros((SIDE, SIDE), np.uint8)}])
def test_nothing_painted_is_nothing_averaged(predictor: Predictor, labels: dict[int, NDArray[np.uint8]]) -> None:
    """Nothing is averaged without painted pixels, or with background only."""
    dark = SliceInput(np.zeros((DEPTH, SIDE, SIDE), np.uint8), 0)
    assert best(predictor, dark, DEPTH, half(columns(), 12), labels, 3).slices == 0
    dark.volume[:, 20, 20:30] = 255  # found, but nobody painted it
    assert best(predictor, dark, DEPTH, {}, labels, 3).slices == 0


def test_of_many_slices_a_few_are_looked_at(predictor: Predictor) -> None:
    """Of many painted slices, only eight boxes and their neighbours are predicted."""
    truth = np.broadcast_to(columns()[0], (400, SIDE, SIDE))
    seen = SliceInput(truth, noise=0.6)
    many = range(10, 390, 13)
    found = best(predictor, seen, 400, half(truth, *many), half(truth, *many, lower=True), 3)

    assert found.pixels == 8 * SIDE * SIDE // 2
    assert len(seen.asked) == 8 * 13  # the same slices for both
    assert max(seen.asked) - min(seen.asked) > 200


def test_a_class_that_is_wrongly_found_may_go(predictor: Predictor) -> None:
    """Losing false positives of a class without true pixels is no loss."""
    truth = columns()
    seen = SliceInput(truth, noise=1.0)
    assert (predictor.labels(seen(12))[0] == 2).any()

    assert best(predictor, seen, DEPTH, half(truth, 12), half(truth, 12, lower=True), 3).slices == max(TRIED)


def test_it_can_be_stopped(predictor: Predictor) -> None:
    """An exception from ``go_on`` stops the search."""
    truth = columns()

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        best(predictor, SliceInput(truth, noise=0), DEPTH, {}, half(truth, 12), 3, go_on=stop)
