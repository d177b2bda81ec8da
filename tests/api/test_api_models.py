"""Weight training over HTTP: what runs here, loss curves, models (contract §6.6, §6.7, §6.11)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import pytest
from fastapi import FastAPI
from sqlalchemy import insert

from api_server import client_of, running
from whetstone.api.models.models import ModelAnswer
from whetstone.api.models.training import Backends
from whetstone.api.services import Services
from whetstone.app import create_app
from whetstone.clock import now_ms
from whetstone.datasets.tables import datasets
from whetstone.jobs import finetune_backend
from whetstone.jobs.store import insert_job
from whetstone.registry.store import ModelStore
from whetstone.settings import Settings

PATH = "/api/training"
HEAVY = ("torch", "mlx", "transformers", "tokenizers", "peft", "numpy")


@pytest.fixture
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


def services(app: FastAPI) -> Services:
    found: Services = app.state.services
    return found


async def add_model(app: FastAPI, folder: Path, model_id: str = "model/1") -> None:
    job = {
        "id": "job-1",
        "backend": "cpu",
        "dataset_id": "dataset-1",
        "model_id": model_id,
        "model_path": None,
        "adapter_path": str(folder / "adapter"),
        "result": {"outputDir": str(folder), "sourceModel": "tiny", "method": "sft", "bytes": 12},
    }
    async with services(app).database.write() as connection:
        await ModelStore.add(connection, job)


async def add_dataset(app: FastAPI, samples: int) -> str:
    async with services(app).database.write() as connection:
        values = {"id": "dataset-1", "created_at": now_ms(), "status": "ready", "options": {}, "report": {}}
        await connection.execute(
            insert(datasets).values(**values, sample_count=samples, trajectory_count=samples)
        )
    return "dataset-1"


async def test_models_are_listed_and_got(app: FastAPI, settings: Settings, tmp_path: Path) -> None:
    async with client_of(settings, app=app) as client:
        assert (await client.get(f"{PATH}/models")).json() == {"models": []}
        await add_model(app, tmp_path)
        listed = (await client.get(f"{PATH}/models")).json()["models"]
        got = (await client.get(f"{PATH}/models/model%2F1")).json()
        assert listed == [got["model"]]
        model = ModelAnswer.model_validate(got).model
        assert (model.source_model, model.available, model.benchmark.status) == ("tiny", True, "not_run")
        assert (listed[0]["method"], listed[0]["bytes"]) == ("sft", 12)
        assert (await client.get(f"{PATH}/status")).json()["modelCount"] == 1
        missing = await client.get(f"{PATH}/models/nobody")
        assert (missing.status_code, missing.json()) == (404, {"error": "Model nobody not found"})


async def test_backends_say_why_not(app: FastAPI, settings: Settings) -> None:
    async with client_of(settings, app=app) as client:
        answer = (await client.get(f"{PATH}/backends")).json()
    known = Backends.model_validate(answer)
    assert known.backends.keys() == known.details.keys() == {"native", "mlx", "cuda", "cpu"}
    assert known.backends["native"]
    for name, detail in known.details.items():
        assert known.backends[name] == detail.available
        assert detail.available or detail.reason


async def test_metrics_of_a_job(app: FastAPI, settings: Settings) -> None:
    lines = [{"step": step, "loss": 3.0 - step} for step in (1, 2, 3)]
    async with client_of(settings, app=app) as client:
        async with services(app).database.write() as connection:
            job = {"id": "job-1", "backend": "gone", "dataset_id": "dataset-1", "options": {}}
            await insert_job(connection, job)
        assert (await client.get(f"{PATH}/jobs/job-1/metrics")).json() == {"metrics": []}
        folder = settings.training_dir / "jobs" / "job-1"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metrics.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))

        async def metrics(after: str) -> Any:
            answer = await client.get(f"{PATH}/jobs/job-1/metrics", params={"after": after})
            return answer.json()["metrics"]

        assert await metrics("") == lines
        assert await metrics("2") == lines[2:]
        assert await metrics("many") == lines
        assert await metrics("1e400") == []
        missing = await client.get(f"{PATH}/jobs/nobody/metrics")
        assert (missing.status_code, missing.json()) == (404, {"error": "Training job not found"})


async def test_impossible_trainings_are_refused_before_they_wait(app: FastAPI, settings: Settings) -> None:
    async with client_of(settings, app=app) as client:
        dataset = await add_dataset(app, samples=0)

        async def refusal(**options: Any) -> str:
            answer = await client.post(
                f"{PATH}/jobs", json={"backend": "cpu", "datasetId": dataset, **options}
            )
            assert answer.status_code == 400, answer.text
            sentence: str = answer.json()["error"]
            return sentence

        assert await refusal() == "Dataset dataset-1 has no rows to learn from"
        assert await refusal(loraRank=0) == "loraRank must be a whole number from 1 to 1024"
        assert await refusal(learningRate=7) == "learningRate must be a number above 0 and up to 1"
        assert "learningRate" in await refusal(learningRate=-1)
        assert (await client.get(f"{PATH}/jobs")).json() == {"jobs": []}


def test_server_imports_nothing_heavy() -> None:
    program = f"import sys, whetstone.app; print([name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


@pytest.fixture
def slow_estimate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dry run that takes a minute; the file in which it writes its pid."""
    pid_file = tmp_path / "pid"
    package = tmp_path / "path" / "sitecustomize.py"
    package.parent.mkdir()
    package.write_text(
        "import sys\n"
        "if 'whetstone.finetune.estimate' in sys.orig_argv:\n"
        "    import os, pathlib, time\n"
        f"    pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\n"
        "    time.sleep(60)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setattr(finetune_backend, "require", lambda *_: None)
    monkeypatch.setattr(finetune_backend, "find_base", lambda *_: None)
    return pid_file


def _wait(holds: Any, what: str) -> None:
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_dry_run_ends_with_its_client(settings: Settings, slow_estimate: Path) -> None:
    with running(settings) as server:
        server.call(add_dataset(server.app, samples=4))
        order = {"backend": "cpu", "datasetId": "dataset-1", "dryRun": True}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{server.url}{PATH}/jobs", json=order, timeout=3)
        _wait(slow_estimate.exists, "the estimate never began")
        pid = int(slow_estimate.read_text())
        _wait(lambda: not psutil.pid_exists(pid), "the estimate goes on")


async def test_dry_run_that_takes_too_long_is_ended(
    app: FastAPI, settings: Settings, slow_estimate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finetune_backend, "ESTIMATE_SECONDS", 1.0)
    async with client_of(settings, app=app) as client:
        await add_dataset(app, samples=4)
        order = {"backend": "cpu", "datasetId": "dataset-1", "dryRun": True}
        answer = await client.post(f"{PATH}/jobs", json=order, timeout=30)
    assert answer.status_code == 503
    assert "took more than 1 seconds" in answer.json()["error"]
    await asyncio.to_thread(_wait, lambda: not psutil.pid_exists(int(slow_estimate.read_text())), "goes on")


@pytest.mark.parametrize(
    ("program", "status", "words"),
    [
        ('import sys; print(\'{"error": "no room", "status": 503}\'); sys.exit(1)', 503, "no room"),
        ('import sys; print(\'{"error": "not so", "status": 400}\'); sys.exit(1)', 400, "not so"),
        ("raise ValueError('private words of a row')", 503, "failed unexpectedly"),
    ],
)
async def test_what_stops_a_dry_run_keeps_its_kind(
    app: FastAPI,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    program: str,
    status: int,
    words: str,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if 'whetstone.finetune.estimate' in sys.orig_argv:\n"
        "    import os, traceback\n"
        "    try:\n"
        f"        exec({program!r})\n"
        "    except Exception:\n"
        "        traceback.print_exc()\n"
        "    except SystemExit:\n"
        "        sys.stdout.flush()\n"
        "    os._exit(1)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(finetune_backend, "require", lambda *_: None)
    monkeypatch.setattr(finetune_backend, "find_base", lambda *_: None)
    async with client_of(settings, app=app) as client:
        await add_dataset(app, samples=4)
        order = {"backend": "cpu", "datasetId": "dataset-1", "dryRun": True}
        answer = await client.post(f"{PATH}/jobs", json=order, timeout=30)
    assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text
    said = "".join(capfd.readouterr())
    assert "private words" not in said
    assert ("ValueError" in said) == ("ValueError" in program)
