"""Answers kept on disk, so that no request is paid for twice, also after a crash and across processes.

A file of its own, apart from the service's database: job processes write it while the server runs, and
losing it loses nothing but time. It holds answers under hashed keys, never prompts.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import orjson
import structlog

from whetstone.clock import now_ms
from whetstone.lm.types import ChatResponse, Usage

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")

_BUSY_SECONDS = 2.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    response BLOB NOT NULL,
    created_at INTEGER NOT NULL
) WITHOUT ROWID
"""


def cache_key(endpoint: str, body: bytes, repeat: int) -> str:
    """The hash of the whole request: `endpoint` is its identity, `body` the canonical JSON with the model."""
    digest = hashlib.sha256()
    for part in (b"1", endpoint.encode(), str(repeat).encode(), body):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


class AnswerCache:
    """Answers by key in the SQLite file `path`. No method ever raises for the file's state: it logs, and misses.

    All access happens on one thread of its own, so the event loop is never blocked.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lm-cache")
        self._connection: sqlite3.Connection | None = None
        self._broken = False

    async def get(self, key: str) -> ChatResponse | None:
        """The stored answer, marked as cached, or None."""
        row = await self._run(
            lambda connection: connection.execute(
                "SELECT response FROM answers WHERE key = ?", (key,)
            ).fetchone()
        )
        return None if row is None else _decode(row[0])

    async def put(self, key: str, response: ChatResponse) -> None:
        """Store an answer; once this returns, it survives the death of the process."""
        row = (key, response.model, _encode(response), now_ms())
        await self._run(
            lambda connection: connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)
        )

    async def close(self) -> None:
        """Finish what is being written and close the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, work)

    def _guarded(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        if self._broken:
            return None
        try:
            if self._connection is None:
                self._connection = _open(self._path)
            return work(self._connection)
        except sqlite3.OperationalError as error:  # locked, disk full, read-only: may pass
            _log.warning("lm_cache_skipped", path=str(self._path), error=str(error))
        except (sqlite3.DatabaseError, OSError) as error:
            self._broken = True
            _log.error(
                "lm_cache_unusable",
                path=str(self._path),
                error=str(error),
                hint="going on without it; delete the file to start a fresh one",
            )
        return None

    def _close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        self._broken = True


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # With WAL and NORMAL, a commit survives the process's death; only a power cut may lose the last ones.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def _encode(response: ChatResponse) -> bytes:
    return orjson.dumps(
        {
            "text": response.text,
            "toolCalls": list(response.tool_calls),
            "promptTokens": response.usage.prompt_tokens,
            "completionTokens": response.usage.completion_tokens,
            "finishReason": response.finish_reason,
            "model": response.model,
            "latencyMs": response.latency_ms,
        }
    )


def _decode(stored: bytes) -> ChatResponse | None:
    try:
        value = orjson.loads(stored)
        return ChatResponse(
            text=value["text"],
            tool_calls=tuple(value["toolCalls"]),
            usage=Usage(value["promptTokens"], value["completionTokens"]),
            finish_reason=value["finishReason"],
            model=value["model"],
            latency_ms=value["latencyMs"],
            cached=True,
        )
    except (ValueError, TypeError, KeyError) as error:
        _log.warning("lm_cache_row_unreadable", error=type(error).__name__)
        return None
