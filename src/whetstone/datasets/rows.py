"""Rows of the `eliza_native_v1` format (contract §10.3), made from a filtered trajectory document.

`response` is the expected answer: the correction where there is one, else the recorded answer. Beyond the contract,
`metadata` says how far to trust it: `expected_from` (`correction`, `reward`, `unverified`), `verified`, `reward` (of
the recorded answer, or null) and `label` (its class, or null); a dataset adds `split` and `group`. Where there are
any, `scores` and `trajectory_scores` hold values by name, and `trajectory_tags` the tags.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from whetstone.datasets.expected import Expected, answer_text, expected_answer
from whetstone.datasets.feedback import feedback_summary
from whetstone.datasets.tasks import get_task
from whetstone.lm.types import content_text

Document = Mapping[str, Any]
Row = dict[str, Any]

BOUNDARY_DATASET = "runtime_trajectory_boundary"
"""`source_dataset` of rows in trajectory exports; rows of a dataset say `eliza_native/<task>`."""

_CACHE_COUNTERS = ("cacheReadInputTokens", "cacheCreationInputTokens")


@dataclass(frozen=True, slots=True)
class LlmCall:
    """One LLM call of a trajectory document, with its place in it and the figures of the whole document."""

    document: Document
    step: Document
    step_index: int
    body: Document
    index: int
    totals: Mapping[str, int]
    cache: Mapping[str, int]

    def expected(self) -> Expected:
        """The answer that a row of this call teaches."""
        return expected_answer(self.document, self.step, self.body)


def llm_calls(document: Document) -> Iterator[LlmCall]:
    """The LLM calls of a trajectory document in order."""
    # Once for all calls: a row of each repeats them, and a long trajectory has thousands.
    totals, cache = trajectory_totals(document), cache_stats(document)
    for step_index, step in enumerate(document.get("steps") or ()):
        for index, body in enumerate(step.get("llmCalls") or ()):
            yield LlmCall(document, step, step_index, body, index, totals, cache)


def native_row(call: LlmCall, task: str, source_dataset: str | None = None) -> Row:
    """The row that `call` gives for `task`."""
    expected = call.expected()
    document, body = call.document, call.body
    model_type = body.get("modelType") or body.get("modelSlot")
    return {
        "format": "eliza_native_v1",
        "schemaVersion": 1,
        "boundary": _boundary(body),
        "trajectoryId": document["trajectoryId"],
        **{key: document.get(key) for key in ("agentId", "source", "status", "scenarioId", "batchId")},
        "stepId": call.step.get("stepId"),
        "callId": body.get("callId"),
        "stepIndex": call.step_index,
        "callIndex": call.index,
        **{key: body.get(key) for key in ("timestamp", "purpose", "actionType", "stepType")},
        "tags": body.get("tags") or [],
        **{key: body.get(key) for key in ("model", "modelVersion")},
        "modelType": model_type,
        "provider": body.get("provider"),
        "request": native_request(body),
        "response": _response(body, expected),
        "metadata": _metadata(call, task, source_dataset or f"eliza_native/{task}", expected),
        "trajectoryTotals": call.totals,
        "cacheStats": call.cache,
    }


def native_request(body: Document) -> dict[str, Any]:
    """A call's request in the form of contract §10.3."""
    system = body.get("systemPrompt")
    request: dict[str, Any] = {}
    messages = [
        item
        for item in body.get("messages") or ()
        if isinstance(item, Mapping) and isinstance(item.get("role"), str)
    ]
    if system and not (messages and messages[0].get("role") == "system"):
        request["system"] = system
    if messages:
        request["messages"] = messages
    else:
        request["prompt"] = body.get("userPrompt") or body.get("prompt") or ""
    for key in ("tools", "toolChoice", "output", "responseSchema", "providerOptions"):
        if body.get(key):
            request[key] = body[key]
    settings = {"temperature": "temperature", "maxOutputTokens": "maxTokens", "topP": "topP"}
    request["settings"] = {name: body[key] for name, key in settings.items() if body.get(key) is not None}
    if not body.get("maxTokens"):  # 0 is what capture writes when it does not know
        request["settings"].pop("maxOutputTokens", None)
    return request


def request_text(row: Row) -> str:
    """What the model was asked, without the system prompt; the system prompt where there is nothing else."""
    request = row["request"]
    messages = request.get("messages")
    if messages is None:
        text = str(request.get("prompt") or "")
    else:
        parts = (_message_text(item) for item in messages if item.get("role") != "system")
        text = "\n".join(part for part in parts if part)
    return text if text.strip() else system_text(row)


def system_text(row: Row) -> str:
    """The system prompt of a row."""
    request = row["request"]
    messages = request.get("messages") or ()
    if messages and messages[0].get("role") == "system":
        return _message_text(messages[0])
    return str(request.get("system") or "")


def chat_row(row: Row) -> Row:
    """The same row in the form of `training-data.jsonl` (contract §6.5): system, user and assistant messages."""
    metadata, request, response = row["metadata"], row["request"], row["response"]
    system = system_text(row)
    messages = list(request.get("messages") or [{"role": "user", "content": request.get("prompt", "")}])
    if system and messages[0].get("role") != "system":
        messages.insert(0, {"role": "system", "content": system})
    answer = answer_text(response["text"], response.get("toolCalls") or ())
    messages.append({"role": "assistant", "content": answer})
    return {
        "trajectory_id": row["trajectoryId"],
        "agent_id": row["agentId"],
        "archetype": metadata["trajectory_metadata"].get("archetype") or "default",
        "messages": messages,
        "metadata": {
            "source": row["source"],
            "model": row["model"],
            "purpose": row["purpose"],
            "ai_judge_reward": metadata["ai_judge_reward"],
            "total_reward": metadata["total_reward"],
            "created_at": row["timestamp"],
            **{key: metadata[key] for key in ("task_type", "call_id", "expected_from", "verified", "split")},
        },
    }


