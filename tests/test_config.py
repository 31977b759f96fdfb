"""Configurations check themselves when built."""

import json
from dataclasses import asdict

import pytest

from core.config import AugmentConfig, PredictConfig, TrainConfig, help_text


def test_a_value_out_of_range_is_refused_with_what_is_allowed():
    """The message names the field, the value and the range."""
    with pytest.raises(ValueError, match=r"seconds is 0; allowed is 1 or more"):
        TrainConfig(seconds=0)
    with pytest.raises(ValueError, match=r"tile is 5000; allowed is 64 to 4096"):
        PredictConfig(tile=5000)


def test_a_rule_that_is_off_is_none():
    """None is within every range where it is the default, and nowhere else."""
    assert TrainConfig(patience=None).patience is None
    with pytest.raises(ValueError, match=r"patience is 0; allowed is 1 or more"):
        TrainConfig(patience=0)
    with pytest.raises(TypeError):
        TrainConfig(seconds=None)  # type: ignore[arg-type]


def test_nan_is_refused():
    """A number that is not a number is out of every range."""
    with pytest.raises(ValueError, match="seconds is nan"):
        TrainConfig(seconds=float("nan"))


def test_forever_is_refused():
    """A budget without an end would never learn at full rate nor stop."""
    with pytest.raises(ValueError, match="seconds is inf"):
        TrainConfig(seconds=float("inf"))


def test_an_unknown_network_is_refused_with_those_there_are():
    """The sentence lists the names."""
    with pytest.raises(ValueError, match="architecture is 'resnet'; allowed is one of unet, unet-3d, monai-basicunet"):
        TrainConfig(architecture="resnet")


def test_a_network_in_3d_needs_neighbours():
    """At least one, and a level to join each of them in."""
    for neighbours, depth in ((0, 4), (3, 3)):
        with pytest.raises(ValueError, match=f"neighbours is {neighbours}; with architecture unet-3d allowed is 1 or more"):
            TrainConfig(architecture="unet-3d", neighbours=neighbours, depth=depth)
    with pytest.raises(ValueError, match="flat is 3; with depth 3 and 2 neighbours on each side allowed is 1 to 2"):
        TrainConfig(architecture="unet-3d", neighbours=2, flat=3)


def test_a_network_may_need_more_than_one_level():
    """And is refused before a job is started; those of fixed depth take any."""
    with pytest.raises(ValueError, match="depth is 1; with architecture monai-dynunet allowed is 2 to 6"):
        TrainConfig(architecture="monai-dynunet", depth=1)
    assert TrainConfig(architecture="monai-basicunet", depth=6, patch=80).patch == 80
    assert TrainConfig(architecture="monai-unet", depth=1)


def test_the_patch_fits_a_network_of_fixed_depth():
    """Whatever depth says."""
    with pytest.raises(ValueError, match="patch is 72; with depth 2 allowed are multiples of 16 from 64 to 1024"):
        TrainConfig(architecture="monai-unetr", depth=2, patch=72)


def test_help_comes_from_the_field():
    """The command line and the page read the same sentence."""
    assert help_text(TrainConfig, "seconds").startswith("Seconds of training")


def test_a_loss_that_does_not_exist_is_refused_when_built():
    """Not at the first step of a training."""
    assert TrainConfig(loss="focal+dice").loss == "focal+dice"
    with pytest.raises(ValueError, match=r"loss is 'hinge', which names 'hinge'; allowed are cross-entropy"):
        TrainConfig(loss="hinge")


def test_a_choice_that_is_none_is_refused_with_the_choices():
    """The message names the field, the value and what there is."""
    with pytest.raises(ValueError, match="curtain_along is 'sideways'; allowed is both, vertical, horizontal"):
        AugmentConfig(curtain_along="sideways")


def test_a_training_survives_json():
    """What is nested comes back checked and equal."""
    chosen = TrainConfig(seconds=7, augment=AugmentConfig(curtain=1.5, shadow=0, curtain_along="vertical"))
    assert TrainConfig(**json.loads(json.dumps(asdict(chosen)))) == chosen
    with pytest.raises(ValueError, match="shadow is -1; allowed is 0 to 3"):
        TrainConfig(augment={"shadow": -1})


def test_a_training_recorded_without_augmentation_opens():
    """A record from before the field was there takes the default."""
    old = {name: value for name, value in asdict(TrainConfig(seconds=7)).items() if name != "augment"}
    assert TrainConfig(**old) == TrainConfig(seconds=7)
