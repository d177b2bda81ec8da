"""Reading a file that another process appends to: whole lines, each once, by byte offset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog

from whetstone.jobs.event import FINAL_KINDS

_CHUNK_BYTES = 256 * 1024
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """Lines from a job's `events.jsonl`.

    `offset` is behind them. `final` is the line that ends the job, not among `lines`; `final_offset` is behind
    that. `more` says that another read may find something at once.
    """

    lines: list[Mapping[str, Any]]
    offset: int
    final: Mapping[str, Any] | None = None
    final_offset: int = 0
    more: bool = False


def read_lines(path: Path, offset: int) -> Reading:
    """The whole lines from byte `offset` on, up to a chunk, and not beyond a final one.

    A last line without its newline is left for later; a line that is no event (torn by a crash and continued
    by the next attempt) is passed over.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read(_CHUNK_BYTES)
    except FileNotFoundError:
        return Reading([], offset)
    full = len(content) == _CHUNK_BYTES
    whole = content[: content.rfind(b"\n") + 1]
    if not whole and full:
        _log.warning("a line of a worker is too long and was passed over", path=str(path), offset=offset)
        return Reading([], offset + len(content), more=True)
    lines: list[Mapping[str, Any]] = []
    position = offset
    for raw in whole.splitlines(keepends=True):
        line = _parse(raw)
        if line is None:
            _log.warning("a torn line of a worker was passed over", path=str(path), offset=position)
        elif line["kind"] in FINAL_KINDS:
            return Reading(lines, position, line, position + len(raw))
        else:
            lines.append(line)
        position += len(raw)
    return Reading(lines, position, more=full)


def _parse(raw: bytes) -> Mapping[str, Any] | None:
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    match line:
        case {"kind": str(), "message": str(), "ts": int()}:
            return line  # type: ignore[no-any-return]  # orjson gives Any; the pattern has checked it
    return None
