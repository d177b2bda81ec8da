"""Trajectories as a table for spreadsheets: RFC 4180 quoting, line feeds, and no formula ever runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

_COLUMNS = {
    "trajectoryId": "id",
    "agentId": "agentId",
    "source": "source",
    "status": "status",
    "startTime": "startTime",
    "endTime": "endTime",
    "durationMs": "durationMs",
    "scenarioId": "scenarioId",
    "batchId": "batchId",
    "stepCount": "stepCount",
    "llmCallCount": "llmCallCount",
    "providerAccessCount": "providerAccessCount",
    "promptTokens": "totalPromptTokens",
    "completionTokens": "totalCompletionTokens",
    "cacheReadInputTokens": "totalCacheReadInputTokens",
    "cacheCreationInputTokens": "totalCacheCreationInputTokens",
}


async def csv_text(records: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    """A header and one line a record, in UTF-8, without a line feed at the end (contract §5.4)."""
    yield ",".join(_COLUMNS).encode()
    async for record in records:
        yield ("\n" + ",".join(_cell(record.get(name)) for name in _COLUMNS.values())).encode()


def _cell(value: str | int | None) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    if value.lstrip().startswith(("=", "+", "-", "@")) or value.startswith(("\t", "\r", "\n")):
        value = f"'{value}"  # a spreadsheet reads it as text now, not as a formula
    if any(special in value for special in '",\r\n'):
        value = '"' + value.replace('"', '""') + '"'
    return value
