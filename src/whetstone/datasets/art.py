"""ART transcripts (contract §5.5): what was said in a trajectory, in order, and its reward.

The form is that of OpenPipe's ART trainer: messages, reward, metrics and metadata.
"""

from __future__ import annotations

from typing import Any

from whetstone.datasets.expected import trajectory_reward
from whetstone.datasets.rows import Document, Row, cache_stats, llm_calls, primitives, trajectory_totals


def art_row(document: Document) -> Row:
    """A trajectory as an ART transcript (contract §5.5) with its reward, null when nobody gave one.

    Beyond the contract, `tools` are the definitions of the last call that had any, as ART's own loader reads them.
    """
    metrics = document.get("metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    tools = [call.body["tools"] for call in llm_calls(document) if isinstance(call.body.get("tools"), list)]
    return {
        "messages": _transcript(document),
        **({"tools": tools[-1]} if tools else {}),
        "reward": trajectory_reward(document),
        "metadata": {
            **{
                key: document.get(key)
                for key in ("trajectoryId", "agentId", "source", "status", "scenarioId", "batchId")
            },
            "trajectoryTotals": trajectory_totals(document),
            "cacheStats": cache_stats(document),
            "metadata": primitives(document.get("metadata")),
        },
        "metrics": {
            key: value
            for key, value in metrics.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        },
    }


def _transcript(document: Document) -> list[dict[str, Any]]:
    """What was said, in order. A call that carries the conversation so far adds only what is new in it."""
    transcript: list[dict[str, Any]] = []
    system: dict[str, Any] | None = None
    for call in llm_calls(document):
        request = _request_messages(call.body)
        known = [_spoken(message) for message in transcript]
        if known and [_spoken(message) for message in request[: len(known)]] == known:
            request = request[len(transcript) :]
        elif request and request[0]["role"] == "system":
            system, before = request[0], system
            request = request[1:] if system == before else request
        answer = {"role": "assistant", "content": call.body.get("response") or ""}
        if call.body.get("toolCalls"):
            answer["tool_calls"] = call.body["toolCalls"]
        transcript += [message for message in (*request, answer) if _says_something(message)]
    return transcript


def _request_messages(body: Document) -> list[dict[str, Any]]:
    messages = [item for item in body.get("messages") or () if isinstance(item, dict) and item.get("role")]
    system = body.get("systemPrompt")
    if system and not (messages and messages[0]["role"] == "system"):
        messages.insert(0, {"role": "system", "content": system})
    if not any(message["role"] != "system" for message in messages):
        messages.append({"role": "user", "content": body.get("userPrompt") or body.get("prompt") or ""})
    return [message for message in messages if _says_something(message)]


def _spoken(message: dict[str, Any]) -> tuple[Any, ...]:
    """What makes two messages the same, however absent members are written."""
    return message["role"], message.get("content") or "", message.get("tool_calls") or None


def _says_something(message: dict[str, Any]) -> bool:
    return bool(message.get("content") or message.get("tool_calls"))
