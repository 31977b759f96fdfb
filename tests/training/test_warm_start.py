"""A training begins with the fitting weights of an earlier one, and never fails for lack of them."""

from __future__ import annotations

import json
import pickle
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.config import InitialWeights, TrainConfig
from core.errors import TrainingError
from core.evaluation.metrics import confusion, dice
from core.models.device import choose_device
from core.models.networks import arguments, build
from core.models.predictor import Predictor
from core.storage.checkpoints import CARD, WEIGHTS, load, load_card, save
from core.training.learning.trainer import TrainingRun
from core.training.learning.warm_start import inherit
from tests.slices import NAMES, Drawn, disc_task, discs
from tests.training.test_fit import QUICK, Payload, stopped, trained


def fitting(folder: Path, begins_with: Path | None, **also: Any) -> TrainingRun:
    """A training assembled but not started."""
    return TrainingRun(disc_task(folder / "r", TrainConfig(**QUICK), validation=(), begins_with=begins_with, **also))


def banded(seed: int) -> Drawn:
    """Wide bands as bright as discs, labelled as grey (class 0)."""
    slice_ = discs(seed)
    bright = np.arange(slice_.mask.shape[0]) // 32 % 2 == 1
    grey = np.where(bright[:, None], 190.0, 120.0) + np.random.default_rng(seed).normal(0, 8, slice_.mask.shape)
    return Drawn(grey.clip(0, 255).astype(np.uint8)[None], np.zeros_like(slice_.mask))


ONE_STEP: dict[str, Any] = {"seconds": 600.0, "epochs": 0.01, "learning_rate": 1e-6}
"""A training that changes next to nothing, so that its weights are those it began with."""


@pytest.fixture(scope="module")
def trained_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint after some steps."""
    return trained(tmp_path_factory.mktemp("before") / "round-001", seconds=600.0, epochs=20).checkpoint


@pytest.fixture
def before(trained_before: Path, tmp_path: Path) -> Path:
    """A copy of the checkpoint, free to be damaged."""
    return Path(shutil.copytree(trained_before, tmp_path / "round-001"))


def weights(folder: Path) -> dict[str, Tensor]:
    """Weights of a checkpoint, without the statistics of batch normalisation."""
    return {name: tensor for name, tensor in load(folder)[1].items() if "running" not in name and "batches" not in name}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Return whether weights differ by no more than a step at a tiny learning rate."""
    return one.keys() == other.keys() and all(torch.allclose(one[name], other[name], atol=1e-4) for name in one)


def fresh(classes: int = len(NAMES), **config: Any) -> tuple[nn.Module, TrainConfig, dict[str, int]]:
    """An untrained network, its training settings and its arguments."""
    settings = TrainConfig(**(QUICK | config))
    given = arguments(settings, 1, classes)
    torch.manual_seed(5)
    return build(settings.architecture, given), settings, given


def begun(folder: Path, **config: Any) -> tuple[str, dict[str, Tensor], dict[str, Tensor]]:
    """Return the reason for leaving a network unchanged, its weights, and its random weights before."""
    network, settings, given = fresh(**config)
    drawn = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    return inherit(network, folder, settings, given), network.state_dict(), drawn


def test_a_network_has_every_weight_of_the_checkpoint(before: Path) -> None:
    """All weights and the statistics of batch normalisation are equal to the bit."""
    because, new, _ = begun(before)
    old = load(before)[1]
    assert because == ""
    assert new.keys() == old.keys()
    assert all(torch.equal(new[name], old[name]) for name in new)


def test_shrink_keeps_half_of_the_weights_and_all_of_the_rest(before: Path) -> None:
    """Weights of convolutions are the mean of old and random ones; normalisation and biases are the old ones."""
    because, new, drawn = begun(before, initial_weights=InitialWeights.SHRINK_PERTURB)
    old = load(before)[1]
    wanted = {name: 0.5 * old[name] + 0.5 * drawn[name] if old[name].ndim >= 2 else old[name] for name in old}
    assert because == ""
    assert all(torch.equal(new[name], wanted[name]) for name in new)
    assert not torch.equal(new["stem.first.conv.weight"], old["stem.first.conv.weight"])


def test_with_a_class_added_only_the_head_is_new(before: Path) -> None:
    """With a class more, only the last layer is random."""
    because, new, drawn = begun(before, classes=len(NAMES) + 1)
    old = load(before)[1]
    assert because == ""
    assert {name for name in new if torch.equal(new[name], drawn[name]) and name.startswith("head")} == {
        "head.weight",
        "head.bias",
    }
    assert all(torch.equal(new[name], old[name]) for name in new if not name.startswith("head"))


