"""How instruction-search divides its calls, planned from numbers alone before the first call."""

from __future__ import annotations

from dataclasses import dataclass

from whetstone.optimize.fewshot.halving import MIN_ROWS, row_counts
from whetstone.optimize.instructions.rounds import whole_rounds
from whetstone.optimize.spec import InstructionOptions

_MOST_REFLECTED = 32
_FEWEST_REFLECTED = 4
_SHARE_REFLECTED = 20
"""One of so many calls goes to training rows in each wave of proposals."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The shape of a search.

    `rows`: validation rows of the final choice. `minibatch`: those of a trial. `reflected`: training rows that are
    answered before each wave of proposals. `waves`: proposals in each wave. `finalists`: candidates for whose full
    validation calls are kept back. `width`: calls in flight.
    """

    rows: int
    minibatch: int
    reflected: int
    waves: tuple[int, ...]
    finalists: int
    width: int


def plan(
    options: InstructionOptions,
    *,
    calls: int,
    rows: int,
    references: int,
    training: int,
    proposals: int | None,
    repeats: int,
    width: int,
) -> Plan | None:
    """The best shape within `calls`; None when not even one candidate on `MIN_ROWS` rows fits beside the references.

    `rows` and `training` are the validation and training rows that there are, `references` the candidates that are
    scored on all rows first, `proposals` the most that may be asked for, `width` the calls in flight. When calls are
    short, finalists and validation rows are given up together: a choice among several on fewer rows beats no choice.
    """
    for finalists, spare in ((3, 1), (1, 0)):
        for total in row_counts(rows):
            if (references + finalists + spare) * total * repeats <= calls:
                left = calls - references * total * repeats
                return _shape(options, total, finalists, left, training, proposals, repeats, width)
    return None


def smallest(rows: int, references: int, repeats: int) -> int:
    """Calls of the smallest search."""
    return (references + 1) * min(rows, MIN_ROWS) * repeats


def _shape(
    options: InstructionOptions,
    total: int,
    finalists: int,
    left: int,
    training: int,
    proposals: int | None,
    repeats: int,
    width: int,
) -> Plan:
    minibatch = min(total, max(MIN_ROWS, min(-(-options.minibatch // repeats), -(-total // 2))))
    if MIN_ROWS < minibatch < total:
        minibatch = max(MIN_ROWS, whole_rounds(minibatch, width, repeats))
    kept = (finalists * (total - minibatch) + minibatch) * repeats
    reflected = min(training, _MOST_REFLECTED, max(_FEWEST_REFLECTED, left // _SHARE_REFLECTED))
    if reflected > width:
        reflected -= reflected % width
    if kept + reflected > left:
        reflected = 0
    trials = 1 + max(0, left - kept - reflected) // (minibatch * repeats)
    count = min(options.instructions, max(1, trials * 2 // 3))
    if proposals is not None:
        count = min(count, proposals)
    return Plan(total, minibatch, reflected, _waves(count, trials), finalists, width)


def _waves(count: int, trials: int) -> tuple[int, ...]:
    """`count` proposals in up to three waves: each wave knows the scores of those before it."""
    if count < 3 or trials < 6:
        return (count,)
    if count < 6 or trials < 12:
        return (-(-count // 2), count // 2)
    first = -(-count // 3)
    second = -(-(count - first) // 2)
    return (first, second, count - first - second)
