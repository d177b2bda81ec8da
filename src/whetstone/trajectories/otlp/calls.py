"""An LLM call from the span of a model's call."""

from __future__ import annotations

from typing import Any

from whetstone.trajectories.otlp import genai, openinference
from whetstone.trajectories.otlp.attributes import Attributes, Json, parsed, small, text
from whetstone.trajectories.otlp.messages import Answer, Conversation
from whetstone.trajectories.otlp.spans import Span

# Wire name of a member -> the attributes that it is read from, the first that is there.
_MEMBERS: dict[str, tuple[str, ...]] = {
    "model": (
        "gen_ai.response.model",
        "llm.response.model_name",
        "llm.model_name",
        "gen_ai.request.model",
        "llm.request.model_name",
    ),
    "temperature": ("gen_ai.request.temperature",),
    "topP": ("gen_ai.request.top_p",),
    "maxTokens": ("gen_ai.request.max_tokens", "gen_ai.request.max_completion_tokens"),
    "promptTokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"),
    "completionTokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
    ),
    "cacheReadInputTokens": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
        "llm.token_count.prompt_details.cache_input",
    ),
    "cacheCreationInputTokens": (
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
    ),
    "reasoningTokens": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
    ),
    "stepType": ("whetstone.step_type",),
    "actionType": ("whetstone.action_type",),
    "modelType": ("whetstone.model_type",),
    "purpose": ("whetstone.purpose", "traceloop.association.properties.purpose", "gen_ai.prompt.name"),
}
# The same turned round: attribute -> wire name of the member, and its place in the order.
_SOURCES = {source: (name, place) for name, names in _MEMBERS.items() for place, source in enumerate(names)}
# Name in `llm.invocation_parameters` -> wire name of the member.
_PARAMETERS = {
    "temperature": "temperature",
    "top_p": "topP",
    "topP": "topP",
    "max_tokens": "maxTokens",
    "max_completion_tokens": "maxTokens",
    "max_output_tokens": "maxTokens",
    "tool_choice": "toolChoice",
    "model": "model",
}
_FINISH_REASONS = (
    "gen_ai.response.finish_reasons",
    "gen_ai.response.finish_reason",
    "gen_ai.response.stop_reason",
)
_PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system")
_READ = frozenset(
    {name for names in _MEMBERS.values() for name in names}
    | {*_FINISH_REASONS, *_PROVIDER}
    | {
        "openinference.span.kind",
        "gen_ai.operation.name",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
        "gen_ai.conversation.id",
        "gen_ai.prompt",
        "gen_ai.completion",
        "gen_ai.usage.total_tokens",
        "llm.request.type",
        "llm.invocation_parameters",
        "llm.finish_reason",
        "llm.token_count.total",
        "llm.usage.total_tokens",
        "metadata",
        "session.id",
        "tag.tags",
        "user.id",
        "error.type",
        "llm.headers",
    }
)
_READ_PREFIXES = (
    "input.",
    "output.",
    "llm.input_messages",
    "llm.output_messages",
    "llm.tools",
    "traceloop.entity.input",
    "traceloop.entity.output",
)
_MAX_ERROR = 4_096


def llm_call(span: Span, attributes: Attributes, *, purpose: str | None, in_session: bool) -> Json:
    """The call on the wire (contract §4.3); `purpose` is what the span above says, if it says anything."""
    call: Json = {
        "callId": span.span_id,
        "stepId": span.parent_id or span.span_id,
        "latencyMs": span.duration_ms,
    }
    if span.start:
        call["timestamp"] = span.start_ms
    _add_members(call, attributes)
    given = _metadata_object(attributes)
    if "purpose" not in call and (said := given.get("purpose") or purpose):
        call["purpose"] = said
    if provider := attributes.get(*_PROVIDER):
        call["provider"] = text(provider).lower()
    if in_session:
        call["executionTraceId"] = span.trace_id
    if tags := _tags(attributes):
        call["tags"] = tags
    _add_parameters(call, attributes)
    _add_content(call, span, attributes)
    if span.failed:
        call["error"] = failure(span, attributes)
    if metadata := _metadata(call, attributes):
        call["metadata"] = metadata
    return call


def failure(span: Span, attributes: Attributes) -> str:
    """What went wrong, as short as the span says it."""
    said = span.status_message or next(
        (
            text(event.attributes.get("exception.message"))
            for event in span.events
            if event.name == "exception"
        ),
        "",
    )
    return (said or text(attributes.get("error.type", "error.message")) or "error")[:_MAX_ERROR]


def _add_content(call: Json, span: Span, attributes: Attributes) -> None:
    given = genai.asked(attributes, span.events) or openinference.asked(attributes) or Conversation()
    said = genai.answered(attributes, span.events) or openinference.answered(attributes) or Answer()
    call["systemPrompt"] = given.system
    call["userPrompt"] = given.user
    call["response"] = said.text
    if given.messages:
        call["messages"] = given.messages
    if said.tool_calls:
        call["toolCalls"] = said.tool_calls
    if said.reasoning:
        call["reasoning"] = said.reasoning
    if tools := genai.tools(attributes) or openinference.tools(attributes):
        call["tools"] = tools
    reasons = parsed(attributes.get(*_FINISH_REASONS))
    reason = reasons[0] if isinstance(reasons, list) and reasons else reasons
    if reason := reason or said.finish_reason:
        call["finishReason"] = text(reason)


def _add_members(call: Json, attributes: Attributes) -> None:
    places: dict[str, int] = {}
    for source, value in attributes.plain.items():
        if (found := _SOURCES.get(source)) is None or value is None or value == "":
            continue
        name, place = found
        if place <= places.get(name, place):
            places[name] = place
            call[name] = value


def _add_parameters(call: Json, attributes: Attributes) -> None:
    parameters = parsed(attributes.get("llm.invocation_parameters"))
    if isinstance(parameters, dict):
        for source, value in parameters.items():
            name = _PARAMETERS.get(source)
            if name is not None and value is not None and name not in call:
                call[name] = value


def _metadata_object(attributes: Attributes) -> Json:
    """OpenInference's `metadata`, an object as JSON."""
    given = parsed(attributes.get("metadata"))
    return given if isinstance(given, dict) else {}


def _tags(attributes: Attributes) -> list[Any]:
    given = parsed(attributes.get("tag.tags"))
    return given if isinstance(given, list) else []


def _metadata(call: Json, attributes: Attributes) -> Json:
    """What else the span says in few words."""
    kept = small(attributes.plain, _READ, _READ_PREFIXES)
    asked_for = attributes.get("gen_ai.request.model", "llm.request.model_name")
    if asked_for is not None and asked_for != call.get("model"):
        kept["requestModel"] = text(asked_for)
    return kept
