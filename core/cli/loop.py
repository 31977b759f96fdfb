"""Commands of the loop: ``train``, ``restore``, ``propose``, ``predict``, ``evaluate``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from core.cli.edge import answer, say, working
from core.cli.options import Json, Name, Round, Typed, VolumeIndex, Workspace, option_names, parse_range, takes
from core.cli.projects import dice_words, number
from core.cli.scores import evaluation_text
from core.config import ENDS, TOLERANCE, PredictConfig, ProposeConfig, TrainConfig
from core.errors import Cancelled

if TYPE_CHECKING:
    from core.evaluation.against_truth import Evaluation
    from core.results.segment import PredictReport
    from core.training.round import RoundReport


@takes(TrainConfig)
def train(
    name: Name,
    config: TrainConfig,
    typed: Typed,
    tensorboard: Annotated[
        bool,
        typer.Option("--tensorboard", help="Write logs for TensorBoard beside the checkpoint; needs the package tensorboard."),
    ] = False,
    watch: Annotated[
        int | None,
        typer.Option(metavar="Z", min=0, help="Slice to predict repeatedly during training; by default one beside the labels."),
    ] = None,
    volume_index: VolumeIndex = 0,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Resume the stopped or killed round with its own labels and settings."),
    ] = False,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Train the next round on all labels; after Ctrl-C, resume it with --resume."""
    new = (*typed, *(["tensorboard"] if tensorboard else []), *(["watch"] if watch is not None else []))
    if resume and new:
        raise typer.BadParameter(f"--resume uses the settings of the stopped round; leave out {option_names(new)}.")
    from core.project import Project, workspace_folder

    project = Project.open(workspace_folder(workspace), name)
    watched = None if watch is None else project.models.watched_region(volume_index, watch)
    kept = None if resume else project.models.interrupted()
    if kept is not None:
        done_of = f"{kept.seconds:.0f} of {kept.budget:.0f} s"
        say(f"Round {kept.round} was stopped after {done_of}; a new start discards that, --resume continues it.")
    try:
        with working("Training") as report:
            done = project.train(
                config,
                watched=watched,
                resume=resume,
                tensorboard=tensorboard,
                report=report,
            )
    except Cancelled as stopped:
        raise Cancelled(f"Training was stopped; continue it with: underpaint train {name} --resume") from stopped
    _tell(done, project.models.regression_warning(), as_json=as_json)


def _tell(done: RoundReport, warning: str | None, *, as_json: bool) -> None:
    """Print a report of the new round."""
    result = {
        "round": done.round,
        "seconds": done.seconds,
        "validation_loss": done.validation_loss,
        "validation_dice": done.validation_dice,
        "checkpoint": done.checkpoint,
        "ended_by": done.ended_by,
        "logs": done.logs,
        "begins_with": done.begins_with,
        "fresh_because": done.fresh_because,
    }
    text = (
        f"Round {done.round}: ended after {done.seconds:.0f} s because {ENDS[done.ended_by]}; "
        f"validation loss {number(done.validation_loss)}, Dice {dice_words(done.validation_dice)}.\n{done.checkpoint}"
    )
    if done.logs is not None:
        text += f"\nLook at the logs with: tensorboard --logdir {done.logs.parent}"
    but = done.reservations(warning)
    answer(result, f"{text}\nBut {but}." if but else text, as_json=as_json)