def test_a_card_of_an_earlier_version_says_nothing_of_surroundings(tmp_path: Path) -> None:
    """A card of an earlier version lacks ``local``, and fits a network of ``local=0`` and no other."""
    folder = trained(tmp_path / "round-001", seconds=600.0, epochs=1, local=0).checkpoint
    facts = json.loads((folder / CARD).read_text())
    del facts["network"]["local"]
    (folder / CARD).write_text(json.dumps(facts))
    assert begun(folder, local=0)[0] == ""
    assert "another network" in begun(folder, local=16)[0]


def other_normalisation(folder: Path) -> None:
    """Let the card name an unknown normalisation."""
    facts = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**facts, "normalisation": "none"}))


def cut_off(folder: Path) -> None:
    """Truncate the file of weights to half."""
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize(
    ("spoil", "because"),
    [
        (shutil.rmtree, "the checkpoint round-001 is missing or damaged"),
        (cut_off, "the checkpoint round-001 is missing or damaged"),
        (lambda folder: (folder / CARD).write_text("{}"), "the checkpoint round-001 is missing or damaged"),
        (other_normalisation, "round-001 was trained on grey values of another normalisation"),
    ],
    ids=["missing", "cut off", "no card", "other normalisation"],
)
def test_a_checkpoint_that_cannot_be_used_is_left_alone(before: Path, spoil: Any, because: str) -> None:
    """The network keeps its random weights, and the reason is returned."""
    spoil(before)
    told, new, drawn = begun(before)
    assert told == because
    assert all(torch.equal(new[name], drawn[name]) for name in new)


@pytest.mark.parametrize(
    "config",
    [{"channels": 8}, {"depth": 1}, {"neighbours": 1}, {"architecture": "unet-3d", "neighbours": 1, "depth": 3}],
    ids=lambda config: ", ".join(config),
)
def test_another_network_is_not_begun_with(before: Path, config: dict[str, Any]) -> None:
    """No weights of another network are used, not even those of equal shape."""
    told, new, drawn = begun(before, **config)
    assert told == "round-001 has another network, or one of another size"
    assert all(torch.equal(new[name], drawn[name]) for name in new)


def test_no_code_in_the_file_is_run(before: Path, tmp_path: Path) -> None:
    """A pickle in place of weights is refused as damaged."""
    mark = tmp_path / "mark"
    (before / WEIGHTS).write_bytes(pickle.dumps(Payload(mark)))
    assert begun(before)[0] == "the checkpoint round-001 is missing or damaged"
    assert not mark.exists()


def test_a_training_begins_with_the_weights(before: Path, tmp_path: Path) -> None:
    """After one tiny step, both the network and the average still have the old weights."""
    result = trained(tmp_path / "r", begins_with=before, **ONE_STEP)
    assert result.steps == 1
    assert result.fresh_because == ""
    assert same(weights(result.checkpoint), weights(before))
    assert "fresh_because" not in load_card(result.checkpoint).extra


def test_a_training_that_begins_fresh_does_not_look_at_the_checkpoint(before: Path, tmp_path: Path) -> None:
    """With random weights chosen, the checkpoint is ignored and no reason is given."""
    result = trained(tmp_path / "r", begins_with=before, initial_weights=InitialWeights.RANDOM, **ONE_STEP)
    alone = trained(tmp_path / "alone", **ONE_STEP)
    assert same(weights(result.checkpoint), weights(alone.checkpoint))
    assert not same(weights(result.checkpoint), weights(before))
    assert load_card(result.checkpoint).extra == {"project": "toy"}


def test_a_checkpoint_that_cannot_be_used_does_not_fail_the_training(before: Path, tmp_path: Path) -> None:
    """The training begins with random weights; result and card give the reason."""
    other = Path(shutil.copytree(before, tmp_path / "whole"))
    cut_off(before)
    result = trained(tmp_path / "r", begins_with=before, **ONE_STEP)
    because = "the checkpoint round-001 is missing or damaged"
    assert result.fresh_because == because
    assert load_card(result.checkpoint).extra == {"project": "toy", "begins_with": None, "fresh_because": because}
    drawn = fitting(tmp_path, before).module.network.state_dict()
    new = weights(result.checkpoint)
    assert same(new, {name: drawn[name] for name in new})
    assert not same(new, weights(other))


