"""All terms of the index, in chunks that the database scans for a piece of a term."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

from sqlalchemy import column, func, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.trajectories.search.needles import MAX_RUNS, Run
from whetstone.trajectories.search.terms import BETWEEN, IDENTIFIERS, may_be_identifier
from whetstone.trajectories.search.tokens import MAX_TOKEN, SEPARATOR, is_word

Place = Literal["inside", "end", "start"]

_CHUNKS = 40  # chunks a query

_terms = table("terms", column("key"), column("kind"), column("terms"), schema="search")


class TooManyError(Exception):
    """More alternatives than a query may have."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """Runs without open ends, but that the last token of those in `prefixes` may go on.

    `verify`: they say only what may match.
    """

    exact: tuple[tuple[str, ...], ...]
    prefixes: tuple[tuple[str, ...], ...]
    verify: bool = False


async def expand(connection: AsyncConnection, runs: Sequence[Run]) -> Expansion:
    """The alternatives to open ends, from the vocabulary. Raises TooManyError."""
    exact: dict[tuple[str, ...], None] = {}
    prefixes: dict[tuple[str, ...], None] = {}
    verify = False
    for run in runs:
        if len(run.tokens) == 1 and run.left_open:
            for term in await _find(connection, run.tokens[0], "inside" if run.right_open else "end"):
                exact[(term,)] = None
            continue
        try:
            firsts = await _firsts(connection, run)
            middle = run.tokens[1:]
        except TooManyError:  # found by the rest of the run, and then compared as a whole
            firsts, middle, verify = [()], run.tokens[1:], True
        lasts = await _lasts(connection, run, MAX_RUNS // max(1, len(firsts)))
        if lasts is None:
            prefixes |= dict.fromkeys((*first, *middle) for first in firsts)
        else:
            for first, last in product(firsts, lasts):
                exact[(*(*first, *middle)[:-1], last)] = None
        if len(exact) + len(prefixes) > MAX_RUNS:
            raise TooManyError
    return Expansion(tuple(exact), tuple(prefixes), verify)


async def _firsts(connection: AsyncConnection, run: Run) -> list[tuple[str, ...]]:
    if not run.left_open:
        return [run.tokens[:1]]
    terms = await _find(connection, run.tokens[0], "end", between=run.between)
    return [(term,) for term in terms]


async def _lasts(connection: AsyncConnection, run: Run, limit: int) -> list[str] | None:
    """Alternatives to the last token; None: whatever begins with it."""
    last = run.tokens[-1]
    if not run.right_open:
        return [last]
    # What stands between words begins alike so often that a list of terms is much cheaper than all of them.
    if is_word(last) and len(last) <= MAX_TOKEN:
        return None
    try:
        return await _find(connection, last, "start", limit)
    except TooManyError:
        if len(last) > MAX_TOKEN:
            raise
        return None


async def _find(
    connection: AsyncConnection, text: str, place: Place, limit: int = MAX_RUNS, *, between: bool = False
) -> list[str]:
    """The terms that hold `text` at that place; with `between`, those that are no words."""
    probe = {"inside": text, "end": text + SEPARATOR, "start": SEPARATOR + text}[place]
    position = func.instr if connection.dialect.name == "sqlite" else func.strpos
    query = select(_terms.c.key, _terms.c.terms)
    # First of all: it spares reading the text of most chunks.
    if between:
        query = query.where(_terms.c.kind == BETWEEN)
    elif not may_be_identifier(text):
        query = query.where(_terms.c.kind != IDENTIFIERS)
    query = query.where(position(_terms.c.terms, probe) > 0)
    found: dict[str, None] = {}
    last = 0
    while True:
        page = query.where(_terms.c.key > last).order_by(_terms.c.key).limit(_CHUNKS)
        chunks = (await connection.execute(page)).all()
        for key, chunk in chunks:
            last = key
            for term in _holding(chunk, probe):
                found[term] = None
                if len(found) > limit:
                    raise TooManyError
        if len(chunks) < _CHUNKS:
            return list(found)


def _holding(chunk: str, probe: str) -> Iterator[str]:
    inside = re.escape(probe)
    for found in re.finditer(inside, chunk):
        # The probe may begin with the separator before the term, or end with the one behind it.
        start = chunk.rfind(SEPARATOR, 0, found.start() + 1) + 1
        end = chunk.find(SEPARATOR, max(start, found.end() - 1))
        yield chunk[start:end]
