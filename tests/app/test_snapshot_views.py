"""The Rounds page shows a training as it learns, and leads back to any of its snapshots."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import app
from core.errors import Cancelled
from core.project import Project
from core.project.jobs import ProjectJobs
from core.storage.snapshots import Snapshot
from tests.conftest import TINY, Files
from tests.planted import plant
from tests.predicted import add_round

MAIN = Path(app.__file__).parent / "main.py"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, phantom_files: Files) -> Path:
    """A workspace whose project has one short round with three snapshots, watched on slice 5."""
    workspace = tmp_path_factory.mktemp("watched")
    project = Project.create(workspace, "toy", volumes=[phantom_files.image], classes=phantom_files.classes)
    project.labels.import_file(phantom_files.truth, slices=[2, 8])
    project.train(TINY)
    plant(project, 1)
    project.store.records.close()
    return workspace


@pytest.fixture
def project(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of it to work on, in the workspace of the app."""
    shutil.copytree(original, tmp_path / "copy")
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(tmp_path / "copy"))
    return Project.open(tmp_path / "copy", "toy")


def opened() -> AppTest:
    """The Rounds page; no exception may have reached the screen."""
    page = AppTest.from_file(MAIN, default_timeout=60).run().switch_page("views/rounds.py").run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    """What it says."""
    shown = (page.subheader, page.markdown, page.caption, page.warning, page.error)
    return " ".join(str(element.value) for kind in shown for element in kind)


def markup(page: AppTest) -> str:
    """The HTML of its pictures."""
    return " ".join(element.proto.body for element in page.get("html"))


def buttons(page: AppTest) -> list[str]:
    """What its buttons say."""
    return [button.label for button in page.button]


def test_the_end_is_shown_first_and_every_snapshot_is_in_the_strip(project: Project) -> None:
    """Its prediction over the grey slice, in large and among all the others in small."""
    page, snapshots = opened(), project.models.snapshots(1)
    assert "Round 1 as it learnt" in words(page)
    assert "the end" in words(page)
    assert f"Validation loss: **{snapshots[-1].validation_loss:.3f}**" in words(page)
    shown = markup(page)
    assert 'alt="Slice 5, predicted after 20 s of training"' in shown
    for snapshot in snapshots:
        assert len(re.findall(rf"moments/1/{snapshot.step}\.png\?side=1024", shown)) == (2 if snapshot.end else 1)
    assert shown.count('class="chosen"') == 1


def test_the_newest_model_is_not_gone_back_to(project: Project) -> None:
    """At the end of the newest round there is nothing to go back to, and the page says so."""
    page = opened()
    assert "This is the newest model" in words(page)
    assert "Go back" not in buttons(page)


def look_at(page: AppTest, snapshot: Snapshot) -> None:
    """Click on its thumbnail."""
    page.button(key=f"look_{snapshot.round}_{snapshot.step}").click().run()
    assert not page.exception


def test_a_click_on_a_thumbnail_looks_at_its_snapshot(project: Project) -> None:
    """Picture, seconds and loss are those of the snapshot chosen, and its thumbnail is framed."""
    page, first = opened(), project.models.snapshots(1)[0]
    look_at(page, first)
    (framed,) = re.findall(r'class="chosen">.*?moments/1/(\d+)\.png', markup(page))
    assert int(framed) == first.step
    assert markup(page).count(f"moments/1/{first.step}.png?side=1024") == 2
    assert f"After **{first.seconds:.1f} s**" in words(page)
    assert "not measured yet" in words(page)