def restore(
    name: Name,
    round_number: Annotated[int, typer.Option("--round", metavar="R", min=1, help="The round to go back to.")],
    snapshot: Annotated[
        float | None,
        typer.Option(
            "--snapshot",
            "--moment",
            metavar="SECONDS",
            min=0,
            help="The time of a snapshot, see rounds --snapshots; the end of its training by default.",
        ),
    ] = None,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Restore a training snapshot or an earlier round as a new round, the newest model."""
    from core.project import Project, workspace_folder

    project = Project.open(workspace_folder(workspace), name)
    with working("Measuring"):
        done = project.models.restore(round_number, seconds=snapshot)
    _tell(done, project.models.regression_warning(), as_json=as_json)
    say(f"It has no proposals yet; make some with: underpaint propose {name}")


@takes(ProposeConfig)
def propose(
    name: Name,
    config: ProposeConfig,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Scan the volumes with the newest model and list the slices most worth correcting."""
    from core.project import Project, workspace_folder

    project = Project.open(workspace_folder(workspace), name)
    with working("Scanning") as report:
        proposals = project.propose(config, report=report)
    table = Table("volume", "slice", "score", "reason")
    for proposal in proposals:
        table.add_row(str(proposal.volume), str(proposal.z), f"{proposal.score:.4f}", proposal.reason)
    result = [
        {
            "volume": proposal.volume,
            "slice": proposal.z,
            "score": proposal.score,
            "reason": proposal.reason,
            "boxes": [[box.y0, box.x0, box.y1, box.x1] for box in proposal.boxes],
        }
        for proposal in proposals
    ]
    answer({"proposals": result}, table if result else "Every slice is labelled; nothing to propose.", as_json=as_json)


@takes(PredictConfig)
def predict(
    name: Name,
    out: Annotated[Path, typer.Argument(metavar="OUT.tif|OUT.zarr", help="Where to write the segmentation.")],
    *,
    slices: Annotated[str | None, typer.Option(help="Slices A:B (A to B-1), from 0; all by default.")] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write a probability per class instead of class ids.")
    ] = False,
    config: PredictConfig,
    round_number: Round = None,
    volume_index: VolumeIndex = 0,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Segment a volume, slice by slice, into a TIFF or zarr."""
    chosen = None if slices is None else parse_range(slices)
    from core.project import Project, workspace_folder

    project = Project.open(workspace_folder(workspace), name)
    with working("Predicting") as report:
        done = project.predict(
            out,
            slices=chosen,
            probabilities=probabilities,
            round_=round_number,
            volume=volume_index,
            config=config,
            report=report,
        )
    result = {
        "slices": done.slices,
        "seconds": done.seconds,
        "megapixels_per_second": done.megapixels_per_second,
        "peak_memory_mb": done.peak_memory_mb,
        "path": done.path,
        "round": done.round,
        "amounts": {class_name: asdict(amount) for class_name, amount in done.amounts.items()},
        **_averaging(done),
    }
    text = (
        f"Wrote {done.path}: {done.slices} slices in {done.seconds:.1f} s, {done.megapixels_per_second:.1f} megapixels/s, "
        f"peak memory {number(done.peak_memory_mb, 0)} MB. "
        f"{done.across.sentence}"
    ).rstrip()
    answer(result, text, as_json=as_json)


@takes(PredictConfig)
def evaluate(
    name: Name,
    truth: Annotated[Path, typer.Option(metavar="LABELS.tif", help="True class ids, one page per slice of the volume.")],
    *,
    boundaries: Annotated[
        bool,
        typer.Option(
            "--boundaries", help="Add boundary F-score and 95 % Hausdorff distance: about 2 s for a slice of 1024 x 1024."
        ),
    ] = False,
    tolerance: Annotated[float, typer.Option(min=0, help="Distance in pixels within which boundaries agree.")] = TOLERANCE,
    config: PredictConfig,
    round_number: Round = None,
    volume_index: VolumeIndex = 0,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Score a model against a truth, on slices without labels of any role."""
    from core.project import Project, workspace_folder

    project = Project.open(workspace_folder(workspace), name)
    with working("Evaluating") as report:
        done = project.results.evaluate(
            truth,
            round_=round_number,
            volume=volume_index,
            tolerance=tolerance if boundaries else None,
            config=config,
            report=report,
        )
    result = {
        "dice": done.dice,
        "mean_dice": done.mean_dice,
        "slices": done.slices,
        "round": done.round,
        "pixels": done.pixels,
        "classes": {class_name: asdict(score) for class_name, score in done.classes.items()},
        "confusion": done.confusion,
        "tolerance_px": done.tolerance_px,
        **_averaging(done),
    }
    answer(result, evaluation_text(done), as_json=as_json)


def _averaging(done: PredictReport | Evaluation) -> dict[str, Any]:
    """Return how a segmentation or its scores were averaged, for JSON."""
    return {"views": done.views, "across": asdict(done.across)}
