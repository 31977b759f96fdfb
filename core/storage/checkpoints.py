"""A trained network on disk: one folder with ``weights.safetensors`` and a readable ``card.json``.

Loading runs no code: the weights are safetensors, the card is JSON, and its architecture is a name from the closed list in
``core.models.networks``. A folder is written under a temporary name, synced and renamed, so it is whole or absent.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.atomic import sync, temporary
from core.errors import CheckpointError, storage_errors
from core.rights import make_folder, opener

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "weights.safetensors"
CARD = "card.json"
FORMAT = 1


@dataclass(frozen=True)
class Card:
    """The description of a checkpoint, in plain JSON types.

    Attributes
    ----------
    architecture
        A name from the closed list of ``core.models.networks``, or ``own``.
    network
        Whole-number arguments of that architecture; for a user's own network only its channels and classes.
    class_names
        In the order of the class ids; the network has one output per class.
    in_channels
        Channels of one slice.
    normalisation
        Name of the grey-value normalisation, see ``core.models.normalisation``.
    config
        The ``TrainConfig`` as a dictionary.
    seed
        Seed of weights, patches and augmentation.
    scores
        On held-out pixels: ``loss``, ``dice`` per class name (``None`` where not measured), ``pixels``.
    training
        ``device``, ``precision``, ``seconds``, ``steps``, ``batch`` (at the end), ``epochs``, ``ended_by`` (the stop rule) and
        pixels labelled per class.
    versions
        Of Python and of the libraries behind the weights.
    created
        UTC, ISO 8601.
    extra
        Additions of the project, e.g. the label revisions.
    neighbours
        Slices on each side as further input channels; 0 in cards of early versions.
    own_class
        Module and class of a user's own network, for people to read; never used for an import.
    """

    architecture: str
    network: dict[str, int]
    class_names: tuple[str, ...]
    in_channels: int
    normalisation: str
    config: dict[str, Any]
    seed: int
    scores: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    created: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    neighbours: int = 0
    own_class: str = ""

    @property
    def stacked_channels(self) -> int:
        """Number of input channels of the network."""
        return self.in_channels * (2 * self.neighbours + 1)

    def to_json(self) -> str:
        """Return the card as indented JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Card:
        """Read the JSON of ``to_json``; raise ``ValueError`` for anything else."""
        raw = json.loads(text)
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise ValueError(f"not a card of format {FORMAT}")
        raw = {"neighbours": 0, "own_class": "", **raw}
        known = {f.name for f in fields(cls)}
        missing = known - raw.keys()
        if missing:
            raise ValueError(f"the card lacks {', '.join(sorted(missing))}")
        values = {name: raw[name] for name in known}
        _check_types(values)
        values["class_names"] = tuple(values["class_names"])
        return cls(**values)


def _check_types(values: Mapping[str, Any]) -> None:
    types: dict[str, type] = {"architecture": str, "normalisation": str, "created": str, "own_class": str}
    types |= dict.fromkeys(("in_channels", "seed", "neighbours"), int)
    types |= dict.fromkeys(("network", "config", "scores", "training", "versions", "extra"), dict)
    for name, expected in types.items():
        if type(values[name]) is not expected:
            raise ValueError(f"{name} of the card is not a {expected.__name__}")
    names = values["class_names"]
    if not (isinstance(names, list) and len(names) >= 2 and all(isinstance(name, str) for name in names)):
        raise ValueError("class_names of the card is not a list of two or more names")
    if not all(type(value) is int for value in values["network"].values()):
        raise ValueError("network of the card holds something other than whole numbers")


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries behind a model."""
    found = {"python": platform.python_version()}
    for name in ("underpaint", "torch", "pytorch-lightning", "numpy", "safetensors", "monai"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def now() -> str:
    """Return the current time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def save(folder: Path, state: Mapping[str, Tensor], card: Card, *, beside: Mapping[str, bytes] | None = None) -> None:
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    folder
        Final path; must not exist yet.
    state
        Tensors by name, as from ``Module.state_dict``.
    card
        Their description.
    beside
        Contents of further files by name.

    Raises
    ------
    CheckpointError
        If ``folder`` exists already.
    StorageError
        If the disk is full or not writable.
    """
    import torch
    from safetensors.torch import save as to_bytes

    if folder.exists():
        raise CheckpointError(f"{folder} exists already; a checkpoint is never overwritten, so choose another folder.")
    with storage_errors(folder), _renamed_into_place(folder) as written:
        # Cloned, because safetensors refuses weights that share memory.
        tensors = {n: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for n, tensor in state.items()}
        _write(written / WEIGHTS, to_bytes(tensors, metadata={"format": "pt"}))
        _write(written / CARD, card.to_json().encode())
        for name, content in (beside or {}).items():
            _write(written / name, content)


@contextmanager
def _renamed_into_place(folder: Path) -> Iterator[Path]:
    make_folder(folder.parent)
    written = temporary(folder)
    make_folder(written)
    try:
        yield written
        sync(written)
        os.replace(written, folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(written, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    with open(path, "wb", opener=opener) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def load_card(folder: Path) -> Card:
    """Read only the card; raise as ``load`` does."""
    try:
        return Card.from_json((folder / CARD).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no checkpoint at {folder}; train a round first or choose another.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"The card of the checkpoint {folder} cannot be read ({error}); choose another round or train again."
        ) from error


def load(folder: Path) -> tuple[Card, dict[str, Tensor]]:
    """Read a checkpoint to main memory; this never runs code from the files.

    Raises
    ------
    CheckpointError
        If the folder is missing, or its card or weights are damaged or not finite.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    card = load_card(folder)
    try:
        state = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError, ValueError) as error:
        raise CheckpointError(
            f"The weights of the checkpoint {folder} are missing or damaged; choose another round or train again."
        ) from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in state.values()):
        raise CheckpointError(
            f"The weights of the checkpoint {folder} hold values that are not finite; choose another round or train again."
        )
    return card, state
