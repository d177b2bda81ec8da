"""Previews, samples and status of the privacy filter."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_server import client_of, trajectory
from whetstone.settings import Settings

PREVIEW = "/api/privacy/preview"
MAIL = "jane.doe@example.org"


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service by rules alone."""
    async with client_of(settings.model_copy(update={"privacy_names": "off"})) as client:
        yield client


async def test_a_text_is_previewed(client: httpx.AsyncClient) -> None:
    text = f"😀 write to {MAIL}, card 4111 1111 1111 1111"
    answer = await client.post(PREVIEW, json={"text": text})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.keys() == {"text", "spans", "counts"}
    assert body["counts"] == {"email": 1, "card-number": 1}
    [mail, card] = body["spans"]
    assert text[mail["start"] : mail["end"]] == MAIL
    assert text[card["start"] : card["end"]] == "4111 1111 1111 1111"
    assert mail == {
        "start": mail["start"],
        "end": mail["end"],
        "kind": "email",
        "tier": "rules",
        "replacement": "[REDACTED_EMAIL]",
    }
    # The answer's text is what the spans say.
    expected = text[: mail["start"]] + mail["replacement"] + text[mail["end"] : card["start"]]
    assert body["text"] == expected + card["replacement"] + text[card["end"] :]


async def test_text_without_anything_private_stays(client: httpx.AsyncClient) -> None:
    for text in ("", "ids 1024, 2048 and 3,5"):
        body = (await client.post(PREVIEW, json={"text": text})).json()
        assert body == {"text": text, "spans": [], "counts": {}}


async def test_a_trajectory_is_previewed(client: httpx.AsyncClient) -> None:
    document = trajectory("t-1", metadata={"note": f"from {MAIL}"})
    document["steps"][0]["llmCalls"][0]["userPrompt"] = f"Write to {MAIL}"
    body = (await client.post(PREVIEW, json={"trajectory": document})).json()
    assert body["dropped"] is None
    assert MAIL not in str(body["trajectory"])
    assert body["counts"] == {"email": 2}
    fields = {span["field"]: span for span in body["spans"]}
    assert fields.keys() == {"steps[0].llmCalls[0].userPrompt", "metadata.note"}
    span = fields["steps[0].llmCalls[0].userPrompt"]
    assert f"Write to {MAIL}"[span["start"] : span["end"]] == MAIL


async def test_a_withheld_trajectory_says_why(client: httpx.AsyncClient) -> None:
    document = trajectory("t-1", metadata={"privacyLevel": "private"})
    body = (await client.post(PREVIEW, json={"trajectory": document})).json()
    assert (body["trajectory"], body["dropped"]) == (None, "entity-private")
    deep: Any = MAIL
    for _ in range(110):
        deep = [deep]
    body = (await client.post(PREVIEW, json={"trajectory": trajectory("t-1", metadata=deep)})).json()
    assert (body["trajectory"], body["dropped"]) == (None, "not-filterable")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "Either 'text' or 'trajectory' is required"),
        ({"text": None}, "Either 'text' or 'trajectory' is required"),
        ({"text": "x", "trajectory": {}}, "Either 'text' or 'trajectory' is required"),
        ({"text": 3}, "'text' must be a string"),
        ({"text": ["x"]}, "'text' must be a string"),
        ({"trajectory": "x"}, "'trajectory' must be an object"),
        ({"trajectory": [{}]}, "'trajectory' must be an object"),
        ({"text": "x" * 200_001}, "'text' is limited to 200,000 characters"),
        ([], "Request body must be a JSON object"),
    ],
)
async def test_bad_previews_are_refused(body: Any, said: str, client: httpx.AsyncClient) -> None:
    answer = await client.post(PREVIEW, json=body)
    assert answer.status_code == 400
    assert answer.json() == {"error": said}


async def test_a_trajectory_over_the_body_limit_is_too_large(settings: Settings) -> None:
    async with client_of(
        settings.model_copy(update={"max_body_bytes": 2048, "privacy_names": "off"})
    ) as client:
        answer = await client.post(PREVIEW, json={"trajectory": {"note": "x" * 4096}})
    assert answer.status_code == 413
    assert list(answer.json()) == ["error"]


