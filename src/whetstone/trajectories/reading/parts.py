"""Steps, LLM calls, provider accesses and events as documents show them, read for many trajectories at once.

Exports read every call of the store through here, so rows stay the tuples that the driver gives, and each becomes its
document in one go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Select, Table, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.clock import iso
from whetstone.trajectories.ingest.shared_texts import texts_of
from whetstone.trajectories.tables import llm_calls, provider_accesses, steps, trajectory_events

Json = dict[str, Any]
Row = Sequence[Any]

# Members of a document, and the columns that they come from.
_STEP = {"stepId": "step_id", "stepNumber": "position", "timestamp": "timestamp", "kind": "kind"}
_OPTIONAL_STEP = {"reward": "reward", "done": "done"}
_CALL = {
    "callId": "call_id",
    "stepId": "step_key",
    "timestamp": "timestamp",
    "model": "model",
    "systemPrompt": "system_prompt_key",
    "userPrompt": "user_prompt",
    "response": "response",
    "temperature": "temperature",
    "maxTokens": "max_tokens",
    "purpose": "purpose",
    "actionType": "action_type",
    "stepType": "step_type",
    "tags": "tags",
    "latencyMs": "latency_ms",
    "createdAt": "created_at",
}
_OPTIONAL_CALL = {
    "modelType": "model_type",
    "provider": "provider",
    "messages": "messages",
    "tools": "tools_key",
    "toolCalls": "tool_calls",
    "reasoning": "reasoning",
    "correction": "correction",
    "topP": "top_p",
    "promptTokens": "prompt_tokens",
    "completionTokens": "completion_tokens",
    "cacheReadInputTokens": "cache_read_input_tokens",
    "cacheCreationInputTokens": "cache_creation_input_tokens",
    "reasoningTokens": "reasoning_tokens",
    "finishReason": "finish_reason",
}
_ACCESS = {
    "accessId": "access_id",
    "stepId": "step_key",
    "providerName": "provider_name",
    "purpose": "purpose",
    "timestamp": "timestamp",
    "data": "data",
    "createdAt": "created_at",
}
_OPTIONAL_ACCESS = {"query": "query"}

# Many items are stored at the same moment.
_moment = lru_cache(maxsize=1024)(iso)


@dataclass(frozen=True, slots=True)
class Parts:
    """What is below one trajectory: step documents with their calls and accesses, and events, all in order."""

    steps: list[Json] = field(default_factory=list)
    events: dict[str, list[Any]] = field(default_factory=dict)


async def load_parts(connection: AsyncConnection, keys: Sequence[int]) -> defaultdict[int, Parts]:
    """The parts of the trajectories with these keys, by key."""
    parts: defaultdict[int, Parts] = defaultdict(Parts)
    by_key = _add_steps(await _STEPS.rows(connection, keys), parts)
    calls = await _CALLS.rows(connection, keys)
    shared = {row[place] for row in calls for place in (_PROMPT, _TOOLS)}
    _add_calls(calls, by_key, await texts_of(connection, shared - {None}))
    _add_accesses(await _ACCESSES.rows(connection, keys), by_key)
    for _, _, owner, category, body in await _EVENTS.rows(connection, keys):
        parts[owner].events.setdefault(category, []).append(body)
    return parts


class _Source:
    """Rows of a table: some columns first, then those of a document, in the order of `order`."""

    def __init__(self, table: Table, first: Sequence[str], *documents: Mapping[str, str], order: str) -> None:
        self.columns = [*first, *(column for names in documents for column in names.values())]
        self._query = self._select(table)
        self._order = itemgetter(*(self.columns.index(name) for name in order.split()))

    def _select(self, table: Table) -> Select[Any]:
        columns = [table.c[name] for name in self.columns]
        wanted = table.c.trajectory_key.in_(bindparam("keys", expanding=True))
        return select(*columns).where(wanted)

    async def rows(self, connection: AsyncConnection, keys: Sequence[int]) -> list[Row]:
        if not keys:
            return []
        found: list[Row] = list((await connection.execute(self._query, {"keys": keys})).all())
        found.sort(key=self._order)
        return found


_STEPS = _Source(
    steps,
    ("extra", "key", "trajectory_key"),
    _STEP,
    _OPTIONAL_STEP,
    order="timestamp step_id",
)
_CALLS = _Source(llm_calls, ("extra", "position"), _CALL, _OPTIONAL_CALL, order="timestamp position call_id")
_ACCESSES = _Source(
    provider_accesses, ("extra", "position"), _ACCESS, _OPTIONAL_ACCESS, order="timestamp position access_id"
)
_EVENTS = _Source(
    trajectory_events,
    ("position", "event_id", "trajectory_key", "category", "body"),
    order="position event_id",
)
_PROMPT = _CALLS.columns.index("system_prompt_key")
_TOOLS = _CALLS.columns.index("tools_key")


def _add_steps(rows: list[Row], parts: Mapping[int, Parts]) -> dict[int, Json]:
    by_key: dict[int, Json] = {}
    behind = 3 + len(_STEP)
    time, position = _STEPS.columns.index("timestamp"), _STEPS.columns.index("position")
    for row in sorted(rows, key=lambda row: (row[time], row[position] or 0)):
        siblings = parts[row[2]].steps
        step = row[0]
        step.update(zip(_STEP, row[3:behind], strict=True))
        if step["stepNumber"] is None:
            step["stepNumber"] = len(siblings)
        _add_optional(step, _OPTIONAL_STEP, row[behind:])
        step["llmCalls"], step["providerAccesses"] = [], []
        siblings.append(step)
        by_key[row[1]] = step
    return by_key


def _add_calls(rows: list[Row], steps: Mapping[int, Json], texts: Mapping[int, str]) -> None:
    behind = 2 + len(_CALL)
    for row in rows:
        call = row[0]
        call.update(zip(_CALL, row[2:behind], strict=True))
        step = steps[call["stepId"]]
        call["stepId"] = step["stepId"]
        prompt = call["systemPrompt"]
        call["systemPrompt"] = "" if prompt is None else texts.get(prompt, "")
        call["createdAt"] = _moment(call["createdAt"])
        _add_optional(call, _OPTIONAL_CALL, row[behind:])
        if row[_TOOLS] is not None:
            call["tools"] = orjson.loads(texts[row[_TOOLS]])
        step["llmCalls"].append(call)


def _add_accesses(rows: list[Row], steps: Mapping[int, Json]) -> None:
    behind = 2 + len(_ACCESS)
    for row in rows:
        access = row[0]
        access.update(zip(_ACCESS, row[2:behind], strict=True))
        step = steps[access["stepId"]]
        access["stepId"] = step["stepId"]
        access["createdAt"] = _moment(access["createdAt"])
        _add_optional(access, _OPTIONAL_ACCESS, row[behind:])
        step["providerAccesses"].append(access)


def _add_optional(document: Json, names: Mapping[str, str], values: Sequence[Any]) -> None:
    for name, value in zip(names, values, strict=True):
        if value is not None:
            document[name] = value
