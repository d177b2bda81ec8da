"""How an evolution divides its calls between searching and validating, from numbers alone."""

from __future__ import annotations

from dataclasses import dataclass

from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.program import Candidate
from whetstone.optimize.optimizer import SearchContext

_FEWEST_ROWS = 8
_FEWEST_PROBED = 6
_PREFIX_ROWS = 30
_ACCEPTED_STEPS = 16
"""The prefix is so small that about so many candidates can be scored on it."""
_FULL_SHARE = 3
"""One of so many calls, at most, goes to scoring incumbent and winner on all rows; the others are for searching."""
_FINALISTS = 3
_CALLS_PER_FINALIST = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows of each stage, and calls that are kept back.

    `validation` rows decide in the end, the first `prefix` of them rank every candidate, and the first `probe` of
    these turn away a bad one cheaply. Calls are kept back for scoring `finalists` candidates on all rows. `total` is
    what the search may spend in all.
    """

    total: int
    validation: int
    prefix: int
    probe: int
    finalists: int
    repeats: int

    def reserve(self, prefix: int) -> int:
        """Calls that the last validation takes of candidates that were scored on `prefix` rows."""
        return self.finalists * (self.validation - prefix) * self.repeats


def make_plan(context: SearchContext) -> Plan:
    """The plan of a search.

    Raises `InvalidInputError` when the calls do not carry its smallest form: incumbent, start and one proposal on
    a minibatch and on the fewest validation rows.
    """
    repeats, calls, rows = context.spec.repeats, context.calls_left(), len(context.validation)
    fewest, minibatch = min(_FEWEST_ROWS, rows), context.spec.evolution.minibatch
    # An earlier stage may have scored them already.
    roots = len({c.id for c in (context.incumbent, context.start) if _unknown(context, c)})
    needed = ((roots + 1) * fewest + 2 * minibatch) * repeats
    if calls < needed:
        raise InvalidInputError(
            f"The budget is too small: the gate makes {context.ledger.gate_calls} calls on the test rows and the "
            f"smallest search {needed}. Allow at least {context.ledger.gate_calls + needed} calls"
        )
    passes = calls // repeats
    validation = max(fewest, min(rows, passes // (_FULL_SHARE * (roots + 1))))
    searching = max(0, passes - (roots + 1) * validation)
    most = min(validation, max(_PREFIX_ROWS, -(-validation // 3)))
    prefix = max(min(fewest, validation), min(most, searching // _ACCEPTED_STEPS))
    finalists = max(1, min(_FINALISTS, passes // (_CALLS_PER_FINALIST * validation)))
    return Plan(
        total=calls,
        validation=validation,
        prefix=prefix,
        probe=min(prefix, max(_FEWEST_PROBED, -(-prefix // 3))),
        finalists=finalists,
        repeats=repeats,
    )


def _unknown(context: SearchContext, candidate: Candidate) -> bool:
    return context.evaluator.cost([(candidate, context.validation)], context.spec.repeats) > 0
