"""Exports meant for training (contract §5): `jsonl`, `json` and `parquet` in `eliza_native_v1`, and `art`.

All of them go through the privacy filter and stream: memory does not grow with the store.
Unlike a dataset they hold every LLM call of the chosen trajectories, also unverified and badly rewarded ones; the
rows say which they are. A trajectory that the privacy filter withholds is missing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from whetstone.clock import now_ms
from whetstone.datasets.art import art_row
from whetstone.datasets.evidence import ExportEvidence
from whetstone.datasets.native_table import native_schema, table_row
from whetstone.datasets.rows import BOUNDARY_DATASET, Document, Row, llm_calls, native_row, task_of_row
from whetstone.datasets.tasks import tasks_of
from whetstone.errors import InvalidInputError
from whetstone.privacy.filtered import Filtered
from whetstone.privacy.gate import PrivacyGate
from whetstone.settings import Settings
from whetstone.trajectories.exports.batches import batches, in_thread
from whetstone.trajectories.exports.export import Export
from whetstone.trajectories.exports.parquet_file import PARQUET, parquet_bytes
from whetstone.trajectories.exports.redaction import figures, names
from whetstone.trajectories.reading.conditions import TrajectoryFilter
from whetstone.trajectories.store import TrajectoryStore

TrainingFormat = Literal["jsonl", "json", "art", "parquet"]

NDJSON = "application/x-ndjson"

Batches = AsyncIterator[Sequence[Filtered[Sequence[Row]]]]

_CALLS = 50  # LLM calls that are filtered in one go


@dataclass(frozen=True, slots=True)
class TrainingExport(Export):
    """A file with training rows, and what proves that they were filtered."""

    evidence: ExportEvidence


def export_training(
    store: TrajectoryStore,
    settings: Settings,
    kind: TrainingFormat,
    chosen: TrajectoryFilter,
    include_prompts: bool = True,
) -> TrainingExport:
    """A download of the chosen trajectories as training rows.

    `include_prompts` false leaves the texts out: rows keep an empty request and response, transcripts no messages.
    Raises `InvalidInputError` for another format. Reading the chunks raises NotAvailableError, before the first,
    where Parquet cannot be written.
    """
    name = f"trajectories-{now_ms()}"
    evidence = ExportEvidence()

    def rows(make_rows: Callable[[Document], Sequence[Row]]) -> Batches:
        return _filtered_rows(store, settings, chosen, _Making(make_rows, include_prompts, evidence))

    def file(ending: str, media_type: str, chunks: AsyncIterator[bytes]) -> TrainingExport:
        return TrainingExport(f"{name}.{ending}", media_type, chunks, evidence)

    if kind == "jsonl":
        return file("eliza-native.jsonl", NDJSON, _lines(rows(_native_rows)))
    if kind == "json":
        return file("eliza-native.json", "application/json", _json_array(rows(_native_rows)))
    if kind == "art":
        return file("art.jsonl", NDJSON, _lines(rows(lambda document: [art_row(document)])))
    if kind == "parquet":
        return file("eliza-native.parquet", PARQUET, _table(rows(_native_rows)))
    raise InvalidInputError("a training export's format is 'jsonl', 'json', 'art' or 'parquet'")


def _native_rows(document: Document) -> list[Row]:
    return [
        native_row(call, task_of_row(call, tasks_of(call.body)), BOUNDARY_DATASET)
        for call in llm_calls(document)
    ]


def _without_texts(rows: Sequence[Row]) -> list[Row]:
    return [_without_text(row) for row in rows]


def _without_text(row: Row) -> Row:
    if "messages" in row:
        kept = {name: value for name, value in row.items() if name != "tools"}
        metadata = {**row["metadata"], "metadata": {}}
        return {**kept, "messages": [], "metadata": metadata, "metrics": figures(row["metrics"])}
    # The label is read off the answer.
    metadata = {**row["metadata"], "label": None, "trajectory_metadata": {}}
    return {
        **row,
        "tags": names(row["tags"]),
        "request": {},
        "response": {"text": ""},
        "metadata": metadata,
    }


@dataclass(frozen=True, slots=True)
class _Making:
    """How rows are made of documents, and where what is known of them goes."""

    make_rows: Callable[[Document], Sequence[Row]]
    include_prompts: bool
    evidence: ExportEvidence

    def rows(self, gate: PrivacyGate, documents: list[dict[str, Any]]) -> list[Filtered[Sequence[Row]]]:
        """Filtered rows of several documents, looked at once more."""
        made: list[Filtered[Sequence[Row]]] = []
        for document, filtered in zip(documents, gate.trajectories(documents), strict=True):
            if not isinstance(filtered, Filtered):
                continue
            rows = filtered.map(self.make_rows)
            made.append(rows if self.include_prompts else rows.map(_without_texts))
            policy = gate.policies.of(document).policy
            self.evidence.check((row, policy) for row in made[-1].value)
        return made


async def _filtered_rows(
    store: TrajectoryStore, settings: Settings, chosen: TrajectoryFilter, making: _Making
) -> Batches:
    gate = await in_thread(PrivacyGate.from_settings, settings)
    making.evidence.begin(gate)
    async for documents in batches(store.stream(chosen), _CALLS):
        yield await in_thread(making.rows, gate, documents)


async def _lines(batches_: Batches) -> AsyncIterator[bytes]:
    async for batch in batches_:
        if lines := await in_thread(_json_lines, batch):
            yield lines


def _json_lines(batch: Sequence[Filtered[Sequence[Row]]]) -> bytes:
    option = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    return b"".join(orjson.dumps(row, option=option) for filtered in batch for row in filtered.value)


async def _json_array(batches_: Batches) -> AsyncIterator[bytes]:
    separator = b"[\n"
    async for batch in batches_:
        if rows := [row for filtered in batch for row in filtered.value]:
            # An array of a few rows is laid out like the whole one; only its brackets are in the way.
            option = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
            part = await in_thread(orjson.dumps, rows, option=option)
            yield separator + part[len(b"[\n") : -len(b"\n]")]
            separator = b",\n"
    yield b"\n]\n" if separator == b",\n" else b"[]\n"


def _table(filtered: Batches) -> AsyncIterator[bytes]:
    async def rows() -> AsyncIterator[list[Row]]:
        async for batch in filtered:
            yield await in_thread(_table_rows, batch)

    return parquet_bytes(native_schema, rows())


def _table_rows(batch: Sequence[Filtered[Sequence[Row]]]) -> list[Row]:
    return [table_row(row) for filtered in batch for row in filtered.value]
