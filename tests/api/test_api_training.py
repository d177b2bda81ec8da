"""Training over HTTP: status, rows, datasets, jobs, models, auto-training (contract §6 to §9)."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from api_server import client_of, trajectory
from optimize_world import rows, write_dataset
from whetstone.api.models.jobs import DryRun, Estimate
from whetstone.settings import Settings

PATH = "/api/training"


async def dataset(client: httpx.AsyncClient, **options: Any) -> dict[str, Any]:
    """A dataset over some stored trajectories, ready."""
    batch = [trajectory(f"t-{number}") for number in range(8)]
    assert (await client.post("/api/trajectories", json=batch)).status_code == 201
    response = await client.post(f"{PATH}/datasets/build", json=options)
    assert response.status_code == 201, response.text
    record: dict[str, Any] = response.json()["dataset"]
    while record["status"] == "building":
        await asyncio.sleep(0.05)
        record = (await client.get(f"{PATH}/datasets/{record['id']}")).json()["dataset"]
    assert record["status"] == "ready", record
    return record


async def test_what_the_dashboard_loads_at_once_never_fails_when_empty(client: httpx.AsyncClient) -> None:
    status = (await client.get(f"{PATH}/status")).json()
    assert {key: status[key] for key in status if key != "autoTrain"} == {
        "runtimeAvailable": True,
        "trajectoryCount": 0,
        "jobCount": 0,
        "runningJobs": 0,
        "queuedJobs": 0,
        "completedJobs": 0,
        "failedJobs": 0,
        "modelCount": 0,
        "datasetCount": 0,
    }
    assert status["autoTrain"]["serviceRegistered"] is False
    rows = (await client.get(f"{PATH}/trajectories", params={"limit": 100, "offset": 0})).json()
    assert rows == {"available": True, "total": 0, "offset": 0, "limit": 100, "trajectories": []}
    assert (await client.get(f"{PATH}/datasets")).json() == {"datasets": []}
    assert (await client.get(f"{PATH}/jobs")).json() == {"jobs": []}
    assert (await client.get(f"{PATH}/models")).json() == {"models": []}
    assert (await client.get(f"{PATH}/auto/runs", params={"limit": 20})).json() == {"runs": []}
    assert (await client.get(f"{PATH}/vast/models")).json() == {"loaded_at": None, "entries": []}
    assert (await client.get("/api/prompts")).json() == {"prompts": {}}


async def test_training_rows_limit(client: httpx.AsyncClient) -> None:
    limits = {"": 100, "0": 100, "-1": 100, "x": 100, "2.5": 100, "7": 7, "5000": 500}
    for limit, expected in limits.items():
        body = (await client.get(f"{PATH}/trajectories", params={"limit": limit, "offset": "-2"})).json()
        assert (body["limit"], body["offset"]) == (expected, 0), limit


async def test_training_rows(client: httpx.AsyncClient) -> None:
    await client.post("/api/trajectories", json=trajectory("t-1"))
    await client.post("/api/trajectories", json={"id": "t-2"})
    body = (await client.get(f"{PATH}/trajectories")).json()
    assert body["total"] == 2
    unrewarded, row = body["trajectories"]
    assert unrewarded["totalReward"] is None
    assert (row["trajectoryId"], row["totalReward"], row["hasLlmCalls"]) == ("t-1", 1, True)
    one = (await client.get(f"{PATH}/trajectories/t-1")).json()["trajectory"]
    assert isinstance(one["stepsJson"], str)
    assert one["aiJudgeReasoning"] is None
    missing = await client.get(f"{PATH}/trajectories/nobody")
    assert (missing.status_code, missing.json()) == (404, {"error": "Trajectory not found"})


async def test_backends(client: httpx.AsyncClient) -> None:
    backends = (await client.get(f"{PATH}/backends")).json()["backends"]
    assert backends.keys() == {"native", "mlx", "cuda", "cpu"}
    assert backends["native"] is True
    assert all(isinstance(each, bool) for each in backends.values())


async def test_dataset_build_list_get_and_event(client: httpx.AsyncClient) -> None:
    record = await dataset(client, limit=1000, minLlmCallsPerTrajectory=1)
    assert record["id"].startswith("dataset-")
    assert record["trajectoryCount"] == record["sampleCount"] > 0
    assert (await client.get(f"{PATH}/datasets")).json() == {"datasets": [record]}
    assert (await client.get(f"{PATH}/status")).json()["datasetCount"] == 1
    events = (await client.get("/api/agent/events")).json()
    payload = events["events"][-1]["payload"]
    assert (payload["kind"], payload["datasetId"]) == ("dataset_built", record["id"])
    assert payload["ts"] > 0
    assert payload["message"]
    assert events["latestEventId"] == events["events"][-1]["eventId"]
    missing = await client.get(f"{PATH}/datasets/nobody")
    assert (missing.status_code, missing.json()) == (404, {"error": "Dataset not found"})


async def test_dataset_build_ignores_what_is_no_number(client: httpx.AsyncClient) -> None:
    record = await dataset(client, limit="many", minLlmCallsPerTrajectory=None, unknown={})
    assert record["options"]["limit"] == 250


async def test_job_refusals(client: httpx.AsyncClient) -> None:
    async def create(**options: Any) -> tuple[int, str]:
        response = await client.post(f"{PATH}/jobs", json=options)
        return response.status_code, response.json()["error"]

    assert await create(datasetId="dataset-none", backend="native") == (400, "Dataset dataset-none not found")
    status, message = await create(backend="quantum")
    assert status == 400
    assert "Backend 'quantum' is not available on this system. Available backends: " in message
    details = (await client.get(f"{PATH}/backends")).json()["details"]
    for backend in ("mlx", "cuda", "cpu"):
        if not details[backend]["available"]:
            status, message = await create(backend=backend, iterations=100)
            assert status == 400
            assert message.startswith(
                f"Backend '{backend}' is not available on this system. Available backends: native"
            )
    assert (await create(iterations="many"))[0] == 400
    assert (await create(optimizer="magic"))[0] == 400
    assert (await create(metric="os:system"))[0] == 400
    assert (await create(dryRun="yes"))[0] == 400
    assert (await client.get(f"{PATH}/jobs", params={"status": "sleeping"})).status_code == 400
    missing = await client.get(f"{PATH}/jobs/nobody")
    assert (missing.status_code, missing.json()) == (404, {"error": "Training job not found"})
    missing = await client.post(f"{PATH}/jobs/nobody/cancel")
    assert (missing.status_code, missing.json()) == (404, {"error": "Job nobody not found"})


async def test_dry_run_starts_nothing_and_fails_like_the_job(client: httpx.AsyncClient) -> None:
    record = await dataset(client)
    wanted = {"datasetId": record["id"], "dryRun": True}
    refused = await client.post(f"{PATH}/jobs", json=wanted)
    assert refused.status_code == 400
    assert "verified" in refused.json()["error"]
    without = await client.post(f"{PATH}/jobs", json={"dryRun": True})
    assert without.status_code == 400
    assert "/api/training/datasets/build" in without.json()["error"]
    assert (await client.get(f"{PATH}/jobs")).json() == {"jobs": []}


async def test_dry_run_answers_with_the_estimate(client: httpx.AsyncClient, settings: Settings) -> None:
    record = await dataset(client)
    folder = settings.training_dir / "datasets" / record["id"]
    write_dataset(folder, rows(100))
    body = {"datasetId": record["id"], "task": "should_respond", "dryRun": True, "maxCalls": 300}
    answer = await client.post(f"{PATH}/jobs", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["dryRun"] is True
    estimate = DryRun.model_validate(answer.json()).estimate
    assert isinstance(estimate, Estimate)
    assert estimate.calls["total"] == 300
    assert (await client.get(f"{PATH}/jobs")).json() == {"jobs": []}


async def test_job_is_created_listed_and_cancelled(client: httpx.AsyncClient) -> None:
    record = await dataset(client)
    created = await client.post(f"{PATH}/jobs", json={"datasetId": record["id"], "backend": "native"})
    assert created.status_code == 201, created.text
    job = created.json()["job"]
    assert job["status"] == "pending"
    assert job["logs"] == []
    assert job["datasetId"] == record["id"]
    listed = (await client.get(f"{PATH}/jobs")).json()["jobs"]
    assert [each["id"] for each in listed] == [job["id"]]
    cancelled = await client.post(f"{PATH}/jobs/{job['id']}/cancel")
    assert cancelled.status_code == 200
    assert cancelled.json()["job"]["status"] in {"cancelled", "failed"}
    again = await client.post(f"{PATH}/jobs/{job['id']}/cancel")
    assert again.json()["job"]["status"] == cancelled.json()["job"]["status"]
    queued = (await client.get(f"{PATH}/jobs", params={"status": "queued"})).json()
    assert queued == {"jobs": []}


async def test_model_actions_say_that_they_are_not_there(client: httpx.AsyncClient) -> None:
    body = {"modelName": "m", "ollamaUrl": "http://localhost:11434", "providerModel": "ollama/m"}
    for action in ("import-ollama", "activate", "benchmark"):
        response = await client.post(f"{PATH}/models/model%2F1/{action}", json=body)
        assert response.status_code == 501
        assert "not part of this version" in response.json()["error"]


async def test_auto_status(client: httpx.AsyncClient) -> None:
    await client.put(
        f"{PATH}/auto/config", json={"threshold": 7, "perTaskOverrides": {"response": {"cooldownHours": 0.5}}}
    )
    status = (await client.get(f"{PATH}/auto/status")).json()
    assert status["triggerThreshold"] == 7
    assert status["counters"] == {}
    assert status["lastTrain"] == {}
    assert status["serviceRegistered"] is False
    assert status["perTaskThresholds"]["should_respond"] == 7
    assert status["perTaskCooldownMs"]["response"] == 1_800_000
    assert status["perTaskCooldownMs"]["should_respond"] == 43_200_000


async def test_auto_config_speaks_both_dialects_and_is_kept(settings: Settings) -> None:
    config = f"{PATH}/auto/config"
    async with client_of(settings) as client:
        initial = (await client.get(config)).json()
        assert initial == {
            "config": {
                "autoTrain": True,
                "triggerThreshold": 100,
                "triggerCooldownHours": 12,
                "backends": ["native"],
                "perTaskOverrides": {},
            },
            "threshold": 100,
            "cooldownHours": 12,
        }
        changed = (await client.put(config, json={"threshold": 50, "cooldownHours": 6})).json()
        assert (changed["threshold"], changed["config"]["triggerCooldownHours"]) == (50, 6)
        switched = (await client.post(config, json={"autoTrain": False})).json()
        assert switched["config"]["autoTrain"] is False
        assert switched["threshold"] == 50
        whole = {**switched["config"], "triggerThreshold": 3.9, "backends": []}
        assert (await client.post(config, json=whole)).json()["threshold"] == 3
        for wrong in (
            {"autoTrain": "yes"},
            {"threshold": "5"},
            {"backends": "native"},
            {"cooldownHours": True},
        ):
            refused = await client.put(config, json=wrong)
            assert refused.status_code == 400
            assert next(iter(wrong)) in refused.json()["error"]
    async with client_of(settings) as client:
        kept = (await client.get(config)).json()["config"]
        assert (kept["autoTrain"], kept["triggerThreshold"], kept["backends"]) == (False, 3, [])


async def test_auto_runs_and_trigger(client: httpx.AsyncClient) -> None:
    missing = await client.get(f"{PATH}/auto/runs/run-1")
    assert (missing.status_code, missing.json()) == (404, {"error": "Run not found"})
    assert (await client.post(f"{PATH}/auto/trigger", json={})).status_code == 501
    wrong_task = await client.post(f"{PATH}/auto/trigger", json={"task": "dance"})
    assert wrong_task.status_code == 400
    assert wrong_task.json()["error"].startswith("task must be one of: should_respond")
    no_task = await client.post(f"{PATH}/auto/trigger", json={"task": 5})
    assert (no_task.status_code, no_task.json()) == (400, {"error": "task must be a string"})
    wrong_backend = await client.post(f"{PATH}/auto/trigger", json={"backend": "mlx"})
    assert wrong_backend.json() == {"error": "backend must be one of: native"}


async def test_prompts_of_a_task(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/api/prompts/should_respond")).json()
    assert answer == {"task": "should_respond", "current": None, "history": []}
    assert (await client.get("/api/prompts/..%2F..")).status_code == 404
    assert (await client.get("/api/prompts/No!")).status_code == 400
