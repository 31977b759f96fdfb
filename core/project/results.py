"""Files made for the user, and scores against ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from core.config import Averaging, PredictConfig
from core.evaluation import against_truth
from core.evaluation.against_truth import Evaluation
from core.models.loaded import LoadedModels
from core.progress import Report, silent
from core.results import segment
from core.storage.results import Result
from core.storage.store import Store


class ProjectResults:
    """Files made for the user, and scores against ground truth; call it for the list of files."""

    def __init__(self, store: Store, models: LoadedModels) -> None:
        self._store, self._models = store, models

    def __call__(self) -> list[Result]:
        """Return the files made for the user and still on disk, newest first."""
        return self._store.results.all()

    def export_confidence(
        self,
        out: Path,
        *,
        volume: int = 0,
        round_: int | None = None,
        config: PredictConfig = PredictConfig(),
        report: Report = silent,
        **averaging: Unpack[Averaging],
    ) -> None:
        """Write every slice's confidence as ``.tif`` or ``.zarr``, uint8: 255 times the best class's probability.

        Parameters
        ----------
        config, **averaging
            As for ``project.predict``; equal settings give the confidence of that segmentation.
        """
        asked = replace(config, **averaging)
        segment.export_confidence(self._models, out, asked, volume=volume, round_=round_, report=report)

    def evaluate(
        self,
        truth: Path,
        *,
        round_: int | None = None,
        volume: int = 0,
        slices: Sequence[int] | None = None,
        tolerance: float | None = None,
        config: PredictConfig = PredictConfig(),
        report: Report = silent,
        **averaging: Unpack[Averaging],
    ) -> Evaluation:
        """Score a round against ground truth with one page per slice, on slices without a label of any role.

        Parameters
        ----------
        tolerance
            Largest distance in pixels between two boundaries in agreement, such as :data:`core.config.TOLERANCE`. Boundary
            F-score and 95 % Hausdorff distance take about 2 s for a slice of 1024 x 1024 pixels with five classes; None
            leaves them out.
        config, **averaging
            Settings of the prediction; as for ``project.predict``.
        """
        return against_truth.evaluate_against(
            self._models,
            truth,
            replace(config, **averaging),
            round_=round_,
            volume=volume,
            slices=slices,
            tolerance=tolerance,
            report=report,
        )
