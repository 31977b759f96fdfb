"""The choice between the first model and the network: made on pixels that neither has learnt from, and told."""

import time

import numpy as np
import pytest

from core.config import UNLABELLED
from core.evaluation.metrics import confusion, dice
from core.models.features import SliceFeatures
from core.models.forest import Forest, take_sample
from core.project import Project
from core.storage.labels import Claim, Role
from core.storage.rounds import NewRound
from tests.predicted import add_round


def enter_round(project, scores):
    """A round trained on the labels as they are, with these Dice on the held-back pixels."""
    number = (project.store.rounds.last() or 0) + 1
    revisions = [head.id for head in project.labels.slices()]
    project.store.rounds.add(NewRound(number, revisions, {}, "none", seconds=1.0, active_seconds=0.0, job=1))
    if scores is not None:
        show_scores(project, number, scores)
    return number


def show_scores(project, number, scores):
    """Enter the score of this round on the current held-back pixels."""
    project.store.rounds.score(number, f"pixels-{number}", 0.1, scores, 100)
    project.store.rounds.show_scores_on(f"pixels-{number}", [head.id for head in project.labels.slices()])


def forest_dice(project):
    """Return the Dice of a forest on the held-back pixels, without the code under test."""
    parts = {z: project.labels.of(0, z) for z in (2, 8)}
    features = {z: SliceFeatures(project.image(0, z)) for z in parts}
    samples, counts = [], 0
    for head in project.labels.slices():
        train = np.where(project.labels.roles(0, head.z) == Role.TRAIN, parts[head.z], UNLABELLED).astype(np.uint8)
        samples.append(take_sample(features[head.z], train, seed=head.id))
    forest = Forest.fit(samples, 3)
    for z, label in parts.items():
        rows, columns = np.nonzero(project.labels.roles(0, z) == Role.VALIDATION)
        predicted = forest.at(features[z].at(rows, columns)).argmax(axis=1).astype(np.uint8)
        counts = counts + confusion(predicted, label[rows, columns], 3)
    return dice(counts)


def test_before_a_round_there_is_nothing_to_hand_over_to(phantom_project):
    """The first model draws."""
    decision = phantom_project.labels.preview_choice()
    assert (decision.round, decision.to_network) == (None, False)
    assert phantom_project.labels.preview(0, 5).choice == decision


@pytest.mark.parametrize(("network", "wins"), [((1.0, 1.0, 1.0), True), ((0.9, 0.1, 0.1), False)])
def test_the_better_one_on_held_back_pixels_draws(phantom_project, network, wins):
    """Both numbers and the pixels are told; the background does not count."""
    measured = forest_dice(phantom_project)
    enter_round(phantom_project, network)
    decision = phantom_project.labels.preview_choice()
    assert decision.to_network == wins
    assert decision.network == pytest.approx(np.mean(network[1:]))
    assert decision.forest == pytest.approx(np.mean([score for score in measured[1:] if score is not None]))
    assert decision.pixels == phantom_project.labels.validation_summary().pixels
    for said in (f"{decision.network:.2f} against {decision.forest:.2f}", f"{decision.pixels:,} held-back pixels", "round 1"):
        assert said in decision.sentence


def test_only_classes_measured_for_both_are_compared(phantom_project):
    """A class not measured for the network counts for neither."""
    measured = forest_dice(phantom_project)
    enter_round(phantom_project, (0.9, None, 0.5))
    decision = phantom_project.labels.preview_choice()
    assert (decision.network, decision.forest) == (0.5, pytest.approx(measured[2]))


def test_once_the_network_is_chosen_it_draws_unless_asked_otherwise(phantom_project):
    """The preview gives a sentence instead of a mask; the first model is still available on request."""
    enter_round(phantom_project, (1.0, 1.0, 1.0))
    decision = phantom_project.labels.preview_choice()
    preview = phantom_project.labels.preview(0, 5)
    assert (preview.mask, preview.choice, preview.sentence) == (None, decision, decision.sentence)
    assert phantom_project.labels.preview(0, 5, anyway=True).mask is not None


def test_it_is_decided_once_for_a_round_and_remembered(phantom_project):
    """Another process reads it without looking at the volume; a new round is compared anew."""
    enter_round(phantom_project, (1.0, 1.0, 1.0))
    decision = phantom_project.labels.preview_choice()
    other = Project.open(phantom_project.workspace, "toy")
    path = other.volumes[0].path
    away = path.rename(path.with_suffix(".away"))
    try:
        assert other.labels.preview_choice() == decision
        assert other.labels.preview(0, 5).choice == decision
    finally:
        away.rename(path)
    enter_round(phantom_project, (0.1, 0.1, 0.1))
    assert other.labels.preview_choice().to_network is False
    assert other.labels.preview_choice().round == 2


def test_a_round_whose_scores_are_still_to_come_is_not_decided_about(phantom_project):
    """Older rounds are scored on its pixels first; an answer given meanwhile is not stored."""
    enter_round(phantom_project, (0.1, 0.1, 0.1))
    assert not phantom_project.labels.preview_choice().to_network
    number = enter_round(phantom_project, None)
    early = phantom_project.labels.preview_choice()
    assert (early.round, early.to_network, early.settled) == (number, False, False)
    assert "when round 2 is scored" in early.sentence
    phantom_project.labels.preview(0, 5)  # asks in the background, too
    show_scores(phantom_project, number, (1.0, 1.0, 1.0))
    deadline = time.monotonic() + 60
    while (found := phantom_project.labels.preview(0, 5).choice) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found.to_network
    assert found.settled


def test_a_preview_never_waits_for_the_decision(phantom_project):
    """The first model goes on while both are compared, and the decision comes by itself."""
    phantom_project.labels.preview(0, 5)
    enter_round(phantom_project, (1.0, 1.0, 1.0))
    first = phantom_project.labels.preview(0, 5)
    assert first.mask is not None or first.choice.to_network
    deadline = time.monotonic() + 60
    while phantom_project.labels.preview(0, 5).choice is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert phantom_project.labels.preview(0, 5).choice.to_network


def test_without_held_back_pixels_the_first_model_goes_on(tmp_path, phantom_files):
    """Strokes never validate, so nothing shows that the network is better; the sentence names the remedy."""
    project = Project.create(tmp_path, "toy", volumes=[phantom_files.image], classes=phantom_files.classes)
    mask = np.zeros((160, 160), np.uint8)
    mask[:20] = 1
    project.labels.submit_mask(0, 3, mask, Claim.strokes())
    enter_round(project, (None, None, None))
    decision = project.labels.preview_choice()
    assert (decision.to_network, decision.forest, decision.network, decision.pixels) == (False, None, None, 0)
    assert "no held-back pixels" in decision.sentence
    assert "Save a slice or a large box as right" in decision.sentence
    assert project.labels.preview(0, 3).mask is not None


def test_a_round_that_learnt_from_nothing_does_not_take_over(phantom_project):
    """As one whose score is missing and that has no labels."""
    add_round(phantom_project)
    assert not phantom_project.labels.preview_choice().to_network
