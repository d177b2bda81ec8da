"""Exports meant for training (contract §5): `jsonl` and `json` in `eliza_native_v1`, and `art`.

All of them go through the privacy filter, trajectory by trajectory, and stream: memory does not grow with the store.
Unlike a dataset they hold every LLM call of the chosen trajectories, also unverified and badly rewarded ones; the
rows say which they are. A trajectory that the privacy filter withholds is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Literal

import orjson

from whetstone.clock import now_ms
from whetstone.datasets.expected import trajectory_reward
from whetstone.datasets.rows import (
    BOUNDARY_DATASET,
    Document,
    Row,
    cache_stats,
    llm_calls,
    native_row,
    primitives,
    task_of_row,
    trajectory_totals,
)
from whetstone.datasets.tasks import tasks_of
from whetstone.errors import InvalidInputError
from whetstone.privacy.filter import PrivacyFilter
from whetstone.privacy.filtered import Dropped, Filtered
from whetstone.settings import Settings
from whetstone.trajectories.conditions import TrajectoryFilter
from whetstone.trajectories.exports import Export
from whetstone.trajectories.store import TrajectoryStore

TrainingFormat = Literal["jsonl", "json", "art"]

NDJSON = "application/x-ndjson"


def export_training(
    store: TrajectoryStore,
    settings: Settings,
    kind: TrainingFormat,
    chosen: TrajectoryFilter,
    include_prompts: bool = True,
) -> Export:
    """A download of the chosen trajectories as training rows.

    `include_prompts` false leaves the texts out: rows keep an empty request and response, transcripts no messages.
    Raises `InvalidInputError` for another format.
    """
    stamp = now_ms()
    kinds: dict[str, tuple[str, str, Callable[[Document], Sequence[Row]]]] = {
        "jsonl": (f"trajectories-{stamp}.eliza-native.jsonl", NDJSON, _native_rows),
        "json": (f"trajectories-{stamp}.eliza-native.json", "application/json", _native_rows),
        "art": (f"trajectories-{stamp}.art.jsonl", NDJSON, lambda document: [art_row(document)]),
    }
    if kind not in kinds:
        raise InvalidInputError("a training export's format is 'jsonl', 'json' or 'art'")
    filename, media_type, make_rows = kinds[kind]
    rows = _filtered_rows(store, settings, chosen, make_rows, include_prompts)
    return Export(filename, media_type, _json_array(rows) if kind == "json" else _lines(rows))


def art_row(document: Document) -> Row:
    """A trajectory as an ART transcript (contract §5.5) with its reward, null when nobody gave one."""
    metrics = document.get("metrics")
    metrics = metrics if isinstance(metrics, dict) else {}
    return {
        "messages": _transcript(document),
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


def _native_rows(document: Document) -> list[Row]:
    return [
        native_row(call, task_of_row(call, tasks_of(call.body)), BOUNDARY_DATASET)
        for call in llm_calls(document)
    ]


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


def _without_texts(row: Row) -> Row:
    if "messages" in row:
        return {**row, "messages": []}
    # The label is read off the answer.
    metadata = {**row["metadata"], "label": None}
    return {**row, "request": {}, "response": {"text": ""}, "metadata": metadata}


async def _filtered_rows(
    store: TrajectoryStore,
    settings: Settings,
    chosen: TrajectoryFilter,
    make_rows: Callable[[Document], Sequence[Row]],
    include_prompts: bool,
) -> AsyncIterator[Filtered[Sequence[Row]]]:
    privacy = await asyncio.to_thread(PrivacyFilter.from_settings, settings)

    def rows(document: dict[str, Any]) -> Filtered[Sequence[Row]] | None:
        filtered = privacy.trajectory(document)
        if isinstance(filtered, Dropped):
            return None
        made = filtered.map(make_rows)
        return made if include_prompts else made.map(lambda value: [_without_texts(row) for row in value])

    async for document in store.stream(chosen):
        made = await asyncio.to_thread(rows, document)
        if made is not None:
            yield made


async def _lines(batches: AsyncIterator[Filtered[Sequence[Row]]]) -> AsyncIterator[bytes]:
    async for batch in batches:
        lines = [
            orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
            for row in batch.value
        ]
        if lines:
            yield b"".join(lines)


async def _json_array(batches: AsyncIterator[Filtered[Sequence[Row]]]) -> AsyncIterator[bytes]:
    separator = b"[\n"
    async for batch in batches:
        for row in batch.value:
            yield separator + orjson.dumps(row, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
            separator = b",\n"
    yield b"\n]\n" if separator == b",\n" else b"[]\n"
