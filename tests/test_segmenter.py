"""The schedules run as said."""

from __future__ import annotations

import pytest
import torch

from core.segmenter import _average, schedule


def test_the_learning_rate_climbs_and_falls() -> None:
    """It starts low, peaks early and ends at 0 with the budget."""
    rates = [schedule(share) for share in (0.0, 0.02, 0.04, 0.5, 0.9, 1.0)]
    assert rates[0] == 0.02
    assert rates[2] == 1.0
    assert rates[2] > rates[3] > rates[4] > rates[5] == 0.0


def test_the_average_follows_quickly_at_first() -> None:
    """After one step the average is mostly the new weights; later it barely moves."""
    early, late = torch.zeros(3), torch.zeros(3)
    _average([early], [torch.ones(3)], 1)
    _average([late], [torch.ones(3)], 100_000)
    assert early[0] > 0.8
    assert late[0] == pytest.approx(0.001)


def test_counters_are_copied_not_averaged() -> None:
    """Batch normalisation counts its batches in whole numbers."""
    counter = torch.tensor(3)
    _average([counter], [torch.tensor(9)], 100)
    assert counter == 9
