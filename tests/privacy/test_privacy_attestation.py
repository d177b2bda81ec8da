"""Attestations: what is written with training data, and what `strict` does not let be written."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

import whetstone.privacy.gate
from api_server import client_of, trajectory
from one_name import MeiFinder
from whetstone.cli import app
from whetstone.privacy.config import PrivacyConfig
from whetstone.privacy.gate import PrivacyGate
from whetstone.privacy.policy import Policy
from whetstone.privacy.report import FILTER_VERSION
from whetstone.privacy.residual import ResidualScan
from whetstone.settings import Settings

MAIL = "jane.doe@example.org"
PHONE = "+44 20 7946 0958"


@asynccontextmanager
async def service(settings: Settings, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A service by rules alone that knows three trajectories; two of them hold something private."""
    changes = {"privacy_names": "off", **changes}
    if isinstance(changes.get("privacy_policies"), dict):
        changes["privacy_policies"] = json.dumps(changes["privacy_policies"])
    async with client_of(settings.model_copy(update=changes)) as client:
        batch = [trajectory(f"t-{number}") for number in range(3)]
        batch[0]["steps"][0]["llmCalls"][0]["userPrompt"] = f"Write to {MAIL} please, or call {PHONE}"
        batch[1]["agentId"] = "other"
        batch[1]["steps"][0]["llmCalls"][0]["response"] = f"I wrote to {MAIL}."
        assert (await client.post("/api/trajectories", json=batch)).status_code == 201
        yield client


