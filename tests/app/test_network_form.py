"""Tests of app.components.network_form."""

from __future__ import annotations

from app.components import network_form
from core.models.networks import LIMITS


def test_the_page_offers_every_network_that_can_be_built() -> None:
    """Each architecture has a label on the form, in the order of the list; a user-supplied network has none."""
    assert list(network_form._NAMES) == list(LIMITS)
