"""Edits upon edits: how far a lineage goes on training rows alone before validation rows are spent on it.

A candidate that beats its parent on a minibatch is validated at once as long as nothing is known of the proposals.
Each time that validation confirms the minibatches, the next lineage may go one edit further; when it refutes them,
every edit is validated again. Noisy metrics and edits that trade one kind of row for another thus pay for validation
each time, while rules that are learned one by one share its price.
"""

from __future__ import annotations

from collections.abc import Sequence

from whetstone.optimize.evolution.members import Member
from whetstone.optimize.evolution.run import Run

_MOST_TRUST = 4
_FEW = 0.25
"""Validation rows lost, as a share of those won, up to which minibatches are believed."""
_VAIN = 2
"""Steps that may fail to improve an unvalidated candidate before it is validated as it is."""


async def take(run: Run, step: str, better: Sequence[Member]) -> None:
    """Go on with candidates that beat their parents in training, the best first; none: the step was in vain."""
    if better and _unsettled(better[0]) < run.trust:
        run.head = better[0]
        run.vain = run.stalls = 0
        hypothesis = run.head.hypothesis
        run.tell(f"step {run.step}: candidate {run.head.number} is better in training: {hypothesis}")
        return
    run.stalls += 1  # until something is accepted
    if better:
        await _settle(run, step, list({each.parents: each for each in reversed(better)}.values())[::-1])
    elif run.head is not None:
        run.vain += 1
        if run.vain >= _VAIN:
            await settle_head(run, step)


async def settle_head(run: Run, step: str) -> None:
    """Validate the candidate that was last gone on with, if there is one."""
    if run.head is not None:
        await _settle(run, step, [run.head])


async def _settle(run: Run, step: str, candidates: Sequence[Member]) -> None:
    """Validate candidates and accept those that lead; of a lineage that does not, what it came from instead."""
    run.head, run.vain = None, 0
    passed = await run.validate(step, candidates)
    accepted = [member for member in passed if run.leads(member)]
    for member in passed:
        if member in accepted:
            run.admit(member)
        else:
            run.note(member)
    run.trust = max((_trust(run, member) for member in accepted), default=1)
    origin = candidates[0].parents[0]
    if not accepted and not origin.scores and not run.trials.stopped:
        await _settle(run, f"{step}/before", [origin])


def _trust(run: Run, member: Member) -> int:
    """How far the next lineage may go, by what validation says of the edits since the last one."""
    reference = member.reference(run.ids)
    differences = [member.scores[row] - reference.scores[row] for row in run.ids]
    wins = sum(each for each in differences if each > 0)
    losses = -sum(each for each in differences if each < 0)
    if wins <= losses:
        return 1
    return min(run.trust + 1, _MOST_TRUST) if losses <= _FEW * wins else min(run.trust, 2)


def _unsettled(member: Member) -> int:
    """Edits since the last validated ancestor."""
    count = 0
    while not member.scores and member.parents:
        count += 1
        member = member.parents[0]
    return count