def trajectory_totals(document: Document) -> dict[str, int]:
    """`trajectoryTotals` of contract §5.5."""
    steps = document.get("steps") or ()
    calls = _bodies(document)
    return {
        "stepCount": len(steps),
        "llmCallCount": len(calls),
        "providerAccessCount": sum(len(step.get("providerAccesses") or ()) for step in steps),
        **{key: _sum(calls, key) for key in ("promptTokens", "completionTokens", *_CACHE_COUNTERS)},
    }


def cache_stats(document: Document) -> dict[str, int]:
    """`cacheStats` of contract §5.5."""
    calls = _bodies(document)
    read, written = _CACHE_COUNTERS
    return {
        "totalInputTokens": _sum(calls, "promptTokens"),
        **{key: _sum(calls, key) for key in ("promptTokens", "completionTokens", *_CACHE_COUNTERS)},
        "cachedCallCount": sum(bool(call.get(read) or call.get(written)) for call in calls),
        "cacheReadCallCount": sum(bool(call.get(read)) for call in calls),
        "cacheWriteCallCount": sum(bool(call.get(written)) for call in calls),
        "tokenUsageEstimatedCallCount": sum(bool(call.get("tokenUsageEstimated")) for call in calls),
    }


def primitives(value: Any) -> dict[str, Any]:
    """The members of an object that are text, numbers or booleans."""
    if not isinstance(value, Mapping):
        return {}
    return {key: member for key, member in value.items() if isinstance(member, str | int | float | bool)}


def task_of_row(call: LlmCall, tasks: list[str]) -> str:
    """The task under which a row stands alone, where a call has several or none."""
    known = tasks or ["response"]
    content = call.expected().content
    return next((name for name in known if get_task(name).accepts(content, call.body)), known[0])


def _bodies(document: Document) -> list[Document]:
    return [body for step in document.get("steps") or () for body in step.get("llmCalls") or ()]


def _boundary(body: Document) -> str:
    streamed = "stream" in str(body.get("actionType") or "").lower()
    return f"vercel_ai_sdk.{'streamText' if streamed else 'generateText'}"


def _response(body: Document, expected: Expected) -> dict[str, Any]:
    finish_reason = body.get("finishReason")
    if expected.source == "correction":
        # How the recorded answer ended says nothing about the corrected one.
        finish_reason = "tool-calls" if expected.tool_calls else "stop"
    prompt, completion = _count(body, "promptTokens"), _count(body, "completionTokens")
    response: dict[str, Any] = {
        "text": expected.text,
        "finishReason": finish_reason,
        "usage": {
            "promptTokens": prompt,
            "completionTokens": completion,
            "totalTokens": prompt + completion,
            **{key: _count(body, key) for key in (*_CACHE_COUNTERS, "reasoningTokens")},
        },
    }
    if expected.tool_calls:
        response["toolCalls"] = list(expected.tool_calls)
    return response


def _metadata(call: LlmCall, task: str, source_dataset: str, expected: Expected) -> dict[str, Any]:
    document, body = call.document, call.body
    optional = {
        "source_run_id": body.get("runId") or document.get("runId"),
        "source_room_id": body.get("roomId"),
        "source_message_id": body.get("messageId"),
        "source_execution_trace_id": body.get("executionTraceId"),
        "scenario_id": document.get("scenarioId"),
        "batch_id": document.get("batchId"),
    }
    trajectory_metadata = primitives(document.get("metadata"))
    if document.get("archetype"):
        trajectory_metadata["archetype"] = document["archetype"]
    return {
        "task_type": task,
        "source_dataset": source_dataset,
        "trajectory_id": document["trajectoryId"],
        "step_id": call.step.get("stepId"),
        "call_id": body.get("callId"),
        "agent_id": document.get("agentId"),
        "trajectory_source": document.get("source"),
        "source_call_purpose": body.get("purpose"),
        "source_action_type": body.get("actionType"),
        "source_step_type": body.get("stepType"),
        "source_model": body.get("model"),
        "source_model_type": body.get("modelType") or body.get("modelSlot"),
        "source_provider": body.get("provider"),
        **{key: value for key, value in optional.items() if value is not None},
        "trajectory_metadata": trajectory_metadata,
        "total_reward": document.get("totalReward"),
        "ai_judge_reward": document.get("aiJudgeReward"),
        "expected_from": expected.source,
        "verified": expected.verified,
        "reward": expected.reward,
        "label": get_task(task).label(expected.content),
        **feedback_summary(document, body),
    }


def _message_text(message: Mapping[str, Any]) -> str:
    """A message's content, parts joined; of a message that only calls tools, the names and arguments."""
    content = content_text(message.get("content"))
    if content:
        return content
    calls = message.get("tool_calls") or message.get("toolCalls")
    return str(calls) if calls else ""


def _count(body: Document, key: str) -> int:
    value = body.get(key)
    return int(value) if isinstance(value, int | float) else 0


def _sum(calls: list[Document], key: str) -> int:
    return sum(_count(call, key) for call in calls)
