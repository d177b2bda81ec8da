"""Whether what the store keeps twice agrees: rollups, labels and counters with the rows that they follow from."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, exists, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.db import Database
from whetstone.db.bulk import insert_rows, update_rows
from whetstone.trajectories.ingest.counters import NAMES, Deltas
from whetstone.trajectories.ingest.labels import TASK, Classify, Label, no_tasks, write_labels
from whetstone.trajectories.tables import (
    llm_calls,
    shared_texts,
    trajectories,
    trajectory_counters,
    trajectory_labels,
)
from whetstone.trajectories.upkeep.recount import ROLLUPS, Recount, by_owner, recount

Row = dict[str, Any]
Progress = Callable[[int, int], None]
"""Called with the trajectories looked at so far, and all of them."""

_ROWS = 200  # trajectories looked at together …
_CALLS = 2_000  # … or fewer, where they have many calls
_EXAMPLES = 20


@dataclass(slots=True)
class Report:
    """What did not agree, by kind (`rollup`, `label`, `counter`, `unused text`), with some examples in words."""

    trajectories: int = 0
    differences: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    repaired: bool = False

    @property
    def clean(self) -> bool:
        """Whether everything agrees now."""
        return self.repaired or not self.differences

    def add(self, kind: str, words: str) -> None:
        """Note a difference."""
        self.differences[kind] += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"{kind}: {words}")


async def check(
    database: Database,
    classify: Classify = no_tasks,
    *,
    repair: bool = False,
    progress: Progress = lambda _done, _total: None,
) -> Report:
    """Count everything again, in one snapshot, and compare; with `repair`, store what was counted.

    Without `classify`, task labels are not looked at. A repair keeps writers out until it is done.
    """
    report = Report(repaired=repair)
    async with database.write() if repair else database.read() as connection:
        if repair and database.dialect == "postgresql":
            await connection.execute(
                # Writers lock rows before they change them: this mode keeps them from that too.
                text("LOCK TABLE trajectories, trajectory_counters IN EXCLUSIVE MODE")
            )
        total = await connection.scalar(select(func.count()).select_from(trajectories)) or 0
        counted = Deltas()
        async for headers in _pages(connection):
            await _check_page(connection, headers, classify, counted, report)
            report.trajectories += len(headers)
            progress(report.trajectories, total)
        await _check_counters(connection, counted, report)
        await _check_texts(connection, report)
    return report


async def _pages(connection: AsyncConnection) -> AsyncIterator[list[Row]]:
    last = 0
    query = select(trajectories).order_by(trajectories.c.key).limit(_ROWS)
    while True:
        rows = (await connection.execute(query.where(trajectories.c.key > last))).mappings().all()
        page: list[Row] = []
        calls = 0
        for row in rows:
            if page and calls + row["llm_call_count"] > _CALLS:
                yield page
                page, calls = [], 0
            page.append(dict(row))
            calls += row["llm_call_count"]
        if page:
            yield page
        if len(rows) < _ROWS:
            return
        last = rows[-1]["key"]


async def _check_page(
    connection: AsyncConnection, headers: Sequence[Row], classify: Classify, counted: Deltas, report: Report
) -> None:
    found = await recount(connection, headers, classify)
    wrong = []
    for header in headers:
        actual = found[header["key"]]
        for name in ROLLUPS:
            if header[name] != actual.rollups[name]:
                words = f"{name} of {header['id']} is {header[name]}, but {actual.rollups[name]} by its rows"
                report.add("rollup", words)
                wrong.append({"key": header["key"], **actual.rollups})
        counted.header(None, header | actual.rollups)
        counted.calls(actual.calls)
    if report.repaired:
        await update_rows(connection, trajectories, ROLLUPS, wrong)
    await _check_labels(connection, headers, found, classify, report)


async def _check_labels(
    connection: AsyncConnection,
    headers: Sequence[Row],
    found: dict[int, Recount],
    classify: Classify,
    report: Report,
) -> None:
    columns = trajectory_labels.c
    query = select(columns.trajectory_key, columns.kind, columns.value)
    rows = await connection.execute(query.where(columns.trajectory_key.in_(list(found))))
    stored = by_owner([(key, (kind, value)) for key, kind, value in rows])
    missing: list[tuple[int, Label]] = []
    wrong: list[tuple[int, str, str]] = []
    for header in headers:
        key, identifier = header["key"], header["id"]
        for label in sorted(found[key].labels - stored[key]):
            report.add("label", f"{label[0]} {label[1]!r} of {identifier} is missing")
            missing.append((key, label))
        for label in sorted(stored[key] - found[key].possible):
            if label[0] != TASK or classify is not no_tasks:
                report.add("label", f"{label[0]} {label[1]!r} of {identifier} has no reason")
                wrong.append((key, *label))
    if report.repaired:
        await write_labels(connection, missing)
        place = tuple_(columns.trajectory_key, columns.kind, columns.value)
        if wrong:
            await connection.execute(delete(trajectory_labels).where(place.in_(wrong)))


async def _check_counters(connection: AsyncConnection, counted: Deltas, report: Report) -> None:
    stored = {
        (row["dimension"], row["value"]): dict(row)
        for row in (await connection.execute(select(trajectory_counters))).mappings()
    }
    actual = {(row["dimension"], row["value"]): row for row in counted.rows()}
    differs = False
    for place in sorted(stored.keys() | actual.keys()):
        before, after = stored.get(place, {}), actual.get(place, {})
        for name in NAMES:
            if before.get(name, 0) != after.get(name, 0):
                words = (
                    f"{name} of {' '.join(place).strip()} is {before.get(name, 0)}, but {after.get(name, 0)}"
                )
                report.add("counter", f"{words} by the rows")
                differs = True
    if differs and report.repaired:
        await connection.execute(delete(trajectory_counters))
        await insert_rows(connection, trajectory_counters, list(actual.values()))


async def _check_texts(connection: AsyncConnection, report: Report) -> None:
    references = (llm_calls.c.system_prompt_key, llm_calls.c.tools_key)
    unused = [~exists().where(column == shared_texts.c.key) for column in references]
    count = await connection.scalar(select(func.count()).select_from(shared_texts).where(*unused)) or 0
    if count:
        report.differences["unused text"] += count
    if count and report.repaired:
        await connection.execute(delete(shared_texts).where(*unused))
