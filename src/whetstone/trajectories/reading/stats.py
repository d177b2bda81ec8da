"""Aggregate figures over all trajectories, read from the maintained counters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.clock import iso
from whetstone.db import Database
from whetstone.trajectories.ingest.counters import HOUR_MS, MICROS
from whetstone.trajectories.tables import trajectory_counters

Bucket = Literal["hour", "day"]
_BUCKET_MS: dict[Bucket, int] = {"hour": HOUR_MS, "day": 24 * HOUR_MS}

_TOTALS = {
    "totalTrajectories": "trajectories",
    "totalSteps": "steps",
    "totalLlmCalls": "llm_calls",
    "totalProviderAccesses": "provider_accesses",
    "totalPromptTokens": "prompt_tokens",
    "totalCompletionTokens": "completion_tokens",
    "totalCacheReadInputTokens": "cache_read_input_tokens",
    "totalCacheCreationInputTokens": "cache_creation_input_tokens",
}
# Group of the answer -> (dimension, what is counted).
_GROUPS = {
    "bySource": ("source", "trajectories"),
    "byModel": ("model", "llm_calls"),
    "byStatus": ("status", "trajectories"),
    "byScenario": ("scenario", "trajectories"),
}
_IN_BUCKETS = {
    "trajectories": "trajectories",
    "llmCalls": "llm_calls",
    "promptTokens": "prompt_tokens",
    "completionTokens": "completion_tokens",
    "failed": "failed",
}
_MEANS = ("duration_ms", "ended", "reward_whole", "reward_micros", "rewarded")

Sums = Mapping[str, int]


async def stats(
    database: Database, bucket: Bucket | None = None, start: int | None = None, end: int | None = None
) -> dict[str, Any]:
    """The union of the statistics that readers of the contract know (§3.3).

    With `bucket`, `buckets` adds the same per hour or UTC day in which trajectories started, in time order, those
    without trajectories left out; `start` and `end` (milliseconds since the epoch) choose the hours that lie at
    least partly between them. The totals are always over everything.
    """
    async with database.read() as connection:
        rows = await _counters(connection)
        total: Sums = next((row for row in rows if row["dimension"] == "all"), defaultdict(int))
        answer: dict[str, Any] = {name: int(total[column]) for name, column in _TOTALS.items()}
        answer["averageDurationMs"] = _mean_duration(total) or 0.0
        answer["averageReward"] = _mean_reward(total) or 0.0
        for name, (dimension, column) in _GROUPS.items():
            answer[name] = {
                row["value"]: row[column] for row in rows if row["dimension"] == dimension and row[column]
            }
        if bucket is not None:
            hours = await _hours(connection, start, end)
            answer["buckets"] = _buckets(hours, _BUCKET_MS[bucket])
    return answer


async def _counters(connection: AsyncConnection) -> list[Mapping[str, Any]]:
    dimensions = ("all", *(dimension for dimension, _ in _GROUPS.values()))
    query = select(trajectory_counters).where(trajectory_counters.c.dimension.in_(dimensions))
    rows = (await connection.execute(query)).mappings()
    # Here, because the engines sort text differently.
    return sorted((dict(row) for row in rows), key=lambda row: str(row["value"]))


async def _hours(
    connection: AsyncConnection, start: int | None, end: int | None
) -> list[tuple[int, Mapping[str, int]]]:
    """(start of the hour, its sums) of the hours between `start` and `end`, in time order."""
    counters = trajectory_counters.c
    columns = [counters[name] for name in dict.fromkeys([*_IN_BUCKETS.values(), *_MEANS])]
    query = select(counters.value, *columns).where(counters.dimension == "hour", counters.trajectories > 0)
    hours = []
    for row in (await connection.execute(query)).mappings():
        moment = int(row["value"]) * HOUR_MS
        if (start is None or moment + HOUR_MS > start) and (end is None or moment <= end):
            hours.append((moment, {column.name: int(row[column.name]) for column in columns}))
    return sorted(hours, key=lambda hour: hour[0])


def _buckets(hours: Iterable[tuple[int, Mapping[str, int]]], width: int) -> list[dict[str, Any]]:
    sums: dict[int, dict[str, int]] = {}
    for moment, row in hours:
        bucket = sums.setdefault(moment // width * width, defaultdict(int))
        for name, value in row.items():
            bucket[name] += value
    return [
        {
            "start": iso(moment),
            "startMs": moment,
            **{name: bucket[column] for name, column in _IN_BUCKETS.items()},
            "averageDurationMs": _mean_duration(bucket),
            "averageReward": _mean_reward(bucket),
        }
        for moment, bucket in sums.items()
    ]


def _mean_duration(sums: Sums) -> float | None:
    return sums["duration_ms"] / sums["ended"] if sums["ended"] else None


def _mean_reward(sums: Sums) -> float | None:
    if not sums["rewarded"]:
        return None
    return (sums["reward_whole"] * MICROS + sums["reward_micros"]) / sums["rewarded"] / MICROS
