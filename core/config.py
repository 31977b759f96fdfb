"""All settings of a user: one frozen dataclass per verb, checked when built.

Each field states its label, limits and help once, so a new setting is one line here. The options of the command line
(``core.cli.options``), the fields of the page's forms (``app.components.form_fields``) and the reference follow. Every
configuration used to make a model is saved as JSON in that model's card. ``docs/explanation/defaults.md`` gives the source of
each default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, TypedDict, Unpack

UNLABELLED = 255
"""The class id of an unlabelled or undecidable pixel: never claimed, trained on or scored."""

TOLERANCE = 2.0
"""Distance in pixels within which boundaries agree: about the difference between two careful annotators."""


class Shown(TypedDict, total=False):
    """How to ask for a setting, beyond its limits and help; a missing key means the usual way.

    For the page's form, which omits settings without a label: ``label``, ``step``, ``format``, in ``on_page`` limits narrower
    than the setting's own, and ``page_help`` for a different help there. For the command line: ``typed`` False for no option,
    ``short`` for a name of one letter, ``metavar`` and ``default_words`` for value and default in words. ``parts`` names the
    settings of a nested configuration with options of their own, and their defaults there.
    """

    label: str
    step: float
    format: str
    on_page: tuple[float, float]
    page_help: str
    typed: bool
    short: str
    metavar: str
    default_words: str
    parts: Mapping[str, Any]


def option(
    default: Any,
    text: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    choices: Sequence[Any] | None = None,
    **shown: Unpack[Shown],
) -> Any:
    """Return a field of a configuration with its default, help, limits and way of asking."""
    limits = {"at_least": at_least, "at_most": at_most, "choices": choices}
    return field(default=default, metadata={"help": text, **limits, **shown})


def _strength(default: float, label: str, text: str, *, at_most: float = 3.0) -> Any:
    return option(default, text, at_least=0, at_most=at_most, label=label, step=0.25)


def setting(config: type, name: str, kind: str) -> Any:
    """Return one property of a field given to :func:`option`, such as ``help``, ``at_least`` or ``label``; else None."""
    return next(f.metadata.get(kind) for f in fields(config) if f.name == name)


def labelled(config: type) -> tuple[str, ...]:
    """Return the names of the fields on the page's form, in order."""
    return tuple(f.name for f in fields(config) if f.metadata.get("label"))


def help_text(config: type, name: str) -> str:
    """Return the help of one field, for the command line and the page."""
    return str(setting(config, name, "help"))


class Checked:
    """A configuration that refuses values beyond the limits of its fields."""

    def __post_init__(self) -> None:
        for f in fields(self):  # type: ignore[arg-type]
            value, low, high = getattr(self, f.name), f.metadata.get("at_least"), f.metadata.get("at_most")
            if value is None and f.default is None:
                continue
            choices = f.metadata.get("choices")
            if choices is not None and value not in choices:
                raise ValueError(f"{f.name} is {value!r}; allowed is {', '.join(map(str, choices))}.")
            too_low = low is not None and not value >= low
            too_high = high is not None and not value <= high
            if too_low or too_high or value == float("inf"):
                allowed = f"{low} to {high}" if high is not None else f"{low} or more"
                raise ValueError(f"{f.name} is {value}; allowed is {allowed}.")


class Loss(StrEnum):
    """The losses to train with, all on labelled pixels only; see ``core.training.learning.losses``."""

    CROSS_ENTROPY = "cross-entropy"
    DICE = "dice"
    FOCAL = "focal"
    TVERSKY = "tversky"
    BOUNDARY = "boundary"


def losses_named(text: str) -> tuple[Loss, ...]:
    """Return the losses named in a text such as ``cross-entropy+dice``.

    Raises
    ------
    ValueError
        If a name is unknown or repeated.
    """
    names = [name.strip() for name in text.split("+")]
    unknown = [name for name in names if name not in list(Loss)]
    if unknown or len(set(names)) < len(names):
        found = f"names {unknown[0]!r}" if unknown else "names one twice"
        raise ValueError(f"loss is {text!r}, which {found}; allowed are {', '.join(Loss)}, each once, several joined with +.")
    return tuple(Loss(name) for name in names)


class StopRule(StrEnum):
    """The rules to end training, by name of their setting; the first to fire ends it."""

    SECONDS = "seconds"
    EPOCHS = "epochs"
    LOSS = "stop_loss"
    PATIENCE = "patience"


ENDS = {
    StopRule.SECONDS: "its seconds were used up",
    StopRule.EPOCHS: "its epochs were done",
    StopRule.LOSS: "its loss was low enough",
    StopRule.PATIENCE: "its validation loss no longer fell",
}
"""Why a training ended, to follow "because"."""


