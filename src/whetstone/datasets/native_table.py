"""Rows of `eliza_native_v1` as rows of a table with a stable schema, for Parquet.

Objects of the format with a known shape are structs, what has no fixed shape (messages, tools, metadata of a client)
is JSON as text, and what a row leaves out is null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from whetstone.datasets.rows import Row
from whetstone.trajectories.exports.columns import Columns, Kind, arrow_schema, cells

if TYPE_CHECKING:
    import pyarrow as pa

_REQUEST: Columns = {
    "system": Kind.TEXT, "prompt": Kind.TEXT, "messages": Kind.JSON, "tools": Kind.JSON,
    "toolChoice": Kind.JSON, "output": Kind.JSON, "responseSchema": Kind.JSON, "providerOptions": Kind.JSON,
    "settings": {"temperature": Kind.NUMBER, "maxOutputTokens": Kind.COUNT, "topP": Kind.NUMBER},
}  # fmt: skip

_USAGE: Columns = {
    "promptTokens": Kind.COUNT, "completionTokens": Kind.COUNT, "totalTokens": Kind.COUNT,
    "cacheReadInputTokens": Kind.COUNT, "cacheCreationInputTokens": Kind.COUNT, "reasoningTokens": Kind.COUNT,
}  # fmt: skip

_RESPONSE: Columns = {
    "text": Kind.TEXT, "toolCalls": Kind.JSON, "finishReason": Kind.TEXT, "usage": _USAGE
}  # fmt: skip

_METADATA: Columns = {
    "task_type": Kind.TEXT, "source_dataset": Kind.TEXT, "trajectory_id": Kind.TEXT, "step_id": Kind.TEXT,
    "call_id": Kind.TEXT, "agent_id": Kind.TEXT, "trajectory_source": Kind.TEXT,
    "source_call_purpose": Kind.TEXT, "source_action_type": Kind.TEXT, "source_step_type": Kind.TEXT,
    "source_model": Kind.TEXT, "source_model_type": Kind.TEXT, "source_provider": Kind.TEXT,
    "source_run_id": Kind.TEXT, "source_room_id": Kind.TEXT, "source_message_id": Kind.TEXT,
    "source_execution_trace_id": Kind.TEXT, "scenario_id": Kind.TEXT, "batch_id": Kind.TEXT,
    "trajectory_metadata": Kind.JSON, "total_reward": Kind.NUMBER, "ai_judge_reward": Kind.NUMBER,
    "expected_from": Kind.TEXT, "verified": Kind.FLAG, "reward": Kind.NUMBER, "label": Kind.TEXT,
}  # fmt: skip

_TOTALS: Columns = {
    "stepCount": Kind.COUNT, "llmCallCount": Kind.COUNT, "providerAccessCount": Kind.COUNT,
    "promptTokens": Kind.COUNT, "completionTokens": Kind.COUNT, "cacheReadInputTokens": Kind.COUNT,
    "cacheCreationInputTokens": Kind.COUNT,
}  # fmt: skip

_CACHE: Columns = {
    "totalInputTokens": Kind.COUNT, "promptTokens": Kind.COUNT, "completionTokens": Kind.COUNT,
    "cacheReadInputTokens": Kind.COUNT, "cacheCreationInputTokens": Kind.COUNT, "cachedCallCount": Kind.COUNT,
    "cacheReadCallCount": Kind.COUNT, "cacheWriteCallCount": Kind.COUNT,
    "tokenUsageEstimatedCallCount": Kind.COUNT,
}  # fmt: skip

_ROW: Columns = {
    "format": Kind.TEXT, "schemaVersion": Kind.COUNT, "boundary": Kind.TEXT, "trajectoryId": Kind.TEXT,
    "agentId": Kind.TEXT, "source": Kind.TEXT, "status": Kind.TEXT, "scenarioId": Kind.TEXT,
    "batchId": Kind.TEXT, "stepId": Kind.TEXT, "callId": Kind.TEXT, "stepIndex": Kind.COUNT,
    "callIndex": Kind.COUNT, "timestamp": Kind.TIME, "purpose": Kind.TEXT, "actionType": Kind.TEXT,
    "stepType": Kind.TEXT, "tags": Kind.TEXTS, "model": Kind.TEXT, "modelVersion": Kind.TEXT,
    "modelType": Kind.TEXT, "provider": Kind.TEXT, "request": _REQUEST, "response": _RESPONSE,
    "metadata": _METADATA, "trajectoryTotals": _TOTALS, "cacheStats": _CACHE,
}  # fmt: skip


def native_schema() -> pa.Schema:
    """The schema of the rows."""
    return arrow_schema(_ROW)


def table_row(row: Row) -> Row:
    """An `eliza_native_v1` row as a row of the table."""
    return cells(row, _ROW)
