"""What other spans become: steps, provider accesses, tool events, evaluations."""

from __future__ import annotations

import math
from typing import Any

from whetstone.clock import iso
from whetstone.trajectories.otlp.attributes import Attributes, Json, parsed, small, text
from whetstone.trajectories.otlp.calls import failure
from whetstone.trajectories.otlp.openinference import documents
from whetstone.trajectories.otlp.spans import Span, SpanEvent

_INPUT = ("gen_ai.tool.call.arguments", "input.value", "traceloop.entity.input", "tool.parameters")
_OUTPUT = ("gen_ai.tool.call.result", "output.value", "traceloop.entity.output")
_NAMES = (
    "gen_ai.agent.name",
    "agent.name",
    "graph.node.name",
    "traceloop.entity.name",
    "gen_ai.workflow.name",
)
_STEP_READ = frozenset(
    {
        "openinference.span.kind",
        "gen_ai.operation.name",
        "traceloop.span.kind",
        "session.id",
        "user.id",
        "metadata",
        "tag.tags",
        "whetstone.source",
        "whetstone.reward",
        *_NAMES,
    }
)
_STEP_READ_PREFIXES = (
    "input.",
    "output.",
    "llm.",
    "gen_ai.input.",
    "gen_ai.output.",
    "gen_ai.tool.",
    "traceloop.entity.",
)
_LAST_MS = 253_402_300_799_999
_EVALUATION_EVENT = "gen_ai.evaluation.result"


def step(span: Span, attributes: Attributes) -> Json:
    """The step of an agent, a chain, or a span that the application made itself."""
    kind = attributes.get("openinference.span.kind", "gen_ai.operation.name", "traceloop.span.kind")
    found: Json = {"stepId": span.span_id, "kind": "llm", "name": text(attributes.get(*_NAMES)) or span.name}
    if span.start:
        found["timestamp"] = span.start_ms
    if span.parent_id:
        found["parentStepId"] = span.parent_id
    if kind:
        found["spanKind"] = text(kind)
    if duration := span.duration_ms:
        found["durationMs"] = duration
    if span.failed:
        found["error"] = failure(span, attributes)
    if kept := small(attributes.plain, _STEP_READ, _STEP_READ_PREFIXES):
        found["attributes"] = kept
    return found


def access(span: Span, attributes: Attributes) -> Json:
    """The look into a context provider that a retrieval or a reranking is."""
    found = documents(
        attributes, "retrieval.documents", "reranker.output_documents", "gen_ai.retrieval.documents"
    )
    said = attributes.get("output.value", "traceloop.entity.output")
    data: Json = {"documents": found} if found or said is None else {"output": parsed(said)}
    result: Json = {
        "accessId": span.span_id,
        "stepId": span.parent_id or span.span_id,
        "providerName": text(attributes.get("gen_ai.data_source.id", "db.system", "reranker.model_name"))
        or span.name,
        "purpose": "rerank" if attributes.get("reranker.query", "reranker.model_name") else "retrieval",
        "data": data,
        "durationMs": span.duration_ms,
    }
    if span.start:
        result["timestamp"] = span.start_ms
    query = attributes.get(
        "gen_ai.retrieval.query.text", "reranker.query", "input.value", "traceloop.entity.input"
    )
    if query is not None:
        result["query"] = {"query": parsed(query)}
    if span.failed:
        result["error"] = failure(span, attributes)
    return result


def tool_events(span: Span, attributes: Attributes) -> list[Json]:
    """The request to a tool, and what came of it."""
    shared: Json = {
        "stepId": span.parent_id or span.span_id,
        "toolName": text(attributes.get("gen_ai.tool.name", "tool.name", "traceloop.entity.name"))
        or span.name,
    }
    if identifier := attributes.get("gen_ai.tool.call.id", "tool_call.id", "tool.id"):
        shared["toolCallId"] = text(identifier)
    called: Json = _event(span, "tool_call", span.start_ms) | shared
    if (given := attributes.get(*_INPUT)) is not None:
        called["args"] = parsed(given)
    ended: Json = (
        _event(span, "tool_error" if span.failed else "tool_result", span.end_ms or span.start_ms) | shared
    )
    if (said := attributes.get(*_OUTPUT)) is not None:
        ended["result"] = parsed(said)
    ended |= {
        "status": "failed" if span.failed else "completed",
        "success": not span.failed,
        "durationMs": span.duration_ms,
    }
    if span.failed:
        ended["error"] = failure(span, attributes)
    return [called, ended]


def evaluations(span: Span, attributes: Attributes, *, evaluator: bool) -> list[Json]:
    """The judgement of an evaluator's span, and those that any span carries as events."""
    found = []
    if evaluator:
        judged = _event(span, "evaluation", span.end_ms or span.start_ms) | {
            "stepId": span.parent_id or span.span_id,
            "name": text(attributes.get("evaluation.name", "annotation.name", "gen_ai.evaluation.name"))
            or span.name,
        }
        judged |= _judgement(attributes)
        for name, sources in (("input", ("input.value",)), ("output", ("output.value",))):
            if (value := attributes.get(*sources)) is not None:
                judged[name] = parsed(value)
        if rewards := reward_components(attributes):
            judged["rewards"] = rewards
        found.append(judged)
    for number, event in enumerate(span.events):
        if event.name == _EVALUATION_EVENT:
            found.append(_evaluation_event(span, event, number))
    return found


def reward_components(attributes: Attributes) -> dict[str, float]:
    """Agent Lightning's rewards `agentlightning.reward.N.name` / `.value`, by name, the first one first."""
    return {
        text(item.get("name")) or f"reward-{position}": float(item["value"])
        for position, item in enumerate(attributes.items("agentlightning.reward"))
        if isinstance(item.get("value"), (int, float)) and math.isfinite(item["value"])
    }


def _evaluation_event(span: Span, event: SpanEvent, number: int) -> Json:
    attributes = Attributes(event.attributes)
    return {
        **_event(span, "evaluation", event.moment or span.end_ms, f"evaluation-{number}"),
        "stepId": span.span_id,
        "name": text(attributes.get("gen_ai.evaluation.name")) or "evaluation",
        **_judgement(attributes),
    }


def _judgement(attributes: Attributes) -> Json:
    sources: dict[str, tuple[str, ...]] = {
        "score": ("evaluation.score", "annotation.score", "gen_ai.evaluation.score.value"),
        "label": ("evaluation.label", "annotation.label", "gen_ai.evaluation.score.label"),
        "explanation": ("evaluation.explanation", "annotation.explanation", "gen_ai.evaluation.explanation"),
    }
    found: dict[str, Any] = {name: attributes.get(*names) for name, names in sources.items()}
    return {name: value for name, value in found.items() if value is not None}


def _event(span: Span, kind: str, moment: int, suffix: str | None = None) -> Json:
    """An event whose id sorts by time: events arrive in any order and over several requests."""
    moment = min(moment, _LAST_MS)
    event: Json = {
        "id": f"{moment:013d}-{span.span_id}-{suffix or kind}",
        "type": kind,
        "spanId": span.span_id,
    }
    return event | {"createdAt": iso(moment)} if moment else event
