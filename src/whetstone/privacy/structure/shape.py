"""Where a trajectory document is structure and where it is content.

At the positions named here, and nowhere else, identifiers and vocabulary of the wire contract (§4) stay as they are.
Everything else is content that is filtered without regard to its meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

# What an identifier looks like; anything else under an identifier's key is treated as text.
IDENTIFIER = re.compile(r"[\w.:/#=~-]{0,256}\Z")


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of object in the document."""

    ids: frozenset[str] = frozenset()
    """Keys of identifiers and vocabulary (a string or an array of strings)."""
    names: frozenset[str] = frozenset()
    """Other keys of the contract; their values are content."""
    parts: Mapping[str, Shape] = field(default_factory=dict)
    """Keys of objects, or arrays of objects, that are structure again (also as JSON text)."""

    def knows(self, key: str) -> bool:
        """Whether the contract names the key, so that it needs no filter and may be written into a report."""
        return key in self.ids or key in self.names or key in self.parts


def _keys(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TOOL_CALL = Shape(
    ids=_keys("id type index toolCallId callId toolName name"),
    names=_keys("arguments args input output result"),
    parts={"function": Shape(ids=_keys("name"), names=_keys("arguments"))},
)
_TOOL = Shape(
    ids=_keys("type name"),
    names=_keys("description parameters inputSchema input_schema"),
    parts={"function": Shape(ids=_keys("name"), names=_keys("description parameters strict"))},
)
_MESSAGE = Shape(
    ids=_keys("role type id tool_call_id toolCallId"),
    names=_keys("content name reasoning reasoning_content refusal"),
    parts={"tool_calls": _TOOL_CALL, "toolCalls": _TOOL_CALL},
)
_SCORE = Shape(ids=_keys("id callId source"), names=_keys("name value label comment createdAt"))
_CORRECTION = Shape(names=_keys("text source comment"), parts={"toolCalls": _TOOL_CALL})
_CALL = Shape(
    ids=_keys(
        "callId stepId model modelVersion modelSlot modelType provider purpose actionType stepType finishReason runId"
        " roomId messageId executionTraceId traceId"
    ),
    names=_keys(
        "timestamp createdAt position tags systemPrompt userPrompt prompt input response reasoning toolChoice temperature"
        " maxTokens topP latencyMs promptTokens completionTokens totalTokens cacheReadInputTokens cacheCreationInputTokens"
        " reasoningTokens tokenUsageEstimated metadata"
    ),
    parts={
        "messages": _MESSAGE,
        "tools": _TOOL,
        "toolCalls": _TOOL_CALL,
        "correction": _CORRECTION,
        "scores": _SCORE,
    },
)
_ACCESS = Shape(
    ids=_keys("accessId stepId providerId providerName purpose sha256 overlapsWith"),
    names=_keys("timestamp startedAt endedAt durationMs createdAt tokenCount position data query metadata"),
)
_ACTION = Shape(
    ids=_keys("attemptId actionType actionName actionId"),
    names=_keys("timestamp parameters success error reasoning result"),
)
_STEP = Shape(
    ids=_keys("stepId kind scriptHash childSteps"),
    names=_keys("stepNumber timestamp usedSkills script reward done environmentState observation metadata"),
    parts={"llmCalls": _CALL, "providerAccesses": _ACCESS, "action": _ACTION},
)
_REWARD = Shape(names=_keys("reward rewardComponents"))
_METRICS = Shape(ids=_keys("finalStatus"), names=_keys("episodeLength"))

TRAJECTORY = Shape(
    ids=_keys("trajectoryId id agentId source status scenarioId batchId runId traceId episodeId archetype"),
    names=_keys(
        "startTime endTime durationMs createdAt updatedAt groupIndex stepCount llmCallCount providerAccessCount"
        " totalReward rewardComponents aiJudgeReward aiJudgeReasoning isTrainingData comment tags metadata"
        " promptTokens completionTokens totalPromptTokens totalCompletionTokens cacheReadInputTokens cacheCreationInputTokens"
        " cacheStats events contextEvents toolEvents evaluationEvents cacheObservations contextDiffs"
    ),
    parts={
        "steps": _STEP,
        "stepsJson": _STEP,
        "llmCalls": _CALL,
        "providerAccesses": _ACCESS,
        "metrics": _METRICS,
        "scores": _SCORE,
        "annotation": _REWARD,
        "reported": _REWARD,
    },
)
"""The trajectory document: contract §4.1 with everything below it."""
