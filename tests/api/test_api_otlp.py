"""`POST /v1/traces` (OTLP/HTTP): both encodings, partial success, refusals by the protocol."""

from __future__ import annotations

import gzip
from typing import Any

import httpx
import pytest
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from pydantic import SecretStr

from api_server import client_of
from otlp_requests import TRACE, protobuf, request, span, span_id
from whetstone.errors import OverloadedError, UnavailableError
from whetstone.settings import Settings
from whetstone.trajectories.store import TrajectoryStore

PATH = "/v1/traces"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-x",
    "gen_ai.prompt.0.role": "user",
    "gen_ai.prompt.0.content": "Where is order 7?",
    "gen_ai.completion.0.content": "It ships.",
}
SPANS = request(span(2, "chat", CALL, parent=1), span(1, "turn"))


def answer_of(response: httpx.Response) -> ExportTraceServiceResponse:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-protobuf"
    answer: ExportTraceServiceResponse = ExportTraceServiceResponse.FromString(response.content)
    return answer


def refusal_of(response: httpx.Response) -> Status:
    assert response.headers["content-type"] == "application/x-protobuf"
    return Status.FromString(response.content)


async def test_protobuf(client: httpx.AsyncClient) -> None:
    answer = answer_of(await client.post(PATH, content=protobuf(SPANS), headers=PROTOBUF))
    assert not answer.HasField("partial_success")
    detail = (await client.get(f"/api/trajectories/{TRACE}")).json()
    assert (detail["trajectory"]["status"], detail["trajectory"]["source"]) == ("completed", "otel")
    assert detail["llmCalls"][0]["response"] == "It ships."
    listed = (await client.get("/api/trajectories", params={"traceId": TRACE})).json()
    assert listed["total"] == 1


async def test_json(client: httpx.AsyncClient) -> None:
    response = await client.post(PATH, json=SPANS)
    assert (response.status_code, response.json()) == (200, {})
    again = await client.post(PATH, json=SPANS, headers={"Content-Type": "application/json; charset=utf-8"})
    assert again.json() == {}
    stats = (await client.get("/api/trajectories/stats")).json()
    assert (stats["totalTrajectories"], stats["totalLlmCalls"]) == (1, 1)


async def test_gzip(client: httpx.AsyncClient) -> None:
    headers = {**PROTOBUF, "Content-Encoding": "gzip"}
    answer_of(await client.post(PATH, content=gzip.compress(protobuf(SPANS)), headers=headers))
    assert (await client.get("/api/trajectories")).json()["total"] == 1


async def test_refused_spans_are_counted_in_the_encoding_of_the_request(client: httpx.AsyncClient) -> None:
    body = request(span(1, "turn"), span(2) | {"spanId": "00" * 8}, span(3) | {"traceId": "00" * 16})
    partial = answer_of(await client.post(PATH, content=protobuf(body), headers=PROTOBUF)).partial_success
    assert partial.rejected_spans == 2
    assert "spanId" in partial.error_message
    in_json = (await client.post(PATH, json=body)).json()["partialSuccess"]
    assert in_json["rejectedSpans"] == "2"
    assert "spanId" in in_json["errorMessage"]
    assert (await client.get("/api/trajectories")).json()["total"] == 1


async def test_what_is_no_request_is_refused(client: httpx.AsyncClient) -> None:
    broken = await client.post(PATH, content=b"\xff\xff\xff", headers=PROTOBUF)
    assert broken.status_code == 400
    assert (refusal_of(broken).code, refusal_of(broken).message[:11]) == (3, "The body is")
    for content in (b"", b"[]", b"{", b'{"resourceSpans": 3}'):
        response = await client.post(PATH, content=content, headers={"Content-Type": "application/json"})
        assert response.status_code == 400
        assert response.json()["error"]
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        response = await client.post(PATH, content=b"{}", headers={"Content-Type": kind})
        assert response.status_code == 415
        assert "application/x-protobuf" in response.json()["error"]
    answer_of(await client.post(PATH, content=b"", headers=PROTOBUF))
    assert (await client.get(PATH)).status_code == 404


