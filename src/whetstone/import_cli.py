"""The command `whetstone import`: the history that an agent has already, from files of other programs."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whetstone.cli_settings import settings_with
from whetstone.errors import WhetstoneError

if TYPE_CHECKING:
    from rich.progress import Progress

    from whetstone.import_run import ImportRun
    from whetstone.trajectories.importers import Source

FORMATS = "auto, eliza-json, eliza-zip, eliza-native, art, openai-chat, sharegpt, tau-bench or ndjson"

# What agents and people wrote to each other is nobody else's to read: a new database is its owner's only.
_PRIVATE = 0o077


def import_files(
    files: Annotated[
        list[Path], typer.Argument(help="Files (also .gz and .zst), folders, or - for standard input.")
    ],
    format_name: Annotated[str, typer.Option("--format", "-f", help=f"{FORMATS}.")] = "auto",
    agent_id: Annotated[str | None, typer.Option(help="Agent of all that is imported.")] = None,
    source: Annotated[str | None, typer.Option(help="Source of all that is imported.")] = None,
    batch_id: Annotated[str | None, typer.Option(help="Batch of all that is imported.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Added; can be given several times.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check; store nothing.")] = False,
    url: Annotated[str | None, typer.Option(help="Send to the service there, not to the database.")] = None,
    token: Annotated[
        str | None, typer.Option(help="Token of that service.", envvar="ELIZA_API_TOKEN", show_envvar=True)
    ] = None,
    state_dir: Annotated[Path | None, typer.Option(help="Folder of the database (ELIZA_STATE_DIR).")] = None,
) -> None:
    """Import trajectories. Importing the same file again changes nothing."""
    from whetstone.client import WhetstoneClient, WhetstoneClientError
    from whetstone.import_run import ImportRun, Overrides
    from whetstone.trajectories.importers import FORMAT_NAMES, sources

    if format_name not in {"auto", *FORMAT_NAMES}:
        raise typer.BadParameter(f"{format_name!r} is not one of {FORMATS}", param_hint="--format")
    overrides = Overrides(agent_id, source, batch_id, tag or ())
    started = time.monotonic()
    try:
        found = sources(files)
        with _progress() as progress:
            run = ImportRun(found, format_name, overrides, _follower(progress, found))
            if dry_run:
                run.dry()
            elif url is not None:
                with WhetstoneClient(url, token) as client:
                    run.to_service(client)
            else:
                os.umask(_PRIVATE)
                asyncio.run(run.into_database(settings_with(state_dir=state_dir)))
    except (WhetstoneError, WhetstoneClientError, OSError) as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
    _summarize(run, time.monotonic() - started, dry_run=dry_run)
    if not run.tally.count or not run.tally.stored:
        raise typer.Exit(1)


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _follower(progress: Progress, files: Sequence[Source]) -> Callable[[Source], None]:
    """Shows how much of the files has been read."""
    task = progress.add_task("Importing", total=sum(file.size or 0 for file in files) or None)
    read: dict[int, int] = {}

    def follow(source: Source) -> None:
        read[id(source)] = source.position()
        progress.update(task, description=Path(source.name).name, completed=sum(read.values()))

    return follow


def _summarize(run: ImportRun, seconds: float, *, dry_run: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    console, tally = Console(stderr=True), run.tally
    for place, error in tally.errors:
        console.print(f"{place}: {error}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    if tally.rejected > len(tally.errors):
        console.print(f"… and {tally.rejected - len(tally.errors)} more", style="yellow")
    if not tally.stored:
        console.print("Trajectory logging is off: nothing was stored.", style="red")
    table = Table("trajectories", "new", "changed", "new calls", "skipped", "seconds")
    if dry_run:
        table = Table("trajectories", "calls", "skipped", "seconds", title="dry run: nothing was stored")
        figures = (tally.count, tally.llm_calls, tally.rejected)
    else:
        figures = (tally.count, tally.created, tally.updated, tally.llm_calls, tally.rejected)  # type: ignore[assignment]
    table.add_row(*(f"{figure:,}" for figure in figures), f"{seconds:.1f}")
    console.print(table)