@pytest.mark.timeout(180)
def test_what_the_first_slice_taught_is_not_forgotten(tmp_path: Path) -> None:
    """Training on a second slice of bright grey bands without discs does not unlearn the discs of the first."""
    unseen, bands = discs(7), banded(3)

    def found(checkpoint: Path) -> tuple[float, float]:
        """Dice of discs where present, and the share of the bands predicted as discs."""
        predictor = Predictor.load(checkpoint)
        counts = confusion(predictor.labels(unseen.pixels)[0], unseen.mask, len(NAMES))
        return dice(counts)[1] or 0.0, float((predictor.labels(bands.pixels)[0] == 1).mean())

    settings: dict[str, Any] = {"seconds": 600.0, "channels": 8, "batch": 4}
    first = trained(tmp_path / "round-001", epochs=133, **settings).checkpoint
    both = [discs(0), bands]
    second = trained(tmp_path / "round-002", both, epochs=133, begins_with=first, **settings).checkpoint
    (discs_before, bands_before), (discs_after, bands_after) = found(first), found(second)
    assert bands_before > 0.05  # there is something to learn, which is at odds with what was learnt
    assert bands_after < bands_before / 4
    assert discs_after > discs_before - 0.05


def test_a_resume_gives_the_same_as_no_interruption(before: Path, tmp_path: Path) -> None:
    """A resume continues from the interrupted state without the old checkpoint."""
    whole = trained(tmp_path / "whole", begins_with=before, seconds=600.0, epochs=60)
    stopped(tmp_path / "r", begins_with=before, seconds=600.0, epochs=60)
    shutil.rmtree(before)
    result = trained(tmp_path / "r", begins_with=before, seconds=600.0, epochs=60, resume=True)
    assert (result.resumed, result.fresh_because, result.steps) == (True, "", whole.steps)
    if choose_device().type == "cpu":  # a GPU adds up in any order, so that no two trainings are quite alike there
        assert same(weights(result.checkpoint), weights(whole.checkpoint))


def test_a_resume_remembers_why_the_training_began_fresh(before: Path, tmp_path: Path) -> None:
    """A resume keeps the reason, even if the checkpoint has been repaired meanwhile."""
    there = before.rename(tmp_path / "away")
    last = stopped(tmp_path / "r", begins_with=before)
    there.rename(before)
    result = trained(tmp_path / "r", begins_with=before, resume=True, seconds=last.seconds + 1)
    assert result.fresh_because == "the checkpoint round-001 is missing or damaged"


def test_a_training_is_not_shown_the_patches_of_the_one_before(before: Path, tmp_path: Path) -> None:
    """Unchanged labels are drawn in another order than in the round before."""

    def patches(begins_with: Path | None) -> Tensor:
        run = fitting(tmp_path, begins_with)
        assert run.module.draws == run.patches.seed
        return run.patches.draw(0)[0]

    assert not torch.equal(patches(None), patches(before))
    assert torch.equal(patches(before), patches(before))


def test_rounds_that_begin_with_random_weights_are_shown_other_patches_too(tmp_path: Path) -> None:
    """Three rounds of one seed differ in weights and patches; a repeated round does not."""

    def drawn(number: int) -> tuple[Tensor, Tensor]:
        run = fitting(tmp_path, None, number=number)
        return run.patches.draw(0)[0], run.module.network.state_dict()["stem.first.conv.weight"]

    rounds = [drawn(number) for number in (1, 2, 3)]
    for one, other in combinations(rounds, 2):
        assert not torch.equal(one[0], other[0])
        assert not torch.equal(one[1], other[1])
    assert torch.equal(drawn(2)[0], rounds[1][0])


def test_random_weights_differ_from_round_to_round(tmp_path: Path) -> None:
    """Each round mixes other random weights in, so that shrink and perturb has no fixed direction."""
    rounds = (None, tmp_path / "round-001", tmp_path / "round-002")
    first = [fitting(tmp_path, begins).module.network.state_dict()["stem.first.conv.weight"] for begins in rounds]
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[1], first[2])


def test_weights_of_other_names_are_not_begun_with(before: Path) -> None:
    """A checkpoint with a fitting card but another network is refused."""
    card, state = load(before)
    shutil.rmtree(before)
    save(before, {f"other.{name}": tensor for name, tensor in state.items()}, card)
    assert begun(before)[0] == "round-001 holds no weights of its network"


def test_another_beginning_is_another_training(before: Path, tmp_path: Path) -> None:
    """A resume needs the same initial weights; for a first round, their setting does not matter."""
    stopped(tmp_path / "r", begins_with=before)
    for other in ({}, {"begins_with": tmp_path / "round-002"}, {"begins_with": before, "initial_weights": "shrink-perturb"}):
        with pytest.raises(TrainingError, match="had other labels, classes or settings"):
            trained(tmp_path / "r", resume=True, **other)  # type: ignore[arg-type]
    last = stopped(tmp_path / "first", initial_weights="random")
    assert trained(tmp_path / "first", resume=True, initial_weights="previous", seconds=last.seconds + 1).resumed
