"""Trajectory documents without what was asked and answered, for downloads that leave prompts out."""

from __future__ import annotations

from typing import Any

# What stays of an LLM call. A list of what goes would miss the members that only some clients send.
_KEPT = frozenset(
    {
        "callId", "stepId", "timestamp", "createdAt", "model", "modelVersion", "modelType", "provider",
        "temperature", "maxTokens", "topP", "purpose", "actionType", "stepType", "tags", "latencyMs",
        "promptTokens", "completionTokens", "cacheReadInputTokens", "cacheCreationInputTokens",
        "reasoningTokens", "tokenUsageEstimated", "finishReason", "runId", "roomId", "messageId",
        "executionTraceId",
    }
)  # fmt: skip

_PLACEHOLDER = dict.fromkeys(("systemPrompt", "userPrompt", "response"), "[redacted]")


def without_prompts(document: dict[str, Any], *, placeholder: bool = False) -> dict[str, Any]:
    """A copy whose calls hold neither prompts nor answers; with `placeholder`, `[redacted]` stands for them."""
    substitute = _PLACEHOLDER if placeholder else {}
    steps = [
        step | {"llmCalls": [_metadata_of(call) | substitute for call in step["llmCalls"]]}
        for step in document["steps"]
    ]
    return document | {"steps": steps}


def _metadata_of(call: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name in _KEPT}
