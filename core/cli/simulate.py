"""``simulate``: replay the whole loop from known truth, without a user."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from core.cli.edge import answer, working
from core.cli.options import Json, Workspace, parse_names, takes
from core.cli.projects import number
from core.config import SimulateConfig

if TYPE_CHECKING:
    from core.simulate import Simulation


@takes(SimulateConfig)
def simulate(
    volume: Annotated[Path, typer.Option(help="The image volume.")],
    truth: Annotated[Path, typer.Option(metavar="LABELS.tif", help="True class ids, one page per slice of the volume.")],
    classes: Annotated[str, typer.Option(help="Class names, background first, like background,pore,phase.")],
    config: SimulateConfig,
    workspace: Workspace = None,
    as_json: Json = False,
) -> None:
    """Replay the whole loop from known truth; keep the project in --workspace, or else remove it at the end."""
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
