"""`whetstone export`: from the database into a file that is whole or absent."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from api_server import settings_in, trajectory
from export_files import table
from whetstone.cli import app
from whetstone.db import Database
from whetstone.trajectories.input.records import TrajectoryInput
from whetstone.trajectories.store import TrajectoryStore
from whetstone.trajectories.tables import trajectories


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder whose database has two trajectories."""
    for name in ("DATABASE_URL", "NODE_ENV"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "state"
    asyncio.run(_fill(folder))
    return folder


async def _fill(folder: Path, spoil: bool = False) -> None:
    settings = settings_in(folder)
    database = Database(settings.sqlalchemy_url())
    await database.open()
    if spoil:
        async with database.write() as connection:
            await connection.execute(update(trajectories).values(created_at=-(10**17)))
    else:
        batch = [trajectory("t-1", scenarioId="s-1"), trajectory("t-2", status="error")]
        store = TrajectoryStore(database, settings)
        await store.add([TrajectoryInput.model_validate(each) for each in batch])
    await database.close()


def run(state: Path, output: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["export", "--state-dir", str(state), "--output", str(output), *options])


def ids(path: Path) -> set[str]:
    documents: list[dict[str, Any]] = json.loads(path.read_bytes())
    return {document["trajectoryId"] for document in documents}


def test_a_file_with_everything(state: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "all.json"
    result = run(state, output)
    assert result.exit_code == 0, result.output
    assert ids(output) == {"t-1", "t-2"}
    assert output.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in output.parent.iterdir()] == ["all.json"]


def test_formats_and_filters(state: Path, tmp_path: Path) -> None:
    output = tmp_path / "some"
    assert run(state, output, "--scenario-id", "s-1").exit_code == 0
    assert ids(output) == {"t-1"}
    assert run(state, output, "--has-error", "--force").exit_code == 0
    assert ids(output) == {"t-2"}
    assert run(state, output, "--trajectory-id", "t-1", "--status", "error", "--force").exit_code == 0
    assert ids(output) == set()
    assert run(state, output, "--format", "parquet", "--for-training", "--force").exit_code == 0
    assert {row["format"] for row in table(output.read_bytes())} == {"eliza_native_v1"}
    assert run(state, output, "--no-prompts", "--force").exit_code == 0
    assert b"parcel" not in output.read_bytes()


def test_a_file_is_not_replaced_unasked(state: Path, tmp_path: Path) -> None:
    output = tmp_path / "mine.json"
    output.write_text("mine")
    result = run(state, output)
    assert result.exit_code == 2
    assert "--force" in result.output
    assert output.read_text() == "mine"


def test_a_broken_export_leaves_no_file(state: Path, tmp_path: Path) -> None:
    output = tmp_path / "out" / "all.json"
    output.parent.mkdir()
    output.write_text("the one before")
    asyncio.run(_fill(state, spoil=True))
    assert run(state, output, "--force").exit_code == 1
    assert output.read_text() == "the one before"
    assert [path.name for path in output.parent.iterdir()] == ["all.json"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--format", "xml"], "json, jsonl, csv, art, zip, parquet"),
        (["--start-date", "soon"], "ISO 8601"),
        (["--search-mode", "regex"], "text, query"),
        (["--compression", "rar"], "gzip, zstd"),
    ],
)
def test_options_that_make_no_sense(state: Path, tmp_path: Path, options: list[str], sentence: str) -> None:
    result = run(state, tmp_path / "x", *options)
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.replace("│", " ").split())


def test_no_database_is_made_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    result = run(tmp_path / "nowhere", tmp_path / "x.json")
    assert result.exit_code == 1
    assert "no database" in result.output
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "x.json").exists()
