"""Rounds: train a round, follow it, and compare it with the rounds before."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from app import session
from app.components import charts, slice_figures, snapshots, training_form
from app.components.augmentation import what_is_shown
from app.components.form_fields import Form
from app.components.messages import duration, empty_page, plural, scores_in_words, settings_in_words, spoken
from app.components.start_buttons import start_button
from app.components.status import POLL_SECONDS, held_back, not_learnt_from, scores_note, show_job, show_regression_warning
from core.config import ENDS, AugmentConfig, ProposeConfig
from core.project import Project
from core.storage.jobs import Job
from core.storage.rounds import RoundRow

_TRAINING = ("round", "train", "restore")
_FIRST_TEXT = """
**Nothing is painted yet.** A round turns what you painted into a model:

1. Paint some pixels of every class on two or three slices.
2. Come back and start a round; it trains for the time you set.
3. The model scans the volume and proposes the slices it is least sure about.
"""


def show() -> None:
    """Show the page."""
    st.title("Rounds")
    project = session.project()
    if project is None:
        empty_page("Open or create a project first; then train it here.", "project", "Go to Project")
        return
    rows, job = project.models.rounds(), project.jobs.current()
    if not project.labels.slices() and not rows:
        empty_page(_FIRST_TEXT, "annotate", "Go to Annotate")
        return
    left, right = st.columns([1, 2.4], gap="large")
    st.html(slice_figures.CSS)
    with left:
        _start(project, rows, job)
    with right:
        active = job is not None and job.active
        st.fragment(run_every=POLL_SECONDS if active else None)(_latest)(project, active, rows)
    what_is_shown(project)
    if rows:
        _round_by_round(project, rows)


def _start(project: Project, rows: list[RoundRow], job: Job | None) -> None:
    """Show the next round's labels and settings, and its start button."""
    st.subheader("Next round")
    painted = project.labels.slices()
    seconds = project.labels.active_seconds()
    painting = f" ({duration(seconds)} of active painting)" if seconds else ""
    st.markdown(f"It learns from **{plural(len(painted), 'painted slice')}**{painting}.")
    held_back(project)
    not_learnt_from(project)
    form = Form()
    config = training_form.ask(form, first=not rows)
    number = form.setting("number", ProposeConfig())
    if session.augmentation() != AugmentConfig():
        st.caption("It uses your settings under *What the model will be shown*.")
    slice_id = snapshots.ask_slice_to_watch(project, form)
    busy, forbidden = job is not None and job.active, not form.allowed
    if start_button(project, "Start", primary=True, disabled=busy or forbidden):
        project.jobs.start_round(
            config,
            ProposeConfig(number=int(number)),
            watched=project.models.watched_region(*slice_id),
            tensorboard=training_form.logs(),
        )
        session.say(f"Round {len(rows) + 1} has started; it continues if you close this window.")
        st.rerun()
    if busy:
        st.caption("Only one job runs at a time; the button is enabled again when it ends.")
    elif forbidden:
        st.caption("Correct the marked values above, then start.")


def _latest(project: Project, was_active: bool, shown: list[RoundRow]) -> None:
    """Show the running or last round, as a fragment: its state and its learning curve.

    Draw the page again when the job ends, and earlier if the rounds or scores differ from those shown.
    """
    with spoken():
        job = project.jobs.current()
        if (was_active and (job is None or not job.active)) or project.models.rounds() != shown:
            st.rerun()
        if job is not None and job.kind in _TRAINING and job.state != "done":
            show_job(project, job, "rounds")
        _curve(project, snapshots.strip(project, _curve_round(project, job), job), job)


def _curve_round(project: Project, job: Job | None) -> int:
    """Return the round of the curve: the one in training, else the newest."""
    plan = None if job is None else job.arguments.get("plan")
    return int(plan["round"]) if plan else len(project.models.rounds())


