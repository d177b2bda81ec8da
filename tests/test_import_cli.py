"""`whetstone import` as a command: into the database, to a running service, and dry."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from api_server import running, trajectory
from whetstone.settings import Settings


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Three good trajectories and a bad line."""
    path = tmp_path / "history.jsonl.gz"
    lines = [orjson.dumps(trajectory(f"t-{number}")) for number in range(3)]
    path.write_bytes(gzip.compress(b"\n".join([lines[0], b"{bad", *lines[1:]])))
    return path


def _run(
    settings: Settings, *arguments: str | Path, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "whetstone", "import", *map(str, arguments)],
        env=settings.child_environment() | {"COLUMNS": "120"},
        cwd=settings.state_dir.parent,
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )


def _stored(settings: Settings) -> list[dict[str, Any]]:
    with running(settings) as server:
        answer = httpx.get(f"{server.url}/api/trajectories").json()
        found: list[dict[str, Any]] = answer["trajectories"]
        return found


def test_files_go_into_the_database(settings: Settings, history: Path) -> None:
    done = _run(
        settings,
        history,
        "--agent-id",
        "me",
        "--source",
        "old",
        "--batch-id",
        "b",
        "--tag",
        "x",
        "--tag",
        "y",
    )
    assert done.returncode == 0, done.stderr
    output = done.stderr.decode()
    assert f"{history}, line 2: not valid JSON" in output
    assert "│ 3            │ 3   │ 0       │ 3         │ 1       │" in output
    again = _run(settings, history)
    assert again.returncode == 0
    whole = _stored(settings)
    assert sorted(record["id"] for record in whole) == ["t-0", "t-1", "t-2"]
    assert {record["batchId"] for record in whole} == {"b"}
    assert {tag for record in whole for tag in record["tags"]} == {"x", "y"}
    assert all(record["tasks"] for record in whole)
    database = settings.state_dir / "whetstone.db"
    assert database.stat().st_mode & 0o077 == 0


def test_a_dry_run_stores_nothing(settings: Settings, history: Path) -> None:
    done = _run(settings, history, "--dry-run")
    assert done.returncode == 0
    assert "nothing was stored" in done.stderr.decode()
    assert not (settings.state_dir / "whetstone.db").exists()


def test_a_running_service_takes_an_import(settings: Settings, history: Path) -> None:
    with running(settings) as server:
        twice = orjson.dumps(
            {"id": "clash", "steps": [{"stepId": s, "llmCalls": [{"callId": "c"}]} for s in "ab"]}
        )
        (history.parent / "b.jsonl").write_bytes(b'{"id": "t-9"}\n' + twice)
        done = _run(settings, history, history.parent / "b.jsonl", "--url", server.url, "--token", "any")
        assert done.returncode == 0, done.stderr
        assert "b.jsonl, line 2: callId 'c' is used in steps" in done.stderr.decode()
        assert httpx.get(f"{server.url}/api/trajectories").json()["total"] == 4


def test_the_database_of_a_running_service_takes_an_import(settings: Settings, history: Path) -> None:
    with running(settings) as server:
        assert _run(settings, history).returncode == 0
        assert httpx.get(f"{server.url}/api/trajectories").json()["total"] == 3


def test_standard_input_and_an_explicit_format(settings: Settings) -> None:
    chat = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
    done = _run(settings, "-", "--format", "openai-chat", stdin=orjson.dumps(chat))
    assert done.returncode == 0, done.stderr
    [record] = _stored(settings)
    assert (record["source"], record["llmCallCount"]) == ("openai-chat", 1)


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "sentence"),
    [
        (("-",), b'{"a": 1}', 1, "is in no format that can be imported. Known are"),
        (("-", "--format", "sharegpt"), b"[]", 1, "0"),
        (("nowhere.json",), b"", 1, "There is no file nowhere.json"),
        (("-", "--format", "csv"), b"", 2, "is not one of"),
        (("-", "--url", "http://127.0.0.1:9"), b'{"trajectoryId": "t"}', 1, "no answer from"),
    ],
)
def test_failures_say_what_is_wrong(
    settings: Settings, arguments: tuple[str, ...], stdin: bytes, code: int, sentence: str
) -> None:
    done = _run(settings, *arguments, stdin=stdin)
    assert done.returncode == code, done.stderr
    assert sentence in " ".join(done.stderr.decode().replace("│", " ").split())


def test_nothing_is_imported_while_logging_is_off(settings: Settings, history: Path) -> None:
    off = settings.model_copy(update={"disable_trajectory_logging": True})
    done = _run(off, history)
    assert done.returncode == 1
    assert "nothing was stored" in done.stderr.decode()
