"""What several pages say of a job and of what is held back, asked of the parts that say it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.components.status import validation
from core.evaluation.held_back import ValidationSummary
from core.project import Project
from core.project.labels import ProjectLabels
from core.storage.jobs import Job
from core.storage.labels import Claim


def page() -> None:
    """One job, in a few lines."""
    import streamlit as st

    from app.components.status import show_job

    show_job(st.session_state["project"], st.session_state["job"], "test", brief=st.session_state["brief"])


def job(**told: Any) -> Job:
    """A training that was entered at the time 100."""
    usual: dict[str, Any] = {
        "id": 7, "kind": "train", "arguments": {}, "state": "running", "progress": 0.5, "message": "", "error": None,
        "result": None, "created": 100.0, "started": 110.0, "heartbeat": None, "ended": None,
    }  # fmt: skip
    return Job(**{**usual, **told})


def said(one: Job, *, brief: bool = False, project: Project | None = None) -> list[str]:
    """Everything that a page says of a job."""
    test = AppTest.from_function(page)
    for name, value in (("job", one), ("brief", brief), ("project", project)):
        test.session_state[name] = value
    test.run()
    assert not test.exception
    bars = [bar.proto.text for bar in test.get("progress")]
    words = [element.value for kind in (test.error, test.caption) for element in kind]
    return [*bars, *(part.label for part in test.expander), *words, *(button.label for button in test.button)]


@pytest.mark.parametrize(
    ("told", "brief", "words"),
    [
        ({"message": "training round 3"}, False, ["Training round 3", "Cancel"]),
        ({"state": "queued"}, False, ["Training: queued", "Cancel"]),
        ({"state": "failed", "error": "The disk is full."}, False, ["Training failed: The disk is full."]),
        ({"state": "failed", "error": "The disk is full."}, True, [":red[Training failed]", "The disk is full."]),
        ({"state": "dead"}, True, [":red[Training was stopped]", "No reason was recorded."]),
        ({"state": "cancelled", "ended": 140.0}, False, ["Training was cancelled after 30 s."]),
        ({"state": "cancelled", "started": None}, False, ["Training was cancelled."]),
        ({"state": "done", "result": {"round": 3, "caution": None}}, False, []),
        (
            {"kind": "round", "state": "done", "result": {"round": 3, "caution": "it is less accurate"}},
            False,
            [":orange[Training and scanning ended with a warning]", "Round 3 is trained, but it is less accurate."],
        ),
        ({"kind": "measure", "state": "failed", "error": "No."}, False, ["measure failed: No."]),
    ],
)
def test_a_job_is_told_in_a_few_words(told: dict[str, Any], brief: bool, words: list[str]) -> None:
    """What it does and how to stop it, or how it ended; a kind of a newer version has its own name."""
    assert said(job(**told), brief=brief) == words


def test_cancel_asks_the_job_to_stop(phantom_project: Project) -> None:
    """It does so itself, at the next safe moment."""
    with phantom_project.store.jobs.here("train", {}) as at_work:
        test = AppTest.from_function(page)
        for name, value in (("job", phantom_project.jobs.current()), ("brief", False), ("project", phantom_project)):
            test.session_state[name] = value
        test.run().button[0].click().run()
        assert test.session_state["messages"] == ["Asked the job to stop; it ends at the next safe moment."]
        assert at_work.report(0.6, "")


def test_what_is_held_back_is_counted_once_for_each_state(phantom_project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels and working regions make another state, and so do names of classes, which the sentence has."""
    count, counted = ProjectLabels.validation_summary, list[int]()

    def counting(labels: ProjectLabels) -> Any:
        counted.append(1)
        return count(labels)

    monkeypatch.setattr(ProjectLabels, "validation_summary", counting)
    first = settled(phantom_project)
    assert settled(phantom_project) is first
    assert len(counted) == 1
    phantom_project.labels.submit_mask(0, 5, np.zeros((160, 160), np.uint8), Claim.slice())
    second = settled(phantom_project)
    assert second.slices == first.slices + 1
    phantom_project.set_region(0, [((0, 0), (0, 20), (160, 20), (160, 0))])
    assert settled(phantom_project).pixels < second.pixels
    phantom_project.set_classes(["matrix", "hole", "phase"])
    assert "hole" in settled(phantom_project).class_pixels
    assert len(counted) == 4


def settled(project: Project) -> ValidationSummary:
    """What is held back, once it is counted."""
    until = time.monotonic() + 20
    while (summary := validation(project)).sentence.startswith("Counting"):
        assert time.monotonic() < until
        time.sleep(0.01)
    return summary