def _curve(project: Project, number: int, job: Job | None) -> None:
    """Plot training and validation loss, and Dice per class, over the seconds of one round's training."""
    names = [c.name for c in project.classes]
    losses, dice = charts.curve_rows(project.models.curve(number), names)
    if not losses:
        st.caption("The learning curve appears here as soon as training has begun.")
        return
    st.subheader(f"Learning curve of round {number}")
    end = max(losses[-1]["seconds"], _budget(job))
    left, right = st.columns(2)
    left.altair_chart(charts.lines(losses, x="seconds", y_title="loss",
                                   colors=charts.LOSS_COLORS, until=end))  # fmt: skip
    if not dice:
        right.caption("Dice per class appears at the first validation; it needs validation pixels, which are held back "
                      "when you save a whole slice or a checked region.")  # fmt: skip
        return
    right.altair_chart(charts.lines(dice, x="seconds", y_title="validation Dice",
                                    colors=_colors(project), bounded=True, until=end))  # fmt: skip


def _budget(job: Job | None) -> float:
    """Return the seconds of the running training; 0 without one."""
    plan = job.arguments.get("plan") if job is not None and job.active else None
    return float(plan["train"]["seconds"]) if plan else 0.0


def _round_by_round(project: Project, rows: list[RoundRow]) -> None:
    """Compare all rounds on the same validation pixels, and the painting before each."""
    st.subheader("Round by round")
    st.caption(f"{_measured_on(rows)} {scores_note(project, rows[-1])}")
    show_regression_warning(project)
    losses, dice = charts.round_rows(rows)
    work = [{"round": r.round, "minutes": r.active_seconds / 60} for r in rows]
    one, two, three = st.columns(3)
    if dice:
        one.altair_chart(charts.lines(dice, x="round", bounded=True,
                                      y_title="validation Dice", colors=_colors(project), points=True))  # fmt: skip
    if losses:
        two.altair_chart(charts.lines(losses, x="round", points=True,
                                      y_title="validation loss", colors={"validation": charts.ACCENT}))  # fmt: skip
    three.altair_chart(charts.bars(work, x="round", x_title="round", y="minutes", y_title="minutes of painting so far"))
    st.dataframe(_table(rows), hide_index=True)
    _not_here(project, rows)


def _not_here(project: Project, rows: list[RoundRow]) -> None:
    """Name the rounds with a network unavailable in the app."""
    own = [str(r.round) for r in rows if not project.models.has_network(r.round)]
    if own:
        st.caption(
            f"Network of your own: round {', '.join(own)}. It is available in Python only: the app shows its stored "
            "predictions and makes no others. Such a round is measured only if it was scored in Python."
        )


def _measured_on(rows: list[RoundRow]) -> str:
    newest = rows[-1]
    if not newest.validation_pixels:
        return ("Not measured: no labelled pixel is held back for validation yet. To score the next round, save a whole slice "
                "or a checked region not proposed by a model.")  # fmt: skip
    return (
        f"Validation scores of all rounds are measured on the same {newest.validation_pixels:,} held-back pixels of "
        f"{plural(len(newest.validation_revisions), 'slice')}, used to train no round; newest: "
        f"{scores_in_words(newest.validation_dice)}. Few pixels make a rough score: trust large differences only."
    )


def _table(rows: list[RoundRow]) -> list[dict[str, object]]:
    """Return a line per round, newest first."""
    made: list[dict[str, object]] = []
    for r in rows:
        scores = {f"Dice {name}": "–" if v is None else f"{v:.3f}" for name, v in r.validation_dice.items()}
        made.append(
            {
                "Round": r.round,
                **({"Went back to": _origin(r)} if any(row.origin for row in rows) else {}),
                "Network": r.network,
                **({"Changed settings": settings_in_words(r.changed) or "–"} if any(row.changed for row in rows) else {}),
                "Trained": datetime.fromtimestamp(r.created).strftime("%d %b %H:%M"),
                "Painted slices": r.labelled_slices,
                "Active painting": duration(r.active_seconds),
                "Training": duration(r.seconds),
                "Ended because": ENDS[r.ended_by] if r.origin is None else "–",
                "Validation loss": "–" if r.validation_loss is None else f"{r.validation_loss:.3f}",
                **scores,
                "Measured on": plural(r.validation_pixels, "pixel"),
            }
        )
    return made[::-1]


def _origin(row: RoundRow) -> str:
    return "–" if row.origin is None else f"round {row.origin.round} at {duration(row.origin.seconds)}"


def _colors(project: Project) -> dict[str, str]:
    return {c.name: c.color for c in project.classes}


show()
