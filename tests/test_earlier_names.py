"""Methods and parameters of the version before, as scripts call them, still work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import Cancelled, TrainingError
from core.progress import silent
from core.project import Project
from core.project.earlier_names import EarlierNames, renamed, split_report
from core.project.jobs import ProjectJobs
from core.training.learning.task import Progress
from tests.conftest import TINY

pytestmark = pytest.mark.filterwarnings("ignore:project.* is an earlier name of:DeprecationWarning")

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
    with pytest.warns(DeprecationWarning, match=rf"use project\.{moved._facade}\.{moved._name}\."):
        found = getattr(opened, name)
    assert found == getattr(getattr(opened, moved._facade), moved._name)
    assert callable(found)


def test_proposals_and_results_stay_callable(opened: Project) -> None:
    """They are facades now, and give the lists of before."""
    assert [proposal.volume for proposal in opened.proposals()]
    assert opened.results() == []


def test_a_script_of_the_version_before_runs(opened: Project, tmp_path: Path) -> None:
    """Labels out and in again by the old names."""
    opened.export_labels(tmp_path / "labels.tif")
    assert opened.labelled_slices() == opened.labels.slices()
    assert opened.validation_summary() == opened.labels.validation_summary()


def test_an_earlier_parameter_is_taken_with_a_warning() -> None:
    """``frame=`` of version 0.1 is ``watched=``; both at once are refused."""

    @renamed(frame="watched")
    def train(*, watched: int = 0) -> int:
        return watched

    with pytest.warns(DeprecationWarning, match="frame= is an earlier name of watched= .* 0.3; give watched=."):
        assert train(frame=5) == 5
    assert train(watched=5) == 5
    with pytest.raises(TypeError, match="got watched= and its earlier name frame=; give watched= alone"):
        train(frame=5, watched=5)


@pytest.mark.parametrize("verb", [Project.train, ProjectJobs.start_round])
def test_frame_is_still_a_parameter_of_a_new_round(verb: Callable[..., Any], opened: Project) -> None:
    """Both verbs of a new round take it; without labels neither starts."""
    owner = opened if verb is Project.train else opened.jobs
    with pytest.warns(DeprecationWarning, match="give watched="), pytest.raises(TrainingError, match="label"):
        verb(owner, frame=opened.models.watched_region(0, 1))


def test_a_report_with_one_parameter_gets_a_progress(phantom_project: Project) -> None:
    """As in version 0.1, with a warning at the script's own line; returning True stops the training."""
    seen = list[Progress]()
    with (
        pytest.warns(DeprecationWarning, match="with a Progress will no longer be called in 0.3") as warned,
        pytest.raises(Cancelled),
    ):
        phantom_project.train(TINY, report=lambda now: seen.append(now) or now.step > 0)
    assert warned[0].filename == __file__
    assert seen[0].train_loss is not None


def earlier(now: Progress) -> bool:
    """A report of version 0.1."""
    return False


def today(share: float, said: str = "") -> bool:
    """A report of today."""
    return False


@pytest.mark.parametrize(
    ("report", "split"),
    [
        (earlier, (silent, earlier)),
        (today, (today, None)),
        (None, (silent, None)),
        (bool, (bool, None)),
    ],
)
@pytest.mark.filterwarnings("ignore:report= takes:DeprecationWarning")
def test_reports_are_told_apart_by_their_parameters(report: Any, split: Any) -> None:
    """Exactly one positional parameter is that of 0.1; a function without a readable signature is one of today."""
    assert split_report(report) == split
