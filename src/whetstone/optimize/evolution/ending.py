"""The validation rows that decide: who is scored on all of them, when, and what the search gives back."""

from __future__ import annotations

from whetstone.errors import InvalidInputError
from whetstone.optimize.engine.evaluation import PERFECT, Evaluation
from whetstone.optimize.evolution.members import Member
from whetstone.optimize.evolution.run import Run
from whetstone.optimize.evolution.validation import score_fully
from whetstone.optimize.optimizer import SearchResult

_FINALISTS = 3
_SATURATED = 1.5
"""With fewer unsolved rows than that, the prefix tells good candidates apart no longer."""


def full_ids(run: Run) -> list[str]:
    """Ids of the validation rows that decide."""
    return [row.id for row in run.trials.full]


def perfect(run: Run) -> bool:
    """Whether a candidate solves every validation row."""
    rows = full_ids(run)
    return any(member.mean(rows) >= PERFECT for member in run.population.active(rows))


async def look_closer(run: Run, step: str) -> None:
    """After an accepted candidate: more rows for all where these are too easy, and news of a better leader."""
    trials = run.trials
    leader = run.leader
    unsolved = (1 - leader.mean(run.ids)) * len(run.ids)
    if unsolved < _SATURATED and len(trials.prefix) < len(trials.full):
        await _grow(run, step)
    announce(run)


async def _grow(run: Run, step: str) -> None:
    """Double the rows that rank candidates, and score the front on them, if the calls suffice."""
    trials = run.trials
    rows = trials.full[: 2 * len(trials.prefix)]
    members = run.population.front_members(run.ids)
    cost = trials.cost([(member.candidate, rows) for member in members])
    spare = run.context.calls_left() - run.plan.reserve(len(rows)) - cost
    if spare < (len(rows) + run.context.spec.evolution.minibatch) * run.plan.repeats:
        return
    if not await trials.may_start(f"{step}/rows", cost, [member.candidate for member in members]):
        return
    before = trials.prefix
    trials.prefix = rows
    await trials.evaluate(f"{step}/rows", [(member.candidate, rows) for member in members])
    for member in members:
        evaluation = trials.collect(member.candidate, rows)
        if evaluation.valid:
            member.scores.update(evaluation.by_example())
    if not run.population.active(trials.ids):  # cut off by the clock, or calls failed
        trials.prefix = before


def announce(run: Run) -> None:
    """Make the leader what a cancelled job keeps, if it is better than today's prompt on the rows of both."""
    result = _result(run, run.ids, "cancelled")
    if result is None or result.best.candidate.id == result.incumbent.candidate.id:
        return
    known = run.context.best.result
    if known is None or known.best.candidate.id != result.best.candidate.id:
        run.context.improved(result)
        run.tell(f"best so far: {result.best.mean:.2f} on {result.best.wanted} validation rows")


async def finish(run: Run, reason: str) -> SearchResult:
    """Score the best few on all rows and choose."""
    trials = run.trials
    ranked = sorted(run.population.active(run.ids), key=lambda m: m.merit(run.ids), reverse=True)
    finalists: list[Member] = []
    for member in ranked[:_FINALISTS]:
        work = [(each.candidate, trials.full) for each in (*finalists, member)]
        if trials.cost(work) <= run.context.calls_left():
            finalists.append(member)
    await _score_finalists(run, finalists)
    chosen = _result(run, full_ids(run), reason)
    if chosen is None or (
        _cut_off(run, ranked) and chosen.best.candidate.id == chosen.incumbent.candidate.id
    ):
        # The clock or the tokens ended before the leader was through: the rows that it has must do.
        chosen = _result(run, run.ids, reason) or chosen
    if chosen is None:
        chosen = _unchanged(run, reason)
    run.tell(
        f"search ends ({reason}): best {chosen.best.mean:.2f}, today's prompt {chosen.incumbent.mean:.2f}"
    )
    return chosen


async def _score_finalists(run: Run, finalists: list[Member]) -> None:
    """Score them, or at least the first, on all rows as far as tokens and time carry it."""
    trials = run.trials
    for number in dict.fromkeys((len(finalists), min(1, len(finalists)))):
        work = [(member.candidate, trials.full) for member in finalists[:number]]
        cost = trials.cost(work)
        if not cost:
            return
        candidates = [candidate for candidate, _ in work]
        if await trials.may_end(f"final-{number}", cost, candidates):
            await score_fully(trials, f"final-{number}", finalists[:number])
            return


def _cut_off(run: Run, ranked: list[Member]) -> bool:
    """Whether the leader was not asked all rows, though none of its calls failed."""
    if not ranked:
        return False
    evaluation = run.trials.collect(ranked[0].candidate, run.trials.full)
    return not evaluation.complete and not evaluation.failed


def _result(run: Run, rows: list[str], reason: str) -> SearchResult | None:
    """The best of those that were scored on `rows`, the incumbent included; None if the incumbent was not."""
    trials, context = run.trials, run.context
    examples = trials.full[: len(rows)]
    incumbent = trials.collect(context.incumbent, examples)
    if not incumbent.valid:
        return None
    scored = [(m, trials.collect(m.candidate, examples)) for m in run.population.active(rows)]
    scored = [(member, evaluation) for member, evaluation in scored if evaluation.valid]
    best = max(scored, key=lambda pair: (pair[1].mean, pair[0].merit(rows)), default=None)
    if best is None or best[0].candidate.id == context.incumbent.id or not _better(best, incumbent):
        return _of(run, incumbent, incumbent, "no candidate is better than today's prompt", reason, None)
    member, evaluation = best
    return _of(run, evaluation, incumbent, member.origin, reason, member)


def _better(best: tuple[Member, Evaluation], incumbent: Evaluation) -> bool:
    """Whether validation, or at a tie the training rows, speaks for a candidate."""
    member, evaluation = best
    return evaluation.mean > incumbent.mean or (evaluation.mean == incumbent.mean and member.gain > 0)


def _unchanged(run: Run, reason: str) -> SearchResult:
    incumbent = run.trials.collect(run.context.incumbent, run.trials.full)
    if not incumbent.complete and not incumbent.failed:
        raise InvalidInputError(
            "The budget ended before today's prompt was scored; allow more calls, tokens or seconds"
        )
    incumbent.require_valid("The incumbent")
    return _of(run, incumbent, incumbent, "no candidate could be scored", reason, None)


def _of(
    run: Run, best: Evaluation, incumbent: Evaluation, origin: str, reason: str, member: Member | None
) -> SearchResult:
    return SearchResult(
        best=best,
        incumbent=incumbent,
        origin=origin,
        tried=max(run.population.tried - 1, 0),
        finish_reason=reason,
        lineage=list(run.lineage),
        edits=() if member is None else member.edits(),
        frontier=run.population.frontier(run.ids, best.candidate),
    )
