"""Models come to be with the completion of the job that made them, and not otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs_bench import DATASET, Bench
from whetstone.errors import NotFoundError
from whetstone.registry.store import ModelStore


def result(folder: Path, model_id: str = "model-1") -> dict[str, Any]:
    return {
        "modelId": model_id,
        "modelPath": str(folder),
        "adapterPath": str(folder / "adapter"),
        "sourceModel": "tiny",
        "backend": "cpu",
        "message": "Trained",
        "method": "sft",
        "losses": {"base": 2.0, "tuned": 1.0},
        "licence": "apache-2.0",
    }


async def complete(bench: Bench, **options: Any) -> dict[str, Any]:
    return await bench.ended(await bench.create(backend="training", **options))


async def test_completed_job_makes_a_model(bench: Bench, tmp_path: Path) -> None:
    store = ModelStore(bench.database)
    assert (await store.list(), await store.count()) == ([], 0)
    job = await complete(bench, result=result(tmp_path))
    record = await store.get("model-1")
    assert record["createdAt"] >= job["startedAt"]
    expected = {
        "id": "model-1",
        "jobId": job["id"],
        "datasetId": DATASET,
        "outputDir": str(tmp_path),
        "modelPath": str(tmp_path),
        "adapterPath": str(tmp_path / "adapter"),
        "sourceModel": "tiny",
        "backend": "training",
        "ollamaModel": None,
        "active": False,
        "benchmark": {"status": "not_run", "lastRunAt": None, "output": None},
        "available": True,
        "method": "sft",
        "losses": {"base": 2.0, "tuned": 1.0},
        "licence": "apache-2.0",
    }
    assert {key: record.get(key) for key in expected} == expected
    assert "message" not in record
    assert (job["modelId"], job["adapterPath"]) == ("model-1", str(tmp_path / "adapter"))


async def test_models_are_listed_newest_first_and_stay_when_their_files_are_gone(
    bench: Bench, tmp_path: Path
) -> None:
    store = ModelStore(bench.database)
    await complete(bench, result=result(tmp_path / "gone", "model-1"))
    await complete(bench, result=result(tmp_path, "model-2"))
    assert [(each["id"], each["available"]) for each in await store.list()] == [
        ("model-2", True),
        ("model-1", False),
    ]
    assert await store.count() == 2


async def test_job_and_model_are_stored_together_or_not_at_all(bench: Bench, tmp_path: Path) -> None:
    store = ModelStore(bench.database)
    await complete(bench, result=result(tmp_path))
    again = await complete(bench, result=result(tmp_path))  # an id that is taken
    assert again["status"] == "failed"
    assert again["modelId"] is None
    assert await store.count() == 1


@pytest.mark.parametrize("script", [[["fail", "no"]], []])
async def test_jobs_without_a_model_make_none(bench: Bench, script: list[Any]) -> None:
    await bench.ended(await bench.create(*script, backend="training"))
    assert await ModelStore(bench.database).count() == 0


@pytest.mark.parametrize("model_id", ["nobody", "a\x00b", ""])
async def test_unknown_model_is_not_found(bench: Bench, model_id: str) -> None:
    with pytest.raises(NotFoundError, match="not found"):
        await ModelStore(bench.database).get(model_id)
