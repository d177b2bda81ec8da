"""Canaries through every writer of training data, in a real service: no byte of them is in what was written.

The trajectory store keeps what agents send; everything else under the state folder is searched: datasets, jobs with
their logs and journals, prompt artifacts, caches, the other tables of the database, the service's log, and downloads.
"""

from __future__ import annotations

import base64
import gzip
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from pydantic import SecretStr

from canaries import ENVIRONMENT, NEEDLES, PERSON_PARTS, SENTENCES, TEXT, canary_trajectory, found_in
from export_files import table
from live_service import LiveService, wait_for
from openai_peer import OpenAIPeer
from support_desk import learning_model, trajectory
from whetstone.client import WhetstoneClient
from whetstone.settings import Settings

ROWS = 60
_STORE = ("whetstone.db", "whetstone.search.db")
# Tables of the trajectory store and its search index; `events`, `jobs`, `datasets` and what may come are searched.
_OURS = ("datasets", "jobs", "job_events", "training_events", "events")


@pytest.fixture(params=["off", pytest.param("on", marks=pytest.mark.slow)])
def service(
    request: pytest.FixtureRequest, settings: Settings, openai_peer: OpenAIPeer
) -> Iterator[LiveService]:
    """A service by rules alone, and one with the names models."""
    openai_peer.answer = learning_model
    changes: dict[str, Any] = {
        "lm_provider": "openai",
        "lm_base_url": openai_peer.base_url,
        "lm_model": "peer",
        "lm_api_key": SecretStr(ENVIRONMENT["CANARY_SERVICE_TOKEN"]),
        "privacy_names": request.param,
        "privacy_deny_list": [ENVIRONMENT["WHETSTONE_PRIVACY_DENY_LIST"]],
    }
    with LiveService(settings.model_copy(update=changes)) as live:
        yield live


def desk_trajectory(index: int) -> dict[str, Any]:
    """A row that an optimizer shows to models, with a canary in its question, its answer's comment and its prompt."""
    made = trajectory(index, prompt=f"Decide what to do. {SENTENCES[0]}")
    [call] = made["steps"][0]["llmCalls"]
    call["userPrompt"] += f"\n{SENTENCES[index % len(SENTENCES)]}"
    call["correction"] = {"text": call["correction"], "comment": SENTENCES[index % len(SENTENCES)]}
    return made


def run_everything(service: LiveService) -> dict[str, bytes]:
    """Dataset, job, artifact, and every download for training; the downloads by name."""
    with service.client() as client:
        client.record([canary_trajectory(), *(desk_trajectory(index) for index in range(ROWS))])
        dataset = client.build_dataset(limit=1000, minLlmCallsPerTrajectory=1)
        dataset = wait_for(
            lambda: (record := client.dataset(dataset["id"]))["status"] != "building" and record,
            seconds=120,
            what="the dataset",
        )
        assert dataset["status"] == "ready", dataset["error"]
        assert dataset["trajectoryCount"] == ROWS + 1, dataset["excluded"]
        assert dataset["privacy"]["attestation"]["residual"]["found"] == 0
        job = _optimized(client, dataset["id"])
        assert job["status"] == "completed", job
    bodies: list[dict[str, Any]] = [
        {"format": kind, "forTraining": True} for kind in ("jsonl", "json", "art", "parquet")
    ]
    bodies.append({"format": "json", "jsonShape": "eliza_native_v1", "compression": "gzip"})
    downloads = {"job record": json.dumps(job).encode(), "dataset record": json.dumps(dataset).encode()}
    for body in bodies:
        answer = httpx.post(f"{service.url}/api/trajectories/export", json=body, timeout=120)
        assert answer.status_code == 200, answer.text
        downloads[json.dumps(body)] = _readable(body, answer.content)
    return downloads


def _optimized(client: WhetstoneClient, dataset_id: str) -> dict[str, Any]:
    job = client.start_job(datasetId=dataset_id, backend="native", task="should_respond")
    record: dict[str, Any] = wait_for(
        lambda: (
            (record := client.job(job["id"]))["status"] in {"completed", "failed", "cancelled"} and record
        ),
        seconds=120,
        what="the job's end",
    )
    return record


def _readable(body: dict[str, Any], content: bytes) -> bytes:
    if body["format"] == "parquet":
        return json.dumps(table(content), default=str).encode()
    return gzip.decompress(content) if "compression" in body else content


def written(state: Path) -> Iterator[tuple[str, bytes]]:
    """Every file under the state folder but the trajectory store, and the other tables of its database."""
    for path in sorted(state.rglob("*")):
        if path.is_file() and not path.name.startswith(_STORE):
            yield (
                str(path.relative_to(state)),
                str(path.relative_to(state)).encode() + b"\n" + path.read_bytes(),
            )
    connection = sqlite3.connect(f"file:{state / 'whetstone.db'}?mode=ro", uri=True)
    try:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for name in names:
            if name.startswith(_OURS):
                rows = connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608
                yield f"table {name}", repr(rows).encode()
    finally:
        connection.close()


@pytest.mark.timeout(280)
def test_no_canary_is_written_anywhere(service: LiveService, openai_peer: OpenAIPeer) -> None:
    downloads = run_everything(service)
    service.stop()
    state = service.settings.state_dir
    files = dict(written(state))
    for part in ("training/datasets/", "training/jobs/", "optimized-prompts/", "lm-cache", "table datasets", "table jobs"):  # fmt: skip
        assert any(name.startswith(part) for name in files), (part, sorted(files))
    assert any(name.endswith("journal.jsonl") for name in files)
    assert b"fewShotExamples" in b"".join(
        content for name, content in files.items() if name.startswith("optimized")
    )
    # Rules alone know a person only where something tells that it is one.
    excused = PERSON_PARTS if service.settings.privacy_names == "off" else frozenset()
    leaks = {
        name: sorted(found)
        for name, content in (files | downloads).items()
        if (found := found_in(content) - excused)
    }
    assert not leaks, leaks
    sent = json.dumps([call.body for call in openai_peer.calls]).encode()
    assert openai_peer.calls
    assert not found_in(sent) - excused


def test_the_search_finds_every_form() -> None:
    for needle in NEEDLES:
        raw = f"… {needle} …"
        for form in (
            raw,
            raw.upper(),
            json.dumps(json.dumps(raw)),
            quote(raw),
            base64.b64encode(("x" + raw).encode()).decode(),
            base64.urlsafe_b64encode(("yy" + raw).encode()).decode(),
        ):
            assert needle in found_in(form.encode()), (needle, form)
    assert found_in(TEXT.encode()) == {needle for needle in NEEDLES if needle in TEXT}
    assert found_in(b"nothing of interest, 4 words") == set()
