"""How many calls an endpoint gets at once, and who may make them: the arithmetic, without files or tasks.

The width of an endpoint follows additive increase and multiplicative decrease (Chiu and Jain 1989), as TCP does. It
loses one for each refusal, at most half of it in one round trip: a burst of refusals halves it, a stray one does not.
It gains one after as many answers as it is wide; where one more was refused time and again, after many times as many.
Within it each process gets its max-min fair share: nobody gets more than it wants, and what one does not want is
shared by the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_TURN_SECONDS = 3.0  # how long the same processes have the calls that do not divide
_MAX_PATIENCE = 32


@dataclass
class Lease:
    """One process: how many calls it could use, how many it may have in flight at this moment, and how wide the
    endpoint is by its configuration."""

    wanted: int
    held: int
    cap: int


@dataclass
class Table:
    """What the processes share. `width` None: as wide as configured. Times are `time.monotonic()`.

    `round_at` is when the first refusal of a round trip was told, `round_width` how wide it was then; `ceiling` is the
    last width that was refused, and `patience` how many times longer than usual to wait before trying it again.
    """

    width: float | None = None
    paused_until: float = 0.0
    round_at: float = 0.0
    round_width: float = 0.0
    ceiling: int = 0
    patience: int = 1
    leases: dict[str, Lease] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What a process tells of the time since its last report.

    `cap` is the configured width, `wanted` the calls it could use at once, `answered` the answers that came while
    it used all it may, `refused` the calls that were refused and `refused_at` the start of the latest of them,
    `paused_until` the end of the wait that the endpoint asked for.
    """

    cap: int
    wanted: int
    in_flight: int
    answered: int = 0
    refused: int = 0
    refused_at: float = 0.0
    paused_until: float = 0.0


@dataclass(frozen=True)
class Allotment:
    """What a process gets: `limit` calls in flight, of `share` that are its due once others have let go of them.

    `adapted` tells that the endpoint's width is below the configured one.
    """

    limit: int
    share: int
    paused_until: float
    adapted: bool


def negotiate(table: Table, me: str, report: Report, now: float) -> Allotment:
    """Enter a process's report in the table and give it its due. The sum of what is held never exceeds the width,
    but by calls that were in flight when it shrank. Where processes are configured differently the smallest width
    counts."""
    others = {name: lease for name, lease in table.leases.items() if name != me}
    cap = min([report.cap, *(lease.cap for lease in others.values() if lease.wanted)])
    _adapt(table, report, cap, now)
    width = cap if table.width is None else max(1, min(int(table.width), cap))
    wanted = {name: lease.wanted for name, lease in others.items()} | {me: report.wanted}
    share = fair_shares(width, wanted, turn=int(now / _TURN_SECONDS))[me]
    limit = max(0, min(share, width - sum(lease.held for lease in others.values())))
    table.leases[me] = Lease(report.wanted, max(limit, report.in_flight), report.cap)
    return Allotment(limit, share, table.paused_until, table.width is not None)


def fair_shares(width: int, wanted: Mapping[str, int], *, turn: int = 0) -> dict[str, int]:
    """Max-min fair whole shares. Who gets the rest of an uneven division changes with `turn`, so that even where
    there are more processes than calls each has its turn."""
    names = sorted(wanted)
    shift = turn % len(names) if names else 0
    order = names[shift:] + names[:shift]
    shares = dict.fromkeys(order, 0)
    left = width
    while left > 0 and (hungry := [name for name in order if shares[name] < wanted[name]]):
        each = max(1, min(left // len(hungry), min(wanted[name] - shares[name] for name in hungry)))
        for name in hungry[: left // each]:
            shares[name] += each
            left -= each
    return shares


def _adapt(table: Table, report: Report, cap: int, now: float) -> None:
    table.paused_until = max(table.paused_until, report.paused_until)
    width = float(cap) if table.width is None else min(table.width, cap)
    if report.refused:
        _shrink(table, report, width, now)
    elif table.width is not None and report.answered:
        slowly = table.patience if int(width) + 1 == table.ceiling else 1
        grown = width + report.answered / (width * slowly)
        table.width = None if grown >= cap else grown


def _shrink(table: Table, report: Report, width: float, now: float) -> None:
    # A call that was in flight at the last round's first refusal belongs to that round.
    if report.refused_at > table.round_at:
        again = int(width) == table.ceiling
        table.patience = min(2 * table.patience, _MAX_PATIENCE) if again else 1
        table.ceiling, table.round_at, table.round_width = int(width), now, width
    table.width = max(1.0, table.round_width / 2, int(width) - report.refused)