async def test_bodies_have_the_limit_of_other_trajectories(settings: Settings) -> None:
    limited = settings.model_copy(update={"max_body_bytes": 1_024, "max_ingest_body_bytes": 20_000})
    async with client_of(limited) as client:
        fits = protobuf(request(span(1, "turn", {"note": "x" * 10_000})))
        answer_of(await client.post(PATH, content=fits, headers=PROTOBUF))
        for content in (b"x" * 30_000, gzip.compress(b"x" * 30_000)):
            headers = PROTOBUF | ({"Content-Encoding": "gzip"} if len(content) < 30_000 else {})
            assert (await client.post(PATH, content=content, headers=headers)).status_code == 413


async def test_the_token_is_demanded(settings: Settings) -> None:
    async with client_of(settings.model_copy(update={"api_token": SecretStr("secret")})) as client:
        assert (await client.post(PATH, json=SPANS)).status_code == 401
        allowed = await client.post(PATH, json=SPANS, headers={"Authorization": "Bearer secret"})
        assert allowed.status_code == 200


@pytest.mark.parametrize(
    ("error", "status", "code", "retry"),
    [(OverloadedError("busy"), 429, 8, True), (UnavailableError("away"), 503, 14, False)],
)
async def test_a_store_that_takes_nothing_now_is_told_as_worth_a_retry(
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    code: int,
    retry: bool,
) -> None:
    async def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr(TrajectoryStore, "add_fragments", refuse)
    response = await client.post(PATH, content=protobuf(SPANS), headers=PROTOBUF)
    assert response.status_code == status
    assert (refusal_of(response).code, refusal_of(response).message) == (code, str(error))
    in_json = await client.post(PATH, json=SPANS)
    assert (in_json.status_code, in_json.json()) == (status, {"error": str(error)})
    for each in (response, in_json):
        assert ("retry-after" in each.headers) is retry


async def test_switched_off_logging_is_a_warning(client: httpx.AsyncClient) -> None:
    await client.put("/api/trajectories/config", json={"enabled": False})
    partial = (await client.post(PATH, json=SPANS)).json()["partialSuccess"]
    assert partial["rejectedSpans"] == "0"
    assert "off" in partial["errorMessage"]
    assert (await client.get("/api/trajectories")).json()["total"] == 0


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
VALUE = st.one_of(
    JSON,
    st.sampled_from(
        ["stringValue", "intValue", "doubleValue", "boolValue", "arrayValue", "kvlistValue"]
    ).flatmap(lambda kind: JSON.map(lambda value: {kind: value})),
)
NAMES = st.sampled_from(
    [
        "session.id",
        "openinference.span.kind",
        "metadata",
        "tag.tags",
        "whetstone.reward",
        "input.value",
        *CALL,
    ]
)


@given(data=st.data())
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_wild_spans_keep_no_other_out(client: httpx.AsyncClient, data: st.DataObject) -> None:
    """Whatever types a span's attributes have, the answer is no fault, and the other spans are stored."""
    good, wild = span(1, "chat", CALL), span(2, "odd")
    attributes = data.draw(
        st.lists(st.builds(lambda key, value: {"key": key, "value": value}, NAMES, VALUE), max_size=6)
    )
    wild["attributes"] = attributes
    wild |= data.draw(st.dictionaries(st.sampled_from([*wild, "flags"]), JSON, max_size=2))
    good["traceId"] = data.draw(st.integers(1, 2**128 - 1)).to_bytes(16).hex()
    response = await client.post(PATH, json=request(wild, good))
    assert response.status_code == 200, response.text
    stored = await client.get(f"/api/trajectories/{good['traceId']}")
    assert span_id(1) in {call["callId"] for call in stored.json()["llmCalls"]}
