"""Whatever JSON comes, in whatever body: an answer in the contract's form, never a fault."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from api_server import client_of, trajectory
from whetstone.settings import Settings

EXAMPLES = 100
ROUTES = [
    ("POST", "/api/trajectories"),
    ("POST", "/api/trajectories/t-1/llm-calls"),
    ("POST", "/api/trajectories/t-1/provider-accesses"),
    ("POST", "/api/trajectories/t-1/annotations"),
    ("POST", "/api/trajectories/t-1/end"),
    ("POST", "/api/trajectories/export"),
    ("PUT", "/api/trajectories/config"),
    ("DELETE", "/api/trajectories"),
    ("POST", "/api/training/datasets/build"),
    ("POST", "/api/training/jobs"),
    ("POST", "/api/training/jobs/j-1/cancel"),
    ("POST", "/api/training/models/m-1/import-ollama"),
    ("POST", "/api/training/models/m-1/activate"),
    ("POST", "/api/training/models/m-1/benchmark"),
    ("PUT", "/api/training/auto/config"),
    ("POST", "/api/training/auto/config"),
    ("POST", "/api/training/auto/trigger"),
]
KEYS = [
    "id", "trajectoryId", "agentId", "source", "status", "startTime", "endTime", "totalReward", "metadata", "steps",
    "stepId", "llmCalls", "providerAccesses", "callId", "response", "userPrompt", "correction", "corrections", "reward",
    "format", "includePrompts", "trajectoryIds", "jsonShape", "startDate", "enabled", "clearAll", "all", "limit",
    "minLlmCallsPerTrajectory", "tasks", "seed", "datasetId", "backend", "task", "optimizer", "budget", "fewShot",
    "iterations", "learningRate", "autoTrain", "threshold", "triggerThreshold", "cooldownHours", "backends",
    "perTaskOverrides", "should_respond", "events", "tags", "messages", "data", "query", "metrics", "script", "\x00",
]  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        [0, -1, 1e308, 2**63, "json", "jsonl", "completed", "native", "t-1", "\x00", "", "\U0001f511"]
    )
    | st.text(max_size=20)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5)


@contextlib.asynccontextmanager
async def _client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(settings) as client:
        await client.post("/api/trajectories", json=trajectory("t-1"))
        yield client


async def _never_faults(client: httpx.AsyncClient, method: str, path: str, body: Any) -> None:
    response = await client.request(method, path, json=body)
    assert response.status_code < 500 or response.status_code == 501, (method, path, body, response.text)
    if response.status_code >= 400:
        assert list(response.json()) == ["error"]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_no_body_causes_a_fault(engine: str, settings: Settings, request: pytest.FixtureRequest) -> None:
    if engine == "postgresql":
        url = request.getfixturevalue("postgresql_url")
        settings = settings.model_copy(update={"database_url": url})
    with asyncio.Runner() as runner:
        context = _client(settings)
        client = runner.run(context.__aenter__())

        @given(route=st.sampled_from(ROUTES), body=BODIES)
        @hypothesis_settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        def never_faults(route: tuple[str, str], body: dict[str, Any]) -> None:
            runner.run(_never_faults(client, *route, body))

        try:
            never_faults()
        finally:
            runner.run(context.__aexit__(None, None, None))


AWKWARD: list[Any] = [
    None, True, -1, 0, 0.5, 1e308, -1e308, 2**63, 2**64 - 1, "", "\x00", "x" * 2000, [], {}, [None], [{"a": []}], {"a": 1},
]  # fmt: skip


@pytest.mark.slow
async def test_no_awkward_value_of_a_known_key_causes_a_fault(settings: Settings) -> None:
    async with _client(settings) as client:
        document = (await client.get("/openapi.json")).json()
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                for key in _keys_of(operation, document):
                    for value in AWKWARD:
                        # Jobs are refused at the end: none shall start here.
                        body = {"datasetId": "dataset-none", key: value}
                        await _never_faults(client, method.upper(), path.replace("{id}", "t-1"), body)


def _keys_of(operation: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """Keys of the objects that a request body may be."""
    keys = []
    for media in operation.get("requestBody", {}).get("content", {}).values():
        for schema in media["schema"].get("anyOf", [media["schema"]]):
            name = schema.get("$ref", "").rpartition("/")[2]
            keys += document["components"]["schemas"].get(name, {}).get("properties", {})
    return keys
