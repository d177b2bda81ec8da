"""Reading a file of any known format: its trajectories, and what had to be left out and why."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from whetstone.decompression import BrokenDataError
from whetstone.errors import InvalidInputError
from whetstone.trajectories.importers import eliza_zip
from whetstone.trajectories.importers.records import Record, records
from whetstone.trajectories.importers.registry import FORMATS, KNOWN, ZIP, Format, detect
from whetstone.trajectories.importers.sources import Source

Json = dict[str, Any]

# Records without a known form, at the start of a file, after which it counts as foreign.
_PATIENCE = 100


@dataclass(frozen=True, slots=True)
class Found:
    """A trajectory in the form of `TrajectoryInput`, or the problem of a record; `where` is its place in the file."""

    where: str
    trajectory: Json | None = None
    problem: str | None = None


def read(source: Source, format_name: str = "auto") -> Iterator[Found]:
    """The trajectories of a file, one at a time, and its bad records.

    Raises InvalidInputError when the file cannot be opened, or when `auto` finds no known format in it.
    """
    with source.open() as stream:
        try:
            chosen, found = _open(stream, format_name)
            trajectories = chain.from_iterable(_converted(chosen, record) for record in found)
            yield from trajectories if chosen.merge is None else _merged(chosen, trajectories)
        except (InvalidInputError, BrokenDataError) as error:
            raise InvalidInputError(f"{source.name}: the file {error}") from None


def _open(stream: io.BufferedReader, name: str) -> tuple[Format, Iterable[Record]]:
    if name == ZIP.name or (name == "auto" and stream.peek(4).startswith(eliza_zip.MAGIC)):
        return ZIP, eliza_zip.records(stream)
    if name != "auto":
        return FORMATS[name], records(stream)
    return _detected(records(stream))


def _detected(found: Iterator[Record]) -> tuple[Format, Iterable[Record]]:
    """The format of the first record that has one."""
    begun = []
    for record in found:
        begun.append(record)
        if isinstance(record.value, dict) and (known := detect(record.value)):
            return known, chain(begun, found)
        if len(begun) >= _PATIENCE:
            break
    first = next((f" ({each.where}: {each.problem})" for each in begun if each.problem), "")
    reason = "holds nothing" if not begun else f"is in no format that can be imported{first}"
    raise InvalidInputError(f"{reason}. Known are: {KNOWN}")


def _converted(chosen: Format, record: Record) -> Iterator[Found]:
    if record.problem is not None:
        yield Found(record.where, problem=record.problem)
    elif not isinstance(record.value, dict):
        yield Found(record.where, problem="must be a JSON object")
    else:
        try:
            trajectories = chosen.trajectories(record.value)
        except InvalidInputError as error:
            yield Found(record.where, problem=error.message)
            return
        for trajectory in trajectories:
            yield Found(record.where, trajectory)


def _merged(chosen: Format, parts: Iterable[Found]) -> Iterator[Found]:
    """Parts of one trajectory that follow each other, as one; later ones the store puts together."""
    assert chosen.merge is not None  # noqa: S101 - the caller asks only then
    whole: Found | None = None
    for part in parts:
        if part.trajectory is None:
            yield part
        elif whole is None or whole.trajectory is None:
            whole = part
        elif whole.trajectory["trajectoryId"] == part.trajectory["trajectoryId"]:
            whole = Found(whole.where, chosen.merge(whole.trajectory, part.trajectory))
        else:
            yield whole
            whole = part
    if whole is not None:
        yield whole