@dataclass(frozen=True)
class AugmentConfig(Checked):
    """The augmentation of patches; see ``augmentation`` and ``artefacts`` in ``core.training.learning``.

    Every number but ``share`` is a strength: 0 is off and 1 the usual range.
    """

    flips: float = _strength(1.0, "Flips and turns", "Share of patches to mirror or turn.", at_most=1)
    scale: float = _strength(1.0, "Stretch", "Stretch or squeeze each direction independently.")
    elastic: float = _strength(1.0, "Bending", "Bend smoothly, like a section that is not flat.")
    noise: float = _strength(1.0, "Noise", "Detector noise.")
    blur: float = _strength(1.0, "Blur", "Defocus.")
    gamma: float = _strength(1.0, "Gamma", "Brighten or darken middle greys; keep black and white.")
    brightness: float = _strength(1.0, "Brightness", "Change brightness and contrast, also unevenly across the patch.")
    curtain: float = _strength(1.0, "Curtain streaks", "Curtain streaks of ion milling.")
    curtain_along: str = option(
        "both", "Direction of the curtain streaks.", choices=("both", "vertical", "horizontal"), label="Streaks run"
    )
    shadow: float = _strength(1.0, "Shadow", "Fade brightness and contrast across the slice.")
    charging: float = _strength(1.0, "Charging", "Bright haloes and trails beside bright or insulating objects.")
    jumps: float = _strength(
        1.0, "Brightness jumps", "Slices exposed too bright or too dark, and steps of brightness inside a slice."
    )
    share: float = option(
        0.25, "Share of patches with each artefact, bend, stretch and blur, and with a rotation by any angle.",
        at_least=0, at_most=1, label="Share of patches with each artefact", step=0.05,
    )  # fmt: skip

    def alone(self, kind: str) -> AugmentConfig:
        """Return a configuration for one kind only, on every patch, to inspect it."""
        strength = getattr(self, kind)
        if kind == "flips":  # its strength is also a share of patches
            strength = float(strength > 0)
        return replace(self, share=1.0, **(dict.fromkeys(self.kinds(), 0.0) | {kind: strength}))

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """Return the names of the strengths, in the order of the fields."""
        return tuple(f.name for f in fields(cls) if f.name not in ("curtain_along", "share"))


LOCAL_STEP = 8
"""``TrainConfig.local`` is a multiple of this, in pixels."""


class Architecture(StrEnum):
    """The networks to train; see ``core.models.networks``.

    MONAI's networks need the extra ``underpaint[monai]``; ``own`` is a module given from Python only.
    """

    UNET = "unet"
    UNET_3D = "unet-3d"
    MONAI_BASIC_UNET = "monai-basicunet"
    MONAI_UNET = "monai-unet"
    MONAI_DYN_UNET = "monai-dynunet"
    MONAI_SEG_RES_NET = "monai-segresnet"
    MONAI_ATTENTION_UNET = "monai-attentionunet"
    MONAI_UNETR = "monai-unetr"
    OWN = "own"


class InitialWeights(StrEnum):
    """The weights a round may begin with; see ``core.training.learning.warm_start``."""

    PREVIOUS = "previous"
    SHRINK_PERTURB = "shrink-perturb"
    RANDOM = "random"


FIXED_DEPTH = (Architecture.MONAI_BASIC_UNET, Architecture.MONAI_UNETR)
"""Networks with a fixed number of levels, whatever ``TrainConfig.depth``."""

LEAST_DEPTH: Mapping[str, int] = {Architecture.UNET_3D: 2, Architecture.MONAI_DYN_UNET: 2}
"""The least depth of other networks, if more than 1."""


OWN_NOT_GIVEN = "The round trains a network of your own, which only Python can give: call project.train(..., network=...)."


