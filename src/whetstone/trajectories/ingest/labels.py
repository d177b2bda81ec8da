"""The models and the tasks of a trajectory's calls, as labels by which lists are filtered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db.bulk import insert_rows
from whetstone.trajectories.tables import trajectory_labels

MODEL, TASK = "model", "task"
"""Kinds of labels."""

Label = tuple[str, str]
"""Kind and value."""

Classify = Callable[[Mapping[str, Any]], Sequence[str]]
"""The tasks of an LLM call, given with the keys of a trajectory document."""

# Column of `llm_calls` -> key in a trajectory document.
_MEMBERS = {
    "call_id": "callId",
    "model": "model",
    "model_type": "modelType",
    "provider": "provider",
    "system_prompt": "systemPrompt",
    "user_prompt": "userPrompt",
    "messages": "messages",
    "tools": "tools",
    "tool_calls": "toolCalls",
    "response": "response",
    "reasoning": "reasoning",
    "correction": "correction",
    "purpose": "purpose",
    "action_type": "actionType",
    "step_type": "stepType",
    "tags": "tags",
    "finish_reason": "finishReason",
}


def no_tasks(_call: Mapping[str, Any]) -> Sequence[str]:
    """For a store that nobody told of tasks."""
    return ()


def call_labels(row: Mapping[str, Any], classify: Classify) -> list[Label]:
    """The labels that a call, as a row of `llm_calls` with its texts, gives its trajectory."""
    labels: list[Label] = [(MODEL, row["model"])]
    if classify is not no_tasks:
        known = {key: value for column, key in _MEMBERS.items() if (value := row[column]) is not None}
        labels += [(TASK, name) for name in classify(row["extra"] | known)]
    return labels


async def write_labels(connection: AsyncConnection, labels: Iterable[tuple[int, Label]]) -> None:
    """Store labels of trajectories, given by their keys; known ones are left as they are."""
    # Sorted: one order of locking for all writers.
    rows = [
        {"trajectory_key": key, "kind": kind, "value": value} for key, (kind, value) in sorted(set(labels))
    ]
    await insert_rows(connection, trajectory_labels, rows, ignore_known=True)
