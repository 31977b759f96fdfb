"""Methods that scripts of the version before call on a project itself lead to the facades."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.project import Project
from core.project.earlier_names import EarlierNames

NAMES = [name for name in vars(EarlierNames) if not name.startswith("_")]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The toy project, only to look at."""
    from tests.toy import make_toy

    return make_toy(tmp_path_factory.mktemp("workspace"))


@pytest.mark.parametrize("name", NAMES)
def test_an_earlier_name_leads_to_a_method_of_a_facade(opened: Project, name: str) -> None:
    """The very method, bound to the project's facade."""
    moved = vars(EarlierNames)[name]
    assert getattr(opened, name) == getattr(getattr(opened, moved._facade), moved._name)
    assert callable(getattr(opened, name))


def test_proposals_and_results_stay_callable(opened: Project) -> None:
    """They are facades now, and give the lists of before."""
    assert [proposal.volume for proposal in opened.proposals()]
    assert opened.results() == []


def test_a_script_of_the_version_before_runs(opened: Project, tmp_path: Path) -> None:
    """Labels out and in again by the old names."""
    opened.export_labels(tmp_path / "labels.tif")
    assert opened.labelled_slices() == opened.labels.slices()
    assert opened.validation_summary() == opened.labels.validation_summary()