@dataclass(frozen=True)
class TrainConfig(Checked):
    """The training of a round; lengths in image pixels."""

    seconds: float = option(
        120.0,
        "Seconds of training; start-up and validation come on top.",
        at_least=1,
        label="Seconds of training",
        step=30,
        on_page=(5, 86_400),
    )
    seed: int = option(
        0, "Seed of weights, patches and augmentation; each round derives its own from it.", at_least=0, at_most=2**32 - 1
    )
    patch: int = option(
        256,
        "Side of a training patch in pixels, a multiple of 16, or of more with more levels.",
        at_least=64,
        at_most=1024,
        label="Patch, pixels",
    )
    batch: int = option(4, "Patches per training step, on each device.", at_least=1, at_most=256, label="Batch")
    devices: int = option(
        1,
        "GPUs of this machine to train on; in each step every GPU takes its own batch.",
        at_least=1,
        at_most=64,
        label="GPUs",
    )
    architecture: str = option(
        Architecture.UNET.value,
        f"The network: {', '.join(Architecture)}. Those of MONAI need the package monai; own is given from Python.",
        label="Network",
        metavar="NAME",
    )
    channels: int = option(32, "Channels of the network's first level; multiples of 32 are fastest.", at_least=4, at_most=256)
    depth: int = option(3, "Levels of the network below the first.", at_least=1, at_most=6, label="Depth: levels below the first")
    neighbours: int = option(
        0,
        "Slices on each side as further input of the network; it labels the middle slice alone.",
        at_least=0,
        at_most=3,
        label="Neighbouring slices on each side",
    )
    flat: int | None = option(
        None, "Levels of unet-3d to process each slice by itself; left out, chosen by the voxel size, 2 if unknown.",
        at_least=1, at_most=6,
    )  # fmt: skip
    local: int = option(
        32, "Standard deviation in pixels of the local normalisation, an extra input of the built-in networks; 0 for none.",
        at_least=0, at_most=256,
    )  # fmt: skip
    initial_weights: str = option(
        InitialWeights.PREVIOUS.value,
        "Weights to begin training with: those of the previous round (a warm start); shrink-perturb, half of these plus half of "
        "new random weights; or random.",
        choices=tuple(InitialWeights),
        label="Begin with",
    )
    learning_rate: float = option(
        5e-2, "Peak learning rate.", at_least=1e-6, at_most=1.0, label="Peak learning rate", step=0.01, format="%g"
    )
    loss: str = option(
        "cross-entropy+dice",
        f"Loss to minimise: {', '.join(Loss)}, or several joined with +.",
        label="Losses, added up",
        metavar="NAMES",
    )
    unlabelled: float = option(
        1.0, "Weight of confident predictions on unlabelled pixels, if less than a quarter of the labelled slices is labelled; 0 "
        "to learn from labels alone.",
        at_least=0, at_most=10,
    )  # fmt: skip
    epochs: float | None = option(
        None,
        "End after this many epochs; an epoch draws enough patches to cover the labelled area once.",
        at_least=0.01,
        label="Epochs",
        step=1.0,
        format="%g",
    )
    stop_loss: float | None = option(
        None,
        "End at this validation loss; at this training loss if nothing is held back.",
        at_least=0,
        label="Loss to reach",
        step=0.01,
        format="%g",
    )
    patience: int | None = option(
        None,
        "End after this many validations in a row without a lower validation loss.",
        at_least=1,
        label="Validations without a lower loss",
    )
    augment: AugmentConfig = option(
        AugmentConfig(), f"Strengths of augmentation, like curtain=1.5,shadow=0; kinds are "
        f"{', '.join(AugmentConfig.kinds())}; curtain_along and share can be set too.",
        metavar="KIND=STRENGTH,...", default_words="1 each",
    )  # fmt: skip

    def __post_init__(self) -> None:
        if isinstance(self.augment, Mapping):  # as read from JSON
            object.__setattr__(self, "augment", AugmentConfig(**self.augment))
        super().__post_init__()
        losses_named(self.loss)
        if self.architecture not in list(Architecture):
            raise ValueError(f"architecture is {self.architecture!r}; allowed is one of {', '.join(Architecture)}.")
        if self.architecture == Architecture.UNET_3D and not 1 <= self.neighbours < self.depth:
            raise ValueError(
                f"neighbours is {self.neighbours}; with architecture {self.architecture} allowed is 1 or more, and fewer than "
                f"depth, which is {self.depth}."
            )
        if self.architecture == Architecture.UNET_3D and (self.flat or 1) > self.depth + 1 - self.neighbours:
            raise ValueError(
                f"flat is {self.flat}; with depth {self.depth} and {self.neighbours} neighbours on each side allowed is 1 to "
                f"{self.depth + 1 - self.neighbours}."
            )
        least_depth, deepest = LEAST_DEPTH.get(self.architecture, 1), setting(type(self), "depth", "at_most")
        if self.depth < least_depth:
            raise ValueError(
                f"depth is {self.depth}; with architecture {self.architecture} allowed is {least_depth} to {deepest}."
            )
        if self.local % LOCAL_STEP:
            raise ValueError(f"local is {self.local}; allowed are multiples of {LOCAL_STEP}, and 0.")
        grid = 16 if self.architecture in FIXED_DEPTH else 2 ** (self.depth + 1)
        if self.architecture.startswith("monai"):
            grid = max(grid, 16)
        if self.patch % grid or self.patch < 2 * grid:
            least, most = (setting(type(self), "patch", kind) for kind in ("at_least", "at_most"))
            allowed = f"multiples of {grid} from {max(2 * grid, least)} to {most}"
            raise ValueError(f"patch is {self.patch}; with depth {self.depth} allowed are {allowed}.")

    @property
    def inherits(self) -> bool:
        """True if training begins with the previous round's weights; never for a network of your own."""
        return self.initial_weights != InitialWeights.RANDOM and self.architecture != Architecture.OWN


