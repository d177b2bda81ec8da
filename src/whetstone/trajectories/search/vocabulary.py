"""All terms of the index, in chunks that the database scans for a piece of a term."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import column, func, select, table
from sqlalchemy.ext.asyncio import AsyncConnection

from whetstone.trajectories.search.needles import MAX_RUNS, MAX_TERMS, Run
from whetstone.trajectories.search.terms import BETWEEN, IDENTIFIERS, may_be_identifier
from whetstone.trajectories.search.tokens import MAX_TOKEN, SEPARATOR

Place = Literal["inside", "end", "start"]

_CHUNKS = 40  # chunks a query

_terms = table("terms", column("key"), column("kind"), column("terms"), schema="search")


class TooManyError(Exception):
    """More alternatives than a query may have."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Tokens in a row without open ends: the alternatives at each place. With `prefix` the last ones may go on."""

    places: tuple[tuple[str, ...], ...]
    prefix: bool = False

    def runs(self) -> int:
        """How many rows of tokens these are."""
        return math.prod(map(len, self.places))


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a search text stands for, each of which means a match; with `verify`, only a possible one."""

    choices: tuple[Choice, ...]
    verify: bool = False

    def runs(self) -> int:
        """How many rows of tokens these are."""
        return sum(choice.runs() for choice in self.choices)


async def expand(connection: AsyncConnection, runs: Sequence[Run], *, loosely: bool = False) -> Expansion:
    """The alternatives to open ends, from the vocabulary. Raises TooManyError.

    `loosely`: a last token that too many begin with is left out, instead of looking for all of those.
    """
    choices: dict[Choice, None] = {}
    verify = False
    for run in runs:
        if len(run.tokens) == 1:
            terms = await _single(connection, run)
            choice = Choice((run.tokens,), prefix=True) if terms is None else Choice((tuple(terms),))
        else:
            choice, complete = await _several(connection, run, loosely=loosely)
            verify = verify or not complete
        if choice.runs():
            choices[choice] = None
    expansion = Expansion(tuple(choices), verify)
    if expansion.runs() > MAX_RUNS:
        raise TooManyError
    return expansion


async def _several(connection: AsyncConnection, run: Run, *, loosely: bool) -> tuple[Choice, bool]:
    """The choice for several tokens, and whether it says all of them."""
    middle = tuple((token,) for token in run.tokens[1:-1])
    try:
        firsts = [await _firsts(connection, run)]
        if not firsts[0]:
            return Choice(((),)), True
    except TooManyError:  # found by the rest of the run, and then compared as a whole
        firsts = []
    lasts = await _lasts(connection, run, MAX_RUNS // (len(firsts[0]) if firsts else 1))
    if lasts is not None:
        return Choice((*firsts, *middle, lasts)), bool(firsts)
    if loosely and (firsts or middle):
        return Choice((*firsts, *middle)), False
    return Choice((*firsts, *middle, run.tokens[-1:]), prefix=True), bool(firsts)


async def _single(connection: AsyncConnection, run: Run) -> list[str] | None:
    """Alternatives to the only token; None: whatever begins with it."""
    token = run.tokens[0]
    if run.left_open:
        return await _find(connection, token, "inside" if run.right_open else "end")
    if not run.right_open:
        return [token]
    # The index itself looks for what begins with one token in good time.
    return await _find(connection, token, "start") if len(token) > MAX_TOKEN else None


async def _firsts(connection: AsyncConnection, run: Run) -> tuple[str, ...]:
    """Alternatives to the first of several tokens."""
    if not run.left_open:
        return run.tokens[:1]
    return tuple(await _find(connection, run.tokens[0], "end", between=run.between))


async def _lasts(connection: AsyncConnection, run: Run, limit: int) -> tuple[str, ...] | None:
    """Alternatives to the last of several tokens; None: whatever begins with it."""
    last = run.tokens[-1]
    if not run.right_open:
        return (last,)
    try:
        return tuple(await _find(connection, last, "start", min(limit, MAX_TERMS)))
    except TooManyError:
        if len(last) > MAX_TOKEN:
            raise
        return None


async def _find(
    connection: AsyncConnection, text: str, place: Place, limit: int = MAX_TERMS, *, between: bool = False
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
