"""`whetstone train --backend cpu` on a file of the user's own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from api_server import client_of, settings_in
from finetune_world import chat_rows, write_rows
from jobs_bench import is_running

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", chat_rows(60))


class Shell:
    """Runs `whetstone train` as a user does, in a state folder of its own."""

    def __init__(self, state: Path, base: Path, rows: Path) -> None:
        self.state = state
        self._base = base
        self._rows = rows

    def command(self, *options: str) -> list[str]:
        given = ["--dataset", str(self._rows), "--model", str(self._base), "--max-length", "128"]
        return [sys.executable, "-m", "whetstone", "train", "--backend", "cpu", *given, *options]

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
        return kept | {"ELIZA_STATE_DIR": str(self.state), "WHETSTONE_TRAIN_THREADS": "1", "COLUMNS": "400"}

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*options), env=self.environment(), capture_output=True, text=True, check=False
        )


@pytest.fixture
def shell(tmp_path: Path, base: Path, rows: Path) -> Shell:
    return Shell(tmp_path / "state", base, rows)


def test_dry_run_says_what_it_takes_and_trains_nothing(shell: Shell) -> None:
    done = shell.run("--dry-run", "--json", "--iterations", "9", "--batch-size", "2")
    assert done.returncode == 0, done.stderr
    told = orjson.loads(done.stdout)
    assert (told["steps"], told["rows"]["train"] + told["rows"]["validation"] + told["rows"]["test"]) == (
        9,
        60,
    )
    assert not list(shell.state.glob("training/jobs/*"))


async def test_training_makes_a_model_that_the_service_lists(shell: Shell) -> None:
    options = ["--iterations", "6", "--learning-rate", "0.005", "--option", "testRows=0", "--json"]
    done = shell.run(*options)
    assert done.returncode == 0, done.stderr
    result = orjson.loads(done.stdout)
    assert result["steps"] == 6
    assert (Path(result["adapterPath"]) / "adapter_model.safetensors").is_file()
    started = time.monotonic()
    again = shell.run(*options)
    assert orjson.loads(again.stdout) == result, "the same command does the work once"
    assert time.monotonic() - started < 30
    async with client_of(settings_in(shell.state)) as client:
        models = await _models(client)
    assert [each["id"] for each in models] == [result["modelId"]]
    assert (models[0]["available"], models[0]["validationLoss"]) == (True, result["validationLoss"])


async def _models(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get("/api/training/models")).json()["models"]
    return found


def test_interrupted_training_keeps_the_best_and_goes_on(shell: Shell) -> None:
    options = ["--iterations", "400", "--option", "evalEvery=1", "--option", "saveEvery=1"]
    command = shell.command(*options)
    with subprocess.Popen(
        command,
        env=shell.environment(),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as training:
        _wait(lambda: list(shell.state.glob("training/jobs/*/best/best.json")))
        training.send_signal(signal.SIGINT)
        assert training.stderr
        said = training.stderr.read()
        assert training.wait(30) == 130, said
    assert "The best adapter so far is kept, tested by nobody" in said
    assert "The same command goes on" in said
    (folder,) = shell.state.glob("training/jobs/*")
    steps = _steps(folder)
    assert steps
    with subprocess.Popen(command, env=shell.environment(), stderr=subprocess.PIPE, text=True) as training:
        _wait(lambda: len(_steps(folder)) > len(steps) + 2)
        training.send_signal(signal.SIGTERM)
        training.communicate()
    assert training.returncode == 130
    now = _steps(folder)
    assert now == list(range(now[0], now[-1] + 1))
    assert not is_running(orjson.loads((folder / "worker.json").read_bytes())["pid"])


@pytest.mark.slow
def test_a_worker_whose_terminal_was_killed_is_followed_whatever_came_before(shell: Shell) -> None:
    command = shell.command("--iterations", "4000", "--option", "evalEvery=100", "--option", "saveEvery=1")
    with subprocess.Popen(command, env=shell.environment(), stderr=subprocess.DEVNULL) as training:
        _wait(lambda: any(_steps(folder) for folder in shell.state.glob("training/jobs/*")))
        training.send_signal(signal.SIGTERM)
        assert training.wait(30) == 130  # leaves its job_cancelled in the journal
    (folder,) = shell.state.glob("training/jobs/*")
    done = len(_steps(folder))
    with subprocess.Popen(command, env=shell.environment(), stderr=subprocess.DEVNULL) as training:
        _wait(lambda: len(_steps(folder)) > done)
        training.kill()
    worker = orjson.loads((folder / "worker.json").read_bytes())
    with subprocess.Popen(command, env=shell.environment(), stderr=subprocess.DEVNULL) as training:
        # Longer than it takes to start, and to kill a worker that is thought to have said its last word.
        with pytest.raises(subprocess.TimeoutExpired):
            training.wait(10)
        assert orjson.loads((folder / "worker.json").read_bytes()) == worker
        assert is_running(worker["pid"]), (folder / "events.jsonl").read_text()[-600:]
        training.send_signal(signal.SIGTERM)
        assert training.wait(30) == 130
    assert not is_running(worker["pid"])


@pytest.mark.slow
def test_a_model_whose_job_is_gone_is_not_taken_for_a_new_one(shell: Shell) -> None:
    options = ["--iterations", "2", "--option", "testRows=0", "--json"]
    model = Path(orjson.loads(shell.run(*options).stdout)["outputDir"])
    (job,) = shell.state.glob("training/jobs/*")
    shutil.rmtree(job)
    again = shell.run(*options)
    assert (again.returncode, again.stdout) == (1, "")
    assert f"This command has made the model {model}, but the folder of its job is gone" in again.stderr
    shutil.rmtree(model)
    assert shell.run(*options).returncode == 0


def _steps(folder: Path) -> list[int]:
    text = (folder / "metrics.jsonl").read_text() if (folder / "metrics.jsonl").exists() else ""
    return [int(step) for step in re.findall(r'"step":(\d+)', text)]


def _wait(holds: Any) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--batch-size", "0"], "batchSize must be a whole number from 1 to 4096"),
        (["--option", "lora=1"], "give name=value, where the name is one of"),
        (["--option", "loraDropout=high"], "loraDropout must be a number"),
        (["--backend", "abacus"], "Backend 'abacus' is not available on this system"),
        (["--dataset", "nothing"], "neither a dataset nothing nor a file"),
        (["--iterations", "3", "--epochs", "2"], "give iterations or epochs, not both"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(shell: Shell, options: list[str], sentence: str) -> None:
    done = shell.run(*options)
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
