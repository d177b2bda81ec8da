"""The commands `whetstone db …`: copying, compacting and checking the database."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from whetstone.cli_settings import settings_with
from whetstone.errors import ConflictError, InvalidInputError, UnavailableError, WhetstoneError

if TYPE_CHECKING:
    from rich.progress import Progress
    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from whetstone.db import Database
    from whetstone.db.copying import CopiedTable
    from whetstone.settings import Settings
    from whetstone.trajectories.upkeep.check import Report
    from whetstone.trajectories.upkeep.storage import Space

_PRIVATE = 0o077  # as the service does: files are for their owner alone
T = TypeVar("T")
StateDirectory = Annotated[
    Path | None, typer.Option(help="Folder of the database unless DATABASE_URL names one (ELIZA_STATE_DIR).")
]

db_app = typer.Typer(help="Copy, compact and check the database.", no_args_is_help=True)


@db_app.command()
def copy(
    to: Annotated[str, typer.Option("--to", help="URL of an empty database: postgresql://… or sqlite:///….")],
    from_: Annotated[
        str | None,
        typer.Option("--from", help="URL of the database to copy; the configured one if left out."),
    ] = None,
    state_dir: StateDirectory = None,
) -> None:
    """Copy everything into an empty database on either engine, and compare both sides. Stop the service first."""
    os.umask(_PRIVATE)
    settings = settings_with(state_dir=state_dir)
    copied = _run(_copy(settings, from_, to))
    for table in copied:
        typer.echo(f"{table.name:24} {table.rows:>12,} rows   {table.checksum}")
    typer.echo(
        f"{sum(table.rows for table in copied):,} rows in {len(copied)} tables are the same on both sides."
    )


@db_app.command()
def vacuum(state_dir: StateDirectory = None) -> None:
    """Give the space of deleted rows back, renew the planner's statistics, make the search index anew."""
    before, after = _run(_vacuum(settings_with(state_dir=state_dir)))
    typer.echo(f"{before:,} bytes before, {after:,} after.")


@db_app.command()
def check(
    repair: Annotated[bool, typer.Option("--repair", help="Store what was counted.")] = False,
    state_dir: StateDirectory = None,
) -> None:
    """Count everything again and compare; ends with status 1 when something differs and was not repaired."""
    report = _run(_check(settings_with(state_dir=state_dir), repair))
    for example in report.examples:
        typer.echo(example)
    if sum(report.differences.values()) > len(report.examples):
        typer.echo("…")
    found = ", ".join(f"{count:,} × {kind}" for kind, count in sorted(report.differences.items())) or "none"
    done = " (repaired)" if report.repaired and report.differences else ""
    typer.echo(f"{report.trajectories:,} trajectories counted again; differences: {found}{done}.")
    if not report.clean:
        raise typer.Exit(1)


async def _copy(settings: Settings, from_: str | None, to: str) -> list[CopiedTable]:
    from whetstone.db.copying import copy as copy_tables

    tables, finish = _all_tables()
    if from_ is None:
        _refuse_service(settings)
    async with _existing(_url(settings, from_)) as source, _opened(_url(settings, to)) as target:
        with _progress() as progress:
            tasks: dict[str, Any] = {}

            def show(name: str, done: int, total: int) -> None:
                if name not in tasks:
                    tasks[name] = progress.add_task(name, total=total)
                progress.update(tasks[name], completed=done)

            copied = await copy_tables(source, target, tables, show, finish)
        await target.refresh_statistics()
    return copied


