"""The command line: each command is a thin call of :class:`core.project.Project`.

Commands import the engine when called, so that ``underpaint --help`` need not load PyTorch, a matter of seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from core.cli import loop, projects, simulate, start
from core.cli.edge import tell

app = typer.Typer(
    name="underpaint",
    help="Turn a few minutes of painting on an image volume into a segmentation of all of it.",
    epilog="Every command takes --workspace DIR (or UNDERPAINT_WORKSPACE); UNDERPAINT_DEBUG=1 shows tracebacks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
labels = typer.Typer(help="Import and export painted slices.", no_args_is_help=True)

app.command()(start.demo)
app.command("app")(start.app)
app.command()(projects.new)
app.command()(projects.volumes)
app.add_typer(labels, name="labels")
labels.command("import")(projects.import_labels)
labels.command("export")(projects.export_labels)
app.command()(loop.train)
app.command()(loop.restore)
app.command()(loop.propose)
app.command()(loop.predict)
app.command()(loop.evaluate)
app.command()(projects.rounds)
app.command()(simulate.simulate)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"underpaint {version('underpaint')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Turn a few minutes of painting on an image volume into a segmentation of all of it."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the ``underpaint`` command; always end in ``SystemExit``.

    Parameters
    ----------
    arguments
        Arguments in place of ``sys.argv[1:]``.
    """
    try:
        app(args=list(arguments) if arguments is not None else None, prog_name="underpaint")
    except Exception as error:
        sys.exit(tell(error))
