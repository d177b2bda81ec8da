"""The command `whetstone train` on a file of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from openai_peer import OpenAIPeer
from optimize_world import learns_from_turns, rows, write_rows
from whetstone.cli import app


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, openai_peer: OpenAIPeer) -> OpenAIPeer:
    openai_peer.answer = learns_from_turns
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "STATE_DIR": str(tmp_path / "state"),
        "LM_PROVIDER": "openai",
        "LM_BASE_URL": openai_peer.base_url,
        "LM_MODEL": "peer",
    }.items():
        monkeypatch.setenv(f"WHETSTONE_{name}", value)
    return openai_peer


def train(file: Path, *options: str) -> dict[str, Any]:
    given = ["train", "--dataset", str(file), "--optimizer", "bootstrap-fewshot", "--max-calls", "120"]
    ended = CliRunner().invoke(app, [*given, "--json", *options])
    assert ended.exit_code == 0, ended.stderr
    found: dict[str, Any] = orjson.loads(ended.stdout)
    return found


def test_a_dry_run_asks_nothing(tmp_path: Path, environment: OpenAIPeer) -> None:
    told = train(write_rows(tmp_path / "rows.jsonl", rows(60)), "--dry-run")
    assert told["rows"]["verified"] == 60
    assert environment.calls == []


def test_the_same_command_goes_on_and_one_on_other_rows_or_models_begins_anew(
    tmp_path: Path, environment: OpenAIPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_rows(tmp_path / "rows.jsonl", rows(60))
    first = train(file)
    asked = len(environment.calls)
    assert first["budget"]["spent"]["gate"]["calls"] > 0
    assert train(file) == first
    assert len(environment.calls) == asked
    write_rows(file, rows(75))
    assert train(file)["datasetSize"] == 75
    monkeypatch.setenv("WHETSTONE_LM_MODEL", "another")
    assert train(file)["model"] == "another"


def test_what_is_wrong_is_said_in_a_sentence(tmp_path: Path, environment: OpenAIPeer) -> None:
    file = write_rows(tmp_path / "rows.jsonl", rows(60))
    ended = CliRunner().invoke(app, ["train", "--dataset", str(file), "--max-calls", "3"])
    assert ended.exit_code == 1
    assert "budget is too small" in ended.stderr
    assert environment.calls == []