async def build(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.post("/api/training/datasets/build", json={})
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()["dataset"]
    while record["status"] == "building":
        await asyncio.sleep(0.05)
        record = (await client.get(f"/api/training/datasets/{record['id']}")).json()["dataset"]
    return record


async def test_a_dataset_carries_its_attestation(settings: Settings) -> None:
    async with service(settings) as client:
        record = await build(client)
        shown = (await client.get(f"/api/training/datasets/{record['id']}")).json()["dataset"]
    attested = shown["privacy"]["attestation"]
    folder = Path(record["jsonlPath"]).parent
    assert json.loads((folder / "privacy_attestation.json").read_bytes()) == attested
    assert attested["schema"] == "whetstone.privacy_attestation.v1"
    assert attested["filter"]["version"] == FILTER_VERSION
    assert attested["filter"]["configHash"] == shown["privacy"]["configHash"]
    assert attested["policy"] == [{"policy": "standard", "reason": None, "trajectories": 3}]
    assert attested["replacement"] == "pseudonym"
    assert attested["counts"]["byKind"]["email"] == 2
    assert attested["counts"]["byTier"]["rules"] >= 3
    residual = attested["residual"]
    assert (residual["found"], residual["byKind"]) == (0, {})
    rows = list(folder.glob("*.jsonl"))
    assert residual["scannedBytes"] == sum(
        path.stat().st_size for path in [*rows, *(folder / "trajectories").iterdir()]
    )
    files = {file["name"]: file for file in attested["files"]}
    assert files.keys() == {*(path.name for path in rows), "trajectories/"}
    for path in rows:
        content = path.read_bytes()
        assert files[path.name] == {
            "name": path.name,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    lines = (
        f"{path.name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in sorted((folder / "trajectories").iterdir())
    )
    assert files["trajectories/"]["sha256"] == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert files["trajectories/"]["files"] == 3
    assert MAIL not in str(shown)


async def test_what_is_left_by_choice_is_shown(settings: Settings) -> None:
    reason = "made-up users of our own tests"
    policies = {"agent:agent-1": {"policy": "off-for-own-data", "reason": reason}}
    async with service(settings, privacy_policies=policies) as client:
        record = await build(client)
    assert record["status"] == "ready"
    attested = record["privacy"]["attestation"]
    assert {"policy": "off-for-own-data", "reason": reason, "trajectories": 2} in attested["policy"]
    assert attested["residual"]["byKind"]["email"] >= 1
    assert attested["residual"]["byPolicy"].keys() == {"off-for-own-data"}
    written = await asyncio.to_thread(Path(record["jsonlPath"]).read_text)
    assert f"Write to {MAIL}" in written
    assert f"I wrote to {MAIL}" not in written


async def test_strict_without_names_models_says_what_is_missing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whetstone.privacy.gate, "open_finder", lambda _: None)
    async with service(settings, privacy_policy="strict") as client:
        record = await build(client)
        download = await client.post("/api/trajectories/export", json={"format": "jsonl"})
    assert record["status"] == "failed"
    assert "names models" in record["error"]
    assert download.status_code == 503
    assert "names models" in download.json()["error"]


async def test_strict_catches_a_detector_that_was_switched_off(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whetstone.privacy.gate, "open_finder", lambda _: MeiFinder())
    off = {"privacy_disabled_detectors": ["email"], "privacy_policy": "strict"}
    async with service(settings, **off) as client:
        record = await build(client)
        download = await client.post("/api/trajectories/export", json={"format": "jsonl"})
        assert not list((settings.training_dir / "datasets").iterdir())
    assert record["status"] == "failed"
    assert "email" in record["error"]
    assert MAIL not in record["error"]
    assert download.status_code == 409
    assert MAIL not in download.text
    async with service(settings, **off | {"privacy_policy": "standard"}) as client:
        record = await build(client)
    assert record["status"] == "ready"
    assert record["privacy"]["attestation"]["residual"]["byKind"] == {
        "email": record["privacy"]["attestation"]["residual"]["found"]
    }
    assert record["privacy"]["disabledDetectors"] == ["email"]


async def test_strict_builds_what_is_clean(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whetstone.privacy.gate, "open_finder", lambda _: MeiFinder())
    async with service(settings, privacy_policies={"source:chat": "strict"}) as client:
        record = await build(client)
        assert record["status"] == "ready", record["error"]
        attested = record["privacy"]["attestation"]
        assert attested["policy"][0]["policy"] == "strict"
        assert attested["filter"]["models"][0]["name"] == "mei"
        assert attested["residual"]["found"] == 0


@pytest.mark.parametrize("body", [{"format": "jsonl"}, {"format": "art", "compression": "gzip"}])
async def test_a_download_can_be_attested(body: dict[str, Any], settings: Settings) -> None:
    async with service(settings) as client:
        async with client.stream("POST", "/api/trajectories/export", json=body) as response:
            download_id = response.headers["x-whetstone-download"]
            assert response.headers["x-whetstone-privacy-filter"] == FILTER_VERSION
            assert response.headers["x-whetstone-privacy-policy"] == "standard"
            content = b"".join([chunk async for chunk in response.aiter_raw()])
        answer = (await client.get(f"/api/privacy/downloads/{download_id}")).json()
        assert answer["status"] == "complete"
        attested = answer["attestation"]
        assert attested["filter"]["configHash"] == response.headers["x-whetstone-privacy-config"]
        [file] = attested["files"]
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert file["bytes"] == len(content)
        assert attested["counts"]["byKind"]["email"] == 2
        assert attested["residual"]["found"] == 0
        assert (await client.get("/api/privacy/downloads/unknown")).status_code == 404
        raw = await client.post("/api/trajectories/export", json={"format": "json"})
        assert "x-whetstone-download" not in raw.headers


async def test_an_exported_file_lies_beside_its_attestation(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHETSTONE_PRIVACY_NAMES", "off")
    async with service(settings):
        pass
    output = tmp_path / "rows.jsonl"
    command = ["export", "--state-dir", str(settings.state_dir), "--output", str(output), "--format", "jsonl"]
    result = await asyncio.to_thread(CliRunner().invoke, app, command)
    assert result.exit_code == 0, result.output
    attested = json.loads((tmp_path / "rows.jsonl.privacy.json").read_bytes())
    [file] = attested["files"]
    assert file["sha256"] == hashlib.sha256(output.read_bytes()).hexdigest()
    assert attested["trajectories"] == 3


def test_the_second_scan_sees_every_place_of_a_row() -> None:
    row = {
        "callId": "call-1",
        "text": f"a {MAIL}",
        "long": "x " * 300 + PHONE,
        "list": ["203.0.113.77", {"deep": {"note": "IBAN DE89 3704 0044 0532 0130 00"}}],
        "metadata": {"password": "hunter2hunter2", "card": 4111111111111111},
        "arguments": json.dumps({"homeLat": 52.516275, "homeLng": 13.377704}),
        "4155550123@example.net": None,
    }
    scan = ResidualScan(PrivacyGate(PrivacyConfig()).residuals)
    scan.add(row, 100, Policy.STANDARD)
    scan.add(row, 100, Policy.STANDARD)  # the same texts again
    found = scan.found()
    assert {"email", "phone", "ip-address", "iban", "password", "card-number", "geo"} <= found.keys()
    assert found["email"] == 2
    assert scan.scanned_bytes == 200


def test_the_second_scan_spares_identifiers_but_no_keys_of_content() -> None:
    scan = ResidualScan(PrivacyGate(PrivacyConfig()).residuals)
    scan.add({"callId": "4111111111111111", "steps": [{"stepId": "415-555-0123"}]}, 1, Policy.STRICT)
    assert not scan.found(Policy.STRICT)
    scan.add({"data": {"stepId": "415-555-0123"}}, 1, Policy.STRICT)
    assert scan.found(Policy.STRICT) == {"phone": 1}
    assert not scan.found(Policy.STANDARD)
