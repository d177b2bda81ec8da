"""How a job ends: one transaction for the final event, the status and everything that belongs to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.jobs import store
from whetstone.jobs.best_so_far import best_so_far, cancelled_sentence
from whetstone.jobs.event import JOB_CANCELLED, JOB_COMPLETED, JOB_FAILED, EventDraft, draft, reported
from whetstone.jobs.events import EventLog
from whetstone.jobs.jobfile import JobFolder
from whetstone.jobs.launchers.base import Exit
from whetstone.jobs.states import JobStatus
from whetstone.storable import clean_json

_KIND = {
    JobStatus.COMPLETED: JOB_COMPLETED,
    JobStatus.FAILED: JOB_FAILED,
    JobStatus.CANCELLED: JOB_CANCELLED,
}
_STATUS = {kind: status for status, kind in _KIND.items()}
# Told of each completed job that made a model, inside the transaction that completes it: the job's row, `result` and
# `model_id` included.
ModelHook: TypeAlias = Callable[[AsyncConnection, Mapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A final status with its sentence. `line` is the worker's own final line, if it wrote one; `extra` goes into
    the event.
    """

    status: JobStatus
    message: str
    line: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)

    async def store(
        self,
        events: EventLog,
        job_id: str,
        ended: Exit,
        offsets: tuple[int, int] | None = None,
        on_model: ModelHook | None = None,
    ) -> None:
        """Make it the job's end. `offsets`: up to where the worker's events were and are now in the log.

        `on_model` is called in the same transaction when the job made a model. Raises `ConflictError` when the job is not running.
        """
        async with events.transaction() as connection:
            known = await store.row_of(connection, job_id)
            await events.append([self._event(job_id, known["dataset_id"])], connection)
            await store.transition(
                connection,
                job_id,
                self.status,
                phase=self.status,
                error=self.message if self.status is JobStatus.FAILED else None,
                exit_code=ended.code,
                signal=ended.signal,
                process=None,
                **self.columns,
            )
            if offsets is not None:
                await store.advance(connection, job_id, *offsets)
            if on_model is not None and self.columns.get("model_id") is not None:
                await on_model(connection, await store.row_of(connection, job_id))

    def _event(self, job_id: str, dataset_id: str | None) -> EventDraft:
        """The final event, with the ids of contract §2.3 that are known."""
        if self.line is None:
            return draft(
                _KIND[self.status],
                self.message,
                job_id=job_id,
                dataset_id=dataset_id,
                phase=self.status,
                **self.extra,
            )
        found = {"modelId": self.columns.get("model_id"), "datasetId": dataset_id}
        ids = {key: value for key, value in found.items() if value is not None}
        completed = self.status is JobStatus.COMPLETED
        return reported({**self.line, **self.extra, **ids}, job_id, 1.0 if completed else None)


async def cancelled(folder: JobFolder) -> Outcome:
    """The end of a job whose worker left without a word after it was told to, or never began."""
    kept = await _kept(folder)
    return Outcome(
        JobStatus.CANCELLED, cancelled_sentence(kept.get("bestSoFar")), None, kept, {"result": kept or None}
    )


async def failed(message: str, folder: JobFolder) -> Outcome:
    """The end of a job that cannot go on, and why."""
    kept = await _kept(folder)
    return Outcome(JobStatus.FAILED, message, None, kept, {"result": kept or None})


async def reported_outcome(line: Mapping[str, Any], folder: JobFolder) -> Outcome:
    """The end that the worker reported in `line`, with what it left in the folder."""
    status = _STATUS[line["kind"]]
    line = {**line, "phase": str(status)}
    if status is not JobStatus.COMPLETED:
        kept = await _kept(folder)
        return Outcome(status, line["message"], line, kept, {"result": kept or None})
    result = await asyncio.to_thread(_read_result, folder.result)
    columns = {"progress": 1.0, "result": result, **model_columns(result)}
    return Outcome(status, line["message"], line, {}, columns)


async def _kept(folder: JobFolder) -> dict[str, Any]:
    """What a job that did not come to its end has to show."""
    best = await asyncio.to_thread(best_so_far, folder)
    return {} if best is None else {"bestSoFar": best}


def _read_result(path: Path) -> dict[str, Any]:
    content = clean_json(orjson.loads(path.read_bytes()))
    return content if isinstance(content, dict) else {"value": content}


def model_columns(result: Mapping[str, Any]) -> dict[str, str]:
    """What a fine-tuning backend says about the model that it made."""
    named = {"model_id": "modelId", "model_path": "modelPath", "adapter_path": "adapterPath"}
    return {column: result[key] for column, key in named.items() if isinstance(result.get(key), str)}
