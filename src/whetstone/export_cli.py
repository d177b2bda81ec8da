"""The command `whetstone export`: trajectories from the database into a file, without a running service."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from whetstone.cli_settings import settings_with
from whetstone.clock import parse_ms
from whetstone.errors import InvalidInputError, WhetstoneError
from whetstone.files import replacing, write_json

if TYPE_CHECKING:
    from whetstone.datasets.downloads import Download
    from whetstone.settings import Settings

_FILTERS = "Which trajectories (all must hold)"


def _filter_option(text: str) -> object:
    return typer.Option(help=text, rich_help_panel=_FILTERS)


def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    file_format: Annotated[
        str, typer.Option("--format", "-f", help="json, jsonl, csv, art, zip or parquet.")
    ] = "json",
    prompts: Annotated[bool, typer.Option(help="--no-prompts leaves out every text.")] = True,
    for_training: Annotated[
        bool,
        typer.Option("--for-training", help="Rows in eliza_native_v1, through the privacy filter."),
    ] = False,
    compression: Annotated[str | None, typer.Option(help="gzip or zstd.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    state_dir: Annotated[Path | None, typer.Option(help="Folder of the database (ELIZA_STATE_DIR).")] = None,
    trajectory_id: Annotated[list[str] | None, _filter_option("Its id; can be given several times.")] = None,
    source: Annotated[str | None, _filter_option("chat, autonomy, telegram, discord, api, …")] = None,
    status: Annotated[str | None, _filter_option("active, completed, error or timeout.")] = None,
    start_date: Annotated[str | None, _filter_option("Started then or later (ISO 8601).")] = None,
    end_date: Annotated[str | None, _filter_option("Started then or earlier (ISO 8601).")] = None,
    search: Annotated[str | None, _filter_option("Text anywhere in the trajectory.")] = None,
    search_mode: Annotated[
        str, _filter_option("text (as it is) or query (words, phrases, prefixes).")
    ] = "text",
    scenario_id: Annotated[str | None, _filter_option("As recorded.")] = None,
    batch_id: Annotated[str | None, _filter_option("As recorded.")] = None,
    run_id: Annotated[str | None, _filter_option("As recorded.")] = None,
    trace_id: Annotated[str | None, _filter_option("As recorded.")] = None,
    training_data: Annotated[
        bool | None,
        typer.Option("--training-data/--no-training-data", help="Its flag.", rich_help_panel=_FILTERS),
    ] = None,
    task: Annotated[str | None, _filter_option("One of its calls is for this task.")] = None,
    model: Annotated[str | None, _filter_option("One of its calls used this model.")] = None,
    tag: Annotated[str | None, _filter_option("One of its tags.")] = None,
    min_reward: Annotated[float | None, _filter_option("Its reward is at least this.")] = None,
    has_error: Annotated[
        bool | None,
        typer.Option("--has-error/--no-error", help="Something in it failed.", rich_help_panel=_FILTERS),
    ] = None,
) -> None:
    """Write trajectories to a file. The file appears when it is whole, and is for its owner alone.

    Beside training rows, FILE.privacy.json attests which filter they passed and what it removed.
    """
    from whetstone.datasets.downloads import Download, Format
    from whetstone.trajectories.exports.compression import Compression
    from whetstone.trajectories.reading.conditions import TrajectoryFilter
    from whetstone.trajectories.search.query import SearchMode

    chosen = TrajectoryFilter(
        ids=trajectory_id,
        source=source,
        status=status,
        start_date=_moment("--start-date", start_date),
        end_date=_moment("--end-date", end_date),
        search=search,
        search_mode=cast("SearchMode", _one_of("--search-mode", search_mode, SearchMode)),
        scenario_id=scenario_id,
        batch_id=batch_id,
        run_id=run_id,
        trace_id=trace_id,
        is_training_data=training_data,
        task=task,
        model=model,
        tag=tag,
        min_reward=min_reward,
        has_error=has_error,
    )
    wanted = Download(
        format=cast("Format", _one_of("--format", file_format, Format)),
        chosen=chosen,
        include_prompts=prompts,
        for_training=for_training,
        compression=cast(
            "Compression | None", compression and _one_of("--compression", compression, Compression)
        ),
    )
    if output.exists() and not force:
        raise typer.BadParameter(f"{output} exists; --force replaces it", param_hint="--output")
    try:
        size = asyncio.run(_write(settings_with(state_dir=state_dir), wanted, output))
    except (WhetstoneError, OSError) as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
    typer.secho(f"{output}: {size:,} bytes", err=True)


def _existing_database(settings: Settings) -> str:
    """The URL of the database. Raises InvalidInputError where its file is missing: it would be made, empty."""
    from sqlalchemy import make_url

    url = settings.sqlalchemy_url()
    path = make_url(url).database
    if url.startswith("sqlite") and not Path(path or "").exists():
        raise InvalidInputError(f"There is no database at {path}; --state-dir names its folder")
    return url


async def _write(settings: Settings, wanted: Download, output: Path) -> int:
    """Write the file and return its size in bytes."""
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn

    from whetstone.datasets.downloads import open_download
    from whetstone.datasets.exports import TrainingExport
    from whetstone.db import Database
    from whetstone.privacy.attestation import WrittenFile
    from whetstone.trajectories.store import TrajectoryStore

    database = Database(_existing_database(settings))
    await database.open()
    columns = (SpinnerColumn(), TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn())
    size = 0
    try:
        download = open_download(TrajectoryStore(database, settings), settings, wanted)
        with replacing(output) as file, Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(output.name, total=None)
            async for chunk in download.chunks:
                await asyncio.to_thread(file.write, chunk)
                size += len(chunk)
                progress.advance(task, len(chunk))
        if isinstance(download, TrainingExport):
            attested = download.evidence.attest(WrittenFile.of(output))
            write_json(output.with_name(f"{output.name}.privacy.json"), attested)
    finally:
        await database.close()
    return size


def _moment(option: str, text: str | None) -> int | None:
    moment = None if text is None else parse_ms(text)
    if text is not None and moment is None:
        raise typer.BadParameter(f"{text!r} is not a date or time in ISO 8601", param_hint=option)
    return moment


def _one_of(option: str, value: str, known: object) -> str:
    if value not in get_args(known):
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(get_args(known))}", param_hint=option)
    return value
