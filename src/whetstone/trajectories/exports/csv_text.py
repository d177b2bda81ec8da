"""Trajectories as a table for spreadsheets: RFC 4180 quoting, line feeds, and no formula ever runs."""

from __future__ import annotations

import re
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

_LINES = 500  # lines a chunk

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.: /-]*")
# Where a spreadsheet may take what follows for a formula: at the start of a cell, behind white space and characters
# without width too, and behind what begins a new cell or line where the separator is not the comma. The characters
# are those of OWASP's "CSV Injection", their full-width forms, and the bar and percent sign of older programs.
_FORMULA = re.compile(
    r"(^|[;\t\r\n])(?=[\s\x00-\x1f\u200b-\u200f\u2060\ufeff\"']*[=+\-@|%\uff1d\uff0b\uff0d\uff20\u2212\ufe62\ufe63])"
)
_CONTROL = re.compile(r"[\t\r\n]")


async def csv_text(records: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    """A header and one line a record, in UTF-8, without a line feed at the end (contract §5.4)."""
    lines = [",".join(_COLUMNS)]
    separator = ""
    async for record in records:
        lines.append(",".join([_cell(record.get(name)) for name in _COLUMNS.values()]))
        if len(lines) >= _LINES:
            yield (separator + "\n".join(lines)).encode()
            lines.clear()
            separator = "\n"
    if lines:
        yield (separator + "\n".join(lines)).encode()


def _cell(value: str | int | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    if _PLAIN.fullmatch(value):
        return value
    value = _FORMULA.sub(r"\1'", value)  # a spreadsheet reads it as text now, not as a formula
    if _CONTROL.match(value):
        value = f"'{value}"
    if any(special in value for special in '",;\t\r\n'):
        value = '"' + value.replace('"', '""') + '"'
    return value
