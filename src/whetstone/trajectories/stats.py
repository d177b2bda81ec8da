"""Aggregate figures over all trajectories."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.trajectories.tables import llm_calls, trajectories

_SUMS = {
    "totalSteps": "step_count",
    "totalLlmCalls": "llm_call_count",
    "totalProviderAccesses": "provider_access_count",
    "totalPromptTokens": "prompt_tokens",
    "totalCompletionTokens": "completion_tokens",
    "totalCacheReadInputTokens": "cache_read_input_tokens",
    "totalCacheCreationInputTokens": "cache_creation_input_tokens",
}


async def stats(database: Database) -> dict[str, Any]:
    """The union of the statistics that readers of the contract know (§3.3), counted by the database."""
    table = trajectories.c
    totals = select(
        func.count().label("totalTrajectories"),
        *(func.coalesce(func.sum(table[column]), 0).label(name) for name, column in _SUMS.items()),
        func.avg(table.duration_ms).label("averageDurationMs"),
        func.avg(table.total_reward).label("averageReward"),
    )
    async with database.read() as connection:
        row = (await connection.execute(totals)).mappings().one()
        return {
            "totalTrajectories": row["totalTrajectories"],
            **{name: int(row[name]) for name in _SUMS},
            "averageDurationMs": float(row["averageDurationMs"] or 0),
            "averageReward": float(row["averageReward"] or 0),
            "bySource": await _count_by(connection, table.source),
            "byModel": await _count_by(connection, llm_calls.c.model),
            "byStatus": await _count_by(connection, table.status),
            "byScenario": await _count_by(connection, table.scenario_id),
        }


async def _count_by(connection: AsyncConnection, column: Column[Any]) -> dict[str, int]:
    query = select(column, func.count()).where(column.is_not(None)).group_by(column).order_by(column)
    return {row[0]: row[1] for row in await connection.execute(query)}
