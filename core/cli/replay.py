"""``simulate``: the whole loop without a person, painted from known truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from core.cli.edge import answer, working
from core.cli.options import Json, Workspace, configured, known_query, parse_names, parse_slices
from core.cli.projects import number
from core.config import SimulateConfig, TrainConfig, help_text

if TYPE_CHECKING:
    from core.simulate import Simulation


def simulate(
    volume: Annotated[Path, typer.Option(help="The image volume.")],
    truth: Annotated[Path, typer.Option(metavar="LABELS.tif", help="True class ids, one page per slice of the volume.")],
    classes: Annotated[str, typer.Option(help="Class names, background first, like background,pore,phase.")],
    rounds: Annotated[int, typer.Option(help=help_text(SimulateConfig, "rounds"))] = SimulateConfig.rounds,
    start: Annotated[int, typer.Option(help=help_text(SimulateConfig, "start"))] = SimulateConfig.start,
    per_round: Annotated[int, typer.Option(help=help_text(SimulateConfig, "per_round"))] = SimulateConfig.per_round,
    seconds: Annotated[float, typer.Option(help=help_text(TrainConfig, "seconds"))] = 60,
    query: Annotated[
        str, typer.Option(metavar="NAME", callback=known_query, help=help_text(SimulateConfig, "query"))
    ] = SimulateConfig.query,
    test_slices: Annotated[str | None, typer.Option(metavar="SLICES", help=help_text(SimulateConfig, "test_slices"))] = None,
    seed: Annotated[int, typer.Option(help=help_text(TrainConfig, "seed"))] = TrainConfig.seed,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Play the whole loop from known truth; the project is kept in --workspace, or else removed at the end."""
    config = configured(
        SimulateConfig,
        rounds=rounds,
        start=start,
        per_round=per_round,
        query=query,
        test_slices=None if test_slices is None else tuple(parse_slices(test_slices)),
        train=configured(TrainConfig, seconds=seconds, seed=seed),
    )
    from core.simulate import simulate as play

    with working("Simulating") as report:
        played = play(volume, truth, parse_names(classes), config, workspace=workspace, report=report)
    result = {
        "rounds": [
            {
                "round": row.round,
                "labelled_slices": row.labelled_slices,
                "mean_dice": row.mean_dice,
                "annotation_seconds": row.annotation_seconds,
                "dice": row.dice,
                "training_seconds": row.training_seconds,
                "slices": row.slices,
            }
            for row in played.rounds
        ],
        "test_slices": played.test_slices,
    }
    answer(result, _table(played), as_json=as_json)


def _table(played: Simulation) -> Table:
    table = Table("round", "labelled slices", "annotation seconds", "mean Dice", title=f"Test slices {list(played.test_slices)}")
    for row in played.rounds:
        table.add_row(str(row.round), str(row.labelled_slices), f"{row.annotation_seconds:.0f}", number(row.mean_dice))
    return table
