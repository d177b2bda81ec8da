"""Successive halving: how many candidates see how many validation rows, planned within a budget of calls.

All candidates are scored on a few rows, the best third on twice as many, and the last few on all of them
(Jamieson and Talwalkar, 2016). The plan is made before the first call, from numbers alone, so the search cannot
outrun its budget and a resumed search takes the same steps.
"""

from __future__ import annotations

from dataclasses import dataclass

MIN_ROWS = 8
_KEEP_ONE_OF = 3


@dataclass(frozen=True, slots=True)
class Rung:
    """One step: the best `candidates` challengers so far are scored on the first `rows` validation rows."""

    candidates: int
    rows: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The rungs of a search and the calls that they cost at most (rows already scored are not asked again)."""

    rungs: tuple[Rung, ...]
    calls: int


def plan(challengers: int, references: int, rows: int, max_calls: int) -> Plan | None:
    """The widest plan within `max_calls`; None when not even one challenger on `MIN_ROWS` rows fits.

    `references` candidates (the incumbent) are scored on every rung beside the challengers. When the budget is
    short, challengers are given up first, then validation rows.
    """
    for total_rows in row_counts(rows):
        for count in range(challengers, 0, -1):
            candidate = _plan(count, references, total_rows)
            if candidate.calls <= max_calls:
                return candidate
    return None


def smallest(references: int, rows: int) -> int:
    """Calls of the smallest plan."""
    return (1 + references) * min(rows, MIN_ROWS)


def row_counts(rows: int) -> list[int]:
    """How many of `rows` validation rows to try to afford: all, half of them and so on, `MIN_ROWS` at least."""
    counts = [rows]
    while counts[-1] > MIN_ROWS:
        counts.append(max(MIN_ROWS, counts[-1] // 2))
    return counts


def _plan(challengers: int, references: int, rows: int) -> Plan:
    first = min(rows, max(MIN_ROWS, -(-rows // 4)))
    sizes = [first]
    while sizes[-1] * 2 < rows:
        sizes.append(sizes[-1] * 2)
    if sizes[-1] < rows:
        sizes.append(rows)
    rungs: list[Rung] = []
    calls, seen, alive = 0, 0, challengers
    for size in sizes:
        rungs.append(Rung(alive, size))
        calls += (alive + references) * (size - seen)
        seen = size
        alive = max(min(alive, 2), -(-alive // _KEEP_ONE_OF))
    return Plan(tuple(rungs), calls)