def changed(config: TrainConfig | Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings other than the defaults by name, augmentation strengths included; also from JSON's mapping."""
    given = config if isinstance(config, Mapping) else asdict(config)
    usual = _flat(asdict(TrainConfig()))
    return {name: value for name, value in _flat(given).items() if name in usual and value != usual[name]}


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: value for name, value in config.items() if name != "augment"}, **config.get("augment", {})}


EARLIER: Mapping[str, Any] = {"initial_weights": InitialWeights.RANDOM.value, "local": 0, "unlabelled": 0.0}
"""Settings missing from records of earlier versions, with their values then, if different from today's defaults."""


@dataclass(frozen=True)
class PredictConfig(Checked):
    """The tiles, views and z-averaging of prediction; lengths in image pixels."""

    tile: int = option(1024, "Side of the kept part of a tile, in pixels.", at_least=64, at_most=4096, typed=False)
    context: int | None = option(
        None, "Pixels around a tile to predict and discard; left out, the reach of the network, "
        "96 for most.",
        at_least=0, typed=False,
    )  # fmt: skip
    views: int | None = option(
        None, "Mirrored and turned views of a slice to average: 1, 2, 4 or 8; takes as many times as long. Left out, 2 without "
        "z-averaging; with it, 1, alternating from slice to slice.",
        choices=(1, 2, 4, 8), label="Carefully",
        page_help="Averages 8 mirrored and turned views of every slice, instead of one or two: a little more accurate, and four "
        "to eight times slower.",
    )  # fmt: skip
    across: int | None = option(
        None, "Slices on each side to average with each slice (z-averaging), 0 for none; left out, as many as painted pixels "
        "allow.",
        at_least=0, at_most=16, label="Average neighbouring slices",
        page_help="If slices lie as close as pixels, averages each with its neighbours, as many as your painted pixels allow. "
        "Otherwise every slice is the mean over two views of it.",
    )  # fmt: skip


class Averaging(TypedDict, total=False):
    """The settings of prediction with keywords of their own, beside a whole configuration."""

    views: int | None
    across: int | None


@dataclass(frozen=True)
class ProposeConfig(Checked):
    """The choice of slices for the next correction."""

    number: int = option(
        5,
        "Number of slices to propose.",
        at_least=1,
        at_most=1000,
        label="Slices to propose afterwards",
        on_page=(1, 50),
        short="n",
    )
    query: str = option("least-confidence", "Measure of uncertainty to choose pixels by.", metavar="NAME")
    scan_seconds: float = option(120.0, "Longest time to scan the volume, coarse first.", at_least=0, typed=False)


@dataclass(frozen=True)
class ValidationConfig(Checked):
    """The pixels held back from training; see ``core.storage.labels``."""

    fraction: float = option(0.05, "Share of a slice held back for validation.", at_least=0.01, at_most=0.5)
    margin: int = option(48, "Pixels around a held-back tile, never trained on.", at_least=0)


@dataclass(frozen=True)
class AnnotatorConfig(Checked):
    """The simulated annotator's speeds, frozen to keep results comparable over time."""

    paint_px_per_s: float = option(400.0, "Pixels painted per second.", at_least=1)
    travel_px_per_s: float = option(800.0, "Pixels travelled per second between strokes.", at_least=1)
    stroke_s: float = option(0.2, "Seconds lost at each stroke.", at_least=0)
    open_s: float = option(2.0, "Seconds to open a slice.", at_least=0)


@dataclass(frozen=True)
class SimulateConfig(Checked):
    """The replay of the loop from known truth."""

    rounds: int = option(4, "Rounds of training; the first on painted slices, the rest after corrections.", at_least=1)
    start: int = option(3, "Slices painted from scratch before the first round.", at_least=1)
    per_round: int = option(2, "Proposed slices corrected before each further round.", at_least=1)
    query: str = option(ProposeConfig.query, help_text(ProposeConfig, "query"), metavar="NAME")
    test_slices: tuple[int, ...] | None = option(
        None, "Slices to score on, never painted; every tenth by default.", metavar="SLICES"
    )
    train: TrainConfig = option(TrainConfig(), "How each round is trained.", parts={"seconds": 60.0, "seed": TrainConfig.seed})
    annotator: AnnotatorConfig = AnnotatorConfig()