def test_going_back_asks_and_starts_the_job(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question names the round and the snapshot; the answer starts it."""
    asked: list[tuple[int, float | None]] = []
    monkeypatch.setattr(ProjectJobs, "start_restore", lambda self, round_, *, seconds=None: asked.append((round_, seconds)))
    page, first = opened(), project.models.snapshots(1)[0]
    look_at(page, first)
    assert f"A new round 2 is made from round 1 as it was after {first.seconds:.1f} s." in words(page)
    assert "cannot be resumed" not in words(page)
    next(button for button in page.button if button.label == "Go back").click().run()
    assert not page.exception
    assert asked == [(1, first.seconds)]


def looked_at(page: AppTest) -> Any:
    """The choice of the round whose snapshots are shown."""
    return next(box for box in page.selectbox if box.label == "Look at")


def test_after_going_back_the_page_says_where_the_round_came_from(project: Project) -> None:
    """The table names the snapshot; the strip is still that of the training; its end can be gone back to."""
    first = project.models.snapshots(1)[0]
    project.models.restore(1, seconds=first.seconds)
    page = opened()
    assert looked_at(page).value == 1
    assert list(page.dataframe[0].value["Went back to"]) == ["round 1 at 0 s", "–"]
    assert "Go back" in buttons(page)
    assert "A new round 3 is made from round 1 as it was after 20 s." in words(page)
    look_at(page, first)
    assert "This is the newest model" in words(page)


def test_a_stopped_training_can_be_gone_back_to(project: Project) -> None:
    """Its snapshots are there, and the page says that it can then not be resumed."""
    with pytest.raises(Cancelled):
        project.train(replace(TINY, seconds=60, epochs=None), report=lambda share, said: bool(project.models.snapshots(2)))
    page = opened()
    assert "Round 2 as it learnt" in words(page)
    assert "A new round 2 is made from round 2 as it was after" in words(page)
    assert "can then no longer be resumed" in words(page)
    assert "Resume where it stopped" in buttons(page)


def test_of_an_older_round_the_end_can_be_gone_back_to(project: Project) -> None:
    """Where its snapshots were swept."""
    project.store.snapshots.forget(1)
    add_round(project)
    page = opened()
    looked_at(page).set_value(1).run()
    assert "No snapshots of round 1 are kept; its end is" in words(page)
    assert "A new round 3 is made from the end of round 1." in words(page)


def test_while_a_round_is_trained_the_newest_snapshot_is_shown(project: Project) -> None:
    """None can be chosen, and there is no way back until the training ends; the snapshot before lies below and fades."""
    _, before, newest = plant(project, 2, ended=False)
    with project.store.jobs.here("round", {"plan": {"round": 2, "train": {"seconds": 2.0}}}):
        page = opened()
        again = opened()
    assert "Round 2 as it learns" in words(page)
    thumbnails = [button.disabled for button in page.button if str(button.key).startswith("look_")]
    assert thumbnails == [True] * 3
    assert "Go back" not in buttons(page)
    (large,) = re.findall('<div class="up-large">.*?</div></div>', markup(page))
    large = re.findall(r'class="(over[a-z ]*)" src="\S*moments/2/(\d+)\.png\?side=1024', large)
    assert large == [("over past", str(before.step)), ("over", str(newest.step))]
    assert markup(again) == markup(page), "a poll that brings nothing new must not change a picture's address"


def test_the_disk_that_snapshots_take_is_said(project: Project) -> None:
    """And that older ones go by themselves."""
    assert re.search(r"The kept snapshots take \d+ MB on disk. Those of the last 3 trainings stay", words(opened()))


@pytest.mark.parametrize(("in_editor", "watched"), [(None, 9), ("5", 5), ("2", 9), ("99", 9)])
def test_the_slice_to_watch_is_one_that_is_not_learnt_by_heart(project: Project, in_editor: str | None, watched: int) -> None:
    """The one in the editor, unless it is labelled or none that there is: then one beside the labels."""
    page = AppTest.from_file(MAIN, default_timeout=60).run()
    if in_editor is not None:
        page.query_params["slice"] = in_editor
    page.switch_page("views/rounds.py").run()
    assert not page.exception
    assert next(one for one in page.number_input if one.label == "Slice to watch").value == watched