def _all_tables() -> tuple[list[Table], Any]:
    """The tables to copy, each after those that it refers to, and what refills the queue of the search index."""
    from sqlalchemy import insert, literal, select

    import whetstone.datasets.tables
    import whetstone.jobs.tables
    import whetstone.registry.tables  # noqa: F401 - each import registers its room's tables
    from whetstone.clock import now_ms
    from whetstone.db import metadata
    from whetstone.trajectories.tables import search_queue, trajectories

    async def finish(connection: AsyncConnection) -> None:
        # The index is derived, so the target builds its own.
        everything = select(trajectories.c.key, literal(now_ms())).order_by(trajectories.c.key)
        await connection.execute(
            insert(search_queue).from_select(["trajectory_key", "created_at"], everything)
        )

    return [table for table in metadata.sorted_tables if table is not search_queue], finish


async def _vacuum(settings: Settings) -> tuple[int, int]:
    from whetstone.trajectories.search.indexing import rebuild

    async with _existing(_url(settings, None)) as database:
        if database.dialect == "sqlite":
            _refuse_service(settings)
        before = await _measure(database)
        # Words of what was deleted stay in the index until it is made anew.
        await rebuild(database)
        await database.compact()
        after = await _measure(database)
    return before.database + before.wal, after.database + after.wal


async def _measure(database: Database) -> Space:
    from whetstone.trajectories.upkeep.storage import measure

    async with database.read() as connection:
        return await measure(connection, database)


async def _check(settings: Settings, repair: bool) -> Report:
    from whetstone.datasets.tasks import tasks_of
    from whetstone.trajectories.upkeep.check import check as check_store

    async with _existing(_url(settings, None)) as database:
        if repair and database.dialect == "sqlite":
            _refuse_service(settings)  # its writers would wait too long
        with _progress() as progress:
            task = progress.add_task("trajectories", total=None)
            return await check_store(
                database,
                tasks_of,
                repair=repair,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )


def _url(settings: Settings, url: str | None) -> str:
    try:
        given = settings if url is None else settings.model_copy(update={"database_url": url})
        return given.sqlalchemy_url()
    except ValueError as error:
        raise InvalidInputError(str(error)) from error


@asynccontextmanager
async def _existing(url: str) -> AsyncIterator[Database]:
    """The database at `url` as it is. Raises where there is none, or its schema is of another version."""
    from whetstone.db.migrate import is_current

    database = _database(url)
    where = database.url.render_as_string(hide_password=True)
    try:
        _refuse_missing(database)
        async with _plainly(where), database.read() as connection:
            current = await connection.run_sync(is_current)
        if not current:
            raise ConflictError(
                f"The schema of {where} is of another version; `whetstone serve` brings it up to date when it starts"
            )
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    """The database at `url`, made where it is a file that does not exist, with its schema up to date."""
    database = _database(url)
    try:
        async with _plainly(database.url.render_as_string(hide_password=True)):
            await database.open()
        yield database
    finally:
        await database.close()


def _database(url: str) -> Database:
    from whetstone.db import Database

    try:
        return Database(url)
    except ModuleNotFoundError as error:
        raise UnavailableError(f"The driver {error.name} is not installed; it comes with an extra") from error
    except Exception as error:
        sentence = "A database URL must look like postgresql://user:password@host:5432/name or sqlite:///path"
        raise InvalidInputError(sentence) from error


@asynccontextmanager
async def _plainly(where: str) -> AsyncIterator[None]:
    """Failures to reach a database in plain words; the text of a driver may hold the password of the URL."""
    from whetstone.preflight import reason

    try:
        yield
    except WhetstoneError:
        raise
    except Exception as error:
        raise UnavailableError(f"The database {where} cannot be used: {reason(error)}") from error


def _refuse_missing(database: Database) -> None:
    # SQLite would make it, empty.
    if database.dialect == "sqlite" and not Path(database.url.database or "").exists():
        raise InvalidInputError(f"There is no database at {database.url.database}")


def _refuse_service(settings: Settings) -> None:
    from whetstone.files import is_locked

    if is_locked(settings.state_dir / "service.lock"):
        raise ConflictError(f"A service uses {settings.state_dir}. Stop it first")


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import Progress

    return Progress(console=Console(stderr=True))


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except (WhetstoneError, OSError) as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error
