"""Real instrumentations and the SDK's own exporter, sending to a running service what they see of real calls."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from live_service import LiveService
from openai_peer import Messages, OpenAIPeer, Reply
from whetstone.settings import Settings

TOKEN = "a-token-for-the-exporter"
AGENT = Path(__file__).parents[1] / "otlp_agent.py"
CALL = {"id": "call_1", "type": "function", "function": {"name": "find_order", "arguments": '{"id":"7"}'}}
VARIABLES = {
    "OTEL_SERVICE_NAME": "order-desk",
    "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    settings = Settings(
        _env_file=None,
        state_dir=tmp_path_factory.mktemp("state"),
        database_url=None,
        node_env=None,
        api_token=SecretStr(TOKEN),
    )
    with LiveService(settings) as service:
        yield service


def answer(messages: Messages) -> str | dict[str, Any]:
    if len(messages) == 2:
        return {"role": "assistant", "content": None, "tool_calls": [CALL]}
    return "It ships tomorrow." if messages[-1]["role"] == "tool" else "There is nothing more."


def run_agent(service: LiveService, peer: OpenAIPeer, instrumentation: str, **variables: str) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
        **VARIABLES,
        "OTEL_EXPORTER_OTLP_ENDPOINT": service.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{TOKEN}",
        **variables,
    }
    peer.answer = answer
    done = subprocess.run(
        [sys.executable, str(AGENT), instrumentation, peer.base_url],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Failed to export" not in done.stderr, done.stderr


class Reader:
    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, path: str, **query: str) -> Any:
        response = self._client.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def clear(self) -> None:
        self._client.request("DELETE", "/api/trajectories", json={"all": True}).raise_for_status()


@pytest.fixture
def reader(service: LiveService) -> Iterator[Reader]:
    """A reader of the service, which is empty."""
    with httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        reader = Reader(client)
        reader.clear()
        yield reader


@pytest.mark.parametrize(
    ("instrumentation", "compression"),
    [("genai", "none"), ("openllmetry", "gzip"), ("openinference", "gzip")],
)
def test_instrumented_agent(
    service: LiveService, reader: Reader, openai_peer: OpenAIPeer, instrumentation: str, compression: str
) -> None:
    openai_peer.script(Reply(), Reply(), Reply(), Reply(status=404))
    run_agent(service, openai_peer, instrumentation, OTEL_EXPORTER_OTLP_COMPRESSION=compression)
    listed = reader.get("/api/trajectories", source="otel")
    assert listed["total"] == 3
    assert {each["agentId"] for each in listed["trajectories"]} == {"order-desk"}
    assert {each["metadata"]["deployment.environment"] for each in listed["trajectories"]} == {"test"}
    details = [reader.get(f"/api/trajectories/{each['id']}") for each in listed["trajectories"]]
    by_calls = {(len(each["llmCalls"]), each["trajectory"]["status"]): each for each in details}
    assert set(by_calls) == {(2, "completed"), (1, "completed"), (1, "error")}
    _check_turn(by_calls[2, "completed"])
    _check_streamed(by_calls[1, "completed"], instrumentation)
    [failed] = by_calls[1, "error"]["llmCalls"]
    assert "404" in failed["error"]
    assert failed["userPrompt"] == "Hello?"


def _check_turn(detail: dict[str, Any]) -> None:
    first, second = detail["llmCalls"]
    [step] = detail["steps"]
    assert (step["name"], step["stepId"]) == ("agent turn", first["stepId"])
    assert (first["model"], first["provider"]) == ("gpt-x", "openai")
    assert (first["systemPrompt"], first["userPrompt"]) == ("You are a clerk.", "Where is order 7?")
    assert (first["temperature"], first["topP"], first["maxTokens"]) == (0.3, 0.9, 64)
    assert first["toolCalls"] == [CALL]
    assert [tool["function"]["name"] for tool in first["tools"]] == ["find_order"]
    assert first["response"] == ""
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "tool"]
    assert second["messages"][1]["tool_calls"] == [CALL]
    assert second["messages"][2]["content"] == '{"state": "packed"}'
    assert (second["response"], second["finishReason"]) == ("It ships tomorrow.", "stop")
    assert (second["promptTokens"], second["completionTokens"]) == (15, 5)
    assert second["latencyMs"] > 0
    assert [event["type"] for event in detail["toolEvents"]] == ["tool_call", "tool_result"]
    assert detail["toolEvents"][1]["result"] == {"state": "packed"}


def _check_streamed(detail: dict[str, Any], instrumentation: str) -> None:
    [call] = detail["llmCalls"]
    assert (call["userPrompt"], call["response"]) == ("Tell me more.", "There is nothing more.")
    assert call["promptTokens"] == 4, instrumentation


def test_wrong_token_is_refused(service: LiveService, reader: Reader, openai_peer: OpenAIPeer) -> None:
    with pytest.raises(AssertionError, match="401"):
        run_agent(
            service, openai_peer, "openinference", OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20wrong"
        )
    assert reader.get("/api/trajectories")["total"] == 0
