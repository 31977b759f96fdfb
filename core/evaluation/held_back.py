"""Name the held-back pixels, and summarise them in numbers and in one sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.storage.database import to_json
from core.storage.labels import Revision
from core.storage.store import Store


@dataclass(frozen=True)
class ValidationSummary:
    """Held-back pixels, their slices, pixels per class name, and one sentence about them."""

    pixels: int
    slices: int
    class_pixels: dict[str, int]
    sentence: str


def validation_summary(store: Store) -> ValidationSummary:
    """Summarise the pixels held back for validation now."""
    classes = store.catalog.classes
    held = [store.validation_counts(head) for head in store.labels.heads() if head.validation_pixels]
    counts = np.sum(held, axis=0)[: len(classes)] if held else [0] * len(classes)
    slices, pixels = len(held), int(np.sum(counts))
    by_name = {c.name: int(n) for c, n in zip(classes, counts, strict=True)}
    if not pixels:
        sentence = (
            "Nothing is held back for validation yet: save a slice or a large box of your own choice (not a proposal) as right, "
            "and part of it will be held back."
        )
    else:
        places = "1 slice" if slices == 1 else f"{slices} slices"
        sentence = f"{pixels:,} labelled pixels on {places} are held back for validation and never trained on."
    return ValidationSummary(pixels, slices, by_name, sentence)


def pixels_key(store: Store, revisions: Sequence[Revision]) -> str:
    """Return a hash of the held-back pixels: of their labels and of the working regions."""
    held = [r.id for r in revisions if r.validation_pixels]
    regions = [v.region for v in store.catalog.volumes]
    return hashlib.sha256(to_json([held, regions]).encode()).hexdigest()