async def test_ordinary_text_is_answered_within_a_second(client: httpx.AsyncClient) -> None:
    await client.post(PREVIEW, json={"text": "warm up"})
    text = f"Please write to {MAIL} about the order. " * 100
    started = time.monotonic()
    answer = await client.post(PREVIEW, json={"text": text})
    assert time.monotonic() - started < 1
    assert answer.json()["counts"] == {"email": 100}


async def _dataset(client: httpx.AsyncClient) -> dict[str, Any]:
    batch = [trajectory(f"t-{number}") for number in range(4)]
    batch[0]["steps"][0]["llmCalls"][0]["userPrompt"] = f"Write to {MAIL}"
    batch[2]["steps"][0]["llmCalls"][0]["response"] = "Call +44 20 7946 0958"
    assert (await client.post("/api/trajectories", json=batch)).status_code == 201
    answer = await client.post("/api/training/datasets/build", json={})
    record: dict[str, Any] = answer.json()["dataset"]
    while record["status"] == "building":
        await asyncio.sleep(0.05)
        record = (await client.get(f"/api/training/datasets/{record['id']}")).json()["dataset"]
    assert record["status"] == "ready"
    return record


async def test_samples_show_before_and_after_and_stay_nowhere(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    record = await _dataset(client)
    answer = (await client.get("/api/privacy/samples", params={"datasetId": record["id"]})).json()
    assert answer["datasetId"] == record["id"]
    found = {sample["trajectoryId"]: sample for sample in answer["samples"]}
    assert found.keys() == {"t-0", "t-2"}
    mail = found["t-0"]
    assert (mail["before"], mail["after"]) == (f"Write to {MAIL}", "Write to [REDACTED_EMAIL]")
    assert mail["field"] == "steps[0].llmCalls[0].userPrompt"
    [span] = mail["spans"]
    assert mail["before"][span["start"] : span["end"]] == MAIL
    for path in settings.training_dir.rglob("*"):
        assert path.is_dir() or MAIL.encode() not in path.read_bytes()
    one = await client.get("/api/privacy/samples", params={"datasetId": record["id"], "limit": 1})
    assert len(one.json()["samples"]) == 1


async def test_samples_of_deleted_trajectories_are_gone(client: httpx.AsyncClient) -> None:
    record = await _dataset(client)
    await client.request("DELETE", "/api/trajectories", json={"all": True})
    answer = await client.get("/api/privacy/samples", params={"datasetId": record["id"]})
    assert answer.json()["samples"] == []


async def test_samples_need_a_dataset(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/privacy/samples")).status_code == 400
    unknown = await client.get("/api/privacy/samples", params={"datasetId": "../../etc"})
    assert unknown.status_code == 404


async def test_status_says_how_the_filter_stands(settings: Settings) -> None:
    changes = {
        "privacy_names": "off",
        "privacy_policies": '{"agent:mine": {"policy": "off-for-own-data", "reason": "synthetic users"}}',
        "privacy_disabled_detectors": ["phone"],
        "privacy_deny_list": ["umbrella"],
    }
    async with client_of(settings.model_copy(update=changes)) as client:
        status = (await client.get("/api/privacy")).json()
    assert status["policies"] == [
        {"scope": "default", "name": None, "policy": "standard", "reason": None},
        {"scope": "agent", "name": "mine", "policy": "off-for-own-data", "reason": "synthetic users"},
    ]
    assert status["disabledDetectors"] == ["phone"]
    assert "email" in status["detectors"]["rules"]
    assert "deny-list" in status["detectors"]["custom"]
    assert status["names"]["available"] == bool(status["names"]["models"])
    assert (status["names"]["why"] is None) == status["names"]["available"]
    assert "umbrella" not in str(status)


@pytest.mark.parametrize("path", ["/api/privacy", "/api/privacy/samples", "/api/privacy/downloads/d-1"])
async def test_a_token_is_needed_like_everywhere(path: str, tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None, state_dir=tmp_path, api_token="a-long-enough-token", privacy_names="off"
    )
    async with client_of(settings, peer="203.0.113.5") as client:
        assert (await client.get(path)).status_code == 401
        assert (await client.post(PREVIEW, json={"text": "x"})).status_code == 401
        headers = {"Authorization": "Bearer a-long-enough-token"}
        assert (await client.post(PREVIEW, json={"text": "x"}, headers=headers)).status_code == 200
